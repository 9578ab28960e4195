//! Organizations and their links: made and deleted, linking codes, linking and unlinking, SCIM Names.

mod codes;
mod founding;
mod join;
mod names;
mod preview;
mod unlink;

pub use codes::{issue, revoke};
pub use founding::{NewOrganization, create, delete};
pub use join::link;
pub use names::set_scim_names;
pub use preview::{NameMatch, Preview, preview, warnings};
pub use unlink::{Members, unlink};

pub(super) use codes::{good_code, use_up};
pub(super) use join::join;
pub(super) use names::require_free_name;

use super::{Organization, Records};
use crate::error::{Error, Result};
use crate::resource::Id;
use crate::store::Tenant;

/// Members read at a time.
const MEMBERS_AT_A_TIME: usize = 500;

/// The organization of that id.
///
/// # Errors
/// [`crate::Kind::NotFound`]
pub fn organization<R: Records>(tx: &mut R, id: &Tenant) -> Result<Organization> {
    tx.organization(id)?.ok_or_else(no_organization)
}

/// The refusal of an organization that isn't there, or not for the caller.
#[must_use]
pub fn no_organization() -> Error {
    Error::not_found("There is no such organization, or it is not for you to see; check its id, or ask an owner for a role")
        .with_code("not_found")
}

pub(super) fn target(org: &Tenant) -> Result<Id> {
    Id::parse(org.as_str()).ok_or_else(|| Error::internal("an organization's id that is none"))
}
