//! [`Grant`]: why somebody is a member, and [`Role`]: as what.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::organization::words;
use crate::resource::Id;
use crate::store::Tenant;

/// What a member may do, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Works there.
    Member,
    /// Administers it.
    Admin,
    /// Owns it.
    Owner,
}

words!(Role: Member "member", Admin "admin", Owner "owner");

/// Where a membership comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The person made the organization.
    Creator,
    /// Somebody added the person.
    Manual,
    /// Somebody invited the person.
    Invite,
    /// The person signed in.
    Jit,
    /// Kept because nobody else owns the organization.
    OwnerProtected,
    /// The organization's own directory has the person. A query, never stored.
    Directory,
    /// A group of the Admin Organization has the person. A query, never stored.
    Group(Id),
}

impl Source {
    /// The word for it: `creator`, `manual`, `invite`, `jit`, `owner_protected`, `directory`, `group`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Creator => "creator",
            Self::Manual => "manual",
            Self::Invite => "invite",
            Self::Jit => "jit",
            Self::OwnerProtected => "owner_protected",
            Self::Directory => "directory",
            Self::Group(_) => "group",
        }
    }

    /// Whether it is a row, that stays until people, or what became of its person, change it.
    #[must_use]
    pub const fn is_stored(&self) -> bool {
        !matches!(self, Self::Directory | Self::Group(_))
    }

    /// The stored source of that name.
    #[must_use]
    pub fn stored(word: &str) -> Option<Self> {
        let all = [Self::Creator, Self::Manual, Self::Invite, Self::Jit, Self::OwnerProtected];
        all.into_iter().find(|source| source.word() == word)
    }
}

/// One reason for a membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The organization.
    pub org: Tenant,
    /// The person.
    pub account: Id,
    /// Where it comes from.
    pub source: Source,
    /// More about that, for people.
    pub note: Option<String>,
    /// Whether it is set aside: its person was deleted from the directory, or is inactive there.
    pub suspended: bool,
    /// Since when; unknown for those that are a query.
    pub since: Option<Timestamp>,
}
