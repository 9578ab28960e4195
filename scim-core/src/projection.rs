//! [`Projection`]: which attributes a response shows (RFC 7644 §3.9, RFC 7643 §7 `returned`).

use serde_json::{Map, Value};

use crate::error::Kind;
use crate::path::AttrPath;
use crate::schema::{Attribute, ResourceType, Returned, Schema};
use crate::text::same_name;

/// `attributes` or `excludedAttributes` of a request, resolved against a resource type. Names that the
/// type doesn't know select nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Projection {
    mode: Mode,
    names: Vec<Name>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Mode {
    /// What is returned by default.
    #[default]
    Default,
    /// What is always returned, and what is named.
    Only,
    /// What is returned by default, less what is named.
    Except,
}

#[derive(Debug, Clone, PartialEq)]
struct Name {
    /// URN of the extension; `None` for the main schema and the common attributes.
    extension: Option<String>,
    /// The attribute; `None` for the whole schema.
    attribute: Option<String>,
    sub: Option<String>,
}

impl Name {
    /// Whether it names that sub-attribute.
    fn is_of(&self, sub: &Attribute) -> bool {
        self.sub.as_deref().is_some_and(|name| same_name(name, &sub.name))
    }
}

/// How much of one attribute is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// None of it.
    Nothing,
    /// These sub-attributes.
    Only(Vec<String>),
    /// All but these sub-attributes.
    Except(Vec<String>),
}

impl Part {
    /// Whether any of it is shown.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        *self != Self::Nothing
    }

    /// Whether that sub-attribute is shown.
    #[must_use]
    pub fn shows(&self, sub: &str) -> bool {
        match self {
            Self::Whole => true,
            Self::Nothing => false,
            Self::Only(subs) => subs.iter().any(|s| same_name(s, sub)),
            Self::Except(subs) => !subs.iter().any(|s| same_name(s, sub)),
        }
    }

    /// What is left of a value; `None` if nothing is.
    fn of(&self, value: &Value) -> Option<Value> {
        match (self, value) {
            (Self::Whole, value) => Some(value.clone()),
            (Self::Nothing, _) => None,
            (_, Value::Array(list)) => {
                let list: Vec<_> = list.iter().filter_map(|element| self.of(element)).collect();
                (!list.is_empty()).then_some(Value::Array(list))
            }
            (_, Value::Object(object)) => {
                let object: Map<_, _> = object
                    .iter()
                    .filter(|(name, _)| self.shows(name))
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect();
                (!object.is_empty()).then_some(Value::Object(object))
            }
            (Self::Only(_), _) => None,
            (Self::Except(_), value) => Some(value.clone()),
        }
    }
}

impl Projection {
    /// A projection from the two parameters. With both, `attributes` counts: the RFC lets a request
    /// have one of them.
    #[must_use]
    pub fn new(kind: &ResourceType, attributes: &[String], excluded: &[String]) -> Self {
        let (mode, names) = match (attributes, excluded) {
            ([], []) => return Self::default(),
            ([], excluded) => (Mode::Except, excluded),
            (attributes, _) => (Mode::Only, attributes),
        };
        Self { mode, names: names.iter().filter_map(|name| resolve(kind, name)).collect() }
    }

    /// Whether it leaves a stored document as it is.
    #[must_use]
    pub fn is_plain(&self, kind: &ResourceType) -> bool {
        self.mode == Mode::Default && !kind.has_request_only()
    }

    /// How much of an attribute is shown.
    #[must_use]
    pub fn part(&self, extension: Option<&str>, attribute: &Attribute) -> Part {
        let mut hidden = match self.named_part(extension, attribute) {
            Part::Whole if has_request_only(attribute) => Vec::new(),
            Part::Except(subs) => subs,
            part => return part,
        };
        let shown = |sub: &Attribute| {
            sub.returned != Returned::Request
                || (self.mode == Mode::Only
                    && self.named(extension, attribute).any(|name| name.is_of(sub)))
        };
        let unasked = attribute.sub_attributes.iter().filter(|sub| !shown(sub));
        hidden.extend(unasked.map(|sub| sub.name.clone()));
        let part = Part::Except(hidden);
        let any = attribute.sub_attributes.iter().any(|sub| part.shows(&sub.name));
        if any { part } else { Part::Nothing }
    }

    /// What is named of an attribute.
    fn named(&self, extension: Option<&str>, attribute: &Attribute) -> impl Iterator<Item = &Name> {
        self.names.iter().filter(move |name| {
            name.extension.as_deref() == extension
                && name.attribute.as_deref().is_none_or(|a| same_name(a, &attribute.name))
        })
    }

    fn named_part(&self, extension: Option<&str>, attribute: &Attribute) -> Part {
        let named = || self.named(extension, attribute);
        match (attribute.returned, self.mode) {
            (Returned::Always, _) => Part::Whole,
            (Returned::Never, _) => Part::Nothing,
            (Returned::Default, Mode::Default) => Part::Whole,
            (Returned::Request, Mode::Default | Mode::Except) => Part::Nothing,
            (Returned::Default | Returned::Request, Mode::Only) => {
                if named().any(|name| name.sub.is_none()) {
                    return Part::Whole;
                }
                let subs: Vec<_> = named().filter_map(|name| name.sub.clone()).collect();
                if subs.is_empty() { Part::Nothing } else { Part::Only(subs) }
            }
            (Returned::Default, Mode::Except) => {
                if named().any(|name| name.sub.is_none()) {
                    return Part::Nothing;
                }
                let subs: Vec<_> = named().filter_map(|name| name.sub.clone()).collect();
                if subs.is_empty() { Part::Whole } else { Part::Except(subs) }
            }
        }
    }

    /// How much of the attribute of that name in the main schema is shown.
    #[must_use]
    pub fn part_named(&self, kind: &ResourceType, name: &str) -> Part {
        kind.attribute(name).map_or(Part::Nothing, |attribute| self.part(None, attribute))
    }

    /// What is shown of a stored document.
    #[must_use]
    pub fn apply(&self, kind: &ResourceType, document: &Map<String, Value>) -> Map<String, Value> {
        let mut shown = Map::new();
        for (name, value) in document {
            if let Some(attribute) = kind.attribute(name) {
                if let Some(value) = self.part(None, attribute).of(value) {
                    shown.insert(name.clone(), value);
                }
            } else if let (Some(schema), Value::Object(object)) = (kind.extension(name), value) {
                let object = self.apply_extension(schema, object);
                if !object.is_empty() {
                    shown.insert(name.clone(), Value::Object(object));
                }
            }
        }
        shown
    }

    fn apply_extension(&self, schema: &Schema, object: &Map<String, Value>) -> Map<String, Value> {
        let shown = object.iter().filter_map(|(name, value)| {
            let attribute = schema.attribute(name)?;
            Some((name.clone(), self.part(Some(&schema.id), attribute).of(value)?))
        });
        shown.collect()
    }
}

fn resolve(kind: &ResourceType, text: &str) -> Option<Name> {
    // Some clients print a value path here; what it selects is its attribute.
    let text = text.split('[').next().unwrap_or(text).trim();
    if same_name(text, &kind.schema.id) {
        return Some(Name { extension: None, attribute: None, sub: None });
    }
    if let Some(schema) = kind.extension(text) {
        return Some(Name { extension: Some(schema.id.clone()), attribute: None, sub: None });
    }
    let path = AttrPath::parse(text).ok()?;
    let found = kind.resolve(&path, Kind::InvalidPath).ok()?;
    Some(Name {
        extension: found.extension.as_deref().map(str::to_owned),
        attribute: Some(found.attribute.name.clone()),
        sub: found.sub.as_ref().map(|sub| sub.name.clone()),
    })
}

impl ResourceType {
    /// Whether any attribute is returned on request only, so that a stored document can't go out whole.
    fn has_request_only(&self) -> bool {
        let extended = self.extensions.iter().flat_map(|e| &e.schema.attributes);
        let mut stored = self
            .schema
            .attributes
            .iter()
            .chain(extended)
            .filter(|attribute| !(self.has_members() && attribute.name == "members"));
        stored.any(|a| a.returned == Returned::Request || has_request_only(a))
    }
}

fn has_request_only(attribute: &Attribute) -> bool {
    attribute.sub_attributes.iter().any(|sub| sub.returned == Returned::Request)
}
