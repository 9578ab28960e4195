//! [`Movement`]: one person's membership changes by one grant; and the events that tell of it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Records, Role, Source};
use crate::env::Env;
use crate::error::Result;
use crate::event::Event;
use crate::resource::Id;
use crate::store::Tenant;

/// Accounts that one event names.
const CHUNK: usize = 500;

/// What changed for one person in one organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// The organization.
    pub org: Tenant,
    /// The person.
    pub account: Id,
    /// The grant that it is about.
    pub source: Source,
    /// What happened to it.
    pub what: What,
}

/// What happened to a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A grant came.
    Granted,
    /// A grant came to somebody who is inactive in the directory.
    GrantedSuspended,
    /// A grant went.
    GrantRemoved,
    /// All that the person has there rests.
    Suspended,
    /// It counts again.
    Restored,
    /// The last grant of the last active owner went; the membership stays.
    RemovalBlocked,
    /// The role is another one.
    RoleChanged(Role, Role),
}

impl What {
    const fn event(self) -> &'static str {
        match self {
            Self::Granted | Self::GrantedSuspended => "membership.granted",
            Self::GrantRemoved => "membership.grant_removed",
            Self::Suspended => "membership.suspended",
            Self::Restored => "membership.restored",
            Self::RemovalBlocked => "membership.removal_blocked_last_owner",
            Self::RoleChanged(..) => "membership.role_changed",
        }
    }
}

/// Why something changes: goes into every event.
#[derive(Debug, Clone, Copy)]
pub struct Cause<'a> {
    /// The outside world.
    pub env: &'a Env,
    /// Who: a token's id, an account's id, `operator` or `system`.
    pub actor: &'a str,
    /// The request.
    pub request_id: &'a str,
    /// When.
    pub now: Timestamp,
}

impl Cause<'_> {
    /// Appends an event to the log of `org`.
    ///
    /// # Errors
    /// From the storage.
    pub fn tell<R: Records>(
        &self,
        tx: &mut R,
        org: &Tenant,
        name: &str,
        target: &Id,
        detail: Value,
    ) -> Result<()> {
        let event = Event {
            id: self.env.ids.next(),
            at: self.now,
            name: name.to_owned(),
            actor: self.actor.to_owned(),
            request_id: self.request_id.to_owned(),
            target: target.clone(),
            detail,
        };
        tx.within(org, |tx| tx.append(&event))
    }
}

/// Writes the events of movements: one an organization, grant and kind of change, many people in one.
/// `why` says what caused them, e.g. `scim_name.changed`.
///
/// # Errors
/// From the storage.
pub fn tell<R: Records>(
    tx: &mut R,
    cause: &Cause<'_>,
    why: &str,
    movements: &[Movement],
) -> Result<()> {
    let mut rest = movements;
    while let Some(first) = rest.first() {
        let alike =
            |m: &&Movement| m.org == first.org && m.what == first.what && m.source == first.source;
        let run = rest.iter().take(CHUNK).take_while(alike).count();
        let (these, others) = rest.split_at(run.max(1));
        rest = others;
        let accounts: Vec<&str> = these.iter().map(|m| m.account.as_str()).collect();
        let target = match these {
            [one] => one.account.clone(),
            _ => Id::parse(first.org.as_str()).unwrap_or_else(|| first.account.clone()),
        };
        let mut detail = Map::new();
        detail.insert("accounts".into(), accounts.into());
        detail.insert("source".into(), first.source.word().into());
        if let Source::Group(group) = &first.source {
            detail.insert("group".into(), group.as_str().into());
        }
        if let What::RoleChanged(from, to) = first.what {
            detail.insert("before".into(), from.to_string().into());
            detail.insert("after".into(), to.to_string().into());
        }
        if first.what == What::GrantedSuspended {
            detail.insert("suspended".into(), json!(true));
        }
        detail.insert("cause".into(), why.into());
        cause.tell(tx, &first.org, first.what.event(), &target, Value::Object(detail))?;
    }
    Ok(())
}
