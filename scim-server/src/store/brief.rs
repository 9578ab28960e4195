//! Reads that are over in a moment, on the thread that the request came in by.

use std::sync::Mutex;

use scim_core::{Error, Result};

use super::connection::{self, Conn, Role, Target};
use super::statement::{begin, commit};

/// Connections for reads on threads that must not wait: of their own, so that no long read has them. There
/// are as many as there can be such threads at work.
pub(super) struct BriefReaders {
    target: Target,
    slots: Box<[Mutex<Option<Conn>>]>,
}

impl BriefReaders {
    pub(super) fn new(target: Target) -> Self {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        Self { target, slots: (0..threads).map(|_| Mutex::default()).collect() }
    }

    /// Runs `f` on a snapshot. `None` if `f` says so, or if there is no connection to be had now.
    pub(super) fn read<R>(
        &self,
        f: impl FnOnce(&mut Conn) -> Result<Option<R>>,
    ) -> Result<Option<R>> {
        // One whose reader panicked is not used again.
        let Some(mut slot) = self.slots.iter().find_map(|slot| slot.try_lock().ok()) else {
            return Ok(None);
        };
        let conn = match &mut *slot {
            Some(conn) => conn,
            None => {
                let opened = connection::open(&self.target, Role::Reader);
                let busy =
                    |e| Error::busy("The database can't be read now; try again").with_source(e);
                slot.insert(opened.map_err(busy)?)
            }
        };
        begin(conn)?;
        let done = f(conn);
        if let Err(error) = commit(conn) {
            // It would begin no other transaction.
            *slot = None;
            return Err(error);
        }
        done
    }
}
