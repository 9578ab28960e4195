//! [`Caller`]: on whose behalf a request runs. The host application makes it from the credential.

use crate::dialect::Preset;
use crate::resource::Id;
use crate::store::Tenant;

/// Who asks, and what they may.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The organization that the credential belongs to.
    pub tenant: Tenant,
    /// The credential's public id, for logs and events.
    pub actor: String,
    /// How strictly the client is taken.
    pub preset: Preset,
    /// What the credential may do.
    pub scopes: Scopes,
    /// The user that the credential is bound to: what `/Me` means (RFC 7644 §3.11).
    pub user: Option<Id>,
}

/// What a credential may do (S16).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scopes {
    /// Read and search resources.
    pub read: bool,
    /// Write users and whatever isn't a group.
    pub users: bool,
    /// Write groups.
    pub groups: bool,
    /// Send bulk requests.
    pub bulk: bool,
}

impl Scopes {
    /// Everything.
    pub const ALL: Self = Self { read: true, users: true, groups: true, bulk: true };
}
