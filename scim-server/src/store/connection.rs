//! Connections: the database is chosen by the scheme of its URL, never by trying.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
mod postgres_url;
mod sqlite;

use std::fmt;
use std::time::Duration;

use diesel::SqliteConnection;
use diesel::connection::SimpleConnection as _;
#[cfg(feature = "postgres")]
use diesel::r2d2::R2D2Connection as _;
use diesel::r2d2::{Error as R2d2Error, ManageConnection, Pool};
use jiff::Timestamp;

pub(super) use multi::Conn;

use super::Options;
use super::error::OpenError;
use super::statement::Statement;

mod multi {
    #![allow(unreachable_pub, missing_docs, missing_debug_implementations, reason = "derived")]
    #[cfg(feature = "postgres")]
    use diesel::PgConnection;
    use diesel::SqliteConnection;

    /// The connection of every query. Its own `establish` is never called: it would try one database
    /// after the other.
    #[derive(diesel::MultiConnection)]
    pub enum Conn {
        Sqlite(SqliteConnection),
        #[cfg(feature = "postgres")]
        Postgres(PgConnection),
    }
}

/// Which database.
#[derive(Debug, Clone)]
pub(super) enum Target {
    Sqlite(sqlite::Place),
    #[cfg(feature = "postgres")]
    Postgres(postgres::Place),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(place) => write!(f, "The database \"{place}\""),
            #[cfg(feature = "postgres")]
            Self::Postgres(place) => write!(f, "The database \"{place}\""),
        }
    }
}

impl Target {
    /// When the file was last written, if it is one.
    pub(super) fn written(&self) -> Option<Timestamp> {
        match self {
            Self::Sqlite(place) => place.written(),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => None,
        }
    }

    /// # Errors
    /// If there is nothing to open, and a file would have to be made.
    pub(super) fn require(&self) -> Result<(), OpenError> {
        match self {
            Self::Sqlite(place) if !place.exists() => Err(OpenError::new(format!(
                "{self} isn't there; name the right one with --database-url or SCIM_DATABASE_URL \
                 (scim-server migrate makes a new one)"
            ))),
            _ => Ok(()),
        }
    }

    /// The longest key that can be indexed, in bytes. A row of PostgreSQL's indexes has 2,704, and ids
    /// stand in it too.
    pub(super) fn longest_key(&self) -> Option<usize> {
        match self {
            Self::Sqlite(_) => None,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => Some(2_000),
        }
    }

    /// What to do to have nothing in it.
    pub(super) fn how_to_empty(&self) -> String {
        match self {
            Self::Sqlite(place) => {
                format!(
                    "Delete the file of {place} and those beside it (-wal, -shm), and copy again"
                )
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => {
                "Empty the target (dropdb and createdb, or another new database), and copy again"
                    .to_owned()
            }
        }
    }

    pub(super) fn parse(options: &Options) -> Result<Self, OpenError> {
        let url = options.url.as_str();
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            #[cfg(feature = "postgres")]
            return postgres::Place::new(options).map(Self::Postgres);
            #[cfg(not(feature = "postgres"))]
            return Err(OpenError::new(
                "This build has no PostgreSQL; build it with --features postgres, or use a URL like \
                 sqlite:scim.db",
            ));
        }
        let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
        match path {
            Some(path) if path.contains(":memory:") => Err(OpenError::new(
                "A database in memory would be lost with each connection; use a file: sqlite:scim.db",
            )),
            Some(path) if !path.is_empty() && !path.starts_with("file:") => {
                Ok(Self::Sqlite(sqlite::Place::new(path)))
            }
            // It isn't quoted: it may hold a password.
            _ => Err(OpenError::new(
                "The database URL is not understood: it begins neither with sqlite: and a path nor with \
                 postgres://; use one like sqlite:scim.db or postgres://user@host/database",
            )),
        }
    }
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Writer,
    Reader {
        /// How much of SQLite's file it may keep in memory.
        cache_kib: u32,
    },
    /// Copies SQLite's write-ahead log to the file.
    Copier,
    /// A writer, and nobody else has SQLite's file open meanwhile.
    Alone,
}

impl Role {
    /// The least that a connection that reads may keep in memory.
    pub(super) const CACHE_KIB: u32 = 8 * 1024;
    /// One of many that read.
    pub(super) const READER: Self = Self::Reader { cache_kib: Self::CACHE_KIB };
}

/// Opens and prepares a connection.
pub(super) fn open(target: &Target, role: Role) -> Result<Conn, OpenError> {
    match target {
        Target::Sqlite(place) => place
            .open(role)
            .map(Conn::Sqlite)
            .map_err(|why| OpenError::new(format!("{target} can't be opened: {why}"))),
        #[cfg(feature = "postgres")]
        Target::Postgres(place) => place
            .open(role)
            .map(Conn::Postgres)
            .map_err(|why| OpenError::new(format!("{target} can't be reached: {why}"))),
    }
}

/// Whether changes go to another PostgreSQL, which this one repeats.
pub(super) fn is_standby(conn: &mut Conn) -> scim_core::Result<bool> {
    let sql = "SELECT CASE WHEN pg_is_in_recovery() THEN CAST(1 AS BIGINT) ELSE 0 END";
    let sql = Statement::default().per_backend("SELECT CAST(0 AS BIGINT)", sql);
    Ok(sql.count(conn)? == 1)
}

/// # Errors
/// If the database takes no changes.
pub(super) fn require_primary(conn: &mut Conn, target: &Target) -> Result<(), OpenError> {
    match is_standby(conn) {
        Err(error) => Err(OpenError::of(target, &error)),
        Ok(false) => Ok(()),
        Ok(true) => Err(OpenError::new(format!(
            "{target} is a standby, which takes no changes; name the primary, or all hosts with \
             target_session_attrs=read-write"
        ))),
    }
}

/// Checks what durability stands on, and says it.
pub(super) fn facts(conn: &mut Conn, target: &Target) -> Result<String, OpenError> {
    let facts = match target {
        Target::Sqlite(_) => sqlite::facts(conn),
        #[cfg(feature = "postgres")]
        Target::Postgres(_) => postgres::facts(conn),
    };
    match facts {
        Err(error) => Err(OpenError::of(target, &error)),
        Ok(Err(why)) => Err(OpenError::new(format!("{target} {why}"))),
        Ok(Ok(facts)) => Ok(facts),
    }
}

/// A pool of connections, opened as they are needed.
pub(super) fn pool(
    target: &Target,
    role: Role,
    size: u32,
    wait: Duration,
) -> Result<Pool<Manager>, OpenError> {
    Pool::builder()
        .max_size(size.max(1))
        .min_idle(Some(1))
        // The pool takes no zero, and the first connection comes in that time too.
        .connection_timeout(wait.max(Duration::from_secs(1)))
        .test_on_check_out(false)
        .build(Manager { target: target.clone(), role })
        .map_err(|e| OpenError::new(format!("{target} can't be opened: {e}")))
}

/// Makes connections for a pool.
#[derive(Debug)]
pub(super) struct Manager {
    target: Target,
    role: Role,
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

    fn has_broken(&self, conn: &mut Conn) -> bool {
        std::thread::panicking() || is_broken(conn)
    }
}

/// Whether the connection is of no more use. SQLite's has no other end that could go away.
pub(super) fn is_broken(conn: &mut Conn) -> bool {
    match conn {
        Conn::Sqlite(_) => false,
        #[cfg(feature = "postgres")]
        Conn::Postgres(conn) => conn.is_broken(),
    }
}

impl From<SqliteConnection> for Conn {
    fn from(conn: SqliteConnection) -> Self {
        Self::Sqlite(conn)
    }
}
