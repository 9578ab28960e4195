//! A resource as a row.

use std::sync::Arc;

use diesel::deserialize::Queryable;
use jiff::Timestamp;
use scim_core::resource::{Id, Resource, Stored, Version};
use scim_core::schema::ResourceType;
use scim_core::{Error, Kind, Result};
use serde_json::Map;

use super::DieselTransaction;
use crate::store::later::{COUNTS, MEMBERS_BY_NAME, table_of};
use crate::store::locks::Hold;
use crate::store::statement::{Statement, name, statement};

/// A resource as its row has it: id, version, created, modified, body, secrets.
#[derive(Queryable)]
pub(in crate::store) struct Row(pub(in crate::store) String, i64, i64, i64, String, Option<String>);

impl Row {
    pub(in crate::store) fn resource(self, kind: &Arc<ResourceType>) -> Result<Resource> {
        let Self(id, version, created, modified, text, secrets) = self;
        let stored = Stored {
            id: id_of(&id)?,
            version: Version(u64::try_from(version).map_err(Error::internal)?),
            created: Timestamp::from_millisecond(created).map_err(Error::internal)?,
            modified: Timestamp::from_millisecond(modified).map_err(Error::internal)?,
            text,
            secrets: match secrets {
                None => Map::new(),
                Some(text) => serde_json::from_str(&text).map_err(Error::internal)?,
            },
        };
        Ok(Resource::from_stored(Arc::clone(kind), stored))
    }
}

/// The id that is stored as this text.
pub(in crate::store) fn id_of(text: &str) -> Result<Id> {
    Id::parse(text).ok_or_else(|| Error::internal("a stored id that is none"))
}

pub(super) fn changed_meanwhile() -> Error {
    Error::new(Kind::PreconditionFailed, "The resource has changed meanwhile")
}

pub(super) fn version_of(version: Version) -> Result<i64> {
    i64::try_from(version.0).map_err(Error::internal)
}

pub(super) fn secrets_of(resource: &Resource) -> Result<Option<String>> {
    if resource.secrets().is_empty() {
        return Ok(None);
    }
    serde_json::to_string(resource.secrets()).map(Some).map_err(Error::internal)
}

impl DieselTransaction<'_> {
    /// ` WHERE org = ? AND kind = ? AND id = ?`
    pub(super) fn this(&self, sql: Statement, kind: &ResourceType, id: &Id) -> Statement {
        sql.sql(" WHERE org = ")
            .text(self.tenant.as_str())
            .sql(" AND kind = ")
            .text(&kind.name)
            .sql(" AND id = ")
            .text(id.as_str())
    }

    pub(super) fn count(&mut self, kind: &ResourceType, by: i64) -> Result<()> {
        let sql = statement("INSERT INTO resource_counts (org, kind, part, n) VALUES (")
            .text(self.tenant.as_str())
            .sql(", ")
            .text(&kind.name)
            // Those who write at the same time, each on a connection of its own, mostly take different ones.
            .sql(", ")
            .per_backend("0", "pg_backend_pid() % 16")
            .sql(", ")
            .integer(by)
            .sql(
                ") ON CONFLICT (org, kind, part) DO UPDATE SET n = resource_counts.n + excluded.n",
            );
        self.write_later(COUNTS, &kind.name, sql.named::<name::Count>())
    }

    pub(super) fn insert_row(&mut self, resource: &Resource) -> Result<()> {
        let sql = statement(
            "INSERT INTO resources (org, kind, id, version, created, modified, label, body, secrets) \
             VALUES (",
        )
        .text(self.tenant.as_str())
        .sql(", ")
        .text(&resource.kind().name)
        .sql(", ")
        .text(resource.id().as_str())
        .sql(", ")
        .integer(version_of(resource.version())?)
        .sql(", ")
        .integer(resource.created().as_millisecond())
        .sql(", ")
        .integer(resource.modified().as_millisecond())
        .sql(", ")
        .optional_text(resource.label()?)
        .sql(", ")
        .text(resource.text())
        .sql(", ")
        .optional_text(secrets_of(resource)?.as_deref())
        .sql(")");
        let sql = sql.named::<name::InsertRow>();
        self.write_later(table_of(resource.kind()), resource.id().as_str(), sql)
    }

    pub(super) fn update_row(&mut self, old: &Resource, new: &Resource) -> Result<()> {
        let sql = statement("UPDATE resources SET version = ")
            .integer(version_of(new.version())?)
            .sql(", modified = ")
            .integer(new.modified().as_millisecond())
            .sql(", label = ")
            .optional_text(new.label()?)
            .sql(", body = ")
            .text(new.text())
            .sql(", secrets = ")
            .optional_text(secrets_of(new)?.as_deref());
        let sql = self.this(sql, new.kind(), new.id()).sql(" AND version = ");
        let sql = sql.integer(version_of(old.version())?).named::<name::UpdateRow>();
        self.write_this_version(old, sql)?;
        self.hold_on_to(new.id(), new.version());
        Ok(())
    }

    /// Writes a resource that has still the version that it was found with.
    pub(super) fn write_this_version(&mut self, old: &Resource, sql: Statement) -> Result<()> {
        let known = self.held.iter().rev().find(|(id, _)| id == old.id());
        if self.link.is_far() && known.is_some_and(|(_, version)| *version == old.version()) {
            return self.write_rows_later(table_of(old.kind()), old.id().as_str(), 1, sql);
        }
        match sql.execute(self.conn()?)? {
            0 => Err(changed_meanwhile()),
            _ => Ok(()),
        }
    }

    /// Takes note of a version that nobody else changes until the end.
    pub(in crate::store) fn hold_on_to(&mut self, id: &Id, version: Version) {
        if self.link.is_far() && !matches!(self.hold, Hold::Free) {
            self.held.push((id.clone(), version));
        }
    }

    /// Keeps what groups show of a member.
    pub(super) fn relabel(&mut self, old: &Resource, new: &Resource) -> Result<()> {
        if old.label()? == new.label()? {
            return Ok(());
        }
        let sql = statement("UPDATE members SET display = ")
            .optional_text(new.label()?)
            .sql(" WHERE org = ")
            .text(self.tenant.as_str())
            .sql(" AND member_id = ")
            .text(new.id().as_str());
        self.write_later(MEMBERS_BY_NAME, new.id().as_str(), sql.named::<name::Relabel>())
    }
}
