//! What a transaction keeps others from changing. On SQLite nothing: its one writer is alone. On
//! PostgreSQL see `docs/adr/0009-locks-on-postgresql.md`.
#![cfg_attr(
    not(feature = "postgres"),
    allow(dead_code, unused_variables, reason = "SQLite's one writer is alone")
)]

use std::cell::Cell;
use std::collections::BTreeSet;

use diesel::sql_types::Text;
use scim_core::resource::Id;
use scim_core::store::Tenant;
use scim_core::{Error, Result};
use sha2::{Digest as _, Sha256};

use super::connection::Conn;
use super::error::is_conflict;
use super::statement::{Statement, statement};
use super::transaction::DieselTransaction;

/// Rows that are locked one by one; a change of more is made alone.
const ROWS: usize = 100;

/// How a transaction keeps others away.
#[derive(Debug)]
pub(super) enum Hold<'a> {
    /// It has no need to: it reads, or it is SQLite's.
    Free,
    /// It works in one organization: beside others that lock the rows they rest on, or alone.
    Organization(&'a Turn),
    /// It works in many: alone in each that it enters, and in those linked with it. The names of what it
    /// has locked.
    Entered(BTreeSet<String>),
}

/// One run of a write, and what it asks of the next.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Nobody else changes the organization meanwhile.
    pub(super) alone: Cell<bool>,
    /// The write is to be run again, alone.
    pub(super) wants_alone: Cell<bool>,
    /// A part of the write met another one, and was undone.
    pub(super) met_another: Cell<bool>,
}

impl Turn {
    pub(super) fn is_alone(&self) -> bool {
        self.alone.get()
    }

    /// Asks for another run, alone; to be returned by the closure.
    pub(super) fn ask_alone(&self) -> Error {
        self.wants_alone.set(true);
        Error::busy("The change is to be made alone")
    }

    /// Takes note of an error that somebody may turn into a result.
    pub(super) fn note(&self, error: &Error) {
        if is_conflict(error) {
            self.met_another.set(true);
        }
    }
}

impl DieselTransaction<'_> {
    /// Before organization `org` is read.
    pub(super) fn enter(&mut self, org: &Tenant) -> Result<()> {
        if let Hold::Entered(_) = &self.hold
            && !org.as_str().is_empty()
        {
            return self.lock_family(org.as_str());
        }
        Ok(())
    }

    /// Before something of organization `org` is written that others rest on.
    pub(super) fn enter_alone(&mut self, org: &Tenant) -> Result<()> {
        self.be_alone()?;
        self.enter(org)
    }

    /// Before something is written, or read, that rests on more than the rows it touches.
    pub(super) fn be_alone(&mut self) -> Result<()> {
        match &self.hold {
            Hold::Organization(turn) if !turn.is_alone() => Err(turn.ask_alone()),
            _ => Ok(()),
        }
    }

    /// As [`Self::be_alone`], before anything was read: if nobody else is there, there is no need to begin
    /// again.
    pub(super) fn become_alone(&mut self) -> Result<()> {
        match &self.hold {
            &Hold::Organization(turn) if !turn.is_alone() => {
                let alone = statement("SELECT CAST(pg_try_advisory_xact_lock(")
                    .integer(lock_of("org", self.tenant.as_str()))
                    .sql(") AS TEXT)")
                    .rows::<Text, String>(self.conn()?)?;
                if alone.concat() != "true" {
                    return Err(turn.ask_alone());
                }
                turn.alone.set(true);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Takes note of an error that is not to be mistaken for an outcome.
    pub(super) fn note(&self, error: &Error) {
        if let Hold::Organization(turn) = &self.hold {
            turn.note(error);
        }
    }

    /// Whether nobody else changes the organization, or those that were entered.
    pub(super) fn is_alone(&self) -> bool {
        !self.is_shared()
    }

    /// Whether others may change the same organization.
    pub(super) fn is_shared(&self) -> bool {
        match &self.hold {
            Hold::Organization(turn) => !turn.is_alone(),
            _ => false,
        }
    }

    /// The row selected is going to be changed in its organization.
    pub(super) fn for_change(&self, sql: Statement) -> Statement {
        if self.is_shared() { sql.sql(" FOR NO KEY UPDATE") } else { sql }
    }

    /// The row selected, of all organizations, is going to be changed.
    pub(super) fn for_change_by_all(&self, sql: Statement) -> Statement {
        if matches!(self.hold, Hold::Free) { sql } else { sql.sql(" FOR NO KEY UPDATE") }
    }

    /// Whether so many rows may be locked one by one; else the change is to be made alone.
    pub(super) fn may_lock_each(&mut self, ids: &[Id]) -> Result<()> {
        if self.is_shared() && ids.len() > ROWS { self.be_alone() } else { Ok(()) }
    }

    /// As [`Self::for_change`], in an order that all keep to.
    pub(super) fn in_order_for_change(&self, sql: Statement) -> Statement {
        if self.is_shared() { sql.sql(" ORDER BY id FOR NO KEY UPDATE") } else { sql }
    }

    /// Groups among members are a change to be made alone.
    pub(super) fn groups_want_alone<'k>(
        &mut self,
        mut kinds: impl Iterator<Item = &'k str>,
    ) -> Result<()> {
        let registry = &self.store.registry;
        let is_group = |kind: &str| registry.by_name(kind).is_some_and(|kind| kind.has_members());
        if self.is_shared() && kinds.any(is_group) { self.be_alone() } else { Ok(()) }
    }

    /// Keeps the rows of members from being changed until the end.
    pub(super) fn lock_members(&mut self, ids: &[Id]) -> Result<()> {
        if !self.is_shared() || ids.is_empty() {
            return Ok(());
        }
        self.may_lock_each(ids)?;
        let kinds = self.store.registry.types().iter().map(|kind| kind.name.as_str());
        let sql = statement("SELECT kind FROM resources WHERE org = ")
            .text(self.tenant.as_str())
            .sql(" AND kind IN (")
            .texts(kinds)
            .sql(") AND id IN (")
            .texts(ids.iter().map(Id::as_str))
            .sql(")");
        let kinds: Vec<String> = self.in_order_for_change(sql).rows::<Text, _>(self.conn()?)?;
        self.groups_want_alone(kinds.iter().map(String::as_str))
    }

    /// Whether nobody else can change an organization while this transaction runs.
    pub(super) fn keeps_organization(&self, id: &Tenant) -> bool {
        match self.hold {
            Hold::Free => true,
            Hold::Organization(_) => self.tenant == *id,
            Hold::Entered(_) => false,
        }
    }

    /// Locks an organization and those linked with it: what is one directory's.
    fn lock_family(&mut self, org: &str) -> Result<()> {
        loop {
            let root = self.root_of(org)?;
            match &self.hold {
                Hold::Entered(entered) if !entered.contains(&root) => {}
                _ => return Ok(()),
            }
            lock(self.conn()?, "org", &root)?;
            if let Hold::Entered(entered) = &mut self.hold {
                entered.insert(root.clone());
            }
            // It may have been linked or unlinked while we waited.
            if self.root_of(org)? == root {
                return Ok(());
            }
        }
    }

    fn root_of(&mut self, org: &str) -> Result<String> {
        let roots: Vec<String> =
            statement("SELECT COALESCE(admin, id) FROM organizations WHERE id = ")
                .text(org)
                .rows::<Text, _>(self.conn()?)?;
        Ok(roots.into_iter().next().unwrap_or_else(|| org.to_owned()))
    }
}

/// Waits until nobody else has the lock of that name; it is ours until the transaction ends.
pub(super) fn lock(conn: &mut Conn, kind: &str, name: &str) -> Result<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        #[cfg(feature = "postgres")]
        Conn::Postgres(conn) => {
            use diesel::connection::SimpleConnection as _;
            let lock = format!("SELECT pg_advisory_xact_lock({})", lock_of(kind, name));
            conn.batch_execute(&lock).map_err(super::error::of)
        }
    }
}

/// Keeps all others from changing resources until the transaction ends.
pub(super) fn stop_writes(conn: &mut Conn) -> Result<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        #[cfg(feature = "postgres")]
        Conn::Postgres(conn) => {
            use diesel::connection::SimpleConnection as _;
            let lock = "LOCK TABLE resources IN SHARE ROW EXCLUSIVE MODE";
            conn.batch_execute(lock).map_err(super::error::of)
        }
    }
}

/// Lifts the limit on statements until the transaction ends: what follows goes over whole tables.
pub(super) fn as_long_as_it_takes(conn: &mut Conn) -> Result<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        #[cfg(feature = "postgres")]
        Conn::Postgres(conn) => {
            use diesel::connection::SimpleConnection as _;
            conn.batch_execute("SET LOCAL statement_timeout = 0").map_err(super::error::of)
        }
    }
}

/// Keeps others from stopping all changes until the transaction ends.
#[cfg(feature = "postgres")]
pub(super) fn share_writes(conn: &mut Conn) -> Result<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(conn) => {
            use diesel::connection::SimpleConnection as _;
            let lock = "LOCK TABLE resources IN ROW EXCLUSIVE MODE";
            conn.batch_execute(lock).map_err(super::error::of)
        }
    }
}

/// Runs `f` while it has the lock of that name, on a connection of its own; not at all, if another has it.
#[cfg(feature = "postgres")]
pub(super) fn elected(
    target: &super::connection::Target,
    name: &str,
    f: impl FnOnce(),
) -> Result<()> {
    use diesel::connection::SimpleConnection as _;
    let away = |e: super::OpenError| Error::busy("There is no database now").with_source(e);
    let mut conn =
        super::connection::open(target, super::connection::Role::Writer).map_err(away)?;
    let begin = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0";
    conn.batch_execute(begin).map_err(super::error::of)?;
    let elected = statement("SELECT CAST(pg_try_advisory_xact_lock(")
        .integer(lock_of("elected", name))
        .sql(") AS TEXT)")
        .rows::<Text, String>(&mut conn)?;
    if elected.concat() == "true" {
        f();
    }
    // The connection ends here, and the transaction and its lock with it.
    Ok(())
}

/// The number of an advisory lock. Two names that share one only wait for each other.
pub(super) fn lock_of(kind: &str, name: &str) -> i64 {
    let digest = Sha256::new().chain_update(kind).chain_update([0]).chain_update(name).finalize();
    digest.iter().take(8).fold(0, |number, byte| (number << 8) | i64::from(*byte))
}
