//! The database under test: a SQLite file, or, with `SCIM_TEST_DATABASE_URL` naming a PostgreSQL, a new
//! database there. Dropped, it is gone.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

/// The PostgreSQL to test on, by the URL of a database that others are made from.
fn server() -> Option<String> {
    std::env::var("SCIM_TEST_DATABASE_URL").ok().filter(|url| !url.is_empty())
}

/// Whether the tests run on PostgreSQL.
pub fn on_postgres() -> bool {
    server().is_some()
}

pub struct Database {
    url: String,
    folder: TempDir,
    /// Where it was made, and its name.
    made: Option<(String, String)>,
}

impl Database {
    pub fn fresh() -> Self {
        match server() {
            None => Self::fresh_sqlite(),
            Some(server) => Self::fresh_postgres(server),
        }
    }

    pub fn fresh_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("scim.db").display());
        Self { url, folder, made: None }
    }

    /// A new database on that PostgreSQL.
    pub fn fresh_postgres(server: String) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (process, n) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let name = format!("scim_test_{process}_{n}");
        psql(&server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        psql(&server, &format!("CREATE DATABASE {name}"));
        let url = named(&server, &name);
        Self { url, folder: tempfile::tempdir().unwrap(), made: Some((server, name)) }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn is_postgres(&self) -> bool {
        self.made.is_some()
    }

    /// Runs SQL on it, past the server; gives what it selects, a line a row.
    pub fn sql(&self, sql: &str) -> String {
        if self.is_postgres() {
            return psql(&self.url, sql);
        }
        let script = "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1])\n\
                      for row in c.execute(sys.argv[2]): print(*row, sep='|')\nc.commit()";
        let path = self.path();
        let output =
            Command::new("python3").args(["-c", script]).arg(path).arg(sql).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("scim.db")
    }

    /// Fails if what is stored is damaged.
    pub fn check_integrity(&self) {
        if !self.is_postgres() {
            assert_eq!(self.sql("PRAGMA integrity_check"), "ok");
            return;
        }
        self.sql("CREATE EXTENSION IF NOT EXISTS amcheck");
        let checked = self.sql(
            "SELECT COUNT(*) FROM (SELECT bt_index_check(index => c.oid, heapallindexed => true) \
             FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
             WHERE c.relnamespace = 'public'::regnamespace) checked",
        );
        assert!(checked.parse::<u32>().unwrap() > 10, "{checked} indexes");
    }

    /// All bytes that it holds, its log included.
    pub fn bytes(&self) -> Vec<u8> {
        if !self.is_postgres() {
            let file = |suffix: &str| std::fs::read(format!("{}{suffix}", self.path().display()));
            return ["", "-wal"]
                .iter()
                .flat_map(|suffix| file(suffix).unwrap_or_default())
                .collect();
        }
        let dump = Command::new(tool("pg_dump")).arg(&self.url).output().unwrap();
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        let mut all = dump.stdout;
        if let Some(folder) = std::env::var_os("PG_TMP_FOLDER") {
            let log = std::fs::read_dir(Path::new(&folder).join("data/pg_wal")).unwrap();
            for file in log.flatten().filter(|file| file.path().is_file()) {
                all.extend(std::fs::read(file.path()).unwrap());
            }
        }
        all
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.made {
            let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            // Whatever comes of it: the test may be failing already.
            let _ = Command::new(tool("psql")).args([server, "-qc", &sql]).output();
        }
    }
}

/// The URL of another database on the same server.
fn named(server: &str, name: &str) -> String {
    let (base, query) = server.split_once('?').unwrap_or((server, ""));
    let (host, _) = base.rsplit_once('/').expect("a URL with the name of a database");
    format!("{host}/{name}?{query}").trim_end_matches('?').to_owned()
}

/// A program of PostgreSQL's.
pub fn tool(name: &str) -> PathBuf {
    let beside = std::env::var_os("PG_TMP_BIN").map(|folder| Path::new(&folder).join(name));
    beside.filter(|path| path.exists()).unwrap_or_else(|| name.into())
}

fn psql(url: &str, sql: &str) -> String {
    let output = Command::new(tool("psql"))
        .args([url, "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-c", sql])
        .stdin(Stdio::null())
        .output()
        .expect("psql is needed to test on PostgreSQL");
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
