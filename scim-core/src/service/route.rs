//! Which endpoint a path below the base URL is (RFC 7644 §3.2, table 2).

use std::sync::Arc;

use super::params::decode;
use crate::error::{Error, Result};
use crate::resource::Id;
use crate::schema::{Registry, ResourceType};

#[derive(Debug, Clone)]
pub(super) enum Route {
    /// `/`
    Root,
    /// `/.search`
    RootSearch,
    /// `/Users`
    Resources(Arc<ResourceType>),
    /// `/Users/.search`
    Search(Arc<ResourceType>),
    /// `/Users/{id}`
    Resource(Arc<ResourceType>, Id),
    /// `/Groups/{id}/members`
    Members(Arc<ResourceType>, Id),
    /// `/Me`
    Me,
    /// `/Bulk`
    Bulk,
    /// `/ServiceProviderConfig`
    ServiceProviderConfig,
    /// `/ResourceTypes`, `/ResourceTypes/{name}`
    ResourceTypes(Option<String>),
    /// `/Schemas`, `/Schemas/{urn}`
    Schemas(Option<String>),
}

impl Route {
    /// Parses a path as sent. A slash at the end is tolerated; an encoded one is part of a segment and
    /// makes an id that names nothing (S14).
    pub(super) fn parse(registry: &Registry, path: &str) -> Result<Self> {
        let unknown = || Error::not_found("There is no such endpoint; /ResourceTypes lists them");
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        let segments = path.split('/').map(|s| decode(s, false)).collect::<Result<Vec<_>>>()?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match segments.as_slice() {
            [""] => Ok(Self::Root),
            [".search"] => Ok(Self::RootSearch),
            ["Me"] => Ok(Self::Me),
            ["Bulk"] => Ok(Self::Bulk),
            ["ServiceProviderConfig"] => Ok(Self::ServiceProviderConfig),
            ["ResourceTypes"] => Ok(Self::ResourceTypes(None)),
            ["ResourceTypes", name] => Ok(Self::ResourceTypes(Some((*name).to_owned()))),
            ["Schemas"] => Ok(Self::Schemas(None)),
            ["Schemas", urn] => Ok(Self::Schemas(Some((*urn).to_owned()))),
            [endpoint] => {
                registry.by_endpoint(endpoint).cloned().map(Self::Resources).ok_or_else(unknown)
            }
            [endpoint, ".search"] => {
                registry.by_endpoint(endpoint).cloned().map(Self::Search).ok_or_else(unknown)
            }
            [endpoint, id] => {
                let kind = registry.by_endpoint(endpoint).ok_or_else(unknown)?;
                let id = Id::parse(id).ok_or_else(|| no_such(kind))?;
                Ok(Self::Resource(Arc::clone(kind), id))
            }
            [endpoint, id, "members"] => {
                let kind = registry.by_endpoint(endpoint).filter(|kind| kind.has_members());
                let kind = kind.ok_or_else(unknown)?;
                let id = Id::parse(id).ok_or_else(|| no_such(kind))?;
                Ok(Self::Members(Arc::clone(kind), id))
            }
            _ => Err(unknown()),
        }
    }

    /// Whether it tells about the service rather than about what is in it.
    pub(super) fn is_discovery(&self) -> bool {
        matches!(self, Self::ServiceProviderConfig | Self::ResourceTypes(_) | Self::Schemas(_))
    }

    /// The methods that the endpoint has, for `Allow`.
    pub(super) fn methods(&self) -> &'static str {
        match self {
            Self::Root
            | Self::ServiceProviderConfig
            | Self::ResourceTypes(_)
            | Self::Members(..)
            | Self::Schemas(_) => "GET, HEAD",
            Self::RootSearch | Self::Search(_) | Self::Bulk => "POST",
            Self::Resources(_) => "GET, HEAD, POST",
            Self::Resource(..) => RESOURCE_METHODS,
            Self::Me => "GET, HEAD, POST, PUT, PATCH, DELETE",
        }
    }
}

/// What there is to be done to a resource.
pub(super) const RESOURCE_METHODS: &str = "GET, HEAD, PUT, PATCH, DELETE";

/// The same answer for an id that never was, one that is gone, and one of another organization (S2).
pub(super) fn no_such(kind: &ResourceType) -> Error {
    Error::not_found(format!("There is no {} with that id", kind.name))
}
