//! Connections: the database is chosen by the scheme of its URL, never by trying.

use std::fmt;

use diesel::connection::SimpleConnection as _;
use diesel::r2d2::{Error as R2d2Error, ManageConnection};
use diesel::sql_types::{BigInt, Text};
use diesel::{Connection as _, SqliteConnection};

use super::error::{OpenError, is_passing};
use super::statement::statement;

/// The connection of every query. PostgreSQL will make it an enum.
pub(super) type Conn = SqliteConnection;

/// The oldest SQLite without the WAL-reset corruption that two connections can meet.
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);

/// How often a connection is tried that others keep from being prepared, and the time between.
const OPENING_TRIES: u32 = 200;
const OPENING_PAUSE: std::time::Duration = std::time::Duration::from_millis(25);

/// Which database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    path: String,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The database \"sqlite:{}\"", self.path)
    }
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, OpenError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Err(OpenError::new(
                "This build has no PostgreSQL; use a URL like sqlite:scim.db",
            ));
        }
        let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
        match path {
            Some(path) if path.contains(":memory:") => Err(OpenError::new(
                "A database in memory would be lost with each connection; use a file: sqlite:scim.db",
            )),
            Some(path) if !path.is_empty() && !path.starts_with("file:") => {
                Ok(Self { path: path.to_owned() })
            }
            _ => Err(OpenError::new(format!(
                "The database URL \"{url}\" is not understood; use a URL like sqlite:scim.db"
            ))),
        }
    }
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Writer,
    Reader,
}

/// Opens and prepares a connection.
pub(super) fn open(target: &Target, role: Role) -> Result<Conn, OpenError> {
    let fail = |why: String| OpenError::new(format!("{target} can't be opened: {why}"));
    let hint = || match std::path::Path::new(&target.path).parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.exists() => {
            format!("there is no folder \"{}\"", folder.display())
        }
        _ => "check that the file and its folder can be written to".to_owned(),
    };
    let mut conn = SqliteConnection::establish(&target.path).map_err(|_| fail(hint()))?;
    let prepare = match role {
        Role::Writer => {
            "PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; \
             PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; PRAGMA case_sensitive_like=ON; \
             PRAGMA cache_size=-32768; PRAGMA temp_store=MEMORY"
        }
        Role::Reader => {
            "PRAGMA busy_timeout=5000; PRAGMA trusted_schema=OFF; PRAGMA case_sensitive_like=ON; \
             PRAGMA cache_size=-8192; PRAGMA temp_store=MEMORY; PRAGMA query_only=ON"
        }
    };
    // Switching a new file to the write-ahead log needs it for itself, and SQLite doesn't wait for that:
    // when several processes start at once, one switches and the others find it done.
    let mut tries = 0;
    while let Err(error) = conn.batch_execute(prepare) {
        tries += 1;
        if tries >= OPENING_TRIES || !is_passing(&error) {
            return Err(fail(format!("{error}; {}", hint())));
        }
        std::thread::sleep(OPENING_PAUSE);
    }
    Ok(conn)
}

/// Checks what durability stands on, and says it.
pub(super) fn facts(conn: &mut Conn, target: &Target) -> Result<String, OpenError> {
    let fail = |e: scim_core::Error| OpenError::of(target, &e);
    let version: Vec<String> =
        statement("SELECT sqlite_version()").rows::<Text, _>(conn).map_err(fail)?;
    let version = version.into_iter().next().unwrap_or_default();
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
    let mut next = || numbers.next().unwrap_or_default();
    if (next(), next(), next()) < OLDEST_SQLITE {
        return Err(OpenError::new(format!(
            "SQLite {version} may corrupt a database that several connections write to; 3.51.3 or \
             newer is needed"
        )));
    }
    let journal: Vec<String> = statement("SELECT journal_mode FROM pragma_journal_mode")
        .rows::<Text, _>(conn)
        .map_err(fail)?;
    let synchronous: Vec<i64> = statement("SELECT synchronous FROM pragma_synchronous")
        .rows::<BigInt, _>(conn)
        .map_err(fail)?;
    let (journal, synchronous) = (journal.concat(), synchronous.first().copied());
    if journal != "wal" || synchronous != Some(2) {
        return Err(OpenError::new(format!(
            "{target} refuses a write-ahead log that is synced at each commit; is it on a network drive?"
        )));
    }
    Ok(format!("SQLite {version}, write-ahead log, synced at each commit"))
}

/// Makes connections for the pool of readers.
#[derive(Debug)]
pub(super) struct Manager {
    target: Target,
    role: Role,
}

impl Manager {
    pub(super) fn new(target: Target, role: Role) -> Self {
        Self { target, role }
    }
}

impl ManageConnection for Manager {
    type Connection = Conn;
    type Error = R2d2Error;

    fn connect(&self) -> Result<Conn, R2d2Error> {
        open(&self.target, self.role).map_err(|e| {
            R2d2Error::ConnectionError(diesel::ConnectionError::BadConnection(e.to_string()))
        })
    }

    fn is_valid(&self, conn: &mut Conn) -> Result<(), R2d2Error> {
        conn.batch_execute("SELECT 1").map_err(R2d2Error::QueryError)
    }

    fn has_broken(&self, _: &mut Conn) -> bool {
        std::thread::panicking()
    }
}
