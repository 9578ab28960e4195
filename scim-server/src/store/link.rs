//! [`Link`]: how a transaction reaches the database.

use scim_core::Result;

use super::connection::Conn;
#[cfg(feature = "postgres")]
use super::pooled::Reading;
#[cfg(feature = "postgres")]
use super::statement::Statement;
use super::transaction::DieselTransaction;

/// How a transaction reaches the database.
pub(super) enum Link<'a> {
    /// On a connection on which it has begun.
    Begun(&'a mut Conn),
    /// On one that it takes, and begins on, once it has to.
    #[cfg(feature = "postgres")]
    Reading(Box<Reading<'a>>),
}

impl Link<'_> {
    fn conn(&mut self) -> Result<&mut Conn> {
        match self {
            Self::Begun(conn) => Ok(conn),
            #[cfg(feature = "postgres")]
            Self::Reading(reading) => reading.snapshot(),
        }
    }

    /// Ends a read.
    #[cfg(feature = "postgres")]
    pub(super) fn end(self) -> Result<()> {
        match self {
            Self::Begun(_) => Ok(()),
            Self::Reading(reading) => reading.end(),
        }
    }

    /// Whether each statement sees what was committed before it, rather than all the same; where a statement
    /// is a way there and back.
    #[cfg(feature = "postgres")]
    pub(super) const fn has_begun(&self) -> bool {
        matches!(self, Self::Begun(_))
    }

    /// Whether a statement is a way there and back, so that fewer are better.
    pub(super) fn is_far(&self) -> bool {
        match self {
            Self::Begun(Conn::Sqlite(_)) => false,
            #[cfg(feature = "postgres")]
            _ => true,
        }
    }
}

impl DieselTransaction<'_> {
    /// The connection, for a statement that sees all that the transaction has written.
    pub(super) fn conn(&mut self) -> Result<&mut Conn> {
        self.write_what_is_left()?;
        self.link.conn()
    }

    /// The connection, for a statement that reads of what may be left to write these tables only.
    pub(super) fn conn_to_read(&mut self, tables: &[&str]) -> Result<&mut Conn> {
        if tables.iter().any(|table| self.leaves_any(table)) {
            self.write_what_is_left()?;
        }
        self.link.conn()
    }

    /// The connection, for a statement that writes what is left.
    pub(super) fn conn_for_what_is_left(&mut self) -> Result<&mut Conn> {
        self.link.conn()
    }

    /// The rows of one statement, before anything else is read or written.
    #[cfg(feature = "postgres")]
    pub(super) fn rows_at_once<ST, R>(&mut self, sql: &Statement) -> Result<Vec<R>>
    where
        super::statement::Typed<ST>: super::statement::Readable<R>,
    {
        match &mut self.link {
            Link::Begun(conn) => sql.clone().rows(conn),
            Link::Reading(reading) => reading.glance(|conn| sql.clone().rows(conn)),
        }
    }
}
