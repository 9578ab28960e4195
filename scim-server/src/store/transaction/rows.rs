//! A resource as a row.

use std::sync::Arc;

use diesel::deserialize::Queryable;
use diesel::sql_types::{BigInt, Nullable, Text};
use jiff::Timestamp;
use scim_core::resource::{Id, Resource, Stored, Version};
use scim_core::schema::ResourceType;
use scim_core::store::Identity;
use scim_core::{Error, Kind, Result};
use serde_json::Map;

use super::{DieselTransaction, LIST};
use crate::store::later::{COUNTS, MEMBERS_BY_NAME, table_of};
use crate::store::locks::Hold;
use crate::store::statement::{Statement, name, statement};

/// The columns of a resource, in the order of [`Row`].
pub(in crate::store) const COLUMNS: &str =
    "r.id, r.version, r.created, r.modified, r.body, r.secrets";
pub(in crate::store) type Columns = (Text, BigInt, BigInt, BigInt, Text, Nullable<Text>);

/// A resource as its row has it.
#[derive(Queryable)]
pub(in crate::store) struct Row(pub(in crate::store) String, i64, i64, i64, String, Option<String>);

impl Row {
    /// About how much memory it takes, in bytes.
    pub(in crate::store) fn size(&self) -> usize {
        self.4.len().saturating_add(self.5.as_ref().map_or(0, String::len))
    }

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
    /// The resource of that type and id.
    pub(super) fn find_row(
        &mut self,
        kind: &Arc<ResourceType>,
        id: &Id,
    ) -> Result<Option<Resource>> {
        if let Some(found) = self.seen.take_resource(kind, id) {
            if let Some(resource) = &found
                && !kind.has_members()
            {
                self.hold_on_to(id, resource.version());
            }
            return Ok(found);
        }
        let sql = statement("SELECT ").sql(COLUMNS).sql(" FROM resources r");
        let sql = self.this(sql, kind, id);
        // The members of a group are rows of their own, and it is locked once they are written.
        let sql = if kind.has_members() { sql } else { self.for_change(sql) };
        let rows: Vec<Row> =
            sql.rows_of::<name::Find, Columns, _>(self.conn_to_read(&[table_of(kind)])?)?;
        let found = rows.into_iter().next().map(|row| row.resource(kind)).transpose()?;
        if let Some(resource) = &found
            && (!kind.has_members() || self.is_alone())
        {
            self.hold_on_to(id, resource.version());
        }
        Ok(found)
    }

    /// What the ids stand for.
    pub(super) fn identify_rows(&mut self, ids: &[Id]) -> Result<Vec<Identity>> {
        if let Some(found) = self.seen.identities(ids) {
            self.groups_want_alone(found.iter().map(|identity| identity.kind.as_str()))?;
            return Ok(found);
        }
        self.may_lock_each(ids)?;
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(LIST) {
            let kinds = self.store.registry.types().iter().map(|kind| kind.name.as_str());
            let sql = statement("SELECT id, kind, label FROM resources WHERE org = ")
                .text(self.tenant.as_str())
                .sql(" AND kind ")
                .among(kinds)
                .sql(" AND id ")
                .among(ids.iter().map(Id::as_str));
            let sql = self.in_order_for_change(sql);
            let rows: Vec<(String, String, Option<String>)> = match ids {
                [_] => {
                    sql.rows_of::<name::Identity, (Text, Text, Nullable<Text>), _>(self.conn()?)?
                }
                _ => sql.rows::<(Text, Text, Nullable<Text>), _>(self.conn()?)?,
            };
            self.groups_want_alone(rows.iter().map(|(_, kind, _)| kind.as_str()))?;
            for (id, kind, label) in rows {
                found.push(Identity { id: id_of(&id)?, kind, label });
            }
        }
        Ok(found)
    }

    /// Raises the version of a resource, without loading it.
    pub(super) fn touch_row(
        &mut self,
        kind: &Arc<ResourceType>,
        id: &Id,
        now: Timestamp,
    ) -> Result<Version> {
        // Others wait for this row until the commit: what is left to write is written before.
        self.leave_events()?;
        if self.leaves(table_of(kind), id.as_str()) {
            self.write_what_is_left()?;
        }
        let sql = statement("UPDATE resources SET version = version + 1, modified = ")
            .per_backend("MAX", "GREATEST")
            .sql("(modified, ")
            .integer(now.as_millisecond())
            .sql(")");
        let sql = self.this(sql, kind, id).sql(" RETURNING version");
        let versions = if self.link.is_far() {
            self.write_all_and(|all| all.then(&sql))?
        } else {
            sql.rows_of::<name::Touch, BigInt, _>(self.conn()?)?
        };
        let version = versions
            .into_iter()
            .next()
            .ok_or_else(|| Error::not_found(format!("There is no {} with that id", kind.name)))?;
        Ok(Version(u64::try_from(version).map_err(Error::internal)?))
    }

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

    /// Removes all that the organization's directory holds, and its tokens.
    pub(in crate::store) fn clear_directory(&mut self) -> Result<()> {
        const CLEAR: [&str; 5] = [
            "DELETE FROM resources WHERE org = ",
            "DELETE FROM resource_counts WHERE org = ",
            "DELETE FROM unique_keys WHERE org = ",
            "DELETE FROM attribute_keys WHERE org = ",
            "DELETE FROM tokens WHERE org = ",
        ];
        for sql in CLEAR {
            statement(sql).text(self.tenant.as_str()).execute(self.conn()?)?;
        }
        Ok(())
    }
}
