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

/// Whether the same request may succeed later: locked, full, or an I/O error.
pub(super) fn is_passing(error: &DieselError) -> bool {
    const PASSING: [&str; 6] = [
        "database is locked",
        "database table is locked",
        "database or disk is full",
        "disk I/O error",
        "unable to open database file",
        "attempt to write a readonly database",
    ];
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _)
        | DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, _) => true,
        DieselError::DatabaseError(_, info) => {
            PASSING.iter().any(|text| info.message().contains(text))
        }
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
