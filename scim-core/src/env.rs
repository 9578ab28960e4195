//! What the outside world gives: the time, ids and password hashes. Injected, so that tests are exact.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::error::Result;
use crate::resource::Id;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Makes ids: unguessable, never used before (S1, S4).
pub trait Ids: Send + Sync {
    /// A new id, greater than those made before by this process.
    fn next(&self) -> Id;
}

/// Turns a password into what may be kept of it.
pub trait Passwords: Send + Sync {
    /// A salted, slow hash in PHC format.
    ///
    /// # Errors
    /// [`crate::Kind::Busy`] when too many are being hashed already.
    fn hash(&self, password: &str) -> Result<String>;
}

/// The three of them.
#[derive(Clone)]
pub struct Env {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids.
    pub ids: Arc<dyn Ids>,
    /// Password hashes.
    pub passwords: Arc<dyn Passwords>,
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Env")
    }
}
