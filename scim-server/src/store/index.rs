//! Which attributes can be looked up without reading documents, and the keys to do it by.

use std::collections::BTreeSet;

use scim_core::filter::Operand;
use scim_core::path::AttrPath;
use scim_core::resource::Resource;
use scim_core::schema::{AttrRef, Registry, ResourceType, Type};
use scim_core::store::{UniqueKey, unique_keys};
use scim_core::{Error, Kind, Result, text};
use serde_json::Value;

use super::Inner;

/// What identity providers look people up by.
const STANDARD: [&str; 13] = [
    "User:externalId",
    "User:displayName",
    "User:emails.value",
    "User:phoneNumbers.value",
    "User:name.familyName",
    "User:name.givenName",
    "User:active",
    "User:userType",
    "User:urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
    "User:urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    "User:urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
    "Group:externalId",
    "User:schemas",
];

/// What nearly all resources have, and no key is kept for: those without it have one instead, [`LACKING`].
const USUAL: [(&str, &str); 2] =
    [("User:active", "true"), ("User:schemas", "urn:ietf:params:scim:schemas:core:2.0:User")];

/// The key of a resource that lacks the usual value of an attribute. No value has it: an empty one has none.
pub(super) const LACKING: &str = "";

/// The indexed attributes beyond the unique ones.
#[derive(Debug, Clone, Default)]
pub(super) struct IndexPlan {
    attributes: Vec<Indexed>,
    /// A number that rises with each change, once it is stored.
    version: u64,
    /// As it is stored: the number and the attributes.
    text: String,
}

#[derive(Debug, Clone)]
struct Indexed {
    kind: String,
    path: String,
    attr: AttrRef,
    /// The key that nearly all have, which isn't kept.
    usual: Option<String>,
}

/// One row of a key table: attribute and key.
pub(super) type Key<'p> = (&'p str, String);

impl IndexPlan {
    /// The standard attributes and these.
    ///
    /// # Errors
    /// One sentence about one that can't be indexed.
    pub(super) fn new(registry: &Registry, more: &[String]) -> std::result::Result<Self, String> {
        let mut plan = Self::default();
        // A registry without that type or attribute has nothing to index.
        for entry in STANDARD {
            plan.attributes.extend(Indexed::new(registry, entry));
        }
        for entry in more {
            let indexed = Indexed::new(registry, entry).ok_or_else(|| {
                format!(
                    "\"{entry}\" can't be indexed; name a simple attribute as Type:path, like User:title or \
                     User:name.givenName"
                )
            })?;
            plan.add(indexed);
        }
        Ok(plan)
    }

    /// The plan that a database has.
    ///
    /// # Errors
    /// [`Kind::Busy`] for one with attributes that aren't known here.
    pub(super) fn parse(registry: &Registry, text: &str) -> Result<Self> {
        // The first plans had no number.
        let (version, entries) = match text.split_once(' ') {
            Some((number, entries)) if !number.contains(':') => (number.parse().ok(), entries),
            _ => (Some(0), text),
        };
        let version = version.ok_or_else(|| newer(text))?;
        let mut plan = Self { version, text: text.to_owned(), ..Self::default() };
        for entry in entries.split(' ').filter(|entry| !entry.is_empty()) {
            let (name, usual) = match entry.split_once('!') {
                Some((name, usual)) => (name, Some(usual.to_owned())),
                None => (entry, None),
            };
            let indexed = Indexed::new(registry, name).ok_or_else(|| newer(entry))?;
            plan.add(Indexed { usual, ..indexed });
        }
        Ok(plan)
    }

    /// The plan, to be stored under a number.
    pub(super) fn numbered(self, version: u64) -> Self {
        let entry = |Indexed { kind, path, usual, .. }: &Indexed| match usual {
            None => format!(" {kind}:{path}"),
            Some(usual) => format!(" {kind}:{path}!{usual}"),
        };
        let entries: String = self.attributes.iter().map(entry).collect();
        Self { version, text: format!("{version}{entries}"), ..self }
    }

    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    /// As it is stored.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// This plan, and what another has beyond it.
    pub(super) fn and(mut self, other: &Self) -> Self {
        other.attributes.iter().cloned().for_each(|indexed| self.add(indexed));
        self
    }

    /// Whether the key tables look the same by both.
    pub(super) fn indexes_the_same(&self, other: &Self) -> bool {
        let has = |plan: &Self, one: &Indexed| plan.attributes.iter().any(|i| i.is_as(one));
        self.attributes.len() == other.attributes.len()
            && self.attributes.iter().all(|one| has(other, one))
    }

    /// The attributes beyond the standard ones, for people.
    pub(super) fn beyond_standard(&self) -> String {
        let names = self.attributes.iter().map(|i| format!("{}:{}", i.kind, i.path));
        let more: Vec<_> = names.filter(|name| !STANDARD.contains(&name.as_str())).collect();
        if more.is_empty() { "none".to_owned() } else { more.join(",") }
    }

    fn add(&mut self, indexed: Indexed) {
        if !self.attributes.iter().any(|i| i.kind == indexed.kind && i.path == indexed.path) {
            self.attributes.push(indexed);
        }
    }

    /// Whether the attribute has keys.
    pub(super) fn has(&self, kind: &ResourceType, attr: &AttrRef) -> bool {
        self.find(kind, attr).is_some()
    }

    /// The key of the attribute that nearly all have: instead of it, those without have [`LACKING`].
    pub(super) fn usual(&self, kind: &ResourceType, attr: &AttrRef) -> Option<&str> {
        self.find(kind, attr)?.usual.as_deref()
    }

    fn find(&self, kind: &ResourceType, attr: &AttrRef) -> Option<&Indexed> {
        let path = attr.to_string();
        self.attributes.iter().find(|indexed| indexed.kind == kind.name && indexed.path == path)
    }

    /// The keys of a resource, each once; of attributes only that `other` has another value of, if there is one.
    pub(super) fn keys(
        &self,
        resource: &Resource,
        other: Option<&Resource>,
    ) -> Result<BTreeSet<Key<'_>>> {
        let document = resource.document()?;
        let other = other.map(Resource::document).transpose()?;
        let mut keys = BTreeSet::new();
        for indexed in self.attributes.iter().filter(|i| i.kind == resource.kind().name) {
            if other.is_some_and(|o| indexed.attr.whole(o) == indexed.attr.whole(document)) {
                continue;
            }
            let mut lacking = indexed.usual.is_some();
            for value in indexed.attr.values(document) {
                match key_of(&indexed.attr, value) {
                    Some(key) if indexed.usual.as_ref() == Some(&key) => lacking = false,
                    Some(key) => drop(keys.insert((indexed.path.as_str(), key))),
                    None => {}
                }
            }
            if lacking {
                keys.insert((indexed.path.as_str(), LACKING.to_owned()));
            }
        }
        Ok(keys)
    }
}

fn newer(entry: &str) -> Error {
    Error::busy("The database is indexed by a newer program").with_source(format!(
        "the database is indexed by \"{entry}\", which isn't known here; run the newer program"
    ))
}

impl Indexed {
    fn new(registry: &Registry, entry: &str) -> Option<Self> {
        let (kind, path) = entry.split_once(':')?;
        let kind = registry.by_name(kind)?;
        let attr = kind.resolve(&AttrPath::parse(path).ok()?, Kind::InvalidPath).ok()?;
        if attr.leaf().kind == Type::Complex || attr.is_secret() {
            return None;
        }
        let (kind, path) = (kind.name.clone(), attr.to_string());
        let usual = USUAL.iter().find(|(name, _)| *name == format!("{kind}:{path}"));
        let exact = attr.leaf().is_case_exact();
        let usual = usual.map(|(_, value)| text::key(value, exact).into_owned());
        Some(Self { kind, path, attr, usual })
    }

    fn is_as(&self, other: &Self) -> bool {
        (&self.kind, &self.path, &self.usual) == (&other.kind, &other.path, &other.usual)
    }
}

/// The key of a value, where its type has one. Numbers and dates are compared in other ways.
fn key_of(attr: &AttrRef, value: &Value) -> Option<String> {
    let leaf = attr.leaf();
    match (leaf.kind, value) {
        (Type::Boolean, Value::Bool(b)) => Some(b.to_string()),
        (Type::String | Type::Reference | Type::Binary, Value::String(s)) if !s.is_empty() => {
            Some(text::key(s, leaf.is_case_exact()).into_owned())
        }
        _ => None,
    }
}

/// The key that an operand is compared with.
pub(super) fn operand_key(operand: &Operand) -> Option<String> {
    match operand {
        Operand::Bool(b) => Some(b.to_string()),
        Operand::Text(text) => Some(text.clone()),
        Operand::Number(_) | Operand::Instant(_) => None,
    }
}

impl Inner {
    /// The unique values of a resource as rows.
    pub(super) fn unique_rows(&self, resource: &Resource) -> Result<Vec<UniqueKey>> {
        let keys = unique_keys(resource)?;
        for key in &keys {
            self.require_short(&key.path, &key.key)?;
        }
        Ok(keys)
    }

    /// The values of a resource that it can be looked up by, as rows; of attributes only that `other` has another
    /// value of, if there is one.
    pub(super) fn key_rows<'p>(
        &self,
        plan: &'p IndexPlan,
        resource: &Resource,
        other: Option<&Resource>,
    ) -> Result<BTreeSet<Key<'p>>> {
        let keys = plan.keys(resource, other)?;
        for (path, key) in &keys {
            self.require_short(path, key)?;
        }
        Ok(keys)
    }

    /// # Errors
    /// [`Kind::InvalidValue`] for a value that the database can't index.
    pub(super) fn require_short(&self, path: &str, key: &str) -> Result<()> {
        match self.target.longest_key() {
            Some(longest) if key.len() > longest => Err(Error::invalid_value(format!(
                "\"{path}\" can be searched for, and its values may have {longest} bytes for that"
            ))),
            _ => Ok(()),
        }
    }
}
