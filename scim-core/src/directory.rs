//! [`Directory`]: the seam for what the hosting application says about organizations.

use jiff::Timestamp;

use crate::caller::Caller;
use crate::error::Result;
use crate::resource::{Id, Resource};
use crate::store::Transaction;

/// A change of a resource.
#[derive(Debug)]
#[non_exhaustive]
pub enum Change<'a> {
    /// A new resource, with the members that a new group begins with.
    Create {
        /// The resource.
        new: &'a Resource,
        /// Its members.
        members: &'a [Id],
    },
    /// A new state of a resource.
    Replace {
        /// The state before.
        old: &'a Resource,
        /// The state after.
        new: &'a Resource,
    },
    /// Members of a group come and go.
    Members {
        /// The group.
        group: &'a Id,
        /// Those that weren't in it and will be.
        added: &'a [Id],
        /// Those that were in it and won't be.
        removed: &'a [Id],
    },
    /// A resource goes.
    Delete {
        /// The state before.
        old: &'a Resource,
    },
}

/// Under which circumstances a change is made.
#[derive(Debug, Clone, Copy)]
pub struct Occasion<'a> {
    /// On whose behalf.
    pub caller: &'a Caller,
    /// By which request.
    pub request_id: &'a str,
    /// When.
    pub now: Timestamp,
}

/// The rules of the hosting application. Every way to change a resource (POST, PUT, PATCH, DELETE, each
/// operation of a bulk request) reaches [`Directory::review`], inside the transaction that makes it.
pub trait Directory<Tx: Transaction>: Send + Sync + 'static {
    /// Approves or refuses a request, reads included, before it looks at anything.
    ///
    /// # Errors
    /// The refusal; the client gets this error.
    fn admit(&self, caller: &Caller, tx: &mut Tx) -> Result<()> {
        let _ = (caller, tx);
        Ok(())
    }

    /// Approves or refuses a change. It has been made in the transaction already, so that what follows
    /// from it can be seen; only a [`Change::Delete`] comes before the resource and its memberships go.
    ///
    /// # Errors
    /// The refusal; the transaction is undone and the client gets this error.
    fn review(&self, change: &Change<'_>, on: &Occasion<'_>, tx: &mut Tx) -> Result<()> {
        let _ = (change, on, tx);
        Ok(())
    }
}

/// No rules: every change is approved.
#[derive(Debug, Clone, Copy, Default)]
pub struct Open;

impl<Tx: Transaction> Directory<Tx> for Open {}
