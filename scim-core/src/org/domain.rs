//! [`ClaimedDomain`]: an organization says that a domain is its own, and DNS bears it out.

use jiff::{SignedDuration, Timestamp};

use super::DomainName;
use super::organization::words;
use crate::resource::Id;
use crate::store::Tenant;
use std::fmt;
use std::str::FromStr;

/// A claim. Whether it is hidden follows from its organization being linked; it isn't stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedDomain {
    /// Who claims.
    pub org: Tenant,
    /// Its id, `dom_…`.
    pub id: Id,
    /// The domain.
    pub name: DomainName,
    /// What the TXT record has to say, behind `scim-domain-verification=`.
    pub token: String,
    /// How far it is.
    pub state: DomainState,
    /// When it was claimed.
    pub created: Timestamp,
    /// When it was first found to be so.
    pub verified: Option<Timestamp>,
    /// When DNS was last asked and gave an answer.
    pub checked: Option<Timestamp>,
    /// Since when the record is missing.
    pub missing: Option<Timestamp>,
}

/// How far a claim is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainState {
    /// The record was not seen yet.
    Pending,
    /// The record was seen, and another organization was first.
    Conflict,
    /// The record is there.
    Verified,
    /// The record is missing, and the claim still counts.
    Grace,
    /// The record has been missing for too long.
    Unverified,
    /// The record never came.
    Expired,
}

words!(DomainState: Pending "pending", Conflict "conflict", Verified "verified", Grace "grace",
    Unverified "unverified", Expired "expired");

/// What DNS said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// A TXT record says so.
    Found,
    /// The answer is that no record says so (RFC 2308: no such name, or no such data).
    Absent,
    /// There was no answer to rely on: a time-out, SERVFAIL. It never counts.
    Unknown,
}

/// What a check changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Same,
    /// It counts from now on.
    Verified,
    /// Another organization was first.
    ConflictDetected,
    /// The record went missing.
    GraceStarted,
    /// The record is still missing, and some of the grace is over: those who look after the domain are to be
    /// told again.
    GraceReminded,
    /// The record is back.
    Restored,
    /// It doesn't count any more.
    Unverified,
    /// It never came to count.
    Expired,
}

impl ClaimedDomain {
    /// How long a claim counts while its record is missing.
    pub const GRACE: SignedDuration = SignedDuration::from_hours(7 * 24);
    /// When in this time it is told again that the record is missing, besides at its beginning.
    const REMINDERS: [SignedDuration; 2] =
        [SignedDuration::from_hours(3 * 24), SignedDuration::from_hours(6 * 24)];
    /// How long a record may take to appear.
    pub const PATIENCE: SignedDuration = SignedDuration::from_hours(30 * 24);
    /// What the TXT record begins with.
    pub const PREFIX: &str = "scim-domain-verification=";
    /// Where the record may stand besides the domain itself.
    pub const LABEL: &str = "_scim-verification";

    /// A new claim.
    #[must_use]
    pub fn new(org: Tenant, id: Id, name: DomainName, token: String, now: Timestamp) -> Self {
        let state = DomainState::Pending;
        Self {
            org,
            id,
            name,
            token,
            state,
            created: now,
            verified: None,
            checked: None,
            missing: None,
        }
    }

    /// What the TXT record has to say.
    #[must_use]
    pub fn record(&self) -> String {
        format!("{}{}", Self::PREFIX, self.token)
    }

    /// Whether it counts: no other organization may verify the domain.
    #[must_use]
    pub fn holds(&self) -> bool {
        matches!(self.state, DomainState::Verified | DomainState::Grace)
    }

    /// Takes what DNS said. `held` says that another organization's claim counts.
    pub fn check(&mut self, finding: Finding, held: bool, now: Timestamp) -> Step {
        let (before, last) = (self.state, self.checked);
        if finding != Finding::Unknown {
            self.checked = Some(now);
        }
        let (state, step) = match (before, finding) {
            (_, Finding::Unknown) => (before, Step::Same),
            (DomainState::Verified, Finding::Found) => (before, Step::Same),
            (DomainState::Grace, Finding::Found) => (DomainState::Verified, Step::Restored),
            (DomainState::Verified, Finding::Absent) => (DomainState::Grace, Step::GraceStarted),
            (DomainState::Grace, Finding::Absent) => {
                // Due is what passed since DNS last answered, so that each is told once.
                let due = |after: SignedDuration| {
                    let at = self.missing.map(|since| since + after);
                    at.is_some_and(|at| now >= at && last.is_none_or(|last| last < at))
                };
                if self.missing.is_none_or(|since| now >= since + Self::GRACE) {
                    (DomainState::Unverified, Step::Unverified)
                } else if Self::REMINDERS.into_iter().any(due) {
                    (before, Step::GraceReminded)
                } else {
                    (before, Step::Same)
                }
            }
            (DomainState::Conflict, Finding::Found) if held => (before, Step::Same),
            (_, Finding::Found) if held => (DomainState::Conflict, Step::ConflictDetected),
            (_, Finding::Found) => (DomainState::Verified, Step::Verified),
            (DomainState::Pending | DomainState::Conflict, Finding::Absent) => {
                if now >= self.created + Self::PATIENCE {
                    (DomainState::Expired, Step::Expired)
                } else {
                    (DomainState::Pending, Step::Same)
                }
            }
            (DomainState::Unverified | DomainState::Expired, Finding::Absent) => {
                (before, Step::Same)
            }
        };
        self.state = state;
        match step {
            Step::Verified => (self.verified, self.missing) = (Some(now), None),
            Step::Restored => self.missing = None,
            Step::GraceStarted => self.missing = Some(now),
            _ => {}
        }
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim() -> ClaimedDomain {
        let now = Timestamp::from_second(0).unwrap();
        let name = DomainName::parse("example.com").unwrap();
        ClaimedDomain::new(Tenant::new("a"), Id::parse("dom_1").unwrap(), name, "t".into(), now)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn grace_lasts_seven_days_and_only_answers_count() {
        let week = 7 * 86_400;
        let mut claim = claim();
        assert_eq!(claim.check(Finding::Unknown, false, at(1)), Step::Same);
        assert_eq!(claim.check(Finding::Found, false, at(2)), Step::Verified);
        assert_eq!(claim.check(Finding::Unknown, false, at(99 * week)), Step::Same);
        assert_eq!(claim.check(Finding::Absent, false, at(100)), Step::GraceStarted);
        assert!(claim.holds());
        // The reminders that passed meanwhile are one.
        assert_eq!(claim.check(Finding::Absent, false, at(100 + week - 1)), Step::GraceReminded);
        assert_eq!(claim.check(Finding::Absent, false, at(100 + week - 1)), Step::Same);
        assert_eq!(claim.check(Finding::Unknown, false, at(100 + 2 * week)), Step::Same);
        let mut restored = claim.clone();
        assert_eq!(restored.check(Finding::Found, false, at(100 + week)), Step::Restored);
        assert_eq!(restored.missing, None);
        assert_eq!(claim.check(Finding::Absent, false, at(100 + week)), Step::Unverified);
        assert!(!claim.holds());
        assert_eq!(claim.check(Finding::Found, true, at(101 + week)), Step::ConflictDetected);
        assert_eq!(claim.check(Finding::Found, false, at(102 + week)), Step::Verified);
    }

    #[test]
    fn in_grace_the_third_and_the_sixth_day_are_told_once() {
        let day = 86_400;
        let mut claim = claim();
        claim.check(Finding::Found, false, at(0));
        assert_eq!(claim.check(Finding::Absent, false, at(10)), Step::GraceStarted);
        for (time, finding, step) in [
            (10 + 3 * day - 1, Finding::Absent, Step::Same),
            (10 + 3 * day, Finding::Unknown, Step::Same),
            (10 + 4 * day, Finding::Absent, Step::GraceReminded),
            (11 + 4 * day, Finding::Absent, Step::Same),
            (10 + 6 * day, Finding::Absent, Step::GraceReminded),
            (11 + 6 * day, Finding::Absent, Step::Same),
            (10 + 7 * day, Finding::Absent, Step::Unverified),
        ] {
            assert_eq!(claim.check(finding, false, at(time)), step, "{time}");
        }
    }

    #[test]
    fn a_record_has_thirty_days_to_come() {
        let mut claim = claim();
        assert_eq!(claim.check(Finding::Absent, false, at(30 * 86_400 - 1)), Step::Same);
        assert_eq!(claim.check(Finding::Absent, false, at(30 * 86_400)), Step::Expired);
        assert_eq!(claim.check(Finding::Found, false, at(31 * 86_400)), Step::Verified);
    }

    #[test]
    fn a_conflict_without_its_record_is_pending_again() {
        let mut claim = claim();
        assert_eq!(claim.check(Finding::Found, true, at(1)), Step::ConflictDetected);
        assert_eq!(claim.check(Finding::Absent, true, at(2)), Step::Same);
        assert_eq!(claim.state, DomainState::Pending);
    }
}
