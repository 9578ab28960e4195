//! Copies a whole database into an empty one, whichever of the two kinds each is.
//!
//! Rows go in the order of their keys, a page in a transaction, and with each page a note of how far it has
//! come: a copy that was cut short goes on from there. At the end both sides are read again and held against
//! each other. Until then no server starts on the target.

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
use tables::{Kind, TABLES, Table};

/// The setting that says how far a copy has come. It is no part of what is copied.
pub(super) const MARK: &str = "copy";

/// Rows read, and written in one transaction, at a time.
const PAGE: i64 = 2_000;
/// Values in one statement; SQLite takes 32,766, PostgreSQL 65,535.
const VALUES: usize = 30_000;

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
    /// Which database is copied.
    source: String,
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
    source.require()?;
    let (mut source, mut target) = (Side::open(source)?, Side::open(target)?);
    if source.setting(MARK)?.is_some() {
        return Err(OpenError::new(format!("{} is itself half a copy", source.target)));
    }
    source.on(|conn| conn.batch_execute(snapshot(conn)).map_err(of))?;
    let identity = source.identity()?;
    let mark = target.begin_or_go_on(&identity)?;
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
            target.refuse_long_keys(table, &rows)?;
            let mark = Mark {
                source: identity.clone(),
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
                 meanwhile. Stop the servers that use it, empty the target, and copy again",
                table.name, here.0, there.0, source.target
            )));
        }
    }
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

fn snapshot(conn: &Conn) -> &'static str {
    match conn {
        Conn::Sqlite(_) => "BEGIN",
        #[cfg(feature = "postgres")]
        Conn::Postgres(_) => {
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
             SET LOCAL idle_in_transaction_session_timeout = 0"
        }
    }
}

impl Side {
    fn open(target: Target) -> std::result::Result<Self, OpenError> {
        let mut conn = connection::open(&target, Role::Writer)?;
        migrate::run(&mut conn, &target)?;
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
    fn begin_or_go_on(&mut self, source: &str) -> std::result::Result<Option<Mark>, OpenError> {
        if let Some(text) = self.setting(MARK)? {
            let mark: Option<Mark> = serde_json::from_str(&text).ok();
            return match mark {
                Some(mark) if mark.source == source => Ok(Some(mark)),
                _ => Err(OpenError::new(format!(
                    "{} has a part of another database; empty it first",
                    self.target
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

    /// PostgreSQL's indexes take no long keys.
    fn refuse_long_keys(
        &self,
        table: &Table,
        rows: &[Vec<Value>],
    ) -> std::result::Result<(), OpenError> {
        let Some(longest) = self.target.longest_key() else { return Ok(()) };
        let Some(place) = table.columns.iter().position(|(name, _)| *name == "key") else {
            return Ok(());
        };
        let long = |row: &&Vec<Value>| {
            row.get(place).and_then(Value::as_str).is_some_and(|key| key.len() > longest)
        };
        match rows.iter().find(long) {
            None => Ok(()),
            Some(row) => {
                let text = |name: &str| {
                    let place = table.columns.iter().position(|(column, _)| *column == name);
                    let value = place.and_then(|place| row.get(place)).and_then(Value::as_str);
                    value.unwrap_or_default().to_owned()
                };
                let id = if table.name == "group_names" { text("group_id") } else { text("id") };
                Err(OpenError::new(format!(
                    "In the organization {} the resource {id} has a value of more than {longest} bytes that \
                     it can be searched by ({} {}), which PostgreSQL can't index; shorten it first",
                    text("org"),
                    table.name,
                    text("attr"),
                )))
            }
        }
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

/// The next rows behind a key.
fn page(conn: &mut Conn, table: &Table, after: &[Value]) -> Result<Vec<Vec<Value>>> {
    let mut sql = statement("SELECT ").per_backend("json_array(", "CAST(json_build_array(");
    for (i, (column, _)) in table.columns.iter().enumerate() {
        sql = sql.sql(if i > 0 { ", " } else { "" }).sql(column);
    }
    sql = sql.per_backend(") FROM ", ") AS TEXT) FROM ").sql(table.name);
    let key: Vec<_> = table.columns.iter().take(table.key).collect();
    let listed = |mut sql: Statement| {
        for (i, (column, _)) in key.iter().enumerate() {
            sql = sql.sql(if i > 0 { ", " } else { "" }).sql(column);
        }
        sql
    };
    let mut word = " WHERE ";
    if !after.is_empty() {
        sql = listed(sql.sql(" WHERE (")).sql(") > (");
        for (i, ((_, kind), value)) in key.iter().zip(after).enumerate() {
            sql = bind(sql.sql(if i > 0 { ", " } else { "" }), *kind, value);
        }
        sql = sql.sql(")");
        word = " AND ";
    }
    let sql = listed(without_mark(sql, table, word).sql(" ORDER BY ")).sql(" LIMIT ").integer(PAGE);
    let rows: Vec<String> = sql.rows::<Text, _>(conn)?;
    rows.iter().map(|text| row(table, text)).collect()
}

fn without_mark(sql: Statement, table: &Table, word: &'static str) -> Statement {
    if table.name == "settings" { sql.sql(word).sql("name <> ").text(MARK) } else { sql }
}

/// A row, the same from both databases: SQLite's truth values are numbers.
fn row(table: &Table, text: &str) -> Result<Vec<Value>> {
    let mut row: Vec<Value> = serde_json::from_str(text).map_err(Error::internal)?;
    for (value, (_, kind)) in row.iter_mut().zip(table.columns) {
        if *kind == Kind::Boolean
            && let Some(number) = value.as_i64()
        {
            *value = Value::Bool(number != 0);
        }
    }
    Ok(row)
}

fn insert(conn: &mut Conn, table: &Table, rows: &[Vec<Value>]) -> Result<()> {
    for rows in rows.chunks(VALUES / table.columns.len()) {
        let mut sql = statement("INSERT INTO ").sql(table.name).sql(" (");
        for (i, (column, _)) in table.columns.iter().enumerate() {
            sql = sql.sql(if i > 0 { ", " } else { "" }).sql(column);
        }
        sql = sql.sql(") VALUES ");
        for (i, row) in rows.iter().enumerate() {
            sql = sql.sql(if i > 0 { ", (" } else { "(" });
            for (j, (value, (_, kind))) in row.iter().zip(table.columns).enumerate() {
                sql = bind(sql.sql(if j > 0 { ", " } else { "" }), *kind, value);
            }
            sql = sql.sql(")");
        }
        sql.execute(conn)?;
    }
    Ok(())
}

fn bind(sql: Statement, kind: Kind, value: &Value) -> Statement {
    match kind {
        Kind::Text => sql.optional_text(value.as_str()),
        Kind::Integer => sql.optional_integer(value.as_i64()),
        Kind::Boolean => sql.boolean(value.as_bool().unwrap_or_default()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
