//! Roles given by hand, and organizations that nobody owns any more.

use super::{membership, no_member, put_grant};
use crate::error::{Error, Kind, Result};
use crate::org::roles::{active_owners, require_other_owner};
use crate::org::{Cause, Movement, Organization, Records, Role, Source, What, tell};
use crate::resource::Id;
use crate::store::Tenant;

/// Changes somebody's role.
///
/// # Errors
/// [`Refusal::LastOwner`](crate::org::Refusal::LastOwner); [`crate::Kind::NotFound`].
pub fn set_role<R: Records>(
    tx: &mut R,
    organization: &Organization,
    account: &Id,
    role: Role,
    cause: &Cause<'_>,
) -> Result<Vec<Movement>> {
    let org = &organization.id;
    let membership = membership(tx, org, account)?.ok_or_else(no_member)?;
    if membership.role == role {
        return Ok(Vec::new());
    }
    if membership.role == Role::Owner {
        require_other_owner(tx, org, account)?;
    }
    tx.put_role(org, account, role)?;
    let what = What::RoleChanged(membership.role, role);
    let source = Source::Manual;
    let movements = vec![Movement { org: org.clone(), account: account.clone(), source, what }];
    tell(tx, cause, "member.role_changed", &movements)?;
    Ok(movements)
}

/// Gives an organization without an active owner one: what the operator does when its last owner left.
///
/// # Errors
/// [`crate::Kind::Conflict`] if somebody owns it.
pub fn recover_owner<R: Records>(
    tx: &mut R,
    organization: &Organization,
    account: &Id,
    cause: &Cause<'_>,
) -> Result<Vec<Movement>> {
    let org = &organization.id;
    if !active_owners(tx, org, None)?.is_empty() {
        return Err(Error::new(
            Kind::Conflict,
            "The organization has an active owner; that one can make others owners",
        )
        .with_code("has_active_owner"));
    }
    let mut movements = Vec::new();
    let movement = |what| Movement {
        org: org.clone(),
        account: account.clone(),
        source: Source::Manual,
        what,
    };
    let held = membership(tx, org, account)?;
    if held.as_ref().is_none_or(|m| !m.is_active()) {
        put_grant(
            tx,
            org,
            account,
            Source::Manual,
            Some("recovered by the operator".into()),
            cause.now,
        )?;
        movements.push(movement(What::Granted));
    }
    let before = held.map_or(Role::Member, |m| m.role);
    if before != Role::Owner {
        tx.put_role(org, account, Role::Owner)?;
        movements.push(movement(What::RoleChanged(before, Role::Owner)));
    }
    if !active_owners(tx, org, None)?.contains(account) {
        let detail = "Nobody can sign in to this account: the directory that decides about it has \
                      deactivated or deleted the person. Choose another";
        return Err(Error::new(Kind::Conflict, detail).with_code("account_inactive"));
    }
    tell(tx, cause, "owner.recovered", &movements)?;
    Ok(movements)
}

/// Whether somebody who is active, and may sign in, owns the organization.
///
/// # Errors
/// From the storage.
pub fn has_active_owner<R: Records>(tx: &mut R, org: &Tenant) -> Result<bool> {
    Ok(!active_owners(tx, org, None)?.is_empty())
}
