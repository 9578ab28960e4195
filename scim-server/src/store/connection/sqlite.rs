//! SQLite: a file in WAL mode, synced at each commit.

use std::fmt;

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::{BigInt, Text};
use diesel::{Connection as _, SqliteConnection};
use jiff::Timestamp;
use scim_core::Result;

use super::{Conn, Role};
use crate::store::error::is_passing;
use crate::store::statement::statement;

/// The oldest SQLite without the WAL-reset corruption that two connections can meet.
const OLDEST: (u32, u32, u32) = (3, 51, 3);

/// How often a connection is tried that others keep from being prepared, and the time between.
const OPENING_TRIES: u32 = 200;
const OPENING_PAUSE: std::time::Duration = std::time::Duration::from_millis(25);

/// The path of a database file.
#[derive(Debug, Clone)]
pub(in crate::store) struct Place {
    path: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sqlite:{}", self.path)
    }
}

impl Place {
    pub(super) fn new(path: &str) -> Self {
        Self { path: path.to_owned() }
    }

    pub(super) fn exists(&self) -> bool {
        std::path::Path::new(&self.path).exists()
    }

    /// When the file, or its write-ahead log, was last written.
    pub(super) fn written(&self) -> Option<Timestamp> {
        let written = |path: String| {
            let modified = std::fs::metadata(path).ok()?.modified().ok()?;
            Timestamp::try_from(modified).ok()
        };
        [self.path.clone(), format!("{}-wal", self.path)].into_iter().filter_map(written).max()
    }

    /// Makes the file, if it isn't there, for its owner alone: it holds the hashes of secrets and the data of
    /// people. The files beside it get what it has. What can't be made SQLite will tell of.
    fn make_private(&self) {
        if !self.exists() {
            let _ = crate::private_file::make(std::path::Path::new(&self.path));
        }
    }

    /// Opens and prepares a connection, or says why it can't.
    pub(super) fn open(&self, role: Role) -> std::result::Result<SqliteConnection, String> {
        let hint = || match std::path::Path::new(&self.path).parent() {
            Some(folder) if !folder.as_os_str().is_empty() && !folder.exists() => {
                format!("there is no folder \"{}\"", folder.display())
            }
            _ => "check that the file and its folder can be written to".to_owned(),
        };
        self.make_private();
        let mut conn = SqliteConnection::establish(&self.path).map_err(|_| hint())?;
        let prepare = match role {
            // A file that can only be read shows it when something is written; nothing goes by this number.
            Role::Writer => {
                "PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; \
                 PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; PRAGMA case_sensitive_like=ON; \
                 PRAGMA cache_size=-16384; PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=0; \
                 PRAGMA user_version=0"
            }
            Role::Copier => "PRAGMA busy_timeout=0; PRAGMA synchronous=FULL",
            // In this mode the file is locked as long as the connection lives; it can't be while another has
            // it open. Said before anything is read.
            Role::Alone => {
                "PRAGMA locking_mode=EXCLUSIVE; PRAGMA busy_timeout=0; PRAGMA journal_mode=WAL; \
                 PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; \
                 PRAGMA case_sensitive_like=ON; PRAGMA cache_size=-32768; PRAGMA temp_store=MEMORY; \
                 BEGIN IMMEDIATE; COMMIT"
            }
            Role::Reader { .. } => {
                "PRAGMA busy_timeout=5000; PRAGMA trusted_schema=OFF; PRAGMA case_sensitive_like=ON; \
                 PRAGMA temp_store=MEMORY; PRAGMA query_only=ON"
            }
        };
        // Switching a new file to the write-ahead log needs it for itself, and SQLite doesn't wait for
        // that: when several processes start at once, one switches and the others find it done.
        let mut tries = 0;
        while let Err(error) = conn.batch_execute(prepare) {
            tries += 1;
            let stays = !is_passing(&error) || error.to_string().contains("readonly");
            if tries >= OPENING_TRIES || stays {
                return Err(match role {
                    Role::Alone if is_passing(&error) => {
                        "another program has it open; stop all servers that use it".to_owned()
                    }
                    _ => format!("{error}; {}", hint()),
                });
            }
            std::thread::sleep(OPENING_PAUSE);
        }
        if let Role::Reader { cache_kib } = role {
            let sized = conn.batch_execute(&format!("PRAGMA cache_size=-{cache_kib}"));
            sized.map_err(|error| format!("{error}; {}", hint()))?;
        }
        Ok(conn)
    }
}

/// Checks what durability stands on, and says it; or says what is missing.
pub(super) fn facts(conn: &mut Conn) -> Result<std::result::Result<String, String>> {
    let version: Vec<String> = statement("SELECT sqlite_version()").rows::<Text, _>(conn)?;
    let version = version.into_iter().next().unwrap_or_default();
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
    let mut next = || numbers.next().unwrap_or_default();
    if (next(), next(), next()) < OLDEST {
        return Ok(Err(format!(
            "is opened by SQLite {version}, which may corrupt a database that several connections \
             write to; 3.51.3 or newer is needed"
        )));
    }
    let journal: Vec<String> =
        statement("SELECT journal_mode FROM pragma_journal_mode").rows::<Text, _>(conn)?;
    let synchronous: Vec<i64> =
        statement("SELECT synchronous FROM pragma_synchronous").rows::<BigInt, _>(conn)?;
    let (journal, synchronous) = (journal.concat(), synchronous.first().copied());
    if journal != "wal" || synchronous != Some(2) {
        return Ok(Err(
            "refuses a write-ahead log that is synced at each commit; is it on a network \
                       drive?"
                .to_owned(),
        ));
    }
    Ok(Ok(format!("SQLite {version}, write-ahead log, synced at each commit")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_is_compiled_without_what_each_read_would_pay_for() {
        let mut conn = Conn::Sqlite(SqliteConnection::establish(":memory:").unwrap());
        let options = statement("SELECT compile_options FROM pragma_compile_options");
        let options: Vec<String> = options.rows::<Text, _>(&mut conn).unwrap();
        let has = |option: &str| options.iter().any(|it| it == option);
        assert!(
            has("THREADSAFE=2") && has("DEFAULT_MEMSTATUS=0") && !has("ENABLE_MEMORY_MANAGEMENT"),
            "LIBSQLITE3_FLAGS of .cargo/config.toml had no effect: {options:?}"
        );
    }
}
