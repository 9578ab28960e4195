//! Who calls the API: the operator, or an account by a session or a personal token.

use jiff::{SignedDuration, Timestamp};
use scim_core::org::{PersonRecords as _, people};
use scim_core::resource::Id;
use scim_core::{Error, Kind, Result};

use super::Api;
use crate::store::{Credential, CredentialKind, OPERATOR};

/// How long a sign-in counts as just made.
const FRESH: SignedDuration = SignedDuration::from_mins(10);
/// The time in which failed tries from one address count.
const WINDOW: SignedDuration = SignedDuration::from_mins(1);

/// What failures from an address are counted as.
pub(super) fn failures_from(address: &str) -> String {
    format!("address:{address}")
}

/// A caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Person {
    /// Nobody signed in.
    Nobody,
    /// Whoever runs the server.
    Operator,
    /// A person.
    Account(Id, Credential),
}

impl Person {
    /// Who it is, for events.
    pub(super) fn actor(&self) -> &str {
        match self {
            Self::Nobody => "nobody",
            Self::Operator => OPERATOR,
            Self::Account(account, _) => account.as_str(),
        }
    }

    pub(super) fn account(&self) -> Option<&Id> {
        match self {
            Self::Account(account, _) => Some(account),
            Self::Nobody | Self::Operator => None,
        }
    }

    /// # Errors
    /// If a session is not of the last minutes: what follows takes a person at the keyboard. Personal
    /// tokens and the operator's were made for programs, by somebody who was.
    pub(super) fn require_fresh(&self, now: Timestamp) -> Result<()> {
        match self {
            Self::Account(_, credential)
                if credential.kind == CredentialKind::Session
                    && now >= credential.created + FRESH =>
            {
                let detail = "This takes a sign-in of the last ten minutes; sign in again \
                              (POST /api/v1/sessions)";
                Err(Error::new(Kind::Forbidden, detail).with_code("reauthentication_required"))
            }
            _ => Ok(()),
        }
    }
}

impl Api {
    /// Finds out who shows `secret`. What isn't known costs as much as what is, and tells as little.
    pub(super) fn authenticate(&self, secret: Option<&str>, address: &str) -> Result<Person> {
        let refuse = |detail: &str| Error::new(Kind::Unauthorized, detail);
        let Some(secret) = secret else {
            return Err(refuse(
                "Nobody is signed in; send Authorization: Bearer with a session or token (POST /api/v1/sessions)",
            ));
        };
        let unknown = || {
            refuse(
                "The session or token is unknown, expired or revoked; sign in again, or use another",
            )
        };
        let now = self.env.clock.now();
        let credential = self.store.find_credential(secret)?.filter(|c| c.is_live(now));
        let person = match credential {
            None => None,
            Some(credential) => match (credential.kind, credential.account.clone()) {
                (CredentialKind::Operator, _) => Some(Person::Operator),
                (_, None) => None,
                (_, Some(id)) => {
                    let may = self.store.read_records(|tx| match tx.account(&id)? {
                        None => Ok(false),
                        Some(account) => people::may_sign_in(tx, &account),
                    })?;
                    may.then_some(Person::Account(id, credential))
                }
            },
        };
        match person {
            Some(person) => Ok(person),
            None => {
                self.count_failure(address)?;
                Err(unknown())
            }
        }
    }

    /// Counts one more failure from an address.
    ///
    /// # Errors
    /// [`Kind::TooManyRequests`] once there were too many (S19).
    pub(super) fn count_failure(&self, address: &str) -> Result<()> {
        self.count_try(&failures_from(address), i64::from(self.failure_limit), WINDOW)
    }

    /// Counts one more try of `subject`.
    ///
    /// # Errors
    /// [`Kind::TooManyRequests`] once there were too many (S19).
    pub(super) fn count_try(&self, subject: &str, most: i64, window: SignedDuration) -> Result<()> {
        let now = self.env.clock.now();
        if self.store.may_try(subject, most, (now - window, now))? {
            return Ok(());
        }
        let wait = match window.as_mins() {
            ..=1 => "a minute".to_owned(),
            minutes => format!("{minutes} minutes"),
        };
        let detail = format!("There were too many tries; wait {wait} before the next");
        let seconds = u32::try_from(window.as_secs()).map_err(Error::internal)?;
        let refusal = Error::new(Kind::TooManyRequests, detail).with_code("rate_limited");
        Err(refusal.with_retry_after(seconds))
    }
}
