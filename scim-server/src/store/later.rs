//! What a transaction on PostgreSQL has still to write. A statement is a way there and back, so what nobody
//! has to know the outcome of waits for others, and goes in one statement with them: before the next one
//! that reads, and before the commit.

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::BigInt;
use scim_core::{Error, Result};

use super::statement::{Statement, statement};
use super::transaction::DieselTransaction;

/// The names of the parts of a statement; as many wait at the most.
const NAMES: [(&str, &str); 16] = [
    ("WITH w0 AS (", "(SELECT COUNT(*) FROM w0) = "),
    (", w1 AS (", "(SELECT COUNT(*) FROM w1) = "),
    (", w2 AS (", "(SELECT COUNT(*) FROM w2) = "),
    (", w3 AS (", "(SELECT COUNT(*) FROM w3) = "),
    (", w4 AS (", "(SELECT COUNT(*) FROM w4) = "),
    (", w5 AS (", "(SELECT COUNT(*) FROM w5) = "),
    (", w6 AS (", "(SELECT COUNT(*) FROM w6) = "),
    (", w7 AS (", "(SELECT COUNT(*) FROM w7) = "),
    (", w8 AS (", "(SELECT COUNT(*) FROM w8) = "),
    (", w9 AS (", "(SELECT COUNT(*) FROM w9) = "),
    (", w10 AS (", "(SELECT COUNT(*) FROM w10) = "),
    (", w11 AS (", "(SELECT COUNT(*) FROM w11) = "),
    (", w12 AS (", "(SELECT COUNT(*) FROM w12) = "),
    (", w13 AS (", "(SELECT COUNT(*) FROM w13) = "),
    (", w14 AS (", "(SELECT COUNT(*) FROM w14) = "),
    (", w15 AS (", "(SELECT COUNT(*) FROM w15) = "),
];

/// The tables of which rows may wait. Some have several names, for rows that are never the same.
pub(super) const USERS: &str = "resources";
pub(super) const GROUPS: &str = "resources that are groups";
pub(super) const UNIQUE_KEYS: &str = "unique_keys";
pub(super) const KEYS_THAT_COME: &str = "attribute_keys that come";
pub(super) const KEYS_THAT_GO: &str = "attribute_keys that go";
pub(super) const COUNTS: &str = "resource_counts";
pub(super) const MEMBERS: &str = "members";
pub(super) const MEMBERS_OF_IT: &str = "members of a group";
pub(super) const MEMBERS_THAT_IT_IS: &str = "members that a resource is";
pub(super) const MEMBERS_BY_NAME: &str = "members by what is shown";
pub(super) const ACCOUNTS: &str = "accounts";
pub(super) const BINDINGS: &str = "bindings";
pub(super) const CREDENTIALS: &str = "credentials";
pub(super) const EVENTS: &str = "events";

/// What tells which groups hold whom.
pub(super) const MEMBERSHIPS: [&str; 4] = [MEMBERS, MEMBERS_OF_IT, MEMBERS_THAT_IT_IS, GROUPS];

/// The table of resources of a type.
pub(super) fn table_of(kind: &scim_core::schema::ResourceType) -> &'static str {
    if kind.has_members() { GROUPS } else { USERS }
}

/// A write that waits.
#[derive(Debug)]
pub(super) struct Later {
    sql: Statement,
    /// What it writes: a table and a key. In one statement a row is written once.
    what: (&'static str, String),
    /// How many rows it has to write.
    rows: Option<usize>,
}

impl DieselTransaction<'_> {
    /// Writes rows of a table, which `key` names, in the course of time.
    pub(super) fn write_later(
        &mut self,
        table: &'static str,
        key: &str,
        sql: Statement,
    ) -> Result<()> {
        self.leave(Later { sql, what: (table, key.to_owned()), rows: None })
    }

    /// As [`Self::write_later`], where so many rows are to be written as was found out before: if there are
    /// others, another transaction was faster, and this one is run again.
    pub(super) fn write_rows_later(
        &mut self,
        table: &'static str,
        key: &str,
        rows: usize,
        sql: Statement,
    ) -> Result<()> {
        self.leave(Later { sql, what: (table, key.to_owned()), rows: Some(rows) })
    }

    /// Whether rows of that key wait.
    pub(super) fn leaves(&self, table: &str, key: &str) -> bool {
        self.left.iter().any(|later| later.what.0 == table && later.what.1 == key)
    }

    /// Whether rows of that table wait.
    pub(super) fn leaves_any(&self, table: &str) -> bool {
        self.left.iter().any(|later| later.what.0 == table)
    }

    fn leave(&mut self, later: Later) -> Result<()> {
        if !self.link.is_far() {
            let written = later.sql.execute(self.conn_for_what_is_left()?)?;
            return self.met_none(later.rows.is_none_or(|rows| rows == written));
        }
        let full = self.left.len() == NAMES.len();
        if full || self.left.iter().any(|other| other.what == later.what) {
            self.write_what_is_left()?;
        }
        self.left.push(later);
        Ok(())
    }

    /// Writes what waits.
    pub(super) fn write_what_is_left(&mut self) -> Result<()> {
        let left = std::mem::take(&mut self.left);
        if left.is_empty() {
            return Ok(());
        }
        self.write_together(left)
    }

    /// Writes what waits, and checks what that rests on.
    pub(super) fn write_at_last(&mut self) -> Result<()> {
        let left = std::mem::take(&mut self.left);
        if left.is_empty() && !self.rests_on_a_guess() {
            return Ok(());
        }
        self.write_together(left)
    }

    fn write_together(&mut self, left: Vec<Later>) -> Result<()> {
        let (sql, holds) = self.together(left);
        let conn = self.conn_for_what_is_left()?;
        let held: Vec<i64> = sql.sql(" SELECT ").then(&holds).rows::<BigInt, _>(conn)?;
        self.met_none(held == [1])
    }

    /// Writes what waits, and `last`, which returns a number, in one statement.
    pub(super) fn write_all_and<'s>(
        &mut self,
        last: impl FnOnce(Statement) -> Statement + 's,
    ) -> Result<Vec<i64>> {
        let left = std::mem::take(&mut self.left);
        if left.is_empty() {
            return last(Statement::default()).rows::<BigInt, _>(self.conn_for_what_is_left()?);
        }
        let (sql, holds) = self.together(left);
        let conn = self.conn_for_what_is_left()?;
        let rows: Vec<(i64, i64)> =
            last(sql.sql(" ")).sql(", ").then(&holds).rows::<(BigInt, BigInt), _>(conn)?;
        self.met_none(rows.iter().all(|(_, held)| *held == 1))?;
        Ok(rows.into_iter().map(|(number, _)| number).collect())
    }

    /// The writes as parts of a statement that is to follow, and what is 1 if each wrote what it had to.
    fn together(&mut self, left: Vec<Later>) -> (Statement, Statement) {
        let (mut sql, mut holds) = (Statement::default(), statement("CASE WHEN TRUE"));
        for (later, (with, count)) in left.into_iter().zip(NAMES) {
            sql = sql.sql(with).then(&later.sql);
            if let Some(rows) = later.rows {
                sql = sql.sql(" RETURNING 1");
                holds = holds.sql(" AND ").sql(count).integer(super::statement::integer(rows));
            }
            sql = sql.sql(")");
        }
        let holds = self.and_the_guess_is_right(holds);
        (sql, holds.sql(" THEN CAST(1 AS BIGINT) ELSE 0 END"))
    }

    /// # Errors
    /// One after which the transaction is run again.
    pub(super) fn met_none(&self, held: bool) -> Result<()> {
        if held {
            return Ok(());
        }
        // It may be the plan that has changed.
        self.store.plans.doubt();
        let other = DieselError::DatabaseError(
            DatabaseErrorKind::SerializationFailure,
            Box::new("another transaction was faster".to_owned()),
        );
        Err(Error::busy("The change met another one; try again").with_source(other))
    }
}
