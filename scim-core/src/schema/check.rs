//! Checks a whole document against its resource type (RFC 7643 §2, RFC 7644 §3.3, §3.5.1).

mod taken;

use std::sync::Arc;

use serde_json::{Map, Value};

use taken::Taken;

use super::attribute::{Attribute, Mutability, Returned, Schema};
use super::conform::unknown;
use super::resource_type::ResourceType;
use crate::dialect::{Dialect, Normalizer};
use crate::error::{Error, Kind, Result};
use crate::resource::Resource;
use crate::text::same_name;

/// What the document is for.
#[derive(Debug, Clone, Copy)]
pub enum Intent<'a> {
    /// A new resource (POST).
    Create,
    /// All of a resource's attributes (PUT): those left out are unassigned, but for `active` and what
    /// can't be read.
    Replace(&'a Resource),
    /// The outcome of a PATCH on a resource.
    Patch(&'a Resource),
}

/// A document that the schema accepts, taken apart as [`Resource`] keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The document, in the schema's order and spelling.
    pub document: Map<String, Value>,
    /// The attributes that are never returned.
    pub secrets: Map<String, Value>,
    /// The members of a group, `None` where the document has no `members`.
    pub members: Option<Vec<Value>>,
}

impl ResourceType {
    /// Checks a document as a client sent it.
    ///
    /// Read-only attributes are left out, as are unknown ones where the dialect says so.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] for a value of the wrong type, a missing required one or a second
    /// primary; [`Kind::Mutability`] for a change of an immutable one; [`Kind::InvalidSyntax`] for
    /// unknown names where those are refused.
    pub fn check(
        &self,
        input: Map<String, Value>,
        intent: Intent<'_>,
        dialect: &mut Dialect,
    ) -> Result<Checked> {
        let before = match intent {
            Intent::Create => None,
            Intent::Replace(old) | Intent::Patch(old) => Some(old.document()?),
        };
        let mut taken = Taken::default();
        let mut listed = None;
        for (name, value) in input {
            if same_name(&name, "schemas") {
                listed = Some(self.listed_schemas(&value, dialect)?);
            } else if let Some(attribute) = self.attribute(&name) {
                taken.attribute((None, before), attribute, value, self.has_members(), dialect)?;
            } else if same_name(&name, &self.schema.id) {
                self.nested((None, before), &self.schema, value, &mut taken, dialect)?;
            } else if let Some(schema) = self.extension(&name) {
                let before = before.and_then(|before| before.get(&schema.id)?.as_object());
                self.nested((Some(schema), before), schema, value, &mut taken, dialect)?;
            } else if !value.is_null() {
                unknown(&name, dialect)?;
            }
        }
        self.keep(intent, &mut taken)?;
        self.require(&taken)?;
        if !matches!(intent, Intent::Patch(_)) {
            self.schemas_match(listed.as_deref(), &taken, dialect)?;
        }
        if let Intent::Replace(old) | Intent::Patch(old) = intent {
            self.immutable_kept(old.document()?, &taken)?;
        }
        Ok(self.assemble(taken))
    }

    /// The values of what is never returned, wherever [`Self::check`] takes them from: they are hashed before.
    pub(crate) fn secrets_mut<'v>(&self, input: &'v mut Map<String, Value>) -> Vec<&'v mut Value> {
        let is_secret = |attribute: Option<&Arc<Attribute>>| {
            attribute.is_some_and(|attribute| attribute.returned == Returned::Never)
        };
        let mut secrets = Vec::new();
        for (name, value) in input {
            let schema = match self.attribute(name) {
                attribute @ Some(_) => {
                    secrets.extend(is_secret(attribute).then_some(value));
                    continue;
                }
                None if same_name(name, &self.schema.id) => &self.schema,
                None => match self.extension(name) {
                    Some(schema) => schema,
                    None => continue,
                },
            };
            let nested = value.as_object_mut().into_iter().flatten();
            let nested = nested.filter(|(name, _)| is_secret(schema.attribute(name)));
            secrets.extend(nested.map(|(_, value)| value));
        }
        secrets
    }

    fn listed_schemas(&self, value: &Value, dialect: &mut Dialect) -> Result<Vec<String>> {
        let list = match value {
            Value::Array(list) => list.iter().map(Value::as_str).collect::<Option<Vec<_>>>(),
            Value::Null => Some(Vec::new()),
            _ => None,
        };
        let list = list.ok_or_else(|| {
            Error::invalid_syntax("\"schemas\" must be a list of schema URNs".to_owned())
        })?;
        for urn in &list {
            let known = same_name(urn, &self.schema.id) || self.extension(urn).is_some();
            if !known && !dialect.allows(Normalizer::LooseSchemas) {
                let detail = format!("\"schemas\": a {} has no schema \"{urn}\"", self.name);
                return Err(Error::invalid_syntax(detail));
            }
        }
        Ok(list.into_iter().map(str::to_owned).collect())
    }

    fn nested(
        &self,
        (extension, before): (Option<&Arc<Schema>>, Option<&Map<String, Value>>),
        schema: &Schema,
        value: Value,
        taken: &mut Taken,
        dialect: &mut Dialect,
    ) -> Result<()> {
        let object = match value {
            Value::Null => return Ok(()),
            Value::Object(object) => object,
            _ => return Err(Error::invalid_value(format!("\"{}\" must be an object", schema.id))),
        };
        for (name, value) in object {
            match schema.attribute(&name) {
                Some(attribute) => {
                    let place = (extension.map(|schema| schema.id.as_str()), before);
                    taken.attribute(place, attribute, value, self.has_members(), dialect)?;
                }
                None if value.is_null() => {}
                None => unknown(&format!("{}:{name}", schema.id), dialect)?,
            }
        }
        Ok(())
    }

    /// What a document leaves out without meaning to unassign it.
    fn keep(&self, intent: Intent<'_>, taken: &mut Taken) -> Result<()> {
        let Some(active) = self.schema.attribute("active").filter(|_| self.has_groups()) else {
            return taken.keep_secrets(intent);
        };
        if taken.value(None, &active.name).is_none() {
            // Absent never means false: a PUT without it once locked people out of another product.
            let kept = match intent {
                Intent::Create => Some(Value::Bool(true)),
                Intent::Replace(old) => old.document()?.get(&active.name).cloned(),
                // A PATCH leaves it out only where it removed it.
                Intent::Patch(_) => None,
            };
            if let Some(kept) = kept {
                taken.put(None, active, kept);
            }
        }
        taken.keep_secrets(intent)
    }

    fn require(&self, taken: &Taken) -> Result<()> {
        let missing = |path: String| Err(Error::invalid_value(format!("\"{path}\" is required")));
        let main = self.schema.attributes.iter().map(|a| (None, a));
        let extended = self.extensions.iter().flat_map(|e| {
            // RFC 7643 §6: an extension that isn't required may be left out, with what it requires.
            let there = e.required || taken.has_extension(&e.schema.id);
            let urn = e.schema.id.as_str();
            e.schema.attributes.iter().filter(move |_| there).map(move |a| (Some(urn), a))
        });
        for (extension, attribute) in main.chain(extended) {
            if attribute.mutability == Mutability::ReadOnly {
                continue;
            }
            let prefix = extension.map(|urn| format!("{urn}:")).unwrap_or_default();
            match taken.value(extension, &attribute.name) {
                None if attribute.required => {
                    return missing(format!("{prefix}{}", attribute.name));
                }
                None => {}
                Some(value) => {
                    for sub in attribute.sub_attributes.iter().filter(|s| s.required) {
                        let elements = match value {
                            Value::Array(list) => list.as_slice(),
                            single => std::slice::from_ref(single),
                        };
                        if elements.iter().any(|e| e.get(&sub.name).is_none()) {
                            return missing(format!("{prefix}{}.{}", attribute.name, sub.name));
                        }
                    }
                }
            }
        }
        if let Some(e) =
            self.extensions.iter().find(|e| e.required && !taken.has_extension(&e.schema.id))
        {
            return missing(e.schema.id.clone());
        }
        Ok(())
    }

    /// RFC 7643 §3: `schemas` names the schemas of the attributes that are there.
    fn schemas_match(
        &self,
        listed: Option<&[String]>,
        taken: &Taken,
        dialect: &mut Dialect,
    ) -> Result<()> {
        let has = |urn: &str| listed.is_some_and(|l| l.iter().any(|u| same_name(u, urn)));
        let unlisted = std::iter::once(self.schema.id.as_str())
            .chain(taken.extensions())
            .find(|urn| !has(urn));
        match unlisted {
            Some(urn) if !dialect.allows(Normalizer::LooseSchemas) => {
                Err(Error::invalid_syntax(format!("\"schemas\" must list \"{urn}\"")))
            }
            _ => Ok(()),
        }
    }

    /// RFC 7644 §3.5.1: "immutable: If one or more values are already set for the attribute, the input
    /// value(s) MUST match, or HTTP status code 400 SHOULD be returned".
    fn immutable_kept(&self, old: &Map<String, Value>, taken: &Taken) -> Result<()> {
        let main = self.schema.attributes.iter().map(|a| (None, a));
        let extended = self
            .extensions
            .iter()
            .flat_map(|e| e.schema.attributes.iter().map(move |a| (Some(e.schema.id.as_str()), a)));
        for (extension, attribute) in main.chain(extended) {
            let holder = match extension {
                None => Some(old),
                Some(urn) => old.get(urn).and_then(Value::as_object),
            };
            let Some(before) = holder.and_then(|h| h.get(&attribute.name)) else { continue };
            let after = taken.value(extension, &attribute.name);
            let changed = if attribute.mutability == Mutability::Immutable {
                after != Some(before)
            } else {
                !attribute.multi_valued
                    && attribute.sub_attributes.iter().any(|sub| {
                        sub.mutability == Mutability::Immutable
                            && before.get(&sub.name).is_some_and(|value| {
                                after.and_then(|a| a.get(&sub.name)).is_some_and(|a| a != value)
                            })
                    })
            };
            if changed {
                let detail =
                    format!("\"{}\" is immutable: it can't change once set", attribute.name);
                return Err(Error::new(Kind::Mutability, detail));
            }
        }
        Ok(())
    }

    fn assemble(&self, mut taken: Taken) -> Checked {
        let mut document = Map::new();
        let schemas = std::iter::once(self.schema.id.as_str()).chain(
            self.extensions
                .iter()
                .map(|e| e.schema.id.as_str())
                .filter(|urn| taken.has_extension(urn)),
        );
        document.insert("schemas".into(), schemas.map(Value::from).collect());
        for attribute in self.attributes() {
            if let Some(value) = taken.remove(None, &attribute.name) {
                document.insert(attribute.name.clone(), value);
            }
        }
        for extension in &self.extensions {
            let urn = &extension.schema.id;
            let mut object = Map::new();
            for attribute in &extension.schema.attributes {
                if let Some(value) = taken.remove(Some(urn), &attribute.name) {
                    object.insert(attribute.name.clone(), value);
                }
            }
            if !object.is_empty() {
                document.insert(urn.clone(), Value::Object(object));
            }
        }
        Checked { document, secrets: taken.secrets, members: taken.members }
    }
}
