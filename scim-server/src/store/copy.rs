//! Copies a whole database into an empty one, whichever of the two kinds each is.
//!
//! Rows go in the order of their keys, a page in a transaction, and with each page a note of how far it has
//! come: a copy that was cut short goes on from there. At the end both sides are read again and held against
//! each other. Until then no server starts on the target.
//!
//! Nobody may write to the source meanwhile, else what was acknowledged would be missing in the copy: it is
//! refused while servers have it open, and locked against writes.

mod rows;
mod tables;

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use scim_core::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::connection::{self, Conn, Role, Target};
use super::error::of;
use super::statement::{Statement, statement};
use super::{OpenError, Options, migrate, setting};
use rows::{hex, insert, page, without_mark};
use tables::{TABLES, Table};

/// The setting that says how far a copy has come. It is no part of what is copied.
pub(super) const MARK: &str = "copy";

/// Rows read, and written in one transaction, at a time.
const PAGE: i64 = 2_000;
/// Values in one statement; SQLite takes 32,766, PostgreSQL 65,535.
const VALUES: usize = 30_000;

/// Values too long that are named.
const LONG_KEYS: usize = 20;

/// How a copy goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many rows are to be copied.
    Begin(u64),
    /// So many more are there.
    Copied(u64),
    /// All are there: now they are held against each other, so many on each side.
    Compare(u64),
    /// So many more agree.
    Compared(u64),
}

/// How far a copy has come, as the target keeps it.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
struct Mark {
    /// Which database is copied, and how it was called.
    source: String,
    place: String,
    table: String,
    /// The key of the last row.
    after: Vec<Value>,
}

/// A database at one end of a copy.
struct Side {
    conn: Conn,
    target: Target,
}

/// Copies all tables; gives how many rows there are.
///
/// # Errors
/// In a sentence: a target that isn't empty, a source that changes meanwhile, a database that is away.
pub fn copy(
    from: &Options,
    to: &Options,
    tell: &mut dyn FnMut(Step),
) -> std::result::Result<u64, OpenError> {
    let (source, target) = (Target::parse(from)?, Target::parse(to)?);
    if source.to_string() == target.to_string() {
        return Err(OpenError::new("A database can't be copied to itself"));
    }
    if source.require().is_err() {
        let detail = format!("{source} isn't there; name the right one with --from");
        return Err(OpenError::new(detail));
    }
    let (mut source, mut target) = (Side::open(source, false)?, Side::open(target, true)?);
    target.be_the_only_copy()?;
    source.keep_writers_away()?;
    if source.setting(MARK)?.is_some() {
        return Err(OpenError::new(format!("{} is itself half a copy", source.target)));
    }
    let identity = source.identity()?;
    let mark = target.begin_or_go_on(&identity, &source.target.to_string())?;
    source.refuse_long_keys(&target.target)?;
    let total = source.count()?;
    tell(Step::Begin(total));
    tell(Step::Copied(target.count()?));
    let begun = mark.as_ref().and_then(|m| TABLES.iter().position(|t| t.name == m.table));
    for (i, table) in TABLES.iter().enumerate().skip(begun.unwrap_or_default()) {
        let mut after = match &mark {
            Some(mark) if begun == Some(i) => mark.after.clone(),
            _ => Vec::new(),
        };
        loop {
            let rows = source.on(|conn| page(conn, table, &after))?;
            let Some(last) = rows.last() else { break };
            after = last.iter().take(table.key).cloned().collect();
            let mark = Mark {
                source: identity.clone(),
                place: source.target.to_string(),
                table: table.name.to_owned(),
                after: after.clone(),
            };
            target.write(table, &rows, &mark)?;
            tell(Step::Copied(rows.len() as u64));
        }
    }
    tell(Step::Compare(total));
    for table in TABLES {
        let (here, there) = (
            source.digest(table, &mut |n| tell(Step::Compared(n)))?,
            target.digest(table, &mut |_| ())?,
        );
        if here != there {
            return Err(OpenError::new(format!(
                "The copy of the table {} differs from the original ({} rows, {} there): {} has changed \
                 since the copy was begun. {}",
                table.name,
                here.0,
                there.0,
                source.target,
                target.target.how_to_empty()
            )));
        }
    }
    source.refuse_other_writers()?;
    target.on(|conn| {
        statement("DELETE FROM settings WHERE name = ").text(MARK).execute(conn)?;
        if matches!(conn, Conn::Sqlite(_)) {
            return Ok(());
        }
        // Without statistics PostgreSQL takes the slow way through a full table.
        TABLES.iter().try_for_each(|t| statement("ANALYZE ").sql(t.name).execute(conn).map(drop))
    })?;
    Ok(total)
}

impl Side {
    fn open(target: Target, create: bool) -> std::result::Result<Self, OpenError> {
        let mut conn = connection::open(&target, Role::Alone)?;
        connection::require_primary(&mut conn, &target)?;
        migrate::run(&mut conn, &target, create)?;
        let mut side = Self { conn, target };
        side.check_tables()?;
        Ok(side)
    }

    fn on<R>(
        &mut self,
        f: impl FnOnce(&mut Conn) -> Result<R>,
    ) -> std::result::Result<R, OpenError> {
        f(&mut self.conn).map_err(|e| OpenError::of(&self.target, &e))
    }

    /// Two copies at once into one database would be a mixture of both. SQLite's was opened for this one alone.
    fn be_the_only_copy(&mut self) -> std::result::Result<(), OpenError> {
        let alone = self.on(|conn| {
            let lock =
                "SELECT CASE WHEN pg_try_advisory_lock(7526765) THEN CAST(1 AS BIGINT) ELSE 0 END";
            Statement::default().per_backend("SELECT CAST(1 AS BIGINT)", lock).count(conn)
        })?;
        match alone {
            1 => Ok(()),
            _ => Err(OpenError::new(format!("Another copy is going into {}", self.target))),
        }
    }

    /// From now on what is read is what is there: whoever would write has to wait, and gives up. SQLite's
    /// file was opened for this alone.
    fn keep_writers_away(&mut self) -> std::result::Result<(), OpenError> {
        self.refuse_other_writers()?;
        self.on(|conn| {
            if matches!(conn, Conn::Sqlite(_)) {
                return conn.batch_execute("BEGIN").map_err(of);
            }
            // The locks come before the snapshot, which comes with the first row that is read.
            conn.batch_execute(
                "BEGIN ISOLATION LEVEL REPEATABLE READ; \
                 SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0",
            )
            .map_err(of)?;
            TABLES.iter().try_for_each(|table| {
                let lock = statement("LOCK TABLE ").sql(table.name).sql(" IN SHARE MODE");
                lock.execute(conn).map(drop)
            })
        })?;
        // Whoever came in between waits for the locks now.
        self.refuse_other_writers()
    }

    /// Servers and commands on the source. They call themselves so, unless their URL says otherwise; then
    /// the locks still keep them from writing.
    fn refuse_other_writers(&mut self) -> std::result::Result<(), OpenError> {
        let others = self.on(|conn| {
            let others = "SELECT CAST(COUNT(*) AS BIGINT) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid() \
                 AND (application_name = 'scim-server' OR pid IN \
                 (SELECT w.pid FROM pg_locks w WHERE NOT w.granted AND w.locktype = 'relation'))";
            Statement::default().per_backend("SELECT CAST(0 AS BIGINT)", others).count(conn)
        })?;
        match others {
            0 => Ok(()),
            n => Err(OpenError::new(format!(
                "{} is in use: {n} connections of servers or commands are on it. What they write would be \
                 missing in the copy: stop all instances, then run the same command again",
                self.target
            ))),
        }
    }

    fn setting(&mut self, name: &str) -> std::result::Result<Option<String>, OpenError> {
        self.on(|conn| setting(conn, name))
    }

    /// What is told of the tables here is what is there.
    fn check_tables(&mut self) -> std::result::Result<(), OpenError> {
        let mut there: Vec<String> = self.on(|conn| {
            statement("SELECT ")
                .per_backend(
                    "t.name || '.' || c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c \
                     WHERE t.type = 'table' AND t.name NOT LIKE '\\_\\_%' ESCAPE '\\'",
                    "CAST(table_name || '.' || column_name AS TEXT) FROM information_schema.columns \
                     WHERE table_schema = current_schema() AND table_name NOT LIKE '\\_\\_%'",
                )
                .rows::<Text, _>(conn)
        })?;
        let mut known: Vec<String> = TABLES
            .iter()
            .flat_map(|table| table.columns.iter().map(move |(c, _)| format!("{}.{c}", table.name)))
            .collect();
        there.sort();
        known.sort();
        if let Some(odd) = there.iter().find(|c| known.binary_search(c).is_err()) {
            return Err(OpenError::new(format!(
                "{} has {odd}, which isn't known here",
                self.target
            )));
        }
        if let Some(missing) = known.iter().find(|c| there.binary_search(c).is_err()) {
            return Err(OpenError::new(format!("{} has no {missing}", self.target)));
        }
        Ok(())
    }

    /// What tells this database from others, as long as it lives.
    fn identity(&mut self) -> std::result::Result<String, OpenError> {
        let key = self.setting("cursor_key")?.unwrap_or_default();
        let first: Vec<String> = self.on(|conn| {
            statement("SELECT id FROM organizations ORDER BY created, id LIMIT 1")
                .rows::<Text, _>(conn)
        })?;
        let digest = Sha256::new().chain_update(key).chain_update(first.concat()).finalize();
        Ok(hex(&digest))
    }

    /// Where a copy of that source goes on, if the target has a part of it.
    fn begin_or_go_on(
        &mut self,
        source: &str,
        place: &str,
    ) -> std::result::Result<Option<Mark>, OpenError> {
        if let Some(text) = self.setting(MARK)? {
            let mark: Option<Mark> = serde_json::from_str(&text).ok();
            return match mark {
                Some(mark) if mark.source == source && mark.place == place => Ok(Some(mark)),
                Some(mark) => Err(OpenError::new(format!(
                    "{} has a part of another database: the copy that was begun is of {}. Finish that one, \
                     with the same URL; or else: {}",
                    self.target,
                    mark.place,
                    self.target.how_to_empty()
                ))),
                None => Err(OpenError::new(format!(
                    "{} has a part of another database. {}",
                    self.target,
                    self.target.how_to_empty()
                ))),
            };
        }
        if self.count()? > 0 {
            return Err(OpenError::new(format!(
                "{} is not empty, and a copy goes into an empty database",
                self.target
            )));
        }
        Ok(None)
    }

    /// All rows but the mark.
    fn count(&mut self) -> std::result::Result<u64, OpenError> {
        let mut total = 0;
        for table in TABLES {
            let sql = statement("SELECT COUNT(*) FROM ").sql(table.name);
            total += self.on(|conn| without_mark(sql, table, " WHERE ").count(conn))?;
        }
        Ok(u64::try_from(total).unwrap_or_default())
    }

    /// PostgreSQL's indexes take no long keys: says so before anything is written, for the first of them.
    fn refuse_long_keys(&mut self, target: &Target) -> std::result::Result<(), OpenError> {
        let Some(longest) = target.longest_key() else { return Ok(()) };
        let (mut all, mut first) = (0, Vec::new());
        for table in TABLES {
            let has = |name: &str| table.columns.iter().any(|(column, _)| *column == name);
            // Keys of idempotency are short.
            if !has("key") || !has("org") && !has("id") {
                continue;
            }
            let attribute = match table.name {
                "group_names" => "'displayName'",
                _ if has("attr") => "attr",
                _ => "'name'",
            };
            let rows = self.on(|conn| {
                let id = if has("group_id") { "group_id" } else { "id" };
                statement("SELECT ")
                    .sql(if has("org") { "org, " } else { "'', " })
                    .sql(id)
                    .sql(", ")
                    .sql(attribute)
                    .sql(" FROM ")
                    .sql(table.name)
                    .per_backend(
                        " WHERE length(CAST(key AS BLOB)) > ",
                        " WHERE octet_length(key) > ",
                    )
                    .integer(i64::try_from(longest).unwrap_or(i64::MAX))
                    .sql(" ORDER BY 1, 2, 3")
                    .rows::<(Text, Text, Text), (String, String, String)>(conn)
            })?;
            all += rows.len();
            first.extend(rows.into_iter().take(LONG_KEYS));
        }
        if all == 0 {
            return Ok(());
        }
        first.truncate(LONG_KEYS);
        let told: Vec<String> = first
            .iter()
            .map(|(org, id, attribute)| format!("{attribute} of {id} in the organization {org}"))
            .collect();
        let more = if all > told.len() { " …" } else { "" };
        Err(OpenError::new(format!(
            "{all} values are longer than {longest} bytes, which PostgreSQL can't index: {}{more}. Shorten \
             them first; nothing was copied",
            told.join(", "),
        )))
    }

    /// Writes a page and how far that is, both or neither.
    fn write(
        &mut self,
        table: &Table,
        rows: &[Vec<Value>],
        mark: &Mark,
    ) -> std::result::Result<(), OpenError> {
        self.on(|conn| {
            conn.batch_execute("BEGIN").map_err(of)?;
            let done = insert(conn, table, rows).and_then(|()| {
                let mark = serde_json::to_string(mark).map_err(Error::internal)?;
                statement("INSERT INTO settings (name, value) VALUES (")
                    .text(MARK)
                    .sql(", ")
                    .text(&mark)
                    .sql(") ON CONFLICT (name) DO UPDATE SET value = excluded.value")
                    .execute(conn)
            });
            match done {
                Ok(_) => conn.batch_execute("COMMIT").map_err(of),
                Err(error) => {
                    // The connection goes with the copy.
                    let _ = conn.batch_execute("ROLLBACK");
                    Err(error)
                }
            }
        })
    }

    /// How many rows a table has, and the digest of all of them in the order of their keys.
    fn digest(
        &mut self,
        table: &Table,
        tell: &mut dyn FnMut(u64),
    ) -> std::result::Result<(u64, String), OpenError> {
        let (mut count, mut digest, mut after) = (0, Sha256::new(), Vec::new());
        loop {
            let rows = self.on(|conn| page(conn, table, &after))?;
            let Some(last) = rows.last() else { return Ok((count, hex(&digest.finalize()))) };
            after = last.iter().take(table.key).cloned().collect();
            count += rows.len() as u64;
            for row in &rows {
                digest.update(Value::from(row.clone()).to_string());
                digest.update(b"\n");
            }
            tell(rows.len() as u64);
        }
    }
}
