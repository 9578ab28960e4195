//! The storage seam: a [`Store`] runs closures in [`Transaction`]s of one organization.
//!
//! [`memory::MemoryStore`] is the reference: what it does is what every store must do. The feature
//! `testkit` has a suite that holds a store of your own against it.

mod hydrate;
pub mod memory;
mod unique;

pub use hydrate::{held_json, hydrate};
pub use unique::{UniqueKey, unique_keys, unique_keys_in};

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::error::Result;
use crate::event::Event;
use crate::query::{Page, Query};
use crate::resource::{Id, Resource, Version};
use crate::schema::ResourceType;

/// The organization that a transaction works in. It comes from the credential alone (S2).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tenant(Arc<str>);

impl Tenant {
    /// Names a tenant. The host application does this after it has checked the credential.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// The organization's id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tenant({})", self.0)
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where resources live.
pub trait Store: Send + Sync + 'static {
    /// A transaction.
    type Tx<'a>: Transaction;

    /// Runs `f` on a consistent snapshot. It must not write.
    ///
    /// # Errors
    /// What `f` returns; [`crate::Kind::Busy`] when no connection was to be had in time.
    fn read<R>(&self, tenant: &Tenant, f: impl FnOnce(&mut Self::Tx<'_>) -> Result<R>)
    -> Result<R>;

    /// As [`Self::read`], on a thread that must not be kept waiting. `None` if `f` would have looked at more
    /// than a few rows, or waited: it has had no effect then.
    ///
    /// # Errors
    /// What `f` returns.
    fn read_briefly<R>(
        &self,
        tenant: &Tenant,
        f: impl FnOnce(&mut Self::Tx<'_>) -> Result<R>,
    ) -> Result<Option<R>> {
        let _ = (tenant, f);
        Ok(None)
    }

    /// Whether [`Self::read_briefly`] is worth asking.
    fn reads_briefly(&self) -> bool {
        false
    }

    /// Whether writes are made one after the other anyway, so that one thread may as well make them all:
    /// [`Self::together`].
    fn joins_writes(&self) -> bool {
        false
    }

    /// Runs `f`, in which this thread's writes share a commit: each returns before it is durable, and nobody
    /// may be told of it until this returns. May run `f` again: what its writes did before is undone then, and
    /// what they returned void.
    ///
    /// # Errors
    /// None of the writes is durable then, or it is not known.
    fn together(&self, f: &mut dyn FnMut()) -> Result<()> {
        f();
        Ok(())
    }

    /// Runs `f` as if alone. Returns `Ok` only once the effect is durable; an error undoes everything
    /// that `f` did. May run `f` again after a serialization failure, so `f` must have no other effect.
    ///
    /// # Errors
    /// What `f` returns; [`crate::Kind::Busy`] when the store can't commit now.
    fn write<R>(&self, tenant: &Tenant, f: impl FnMut(&mut Self::Tx<'_>) -> Result<R>)
    -> Result<R>;
}

/// One transaction in one organization. No method can reach another organization's rows.
pub trait Transaction {
    /// The organization.
    fn tenant(&self) -> &Tenant;

    /// Says what is going to be asked for, before anything is: a store that is far away may find all of it
    /// at once. Whatever else is asked for in a read may be of a later snapshot.
    ///
    /// # Errors
    /// From the storage.
    fn foresee(&mut self, foresight: &Foresight<'_>) -> Result<()> {
        let _ = foresight;
        Ok(())
    }

    /// The resource of that type and id.
    ///
    /// # Errors
    /// [`crate::Kind::Internal`] or [`crate::Kind::Busy`] from the storage, as for all methods here.
    fn find(&mut self, kind: &Arc<ResourceType>, id: &Id) -> Result<Option<Resource>>;

    /// What the ids stand for, of whatever type; unknown ones are left out, the order is free.
    ///
    /// # Errors
    /// From the storage.
    fn identify(&mut self, ids: &[Id]) -> Result<Vec<Identity>>;

    /// The resources of a type that satisfy a query: exactly those for which
    /// [`crate::filter::Predicate::matches`] holds, ordered and cut as [`Query::page`] does.
    ///
    /// # Errors
    /// [`crate::Kind::TooMany`] when more would have to be looked at than the store is willing to.
    fn search(&mut self, kind: &Arc<ResourceType>, query: &Query) -> Result<Page>;

    /// Adds a new resource.
    ///
    /// # Errors
    /// [`crate::Kind::Uniqueness`] if another resource of the type holds the value of a unique
    /// attribute; the transaction goes on as if the call had not been made.
    fn insert(&mut self, resource: &Resource) -> Result<()>;

    /// Replaces `old` (as it was found in this transaction) by `new`.
    ///
    /// # Errors
    /// [`crate::Kind::PreconditionFailed`] if the stored version isn't `old`'s;
    /// [`crate::Kind::Uniqueness`] as for [`Self::insert`].
    fn update(&mut self, old: &Resource, new: &Resource) -> Result<()>;

    /// Raises the version of a resource by one and sets its time of change, without loading it. For
    /// groups whose members changed. The time never goes back.
    ///
    /// # Errors
    /// [`crate::Kind::NotFound`] if it isn't there.
    fn touch(&mut self, kind: &Arc<ResourceType>, id: &Id, now: Timestamp) -> Result<Version>;

    /// Removes `old` (as it was found in this transaction), its members if it is a group, and its own
    /// memberships.
    ///
    /// # Errors
    /// [`crate::Kind::PreconditionFailed`] if the stored version isn't `old`'s.
    fn delete(&mut self, old: &Resource) -> Result<()>;

    /// Adds members to a group; returns the ids of those that weren't in it. Ids occur once.
    ///
    /// # Errors
    /// From the storage.
    fn add_members(&mut self, group: &Id, members: &[Member]) -> Result<Vec<Id>>;

    /// Removes members from a group; returns the ids of those that were in it.
    ///
    /// # Errors
    /// From the storage.
    fn remove_members(&mut self, group: &Id, members: &[Id]) -> Result<Vec<Id>>;

    /// The members of a group in the order of their ids, from the first after `after`.
    ///
    /// # Errors
    /// From the storage.
    fn members(&mut self, group: &Id, after: Option<&Id>, limit: usize) -> Result<Vec<Member>>;

    /// As [`Self::members`], handing each to `f` as it comes: for who writes them down.
    ///
    /// # Errors
    /// From the storage, or from `f`.
    fn each_member(
        &mut self,
        group: &Id,
        after: Option<&Id>,
        limit: usize,
        f: &mut dyn FnMut(MemberView<'_>) -> Result<()>,
    ) -> Result<()> {
        self.members(group, after, limit)?.iter().try_for_each(|member| f(member.into()))
    }

    /// The groups that hold any of these resources, directly or through groups in groups, in the
    /// order of member id and group id. One that holds it both ways is direct.
    ///
    /// # Errors
    /// From the storage.
    fn groups_of(&mut self, members: &[Id]) -> Result<Vec<Membership>>;

    /// Appends to the organization's log; it becomes durable with the change that it tells of.
    ///
    /// # Errors
    /// From the storage.
    fn append(&mut self, event: &Event) -> Result<()>;

    /// Asks that nobody else changes this organization until the transaction ends: for a change that
    /// rests on more than the rows that it touches, such as all members of a group. To be called first,
    /// since what was read before may have changed. A store whose writers are alone anyway has nothing to
    /// do; another may run the closure again.
    ///
    /// # Errors
    /// From the storage; to be passed on.
    fn alone(&mut self) -> Result<()> {
        Ok(())
    }

    /// Runs `f` so that its error undoes what `f` did and nothing else.
    ///
    /// # Errors
    /// What `f` returns.
    fn nested<R>(&mut self, f: impl FnOnce(&mut Self) -> Result<R>) -> Result<R>
    where
        Self: Sized;
}

/// What a request is going to ask for. The directory asks for the organization in any case.
#[derive(Debug, Clone, Copy)]
pub enum Foresight<'a> {
    /// A resource; maybe the groups that hold it.
    Resource {
        /// Its type.
        kind: &'a Arc<ResourceType>,
        /// Its id.
        id: &'a Id,
        /// Whether its groups are asked for too.
        groups: bool,
    },
    /// A search; maybe the groups that hold what it finds.
    Search {
        /// The type.
        kind: &'a Arc<ResourceType>,
        /// What is searched for.
        query: &'a Query,
        /// Whether groups are asked for too.
        groups: bool,
    },
    /// A group that these come to or go from.
    Members {
        /// Its type.
        kind: &'a Arc<ResourceType>,
        /// The group.
        group: &'a Id,
        /// Who comes or goes.
        members: &'a [Id],
    },
    /// A new resource.
    New {
        /// Its type.
        kind: &'a Arc<ResourceType>,
        /// What it is going to be.
        document: &'a Map<String, Value>,
    },
}

/// What an id stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The id.
    pub id: Id,
    /// The name of its resource type.
    pub kind: String,
    /// What to show for it, see [`Resource::label`].
    pub label: Option<String>,
}

/// A member of a group. In a store its `display` follows the member's label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The member's id.
    pub id: Id,
    /// The name of its resource type: `User` or `Group`.
    pub kind: String,
    /// What to show for it.
    pub display: Option<String>,
}

/// A [`Member`] that is looked at where it lies.
#[derive(Debug, Clone, Copy)]
pub struct MemberView<'a> {
    /// The member's id: letters, digits, `-` and `_`.
    pub id: &'a str,
    /// The name of its resource type.
    pub kind: &'a str,
    /// What to show for it.
    pub display: Option<&'a str>,
}

impl<'a> From<&'a Member> for MemberView<'a> {
    fn from(member: &'a Member) -> Self {
        Self { id: member.id.as_str(), kind: &member.kind, display: member.display.as_deref() }
    }
}

/// A group that holds a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The member.
    pub member: Id,
    /// The group.
    pub group: Id,
    /// What to show for the group.
    pub display: Option<String>,
    /// Whether the group itself lists the member, rather than a group in it.
    pub direct: bool,
}
