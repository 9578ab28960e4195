//! [`ResourceType`]: an endpoint, its main schema and extensions (RFC 7643 §6), and the resolution of
//! attribute paths against them.

use std::fmt;
use std::sync::Arc;

use super::attribute::{Attribute, Returned, Schema};
use super::common::common_attributes;
use crate::error::{Error, Kind, Result};
use crate::path::AttrPath;
use crate::text::same_name;

/// A schema that extends a resource type.
#[derive(Debug, Clone)]
pub struct Extension {
    /// The extension.
    pub schema: Arc<Schema>,
    /// Whether each resource must carry it.
    pub required: bool,
}

/// A kind of resource at its endpoint (RFC 7643 §6).
#[derive(Debug, Clone)]
pub struct ResourceType {
    /// The name, e.g. `User`; it is what `meta.resourceType` says.
    pub name: String,
    /// For people.
    pub description: String,
    /// The endpoint under the base URL, with its slash, e.g. `/Users`.
    pub endpoint: String,
    /// The main schema.
    pub schema: Arc<Schema>,
    /// The extensions.
    pub extensions: Vec<Extension>,
}

/// A path that has found its attribute: it can be evaluated without asking the schema again.
#[derive(Clone, PartialEq)]
pub struct AttrRef {
    /// URN of the extension that holds the attribute; `None` for the main schema and the common ones.
    pub extension: Option<Arc<str>>,
    /// The top-level attribute.
    pub attribute: Arc<Attribute>,
    /// The sub-attribute.
    pub sub: Option<Arc<Attribute>>,
}

impl AttrRef {
    /// The attribute that a comparison is about: the sub-attribute, or the attribute itself.
    #[must_use]
    pub fn leaf(&self) -> &Arc<Attribute> {
        self.sub.as_ref().unwrap_or(&self.attribute)
    }

    /// Whether it is the address of a resource as each request sees it: no store knows that.
    #[must_use]
    pub fn is_location(&self) -> bool {
        let sub = self.sub.as_ref().map(|sub| sub.name.as_str());
        self.extension.is_none()
            && matches!(
                (self.attribute.name.as_str(), sub),
                ("meta", Some("location")) | ("members" | "groups", Some("$ref"))
            )
    }

    /// Whether any part of it may not be shown, and so not be asked about either (S23).
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.attribute.returned == Returned::Never || self.leaf().returned == Returned::Never
    }
}

impl fmt::Display for AttrRef {
    /// The canonical path, e.g. `emails.value` or `urn:…:User:manager.value`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(extension) = &self.extension {
            write!(f, "{extension}:")?;
        }
        f.write_str(&self.attribute.name)?;
        if let Some(sub) = &self.sub {
            write!(f, ".{}", sub.name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for AttrRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AttrRef({self})")
    }
}

impl ResourceType {
    /// The extension of that URN, in any case.
    #[must_use]
    pub fn extension(&self, urn: &str) -> Option<&Arc<Schema>> {
        self.extensions.iter().map(|e| &e.schema).find(|schema| same_name(&schema.id, urn))
    }

    /// The attribute of that name in the main schema or among the common ones.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Arc<Attribute>> {
        self.schema
            .attribute(name)
            .or_else(|| common_attributes().iter().find(|a| same_name(&a.name, name)))
    }

    /// The common attributes, then those of the main schema, in the order of a document.
    pub fn attributes(&self) -> impl Iterator<Item = &Arc<Attribute>> {
        common_attributes().iter().chain(
            self.schema.attributes.iter().filter(|a| {
                !common_attributes().iter().any(|common| same_name(&common.name, &a.name))
            }),
        )
    }

    /// Whether an attribute, which may have been found in another type, is one of this type.
    #[must_use]
    pub fn has(&self, attr: &AttrRef) -> bool {
        let own = match attr.extension.as_deref() {
            None => self.attribute(&attr.attribute.name),
            Some(urn) => {
                self.extension(urn).and_then(|schema| schema.attribute(&attr.attribute.name))
            }
        };
        own.is_some_and(|own| own.name == attr.attribute.name)
    }

    /// Finds what a path names.
    ///
    /// A name without a URN that the main schema doesn't know is looked for in the extensions, and found
    /// if exactly one has it: clients print `manager` for the enterprise extension's.
    ///
    /// # Errors
    /// `kind` with a detail that names the unknown part.
    pub fn resolve(&self, path: &AttrPath, kind: Kind) -> Result<AttrRef> {
        let (extension, attribute) = match path.urn.as_deref() {
            Some(urn) if same_name(urn, &self.schema.id) => (None, self.attribute(&path.name)),
            Some(urn) => {
                let schema = self.extension(urn).ok_or_else(|| {
                    Error::new(kind, format!("\"{path}\": a {} has no schema \"{urn}\"", self.name))
                })?;
                (Some(Arc::from(schema.id.as_str())), schema.attribute(&path.name))
            }
            None => match self.attribute(&path.name) {
                Some(attribute) => (None, Some(attribute)),
                None => self.in_one_extension(&path.name),
            },
        };
        let attribute = attribute.cloned().ok_or_else(|| {
            Error::new(kind, format!("A {} has no attribute \"{}\"", self.name, path.name))
        })?;
        let sub = match path.sub.as_deref() {
            None => None,
            Some(name) => Some(attribute.sub(name).cloned().ok_or_else(|| {
                Error::new(kind, format!("\"{}\" has no sub-attribute \"{name}\"", attribute.name))
            })?),
        };
        Ok(AttrRef { extension, attribute, sub })
    }

    fn in_one_extension(&self, name: &str) -> (Option<Arc<str>>, Option<&Arc<Attribute>>) {
        let mut found = self.extensions.iter().filter_map(|extension| {
            let attribute = extension.schema.attribute(name)?;
            Some((Some(Arc::from(extension.schema.id.as_str())), Some(attribute)))
        });
        match (found.next(), found.next()) {
            (Some(only), None) => only,
            _ => (None, None),
        }
    }
}
