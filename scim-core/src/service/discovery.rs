//! `/ServiceProviderConfig`, `/ResourceTypes` and `/Schemas` (RFC 7644 §4).

use serde_json::{Value, json};

use super::params::Params;
use super::search::LIST_RESPONSE;
use super::settings::Settings;
use crate::error::{Error, Kind, Result};
use crate::schema::{Registry, ResourceType, Schema};

const CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// RFC 7644 §4: "if a 'filter' is provided, the service provider SHOULD respond with HTTP status code
/// 403 (Forbidden)".
pub(super) fn refuse_filter(params: &Params) -> Result<()> {
    match params.filter {
        Some(_) => Err(Error::new(Kind::Forbidden, "Discovery endpoints can't be filtered")),
        None => Ok(()),
    }
}

pub(super) fn service_provider_config(settings: &Settings, base_url: &str) -> Value {
    let mut config = json!({
        "schemas": [CONFIG],
        "patch": {"supported": true},
        "bulk": {
            "supported": true,
            "maxOperations": settings.max_bulk_operations,
            "maxPayloadSize": settings.max_bulk_payload,
        },
        "filter": {"supported": true, "maxResults": settings.max_page_size},
        "changePassword": {"supported": true},
        "sort": {"supported": true},
        "etag": {"supported": true},
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": settings.default_page_size,
            "maxPageSize": settings.max_page_size,
            "cursorTimeout": settings.cursor_timeout,
        },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "A token in the Authorization header: \"Authorization: Bearer <token>\"",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base_url}/ServiceProviderConfig"),
        },
    });
    if let (Some(uri), Some(config)) = (&settings.documentation_uri, config.as_object_mut()) {
        config.insert("documentationUri".into(), uri.as_str().into());
    }
    config
}

pub(super) fn resource_types(
    registry: &Registry,
    name: Option<&str>,
    base_url: &str,
) -> Result<Value> {
    match name {
        None => {
            let types: Vec<_> =
                registry.types().iter().map(|t| resource_type(t, base_url)).collect();
            Ok(list(&types))
        }
        Some(name) => {
            registry.by_name(name).map(|kind| resource_type(kind, base_url)).ok_or_else(|| {
                Error::not_found("There is no such resource type; /ResourceTypes lists them")
            })
        }
    }
}

pub(super) fn schemas(registry: &Registry, urn: Option<&str>, base_url: &str) -> Result<Value> {
    match urn {
        None => {
            let schemas =
                registry.schemas().map(|s| schema(s, base_url)).collect::<Result<Vec<_>>>()?;
            Ok(list(&schemas))
        }
        Some(urn) => registry
            .schema(urn)
            .ok_or_else(|| Error::not_found("There is no such schema; /Schemas lists them"))
            .and_then(|found| schema(found, base_url)),
    }
}

fn list(resources: &[Value]) -> Value {
    json!({
        "schemas": [LIST_RESPONSE],
        "totalResults": resources.len(),
        "startIndex": 1,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    })
}

fn resource_type(kind: &ResourceType, base_url: &str) -> Value {
    let extensions: Vec<_> = kind
        .extensions
        .iter()
        .map(|e| json!({"schema": e.schema.id, "required": e.required}))
        .collect();
    let mut value = json!({
        "schemas": [RESOURCE_TYPE],
        "id": kind.name,
        "name": kind.name,
        "description": kind.description,
        "endpoint": kind.endpoint,
        "schema": kind.schema.id,
        "meta": {
            "resourceType": "ResourceType",
            "location": format!("{base_url}/ResourceTypes/{}", kind.name),
        },
    });
    if let (false, Some(value)) = (extensions.is_empty(), value.as_object_mut()) {
        value.insert("schemaExtensions".into(), extensions.into());
    }
    value
}

fn schema(schema: &Schema, base_url: &str) -> Result<Value> {
    let mut value = serde_json::to_value(schema).map_err(Error::internal)?;
    if let Some(value) = value.as_object_mut() {
        value.insert("schemas".into(), json!([SCHEMA]));
        value.insert(
            "meta".into(),
            json!({"resourceType": "Schema", "location": format!("{base_url}/Schemas/{}", schema.id)}),
        );
    }
    Ok(value)
}
