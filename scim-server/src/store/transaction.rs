//! [`DieselTransaction`]: the rows of one organization. Its id is in every statement.

mod keys;
mod members;
mod memberships;
mod rows;
mod told;

use std::sync::Arc;

use diesel::connection::SimpleConnection as _;
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
use super::later::{Later, MEMBERS, MEMBERS_OF_IT, MEMBERS_THAT_IT_IS};
use super::link::Link;
use super::locks::Hold;
use super::plans::Planned;
use super::session::{Remembered, Session};
use super::statement::{name, statement};
use super::writer::{Attempt, changes, is_as_before};

use rows::version_of;
pub(super) use rows::{COLUMNS, Columns, Row, id_of};
use told::Told;
pub(super) use told::milliseconds;

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
        self.find_row(kind, id)
    }

    fn foresee(&mut self, foresight: &Foresight<'_>) -> Result<()> {
        self.look_ahead(foresight)
    }

    fn identify(&mut self, ids: &[Id]) -> Result<Vec<Identity>> {
        self.identify_rows(ids)
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
        self.touch_row(kind, id, now)
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
        self.join(group, members)
    }

    fn remove_members(&mut self, group: &Id, members: &[Id]) -> Result<Vec<Id>> {
        self.leave_group(group, members)
    }

    fn members(&mut self, group: &Id, after: Option<&Id>, limit: usize) -> Result<Vec<Member>> {
        self.members_after(group, after, limit)
    }

    fn each_member(
        &mut self,
        group: &Id,
        after: Option<&Id>,
        limit: usize,
        f: &mut dyn FnMut(MemberView<'_>) -> Result<()>,
    ) -> Result<()> {
        self.each_member_after(group, after, limit, f)
    }

    fn groups_of(&mut self, members: &[Id]) -> Result<Vec<Membership>> {
        self.groups_that_hold(members)
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
