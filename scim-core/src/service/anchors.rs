//! Remembers where index pages ended, so that a walk by `startIndex` goes on from there: it sees each
//! resource that exists throughout exactly once while others come and go, and a deep page costs no more
//! than the first. Losing an entry costs speed, and the steadiness of a walk under way.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::query::Position;

const MOST: usize = 4096;
const LIFETIME_SECONDS: i64 = 300;

#[derive(Default)]
pub(super) struct Anchors(Mutex<HashMap<[u8; 32], Anchor>>);

struct Anchor {
    position: Position,
    /// Seconds since 1970.
    expires: i64,
}

impl Anchors {
    /// Where the page before `start` ended, if it was given to the same caller and query lately.
    pub(super) fn find(&self, binding: &str, start: usize, now: Timestamp) -> Option<Position> {
        let anchors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let anchor = anchors.get(&key(binding, start))?;
        (anchor.expires >= now.as_second()).then(|| anchor.position.clone())
    }

    /// Remembers that the page that ends at `position` is followed by index `start`.
    pub(super) fn set(&self, binding: &str, start: usize, position: Position, now: Timestamp) {
        let mut anchors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if anchors.len() >= MOST {
            anchors.retain(|_, anchor| anchor.expires >= now.as_second());
        }
        if anchors.len() >= MOST {
            anchors.clear();
        }
        let expires = now.as_second().saturating_add(LIFETIME_SECONDS);
        anchors.insert(key(binding, start), Anchor { position, expires });
    }
}

impl fmt::Debug for Anchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Anchors")
    }
}

fn key(binding: &str, start: usize) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(start.to_string());
    digest.update([0]);
    digest.update(binding);
    digest.finalize().into()
}
