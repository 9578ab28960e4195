//! Making organizations, and deleting them.

use serde_json::json;

use super::{MEMBERS_AT_A_TIME, Members, target, unlink};
use crate::error::Result;
use crate::org::people::{self, put_grant};
use crate::org::{
    Cause, DomainPolicy, Movement, OrgKind, Organization, Plan, Records, Refusal, Role, Source,
    What, approval, linking, tell,
};
use crate::resource::Id;
use crate::store::Tenant;

/// What a new organization is to be.
#[derive(Debug, Clone)]
pub struct NewOrganization<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is.
    pub kind: OrgKind,
    /// What was bought.
    pub plan: Plan,
    /// Whose users it takes.
    pub domains: DomainPolicy,
    /// Who owns it.
    pub owner: Option<&'a Id>,
}

/// Makes an organization; its owner is its creator.
///
/// # Errors
/// [`Refusal::InvalidName`]
pub fn create<R: Records>(
    tx: &mut R,
    id: Tenant,
    new: &NewOrganization<'_>,
    cause: &Cause<'_>,
) -> Result<(Organization, Vec<Movement>)> {
    let organization = Organization {
        plan: new.plan,
        domains: new.domains,
        ..Organization::new(id, new.name, new.kind, cause.now)?
    };
    tx.put_organization(&organization)?;
    let org = &organization.id;
    let name = match new.kind {
        OrgKind::Regular => "organization.created",
        OrgKind::Admin => "admin_organization.created",
    };
    cause.tell(tx, org, name, &target(org)?, json!({"after": {"name": organization.name}}))?;
    let mut movements = Vec::new();
    if let Some(owner) = new.owner {
        put_grant(tx, org, owner, Source::Creator, None, cause.now)?;
        tx.put_role(org, owner, Role::Owner)?;
        let movement = |what| Movement {
            org: org.clone(),
            account: owner.clone(),
            source: Source::Creator,
            what,
        };
        let role = What::RoleChanged(Role::Member, Role::Owner);
        movements.extend([movement(What::Granted), movement(role)]);
        tell(tx, cause, name, &movements)?;
    }
    Ok((organization, movements))
}

/// Deletes an organization with its directory, tokens, codes and claims. A linked one is unlinked first;
/// its group stays, and matches nothing. Everybody loses what they have there; the log has one event for all
/// of them.
///
/// # Errors
/// [`Refusal::HasLinkedOrganizations`]
pub fn delete<R: Records>(
    tx: &mut R,
    organization: &Organization,
    cause: &Cause<'_>,
) -> Result<Vec<Movement>> {
    let org = &organization.id;
    if organization.is_admin() && !tx.linked(org, None, 1)?.is_empty() {
        return Err(Refusal::HasLinkedOrganizations
            .because("Organizations are linked to this one; unlink them first"));
    }
    let mut movements = match organization.link {
        Some(_) => unlink(tx, organization, Members::Remove, cause)?,
        None => Vec::new(),
    };
    // What began to rest by that goes too, which is told below.
    movements.retain(|movement| movement.what != What::Suspended);
    let organization = &linking::organization(tx, org)?;
    let mut after = None;
    loop {
        let (page, next) = people::members(tx, organization, after, MEMBERS_AT_A_TIME)?;
        movements.extend(page.into_iter().flat_map(|m| m.grants).map(|grant| Movement {
            org: grant.org,
            account: grant.account,
            source: grant.source,
            what: What::GrantRemoved,
        }));
        match next {
            None => break,
            next => after = next,
        }
    }
    approval::forget(tx, organization, cause)?;
    tx.remove_organization(org)?;
    let name =
        if organization.is_admin() { "admin_organization.deleted" } else { "organization.deleted" };
    cause.tell(tx, org, name, &target(org)?, json!({"before": {"name": organization.name}}))?;
    Ok(movements)
}
