//! Rows of any table, read and written a page at a time.

use diesel::sql_types::Text;
use scim_core::{Error, Result};
use serde_json::Value;

use super::tables::{Kind, Table};
use super::{MARK, PAGE, VALUES};
use crate::store::connection::Conn;
use crate::store::statement::{Statement, statement};

/// The next rows behind a key.
pub(super) fn page(conn: &mut Conn, table: &Table, after: &[Value]) -> Result<Vec<Vec<Value>>> {
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

pub(super) fn without_mark(sql: Statement, table: &Table, word: &'static str) -> Statement {
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

pub(super) fn insert(conn: &mut Conn, table: &Table, rows: &[Vec<Value>]) -> Result<()> {
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

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
