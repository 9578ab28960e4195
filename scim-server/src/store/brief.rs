//! Reads that are over in a moment, on the thread that the request came in by.

use std::sync::{Arc, Mutex};

use diesel::sql_types::BigInt;
use scim_core::org::Organization;
use scim_core::{Error, Result};

use super::connection::{self, Conn, Role, Target};
use super::index::IndexPlan;
use super::statement::{begin, commit, name, statement};

/// KiB of page cache: for all of them, and for each at the least. Most requests read by these connections.
const CACHES: u32 = 48 * 1024;
const CACHE: u32 = 8 * 1024;

/// Organizations that a reader remembers at the most.
const REMEMBERED: usize = 64;

/// Connections for reads on threads that must not wait: of their own, so that no long read has them. There
/// are as many as there can be such threads at work.
pub(super) struct BriefReaders {
    target: Target,
    slots: Box<[Mutex<Option<Reader>>]>,
}

/// A connection, and what was learnt on it.
pub(super) struct Reader {
    pub(super) conn: Conn,
    /// SQLite's number for what the connection sees: another one once something was written.
    version: i64,
    learnt: Learnt,
}

/// What nearly all requests ask for. What one snapshot told holds in the next, if nothing was written between.
#[derive(Default)]
pub(super) struct Learnt {
    pub(super) organizations: Vec<Organization>,
    pub(super) plan: Option<Arc<IndexPlan>>,
}

impl BriefReaders {
    pub(super) fn new(target: Target) -> Self {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        Self { target, slots: (0..threads).map(|_| Mutex::default()).collect() }
    }

    /// Runs `f` on a snapshot. `None` if `f` says so, or if there is no connection to be had now.
    pub(super) fn read<R>(
        &self,
        f: impl FnOnce(&mut Reader) -> Result<Option<R>>,
    ) -> Result<Option<R>> {
        // One whose reader panicked is not used again.
        let Some(mut slot) = self.slots.iter().find_map(|slot| slot.try_lock().ok()) else {
            return Ok(None);
        };
        let reader = match &mut *slot {
            Some(reader) => reader,
            None => {
                let cache = CACHES / u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
                let role = Role::BriefReader { cache_kib: cache.max(CACHE) };
                let opened = connection::open(&self.target, role);
                let busy =
                    |e| Error::busy("The database can't be read now; try again").with_source(e);
                let (version, learnt) = (0, Learnt::default());
                slot.insert(Reader { conn: opened.map_err(busy)?, version, learnt })
            }
        };
        begin(&mut reader.conn)?;
        let done = f(reader);
        if let Err(error) = commit(&mut reader.conn) {
            // It would begin no other transaction.
            *slot = None;
            return Err(error);
        }
        done
    }
}

impl Reader {
    /// What is known before anything was asked in this snapshot.
    pub(super) fn recall(&mut self) -> Result<Learnt> {
        let sql = statement("PRAGMA data_version");
        let version: Vec<i64> = sql.rows_of::<name::DataVersion, BigInt, _>(&mut self.conn)?;
        let version = version.into_iter().next().unwrap_or_default();
        let learnt = std::mem::take(&mut self.learnt);
        let is_as_before = std::mem::replace(&mut self.version, version) == version;
        Ok(if is_as_before { learnt } else { Learnt::default() })
    }

    /// What is known at the end of the snapshot.
    pub(super) fn remember(&mut self, mut learnt: Learnt) {
        if learnt.organizations.len() > REMEMBERED {
            learnt.organizations.clear();
        }
        self.learnt = learnt;
    }
}
