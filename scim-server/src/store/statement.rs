//! [`Statement`]: SQL put together from pieces that this crate wrote and values that are always bound.
//!
//! A piece is a `&'static str`, so nothing that a client sent can become SQL text. One `QueryFragment`,
//! generic over the backend, prints it for each database.

use std::marker::PhantomData;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::RunQueryDsl;
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, HasSqlType, Nullable, Text};
use scim_core::Result;

use super::connection::Conn;
use super::error::of;

/// SQL and its values, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Statement {
    parts: Vec<Part>,
    /// Its text differs from call to call (lists of values), so keeping it prepared gains nothing.
    varies: bool,
}

#[derive(Debug, Clone)]
enum Part {
    Sql(&'static str),
    Text(String),
    OptionalText(Option<String>),
    Integer(i64),
    OptionalInteger(Option<i64>),
}

/// Begins a statement.
pub(super) fn statement(sql: &'static str) -> Statement {
    Statement::default().sql(sql)
}

impl Statement {
    pub(super) fn sql(mut self, sql: &'static str) -> Self {
        self.parts.push(Part::Sql(sql));
        self
    }

    pub(super) fn text(mut self, value: &str) -> Self {
        self.parts.push(Part::Text(value.to_owned()));
        self
    }

    pub(super) fn optional_text(mut self, value: Option<&str>) -> Self {
        self.parts.push(Part::OptionalText(value.map(str::to_owned)));
        self
    }

    pub(super) fn integer(mut self, value: i64) -> Self {
        self.parts.push(Part::Integer(value));
        self
    }

    pub(super) fn optional_integer(mut self, value: Option<i64>) -> Self {
        self.parts.push(Part::OptionalInteger(value));
        self
    }

    /// `?, ?, …`
    pub(super) fn texts<'a>(mut self, values: impl IntoIterator<Item = &'a str>) -> Self {
        for (i, value) in values.into_iter().enumerate() {
            if i > 0 {
                self.varies = true;
                self = self.sql(", ");
            }
            self = self.text(value);
        }
        self
    }

    pub(super) fn then(mut self, other: &Self) -> Self {
        self.parts.extend(other.parts.iter().cloned());
        self.varies |= other.varies;
        self
    }

    /// The rows, columns typed by `ST`.
    pub(super) fn rows<ST, R>(self, conn: &mut Conn) -> Result<Vec<R>>
    where
        Typed<ST>: diesel::query_dsl::LoadQuery<'static, Conn, R>,
    {
        let typed = Typed::<ST>(self, PhantomData);
        typed.load(conn).map_err(of)
    }

    /// The one number that it selects.
    pub(super) fn count(self, conn: &mut Conn) -> Result<i64> {
        let rows: Vec<i64> = self.rows::<BigInt, _>(conn)?;
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    /// Runs it; gives how many rows it changed.
    pub(super) fn execute(self, conn: &mut Conn) -> Result<usize> {
        Typed::<()>(self, PhantomData).execute(conn).map_err(of)
    }
}

/// A statement whose columns have types.
#[derive(Debug)]
pub(super) struct Typed<ST>(Statement, PhantomData<ST>);

impl<ST> Query for Typed<ST> {
    type SqlType = ST;
}

impl<ST> QueryId for Typed<ST> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST> RunQueryDsl<Conn> for Typed<ST> {}

impl<ST, DB> QueryFragment<DB> for Typed<ST>
where
    DB: Backend + HasSqlType<Text> + HasSqlType<BigInt>,
    String: ToSql<Text, DB>,
    Option<String>: ToSql<Nullable<Text>, DB>,
    i64: ToSql<BigInt, DB>,
    Option<i64>: ToSql<Nullable<BigInt>, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if self.0.varies {
            out.unsafe_to_cache_prepared();
        }
        for part in &self.0.parts {
            match part {
                Part::Sql(sql) => out.push_sql(sql),
                Part::Text(value) => out.push_bind_param::<Text, _>(value)?,
                Part::OptionalText(value) => out.push_bind_param::<Nullable<Text>, _>(value)?,
                Part::Integer(value) => out.push_bind_param::<BigInt, _>(value)?,
                Part::OptionalInteger(value) => {
                    out.push_bind_param::<Nullable<BigInt>, _>(value)?;
                }
            }
        }
        Ok(())
    }
}
