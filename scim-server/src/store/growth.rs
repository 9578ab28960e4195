//! Statistics for PostgreSQL's planner. Without any it takes each condition for narrow, and may walk an
//! organization to find one row. Autovacuum comes within a minute or so; a first big load is over by then, and
//! was slow. So whoever has made the rows has the tables looked at.

use std::sync::atomic::{AtomicU64, Ordering};

use diesel::connection::SimpleConnection as _;

use super::connection::{self, Role, Target};
use super::locks;

/// After so many new rows since the start the tables are looked at.
const STEPS: [u64; 5] = [100, 1_000, 10_000, 100_000, 1_000_000];

const ANALYZE: &str = "ANALYZE resources, resource_counts, unique_keys, attribute_keys, members, events, \
                       organizations, accounts, bindings, grants, roles";

/// Rows that a transaction has made.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Made {
    pub(super) resources: u64,
    pub(super) members: u64,
}

/// Rows that were made since the start.
#[derive(Debug, Default)]
pub(super) struct Growth {
    resources: AtomicU64,
    members: AtomicU64,
}

impl Growth {
    /// Takes note of what was stored.
    pub(super) fn note(&self, made: Made, target: &Target) {
        let steps = |rows: &AtomicU64, more: u64| {
            let before = rows.fetch_add(more, Ordering::Relaxed);
            STEPS.iter().any(|step| before < *step && before.saturating_add(more) >= *step)
        };
        let resources = steps(&self.resources, made.resources);
        if !(steps(&self.members, made.members) || resources) {
            return;
        }
        let target = target.clone();
        // Nobody waits for it, and nothing is lost without it.
        let looked = std::thread::Builder::new().name("analyze".to_owned()).spawn(move || {
            let look = || {
                let done = connection::open(&target, Role::Writer)
                    .map_err(|e| e.to_string())
                    .and_then(|mut conn| conn.batch_execute(ANALYZE).map_err(|e| e.to_string()));
                if let Err(error) = done {
                    log::warn!("the tables could not be analyzed: {error}");
                }
            };
            if let Err(error) = locks::elected(&target, "analyze", look) {
                log::warn!("the tables could not be analyzed: {error}");
            }
        });
        if let Err(error) = looked {
            log::warn!("the tables could not be analyzed: {error}");
        }
    }
}
