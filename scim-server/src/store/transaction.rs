//! [`DieselTransaction`]: the rows of one organization. Its id is in every statement.

mod keys;
mod members;
mod rows;
mod told;

use std::collections::BTreeSet;
use std::sync::Arc;

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::{BigInt, Nullable, Text};
use jiff::Timestamp;
use scim_core::event::Event;
use scim_core::org::Organization;
use scim_core::query::{Page, Query};
use scim_core::resource::{Id, Resource, Version};
use scim_core::schema::ResourceType;
use scim_core::store::{Foresight, Identity, Member, MemberView, Membership, Tenant, Transaction};
use scim_core::{Error, Result};

use super::Inner;
use super::error::of;
use super::foresee::Seen;
#[cfg(feature = "postgres")]
use super::growth::Made;
use super::later::{Later, MEMBERS, MEMBERS_OF_IT, MEMBERS_THAT_IT_IS, MEMBERSHIPS, table_of};
use super::link::Link;
use super::locks::Hold;
use super::plans::Planned;
use super::search::{COLUMNS, Columns, integer};
use super::session::{Remembered, Session};
use super::statement::{name, statement};
use super::writer::{Attempt, changes, is_as_before};

use rows::version_of;
pub(super) use rows::{Row, id_of};
use told::Told;

/// Rows that are read in a moment.
pub(super) const FEW: usize = 250;

/// Values in one statement; SQLite takes 32,766.
pub(super) const LIST: usize = 500;

/// A transaction of a [`super::DieselStore`].
pub struct DieselTransaction<'a> {
    pub(super) link: Link<'a>,
    /// What is still to be written.
    pub(super) left: Vec<Later>,
    pub(super) store: &'a Inner,
    pub(super) tenant: Tenant,
    pub(super) hold: Hold<'a>,
    /// Events to be written before the commit, each in its organization.
    told: Vec<Told>,
    /// The first event told here: ids of later ones are higher.
    first_told: Option<Id>,
    /// The database ended the transaction: nothing more may be done in it.
    ended: bool,
    /// Organizations that were looked at, as they are now.
    pub(super) known: Vec<Organization>,
    /// What the connection remembers. None if it doesn't, or once this has changed some of it.
    pub(super) remembered: Option<&'a mut Remembered>,
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
            remembered: None,
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

    /// In a transaction that has begun on SQLite.
    pub(super) fn on(session: &'a mut Session, store: &'a Inner, tenant: &Tenant) -> Self {
        let Session { conn, remembered } = session;
        let tx = Self::new(Link::Begun(conn), store, tenant, Hold::Free);
        Self { remembered: Some(remembered), ..tx }
    }

    /// Whoever asked briefly asks again, where there is time.
    pub(super) fn no_time_for_more(&mut self) -> Result<()> {
        if self.brief {
            self.gave_up = true;
            return Err(Error::busy("The request takes longer; try again"));
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
        if new.kind().has_members() {
            // What its members' groups show is another name now.
            self.seen.groups.clear();
        }
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

    fn delete(&mut self, old: &Resource) -> Result<()> {
        let sql = self.this(statement("DELETE FROM resources"), old.kind(), old.id());
        let sql = sql.sql(" AND version = ").integer(version_of(old.version())?);
        let sql = sql.named::<name::DeleteRow>();
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
                .text(old.id().as_str())
                .named::<name::DeleteMembers>();
            self.write_later(MEMBERS_OF_IT, old.id().as_str(), sql)?;
        }
        let sql = statement("DELETE FROM members WHERE org = ")
            .text(self.tenant.as_str())
            .sql(" AND member_id = ")
            .text(old.id().as_str())
            .named::<name::LeaveAll>();
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
            // Most are in no group, and most groups in none: that is found out for less.
            match ids {
                [id] if !self.link.is_far() => {
                    if let Some(direct) = self.groups_without_others(&group_kind, id)? {
                        found.extend(direct);
                        continue;
                    }
                }
                _ if !self.are_members(ids)? => continue,
                _ => {}
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
        if let ([id], false) = (members, self.link.is_far()) {
            // The rules ask for them, and then the answer.
            self.seen.groups = vec![(self.tenant.clone(), id.clone(), found.clone())];
        }
        Ok(found)
    }

    fn append(&mut self, event: &Event) -> Result<()> {
        self.first_told.get_or_insert_with(|| event.id.clone());
        self.told.push(Told::new(&self.tenant, event));
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
