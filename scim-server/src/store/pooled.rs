//! Transactions on pooled connections, for PostgreSQL: as many at a time as there are connections.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::r2d2::{Pool, PooledConnection};
use scim_core::{Error, Result};

use super::connection::{Conn, Manager, is_broken};
use super::error::of;

/// How often a write that met another one is run again, and the longest pause before the first time.
const RETRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(10);

/// Fails if a statement of the transaction did: PostgreSQL takes a COMMIT then, and rolls back.
const COMMIT: &str = "SELECT 1; COMMIT";

/// Takes a connection and begins. Connections that the database has closed meanwhile are thrown away.
pub(super) fn begin(pool: &Pool<Manager>, begin: &str) -> Result<PooledConnection<Manager>> {
    let mut left = pool.max_size();
    loop {
        let mut conn = pool.get().map_err(|e| {
            Error::busy("The server is too busy, or has no database; try again").with_source(e)
        })?;
        match conn.batch_execute(begin) {
            Ok(()) => return Ok(conn),
            Err(_) if left > 0 && is_broken(&mut conn) => left -= 1,
            Err(error) => return Err(of(error)),
        }
    }
}

/// Runs `f` in a transaction; again, if that met another one.
pub(super) fn write<R>(
    pool: &Pool<Manager>,
    mut f: impl FnMut(&mut Conn) -> Result<R>,
) -> Result<R> {
    let mut tries = 0;
    loop {
        match once(pool, &mut f) {
            Err(error) if super::error::is_conflict(&error) => {
                if tries == RETRIES {
                    return Err(Error::busy("Too many changes at the same time; try again")
                        .with_source(error));
                }
                std::thread::sleep(jittered(PAUSE * 2_u32.pow(tries)));
                tries += 1;
            }
            done => return done,
        }
    }
}

fn once<R>(pool: &Pool<Manager>, f: &mut impl FnMut(&mut Conn) -> Result<R>) -> Result<R> {
    let mut conn = begin(pool, "BEGIN ISOLATION LEVEL SERIALIZABLE")?;
    match catch_unwind(AssertUnwindSafe(|| f(&mut conn))) {
        // Whether a commit that fails has happened is not known, so it isn't tried again, unless the
        // database says that it met another one.
        Ok(Ok(value)) => match conn.batch_execute(COMMIT) {
            Ok(()) => Ok(value),
            Err(error) => {
                let _ = conn.batch_execute("ROLLBACK");
                Err(of(error))
            }
        },
        Ok(Err(error)) => {
            // If there is no way back, the connection is broken, and is not used again.
            let _ = conn.batch_execute("ROLLBACK");
            Err(error)
        }
        Err(panic) => {
            let _ = conn.batch_execute("ROLLBACK");
            resume_unwind(panic)
        }
    }
}

/// Between nothing and `most`.
fn jittered(most: Duration) -> Duration {
    let mut random = [0; 2];
    // Without random numbers there is no jitter.
    let _ = getrandom::fill(&mut random);
    most.mul_f64(f64::from(u16::from_le_bytes(random)) / f64::from(u16::MAX))
}
