//! [`DieselTransaction`]: the rows of one organization. Its id is in every statement.

use std::collections::BTreeSet;
use std::sync::Arc;

use diesel::connection::SimpleConnection as _;
use diesel::deserialize::Queryable;
use diesel::sql_types::{BigInt, Nullable, Text};
use jiff::Timestamp;
use scim_core::event::Event;
use scim_core::org::Organization;
use scim_core::query::{Page, Query};
use scim_core::resource::{Id, Resource, Stored, Version};
use scim_core::schema::ResourceType;
use scim_core::store::{
    Foresight, Identity, Member, MemberView, Membership, Tenant, Transaction, UniqueKey,
};
use scim_core::{Error, Kind, Result};
use serde_json::Map;

use super::Inner;
use super::error::of;
use super::foresee::Seen;
#[cfg(feature = "postgres")]
use super::growth::Made;
use super::index::Key;
use super::later::{
    COUNTS, EVENTS, KEYS_THAT_COME, KEYS_THAT_GO, Later, MEMBERS, MEMBERS_BY_NAME, MEMBERS_OF_IT,
    MEMBERS_THAT_IT_IS, MEMBERSHIPS, UNIQUE_KEYS, table_of,
};
use super::link::Link;
use super::locks::Hold;
use super::plans::Planned;
use super::search::{COLUMNS, Columns, integer};
use super::statement::{Statement, name, statement};
use super::writer::{Attempt, changes, is_as_before};

/// Rows that are read in a moment.
pub(super) const FEW: usize = 250;

/// Values in one statement; SQLite takes 32,766.
pub(super) const LIST: usize = 500;

/// Events written in one statement.
const TOLD: usize = 16;

/// On PostgreSQL instances have clocks of their own, and the log has to be in the order of commits: what
/// comes after an event that an instance with a faster clock has told is told of a later time, all of it by
/// the same.
const LATER_EVENTS: &str = "SELECT e.org, CASE WHEN s.by = 0 THEN e.id ELSE \
     substr(lpad(to_hex(s.by + CAST(CAST('x0000' || substr(e.id, 1, 8) || substr(e.id, 10, 4) AS bit(64)) \
     AS bigint)), 12, '0'), 1, 8) || '-' || \
     substr(lpad(to_hex(s.by + CAST(CAST('x0000' || substr(e.id, 1, 8) || substr(e.id, 10, 4) AS bit(64)) \
     AS bigint)), 12, '0'), 9, 4) || substr(e.id, 14) END, \
     GREATEST(e.at + s.by, s.at), e.name, e.actor, e.request_id, e.target, e.detail FROM ";

/// Keys inserted in one statement; their statements are kept prepared, one for each number.
const KEYS: usize = 16;

/// A transaction of a [`super::DieselStore`].
pub struct DieselTransaction<'a> {
    pub(super) link: Link<'a>,
    /// What is still to be written.
    pub(super) left: Vec<Later>,
    pub(super) store: &'a Inner,
    pub(super) tenant: Tenant,
    pub(super) hold: Hold<'a>,
    /// Events to be written before the commit, each in its organization.
    told: Vec<(Tenant, Event)>,
    /// The first event told here: ids of later ones are higher.
    first_told: Option<Id>,
    /// The database ended the transaction: nothing more may be done in it.
    ended: bool,
    /// Organizations that were looked at, as they are now.
    pub(super) known: Vec<Organization>,
    /// How SQLite's writer runs it. A write has one.
    pub(super) attempt: Option<&'a Attempt>,
    /// What was found before it was asked for.
    pub(super) seen: Seen,
    /// What it has made, for statistics.
    #[cfg(feature = "postgres")]
    pub(super) made: Made,
    /// Resources as they were last found here, where nobody else changes them meanwhile.
    held: Vec<(Id, Version)>,
    /// It may touch a few rows only, and gives up otherwise.
    pub(super) brief: bool,
    pub(super) gave_up: bool,
    /// What the database is indexed by.
    pub(super) planned: Planned,
}

impl std::fmt::Debug for DieselTransaction<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DieselTransaction({:?})", self.tenant)
    }
}

/// A resource as its row has it: id, version, created, modified, body, secrets.
#[derive(Queryable)]
pub(super) struct Row(pub(super) String, i64, i64, i64, String, Option<String>);

impl Row {
    pub(super) fn resource(self, kind: &Arc<ResourceType>) -> Result<Resource> {
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

/// The time in an id of the kind that rises with time, in milliseconds.
fn milliseconds(id: &Id) -> Option<i64> {
    let uuid = uuid::Uuid::parse_str(id.as_str()).ok().filter(|id| id.get_version_num() == 7)?;
    i64::try_from(uuid.as_u128() >> 80).ok()
}

fn id_of(text: &str) -> Result<Id> {
    Id::parse(text).ok_or_else(|| Error::internal("a stored id that is none"))
}

fn changed_meanwhile() -> Error {
    Error::new(Kind::PreconditionFailed, "The resource has changed meanwhile")
}

fn version_of(version: Version) -> Result<i64> {
    i64::try_from(version.0).map_err(Error::internal)
}

impl<'a> DieselTransaction<'a> {
    pub(super) fn new(link: Link<'a>, store: &'a Inner, tenant: &Tenant, hold: Hold<'a>) -> Self {
        Self {
            link,
            left: Vec::new(),
            store,
            tenant: tenant.clone(),
            hold,
            told: Vec::new(),
            first_told: None,
            ended: false,
            known: Vec::new(),
            attempt: None,
            seen: Seen::default(),
            #[cfg(feature = "postgres")]
            made: Made::default(),
            held: Vec::new(),
            brief: false,
            gave_up: false,
            planned: Planned::default(),
        }
    }

    /// Whoever asked briefly asks again, where there is time.
    pub(super) fn no_time_for_more(&mut self) -> Result<()> {
        if self.brief {
            self.gave_up = true;
            return Err(Error::busy("The request takes longer; try again"));
        }
        Ok(())
    }

    /// ` WHERE org = ? AND kind = ? AND id = ?`
    fn this(&self, sql: Statement, kind: &ResourceType, id: &Id) -> Statement {
        sql.sql(" WHERE org = ")
            .text(self.tenant.as_str())
            .sql(" AND kind = ")
            .text(&kind.name)
            .sql(" AND id = ")
            .text(id.as_str())
    }

    fn take_unique(&mut self, resource: &Resource, key: &UniqueKey) -> Result<()> {
        let sql = self.taking(resource, key);
        if self.seen.take_free(resource.kind(), key) {
            return self.write_rows_later(UNIQUE_KEYS, &key.key, 1, sql);
        }
        match sql.execute(self.conn()?)? {
            0 => Err(key.taken(&resource.kind().name)),
            _ => Ok(()),
        }
    }

    fn taking(&self, resource: &Resource, key: &UniqueKey) -> Statement {
        statement("INSERT INTO unique_keys (org, kind, attr, key, id) VALUES (")
            .text(self.tenant.as_str())
            .sql(", ")
            .text(&resource.kind().name)
            .sql(", ")
            .text(&key.path)
            .sql(", ")
            .text(&key.key)
            .sql(", ")
            .text(resource.id().as_str())
            .sql(") ON CONFLICT DO NOTHING")
            .named::<name::TakeUnique>()
    }

    /// Takes all of these unique values, or none.
    fn take_all<'k>(
        &mut self,
        resource: &Resource,
        keys: impl Iterator<Item = &'k UniqueKey>,
    ) -> Result<()> {
        let mut taken: Vec<&UniqueKey> = Vec::new();
        for key in keys {
            if let Err(error) = self.take_unique(resource, key) {
                for key in taken {
                    self.release_unique(resource, key)?;
                }
                return Err(error);
            }
            taken.push(key);
        }
        Ok(())
    }

    fn release_unique(&mut self, resource: &Resource, key: &UniqueKey) -> Result<()> {
        let sql = statement("DELETE FROM unique_keys WHERE org = ")
            .text(self.tenant.as_str())
            .sql(" AND kind = ")
            .text(&resource.kind().name)
            .sql(" AND attr = ")
            .text(&key.path)
            .sql(" AND key = ")
            .text(&key.key)
            .sql(" AND id = ")
            .text(resource.id().as_str());
        self.write_later(UNIQUE_KEYS, &key.key, sql)
    }

    /// Several rows in a statement: each statement is a round trip to PostgreSQL.
    pub(super) fn insert_keys<'k>(
        &mut self,
        resource: &Resource,
        keys: impl IntoIterator<Item = &'k Key<'k>>,
    ) -> Result<()> {
        let keys: Vec<&Key<'_>> = keys.into_iter().collect();
        if self.link.is_far() && !keys.is_empty() {
            let sql = statement("INSERT INTO attribute_keys (org, kind, attr, key, id) SELECT ")
                .text(self.tenant.as_str())
                .sql(", ")
                .text(&resource.kind().name)
                .sql(", k.attr, k.key, ")
                .text(resource.id().as_str())
                .sql(" FROM unnest(")
                .list(keys.iter().map(|(attr, _)| *attr))
                .sql(", ")
                .list(keys.iter().map(|(_, key)| key.as_str()))
                .sql(") AS k (attr, key) ON CONFLICT DO NOTHING");
            return self.write_later(KEYS_THAT_COME, resource.id().as_str(), sql);
        }
        for keys in keys.chunks(KEYS) {
            // What a statement of several rows fails halfway with, SQLite undoes from copies of the pages, unless
            // it may ignore it.
            let mut sql = Statement::default()
                .per_backend("INSERT OR IGNORE INTO", "INSERT INTO")
                .sql(" attribute_keys (org, kind, id, attr, key) VALUES ");
            for (i, (attr, key)) in keys.iter().enumerate() {
                // What is the same for all is bound once.
                sql = if i > 0 {
                    sql.per_backend(", (?1, ?2, ?3, ", ", ($1, $2, $3, ")
                } else {
                    sql.sql("(")
                        .text(self.tenant.as_str())
                        .sql(", ")
                        .text(&resource.kind().name)
                        .sql(", ")
                        .text(resource.id().as_str())
                        .sql(", ")
                };
                sql = sql.text(attr).sql(", ").text(key).sql(")");
            }
            let sql = sql.per_backend("", " ON CONFLICT DO NOTHING");
            sql.named_by::<name::InsertKeys>(keys.len()).execute(self.conn()?)?;
        }
        Ok(())
    }

    fn delete_keys<'k>(
        &mut self,
        resource: &Resource,
        keys: impl IntoIterator<Item = &'k Key<'k>>,
    ) -> Result<()> {
        let keys: Vec<&Key<'_>> = keys.into_iter().collect();
        for keys in keys.chunks(KEYS) {
            let mut sql = statement("DELETE FROM attribute_keys WHERE ");
            for (i, (attr, key)) in keys.iter().enumerate() {
                sql = sql
                    .sql(if i > 0 { " OR (org = " } else { "(org = " })
                    .text(self.tenant.as_str())
                    .sql(" AND kind = ")
                    .text(&resource.kind().name)
                    .sql(" AND attr = ")
                    .text(attr)
                    .sql(" AND key = ")
                    .text(key)
                    .sql(" AND id = ")
                    .text(resource.id().as_str())
                    .sql(")");
            }
            let sql = sql.named_by::<name::DeleteKeys>(keys.len());
            self.write_later(KEYS_THAT_GO, resource.id().as_str(), sql)?;
        }
        Ok(())
    }

    /// Writes the difference between the keys of two states.
    fn exchange_keys(&mut self, old: Option<&Resource>, new: Option<&Resource>) -> Result<()> {
        let (store, plan) = (self.store, self.plan_to_write()?);
        let before = old.map(|old| plan.keys(old)).transpose()?.unwrap_or_default();
        let after = new.map(|new| store.key_rows(&plan, new)).transpose()?.unwrap_or_default();
        if let Some(old) = old {
            self.delete_keys(old, before.difference(&after))?;
        }
        if let Some(new) = new {
            self.insert_keys(new, after.difference(&before))?;
        }
        Ok(())
    }

    fn exchange_unique(&mut self, old: Option<&Resource>, new: Option<&Resource>) -> Result<()> {
        let store = self.store;
        let rows = |resource: &Resource| store.unique_rows(resource);
        let before = old.map(rows).transpose()?.unwrap_or_default();
        let after = new.map(rows).transpose()?.unwrap_or_default();
        let has = |list: &[UniqueKey], key: &UniqueKey| {
            list.iter().any(|k| k.path == key.path && k.key == key.key)
        };
        if let Some(new) = new {
            self.take_all(new, after.iter().filter(|key| !has(&before, key)))?;
        }
        if let Some(old) = old {
            for key in before.iter().filter(|key| !has(&after, key)) {
                self.release_unique(old, key)?;
            }
        }
        Ok(())
    }

    /// Writes the events that were kept for the end, in one statement.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.leave_events()?;
        self.write_at_last()
    }

    fn leave_events(&mut self) -> Result<()> {
        let told = std::mem::take(&mut self.told);
        told.chunks(TOLD).try_for_each(|told| self.insert_events(told))
    }

    fn insert_events(&mut self, told: &[(Tenant, Event)]) -> Result<()> {
        // A failure is the whole transaction's: SQLite need not keep copies of the pages to undo it.
        let mut sql = Statement::default()
            .per_backend("INSERT OR FAIL INTO", "INSERT INTO")
            .sql(" events (org, id, at, name, actor, request_id, target, detail) ");
        let first = self.first_told.clone().filter(|_| self.link.is_far());
        let first = first.and_then(|id| milliseconds(&id).map(|time| (id, time)));
        sql = match first {
            None => sql.sql("VALUES "),
            Some(_) => sql.sql(LATER_EVENTS).sql("(VALUES "),
        };
        for (i, (org, event)) in told.iter().enumerate() {
            sql = sql
                .sql(if i > 0 { ", (" } else { "(" })
                .text(org.as_str())
                .sql(", ")
                .text(event.id.as_str())
                .sql(", ")
                .integer(event.at.as_millisecond())
                .sql(", ")
                .text(&event.name)
                .sql(", ")
                .text(&event.actor)
                .sql(", ")
                .text(&event.request_id)
                .sql(", ")
                .text(event.target.as_str())
                .sql(", ")
                .text(&event.detail.to_string())
                .sql(")");
        }
        sql = match first {
            None => sql.named_by::<name::InsertEvents>(told.len()),
            Some((id, time)) => {
                let organizations: BTreeSet<&str> =
                    told.iter().map(|(org, _)| org.as_str()).collect();
                sql
                .sql(
                    ") AS e (org, id, at, name, actor, request_id, target, detail), \
                     (SELECT CASE WHEN l.id >= ",
                )
                .text(id.as_str())
                .sql(
                    " AND l.id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-7' THEN 1 + \
                     CAST(CAST('x0000' || substr(l.id, 1, 8) || substr(l.id, 10, 4) AS bit(64)) AS bigint) - ",
                )
                .integer(time)
                .sql(" ELSE 0 END AS by, l.at FROM (SELECT MAX(p.id) AS id, MAX(p.at) AS at FROM unnest(")
                .list(organizations)
                .sql(
                    ") AS o (org) CROSS JOIN LATERAL (SELECT id, at FROM events WHERE events.org = o.org \
                     ORDER BY id DESC LIMIT 1) p) l) s",
                )
            }
        };
        let first = told.first().map(|(_, event)| event.id.clone());
        self.write_later(EVENTS, first.as_ref().map(Id::as_str).unwrap_or_default(), sql)
    }

    fn count(&mut self, kind: &ResourceType, by: i64) -> Result<()> {
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

    fn insert_row(&mut self, resource: &Resource) -> Result<()> {
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

    fn update_row(&mut self, old: &Resource, new: &Resource) -> Result<()> {
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
    fn write_this_version(&mut self, old: &Resource, sql: Statement) -> Result<()> {
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
    pub(super) fn hold_on_to(&mut self, id: &Id, version: Version) {
        if self.link.is_far() && !matches!(self.hold, Hold::Free) {
            self.held.push((id.clone(), version));
        }
    }

    /// Keeps what groups show of a member.
    fn relabel(&mut self, old: &Resource, new: &Resource) -> Result<()> {
        if old.label()? == new.label()? {
            return Ok(());
        }
        let sql = statement("UPDATE members SET display = ")
            .optional_text(new.label()?)
            .sql(" WHERE org = ")
            .text(self.tenant.as_str())
            .sql(" AND member_id = ")
            .text(new.id().as_str());
        self.write_later(MEMBERS_BY_NAME, new.id().as_str(), sql)
    }

    fn adding(&self, group: &Id, member: &Member) -> Statement {
        statement("INSERT INTO members (org, group_id, member_id, kind, display) VALUES (")
            .text(self.tenant.as_str())
            .sql(", ")
            .text(group.as_str())
            .sql(", ")
            .text(member.id.as_str())
            .sql(", ")
            .text(&member.kind)
            .sql(", ")
            .optional_text(member.display.as_deref())
            .sql(") ON CONFLICT DO NOTHING")
    }

    /// Adds members in one statement.
    fn add_all(&mut self, group: &Id, members: &[Member]) -> Result<Vec<Id>> {
        // An array of texts has no NULL: what is shown is marked.
        let shown: Vec<String> = members
            .iter()
            .map(|m| m.display.as_ref().map_or_else(String::new, |d| format!("+{d}")))
            .collect();
        let sql = statement(
            "INSERT INTO members (org, group_id, member_id, kind, display) SELECT ",
        )
        .text(self.tenant.as_str())
        .sql(", ")
        .text(group.as_str())
        .sql(", m.id, m.kind, CASE WHEN m.shown <> '' THEN substr(m.shown, 2) END FROM unnest(")
        .list(members.iter().map(|member| member.id.as_str()))
        .sql(", ")
        .list(members.iter().map(|member| member.kind.as_str()))
        .sql(", ")
        .list(shown.iter().map(String::as_str))
        .sql(") AS m (id, kind, shown) ON CONFLICT DO NOTHING RETURNING member_id");
        let added: Vec<String> = sql.rows::<Text, _>(self.conn()?)?;
        added.iter().map(|id| id_of(id)).collect()
    }

    /// Removes members in one statement.
    fn remove_all(&mut self, group: &Id, members: &[Id]) -> Result<Vec<Id>> {
        let sql = statement("DELETE FROM members WHERE org = ")
            .text(self.tenant.as_str())
            .sql(" AND group_id = ")
            .text(group.as_str())
            .sql(" AND member_id ")
            .among(members.iter().map(Id::as_str))
            .sql(" RETURNING member_id");
        let gone: Vec<String> = sql.rows::<Text, _>(self.conn()?)?;
        gone.iter().map(|id| id_of(id)).collect()
    }

    fn removing(&self, group: &Id, member: &Id) -> Statement {
        statement("DELETE FROM members WHERE org = ")
            .text(self.tenant.as_str())
            .sql(" AND group_id = ")
            .text(group.as_str())
            .sql(" AND member_id = ")
            .text(member.as_str())
    }

    /// From a group's members, in the order of their ids.
    fn of_members(&self, sql: Statement, group: &Id, after: Option<&Id>) -> Statement {
        sql.sql(" FROM members WHERE org = ")
            .text(self.tenant.as_str())
            .sql(" AND group_id = ")
            .text(group.as_str())
            .sql(" AND member_id > ")
            .text(after.map(Id::as_str).unwrap_or_default())
            .sql(" ORDER BY member_id")
    }

    /// The groups that a group lists as members.
    pub(super) fn member_groups(&mut self, group: &Id) -> Result<Vec<Id>> {
        // 'Group' is spelled out for the sake of the index that has only those.
        let rows: Vec<String> = statement("SELECT member_id FROM members WHERE org = ")
            .text(self.tenant.as_str())
            .sql(" AND group_id = ")
            .text(group.as_str())
            .sql(" AND kind = 'Group' ORDER BY member_id")
            .rows::<Text, _>(self.conn_to_read(&MEMBERSHIPS)?)?;
        rows.iter().map(|id| id_of(id)).collect()
    }

    /// Removes all that the organization's directory holds, and its tokens.
    pub(super) fn clear_directory(&mut self) -> Result<()> {
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

    /// What was found isn't so any more: something is undone.
    fn forget(&mut self) {
        self.known.clear();
        self.held.clear();
        self.seen = Seen::default();
        self.planned.undo();
    }

    /// As [`Transaction::nested`], without a savepoint: if `f` fails once it has written, everything is run again
    /// with them.
    fn nested_in_hope<R>(
        &mut self,
        attempt: &Attempt,
        f: impl FnOnce(&mut Self) -> Result<R>,
    ) -> Result<R> {
        let (before, told) = (changes(self.conn()?)?, self.told.len());
        let done = f(self);
        if done.is_err() {
            self.told.truncate(told);
            self.forget();
            if self.ended || !is_as_before(self.conn()?, before) {
                attempt.ask_again();
                self.ended = true;
            }
        }
        done
    }

    /// The name of the type whose members are rows.
    pub(super) fn group_kind(&self) -> String {
        let kind = self.store.registry.types().iter().find(|kind| kind.has_members());
        kind.map(|kind| kind.name.clone()).unwrap_or_default()
    }
}

fn secrets_of(resource: &Resource) -> Result<Option<String>> {
    if resource.secrets().is_empty() {
        return Ok(None);
    }
    serde_json::to_string(resource.secrets()).map(Some).map_err(Error::internal)
}

impl Transaction for DieselTransaction<'_> {
    fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    fn find(&mut self, kind: &Arc<ResourceType>, id: &Id) -> Result<Option<Resource>> {
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

    fn foresee(&mut self, foresight: &Foresight<'_>) -> Result<()> {
        self.look_ahead(foresight)
    }

    fn identify(&mut self, ids: &[Id]) -> Result<Vec<Identity>> {
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
            let rows: Vec<(String, String, Option<String>)> = self
                .in_order_for_change(sql)
                .rows::<(Text, Text, Nullable<Text>), _>(self.conn()?)?;
            self.groups_want_alone(rows.iter().map(|(_, kind, _)| kind.as_str()))?;
            for (id, kind, label) in rows {
                found.push(Identity { id: id_of(&id)?, kind, label });
            }
        }
        Ok(found)
    }

    fn search(&mut self, kind: &Arc<ResourceType>, query: &Query) -> Result<Page> {
        if let Some(page) = self.seen.take_page(kind) {
            return Ok(page);
        }
        self.search_page(kind, query)
    }

    fn insert(&mut self, resource: &Resource) -> Result<()> {
        // The unique values come first: one that is taken leaves nothing behind.
        let keys = self.store.unique_rows(resource)?;
        self.take_all(resource, keys.iter())?;
        self.insert_row(resource)?;
        self.exchange_keys(None, Some(resource))?;
        #[cfg(feature = "postgres")]
        {
            self.made.resources = self.made.resources.saturating_add(1);
        }
        self.count(resource.kind(), 1)
    }

    fn update(&mut self, old: &Resource, new: &Resource) -> Result<()> {
        // What may be refused comes first: it leaves nothing behind.
        self.exchange_unique(Some(old), Some(new))?;
        if let Err(error) = self.update_row(old, new) {
            self.exchange_unique(Some(new), Some(old))?;
            return Err(error);
        }
        self.exchange_keys(Some(old), Some(new))?;
        self.relabel(old, new)
    }

    fn touch(&mut self, kind: &Arc<ResourceType>, id: &Id, now: Timestamp) -> Result<Version> {
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
        let versions = self.write_all_and(|all| all.then(&sql))?;
        let version = versions
            .into_iter()
            .next()
            .ok_or_else(|| Error::not_found(format!("There is no {} with that id", kind.name)))?;
        Ok(Version(u64::try_from(version).map_err(Error::internal)?))
    }

    fn delete(&mut self, old: &Resource) -> Result<()> {
        let sql = self.this(statement("DELETE FROM resources"), old.kind(), old.id());
        let sql = sql.sql(" AND version = ").integer(version_of(old.version())?);
        // What was written of members is to be seen by what removes them.
        if self.leaves_any(MEMBERS) {
            self.write_what_is_left()?;
        }
        self.write_this_version(old, sql)?;
        self.exchange_unique(Some(old), None)?;
        self.exchange_keys(Some(old), None)?;
        self.count(old.kind(), -1)?;
        self.seen.forget_members();
        if old.kind().has_members() {
            let sql = statement("DELETE FROM members WHERE org = ")
                .text(self.tenant.as_str())
                .sql(" AND group_id = ")
                .text(old.id().as_str());
            self.write_later(MEMBERS_OF_IT, old.id().as_str(), sql)?;
        }
        let sql = statement("DELETE FROM members WHERE org = ")
            .text(self.tenant.as_str())
            .sql(" AND member_id = ")
            .text(old.id().as_str());
        self.write_later(MEMBERS_THAT_IT_IS, old.id().as_str(), sql)
    }

    fn add_members(&mut self, group: &Id, members: &[Member]) -> Result<Vec<Id>> {
        #[cfg(feature = "postgres")]
        {
            let more = u64::try_from(members.len()).unwrap_or_default();
            self.made.members = self.made.members.saturating_add(more);
        }
        let there = self.seen.members_there(group, members.iter().map(|member| &member.id));
        self.seen.forget_members();
        if let Some(there) = there {
            let new: Vec<&Member> = members.iter().filter(|m| !there.contains(&m.id)).collect();
            for member in &new {
                let sql = self.adding(group, member);
                self.write_rows_later(MEMBERS, member.id.as_str(), 1, sql)?;
            }
            return Ok(new.into_iter().map(|member| member.id.clone()).collect());
        }
        if self.link.is_far() && members.len() > 1 {
            return self.add_all(group, members);
        }
        let mut new = Vec::new();
        for member in members {
            if self.adding(group, member).execute(self.conn()?)? > 0 {
                new.push(member.id.clone());
            }
        }
        Ok(new)
    }

    fn remove_members(&mut self, group: &Id, members: &[Id]) -> Result<Vec<Id>> {
        let there = self.seen.members_there(group, members.iter());
        let kinds = self.seen.kinds_of_members();
        self.seen.forget_members();
        if let Some(there) = there {
            self.groups_want_alone(kinds.iter().map(String::as_str))?;
            for member in &there {
                let sql = self.removing(group, member);
                self.write_rows_later(MEMBERS, member.as_str(), 1, sql)?;
            }
            return Ok(there);
        }
        self.lock_members(members)?;
        if self.link.is_far() && members.len() > 1 {
            return self.remove_all(group, members);
        }
        let mut gone = Vec::new();
        for member in members {
            if self.removing(group, member).execute(self.conn()?)? > 0 {
                gone.push(member.clone());
            }
        }
        Ok(gone)
    }

    fn members(&mut self, group: &Id, after: Option<&Id>, limit: usize) -> Result<Vec<Member>> {
        let most = if self.brief { limit.min(FEW) } else { limit };
        let rows: Vec<(String, String, Option<String>)> = self
            .of_members(statement("SELECT member_id, kind, display"), group, after)
            .limit(integer(most))
            .rows::<(Text, Text, Nullable<Text>), _>(self.conn_to_read(&MEMBERSHIPS)?)?;
        if most < limit && rows.len() == most {
            self.no_time_for_more()?;
        }
        let member =
            |(id, kind, display): (String, _, _)| Ok(Member { id: id_of(&id)?, kind, display });
        rows.into_iter().map(member).collect()
    }

    fn each_member(
        &mut self,
        group: &Id,
        after: Option<&Id>,
        limit: usize,
        f: &mut dyn FnMut(MemberView<'_>) -> Result<()>,
    ) -> Result<()> {
        if self.brief && limit > FEW {
            let beyond = statement("SELECT CAST(1 AS BIGINT)");
            let beyond = self.of_members(beyond, group, after).limit(1).sql(" OFFSET (0 + ");
            let beyond = beyond.integer(integer(FEW)).sql(")");
            if beyond.count(self.conn_to_read(&MEMBERSHIPS)?)? > 0 {
                return self.no_time_for_more();
            }
        }
        // In one text: what a column costs on its way here is more than what it takes to put them together. Ids
        // and names of types have no spaces in them.
        let members =
            statement("SELECT kind || ' ' || member_id || ' ' || COALESCE('+' || display, '')");
        let sql = self.of_members(members, group, after).limit(integer(limit));
        sql.each(self.conn_to_read(&MEMBERSHIPS)?, &mut |text| {
            let mut parts = text.splitn(3, ' ');
            let mut next = || parts.next().unwrap_or_default();
            let (kind, id, display) = (next(), next(), next().strip_prefix('+'));
            f(MemberView { id, kind, display })
        })
    }

    fn groups_of(&mut self, members: &[Id]) -> Result<Vec<Membership>> {
        if let Some(found) = self.seen.groups_of(&self.tenant, members) {
            return Ok(found);
        }
        let mut found = Vec::new();
        let group_kind = self.group_kind();
        let unique: BTreeSet<&Id> = members.iter().collect();
        let unique: Vec<&Id> = unique.into_iter().collect();
        for ids in unique.chunks(LIST) {
            // Most are in no group, and that is found out for less.
            let any_of = statement("SELECT CAST(1 AS BIGINT) FROM members m WHERE m.org = ")
                .text(self.tenant.as_str())
                .sql(" AND m.member_id ")
                .among(ids.iter().map(|id| id.as_str()))
                .sql(" LIMIT 1");
            let conn = self.conn_to_read(&MEMBERSHIPS)?;
            let any: Vec<i64> = match ids {
                [_] => any_of.rows_of::<name::IsMember, BigInt, _>(conn)?,
                _ => any_of.rows::<BigInt, _>(conn)?,
            };
            if any.is_empty() {
                continue;
            }
            let rows: Vec<(String, String, i64, Option<String>)> = statement(
                "WITH RECURSIVE up (member_id, group_id, direct) AS (\
                 SELECT m.member_id, m.group_id, CAST(1 AS BIGINT) FROM members m WHERE m.org = ",
            )
            .text(self.tenant.as_str())
            .sql(" AND m.member_id ")
            .among(ids.iter().map(|id| id.as_str()))
            .sql(" UNION SELECT up.member_id, m.group_id, CAST(0 AS BIGINT) FROM up CROSS JOIN members m WHERE m.org = ")
            .text(self.tenant.as_str())
            .sql(
                " AND m.member_id = up.group_id) \
                 SELECT up.member_id, up.group_id, MAX(up.direct), r.label FROM up \
                 LEFT JOIN resources r ON r.org = ",
            )
            .text(self.tenant.as_str())
            .sql(" AND r.kind = ")
            .text(&group_kind)
            .sql(
                " AND r.id = up.group_id GROUP BY up.member_id, up.group_id, r.label \
                 ORDER BY up.member_id, up.group_id",
            )
            .rows::<(Text, Text, BigInt, Nullable<Text>), _>(self.conn_to_read(&MEMBERSHIPS)?)?;
            for (member, group, direct, display) in rows {
                let (member, group) = (id_of(&member)?, id_of(&group)?);
                found.push(Membership { member, group, display, direct: direct == 1 });
            }
        }
        Ok(found)
    }

    fn append(&mut self, event: &Event) -> Result<()> {
        self.first_told.get_or_insert_with(|| event.id.clone());
        self.told.push((self.tenant.clone(), event.clone()));
        Ok(())
    }

    fn alone(&mut self) -> Result<()> {
        self.become_alone()
    }

    fn nested<R>(&mut self, f: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        // A panic passes through here to the writer, whose own savepoint takes this one with it.
        if self.ended {
            return Err(Error::busy("The change could not be stored; try again"));
        }
        if let Some(attempt) = self.attempt.filter(|attempt| !attempt.has_savepoints()) {
            return self.nested_in_hope(attempt, f);
        }
        self.conn()?.batch_execute("SAVEPOINT inner_one").map_err(of)?;
        let told = self.told.len();
        let done = f(self).and_then(|done| self.write_what_is_left().map(|()| done));
        if let Err(error) = &done {
            self.note(error);
            self.told.truncate(told);
            self.left.clear();
            self.forget();
        }
        let end = match done {
            Ok(_) => "RELEASE inner_one",
            Err(_) => "ROLLBACK TO inner_one; RELEASE inner_one",
        };
        if let Err(error) = self.conn()?.batch_execute(end) {
            self.ended = true;
            return Err(Error::busy("The change could not be stored; try again").with_source(error));
        }
        done
    }
}
