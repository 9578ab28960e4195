//! [`Writer`]: one connection that writes, with group commit. For SQLite, which has one writer anyway.
//!
//! Writers that wait share a transaction and one fsync. Each runs on its own thread, inside a savepoint
//! of its own, so that an error undoes only what it did; whoever finds nobody waiting commits for all,
//! and nobody is answered before that commit.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use scim_core::{Error, Result};

use super::connection::Conn;
use super::error::of;

/// The most writes that share a commit.
const MOST: usize = 128;
/// How long the first of them waits for others at the most.
const LONGEST: Duration = Duration::from_millis(5);

pub(super) struct Writer {
    slot: Mutex<Slot>,
    free: Condvar,
    wait: Duration,
}

struct Slot {
    /// The connection, unless a writer has it.
    state: Option<State>,
    waiting: usize,
}

struct State {
    conn: Conn,
    batch: Option<Batch>,
}

struct Batch {
    outcome: Arc<Outcome>,
    began: Instant,
    writes: usize,
}

/// What became of a shared commit.
#[derive(Default)]
struct Outcome {
    done: Mutex<Option<std::result::Result<(), String>>>,
    told: Condvar,
}

impl Writer {
    pub(super) fn new(conn: Conn, wait: Duration) -> Self {
        let slot = Slot { state: Some(State { conn, batch: None }), waiting: 0 };
        Self { slot: Mutex::new(slot), free: Condvar::new(), wait }
    }

    /// Runs `f` as if alone; `Ok` only once what it did is durable.
    pub(super) fn write<R>(&self, f: impl FnOnce(&mut Conn) -> Result<R>) -> Result<R> {
        let mut state = self.acquire()?;
        let outcome = match state.begin() {
            Ok(outcome) => outcome,
            Err(error) => {
                self.hand_back(state);
                return Err(error);
            }
        };
        let (done, held) = within(&mut state.conn, f);
        if !held {
            state.abandon("the database ended the transaction");
        }
        if let Some(batch) = &mut state.batch {
            batch.writes += 1;
        }
        if let Some(mut state) = self.leave_open(state) {
            // Whether it succeeds is told through the outcome, to this writer too.
            let _ = state.commit();
            self.hand_back(state);
        }
        match done {
            Err(panic) => resume_unwind(panic),
            // A refusal waits too: what it rests on (a name that is taken) may be in this batch.
            Ok(done) => {
                outcome.wait().map_err(|why| {
                    Error::busy("The change could not be stored; try again").with_source(why)
                })?;
                done
            }
        }
    }

    /// Runs `f` outside any transaction.
    pub(super) fn apart<R>(&self, f: impl FnOnce(&mut Conn) -> Result<R>) -> Result<R> {
        let mut state = self.acquire()?;
        // A batch left open has its committer waiting behind us: it is committed here instead.
        let committed = state.commit();
        let done = match committed {
            Ok(()) => f(&mut state.conn),
            Err(why) => Err(Error::busy("The database can't be written to").with_source(why)),
        };
        self.hand_back(state);
        done
    }

    fn acquire(&self) -> Result<State> {
        let until = Instant::now() + self.wait;
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        slot.waiting += 1;
        loop {
            if let Some(state) = slot.state.take() {
                slot.waiting -= 1;
                return Ok(state);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                slot.waiting -= 1;
                return Err(Error::busy("The server is too busy to write now; try again"));
            }
            (slot, _) = self.free.wait_timeout(slot, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Leaves the transaction open for the next writer, if one waits and there is room and time. Whoever
    /// is counted as waiting takes the connection: it looks for it once more before it gives up.
    fn leave_open(&self, state: State) -> Option<State> {
        let more = state
            .batch
            .as_ref()
            .is_some_and(|batch| batch.writes < MOST && batch.began.elapsed() < LONGEST);
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if !more || slot.waiting == 0 {
            return Some(state);
        }
        slot.state = Some(state);
        self.free.notify_one();
        None
    }

    fn hand_back(&self, state: State) {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        slot.state = Some(state);
        self.free.notify_one();
    }
}

impl State {
    fn begin(&mut self) -> Result<Arc<Outcome>> {
        if let Some(batch) = &self.batch {
            return Ok(Arc::clone(&batch.outcome));
        }
        self.conn.batch_execute("BEGIN IMMEDIATE").map_err(of)?;
        let outcome = Arc::new(Outcome::default());
        let (began, writes) = (Instant::now(), 0);
        self.batch = Some(Batch { outcome: Arc::clone(&outcome), began, writes });
        Ok(outcome)
    }

    /// The transaction is gone, or must go: nobody of the batch is told that its change is stored.
    fn abandon(&mut self, why: &str) {
        // There may be none to roll back.
        let _ = self.conn.batch_execute("ROLLBACK");
        if let Some(batch) = self.batch.take() {
            batch.outcome.tell(Err(why.to_owned()));
        }
    }

    fn commit(&mut self) -> std::result::Result<(), String> {
        let Some(batch) = self.batch.take() else { return Ok(()) };
        let committed = self.conn.batch_execute("COMMIT").map_err(|e| {
            // A failed commit may leave the transaction open; without this the next could not begin.
            let undone = self.conn.batch_execute("ROLLBACK").err();
            undone.map_or_else(|| e.to_string(), |undone| format!("{e}; {undone}"))
        });
        batch.outcome.tell(committed.clone());
        committed
    }
}

impl Outcome {
    fn tell(&self, outcome: std::result::Result<(), String>) {
        *self.done.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        self.told.notify_all();
    }

    fn wait(&self) -> std::result::Result<(), String> {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &*done {
                Some(outcome) => return outcome.clone(),
                None => done = self.told.wait(done).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// Runs `f` in a savepoint: its error undoes what it did and nothing else. The savepoint may be gone by
/// then: a full disk makes SQLite end the whole transaction. The second value says whether it held.
fn within<R>(conn: &mut Conn, f: impl FnOnce(&mut Conn) -> Result<R>) -> (Done<R>, bool) {
    if let Err(error) = conn.batch_execute("SAVEPOINT one") {
        return (Ok(Err(of(error))), false);
    }
    let done = catch_unwind(AssertUnwindSafe(|| f(conn)));
    let end = match &done {
        Ok(Ok(_)) => conn.batch_execute("RELEASE one"),
        _ => conn.batch_execute("ROLLBACK TO one; RELEASE one"),
    };
    match (done, end) {
        (done, Ok(())) => (done, true),
        (Err(panic), Err(_)) => (Err(panic), false),
        (Ok(_), Err(error)) => {
            let gone = Error::busy("The change could not be stored; try again").with_source(error);
            (Ok(Err(gone)), false)
        }
    }
}

/// What a closure returned, or its panic.
type Done<R> = std::thread::Result<Result<R>>;

#[cfg(test)]
mod tests {
    use diesel::{Connection as _, SqliteConnection};
    use scim_core::Kind;

    use super::*;
    use crate::store::statement::statement;

    #[test]
    fn a_full_disk_undoes_the_batch_and_nothing_of_it_is_stored() {
        let mut conn = Conn::from(SqliteConnection::establish(":memory:").unwrap());
        conn.batch_execute("CREATE TABLE t (x TEXT); PRAGMA max_page_count = 40").unwrap();
        let writer = Writer::new(conn, Duration::from_secs(5));
        let insert = |conn: &mut Conn, n: usize| {
            statement("INSERT INTO t VALUES (").text(&"x".repeat(n)).sql(")").execute(conn)
        };
        writer.write(|conn| insert(conn, 10)).unwrap();
        let done = writer.write(|conn| {
            insert(conn, 10)?;
            insert(conn, 1_000_000)
        });
        assert_eq!(done.unwrap_err().kind(), Kind::Busy);
        let rows = |conn: &mut Conn| statement("SELECT COUNT(*) FROM t").count(conn);
        assert_eq!(writer.write(rows).unwrap(), 1);
        writer.write(|conn| insert(conn, 10)).unwrap();
        assert_eq!(writer.write(rows).unwrap(), 2);
    }
}
