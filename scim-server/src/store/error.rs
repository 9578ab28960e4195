//! What the database's errors mean to a client, in one place.

use std::fmt;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use scim_core::{Error, Kind};

use super::connection::Target;

/// Maps an error of the database. The client learns nothing of SQL.
pub(super) fn of(error: DieselError) -> Error {
    if is_passing(&error) {
        return Error::busy("The database can't serve the request now; try again")
            .with_source(error);
    }
    Error::internal(error)
}

/// Whether the same request may succeed later: locked, full, restarting, or an I/O error.
pub(super) fn is_passing(error: &DieselError) -> bool {
    // PostgreSQL's codes don't reach us beyond the few that Diesel knows.
    const PASSING: [&str; 23] = [
        "database is locked",
        "database table is locked",
        "database or disk is full",
        "disk I/O error",
        "unable to open database file",
        "attempt to write a readonly database",
        "deadlock detected",
        "canceling statement due to",
        "terminating connection",
        "server closed the connection",
        "no connection to the server",
        "connection already closed",
        "could not receive data from server",
        "could not send data to server",
        "SSL connection has been closed",
        "the database system is",
        "remaining connection slots",
        "too many clients",
        "too many connections",
        "could not extend file",
        "No space left on device",
        "out of memory",
        "out of shared memory",
    ];
    match error {
        DieselError::DatabaseError(
            DatabaseErrorKind::SerializationFailure
            | DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::ReadOnlyTransaction,
            _,
        ) => true,
        DieselError::DatabaseError(_, info) => {
            PASSING.iter().any(|text| info.message().contains(text))
        }
        _ => false,
    }
}

/// Whether the transaction met another one: run again, it may succeed. On PostgreSQL a row that appeared
/// between a look and an insert is such a case, since values that clients choose are inserted with
/// `ON CONFLICT DO NOTHING`.
pub(super) fn is_conflict(error: &Error) -> bool {
    let source = std::error::Error::source(error).and_then(|e| e.downcast_ref::<DieselError>());
    match source {
        Some(DieselError::DatabaseError(
            DatabaseErrorKind::SerializationFailure | DatabaseErrorKind::UniqueViolation,
            _,
        )) => true,
        Some(DieselError::DatabaseError(_, info)) => info.message().contains("deadlock detected"),
        _ => false,
    }
}

/// Why a database can't be used: one sentence for whoever starts the server.
#[derive(Debug)]
pub struct OpenError(String);

impl OpenError {
    pub(super) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    pub(super) fn of(target: &Target, error: &Error) -> Self {
        let mut sentence = format!("{target} can't be used: {}", error.detail());
        if let Some(source) = std::error::Error::source(error) {
            sentence = format!("{target} can't be used: {source}");
        }
        if error.kind() == Kind::Busy {
            sentence.push_str("; is another program holding it?");
        }
        Self(sentence)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OpenError {}
