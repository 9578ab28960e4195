//! [`Statement`]: SQL put together from pieces that this crate wrote and values that are always bound.
//!
//! A piece is a `&'static str`, so nothing that a client sent can become SQL text. One `QueryFragment`,
//! generic over the backend, prints it for each database.

pub(super) mod name;
mod print;

use std::cell::OnceCell;
use std::marker::PhantomData;

use diesel::connection::{DefaultLoadingMode, LoadConnection};
use diesel::expression::QueryMetadata;
use diesel::query_builder::QueryFragment;
use diesel::query_dsl::{LoadQuery, RunQueryDsl as _};
use diesel::row::{Field as _, Row as _};
use diesel::sql_types::{BigInt, Untyped};
use diesel::{QueryResult, SqliteConnection};
#[cfg(feature = "postgres")]
use scim_core::Error;
use scim_core::Result;

use super::connection::Conn;
use super::error::of;
pub(super) use name::Name;
use name::Numbered;
pub(super) use print::{Readable, Typed};

/// SQL and its values, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Statement {
    parts: Vec<Part>,
    /// Its texts, one behind the other: many small ones are one allocation.
    texts: String,
    /// Its text differs from call to call (lists of values), so keeping it prepared gains nothing.
    varies: bool,
    /// How SQLite runs it by its name.
    run: Option<fn(Self, &mut SqliteConnection) -> QueryResult<usize>>,
}

#[derive(Debug, Clone)]
enum Part {
    Sql(&'static str),
    /// What the databases don't say alike.
    PerBackend {
        sqlite: &'static str,
        postgres: &'static str,
    },
    /// Where it begins and ends in the statement's texts.
    Text(usize, usize),
    OwnText(String),
    NoText,
    Integer(i64),
    OptionalInteger(Option<i64>),
    Boolean(bool),
    /// Texts that are bound as one value: an array, or as JSON where there are none.
    List(Vec<String>, OnceCell<String>),
}

/// What most statements have room in.
const PARTS: usize = 24;
const TEXTS: usize = 256;

/// A number of rows, as statements take it.
pub(super) fn integer(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Begins a statement.
pub(super) fn statement(sql: &'static str) -> Statement {
    let (parts, texts) = (Vec::with_capacity(PARTS), String::with_capacity(TEXTS));
    Statement { parts, texts, ..Statement::default() }.sql(sql)
}

/// Runs a statement that has a name and no values.
pub(super) fn run<K: Name>(conn: &mut Conn, sql: &'static str) -> Result<()> {
    statement(sql).named::<K>().execute(conn).map(drop)
}

/// Begins a transaction on SQLite that locks nothing yet.
pub(super) fn begin(conn: &mut Conn) -> Result<()> {
    run::<name::Begin>(conn, "BEGIN")
}

/// Ends a transaction on SQLite.
pub(super) fn commit(conn: &mut Conn) -> Result<()> {
    run::<name::Commit>(conn, "COMMIT")
}

impl Statement {
    pub(super) fn sql(mut self, sql: &'static str) -> Self {
        self.parts.push(Part::Sql(sql));
        self
    }

    /// A piece that SQLite and PostgreSQL spell differently.
    pub(super) fn per_backend(mut self, sqlite: &'static str, postgres: &'static str) -> Self {
        self.parts.push(Part::PerBackend { sqlite, postgres });
        self
    }

    pub(super) fn text(mut self, value: &str) -> Self {
        let from = self.texts.len();
        self.texts.push_str(value);
        self.parts.push(Part::Text(from, self.texts.len()));
        self
    }

    /// As [`Self::text`], without a copy.
    pub(super) fn owned_text(mut self, value: String) -> Self {
        self.parts.push(Part::OwnText(value));
        self
    }

    pub(super) fn optional_text(mut self, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(value),
            None => {
                self.parts.push(Part::NoText);
                self
            }
        }
    }

    pub(super) fn integer(mut self, value: i64) -> Self {
        self.parts.push(Part::Integer(value));
        self
    }

    pub(super) fn optional_integer(mut self, value: Option<i64>) -> Self {
        self.parts.push(Part::OptionalInteger(value));
        self
    }

    pub(super) fn boolean(mut self, value: bool) -> Self {
        self.parts.push(Part::Boolean(value));
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

    /// `= ?` for one value; for more, a list that is bound as one, so that the text stays the same.
    pub(super) fn among<'a>(self, values: impl IntoIterator<Item = &'a str>) -> Self {
        let values: Vec<&str> = values.into_iter().collect();
        if let [one] = values.as_slice() {
            return self.sql("= ").text(one);
        }
        let sql = self.per_backend("IN (SELECT value FROM json_each(", "= ANY (");
        sql.list(values).per_backend("))", ")")
    }

    /// Texts as one value: JSON on SQLite, an array on PostgreSQL.
    pub(super) fn list<'a>(mut self, values: impl IntoIterator<Item = &'a str>) -> Self {
        let values = values.into_iter().map(str::to_owned).collect();
        self.parts.push(Part::List(values, OnceCell::new()));
        self
    }

    /// ` LIMIT ?`, as a sum: SQLite looks at the value of a plain parameter when it plans, and would plan
    /// anew for each.
    pub(super) fn limit(self, n: i64) -> Self {
        self.sql(" LIMIT (0 + ").integer(n).sql(")")
    }

    /// ` OFFSET ?`, as [`Self::limit`].
    pub(super) fn offset(self, n: usize) -> Self {
        self.sql(" OFFSET (0 + ").integer(integer(n)).sql(")")
    }

    pub(super) fn then(mut self, other: &Self) -> Self {
        let before = self.texts.len();
        self.texts.push_str(&other.texts);
        self.parts.extend(other.parts.iter().map(|part| match part {
            Part::Text(from, to) => Part::Text(from + before, to + before),
            part => part.clone(),
        }));
        self.varies |= other.varies;
        self
    }

    /// The rows, columns typed by `ST`.
    pub(super) fn rows<ST, R>(self, conn: &mut Conn) -> Result<Vec<R>>
    where
        Typed<ST>: Readable<R>,
    {
        let typed = Typed::<ST>(self, PhantomData);
        match conn {
            Conn::Sqlite(conn) => typed.load(conn),
            #[cfg(feature = "postgres")]
            Conn::Postgres(conn) => typed.load(conn),
        }
        .map_err(of)
    }

    /// As [`Self::rows`], up to the first that `goes_on` is false for, that one left out. Tells whether there is one.
    pub(super) fn rows_while<ST, R>(
        self,
        conn: &mut Conn,
        goes_on: impl FnMut(&R) -> bool,
    ) -> Result<(Vec<R>, bool)>
    where
        Typed<ST>: Readable<R>,
    {
        let typed = Typed::<ST>(self, PhantomData);
        match conn {
            Conn::Sqlite(conn) => {
                take_while(typed.load_iter::<R, DefaultLoadingMode>(conn), goes_on)
            }
            #[cfg(feature = "postgres")]
            Conn::Postgres(conn) => {
                take_while(typed.load_iter::<R, DefaultLoadingMode>(conn), goes_on)
            }
        }
        .map_err(of)
    }

    /// As [`Self::rows`], of the statement that has that name.
    pub(super) fn rows_of<K: Name, ST, R>(self, conn: &mut Conn) -> Result<Vec<R>>
    where
        Typed<ST>: Readable<R>,
        Typed<ST, K>: LoadQuery<'static, SqliteConnection, R>,
    {
        match conn {
            Conn::Sqlite(conn) => {
                self.say_the_same::<K>();
                Typed::<ST, K>(self, PhantomData).load(conn).map_err(of)
            }
            #[cfg(feature = "postgres")]
            Conn::Postgres(_) => self.rows::<ST, R>(conn),
        }
    }

    /// Gives it its name, for [`Self::execute`].
    pub(super) fn named<K: Name>(mut self) -> Self {
        self.run = Some(|statement, conn| Typed::<(), K>(statement, PhantomData).execute(conn));
        self.say_the_same::<K>();
        self
    }

    /// As [`Self::named`], if each number of rows has a text of its own.
    pub(super) fn named_by<K: Name>(self, rows: usize) -> Self {
        match rows {
            1 => self.named::<Numbered<K, 1>>(),
            2 => self.named::<Numbered<K, 2>>(),
            3 => self.named::<Numbered<K, 3>>(),
            4 => self.named::<Numbered<K, 4>>(),
            5 => self.named::<Numbered<K, 5>>(),
            6 => self.named::<Numbered<K, 6>>(),
            7 => self.named::<Numbered<K, 7>>(),
            8 => self.named::<Numbered<K, 8>>(),
            9 => self.named::<Numbered<K, 9>>(),
            _ => self,
        }
    }

    /// That no other text has the name.
    #[cfg(debug_assertions)]
    fn say_the_same<K: Name>(&self) {
        use std::any::TypeId;
        use std::cell::RefCell;
        use std::collections::HashMap;
        thread_local! {
            static SAID: RefCell<HashMap<TypeId, String>> = RefCell::default();
        }
        let text: String = self
            .parts
            .iter()
            .map(|part| match part {
                Part::Sql(sql) | Part::PerBackend { sqlite: sql, .. } => sql,
                _ => "?",
            })
            .collect();
        SAID.with_borrow_mut(|said| {
            let first = said.entry(TypeId::of::<K>()).or_insert_with(|| text.clone());
            assert_eq!(*first, text, "two statements of one name");
        });
    }

    #[cfg(not(debug_assertions))]
    fn say_the_same<K: Name>(&self) {}

    /// Hands the one text of each row to `f`, where it lies.
    pub(super) fn each(self, conn: &mut Conn, f: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
        match conn {
            Conn::Sqlite(conn) => {
                for row in load(conn, Typed(self, PhantomData)).map_err(of)? {
                    let row = row.map_err(of)?;
                    let field = row.get(0);
                    let value = field.as_ref().and_then(|field| field.value());
                    if let Some(mut value) = value {
                        f(value.read_text())?;
                    }
                }
                Ok(())
            }
            #[cfg(feature = "postgres")]
            Conn::Postgres(conn) => {
                for row in load(conn, Typed(self, PhantomData)).map_err(of)? {
                    let row = row.map_err(of)?;
                    let field = row.get(0);
                    let value = field.as_ref().and_then(|field| field.value());
                    let text = value.as_ref().map(|value| std::str::from_utf8(value.as_bytes()));
                    f(text.transpose().map_err(Error::internal)?.unwrap_or_default())?;
                }
                Ok(())
            }
        }
    }

    /// The one number that it selects.
    pub(super) fn count(self, conn: &mut Conn) -> Result<i64> {
        let rows: Vec<i64> = self.rows::<BigInt, _>(conn)?;
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    /// Runs it; gives how many rows it changed.
    pub(super) fn execute(self, conn: &mut Conn) -> Result<usize> {
        let run = self.run;
        let typed = Typed::<()>(self, PhantomData);
        match (conn, run) {
            (Conn::Sqlite(conn), Some(run)) => run(typed.0, conn),
            (Conn::Sqlite(conn), None) => typed.execute(conn),
            #[cfg(feature = "postgres")]
            (Conn::Postgres(conn), _) => typed.execute(conn),
        }
        .map_err(of)
    }
}

fn take_while<R>(
    rows: QueryResult<impl Iterator<Item = QueryResult<R>>>,
    mut goes_on: impl FnMut(&R) -> bool,
) -> QueryResult<(Vec<R>, bool)> {
    let mut taken = Vec::new();
    for row in rows? {
        let row = row?;
        if !goes_on(&row) {
            return Ok((taken, true));
        }
        taken.push(row);
    }
    Ok((taken, false))
}

fn load<C: LoadConnection<DefaultLoadingMode>>(
    conn: &mut C,
    typed: Typed<Untyped>,
) -> QueryResult<C::Cursor<'_, 'static>>
where
    Typed<Untyped>: QueryFragment<C::Backend>,
    C::Backend: QueryMetadata<Untyped>,
{
    conn.load(typed)
}
