//! [`Questions`]: how often DNS may be asked. An answer may take seconds, and whoever claims a domain decides
//! who gives it.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use scim_core::{Error, Kind, Result};

/// Questions at the same time; each keeps a thread waiting.
pub(crate) const MOST: usize = 8;
/// How often an organization, and an account, may ask in [`WINDOW`].
const OFTEN: usize = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// The most that are remembered before old ones are forgotten.
const REMEMBERED: usize = 10_000;

/// The questions of this process.
#[derive(Debug, Default)]
pub(super) struct Questions(Mutex<Asked>);

#[derive(Debug, Default)]
struct Asked {
    claims: BTreeSet<String>,
    recent: HashMap<String, VecDeque<Instant>>,
}

/// A question that is being asked.
#[derive(Debug)]
pub(super) struct Question<'a> {
    questions: &'a Questions,
    claim: String,
}

impl Questions {
    /// Lets a claim be asked about, once at a time, by those whose questions are counted.
    ///
    /// # Errors
    /// [`Kind::TooManyRequests`], [`Kind::Busy`].
    pub(super) fn ask(&self, claim: &str, counted: &[&str]) -> Result<Question<'_>> {
        let mut asked = self.asked();
        if asked.claims.contains(claim) {
            return Err(too_many("DNS is being asked about this domain just now", 5));
        }
        if asked.recent.len() >= REMEMBERED {
            asked.recent.retain(|_, times| times.back().is_some_and(|t| t.elapsed() < WINDOW));
        }
        for who in counted {
            let times = asked.recent.entry((*who).to_owned()).or_default();
            while times.front().is_some_and(|time| time.elapsed() >= WINDOW) {
                times.pop_front();
            }
            if let Some(first) = times.front().filter(|_| times.len() >= OFTEN) {
                let wait = WINDOW.saturating_sub(first.elapsed()).as_secs() + 1;
                let detail = format!(
                    "DNS may be asked {OFTEN} times a minute; wait {wait} seconds, a new record takes some \
                     minutes to be seen anyway"
                );
                return Err(too_many(&detail, u32::try_from(wait).unwrap_or(60)));
            }
        }
        if asked.claims.len() >= MOST {
            return Err(Error::busy("DNS is being asked about many domains just now; try again"));
        }
        for who in counted {
            asked.recent.entry((*who).to_owned()).or_default().push_back(Instant::now());
        }
        asked.claims.insert(claim.to_owned());
        Ok(Question { questions: self, claim: claim.to_owned() })
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        self.questions.asked().claims.remove(&self.claim);
    }
}

fn too_many(detail: &str, wait: u32) -> Error {
    Error::new(Kind::TooManyRequests, detail).with_code("rate_limited").with_retry_after(wait)
}
