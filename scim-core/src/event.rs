//! [`Event`]: what a write appends to the organization's log, in its own transaction.

use jiff::Timestamp;
use serde_json::Value;

use crate::resource::Id;

/// One change, told once: who, what, when and why. Logs, audits and webhooks read from these.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Unique, and rising within a process.
    pub id: Id,
    /// When.
    pub at: Timestamp,
    /// What happened, as `noun.past_verb`, e.g. `scim_user.created`.
    pub name: String,
    /// Who: the id of the token.
    pub actor: String,
    /// Why: the id of the request.
    pub request_id: String,
    /// The resource.
    pub target: Id,
    /// What changed: names of attributes, members added and removed, normalizers that fired. Never a
    /// secret.
    pub detail: Value,
}
