//! What can be sent, and how much of it.

use clap::Args;

/// How much of what is sent.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Users to create
    #[arg(long, default_value_t = 12_000)]
    pub users: usize,
    /// Connections, each with one request at a time
    #[arg(long, default_value_t = 16)]
    pub connections: usize,
    /// Seconds that a timed phase takes
    #[arg(long, default_value_t = 3.0)]
    pub seconds: f64,
    /// Sizes of the group whose members are changed
    #[arg(long, value_delimiter = ',', default_value = "100,1000,10000")]
    pub members: Vec<usize>,
    /// Members added and removed, one at a time, at each size
    #[arg(long, default_value_t = 200)]
    pub samples: usize,
    /// Resources on a page
    #[arg(long, default_value_t = 100)]
    pub page: usize,
    /// Operations in a bulk request
    #[arg(long, default_value_t = 1000)]
    pub bulk: usize,
    /// Only these phases, by name; the users are created in any case
    #[arg(long, value_delimiter = ',')]
    pub phases: Vec<String>,
}

impl Settings {
    /// Whether a phase is asked for.
    #[must_use]
    pub fn runs(&self, phase: Phase) -> bool {
        phase == Phase::Create
            || self.phases.is_empty()
            || self.phases.iter().any(|name| name == phase.name())
    }
}

/// A part of the workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Phase {
    Create,
    Get,
    FilterUserName,
    FilterExternalId,
    FilterEmail,
    FilterPrefix,
    ListFirst,
    ListDeep,
    ListByCursor,
    PatchActive,
    Put,
    Sync,
    Group,
    Bulk,
    Delete,
}

impl Phase {
    /// All of them, in order.
    pub const ALL: [Self; 15] = [
        Self::Create,
        Self::Get,
        Self::FilterUserName,
        Self::FilterExternalId,
        Self::FilterEmail,
        Self::FilterPrefix,
        Self::ListFirst,
        Self::ListDeep,
        Self::ListByCursor,
        Self::PatchActive,
        Self::Put,
        Self::Sync,
        Self::Group,
        Self::Bulk,
        Self::Delete,
    ];

    /// Its name, in options and figures.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Get => "get",
            Self::FilterUserName => "filter-user-name",
            Self::FilterExternalId => "filter-external-id",
            Self::FilterEmail => "filter-email",
            Self::FilterPrefix => "filter-prefix",
            Self::ListFirst => "list-first",
            Self::ListDeep => "list-deep",
            Self::ListByCursor => "list-by-cursor",
            Self::PatchActive => "patch-active",
            Self::Put => "put",
            Self::Sync => "sync",
            Self::Group => "group",
            Self::Bulk => "bulk",
            Self::Delete => "delete",
        }
    }
}
