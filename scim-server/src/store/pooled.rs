//! Transactions on pooled connections, for PostgreSQL: as many at a time as there are connections.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::r2d2::{Pool, PooledConnection};
use scim_core::{Error, Result};

use super::connection::{Conn, Manager, is_broken};
use super::error::{is_conflict, of};
use super::locks::{Turn, lock_of};

/// How often a write that met another one is run again, and the longest pause before the first time.
const RETRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(10);

/// Each statement sees what was committed before it; what must not change meanwhile is locked.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// All statements see what was committed before the first.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Fails if a statement of the transaction did: PostgreSQL takes a COMMIT then, and rolls back.
const COMMIT: &str = "SELECT 1; COMMIT";

fn take(pool: &Pool<Manager>) -> Result<PooledConnection<Manager>> {
    pool.get().map_err(|e| {
        Error::busy("The server is too busy, or has no database; try again").with_source(e)
    })
}

/// Takes a connection and begins. Connections that the database has closed meanwhile are thrown away.
fn begin(pool: &Pool<Manager>, begin: &str) -> Result<PooledConnection<Manager>> {
    let mut left = pool.max_size();
    loop {
        let mut conn = take(pool)?;
        match conn.batch_execute(begin) {
            Ok(()) => return Ok(conn),
            Err(_) if left > 0 && is_broken(&mut conn) => left -= 1,
            Err(error) => {
                // A lock that could not be had leaves a transaction behind.
                let _ = conn.batch_execute("ROLLBACK");
                return Err(of(error));
            }
        }
    }
}

/// Runs `f` in a transaction; again, if that met another one. With an organization it shares the
/// organization's lock, unless it asks to be alone.
pub(super) fn write<R>(
    pool: &Pool<Manager>,
    organization: Option<&str>,
    mut f: impl FnMut(&mut Conn, &Turn) -> Result<R>,
) -> Result<R> {
    let (mut tries, mut turn) = (0, Turn::default());
    loop {
        let start = match organization {
            None => BEGIN.to_owned(),
            // A number is all that is spliced in.
            Some(org) if turn.is_alone() => {
                format!("{BEGIN}; SELECT pg_advisory_xact_lock({})", lock_of("org", org))
            }
            Some(org) => {
                format!("{BEGIN}; SELECT pg_advisory_xact_lock_shared({})", lock_of("org", org))
            }
        };
        match once(pool, &start, &turn, &mut f) {
            _ if turn.wants_alone.get() => {
                turn = Turn::default();
                turn.alone.set(true);
            }
            Err(error) if turn.met_another.get() || is_conflict(&error) => {
                if tries == RETRIES {
                    return Err(Error::busy("Too many changes at the same time; try again")
                        .with_source(error));
                }
                std::thread::sleep(jittered(PAUSE * 2_u32.pow(tries)));
                tries += 1;
                turn.met_another.set(false);
            }
            done => return done,
        }
    }
}

fn once<R>(
    pool: &Pool<Manager>,
    start: &str,
    turn: &Turn,
    f: &mut impl FnMut(&mut Conn, &Turn) -> Result<R>,
) -> Result<R> {
    let mut conn = begin(pool, start)?;
    let done = match catch_unwind(AssertUnwindSafe(|| f(&mut conn, turn))) {
        Ok(Ok(_)) if turn.wants_alone.get() || turn.met_another.get() => {
            Err(Error::busy("The change met another one; try again"))
        }
        Ok(done) => done,
        Err(panic) => {
            let _ = conn.batch_execute("ROLLBACK");
            resume_unwind(panic)
        }
    };
    match done {
        // Whether a commit that fails has happened is not known, so it isn't tried again, unless the
        // database says that it met another one.
        Ok(value) => match conn.batch_execute(COMMIT) {
            Ok(()) => Ok(value),
            Err(error) => {
                let _ = conn.batch_execute("ROLLBACK");
                Err(of(error))
            }
        },
        Err(error) => {
            // If there is no way back, the connection is broken, and is not used again.
            let _ = conn.batch_execute("ROLLBACK");
            Err(error)
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

/// Whether the connection is of no more use, asked of the connection itself: an error that the database
/// sent as its last word doesn't tell.
fn is_gone(conn: &mut Conn) -> bool {
    is_broken(conn) || conn.batch_execute("SELECT 1").is_err()
}

/// A read: it takes a connection, and begins, once it has to. What one statement can tell needs no
/// transaction: the statement is its own snapshot.
pub(super) struct Reading<'p> {
    pool: &'p Pool<Manager>,
    conn: Option<PooledConnection<Manager>>,
    begun: bool,
}

impl<'p> Reading<'p> {
    pub(super) fn new(pool: &'p Pool<Manager>) -> Self {
        Self { pool, conn: None, begun: false }
    }

    /// Runs `f`, which sends one statement; on another connection if the database has closed that one
    /// meanwhile.
    pub(super) fn glance<R>(&mut self, f: impl Fn(&mut Conn) -> Result<R>) -> Result<R> {
        let mut left = self.pool.max_size();
        loop {
            let conn = match &mut self.conn {
                Some(conn) => conn,
                None => self.conn.insert(take(self.pool)?),
            };
            match f(conn) {
                Err(_) if !self.begun && left > 0 && is_gone(conn) => {
                    self.conn = None;
                    left -= 1;
                }
                done => return done,
            }
        }
    }

    /// The connection, on which all statements see the same.
    pub(super) fn snapshot(&mut self) -> Result<&mut Conn> {
        if !self.begun {
            self.glance(|conn| conn.batch_execute(SNAPSHOT).map_err(of))?;
            self.begun = true;
        }
        let away = || Error::internal("a read without a connection");
        self.conn.as_deref_mut().ok_or_else(away)
    }

    /// Ends what was begun.
    pub(super) fn end(mut self) -> Result<()> {
        match (&mut self.conn, self.begun) {
            (Some(conn), true) => conn.batch_execute("COMMIT").map_err(of),
            _ => Ok(()),
        }
    }
}
