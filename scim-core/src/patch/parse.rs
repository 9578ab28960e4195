//! From JSON to typed edits.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::listed::{self, Listed};
use super::members::{Given, Where, member_change};
use super::{Edit, Patch, Selection, Verb};
use crate::dialect::{Dialect, Normalizer};
use crate::error::{Error, Kind, Result};
use crate::filter::{Filter, Literal, Op, Options, Predicate};
use crate::json;
use crate::path::{AttrPath, Target};
use crate::schema::{
    AttrRef, Attribute, Mutability, ResourceType, Schema, conform, conform_one, unknown,
};
use crate::text::same_name;

/// The schema URN of a PATCH message.
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// The most operations in a message.
const MAX_OPERATIONS: usize = 1000;

impl Patch {
    /// Reads a message for a resource type from a request's body. Members that it lists are never held as JSON.
    ///
    /// # Errors
    /// [`Kind::InvalidSyntax`] for what isn't acceptable JSON, else as [`Self::parse`].
    pub fn read(body: &[u8], kind: &ResourceType, dialect: &mut Dialect) -> Result<Self> {
        match listed::Reader::new(kind, dialect.preset()) {
            Some(mut reader) => {
                let body = json::parse_object_watched(body, &mut reader)?;
                Self::from_parts(Value::Object(body), reader.into_lists(), kind, dialect)
            }
            None => Self::parse(Value::Object(json::parse_object(body)?), kind, dialect),
        }
    }

    /// Parses a message for a resource type.
    ///
    /// # Errors
    /// [`Kind::InvalidSyntax`] for what isn't a PATCH message, [`Kind::InvalidPath`] for a path that
    /// names nothing, [`Kind::InvalidValue`] for a value of the wrong type, [`Kind::Mutability`] for
    /// attributes that clients can't write, [`Kind::NoTarget`] for a `remove` without path,
    /// [`Kind::TooMany`] over 1,000 operations. The detail names the operation by number, from 1.
    pub fn parse(body: Value, kind: &ResourceType, dialect: &mut Dialect) -> Result<Self> {
        Self::from_parts(body, HashMap::new(), kind, dialect)
    }

    /// `lists` has the members that were taken from operations' values, by the operation's number.
    fn from_parts(
        body: Value,
        lists: HashMap<usize, Listed>,
        kind: &ResourceType,
        dialect: &mut Dialect,
    ) -> Result<Self> {
        let operations = operations(body, dialect)?;
        let mut parser = Parser {
            kind,
            dialect,
            lists,
            number: 0,
            patch: Self { edits: Vec::new(), members: Vec::new() },
        };
        for (i, operation) in operations.into_iter().enumerate() {
            parser.number = i + 1;
            parser.operation(operation).map_err(|error| {
                Error::new(error.kind(), format!("Operations[{}]: {}", i + 1, error.detail()))
            })?;
        }
        Ok(parser.patch)
    }
}

fn operations(body: Value, dialect: &mut Dialect) -> Result<Vec<Value>> {
    let Value::Object(body) = body else {
        return Err(Error::invalid_syntax("a PATCH message must be an object"));
    };
    let (mut operations, mut named) = (None, false);
    for (name, value) in body {
        if same_name(&name, "Operations") {
            operations = Some(value);
        } else if same_name(&name, "schemas") {
            let urns = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            named = urns.into_iter().any(|urn| same_name(urn, PATCH_OP));
        }
    }
    if !named && !dialect.allows(Normalizer::LooseSchemas) {
        return Err(Error::invalid_syntax(format!("\"schemas\" must list \"{PATCH_OP}\"")));
    }
    let Some(Value::Array(operations)) = operations else {
        return Err(Error::invalid_syntax("\"Operations\" must be a list of PATCH operations"));
    };
    if operations.is_empty() && !dialect.allows(Normalizer::EmptyOperations) {
        return Err(Error::invalid_syntax("\"Operations\" is empty"));
    }
    if operations.len() > MAX_OPERATIONS {
        let detail = format!(
            "a PATCH message may have {MAX_OPERATIONS} operations; this one has {}",
            operations.len()
        );
        return Err(Error::new(Kind::TooMany, detail));
    }
    Ok(operations)
}

struct Parser<'a> {
    kind: &'a ResourceType,
    dialect: &'a mut Dialect,
    lists: HashMap<usize, Listed>,
    number: usize,
    patch: Patch,
}

/// Where a value came from: what it says of readOnly and unknown attributes differs.
#[derive(Clone, Copy, PartialEq)]
enum From {
    /// The operation's path names the attribute.
    Path,
    /// A name in a value without a path.
    Value,
}

impl Parser<'_> {
    fn operation(&mut self, operation: Value) -> Result<()> {
        let Value::Object(operation) = operation else {
            return Err(Error::invalid_syntax("an operation must be an object"));
        };
        let (mut op, mut path, mut value) = (None, None, None);
        for (name, part) in operation {
            if same_name(&name, "op") {
                op = Some(part);
            } else if same_name(&name, "path") {
                path = Some(part);
            } else if same_name(&name, "value") {
                value = Some(part);
            }
        }
        let verb = verb(op.as_ref())?;
        let path = match path {
            None | Some(Value::Null) => None,
            Some(Value::String(path)) => Some(path).filter(|path| !path.trim().is_empty()),
            Some(_) => return Err(Error::new(Kind::InvalidPath, "\"path\" must be a string")),
        };
        if value.is_none() && verb != Verb::Remove {
            return Err(Error::invalid_syntax("\"value\" is missing"));
        }
        match path {
            Some(path) => self.with_path(verb, path.trim(), value),
            // RFC 7644 §3.5.2.2: "If 'path' is unspecified, the operation fails with HTTP status code
            // 400 and a 'scimType' error code of 'noTarget'."
            None if verb == Verb::Remove => {
                Err(Error::new(Kind::NoTarget, "a remove needs a \"path\""))
            }
            None if self.dialect.preset().uses(Normalizer::PathlessValues) => {
                self.without_path(verb, value.unwrap_or_default())
            }
            None => Err(Error::new(Kind::InvalidPath, "\"path\" is missing")),
        }
    }

    fn with_path(&mut self, verb: Verb, path: &str, value: Option<Value>) -> Result<()> {
        if same_name(path, &self.kind.schema.id) {
            return self.without_path(verb, value.unwrap_or_default());
        }
        let kind = self.kind;
        if let Some(schema) = kind.extension(path) {
            return match (verb, value) {
                (Verb::Remove, _) | (Verb::Replace, Some(Value::Null)) => self.clear(schema),
                (_, value) => self.in_schema(verb, schema, value.unwrap_or_default()),
            };
        }
        let bare_values = self.dialect.preset().uses(Normalizer::BareFilterValues);
        let target = Target::parse(path, Options { bare_values })?;
        self.edit(verb, &target, value, From::Path)
    }

    fn clear(&mut self, schema: &Schema) -> Result<()> {
        for attribute in &schema.attributes {
            let path =
                AttrPath { urn: Some(schema.id.clone()), name: attribute.name.clone(), sub: None };
            let target = Target { path, filter: None, sub: None };
            self.edit(Verb::Remove, &target, None, From::Value)?;
        }
        Ok(())
    }

    fn without_path(&mut self, verb: Verb, value: Value) -> Result<()> {
        let Value::Object(object) = value else {
            return Err(Error::invalid_value(
                "without a \"path\", \"value\" must be an object of attributes",
            ));
        };
        let kind = self.kind;
        for (name, value) in object {
            if same_name(&name, &kind.schema.id) && value.is_object() {
                self.without_path(verb, value)?;
            } else if let Some(schema) = kind.extension(&name) {
                match value {
                    Value::Null => self.clear(schema)?,
                    value => self.in_schema(verb, schema, value)?,
                }
            } else if kind.attribute(&name).is_some() {
                let path = AttrPath { urn: None, name, sub: None };
                let target = Target { path, filter: None, sub: None };
                self.edit(verb, &target, Some(value), From::Value)?;
            } else {
                match self.key(&name) {
                    Some(target) => self.edit(verb, &target, Some(value), From::Value)?,
                    None => unknown(&name, self.dialect)?,
                }
            }
        }
        Ok(())
    }

    /// A name that is a path: `name.givenName`, `urn:…:User:department`, `emails[type eq "work"].value`.
    fn key(&mut self, name: &str) -> Option<Target> {
        let target = Target::parse(name, Options::default()).ok()?;
        self.kind.resolve(&target.path, Kind::InvalidPath).ok()?;
        self.dialect.allows(Normalizer::PathKeys).then_some(target)
    }

    fn in_schema(&mut self, verb: Verb, schema: &Schema, value: Value) -> Result<()> {
        let Value::Object(object) = value else {
            return Err(Error::invalid_value(format!("\"{}\" must be an object", schema.id)));
        };
        for (name, value) in object {
            let path = AttrPath::parse(&name).ok().filter(|path| path.urn.is_none());
            match path.filter(|path| schema.attribute(&path.name).is_some()) {
                Some(path) => {
                    let path = AttrPath { urn: Some(schema.id.clone()), ..path };
                    let target = Target { path, filter: None, sub: None };
                    self.edit(verb, &target, Some(value), From::Value)?;
                }
                None => unknown(&format!("{}:{name}", schema.id), self.dialect)?,
            }
        }
        Ok(())
    }

    fn edit(
        &mut self,
        verb: Verb,
        target: &Target,
        value: Option<Value>,
        from: From,
    ) -> Result<()> {
        let mut attr = self.kind.resolve(&target.path, Kind::InvalidPath)?;
        if let Some(sub) = &target.sub {
            let found = attr.attribute.sub(sub).cloned().ok_or_else(|| {
                let detail = format!("\"{}\" has no sub-attribute \"{sub}\"", attr.attribute.name);
                Error::new(Kind::InvalidPath, detail)
            })?;
            attr.sub = Some(found);
        }
        if !self.may_write(&attr, from)? {
            return Ok(());
        }
        let whole = target.filter.is_none() && attr.sub.is_none();
        let required = attr.attribute.required || attr.attribute.name == "schemas";
        if verb == Verb::Remove && from == From::Path && whole && required {
            // RFC 7644 §3.5.2.2: its removal is an error of mutability.
            let detail = format!("\"{attr}\" is required: it can't be removed");
            return Err(Error::new(Kind::Mutability, detail));
        }
        if self.kind.has_members() && attr.extension.is_none() && attr.attribute.name == "members" {
            let selection = Where { filter: target.filter.as_ref(), sub: attr.sub.clone() };
            let value = match self.lists.remove(&self.number) {
                Some(listed) => Given::Listed(listed),
                None => Given::Value(value),
            };
            let changes = member_change(verb, &attr, &selection, value, self.dialect)?;
            self.patch.members.extend(changes);
            return Ok(());
        }
        let within = match &target.filter {
            None => None,
            Some(filter) => Some(self.selection(&attr, filter)?),
        };
        let value = self.value(verb, &attr, within.is_some(), value)?;
        self.patch.edits.push(Edit { number: self.number, verb, attr, within, value });
        Ok(())
    }

    fn may_write(&mut self, attr: &AttrRef, from: From) -> Result<bool> {
        let read_only = |a: &Attribute| a.mutability == Mutability::ReadOnly;
        if !read_only(&attr.attribute) && !read_only(attr.leaf()) {
            return Ok(true);
        }
        if from == From::Value && self.dialect.allows(Normalizer::IgnoreReadOnly) {
            return Ok(false);
        }
        Err(Error::new(Kind::Mutability, format!("\"{attr}\" is read-only")))
    }

    fn selection(&mut self, attr: &AttrRef, filter: &Filter) -> Result<Selection> {
        let whole = AttrRef { sub: None, ..attr.clone() };
        let predicate = Predicate::within(whole, filter, self.dialect)
            .map_err(|e| Error::new(Kind::InvalidFilter, e.detail()))?;
        let Predicate::Within(_, predicate) = predicate else {
            return Err(Error::internal("a value path resolves to one"));
        };
        let mut template = Map::new();
        let plain = equations(filter, &attr.attribute, &mut template, self.dialect)?;
        Ok(Selection { predicate: *predicate, template: plain.then_some(template) })
    }

    fn value(
        &mut self,
        verb: Verb,
        attr: &AttrRef,
        within: bool,
        value: Option<Value>,
    ) -> Result<Option<Value>> {
        let path = attr.to_string();
        if verb == Verb::Remove {
            let whole_list = attr.sub.is_none() && !within && attr.attribute.multi_valued;
            return match value {
                // A value on any other remove is stale: Entra attaches the old one.
                None | Some(Value::Null) => Ok(None),
                Some(_) if !whole_list => Ok(None),
                Some(value) if self.dialect.allows(Normalizer::RemoveListed) => {
                    let list = match value {
                        Value::Array(list) => list,
                        one => vec![one],
                    };
                    Ok(Some(Value::Array(list)))
                }
                Some(_) => Err(Error::invalid_syntax(format!(
                    "a remove of \"{path}\" takes no value; name elements as {path}[value eq \"…\"]"
                ))),
            };
        }
        let value = value.unwrap_or_default();
        match (&attr.sub, within) {
            (None, true) => conform_one(&path, &attr.attribute, value, self.dialect),
            (None, false) => conform(&path, &attr.attribute, value, self.dialect),
            (Some(sub), _) => conform(&path, sub, value, self.dialect),
        }
    }
}

fn verb(op: Option<&Value>) -> Result<Verb> {
    let op = match op {
        Some(Value::String(op)) => op,
        None => return Err(Error::invalid_syntax("\"op\" is missing: add, remove or replace")),
        Some(_) => return Err(Error::invalid_syntax("\"op\" must be a string")),
    };
    // RFC 7644 §3.5.2 spells them in small letters; Entra capitalizes.
    match op.to_ascii_lowercase().as_str() {
        "add" => Ok(Verb::Add),
        "replace" => Ok(Verb::Replace),
        "remove" => Ok(Verb::Remove),
        _ => {
            let detail = format!("\"op\" must be add, remove or replace, not \"{op}\"");
            Err(Error::invalid_syntax(detail))
        }
    }
}

/// Collects `a eq 1 and b eq 2` as `{a: 1, b: 2}`; false if the filter is anything else.
fn equations(
    filter: &Filter,
    attribute: &Attribute,
    template: &mut Map<String, Value>,
    dialect: &mut Dialect,
) -> Result<bool> {
    match filter {
        Filter::And(parts) => {
            for part in parts {
                if !equations(part, attribute, template, dialect)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Filter::Compare(path, Op::Eq, literal) => {
            let Some(sub) = attribute.sub(&path.name) else { return Ok(false) };
            let value = match literal {
                Literal::Null => return Ok(false),
                Literal::Bool(b) => Value::Bool(*b),
                Literal::Number(n) => Value::Number(n.clone()),
                Literal::String(s) => Value::String(s.clone()),
            };
            // What could not be stored can't be created either.
            match conform(&sub.name, sub, value, dialect) {
                Ok(Some(value)) => {
                    template.insert(sub.name.clone(), value);
                    Ok(true)
                }
                Ok(None) | Err(_) => Ok(false),
            }
        }
        Filter::Or(_) | Filter::Not(_) | Filter::Compare(..) | Filter::Present(_) => Ok(false),
        Filter::Within(..) => Ok(false),
    }
}
