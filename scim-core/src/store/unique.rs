//! The values of a resource that no other of its type may hold.

use serde_json::{Map, Value};

use crate::error::{Error, Kind, Result};
use crate::resource::Resource;
use crate::schema::{Attribute, ResourceType};
use crate::text;

/// One unique value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueKey {
    /// The attribute, e.g. `userName` or `urn:…:User:badge`.
    pub path: String,
    /// What is compared: folded unless case matters.
    pub key: String,
    /// The value as sent, for messages.
    pub value: String,
}

impl UniqueKey {
    /// The error for a value that another resource holds. It tells the client its own value only.
    #[must_use]
    pub fn taken(&self, kind: &str) -> Error {
        let detail = format!("{} \"{}\" is taken by another {kind}", self.path, self.value);
        Error::new(Kind::Uniqueness, detail)
    }
}

/// The unique values of a resource: of top-level attributes with `uniqueness` `server` or `global`.
///
/// # Errors
/// As [`Resource::document`].
pub fn unique_keys(resource: &Resource) -> Result<Vec<UniqueKey>> {
    Ok(unique_keys_in(resource.kind(), resource.document()?))
}

/// The unique values of what is to be a resource of that type.
#[must_use]
pub fn unique_keys_in(kind: &ResourceType, document: &Map<String, Value>) -> Vec<UniqueKey> {
    let mut keys = Vec::new();
    for attribute in kind.schema.attributes.iter().filter(|a| a.is_unique()) {
        collect(&mut keys, &attribute.name, attribute, document.get(&attribute.name));
    }
    for extension in &kind.extensions {
        let urn = &extension.schema.id;
        for attribute in extension.schema.attributes.iter().filter(|a| a.is_unique()) {
            let value = document.get(urn).and_then(|object| object.get(&attribute.name));
            collect(&mut keys, &format!("{urn}:{}", attribute.name), attribute, value);
        }
    }
    keys
}

fn collect(keys: &mut Vec<UniqueKey>, path: &str, attribute: &Attribute, value: Option<&Value>) {
    let mut push = |value: &Value| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let key = text::key(&value, attribute.is_case_exact()).into_owned();
        let known = keys.iter().any(|k| k.path == path && k.key == key);
        if !known {
            keys.push(UniqueKey { path: path.to_owned(), key, value });
        }
    };
    match value {
        None => {}
        Some(Value::Array(list)) => list.iter().for_each(&mut push),
        Some(value) => push(value),
    }
}
