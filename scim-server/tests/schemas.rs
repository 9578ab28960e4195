//! The schemas of both databases are one, and the one that Diesel is told of. Needs a PostgreSQL:
//! `scripts/pg-tmp cargo test -p scim-server --test schemas`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod common;

use std::collections::BTreeMap;

use common::Place;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel_migrations::{FileBasedMigrations, MigrationHarness};

/// A schema: its tables by name.
type Schema = BTreeMap<String, Table>;

#[derive(Debug, PartialEq, Eq, Default, Clone)]
struct Table {
    /// Name, type and whether it may be NULL, in their order.
    columns: Vec<(String, String, bool)>,
    primary: Vec<String>,
    /// By name: whether it is unique, whether it has some rows only, and its columns.
    indexes: BTreeMap<String, (bool, bool, Vec<String>)>,
}

fn postgres() -> Place {
    let url = std::env::var("SCIM_TEST_DATABASE_URL");
    Place::on_postgres(url.expect("SCIM_TEST_DATABASE_URL: run this with scripts/pg-tmp"))
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    table: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    nullable: bool,
}

#[derive(QueryableByName)]
struct IndexColumn {
    #[diesel(sql_type = Text)]
    table: String,
    #[diesel(sql_type = Text)]
    index: String,
    #[diesel(sql_type = Bool)]
    is_primary: bool,
    #[diesel(sql_type = Bool)]
    is_unique: bool,
    #[diesel(sql_type = Bool)]
    partial: bool,
    #[diesel(sql_type = Text)]
    column: String,
}

fn schema(columns: Vec<Column>, indexes: Vec<IndexColumn>) -> Schema {
    let mut schema = Schema::new();
    for Column { table, name, kind, nullable } in columns {
        let kind = kind.to_ascii_lowercase();
        schema.entry(table).or_default().columns.push((name, kind, nullable));
    }
    for row in indexes {
        let table = schema.get_mut(&row.table).unwrap();
        if row.is_primary {
            table.primary.push(row.column);
            continue;
        }
        let fresh = (row.is_unique, row.partial, Vec::new());
        table.indexes.entry(row.index).or_insert(fresh).2.push(row.column);
    }
    schema
}

fn of_sqlite(conn: &mut SqliteConnection) -> Schema {
    let columns = diesel::sql_query(
        "SELECT t.name AS \"table\", c.name, c.type AS kind, c.\"notnull\" = 0 AS nullable \
         FROM sqlite_master t JOIN pragma_table_info(t.name) c \
         WHERE t.type = 'table' AND t.name NOT LIKE '\\_\\_%' ESCAPE '\\' ORDER BY t.name, c.cid",
    );
    let indexes = diesel::sql_query(
        "SELECT t.name AS \"table\", i.name AS \"index\", i.origin = 'pk' AS is_primary, \
         i.\"unique\" AS is_unique, i.partial AS partial, c.name AS \"column\" \
         FROM sqlite_master t JOIN pragma_index_list(t.name) i JOIN pragma_index_info(i.name) c \
         WHERE t.type = 'table' AND t.name NOT LIKE '\\_\\_%' ESCAPE '\\' \
         ORDER BY t.name, i.name, c.seqno",
    );
    schema(columns.load(conn).unwrap(), indexes.load(conn).unwrap())
}

fn of_postgres(conn: &mut PgConnection) -> Schema {
    let columns = diesel::sql_query(
        "SELECT c.table_name::text AS \"table\", c.column_name::text AS name, c.data_type::text AS kind, \
         c.is_nullable = 'YES' AS nullable FROM information_schema.columns c \
         WHERE c.table_schema = 'public' AND c.table_name NOT LIKE '\\_\\_%' \
         ORDER BY c.table_name, c.ordinal_position",
    );
    let indexes = diesel::sql_query(
        "SELECT t.relname::text AS \"table\", n.relname::text AS \"index\", i.indisprimary AS is_primary, \
         i.indisunique AS is_unique, i.indpred IS NOT NULL AS partial, a.attname::text AS \"column\" \
         FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class n ON n.oid = i.indexrelid \
         CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k (number, place) \
         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number \
         WHERE t.relnamespace = 'public'::regnamespace AND t.relname NOT LIKE '\\_\\_%' \
         ORDER BY t.relname, n.relname, k.place",
    );
    schema(columns.load(conn).unwrap(), indexes.load(conn).unwrap())
}

fn sqlite_of(place: &Place) -> SqliteConnection {
    SqliteConnection::establish(place.url.trim_start_matches("sqlite:")).unwrap()
}

/// The tables that Diesel is told of, from the text of the `table!`s: columns and primary key.
fn of_diesel() -> BTreeMap<String, Table> {
    let text = include_str!("../src/store/tables.rs");
    let mut tables = BTreeMap::new();
    let mut open: Option<(String, Table)> = None;
    for line in text.lines().map(str::trim) {
        if let Some((name, kind)) = line.trim_end_matches(',').split_once(" -> ") {
            let (kind, nullable) = match kind.strip_prefix("Nullable<") {
                Some(kind) => (kind.trim_end_matches('>'), true),
                None => (kind, false),
            };
            let kind = match kind {
                "Text" => "text",
                "BigInt" => "bigint",
                "Bool" => "boolean",
                other => panic!("a type of no database: {other}"),
            };
            let table = &mut open.as_mut().unwrap().1;
            table.columns.push((name.to_owned(), kind.to_owned(), nullable));
        } else if let (Some((name, keys)), true) = (line.split_once(" ("), line.ends_with(") {")) {
            let primary = keys.trim_end_matches(") {").split(", ").map(str::to_owned).collect();
            open = Some((name.to_owned(), Table { primary, ..Table::default() }));
        } else if line == "}"
            && let Some((name, table)) = open.take()
        {
            tables.insert(name, table);
        }
    }
    tables
}

#[test]
fn both_databases_have_the_same_schema_and_diesel_knows_it() {
    let (sqlite, postgres) = (Place::on_sqlite(), postgres());
    drop((sqlite.open(), postgres.open()));
    let there = of_sqlite(&mut sqlite_of(&sqlite));
    let mut conn = PgConnection::establish(&postgres.url).unwrap();
    let here = of_postgres(&mut conn);
    assert!(there.len() > 20, "{there:?}");
    assert_eq!(there.keys().collect::<Vec<_>>(), here.keys().collect::<Vec<_>>());
    for (name, table) in &there {
        assert_eq!(here[name], *table, "{name}: PostgreSQL's on the left");
        assert!(!table.primary.is_empty(), "{name}");
    }
    let told = of_diesel();
    assert!(told.len() > 15, "{told:?}");
    for (name, table) in told {
        let Table { columns, primary, .. } = &there[&name];
        assert_eq!((columns, primary), (&table.columns, &table.primary), "{name}");
    }
}

#[test]
fn texts_compare_bytewise_whatever_the_database_was_made_with() {
    #[derive(QueryableByName)]
    struct Other {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    let place = postgres();
    drop(place.open());
    let others: Vec<Other> = diesel::sql_query(
        "SELECT COUNT(*) AS n FROM information_schema.columns WHERE table_schema = 'public' \
         AND table_name NOT LIKE '\\_\\_%' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'",
    )
    .load(&mut PgConnection::establish(&place.url).unwrap())
    .unwrap();
    assert_eq!(others[0].n, 0);
}

#[test]
fn r17_migrations_go_back_and_forth() {
    fn round<C>(conn: &mut C, folder: &str, look: impl Fn(&mut C) -> Schema)
    where
        C: MigrationHarness<C::Backend> + Connection,
        FileBasedMigrations: diesel::migration::MigrationSource<C::Backend>,
    {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema").join(folder);
        let migrations = || FileBasedMigrations::from_path(&path).unwrap();
        conn.run_pending_migrations(migrations()).unwrap();
        let before = look(conn);
        conn.revert_all_migrations(migrations()).unwrap();
        assert!(look(conn).is_empty());
        conn.run_pending_migrations(migrations()).unwrap();
        assert_eq!(look(conn), before);
    }
    let (sqlite, postgres) = (Place::on_sqlite(), postgres());
    round(&mut sqlite_of(&sqlite), "sqlite", of_sqlite);
    round(&mut PgConnection::establish(&postgres.url).unwrap(), "postgres", of_postgres);
}
