//! [`Directory`]: the seam for what the hosting application says about organizations.

use crate::caller::Caller;
use crate::error::Result;
use crate::resource::{Id, Resource};
use crate::store::{Member, Transaction};

/// A change about to be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum Change<'a> {
    /// A new resource, with the members that a new group begins with.
    Create {
        /// The resource.
        new: &'a Resource,
        /// Its members.
        members: &'a [Member],
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

/// The rules of the hosting application. Every way to change a resource (POST, PUT, PATCH, DELETE, each
/// operation of a bulk request) reaches [`Directory::review`], inside the transaction that makes it.
pub trait Directory<Tx: Transaction>: Send + Sync + 'static {
    /// Approves or refuses a change.
    ///
    /// # Errors
    /// The refusal; the transaction is undone and the client gets this error.
    fn review(&self, change: &Change<'_>, caller: &Caller, tx: &mut Tx) -> Result<()> {
        let _ = (change, caller, tx);
        Ok(())
    }
}

/// No rules: every change is approved.
#[derive(Debug, Clone, Copy, Default)]
pub struct Open;

impl<Tx: Transaction> Directory<Tx> for Open {}
