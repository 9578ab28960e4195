//! [`Registry`]: the resource types of a service.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::attribute::Schema;
use super::resource_type::{Extension, ResourceType};
use super::{GROUP, GROUP_TYPE, USER, USER_TYPE};
use crate::error::{Error, Kind, Result};
use crate::text::same_name;

/// The resource types of a service and the schemas of discovery.
///
/// ```
/// use scim_core::schema::Registry;
///
/// let registry = Registry::standard()?
///     .with_schema(r#"{"id": "urn:example:Device", "name": "Device", "attributes": [
///         {"name": "serial", "type": "string", "required": true, "uniqueness": "server"}]}"#)?
///     .with_resource_type(r#"{"name": "Device", "endpoint": "/Devices",
///         "schema": "urn:example:Device"}"#)?;
/// assert_eq!(registry.by_endpoint("Devices").unwrap().name, "Device");
/// # Ok::<(), scim_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Registry {
    types: Vec<Arc<ResourceType>>,
    schemas: Vec<Arc<Schema>>,
    discovery: Vec<Arc<Schema>>,
}

/// A resource type as RFC 7643 §6 writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Declaration {
    name: String,
    #[serde(default)]
    description: String,
    endpoint: String,
    schema: String,
    #[serde(default)]
    schema_extensions: Vec<ExtensionDeclaration>,
}

#[derive(Deserialize)]
struct ExtensionDeclaration {
    schema: String,
    #[serde(default)]
    required: bool,
}

impl Registry {
    /// No resource type at all, to be filled with [`Self::with_schema`] and [`Self::with_resource_type`].
    ///
    /// # Errors
    /// None in practice: the built-in discovery schemas parse.
    pub fn empty() -> Result<Self> {
        let discovery = [
            include_str!("../../schema/ServiceProviderConfig.json"),
            include_str!("../../schema/ResourceType.json"),
            include_str!("../../schema/Schema.json"),
        ];
        let discovery = discovery.into_iter().map(parse_schema).collect::<Result<_>>()?;
        Ok(Self { types: Vec::new(), schemas: Vec::new(), discovery })
    }

    /// User with the enterprise extension, and Group (RFC 7643 §4).
    ///
    /// # Errors
    /// None in practice: the built-in schemas parse.
    pub fn standard() -> Result<Self> {
        Self::empty()?
            .with_schema(include_str!("../../schema/User.json"))?
            .with_schema(include_str!("../../schema/EnterpriseUser.json"))?
            .with_schema(include_str!("../../schema/Group.json"))?
            .with_resource_type(
                r#"{"name": "User", "endpoint": "/Users", "description": "User Account",
                    "schema": "urn:ietf:params:scim:schemas:core:2.0:User",
                    "schemaExtensions": [{"required": false, "schema":
                        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"}]}"#,
            )?
            .with_resource_type(
                r#"{"name": "Group", "endpoint": "/Groups", "description": "Group",
                    "schema": "urn:ietf:params:scim:schemas:core:2.0:Group"}"#,
            )
    }

    /// Adds a schema, JSON in the form of RFC 7643 §7.
    ///
    /// # Errors
    /// [`Kind::InvalidSyntax`] if it isn't one, [`Kind::Conflict`] if its URN is taken.
    pub fn with_schema(mut self, json: &str) -> Result<Self> {
        let schema = parse_schema(json)?;
        if self.schema(&schema.id).is_some() {
            return Err(Error::new(Kind::Conflict, format!("two schemas \"{}\"", schema.id)));
        }
        self.schemas.push(schema);
        Ok(self)
    }

    /// Adds a resource type, JSON in the form of RFC 7643 §6; its schemas must have been added.
    ///
    /// # Errors
    /// [`Kind::InvalidSyntax`] if it isn't one, or one of the [`USER`] or [`GROUP`] schema has another name than
    /// [`USER_TYPE`] or [`GROUP_TYPE`]; [`Kind::NotFound`] if a schema is missing,
    /// [`Kind::Conflict`] if its name or endpoint is taken.
    pub fn with_resource_type(mut self, json: &str) -> Result<Self> {
        let declaration: Declaration = serde_json::from_str(json)
            .map_err(|e| Error::invalid_syntax(format!("resource type: {e}")))?;
        let schema = |urn: &str| {
            self.schema(urn).cloned().ok_or_else(|| {
                Error::not_found(format!("resource type {}: no schema \"{urn}\"", declaration.name))
            })
        };
        let endpoint = format!("/{}", declaration.endpoint.trim_matches('/'));
        if self.by_endpoint(endpoint.trim_start_matches('/')).is_some()
            || self.by_name(&declaration.name).is_some()
        {
            let detail = format!("two resource types {} at {endpoint}", declaration.name);
            return Err(Error::new(Kind::Conflict, detail));
        }
        for (urn, name) in [(USER, USER_TYPE), (GROUP, GROUP_TYPE)] {
            if same_name(&declaration.schema, urn) && declaration.name != name {
                let detail = format!("the resource type of the schema {urn} is called {name}");
                return Err(Error::invalid_syntax(detail));
            }
        }
        let resource_type = ResourceType {
            schema: schema(&declaration.schema)?,
            extensions: declaration
                .schema_extensions
                .iter()
                .map(|e| Ok(Extension { schema: schema(&e.schema)?, required: e.required }))
                .collect::<Result<_>>()?,
            name: declaration.name.clone(),
            description: declaration.description.clone(),
            endpoint,
        };
        self.types.push(Arc::new(resource_type));
        Ok(self)
    }

    /// The resource types, in the order of their addition.
    #[must_use]
    pub fn types(&self) -> &[Arc<ResourceType>] {
        &self.types
    }

    /// The resource type of that name (exact, as in `meta.resourceType`).
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Arc<ResourceType>> {
        self.types.iter().find(|t| t.name == name)
    }

    /// The resource type at that endpoint, without slashes. Endpoints are exact: `/users` is unknown.
    #[must_use]
    pub fn by_endpoint(&self, segment: &str) -> Option<&Arc<ResourceType>> {
        self.types.iter().find(|t| t.endpoint.strip_prefix('/') == Some(segment))
    }

    /// The schemas of resources, then those of discovery.
    pub fn schemas(&self) -> impl Iterator<Item = &Arc<Schema>> {
        self.schemas.iter().chain(&self.discovery)
    }

    /// The schema of that URN, in any case.
    #[must_use]
    pub fn schema(&self, urn: &str) -> Option<&Arc<Schema>> {
        self.schemas().find(|schema| same_name(&schema.id, urn))
    }
}

fn parse_schema(json: &str) -> Result<Arc<Schema>> {
    let value: Value = serde_json::from_str(json)
        .map_err(|e| Error::invalid_syntax(format!("schema: not JSON: {e}")))?;
    let schema: Schema = serde_json::from_value(value)
        .map_err(|e| Error::invalid_syntax(format!("schema: not a schema: {e}")))?;
    Ok(Arc::new(schema))
}
