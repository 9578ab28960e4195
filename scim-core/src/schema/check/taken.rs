//! What was taken out of a document so far.

use serde_json::{Map, Value};

use super::Intent;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::schema::attribute::{Attribute, Mutability, Returned};
use crate::schema::conform::{conform, conform_member, in_a_list};

/// The attributes taken out of a document so far.
#[derive(Default)]
pub(super) struct Taken {
    values: Vec<(Option<String>, String, Value)>,
    pub(super) secrets: Map<String, Value>,
    pub(super) members: Option<Vec<Value>>,
}

impl Taken {
    /// `before` are the stored values of the same schema.
    pub(super) fn attribute(
        &mut self,
        (extension, before): (Option<&str>, Option<&Map<String, Value>>),
        attribute: &Attribute,
        value: Value,
        has_members: bool,
        dialect: &mut Dialect,
    ) -> Result<()> {
        // What is stored was checked when it came.
        if before.is_some_and(|before| before.get(&attribute.name) == Some(&value)) {
            self.put(extension, attribute, value);
            return Ok(());
        }
        if has_members && extension.is_none() && attribute.name == "members" {
            return self.members(attribute, value, dialect);
        }
        // RFC 7644 §3.3: "attributes whose mutability is readOnly … SHALL be ignored".
        if attribute.mutability == Mutability::ReadOnly {
            return Ok(());
        }
        let path = match extension {
            Some(urn) => format!("{urn}:{}", attribute.name),
            None => attribute.name.clone(),
        };
        let empty = value.as_str() == Some("") || value.is_null();
        let value = conform(&path, attribute, value, dialect)?;
        match value {
            Some(value) if attribute.returned == Returned::Never => {
                self.secrets.insert(path, value);
            }
            Some(value) => self.put(extension, attribute, value),
            None if empty && attribute.required => {
                return Err(Error::invalid_value(format!(
                    "\"{path}\" is required and can't be empty"
                )));
            }
            None => {}
        }
        Ok(())
    }

    /// Members are checked one by one: there may be many more of them than of any other attribute.
    fn members(
        &mut self,
        attribute: &Attribute,
        value: Value,
        dialect: &mut Dialect,
    ) -> Result<()> {
        let list = match value {
            Value::Null => return Ok(()),
            Value::Array(list) => list,
            single => in_a_list(single, dialect)?,
        };
        let list = list
            .into_iter()
            .filter_map(|element| conform_member(attribute, element, dialect).transpose())
            .collect::<Result<Vec<_>>>()?;
        self.members.get_or_insert_default().extend(list);
        Ok(())
    }

    pub(super) fn put(&mut self, extension: Option<&str>, attribute: &Attribute, value: Value) {
        self.values.push((extension.map(str::to_owned), attribute.name.clone(), value));
    }

    pub(super) fn value(&self, extension: Option<&str>, name: &str) -> Option<&Value> {
        let position = self.position(extension, name)?;
        self.values.get(position).map(|(_, _, value)| value)
    }

    pub(super) fn remove(&mut self, extension: Option<&str>, name: &str) -> Option<Value> {
        let position = self.position(extension, name)?;
        Some(self.values.swap_remove(position).2)
    }

    /// A later value wins: dotted names and extension objects may set the same attribute twice.
    fn position(&self, extension: Option<&str>, name: &str) -> Option<usize> {
        self.values.iter().rposition(|(e, n, _)| e.as_deref() == extension && n == name)
    }

    pub(super) fn has_extension(&self, urn: &str) -> bool {
        self.values.iter().any(|(e, _, _)| e.as_deref() == Some(urn))
    }

    pub(super) fn extensions(&self) -> impl Iterator<Item = &str> {
        self.values.iter().filter_map(|(e, _, _)| e.as_deref())
    }

    /// A client can't send back what it can't read, so leaving it out means nothing.
    pub(super) fn keep_secrets(&mut self, intent: Intent<'_>) -> Result<()> {
        if let Intent::Replace(old) = intent {
            for (name, value) in old.secrets() {
                self.secrets.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        Ok(())
    }
}
