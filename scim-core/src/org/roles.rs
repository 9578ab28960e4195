//! Who owns an organization, and what becomes of roles whose membership is gone.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::people::{Membership, may_sign_in, membership};
use super::{Grant, Movement, Records, Refusal, Role, Source, What};
use crate::error::Result;
use crate::resource::Id;
use crate::store::Tenant;

/// The owners whose membership counts now and who may sign in, besides `except`.
pub(super) fn active_owners<R: Records>(
    tx: &mut R,
    org: &Tenant,
    except: Option<&Id>,
) -> Result<Vec<Id>> {
    let mut owners = Vec::new();
    for (account, role) in tx.roles(org)? {
        if role == Role::Owner
            && except != Some(&account)
            && membership(tx, org, &account)?.is_some_and(|m| m.is_active())
            && may_get_in(tx, &account)?
        {
            owners.push(account);
        }
    }
    Ok(owners)
}

fn may_get_in<R: Records>(tx: &mut R, account: &Id) -> Result<bool> {
    let Some(account) = tx.account(account)? else { return Ok(false) };
    may_sign_in(tx, &account)
}

/// # Errors
/// [`Refusal::LastOwner`] if `account` is the only active owner.
pub(super) fn require_other_owner<R: Records>(
    tx: &mut R,
    org: &Tenant,
    account: &Id,
) -> Result<()> {
    if tx.role(org, account)? != Some(Role::Owner)
        || !active_owners(tx, org, Some(account))?.is_empty()
    {
        return Ok(());
    }
    Err(Refusal::LastOwner
        .because("Nobody else owns the organization; make another member an owner first"))
}

/// After grants went: roles of people who are no members any more, or were let go, go too, except that the last
/// active owner stays one. `rests` says of whom what stays is to rest: who was deleted. It rests, too, of whom the
/// directory has deactivated.
pub(super) fn settle<R: Records>(
    tx: &mut R,
    org: &Tenant,
    rests: impl Fn(&Id) -> bool,
    now: Timestamp,
) -> Result<Vec<Movement>> {
    let mut movements = Vec::new();
    for (account, role) in tx.roles(org)? {
        let left = membership(tx, org, &account)?;
        if left.as_ref().is_some_and(|m| role == Role::Member || !m.is_let_go()) {
            continue;
        }
        let movement =
            |source, what| Movement { org: org.clone(), account: account.clone(), source, what };
        if role == Role::Owner && active_owners(tx, org, Some(&account))?.is_empty() {
            if left.is_some() {
                // It rests, and the role with it.
                continue;
            }
            let suspended = rests(&account) || is_inactive(tx, org, &account)?;
            tx.put_grant(&Grant {
                org: org.clone(),
                account: account.clone(),
                source: Source::OwnerProtected,
                note: None,
                suspended,
                since: Some(now),
            })?;
            movements.push(movement(Source::OwnerProtected, What::RemovalBlocked));
        } else {
            tx.put_role(org, &account, Role::Member)?;
            movements.push(movement(Source::Directory, What::RoleChanged(role, Role::Member)));
        }
    }
    Ok(movements)
}

/// Whether the directory that governs an organization says that a person is inactive.
fn is_inactive<R: Records>(tx: &mut R, org: &Tenant, account: &Id) -> Result<bool> {
    let Some(organization) = tx.organization(org)? else { return Ok(false) };
    let bindings = tx.bindings_of(account)?;
    Ok(bindings.iter().any(|b| b.org == *organization.governed_by() && !b.active))
}

/// Whom a directory brings back begins as a member: roles are given by people. `memberships` are those of before.
pub(super) fn begin_anew<R: Records>(
    tx: &mut R,
    memberships: &[Membership],
) -> Result<Vec<Movement>> {
    let mut movements = Vec::new();
    for membership in memberships.iter().filter(|m| m.is_let_go() && m.role != Role::Member) {
        let (org, account) = (membership.org.clone(), membership.account.clone());
        tx.put_role(&org, &account, Role::Member)?;
        let what = What::RoleChanged(membership.role, Role::Member);
        movements.push(Movement { org, account, source: Source::Directory, what });
    }
    Ok(movements)
}

/// Drops the roles of people who are no members any more, or were let go, after grants went or were set aside.
pub(super) fn settle_all<R: Records>(
    tx: &mut R,
    movements: &mut Vec<Movement>,
    suspended: bool,
    now: Timestamp,
) -> Result<()> {
    let went = |m: &&Movement| matches!(m.what, What::GrantRemoved | What::Suspended);
    let orgs: BTreeSet<Tenant> = movements.iter().filter(went).map(|m| m.org.clone()).collect();
    for org in orgs {
        movements.extend(settle(tx, &org, |_| suspended, now)?);
    }
    Ok(())
}
