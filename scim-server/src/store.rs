//! [`DieselStore`]: resources, organizations and tokens on SQLite.

mod answers;
mod connection;
mod credentials;
mod due;
mod error;
mod events;
mod groups;
mod index;
mod migrate;
mod narrow;
mod organizations;
mod records;
mod search;
mod statement;
mod tables;
mod tokens;
mod transaction;
mod writer;

pub use credentials::{Credential, CredentialKind};
pub(crate) use due::Expiring;
pub use error::OpenError;
pub use events::EventFilter;
pub use groups::GroupSummary;
pub use organizations::{OPERATOR, new_organization_id};
pub use tokens::{Token, TokenSpec, parse_scopes, scopes_text};
pub use transaction::DieselTransaction;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::r2d2::Pool;
use scim_core::schema::Registry;
use scim_core::store::Tenant;
use scim_core::{Error, Result, Store};

use connection::{Conn, Manager, Role, Target};
use index::IndexPlan;
use writer::Writer;

/// Where and how to keep the data.
#[derive(Debug, Clone)]
pub struct Options {
    /// `sqlite:path` or `sqlite://path`.
    pub url: String,
    /// Connections that read at the same time.
    pub readers: u32,
    /// How long a request waits for a connection before it is answered with 503.
    pub wait: Duration,
    /// How many resources a search may look at that no index narrows down.
    pub budget: usize,
    /// Attributes to index beyond the standard ones, as `Type:path`, e.g. `User:title`.
    pub indexed: Vec<String>,
    /// Tokens that an organization may have at the same time.
    pub token_limit: usize,
}

impl Options {
    /// The defaults for a database.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            readers: 4,
            wait: Duration::from_secs(2),
            budget: 100_000,
            indexed: Vec::new(),
            token_limit: 2,
        }
    }
}

/// The store. Clones share it.
#[derive(Clone)]
pub struct DieselStore(Arc<Inner>);

struct Inner {
    registry: Registry,
    plan: IndexPlan,
    budget: usize,
    readers: Pool<Manager>,
    writer: Writer,
    facts: String,
    token_limit: usize,
}

impl fmt::Debug for DieselStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DieselStore")
    }
}

impl DieselStore {
    /// Opens the database, makes it if it isn't there, and brings its schema up to date.
    ///
    /// # Errors
    /// One sentence that says what is wrong and what to do.
    pub fn open(options: &Options, registry: &Registry) -> std::result::Result<Self, OpenError> {
        let target = Target::parse(&options.url)?;
        let plan = IndexPlan::new(registry, &options.indexed)?;
        let mut writer = connection::open(&target, Role::Writer)?;
        migrate::run(&mut writer, &target)?;
        let facts = connection::facts(&mut writer, &target)?;
        let readers = Pool::builder()
            .max_size(options.readers.max(1))
            .min_idle(Some(1))
            .connection_timeout(options.wait)
            .test_on_check_out(false)
            .build(Manager::new(target.clone(), Role::Reader))
            .map_err(|e| OpenError::new(format!("{target} can't be opened: {e}")))?;
        let store = Self(Arc::new(Inner {
            registry: registry.clone(),
            plan,
            budget: options.budget,
            readers,
            writer: Writer::new(writer, options.wait),
            facts,
            token_limit: options.token_limit.max(1),
        }));
        store.0.reindex_if_planned_anew().map_err(|e| OpenError::of(&target, &e))?;
        Ok(store)
    }

    /// What the database says of itself, for the log at start.
    #[must_use]
    pub fn facts(&self) -> &str {
        &self.0.facts
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`scim_core::Kind::Busy`] or [`scim_core::Kind::Internal`].
    pub fn ping(&self) -> Result<()> {
        self.0.read(|conn| statement::statement("SELECT 1").count(conn).map(drop))
    }

    /// Folds the write-ahead log into the database file. For a graceful stop.
    ///
    /// # Errors
    /// From the database.
    pub fn checkpoint(&self) -> Result<()> {
        self.0
            .writer
            .apart(|conn| conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").map_err(error::of))
    }

    /// A setting that is kept with the data, such as the key of cursors.
    ///
    /// # Errors
    /// From the database.
    pub fn setting(&self, name: &str) -> Result<Option<String>> {
        self.0.read(|conn| setting(conn, name))
    }

    /// Makes a setting unless it is there, and gives what is there then.
    ///
    /// # Errors
    /// From the database.
    pub fn setting_or(&self, name: &str, value: &str) -> Result<String> {
        if let Some(there) = self.setting(name)? {
            return Ok(there);
        }
        self.0.writer.write(|conn| {
            set_setting_if_absent(conn, name, value)?;
            Ok(setting(conn, name)?.unwrap_or_else(|| value.to_owned()))
        })
    }
}

fn setting(conn: &mut Conn, name: &str) -> Result<Option<String>> {
    let rows: Vec<String> = statement::statement("SELECT value FROM settings WHERE name = ")
        .text(name)
        .rows::<diesel::sql_types::Text, _>(conn)?;
    Ok(rows.into_iter().next())
}

fn set_setting_if_absent(conn: &mut Conn, name: &str, value: &str) -> Result<()> {
    statement::statement("INSERT INTO settings (name, value) VALUES (")
        .text(name)
        .sql(", ")
        .text(value)
        .sql(") ON CONFLICT (name) DO NOTHING")
        .execute(conn)
        .map(drop)
}

impl Inner {
    /// Runs `f` on a snapshot.
    fn read<R>(&self, f: impl FnOnce(&mut Conn) -> Result<R>) -> Result<R> {
        let mut conn = self.readers.get().map_err(|e| {
            Error::busy("The server is too busy to read now; try again").with_source(e)
        })?;
        conn.batch_execute("BEGIN").map_err(error::of)?;
        let done = f(&mut conn);
        conn.batch_execute("COMMIT").map_err(error::of)?;
        done
    }
}

impl Store for DieselStore {
    type Tx<'a> = DieselTransaction<'a>;

    fn read<R>(
        &self,
        tenant: &Tenant,
        f: impl FnOnce(&mut Self::Tx<'_>) -> Result<R>,
    ) -> Result<R> {
        self.0.read(|conn| f(&mut DieselTransaction::new(conn, &self.0, tenant)))
    }

    fn write<R>(
        &self,
        tenant: &Tenant,
        mut f: impl FnMut(&mut Self::Tx<'_>) -> Result<R>,
    ) -> Result<R> {
        self.0.writer.write(|conn| f(&mut DieselTransaction::new(conn, &self.0, tenant)))
    }
}
