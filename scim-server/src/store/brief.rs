//! Reads that are over in a moment, on the thread that the request came in by.

use std::sync::{Mutex, MutexGuard, TryLockError};

use scim_core::{Error, Result};

use super::connection::{self, Role, Target};
use super::session::Session;
use super::statement::{begin, commit};

/// KiB of page cache for all of them: most requests read by these connections.
const CACHES: u32 = 48 * 1024;

/// Connections for reads on threads that must not wait: of their own, so that no long read has them. There
/// are as many as there can be such threads at work.
pub(super) struct BriefReaders {
    target: Target,
    slots: Box<[Mutex<Option<Session>>]>,
}

impl BriefReaders {
    pub(super) fn new(target: Target) -> Self {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        Self { target, slots: (0..threads).map(|_| Mutex::default()).collect() }
    }

    /// Runs `f` on a snapshot. `None` if `f` says so, or if there is no connection to be had now.
    pub(super) fn read<R>(
        &self,
        f: impl FnOnce(&mut Session) -> Result<Option<R>>,
    ) -> Result<Option<R>> {
        let Some(mut slot) = self.slots.iter().find_map(free) else { return Ok(None) };
        // It goes back once its transaction is over: one whose reader panicked would keep a snapshot.
        let mut reader = match slot.take() {
            Some(reader) => reader,
            None => {
                let cache = CACHES / u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
                let role = Role::Reader { cache_kib: cache.max(Role::CACHE_KIB) };
                let opened = connection::open(&self.target, role);
                let busy =
                    |e| Error::busy("The database can't be read now; try again").with_source(e);
                Session::new(opened.map_err(busy)?)
            }
        };
        begin(&mut reader.conn)?;
        let done = reader.catch_up().and_then(|()| f(&mut reader));
        commit(&mut reader.conn)?;
        *slot = Some(reader);
        done
    }
}

fn free(slot: &Mutex<Option<Session>>) -> Option<MutexGuard<'_, Option<Session>>> {
    match slot.try_lock() {
        Ok(slot) => Some(slot),
        Err(TryLockError::Poisoned(slot)) => Some(slot.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}
