//! Brings the schema up to date, safely when several processes start at once.

use diesel::connection::{AnsiTransactionManager, Connection, TransactionManager};
use diesel::migration::{Migration, MigrationSource};
use diesel::sql_types::Text;
use diesel::{QueryableByName, RunQueryDsl as _, sql_query};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connection::{Conn, Target};
use super::error::OpenError;

const SQLITE: EmbeddedMigrations = embed_migrations!("../schema/sqlite");
#[cfg(feature = "postgres")]
const POSTGRES: EmbeddedMigrations = embed_migrations!("../schema/postgres");

/// Whoever holds this advisory lock migrates; the others wait and find nothing left to do.
#[cfg(feature = "postgres")]
const LOCK: &str = "SELECT pg_advisory_xact_lock(7526764)";

/// Diesel's own table.
const APPLIED: &str = "__diesel_schema_migrations";

/// A table, by its name.
#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Brings the schema up to date; makes it in an empty database, if `create` says so.
pub(super) fn run(conn: &mut Conn, target: &Target, create: bool) -> Result<(), OpenError> {
    let fail = |why: String| OpenError::new(format!("{target} can't be migrated: {why}"));
    match conn {
        Conn::Sqlite(conn) => {
            // Whoever comes second waits (busy_timeout) and finds nothing left to do.
            AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN EXCLUSIVE")
                .map_err(|e| fail(format!("{e}; is another program holding it?")))?;
            let tables = sql_query("SELECT name FROM sqlite_master WHERE type = 'table'");
            let done = tables
                .load(conn)
                .map_err(|e| fail(e.to_string()))
                .and_then(|tables| require_own(&tables, target, create))
                .and_then(|()| up_to_date(conn, SQLITE, target));
            end(conn, done, target)
        }
        #[cfg(feature = "postgres")]
        Conn::Postgres(conn) => {
            use diesel::connection::SimpleConnection as _;
            AnsiTransactionManager::begin_transaction(conn).map_err(|e| fail(e.to_string()))?;
            // A migration may take longer than a request.
            let done = conn
                .batch_execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
                .and_then(|()| conn.batch_execute(LOCK))
                .and_then(|()| {
                    sql_query(
                        "SELECT CAST(tablename AS TEXT) AS name FROM pg_tables \
                         WHERE schemaname = current_schema()",
                    )
                    .load(conn)
                })
                .map_err(|e| fail(e.to_string()))
                .and_then(|tables| require_own(&tables, target, create))
                .and_then(|()| up_to_date(conn, POSTGRES, target));
            end(conn, done, target)
        }
    }
}

/// # Errors
/// For a database that is another program's; for an empty one, if none is to be made.
fn require_own(tables: &[Table], target: &Target, create: bool) -> Result<(), OpenError> {
    if tables.iter().any(|table| table.name == APPLIED) {
        return Ok(());
    }
    match tables.first().map(|table| &table.name) {
        None if create => Ok(()),
        None => Err(OpenError::new(format!(
            "{target} is empty; name the right one with --database-url or SCIM_DATABASE_URL \
             (scim-server migrate makes a directory in it)"
        ))),
        Some(name) => Err(OpenError::new(format!(
            "{target} is another program's: it has a table \"{name}\"; name an empty database"
        ))),
    }
}

fn end<C>(conn: &mut C, done: Result<(), OpenError>, target: &Target) -> Result<(), OpenError>
where
    C: Connection<TransactionManager = AnsiTransactionManager>,
{
    let end = match &done {
        Ok(()) => AnsiTransactionManager::commit_transaction(conn),
        Err(_) => AnsiTransactionManager::rollback_transaction(conn),
    };
    done.and(end.map_err(|e| OpenError::new(format!("{target} can't be migrated: {e}"))))
}

fn up_to_date<C>(
    conn: &mut C,
    migrations: EmbeddedMigrations,
    target: &Target,
) -> Result<(), OpenError>
where
    C: Connection + MigrationHarness<C::Backend>,
    EmbeddedMigrations: MigrationSource<C::Backend>,
{
    let fail =
        |why: &dyn std::fmt::Display| OpenError::new(format!("{target} can't be migrated: {why}"));
    let known: Vec<Box<dyn Migration<C::Backend>>> =
        migrations.migrations().map_err(|e| fail(&e))?;
    let applied = conn.applied_migrations().map_err(|e| fail(&e))?;
    let newer = applied.iter().find(|version| {
        !known.iter().any(|migration| migration.name().version().as_owned() == **version)
    });
    if let Some(version) = newer {
        return Err(OpenError::new(format!(
            "{target} has the schema {version}, which is newer than this program; run the newer program"
        )));
    }
    conn.run_pending_migrations(migrations).map_err(|e| fail(&e))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// Of two migrations with one version Diesel would run one, and say nothing of the other.
    #[test]
    fn no_two_migrations_have_one_version() {
        for database in ["sqlite", "postgres"] {
            let folder = format!("{}/../schema/{database}", env!("CARGO_MANIFEST_DIR"));
            let mut versions = BTreeSet::new();
            for entry in std::fs::read_dir(folder).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                let version = name.split('_').next().unwrap().to_owned();
                assert!(versions.insert(version), "{database}: {name} has the version of another");
            }
            assert!(versions.len() > 5, "{versions:?}");
        }
    }
}
