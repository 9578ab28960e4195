//! Linking an organization with a code.

use serde_json::json;

use super::codes::{good_code, use_up};
use super::names::{require_free_name, set_scim_names};
use super::target;
use crate::error::Result;
use crate::org::{
    Cause, CodeState, Link, MembershipPolicy, Movement, Organization, Records, Refusal, ScimName,
};
use crate::resource::Id;

/// Links an organization with a code; gives what that changed. Where a link has to be approved,
/// [`approval::redeem`](crate::org::approval::redeem) asks for it.
///
/// # Errors
/// Why not, see [`LinkingCode::check`](crate::org::LinkingCode::check) and [`Organization::require_linkable`];
/// [`Refusal::LinkAwaitingApproval`].
pub fn link<R: Records>(
    tx: &mut R,
    organization: &Organization,
    digest: &str,
    scim_name: Option<ScimName>,
    cause: &Cause<'_>,
) -> Result<(Organization, Vec<Movement>)> {
    let org = &organization.id;
    let found = tx.code_by_digest(digest)?;
    // The same organization asks again for what it has: no second link, no second event.
    if let (Some(code), Some(there)) = (&found, &organization.link)
        && matches!(&code.state, CodeState::Redeemed { by, .. } if by == org)
        && there.admin == code.org
    {
        return Ok((organization.clone(), Vec::new()));
    }
    let (code, admin) = good_code(tx, organization, digest, cause)?;
    if let Some(name) = &scim_name {
        require_free_name(tx, &admin.id, name)?;
    }
    if admin.require_approval {
        return Err(Refusal::LinkAwaitingApproval
            .because("The Admin Organization approves each link; ask for it"));
    }
    use_up(tx, &code, org, cause)?;
    join(tx, organization, &admin, (&code.id, cause.actor.to_owned()), scim_name, cause)
}

/// Links an organization that may be linked, because of a code that somebody redeemed.
pub(in crate::org) fn join<R: Records>(
    tx: &mut R,
    organization: &Organization,
    admin: &Organization,
    (code, by): (&Id, String),
    scim_name: Option<ScimName>,
    cause: &Cause<'_>,
) -> Result<(Organization, Vec<Movement>)> {
    let org = &organization.id;
    let link = Link {
        admin: admin.id.clone(),
        scim_name: None,
        membership: MembershipPolicy::default(),
        since: cause.now,
        by,
    };
    let linked = Organization { link: Some(link), ..organization.clone() };
    tx.put_organization(&linked)?;
    let about =
        |other: &Organization| json!({"other_org": other.id.as_str(), "code": code.as_str()});
    cause.tell(tx, org, "organization.linked", &target(org)?, about(admin))?;
    cause.tell(tx, &admin.id, "organization.linked", &target(org)?, about(organization))?;
    cause.tell(tx, org, "scim_directory.dormant", &target(org)?, json!({}))?;
    match scim_name {
        None => Ok((linked, Vec::new())),
        Some(name) => {
            let (mut named, movements) =
                set_scim_names(tx, admin, &[(org.clone(), Some(name))], cause)?;
            Ok((named.pop().unwrap_or(linked), movements))
        }
    }
}
