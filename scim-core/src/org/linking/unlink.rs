//! Unlinking an organization, and who stays in it.

use std::collections::BTreeSet;

use serde_json::json;

use super::names::tell_match;
use super::{MEMBERS_AT_A_TIME, target};
use crate::error::Result;
use crate::org::people::{self, accounts_below, matching_group};
use crate::org::roles::settle;
use crate::org::{
    Cause, Grant, Movement, Organization, Records, ScimName, Source, What, teams, tell,
};
use crate::resource::Id;
use crate::store::Tenant;

/// What becomes of members by a group when their organization is unlinked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Members {
    /// They stay, as if added by hand.
    Keep,
    /// They go, unless they are members for another reason.
    Remove,
}

/// Unlinks an organization: its own settings, claims and directory count again as they were. Whoever is
/// deactivated in the Admin Organization's directory at that moment is let go as if deleted there: nothing
/// that the organization has of the person comes back to life by unlinking.
///
/// # Errors
/// [`Refusal::NotLinked`](crate::org::Refusal::NotLinked)
pub fn unlink<R: Records>(
    tx: &mut R,
    organization: &Organization,
    members: Members,
    cause: &Cause<'_>,
) -> Result<Vec<Movement>> {
    let link = organization.require_link()?.clone();
    let org = &organization.id;
    let (mut movements, mut leavers) = (Vec::new(), BTreeSet::new());
    let group = matching_group(tx, organization)?;
    if let Some(group) = &group {
        let mut keep = Vec::new();
        let bindings = tx.within(&link.admin, |tx| accounts_below(tx, group))?;
        let movement = |account: &Id, source, what| Movement {
            org: org.clone(),
            account: account.clone(),
            source,
            what,
        };
        let inactive = bindings.iter().filter(|binding| !binding.active);
        leavers.extend(inactive.map(|binding| binding.account.clone()));
        let source = || Source::Group(group.clone());
        movements
            .extend(bindings.iter().map(|b| movement(&b.account, source(), What::GrantRemoved)));
        if members == Members::Keep {
            let label = people::group_name(tx, organization, group)?.unwrap_or_default();
            for binding in &bindings {
                let manual = tx.grants(org, &binding.account)?;
                if manual.iter().all(|grant| grant.source != Source::Manual) {
                    // Whom the directory has deactivated comes back by an administrator only.
                    let what = if binding.active { What::Granted } else { What::GrantedSuspended };
                    keep.push(binding);
                    movements.push(movement(&binding.account, Source::Manual, what));
                }
            }
            for binding in keep {
                tx.put_grant(&Grant {
                    org: org.clone(),
                    account: binding.account.clone(),
                    source: Source::Manual,
                    note: Some(format!("detached from {label}")),
                    suspended: !binding.active,
                    since: Some(cause.now),
                })?;
            }
        }
    }
    movements.extend(let_leavers_go(tx, org, &link.admin, &mut leavers)?);
    let before = link.scim_name.as_ref().map(ScimName::as_str);
    tx.put_organization(&Organization { link: None, ..organization.clone() })?;
    movements.extend(settle(tx, org, |account| leavers.contains(account), cause.now)?);
    teams::awake(tx, org, cause)?;
    let how = match members {
        Members::Keep => "keep",
        Members::Remove => "remove",
    };
    let about = |other: &Tenant| json!({"other_org": other.as_str(), "before": {"scim_name": before}, "members": how});
    tell_match(tx, (&link.admin, org), group.as_ref(), None, cause)?;
    tell(tx, cause, "organization.unlinked", &movements)?;
    cause.tell(tx, org, "organization.unlinked", &target(org)?, about(&link.admin))?;
    cause.tell(tx, &link.admin, "organization.unlinked", &target(org)?, about(org))?;
    cause.tell(tx, org, "scim_directory.activated", &target(org)?, json!({}))?;
    Ok(movements)
}

/// Lets those go whom the directory of `admin` has deactivated, of all who would be members of `org` on its
/// own: by stored grants, or by its own directory. Adds them to `leavers`.
fn let_leavers_go<R: Records>(
    tx: &mut R,
    org: &Tenant,
    admin: &Tenant,
    leavers: &mut BTreeSet<Id>,
) -> Result<Vec<Movement>> {
    let mut wake = Vec::new();
    let mut after: Option<Id> = None;
    loop {
        let grants = tx.grants_after(org, after.as_ref(), MEMBERS_AT_A_TIME)?;
        let Some(last) = grants.last() else { break };
        after = Some(last.account.clone());
        wake.extend(grants.into_iter().filter(|grant| !grant.suspended));
    }
    let mut after: Option<Id> = None;
    loop {
        let bindings = tx.within(org, |tx| tx.bindings_after(after.as_ref(), MEMBERS_AT_A_TIME))?;
        let Some(last) = bindings.last() else { break };
        after = Some(last.user.clone());
        let awake = bindings.into_iter().filter(|own| own.active && !own.detached);
        wake.extend(awake.map(|own| Grant {
            org: org.clone(),
            account: own.account,
            source: Source::Directory,
            note: None,
            suspended: false,
            since: None,
        }));
    }
    let mut movements = Vec::new();
    for grant in wake {
        let bindings = tx.bindings_of(&grant.account)?;
        if bindings.iter().all(|binding| binding.org != *admin || binding.active) {
            continue;
        }
        leavers.insert(grant.account.clone());
        let what = people::let_go(tx, admin, &grant)?;
        let Grant { org, account, source, .. } = grant;
        movements.push(Movement { org, account, source, what });
    }
    Ok(movements)
}
