//! The outside world: the clock, ids, password hashes.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use argon2::Argon2;
use argon2::password_hash::PasswordHasher as _;
use jiff::Timestamp;
use scim_core::env::{Clock, Env, Ids, Passwords};
use scim_core::resource::Id;
use scim_core::{Error, Result};
use uuid::ContextV7;

/// Password hashes made at the same time; each takes 19 MiB and a core.
const HASHING: usize = 2;
/// How long a request waits for its turn to hash.
const PATIENCE: Duration = Duration::from_secs(5);

/// The environment of a server. Its ids come after those that were made at that time, in milliseconds since 1970,
/// even if the clock has been put back since.
#[must_use]
pub fn system(latest: Option<i64>) -> Env {
    let passwords = Arc::new(Argon2id::default());
    let ids = TimeOrdered::after(latest.map_or(0, |latest| latest.saturating_add(1)));
    Env { clock: Arc::new(SystemClock::default()), ids: Arc::new(ids), passwords }
}

/// What the system's clock says.
#[must_use]
pub fn now() -> Timestamp {
    SystemClock::default().now()
}

/// The system's time in milliseconds; it never goes back.
#[derive(Debug, Default)]
pub struct SystemClock(AtomicI64);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
        let now = Timestamp::now().as_millisecond();
        let latest = self.0.fetch_max(now, Ordering::Relaxed).max(now);
        Timestamp::from_millisecond(latest).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// UUIDs of version 7: random, and rising.
#[derive(Debug)]
struct TimeOrdered(Mutex<ContextV7>);

impl TimeOrdered {
    fn after(millisecond: i64) -> Self {
        let context = Mutex::new(ContextV7::new());
        if let Ok(millisecond @ 1..) = u64::try_from(millisecond) {
            let (seconds, rest) = (millisecond / 1000, millisecond % 1000);
            let nanos = u32::try_from(rest * 1_000_000).unwrap_or_default();
            // The context gives no earlier time than it has given.
            let _ = uuid::Timestamp::from_unix(&context, seconds, nanos);
        }
        Self(context)
    }
}

impl Ids for TimeOrdered {
    fn next(&self) -> Id {
        #[expect(clippy::disallowed_methods, reason = "the one place that makes ids")]
        let uuid = uuid::Uuid::new_v7(uuid::Timestamp::now(&self.0));
        let mut text = uuid::Uuid::encode_buffer();
        let text = uuid.hyphenated().encode_lower(&mut text);
        Id::parse(text).unwrap_or_else(|| unreachable!("a UUID is letters, digits and hyphens"))
    }
}

/// Argon2id with the parameters that its authors recommend, a few at a time.
#[derive(Debug, Default)]
struct Argon2id {
    busy: Mutex<usize>,
    free: Condvar,
}

impl Passwords for Argon2id {
    fn hash(&self, password: &str) -> Result<String> {
        let until = Instant::now() + PATIENCE;
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        while *busy >= HASHING {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::busy("The server is hashing too many passwords; try again"));
            }
            (busy, _) = self.free.wait_timeout(busy, left).unwrap_or_else(PoisonError::into_inner);
        }
        *busy += 1;
        drop(busy);
        let hash = Argon2::default().hash_password(password.as_bytes());
        *self.busy.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.free.notify_one();
        hash.map(|hash| hash.to_string()).map_err(|e| Error::internal(e.to_string()))
    }
}
