//! [`MembershipPolicy`]: whether people of the Admin Organization's domains are members of a linked
//! organization by its groups alone, or by hand too.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde_json::json;

use super::linking::{no_organization, target};
use super::organization::words;
use super::people::membership;
use super::roles::settle_all;
use super::{
    Cause, ClaimedDomain, DomainName, EmailAddress, Grant, Link, Movement, Organization, Records,
    Refusal, Source, What, tell,
};
use crate::error::Result;
use crate::resource::Id;
use crate::store::Tenant;

/// Grants read at a time: those of so many people.
const PAGE: usize = 500;

/// How somebody with an address in a domain of the Admin Organization becomes a member of a linked one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MembershipPolicy {
    /// By a group, and by hand too.
    #[default]
    Additive,
    /// By a group only.
    Authoritative,
}

words!(MembershipPolicy: Additive "additive", Authoritative "authoritative");

/// Sets the policy of a linked organization. The authoritative one takes away what people of the Admin
/// Organization's domains were given by hand, each time that it is set: a domain may have been verified since.
/// The last active owner stays.
///
/// # Errors
/// [`crate::Kind::NotFound`] for an organization that isn't linked to `admin`.
pub fn set<R: Records>(
    tx: &mut R,
    admin: &Organization,
    linked: &Tenant,
    policy: MembershipPolicy,
    cause: &Cause<'_>,
) -> Result<(Organization, Vec<Movement>)> {
    admin.require_admin()?;
    let before = tx.organization(linked)?.ok_or_else(no_organization)?;
    let link = before.link.clone().filter(|link| link.admin == admin.id);
    let link = link.ok_or_else(no_organization)?;
    let was = link.membership;
    let after = Organization { link: Some(Link { membership: policy, ..link }), ..before };
    if was != policy {
        tx.put_organization(&after)?;
        for (org, other) in [(&admin.id, linked), (linked, &admin.id)] {
            let detail = json!({
                "other_org": other.as_str(),
                "before": was.to_string(),
                "after": policy.to_string(),
            });
            cause.tell(tx, org, "membership_policy.changed", &target(linked)?, detail)?;
        }
    }
    let mut movements = match policy {
        MembershipPolicy::Additive => Vec::new(),
        MembershipPolicy::Authoritative => strip(tx, admin, linked)?,
    };
    settle_all(tx, &mut movements, false, cause.now)?;
    leave_teams(tx, linked, &movements)?;
    tell(tx, cause, "membership_policy.changed", &movements)?;
    Ok((after, movements))
}

/// Takes away what people of the domains of `admin` were given by hand. What rests stays: nobody is a member
/// by that, and nobody brings it back meanwhile.
fn strip<R: Records>(tx: &mut R, admin: &Organization, linked: &Tenant) -> Result<Vec<Movement>> {
    let domains = domains_of(tx, &admin.id)?;
    let (mut movements, mut after) = (Vec::new(), None::<Id>);
    loop {
        let grants = tx.grants_after(linked, after.as_ref(), PAGE)?;
        let Some(last) = grants.last() else { return Ok(movements) };
        after = Some(last.account.clone());
        for grant in grants.into_iter().filter(|grant| !grant.suspended && is_by_hand(grant)) {
            if !is_of(tx, &domains, &grant.account)? {
                continue;
            }
            tx.remove_grant(linked, &grant.account, &grant.source)?;
            let (org, account, source) = (grant.org, grant.account, grant.source);
            movements.push(Movement { org, account, source, what: What::GrantRemoved });
        }
    }
}

fn is_by_hand(grant: &Grant) -> bool {
    match grant.source {
        Source::Creator | Source::Manual | Source::Invite | Source::Jit => true,
        Source::OwnerProtected | Source::Directory | Source::Group(_) => false,
    }
}

/// Whoever is no member any more is in no team any more.
fn leave_teams<R: Records>(tx: &mut R, org: &Tenant, movements: &[Movement]) -> Result<()> {
    let teams = tx.teams(org)?;
    let people: BTreeSet<&Id> = movements.iter().map(|movement| &movement.account).collect();
    for account in people {
        if membership(tx, org, account)?.is_none() {
            for team in &teams {
                tx.set_team_member(org, &team.id, account, None)?;
            }
        }
    }
    Ok(())
}

/// Before somebody is given a membership by hand.
///
/// # Errors
/// [`Refusal::MembershipAuthoritative`]
pub(super) fn require_by_hand<R: Records>(
    tx: &mut R,
    organization: &Organization,
    account: &Id,
) -> Result<()> {
    let Some(link) = &organization.link else { return Ok(()) };
    if link.membership == MembershipPolicy::Additive {
        return Ok(());
    }
    let domains = domains_of(tx, &link.admin)?;
    if !is_of(tx, &domains, account)? {
        return Ok(());
    }
    Err(Refusal::MembershipAuthoritative.because(format!(
        "People of the Admin Organization's domains are members of \"{}\" by the identity provider's group \
         only; put the person into the group there",
        organization.name
    )))
}

fn domains_of<R: Records>(tx: &mut R, admin: &Tenant) -> Result<BTreeSet<DomainName>> {
    let claims = tx.domains(admin)?.into_iter().filter(ClaimedDomain::holds);
    Ok(claims.map(|claim| claim.name).collect())
}

fn is_of<R: Records>(tx: &mut R, domains: &BTreeSet<DomainName>, account: &Id) -> Result<bool> {
    let key = tx.account(account)?.and_then(|account| account.key);
    Ok(match key.as_deref().map(EmailAddress::parse) {
        Some(Ok(email)) => domains.contains(email.domain()),
        _ => false,
    })
}
