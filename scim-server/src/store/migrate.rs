//! Brings the schema up to date, safely when several processes start at once.

use diesel::connection::{AnsiTransactionManager, TransactionManager as _};
use diesel::migration::{Migration, MigrationSource as _};
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};

use super::connection::{Conn, Target};
use super::error::OpenError;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../schema/sqlite");

pub(super) fn run(conn: &mut Conn, target: &Target) -> Result<(), OpenError> {
    let fail = |why: String| OpenError::new(format!("{target} can't be migrated: {why}"));
    // Whoever comes second waits (busy_timeout) and finds nothing left to do.
    AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN EXCLUSIVE")
        .map_err(|e| fail(format!("{e}; is another program holding it?")))?;
    let done = up_to_date(conn, target);
    let end = match &done {
        Ok(()) => AnsiTransactionManager::commit_transaction(conn),
        Err(_) => AnsiTransactionManager::rollback_transaction(conn),
    };
    done.and(end.map_err(|e| fail(e.to_string())))
}

fn up_to_date(conn: &mut Conn, target: &Target) -> Result<(), OpenError> {
    let fail =
        |why: &dyn std::fmt::Display| OpenError::new(format!("{target} can't be migrated: {why}"));
    let known: Vec<Box<dyn Migration<Sqlite>>> = MIGRATIONS.migrations().map_err(|e| fail(&e))?;
    let applied = conn.applied_migrations().map_err(|e| fail(&e))?;
    let newer = applied.iter().find(|version| {
        !known.iter().any(|migration| migration.name().version().as_owned() == **version)
    });
    if let Some(version) = newer {
        return Err(OpenError::new(format!(
            "{target} has the schema {version}, which is newer than this program; run the newer program"
        )));
    }
    conn.run_pending_migrations(MIGRATIONS).map_err(|e| fail(&e))?;
    Ok(())
}
