//! [`Writer`]: one connection that writes, with group commit. For SQLite, which has one writer anyway.
//!
//! Writers that wait share a transaction and one fsync. Each runs on its own thread; whoever finds nobody
//! waiting commits for all, and nobody is answered before that commit. A thread may also take the connection
//! for a while ([`Writer::together`]) and make many writes without a change of threads between them.
//!
//! An error undoes only what its own write did. Where others have written in the same transaction and can't be
//! run again, a savepoint sees to that. It makes SQLite copy each page that the write touches, though, and errors
//! mostly come before anything was written: so writes that can be run again do without it, and are run again,
//! each in a savepoint, when one of them fails halfway.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::BigInt;
use scim_core::{Error, Result};

use super::checkpoints::Log;
use super::connection::Conn;
use super::session::Session;
use super::statement::{begin, commit, name, run, statement};

/// The most writes that share a commit.
pub(crate) const MOST: usize = 128;
/// How long the first of them waits for others at the most.
pub(crate) const LONGEST: Duration = Duration::from_millis(5);

pub(super) struct Writer {
    /// Tells writers apart: a process may have several stores.
    number: u64,
    slot: Mutex<Slot>,
    free: Condvar,
    wait: Duration,
    /// How long a transaction is left open for others.
    longest: Duration,
}

struct Slot {
    /// The connection, unless a writer has it.
    state: Option<State>,
    /// Who waits for it, in the order of their coming.
    waiting: VecDeque<u64>,
    next: u64,
}

thread_local! {
    /// The connection that this thread has taken with [`Writer::together`].
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

struct Held {
    writer: u64,
    state: State,
    /// Each write is in a savepoint of its own.
    careful: bool,
    fate: Fate,
}

/// What became of a transaction while it was held.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Whole,
    /// A write failed halfway and took the others with it: all are to be run again, each in a savepoint.
    Again,
    /// The database ended the transaction: what was written before is gone.
    Lost,
}

/// One run of a write.
#[derive(Debug)]
pub(super) struct Attempt {
    savepoints: bool,
    again: Cell<bool>,
}

impl Attempt {
    const fn new(savepoints: bool) -> Self {
        Self { savepoints, again: Cell::new(false) }
    }

    /// Whether a part of the write that may fail alone is to be put into a savepoint. Else, if it fails once it
    /// has written, it asks for another run.
    pub(super) const fn has_savepoints(&self) -> bool {
        self.savepoints
    }

    /// What this run did is to be undone, what it ends with is void, and the write run with savepoints.
    pub(super) fn ask_again(&self) {
        self.again.set(true);
    }
}

struct State {
    session: Session,
    batch: Option<Batch>,
    log: Log,
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
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let state = Some(State { session: Session::new(conn), batch: None, log: Log::default() });
        let slot = Slot { state, waiting: VecDeque::new(), next: 0 };
        Self { number, slot: Mutex::new(slot), free: Condvar::new(), wait, longest: LONGEST }
    }

    /// The write-ahead log that it writes to.
    pub(super) fn with_log(mut self, log: Log) -> Self {
        let slot = self.slot.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = &mut slot.state {
            state.log = log;
        }
        self
    }

    /// Runs `f`; the writes that this thread makes in it share one commit, and return before it. On success
    /// they are durable. May run `f` again: what it did before is undone then.
    pub(super) fn together(&self, f: &mut dyn FnMut()) -> Result<()> {
        let mut state = self.acquire()?;
        // Others that have written in the open transaction don't run again.
        let mut careful = state.batch.is_some();
        loop {
            HELD.set(Some(Held { writer: self.number, state, careful, fate: Fate::Whole }));
            let done = catch_unwind(AssertUnwindSafe(&mut *f));
            let Some(held) = HELD.take() else {
                return Err(Error::internal("the connection that writes was not given back"));
            };
            state = held.state;
            if held.fate == Fate::Again {
                careful = true;
                continue;
            }
            let committed = state.commit();
            self.hand_back(state);
            if let Err(panic) = done {
                resume_unwind(panic);
            }
            let whole = held.fate == Fate::Whole;
            return if whole { committed } else { Err(ENDED.to_owned()) }.map_err(not_stored);
        }
    }

    /// One of the writes of [`Self::together`].
    fn write_held<R>(
        mut held: Held,
        f: &mut impl FnMut(&mut Session, &Attempt) -> Result<R>,
    ) -> (Held, Done<R>) {
        if held.fate != Fate::Whole {
            return (held, Ok(Err(not_stored(ENDED.to_owned()))));
        }
        let state = &mut held.state;
        if state.batch.is_none() {
            let done = state.begin_with(f);
            return (held, done);
        }
        if held.careful {
            let (done, still) = within(&mut state.session, f);
            if !still {
                state.abandon(ENDED);
                held.fate = Fate::Lost;
            }
            return (held, done);
        }
        let before = match changes(&mut state.session.conn) {
            Ok(before) => before,
            Err(error) => return (held, Ok(Err(error))),
        };
        let attempt = Attempt::new(false);
        let done = catch_unwind(AssertUnwindSafe(|| f(&mut state.session, &attempt)));
        let done_well = matches!(done, Ok(Ok(_)));
        if attempt.again.get() || !(done_well || is_as_before(&mut state.session.conn, before)) {
            state.abandon(ENDED);
            held.fate = Fate::Again;
        }
        (held, done)
    }

    /// Runs `f` as if alone; `Ok` only once what it did is durable. May run `f` again: what it did before is
    /// undone then.
    pub(super) fn write<R>(
        &self,
        mut f: impl FnMut(&mut Session, &Attempt) -> Result<R>,
    ) -> Result<R> {
        if let Some(held) =
            HELD.with_borrow_mut(|held| held.take_if(|held| held.writer == self.number))
        {
            let (held, done) = Self::write_held(held, &mut f);
            HELD.set(Some(held));
            return done.unwrap_or_else(|panic| resume_unwind(panic));
        }
        let mut state = self.acquire()?;
        let done = match &state.batch {
            None => state.begin_with(&mut f),
            Some(_) => {
                let (done, held) = within(&mut state.session, &mut f);
                if !held {
                    state.abandon(ENDED);
                }
                done
            }
        };
        let Some(outcome) = state.batch.as_ref().map(|batch| Arc::clone(&batch.outcome)) else {
            // Nothing is left that it could wait for.
            self.hand_back(state);
            return done.unwrap_or_else(|panic| resume_unwind(panic));
        };
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
                outcome.wait().map_err(not_stored)?;
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
            Ok(()) => f(&mut state.session.conn),
            Err(why) => Err(Error::busy("The database can't be written to").with_source(why)),
        };
        self.hand_back(state);
        done
    }

    fn acquire(&self) -> Result<State> {
        let until = Instant::now() + self.wait;
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let number = slot.next;
        slot.next = number.wrapping_add(1);
        slot.waiting.push_back(number);
        loop {
            if slot.waiting.front() == Some(&number)
                && let Some(state) = slot.state.take()
            {
                slot.waiting.pop_front();
                return Ok(state);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                slot.waiting.retain(|other| *other != number);
                // Whoever is the first now may have been waiting for this one to take its turn.
                self.free.notify_all();
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
            .is_some_and(|batch| batch.writes < MOST && batch.began.elapsed() < self.longest);
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if !more || slot.waiting.is_empty() {
            return Some(state);
        }
        slot.state = Some(state);
        self.free.notify_all();
        None
    }

    fn hand_back(&self, state: State) {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        slot.state = Some(state);
        self.free.notify_all();
    }
}

fn not_stored(why: String) -> Error {
    Error::busy("The change could not be stored; try again").with_source(why)
}

impl State {
    fn begin(&mut self) -> Result<Arc<Outcome>> {
        if let Some(batch) = &self.batch {
            return Ok(Arc::clone(&batch.outcome));
        }
        self.log.finish(&mut self.session.conn);
        run::<name::BeginToWrite>(&mut self.session.conn, "BEGIN IMMEDIATE")?;
        if let Err(error) = self.session.catch_up() {
            let _ = self.session.conn.batch_execute("ROLLBACK");
            return Err(error);
        }
        let outcome = Arc::new(Outcome::default());
        let (began, writes) = (Instant::now(), 0);
        self.batch = Some(Batch { outcome: Arc::clone(&outcome), began, writes });
        Ok(outcome)
    }

    /// Begins a transaction with its first write. That needs no savepoint: if it fails, the transaction goes.
    fn begin_with<R>(
        &mut self,
        f: &mut impl FnMut(&mut Session, &Attempt) -> Result<R>,
    ) -> Done<R> {
        let mut attempt = Attempt::new(false);
        loop {
            if let Err(error) = self.begin() {
                return Ok(Err(error));
            }
            let done = catch_unwind(AssertUnwindSafe(|| f(&mut self.session, &attempt)));
            let again = attempt.again.get();
            if matches!(done, Ok(Ok(_))) && !again {
                return done;
            }
            self.abandon("it failed");
            if !again {
                return done;
            }
            if attempt.savepoints {
                return Ok(Err(not_stored(ENDED.to_owned())));
            }
            attempt = Attempt::new(true);
        }
    }

    /// The transaction is gone, or must go: nobody of the batch is told that its change is stored.
    fn abandon(&mut self, why: &str) {
        self.session.remembered.forget();
        // There may be none to roll back.
        let _ = self.session.conn.batch_execute("ROLLBACK");
        if let Some(batch) = self.batch.take() {
            batch.outcome.tell(Err(why.to_owned()));
        }
    }

    fn commit(&mut self) -> std::result::Result<(), String> {
        let Some(batch) = self.batch.take() else { return Ok(()) };
        let committed = commit(&mut self.session.conn).map_err(|e| {
            self.session.remembered.forget();
            // A failed commit may leave the transaction open; without this the next could not begin.
            let undone = self.session.conn.batch_execute("ROLLBACK").err();
            let why =
                std::error::Error::source(&e).map_or_else(|| e.to_string(), ToString::to_string);
            undone.map_or_else(|| why.clone(), |undone| format!("{why}; {undone}"))
        });
        self.log.written();
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
fn within<R>(
    session: &mut Session,
    f: &mut impl FnMut(&mut Session, &Attempt) -> Result<R>,
) -> (Done<R>, bool) {
    let mut attempt = Attempt::new(false);
    loop {
        if let Err(error) = run::<name::Save>(&mut session.conn, "SAVEPOINT one") {
            return (Ok(Err(error)), false);
        }
        let done = catch_unwind(AssertUnwindSafe(|| f(session, &attempt)));
        let again = attempt.again.get();
        let end = match &done {
            Ok(Ok(_)) if !again => run::<name::Release>(&mut session.conn, "RELEASE one"),
            _ => run::<name::Undo>(&mut session.conn, "ROLLBACK TO one")
                .and_then(|()| run::<name::Release>(&mut session.conn, "RELEASE one")),
        };
        match (done, end) {
            (_, Ok(())) if again && attempt.savepoints => {
                return (Ok(Err(not_stored(ENDED.to_owned()))), true);
            }
            (_, Ok(())) if again => attempt = Attempt::new(true),
            (done, Ok(())) => return (done, true),
            (Err(panic), Err(_)) => return (Err(panic), false),
            (Ok(_), Err(error)) => return (Ok(Err(not_stored(error.to_string()))), false),
        }
    }
}

/// How many rows the connection has changed so far.
pub(super) fn changes(conn: &mut Conn) -> Result<i64> {
    let rows: Vec<i64> =
        statement("SELECT total_changes()").rows_of::<name::Changes, BigInt, _>(conn)?;
    Ok(rows.into_iter().next().unwrap_or_default())
}

/// Whether the transaction is still there, and nothing was written in it since there were `before` changes.
pub(super) fn is_as_before(conn: &mut Conn, before: i64) -> bool {
    // None can begin within another.
    begin(conn).is_err() && changes(conn).is_ok_and(|now| now == before)
}

/// Why nothing of a transaction is stored.
const ENDED: &str = "the transaction was ended";

/// What a closure returned, or its panic.
type Done<R> = std::thread::Result<Result<R>>;

#[cfg(test)]
mod tests;
