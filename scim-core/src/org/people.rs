//! Who is a member of an organization, and why; and what people do about it.

mod accounts;
mod by_hand;
mod grants;
mod list;
mod membership;
mod owners;

use super::Cause;
use crate::error::{Error, Result};
use crate::resource::Id;
pub use accounts::{account_for, may_sign_in};
pub use by_hand::{add, remove};
pub(super) use grants::{let_go, put_grant};
pub use list::{After, members};
pub(crate) use membership::accounts_below;
pub use membership::{
    Membership, group_name, matching_group, membership, memberships, memberships_of, way_through,
};
pub use owners::{has_active_owner, recover_owner, set_role};

/// A new id with a prefix that says what it names.
///
/// # Errors
/// None in practice.
pub fn new_id(prefix: &str, cause: &Cause<'_>) -> Result<Id> {
    let id = cause.env.ids.next();
    Id::parse(&format!("{prefix}_{id}")).ok_or_else(|| Error::internal("an id that is none"))
}

/// The refusal of a member whom the organization doesn't have.
#[must_use]
pub fn no_member() -> Error {
    Error::not_found("The organization has no such member; its list of members has their ids")
        .with_code("not_a_member")
}
