//! Reads that are over in a moment, on the thread that the request came in by.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use diesel::sql_types::BigInt;
use scim_core::org::Organization;
use scim_core::store::Tenant;
use scim_core::{Error, Result};

use super::connection::{self, Conn, Role, Target};
use super::index::IndexPlan;
use super::statement::{begin, commit, name, statement};

/// KiB of page cache for all of them: most requests read by these connections.
const CACHES: u32 = 48 * 1024;

/// Organizations that a reader remembers at the most.
const REMEMBERED: usize = 16 * 1024;

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
    organizations: HashMap<Tenant, Organization>,
    plan: Option<Arc<IndexPlan>>,
}

/// What nearly all requests ask for. What one snapshot told holds in the next, if nothing was written between.
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
                let role = Role::Reader { cache_kib: cache.max(Role::CACHE_KIB) };
                let opened = connection::open(&self.target, role);
                let busy =
                    |e| Error::busy("The database can't be read now; try again").with_source(e);
                slot.insert(Reader::new(opened.map_err(busy)?))
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
    fn new(conn: Conn) -> Self {
        Self { conn, version: 0, organizations: HashMap::new(), plan: None }
    }

    /// What is known for a read in that organization before anything was asked in this snapshot.
    pub(super) fn recall(&mut self, tenant: &Tenant) -> Result<Learnt> {
        let sql = statement("PRAGMA data_version");
        let version: Vec<i64> = sql.rows_of::<name::DataVersion, BigInt, _>(&mut self.conn)?;
        let version = version.into_iter().next().unwrap_or_default();
        if self.version != version {
            self.version = version;
            self.organizations.clear();
            self.plan = None;
        }
        let organizations = self.organizations.get(tenant).cloned().into_iter().collect();
        Ok(Learnt { organizations, plan: self.plan.clone() })
    }

    /// What is known at the end of the snapshot.
    pub(super) fn remember(&mut self, learnt: Learnt) {
        if self.organizations.len() >= REMEMBERED {
            self.organizations.clear();
        }
        for organization in learnt.organizations {
            self.organizations.entry(organization.id.clone()).or_insert(organization);
        }
        self.plan = learnt.plan;
    }
}
