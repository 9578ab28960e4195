//! Checks a whole document against its resource type (RFC 7643 §2, RFC 7644 §3.3, §3.5.1).

use std::sync::Arc;

use serde_json::{Map, Value};

use super::attribute::{Attribute, Mutability, Returned, Schema};
use super::conform::{conform, conform_member, in_a_list, unknown};
use super::resource_type::ResourceType;
use crate::dialect::{Dialect, Normalizer, Preset};
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

/// The attributes taken out of a document so far.
#[derive(Default)]
struct Taken {
    values: Vec<(Option<String>, String, Value)>,
    secrets: Map<String, Value>,
    members: Option<Vec<Value>>,
}

impl Taken {
    /// `before` are the stored values of the same schema.
    fn attribute(
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

    fn put(&mut self, extension: Option<&str>, attribute: &Attribute, value: Value) {
        self.values.push((extension.map(str::to_owned), attribute.name.clone(), value));
    }

    fn value(&self, extension: Option<&str>, name: &str) -> Option<&Value> {
        let position = self.position(extension, name)?;
        self.values.get(position).map(|(_, _, value)| value)
    }

    fn remove(&mut self, extension: Option<&str>, name: &str) -> Option<Value> {
        let position = self.position(extension, name)?;
        Some(self.values.swap_remove(position).2)
    }

    /// A later value wins: dotted names and extension objects may set the same attribute twice.
    fn position(&self, extension: Option<&str>, name: &str) -> Option<usize> {
        self.values.iter().rposition(|(e, n, _)| e.as_deref() == extension && n == name)
    }

    fn has_extension(&self, urn: &str) -> bool {
        self.values.iter().any(|(e, _, _)| e.as_deref() == Some(urn))
    }

    fn extensions(&self) -> impl Iterator<Item = &str> {
        self.values.iter().filter_map(|(e, _, _)| e.as_deref())
    }

    /// A client can't send back what it can't read, so leaving it out means nothing.
    fn keep_secrets(&mut self, intent: Intent<'_>) -> Result<()> {
        if let Intent::Replace(old) = intent {
            for (name, value) in old.secrets() {
                self.secrets.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        Ok(())
    }
}

impl Preset {
    /// Whether names that no schema knows are refused.
    #[must_use]
    pub fn refuses_unknown(self) -> bool {
        !self.uses(Normalizer::IgnoreUnknown)
    }
}
