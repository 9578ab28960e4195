//! How a statement is printed for each database, and its values bound.

use std::cell::OnceCell;
use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::{LoadQuery, RunQueryDsl};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Bool, HasSqlType, Nullable, Text};
use diesel::sqlite::Sqlite;
#[cfg(feature = "postgres")]
use diesel::{PgConnection, pg::Pg};
use diesel::{QueryResult, SqliteConnection};

use super::name::{Name, Nameless};
use super::{Part, Statement};

/// A statement whose columns have types.
#[derive(Debug)]
pub(in crate::store) struct Typed<ST, K = Nameless>(
    pub(super) Statement,
    pub(super) PhantomData<(ST, K)>,
);

/// What gives rows of `R` on each database.
#[cfg(feature = "postgres")]
pub(in crate::store) trait Readable<R>:
    LoadQuery<'static, SqliteConnection, R> + LoadQuery<'static, PgConnection, R>
{
}

#[cfg(feature = "postgres")]
impl<T, R> Readable<R> for T where
    T: LoadQuery<'static, SqliteConnection, R> + LoadQuery<'static, PgConnection, R>
{
}

/// What gives rows of `R` on each database.
#[cfg(not(feature = "postgres"))]
pub(in crate::store) trait Readable<R>:
    LoadQuery<'static, SqliteConnection, R>
{
}

#[cfg(not(feature = "postgres"))]
impl<T, R> Readable<R> for T where T: LoadQuery<'static, SqliteConnection, R> {}

/// A database that statements are printed for.
pub(in crate::store) trait Dialect: Backend {
    /// Its piece of two.
    fn pick(sqlite: &'static str, postgres: &'static str) -> &'static str;
    /// Binds a list; `json` keeps it as JSON.
    fn bind_list<'b>(
        out: &mut AstPass<'_, 'b, Self>,
        list: &'b [String],
        json: &'b OnceCell<String>,
    ) -> QueryResult<()>;
}

impl Dialect for Sqlite {
    fn pick(sqlite: &'static str, _: &'static str) -> &'static str {
        sqlite
    }

    fn bind_list<'b>(
        out: &mut AstPass<'_, 'b, Self>,
        list: &'b [String],
        json: &'b OnceCell<String>,
    ) -> QueryResult<()> {
        out.push_bind_param::<Text, _>(json.get_or_init(|| serde_json::json!(list).to_string()))
    }
}

#[cfg(feature = "postgres")]
impl Dialect for Pg {
    fn pick(_: &'static str, postgres: &'static str) -> &'static str {
        postgres
    }

    fn bind_list<'b>(
        out: &mut AstPass<'_, 'b, Self>,
        list: &'b [String],
        _: &'b OnceCell<String>,
    ) -> QueryResult<()> {
        out.push_bind_param::<diesel::sql_types::Array<Text>, _>(list)
    }
}

impl<ST, K> Query for Typed<ST, K> {
    type SqlType = ST;
}

impl<ST, K: Name> QueryId for Typed<ST, K> {
    type QueryId = K;
    const HAS_STATIC_QUERY_ID: bool = K::IS_ONE;
}

impl<ST, K> RunQueryDsl<SqliteConnection> for Typed<ST, K> {}

#[cfg(feature = "postgres")]
impl<ST> RunQueryDsl<PgConnection> for Typed<ST> {}

impl<ST, K, DB> QueryFragment<DB> for Typed<ST, K>
where
    DB: Dialect + HasSqlType<Text> + HasSqlType<BigInt> + HasSqlType<Bool>,
    str: ToSql<Text, DB>,
    Option<&'static str>: ToSql<Nullable<Text>, DB>,
    i64: ToSql<BigInt, DB>,
    bool: ToSql<Bool, DB>,
    Option<i64>: ToSql<Nullable<BigInt>, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if self.0.varies {
            out.unsafe_to_cache_prepared();
        }
        for part in &self.0.parts {
            match part {
                Part::Sql(sql) => out.push_sql(sql),
                Part::PerBackend { sqlite, postgres } => out.push_sql(DB::pick(sqlite, postgres)),
                Part::Text(from, to) => {
                    let text = self.0.texts.get(*from..*to).unwrap_or_default();
                    out.push_bind_param::<Text, str>(text)?;
                }
                Part::OwnText(text) => out.push_bind_param::<Text, str>(text)?,
                Part::NoText => out.push_bind_param::<Nullable<Text>, _>(&None::<&'static str>)?,
                Part::Boolean(value) => out.push_bind_param::<Bool, _>(value)?,
                Part::Integer(value) => out.push_bind_param::<BigInt, _>(value)?,
                Part::List(list, json) => DB::bind_list(&mut out, list, json)?,
                Part::OptionalInteger(value) => {
                    out.push_bind_param::<Nullable<BigInt>, _>(value)?;
                }
            }
        }
        Ok(())
    }
}
