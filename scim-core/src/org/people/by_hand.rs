//! Adding people by hand, and removing them.

use serde_json::json;

use super::{group_name, membership, no_member, put_grant};
use crate::error::Result;
use crate::org::roles::require_other_owner;
use crate::org::{
    Binding, Cause, Grant, Movement, Organization, Records, Refusal, Role, Source, What, authority,
    tell,
};
use crate::resource::Id;

/// Adds a person by hand, or lifts what rests since the person was deleted from the directory.
///
/// # Errors
/// [`Refusal::AlreadyAMember`] if there is nothing to do; [`Refusal::MembershipAuthoritative`].
pub fn add<R: Records>(
    tx: &mut R,
    organization: &Organization,
    account: &Id,
    (source, role): (Source, Role),
    cause: &Cause<'_>,
) -> Result<Vec<Movement>> {
    let org = &organization.id;
    let there = tx.grants(org, account)?;
    let resting: Vec<Grant> = there.iter().filter(|grant| grant.suspended).cloned().collect();
    if resting.is_empty() && !there.is_empty() {
        return Err(Refusal::AlreadyAMember
            .because("The person is a member already; change the role instead"));
    }
    authority::require_by_hand(tx, organization, account)?;
    let mut movements = Vec::new();
    let movement = |source: Source, what| Movement {
        org: org.clone(),
        account: account.clone(),
        source,
        what,
    };
    if resting.is_empty() {
        put_grant(tx, org, account, source.clone(), None, cause.now)?;
        let inactive = membership(tx, org, account)?.is_some_and(|m| m.inactive);
        let what = if inactive { What::GrantedSuspended } else { What::Granted };
        movements.push(movement(source, what));
    }
    let returns = !resting.is_empty();
    for grant in resting {
        tx.put_grant(&Grant { suspended: false, ..grant.clone() })?;
        movements.push(movement(grant.source, What::Restored));
    }
    // Who returns has the role that is given now, not one that was given before.
    let before = tx.role(org, account)?.unwrap_or(Role::Member);
    if role > before || (returns && role != before) {
        tx.put_role(org, account, role)?;
        movements.push(movement(Source::Manual, What::RoleChanged(before, role)));
    }
    tell(tx, cause, "member.added", &movements)?;
    Ok(movements)
}

/// Removes a person by hand.
///
/// # Errors
/// [`Refusal::MembershipManagedByScim`] while a group or a live directory gives the membership (it would
/// come back); [`Refusal::LastOwner`]; [`crate::Kind::NotFound`].
pub fn remove<R: Records>(
    tx: &mut R,
    organization: &Organization,
    account: &Id,
    cause: &Cause<'_>,
) -> Result<Vec<Movement>> {
    let org = &organization.id;
    let membership = membership(tx, org, account)?.ok_or_else(no_member)?;
    if let Some(group) = membership.group() {
        let name = group_name(tx, organization, group)?.unwrap_or_default();
        return Err(Refusal::MembershipManagedByScim.because(format!(
            "The identity provider's group \"{name}\" gives this membership; take the person out of the group there"
        )));
    }
    let by_directory = membership.grants.iter().any(|grant| grant.source == Source::Directory);
    if by_directory && !organization.is_linked() {
        return Err(Refusal::MembershipManagedByScim.because(
            "The organization's directory gives this membership; remove the person in the identity provider",
        ));
    }
    require_other_owner(tx, org, account)?;
    let mut movements = Vec::new();
    for grant in &membership.grants {
        match &grant.source {
            Source::Directory => {
                let own = tx.bindings_of(account)?.into_iter().filter(|b| b.org == *org);
                for binding in own {
                    tx.put_binding(&Binding { detached: true, ..binding })?;
                }
            }
            source => tx.remove_grant(org, account, source)?,
        }
        movements.push(Movement {
            org: org.clone(),
            account: account.clone(),
            source: grant.source.clone(),
            what: What::GrantRemoved,
        });
    }
    let role = membership.role;
    tx.put_role(org, account, Role::Member)?;
    if role != Role::Member {
        let what = What::RoleChanged(role, Role::Member);
        let (org, account) = (org.clone(), account.clone());
        movements.push(Movement { org, account, source: Source::Manual, what });
    }
    for team in tx.teams(org)? {
        tx.set_team_member(org, &team.id, account, None)?;
    }
    tell(tx, cause, "member.removed", &movements)?;
    let detail = json!({"before": {"role": role.to_string()}});
    cause.tell(tx, org, "membership.removed", account, detail)?;
    Ok(movements)
}
