//! Which attributes can be looked up without reading documents, and the keys to do it by.

use std::collections::BTreeSet;

use scim_core::filter::Operand;
use scim_core::path::AttrPath;
use scim_core::resource::Resource;
use scim_core::schema::{AttrRef, Registry, ResourceType, Type};
use scim_core::store::{Tenant, UniqueKey, unique_keys};
use scim_core::{Error, Kind, Result, text};
use serde_json::Value;

use super::connection::Conn;
use super::error::OpenError;
use super::link::Link;
use super::locks::{Hold, lock, stop_writes};
use super::statement::statement;
use super::transaction::DieselTransaction;
use super::{Inner, setting};

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

/// The setting that tells which plan the key tables were written by.
const PLAN_SETTING: &str = "index_plan";

/// The indexed attributes beyond the unique ones.
#[derive(Debug, Clone)]
pub(super) struct IndexPlan(Vec<Indexed>);

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
    pub(super) fn new(
        registry: &Registry,
        more: &[String],
    ) -> std::result::Result<Self, OpenError> {
        let mut plan: Vec<Indexed> = Vec::new();
        let standard = STANDARD.iter().map(|entry| (*entry, false));
        for (entry, asked) in standard.chain(more.iter().map(|entry| (entry.as_str(), true))) {
            let found = entry.split_once(':').and_then(|(kind, path)| {
                let path = AttrPath::parse(path).ok()?;
                let kind = registry.by_name(kind)?;
                Some((kind, kind.resolve(&path, Kind::InvalidPath).ok()?))
            });
            match found {
                Some((kind, attr)) if attr.leaf().kind != Type::Complex && !attr.is_secret() => {
                    let (kind, path) = (kind.name.clone(), attr.to_string());
                    if !plan.iter().any(|known| known.kind == kind && known.path == path) {
                        let usual =
                            USUAL.iter().find(|(name, _)| *name == format!("{kind}:{path}"));
                        let exact = attr.leaf().is_case_exact();
                        let usual = usual.map(|(_, value)| text::key(value, exact).into_owned());
                        plan.push(Indexed { kind, path, attr, usual });
                    }
                }
                _ if asked => {
                    return Err(OpenError::new(format!(
                        "\"{entry}\" can't be indexed; name a simple attribute as Type:path, like \
                         User:title or User:name.givenName"
                    )));
                }
                // A registry without that type or attribute has nothing to index.
                _ => {}
            }
        }
        Ok(Self(plan))
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
        self.0.iter().find(|indexed| indexed.kind == kind.name && indexed.path == path)
    }

    /// The keys of a resource, by attribute.
    pub(super) fn keys(&self, resource: &Resource) -> Result<BTreeSet<Key<'_>>> {
        let document = resource.document()?;
        let mut keys = BTreeSet::new();
        for indexed in self.0.iter().filter(|i| i.kind == resource.kind().name) {
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

    fn describe(&self) -> String {
        let entry = |Indexed { kind, path, usual, .. }: &Indexed| match usual {
            None => format!("{kind}:{path}"),
            Some(usual) => format!("{kind}:{path}!{usual}"),
        };
        self.0.iter().map(entry).collect::<Vec<_>>().join(" ")
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

    /// The values of a resource that it can be looked up by, as rows.
    pub(super) fn key_rows(&self, resource: &Resource) -> Result<BTreeSet<Key<'_>>> {
        let keys = self.plan.keys(resource)?;
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

    /// Writes the key tables anew if they were written by another plan.
    pub(super) fn reindex_if_planned_anew(&self) -> Result<()> {
        let plan = self.plan.describe();
        let is_there = |there: &Option<String>| there.as_deref() == Some(plan.as_str());
        if is_there(&self.glance(|conn| setting(conn, PLAN_SETTING))?) {
            return Ok(());
        }
        self.write(|conn| {
            lock(conn, "setting", PLAN_SETTING)?;
            let there = setting(conn, PLAN_SETTING)?;
            if is_there(&there) {
                // Another instance was faster.
                return Ok(());
            }
            if there.is_some() {
                stop_writes(conn)?;
                log::info!("the indexed attributes have changed: indexing anew");
                self.reindex(conn)?;
            }
            statement("INSERT INTO settings (name, value) VALUES (")
                .text(PLAN_SETTING)
                .sql(", ")
                .text(&plan)
                .sql(") ON CONFLICT (name) DO UPDATE SET value = excluded.value")
                .execute(conn)?;
            Ok(())
        })
    }

    fn reindex(&self, conn: &mut Conn) -> Result<()> {
        use diesel::sql_types::Text;
        statement("DELETE FROM attribute_keys").execute(conn)?;
        let organizations: Vec<String> =
            statement("SELECT id FROM organizations").rows::<Text, _>(conn)?;
        for organization in organizations {
            let tenant = Tenant::new(&organization);
            let mut tx = DieselTransaction::new(Link::Begun(conn), self, &tenant, Hold::Free);
            for kind in self.registry.types() {
                let mut after = String::new();
                loop {
                    let page = tx.page_after(kind, &after, 1000)?;
                    let Some(last) = page.last() else { break };
                    after = last.id().to_string();
                    for resource in &page {
                        tx.insert_keys(resource, self.key_rows(resource)?.iter())?;
                    }
                    tx.write_what_is_left()?;
                }
            }
        }
        Ok(())
    }
}
