//! [`DieselStore`]: resources, organizations and tokens on SQLite or PostgreSQL.

mod answers;
mod brief;
mod checkpoints;
mod connection;
mod copy;
mod credentials;
mod due;
mod error;
mod events;
mod foresee;
mod groups;
#[cfg(feature = "postgres")]
mod growth;
mod held;
mod index;
mod later;
mod link;
mod locks;
mod migrate;
mod narrow;
mod order;
mod organizations;
mod plans;
#[cfg(feature = "postgres")]
mod pooled;
mod records;
mod running;
mod search;
mod session;
mod statement;
mod tables;
mod tokens;
mod transaction;
mod writer;

pub use copy::{Step, copy};
pub use credentials::{Credential, CredentialKind};
pub(crate) use due::Expiring;
pub use error::OpenError;
pub use events::EventFilter;
pub use groups::GroupSummary;
pub use organizations::{OPERATOR, new_organization_id};
pub use tokens::{Token, TokenSpec, parse_scopes, scopes_text};
pub use transaction::DieselTransaction;
pub(crate) use writer::{LONGEST, MOST};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::r2d2::Pool;
use jiff::Timestamp;
use scim_core::schema::Registry;
use scim_core::{Error, Result};

use brief::BriefReaders;
use checkpoints::Checkpoints;
use connection::{Conn, Manager, Role, Target};
use index::IndexPlan;
use plans::Plans;
use statement::{name, statement};
use writer::Writer;

/// Where and how to keep the data.
#[derive(Debug, Clone)]
pub struct Options {
    /// `sqlite:path`, `sqlite://path`, or a URL of libpq, `postgres://…`.
    pub url: String,
    /// Connections that read at the same time.
    pub readers: u32,
    /// Connections that write at the same time. SQLite has one.
    pub writers: u32,
    /// How long the database may take; for PostgreSQL.
    pub limits: TimeLimits,
    /// How long a request waits for a connection before it is answered with 503.
    pub wait: Duration,
    /// How many resources a search may look at that no index narrows down.
    pub budget: usize,
    /// The attributes to index beyond the standard ones.
    pub indexed: Indexed,
    /// Tokens that an organization may have at the same time.
    pub token_limit: usize,
    /// Whether a database that isn't there is made.
    pub create: bool,
}

impl Options {
    /// The defaults for a database.
    #[must_use]
    pub fn new(url: &str) -> Self {
        // A connection to PostgreSQL mostly waits: for an answer, or for the disk that it shares with others.
        let (readers, writers) = if url.starts_with("postgres") { (8, 16) } else { (4, 1) };
        Self {
            url: url.to_owned(),
            readers,
            writers,
            limits: TimeLimits::default(),
            wait: Duration::from_secs(2),
            budget: 100_000,
            indexed: Indexed::default(),
            token_limit: 2,
            create: true,
        }
    }
}

/// Which attributes are indexed beyond the standard ones. That is kept in the database and true for all who
/// use it; whoever decides on other ones indexes everything anew when it opens the database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Indexed {
    /// Those that the database has.
    AsStored,
    /// Those that the database has, and the standard ones.
    #[default]
    Kept,
    /// These, as `Type:path`, e.g. `User:title`, and the standard ones.
    These(Vec<String>),
}

/// How long PostgreSQL may take before a request is answered with 503.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLimits {
    /// To accept a connection.
    pub connect: Duration,
    /// For one statement.
    pub statement: Duration,
    /// To get a lock that another transaction has.
    pub lock: Duration,
    /// Until a transaction in which nothing happens is ended, and its locks with it.
    pub idle: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            statement: Duration::from_secs(10),
            lock: Duration::from_secs(5),
            idle: Duration::from_secs(30),
        }
    }
}

/// The store. Clones share it.
#[derive(Clone)]
pub struct DieselStore(Arc<Inner>);

struct Inner {
    registry: Registry,
    plans: Plans,
    budget: usize,
    target: Target,
    /// When the database had been written last, before it was opened here.
    written: Option<Timestamp>,
    readers: Pool<Manager>,
    brief: BriefReaders,
    writes: Writes,
    _checkpoints: Option<Checkpoints>,
    #[cfg(feature = "postgres")]
    growth: growth::Growth,
    facts: String,
    token_limit: usize,
}

/// How changes are made.
enum Writes {
    /// By one connection, in shared commits.
    Alone(Box<Writer>),
    /// By several.
    #[cfg(feature = "postgres")]
    Pooled(Pool<Manager>),
}

impl fmt::Debug for DieselStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DieselStore")
    }
}

impl DieselStore {
    /// Opens the database, makes it if it isn't there (where [`Options::create`] says so), and brings its
    /// schema up to date.
    ///
    /// # Errors
    /// One sentence that says what is wrong and what to do.
    pub fn open(options: &Options, registry: &Registry) -> std::result::Result<Self, OpenError> {
        let target = Target::parse(options)?;
        if let Indexed::These(more) = &options.indexed {
            IndexPlan::new(registry, more).map_err(OpenError::new)?;
        }
        if !options.create {
            target.require()?;
        }
        let written = target.written();
        let mut first = connection::open(&target, Role::Writer)?;
        connection::require_primary(&mut first, &target)?;
        migrate::run(&mut first, &target, options.create)?;
        let facts = connection::facts(&mut first, &target)?;
        if setting(&mut first, copy::MARK).map_err(|e| OpenError::of(&target, &e))?.is_some() {
            return Err(OpenError::new(format!(
                "{target} has a part of a copy; finish it first, with the scim-server copy that began it"
            )));
        }
        let readers = connection::pool(&target, Role::READER, options.readers, options.wait)?;
        let mut checkpoints = None;
        let writes = match first {
            Conn::Sqlite(_) => {
                let log = checkpoints.insert(Checkpoints::start(&target)?).log();
                Writes::Alone(Box::new(Writer::new(first, options.wait).with_log(log)))
            }
            #[cfg(feature = "postgres")]
            Conn::Postgres(_) => Writes::Pooled(connection::pool(
                &target,
                Role::Writer,
                options.writers,
                options.wait,
            )?),
        };
        let store = Self(Arc::new(Inner {
            registry: registry.clone(),
            plans: Plans::new(registry, &options.indexed),
            budget: options.budget,
            target: target.clone(),
            written,
            readers,
            brief: BriefReaders::new(target.clone()),
            writes,
            _checkpoints: checkpoints,
            #[cfg(feature = "postgres")]
            growth: growth::Growth::default(),
            facts,
            token_limit: options.token_limit.max(1),
        }));
        store.0.settle_plan().map_err(|e| OpenError::of(&target, &e))?;
        Ok(store)
    }

    /// What the database says of itself, for the log at start.
    #[must_use]
    pub fn facts(&self) -> &str {
        &self.0.facts
    }

    /// Whether the database answers, and takes changes.
    ///
    /// # Errors
    /// [`scim_core::Kind::Busy`] or [`scim_core::Kind::Internal`].
    pub fn ping(&self) -> Result<()> {
        match self.0.glance(connection::is_standby)? {
            false => Ok(()),
            true => Err(Error::busy("The database is a standby, which takes no changes")),
        }
    }

    /// Whether the database is one that can hang, on another machine.
    pub(crate) fn can_hang(&self) -> bool {
        !matches!(self.0.writes, Writes::Alone(_))
    }

    /// What asks the database whether it lives, if it is one that can hang.
    pub(crate) fn heart(&self) -> Option<Heart> {
        self.can_hang().then(|| Heart { target: self.0.target.clone(), conn: None })
    }

    /// Folds the write-ahead log into the database file. For a graceful stop.
    ///
    /// # Errors
    /// From the database.
    pub fn checkpoint(&self) -> Result<()> {
        match &self.0.writes {
            Writes::Alone(writer) => writer.apart(|conn| {
                conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").map_err(error::of)
            }),
            // PostgreSQL looks after its own.
            #[cfg(feature = "postgres")]
            Writes::Pooled(_) => Ok(()),
        }
    }

    /// Runs `f`, unless another instance does what has that name just now.
    ///
    /// # Errors
    /// [`scim_core::Kind::Busy`] without a database.
    pub(crate) fn elected(&self, name: &str, f: impl FnOnce()) -> Result<()> {
        match &self.0.writes {
            // Instances of one machine: what they do twice, they do right twice.
            Writes::Alone(_) => {
                let _ = name;
                f();
                Ok(())
            }
            #[cfg(feature = "postgres")]
            Writes::Pooled(_) => locks::elected(&self.0.target, name, f),
        }
    }

    /// A setting that is kept with the data, such as the key of cursors.
    ///
    /// # Errors
    /// From the database.
    pub fn setting(&self, name: &str) -> Result<Option<String>> {
        self.0.glance(|conn| setting(conn, name))
    }

    /// Makes a setting unless it is there, and gives what is there then.
    ///
    /// # Errors
    /// From the database.
    pub fn setting_or(&self, name: &str, value: &str) -> Result<String> {
        if let Some(there) = self.setting(name)? {
            return Ok(there);
        }
        self.0.write(|conn| {
            set_setting_if_absent(conn, name, value)?;
            Ok(setting(conn, name)?.unwrap_or_else(|| value.to_owned()))
        })
    }
}

/// Asks the database whether it lives, on a connection of its own.
pub(crate) struct Heart {
    target: Target,
    conn: Option<Conn>,
}

impl Heart {
    /// Waits for an answer, without end.
    ///
    /// # Errors
    /// If the database is away.
    pub(crate) fn beat(&mut self) -> Result<()> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => connection::open(&self.target, Role::READER)
                .map_err(|e| Error::busy("There is no database now").with_source(e))?,
        };
        conn.batch_execute("SELECT 1").map_err(error::of)?;
        self.conn = Some(conn);
        Ok(())
    }
}

fn setting(conn: &mut Conn, name: &str) -> Result<Option<String>> {
    let rows: Vec<String> = statement("SELECT value FROM settings WHERE name = ")
        .text(name)
        .rows_of::<name::Setting, diesel::sql_types::Text, _>(conn)?;
    Ok(rows.into_iter().next())
}

fn set_setting_if_absent(conn: &mut Conn, name: &str, value: &str) -> Result<()> {
    statement("INSERT INTO settings (name, value) VALUES (")
        .text(name)
        .sql(", ")
        .text(value)
        .sql(") ON CONFLICT (name) DO NOTHING")
        .execute(conn)
        .map(drop)
}
