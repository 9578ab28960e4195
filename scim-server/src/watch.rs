//! Looks after what changes by itself, from time to time: asks DNS again about claimed domains, and has told
//! what the clock brings about.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use scim_core::Result;
use scim_core::env::Env;
use scim_core::org::{Cause, ClaimedDomain, claims};

use crate::dns::SharedVerifier;
use crate::notices;
use crate::store::DieselStore;

/// Claims read at a time.
const MOST: usize = 100;

/// How long tries that failed are kept: longer than any limit on them looks back.
const TRIES: SignedDuration = SignedDuration::from_hours(1);

/// Who acts where nobody asked.
const SYSTEM: &str = "system";

/// What looking after the domains takes.
#[derive(Clone)]
pub(crate) struct Watch {
    pub(crate) store: DieselStore,
    pub(crate) env: Env,
    pub(crate) verifier: SharedVerifier,
    pub(crate) interval: Duration,
}

impl Watch {
    /// How long to wait before the next look: a quarter of the interval, give or take a tenth, so that
    /// many instances don't ask at the same moment.
    pub(crate) fn pause(&self) -> Duration {
        let mut random = [0; 2];
        // Without random numbers there is no jitter.
        let _ = getrandom::fill(&mut random);
        let jitter = f64::from(u16::from_le_bytes(random)) / f64::from(u16::MAX);
        self.interval.div_f64(4.0).mul_f64(0.9 + 0.2 * jitter).max(Duration::from_millis(200))
    }

    /// Tells what has run out, and checks the claims that are due, unless another instance is at it.
    pub(crate) fn look(&self) {
        if let Err(error) = self.store.elected("watch", || self.look_alone()) {
            log::warn!("nothing is looked after: {error}");
        }
    }

    /// One that fails doesn't keep the others from being checked.
    fn look_alone(&self) {
        if let Err(error) = notices::tell(&self.store, &self.env, SYSTEM) {
            log::warn!("what has run out can't be told: {error}");
        }
        let now = self.env.clock.now();
        if let Err(error) = self.store.forget_old_tries(now - TRIES) {
            log::warn!("tries that count no more can't be forgotten: {error}");
        }
        let since = now - self.interval;
        // Those that count come first: nobody keeps them from it by claims of which DNS says nothing.
        for holds in [true, false] {
            if let Err(error) = self.check_due(since, holds) {
                log::warn!("claimed domains can't be read: {error}");
            }
        }
    }

    fn check_due(&self, since: Timestamp, holds: bool) -> Result<()> {
        let mut last: Option<ClaimedDomain> = None;
        loop {
            let due =
                self.store.read_records(|tx| tx.domains_due(since, holds, last.as_ref(), MOST))?;
            for domain in &due {
                if let Err(error) = self.check(domain) {
                    log::warn!("the domain {} can't be checked: {error}", domain.name);
                }
            }
            match due.into_iter().next_back() {
                Some(domain) => last = Some(domain),
                None => return Ok(()),
            }
        }
    }

    fn check(&self, domain: &ClaimedDomain) -> Result<()> {
        let finding = self.verifier.verify(domain);
        let request_id = self.env.ids.next();
        let now = self.env.clock.now();
        let cause = Cause { env: &self.env, actor: SYSTEM, request_id: request_id.as_str(), now };
        self.store.write_records(|tx| {
            // It may have been withdrawn or transferred while DNS was asked.
            match tx.domain_of_id(&domain.id)? {
                Some(domain) => claims::check(tx, domain, finding, false, &cause).map(drop),
                None => Ok(()),
            }
        })
    }
}
