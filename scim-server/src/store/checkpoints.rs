//! [`Checkpoints`]: what SQLite's write-ahead log holds is copied to the database file by a thread of its own,
//! so that no write waits for that.
//!
//! SQLite would do it at a commit, once the log has 1,000 pages: the write that happens to be the one waits for a
//! thousand pages to be written and the file to be synced. Here a thread does so while others write. What it
//! can't do is to begin the log anew, since under constant writes there is always something that isn't copied
//! yet: so once the log is long, the writer is asked to copy the rest, which is little, between two transactions.
//! Its next write begins the log anew, if no reader needs the old one any more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use diesel::sql_types::BigInt;
use scim_core::Result;

use super::connection::{self, Conn, Role, Target};
use super::error::OpenError;
use super::statement::statement;

/// How many pages are copied at a time: one that was written often meanwhile is copied once.
const MANY: i64 = 1_000;
/// Pages of a long log, 32 MiB of it.
const LONG: i64 = 8_192;
/// How often is looked, while there are writes.
const PAUSE: Duration = Duration::from_millis(20);

/// The thread; it ends with this.
pub(super) struct Checkpoints {
    log: Log,
    thread: Option<JoinHandle<()>>,
}

/// What the writer and the thread tell each other.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Something was written since the thread looked.
    written: AtomicBool,
    /// The writer is to copy the rest.
    finish: AtomicBool,
    stops: Mutex<bool>,
    told: Condvar,
}

/// How many pages the log has, and how many of them are copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Length {
    pages: i64,
    copied: i64,
}

impl Log {
    /// A transaction was committed.
    pub(super) fn written(&self) {
        if !self.0.written.swap(true, Ordering::AcqRel) {
            // The thread is told while it isn't between looking and waiting.
            drop(self.0.stops.lock().unwrap_or_else(PoisonError::into_inner));
            self.0.told.notify_all();
        }
    }

    /// Copies the rest, if that is wanted. Between two transactions of the connection that writes.
    pub(super) fn finish(&self, conn: &mut Conn) {
        if self.0.finish.load(Ordering::Relaxed) && self.0.finish.swap(false, Ordering::AcqRel) {
            // What fails here is met again by the write that follows, or by the thread.
            let _ = copy(conn);
        }
    }

    /// Waits until there is something to do, or some time has passed; says whether to go on.
    fn wait(&self, time: Option<Duration>) -> bool {
        let idle = |stops: &mut bool| {
            !*stops && (time.is_some() || !self.0.written.load(Ordering::Acquire))
        };
        let stops = self.0.stops.lock().unwrap_or_else(PoisonError::into_inner);
        let stops = match time {
            Some(time) => {
                let waited = self.0.told.wait_timeout_while(stops, time, idle);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.0.told.wait_while(stops, idle).unwrap_or_else(PoisonError::into_inner),
        };
        !*stops
    }
}

impl Checkpoints {
    /// Starts the thread, with a connection of its own.
    pub(super) fn start(target: &Target) -> std::result::Result<Self, OpenError> {
        let mut conn = connection::open(target, Role::Copier)?;
        let log = Log::default();
        let of_thread = log.clone();
        let thread = std::thread::Builder::new().name("checkpoints".to_owned());
        let thread = thread
            .spawn(move || run(&mut conn, &of_thread))
            .map_err(|e| OpenError::new(format!("{target} can't be opened: no thread: {e}")))?;
        Ok(Self { log, thread: Some(thread) })
    }

    pub(super) fn log(&self) -> Log {
        self.log.clone()
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        *self.log.0.stops.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.log.0.told.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(conn: &mut Conn, log: &Log) {
    // The length at which the writer is asked next. A reader may keep the log from being begun anew.
    let (mut long, mut well) = (LONG, true);
    while log.wait(None) {
        log.0.written.store(false, Ordering::Release);
        let length = keep_short(conn);
        match &length {
            Ok(length) if length.pages < LONG => long = LONG,
            Ok(length) if length.pages >= long && length.pages - length.copied < MANY => {
                log.0.finish.store(true, Ordering::Release);
                long = length.pages + MANY;
            }
            Ok(_) => {}
            Err(error) if well => ::log::warn!(
                "The write-ahead log can't be copied to the database file, and grows: {}",
                std::error::Error::source(error).unwrap_or(error)
            ),
            Err(_) => {}
        }
        well = length.is_ok();
        if !log.wait(Some(PAUSE)) {
            return;
        }
    }
}

/// Copies what the log holds, if that is much.
fn keep_short(conn: &mut Conn) -> Result<Length> {
    let length = length(conn)?;
    if length.pages - length.copied < MANY { Ok(length) } else { copy(conn) }
}

/// Copies what the log holds, as far as no reader needs the file as it is. Waits for nobody.
fn copy(conn: &mut Conn) -> Result<Length> {
    told(conn, "PRAGMA wal_checkpoint(PASSIVE)")
}

/// How long the log is; copies nothing.
fn length(conn: &mut Conn) -> Result<Length> {
    told(conn, "PRAGMA wal_checkpoint(NOOP)")
}

fn told(conn: &mut Conn, sql: &'static str) -> Result<Length> {
    // Whether it was busy, the pages of the log, those copied; -1 if there is no log.
    let rows: Vec<(i64, i64, i64)> = statement(sql).rows::<(BigInt, BigInt, BigInt), _>(conn)?;
    let (_, pages, copied) = rows.into_iter().next().unwrap_or_default();
    Ok(Length { pages: pages.max(0), copied: copied.max(0) })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::store::session::Session;
    use crate::store::writer::Writer;

    struct File {
        target: Target,
        writer: Writer,
        checkpoints: Option<Checkpoints>,
        folder: tempfile::TempDir,
    }

    impl File {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("scim.db");
            let options = crate::store::Options::new(&format!("sqlite:{}", path.display()));
            let target = Target::parse(&options).unwrap();
            let conn = connection::open(&target, Role::Writer).unwrap();
            let checkpoints = Checkpoints::start(&target).unwrap();
            let writer = Writer::new(conn, Duration::from_secs(5)).with_log(checkpoints.log());
            writer
                .write(|Session { conn, .. }, _| {
                    statement("CREATE TABLE t (n INTEGER PRIMARY KEY, x TEXT)").execute(conn)
                })
                .unwrap();
            Self { target, writer, checkpoints: Some(checkpoints), folder }
        }

        /// A transaction that writes about so many pages.
        fn write(&self, pages: i64) {
            self.writer
                .write(|Session { conn, .. }, _| {
                    let text = "x".repeat(3_900);
                    (0..pages).try_for_each(|_| {
                        let sql = statement("INSERT INTO t (x) VALUES (").text(&text).sql(")");
                        sql.execute(conn).map(drop)
                    })
                })
                .unwrap();
        }

        fn length(&self) -> Length {
            length(&mut connection::open(&self.target, Role::READER).unwrap()).unwrap()
        }

        fn size(&self, name: &str) -> u64 {
            std::fs::metadata(self.folder.path().join(name)).unwrap().len()
        }

        fn in_time(&self, done: impl Fn(&Self) -> bool) {
            let until = Instant::now() + Duration::from_secs(10);
            while !done(self) {
                assert!(Instant::now() < until, "{:?}", self.length());
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    #[test]
    fn the_log_is_copied_by_the_thread_and_not_by_a_write() {
        let mut file = File::new();
        file.write(2 * MANY);
        file.in_time(|file| file.length().copied >= 2 * MANY);
        assert!(file.size("scim.db") > 3_000 * 2 * MANY.unsigned_abs());
        // Without the thread nobody copies, however long the log is.
        drop(file.checkpoints.take());
        let before = file.length().copied;
        for _ in 0..10 {
            file.write(MANY);
        }
        let after = file.length();
        assert!(after.pages >= 10 * MANY && after.copied <= before, "{after:?}");
    }

    #[test]
    fn the_log_stays_short_under_constant_writes() {
        let file = File::new();
        // Ten times as much as it may hold, faster than anything that syncs each.
        for _ in 0..(10 * LONG / 100) {
            file.write(100);
        }
        let most = 4_120 * 3 * LONG.unsigned_abs();
        assert!(file.size("scim.db-wal") < most, "{} of {most}", file.size("scim.db-wal"));
    }

    #[test]
    fn a_log_that_a_reader_kept_long_becomes_short_once_the_reader_is_gone() {
        let file = File::new();
        let mut reader = connection::open(&file.target, Role::READER).unwrap();
        let rows = |conn: &mut Conn| statement("SELECT COUNT(*) FROM t").count(conn).unwrap();
        crate::store::statement::begin(&mut reader).unwrap();
        file.write(1);
        let seen = rows(&mut reader);
        for _ in 0..12 {
            file.write(MANY);
        }
        assert!(file.length().pages > LONG);
        assert_eq!(rows(&mut reader), seen, "a snapshot");
        crate::store::statement::commit(&mut reader).unwrap();
        file.in_time(|file| {
            file.write(1);
            file.length().pages < MANY
        });
        assert!(rows(&mut reader) > 12 * MANY);
    }
}
