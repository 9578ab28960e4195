//! A database for each test: a SQLite file, or, with `SCIM_TEST_DATABASE_URL` naming a PostgreSQL, a new
//! database there.
#![allow(clippy::unwrap_used, unreachable_pub, dead_code, reason = "tests fail by panicking")]

use std::time::Duration;

use scim_core::testkit;
use scim_server::store::{DieselStore, Options};
use tempfile::TempDir;

/// Where a store is. Dropped, it is gone.
pub struct Place {
    pub url: String,
    _folder: TempDir,
    #[cfg(feature = "postgres")]
    made: Option<(String, String)>,
}

impl Place {
    pub fn fresh() -> Self {
        #[cfg(feature = "postgres")]
        if let Ok(server) = std::env::var("SCIM_TEST_DATABASE_URL") {
            return Self::on_postgres(server);
        }
        Self::on_sqlite()
    }

    pub fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}/scim.db", folder.path().display());
        Self {
            url,
            _folder: folder,
            #[cfg(feature = "postgres")]
            made: None,
        }
    }

    #[cfg(feature = "postgres")]
    pub fn on_postgres(server: String) -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("scim_store_{}_{n}", std::process::id());
        execute(&server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        execute(&server, &format!("CREATE DATABASE {name}"));
        let (base, query) = server.split_once('?').unwrap_or((&server, ""));
        let (host, _) = base.rsplit_once('/').unwrap();
        let url = format!("{host}/{name}?{query}");
        Self { url, _folder: tempfile::tempdir().unwrap(), made: Some((server, name)) }
    }

    /// Runs SQL on it.
    pub fn execute(&self, sql: &str) {
        use diesel::connection::SimpleConnection as _;
        use diesel::{Connection as _, SqliteConnection};
        #[cfg(feature = "postgres")]
        if self.made.is_some() {
            return execute(&self.url, sql);
        }
        let file = self.url.trim_start_matches("sqlite:");
        SqliteConnection::establish(file).unwrap().batch_execute(sql).unwrap();
    }

    pub fn options(&self) -> Options {
        Options { wait: Duration::from_secs(30), ..Options::new(&self.url) }
    }

    pub fn open(&self) -> DieselStore {
        DieselStore::open(&self.options(), &testkit::registry()).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        #[cfg(feature = "postgres")]
        if let Some((server, name)) = &self.made {
            execute(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

#[cfg(feature = "postgres")]
pub fn execute(url: &str, sql: &str) {
    use diesel::Connection as _;
    use diesel::connection::SimpleConnection as _;
    diesel::PgConnection::establish(url).unwrap().batch_execute(sql).unwrap();
}

/// A new store, and where it is.
pub fn fresh() -> (Place, DieselStore) {
    let place = Place::fresh();
    let store = place.open();
    (place, store)
}
