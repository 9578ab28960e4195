//! Who gains and who loses what: the same in a dry run and in the real one.

use std::collections::{BTreeMap, BTreeSet};

use scim_core::Result;
use scim_core::org::{Movement, Records as _, What, people};
use scim_core::resource::Id;
use scim_core::store::Tenant;
use serde_json::{Value, json};

use super::call::Call;

/// Changes told by name.
const NAMED: usize = 1_000;

/// The effects of what a call did.
pub(super) fn of(call: &mut Call<'_, '_>) -> Result<Value> {
    let movements = std::mem::take(&mut call.movements);
    let is = |what: &What, list: &[What]| list.contains(what);
    let gains = [What::Granted, What::GrantedSuspended, What::Restored];
    let losses = [What::GrantRemoved, What::Suspended];
    let gained = movements.iter().filter(|m| is(&m.what, &gains)).count();
    let lost = movements.iter().filter(|m| is(&m.what, &losses)).count();
    let unnamed = std::mem::take(&mut call.unnamed);
    let named: Vec<&Movement> =
        movements.iter().filter(|m| !unnamed.contains(&m.account)).collect();
    let (shown, hidden) = (named.len(), movements.len() - named.len());
    let members = members_after(call, named.iter().copied().take(NAMED))?;
    let mut changes = Vec::new();
    for movement in named.into_iter().take(NAMED) {
        changes.push(change(call, movement, &members)?);
    }
    let (sign_ins, more) = std::mem::take(&mut call.sign_ins);
    for (org, account) in &sign_ins {
        let email = call.tx.account(account)?.and_then(|account| account.email);
        changes.push(json!({
            "organization": org.as_str(),
            "account": account.as_str(),
            "email": email,
            "change": "sign_in_changed",
            "source": "domain",
            "member_after": true,
        }));
    }
    Ok(json!({
        "gains": gained,
        "losses": lost,
        "changes": changes,
        "unnamed": hidden,
        "truncated": more || shown > NAMED,
    }))
}

/// Which of the people concerned are members now.
fn members_after<'m>(
    call: &mut Call<'_, '_>,
    movements: impl Iterator<Item = &'m Movement>,
) -> Result<BTreeSet<(Tenant, Id)>> {
    let mut concerned: BTreeMap<Tenant, BTreeSet<Id>> = BTreeMap::new();
    for movement in movements {
        concerned.entry(movement.org.clone()).or_default().insert(movement.account.clone());
    }
    let mut members = BTreeSet::new();
    for (org, accounts) in concerned {
        let Some(organization) = call.tx.organization(&org)? else { continue };
        let accounts: Vec<Id> = accounts.into_iter().collect();
        let found = people::memberships(call.tx, &organization, &accounts)?;
        members.extend(found.into_iter().map(|m| (m.org, m.account)));
    }
    Ok(members)
}

fn change(
    call: &mut Call<'_, '_>,
    movement: &Movement,
    members: &BTreeSet<(Tenant, Id)>,
) -> Result<Value> {
    let email = call.tx.account(&movement.account)?.and_then(|account| account.email);
    let word = match movement.what {
        What::Granted | What::GrantedSuspended => "granted",
        What::GrantRemoved => "grant_removed",
        What::Suspended => "suspended",
        What::Restored => "restored",
        What::RemovalBlocked => "removal_blocked_last_owner",
        What::RoleChanged(..) => "role_changed",
    };
    let mut change = json!({
        "organization": movement.org.as_str(),
        "account": movement.account.as_str(),
        "email": email,
        "change": word,
        "source": movement.source.word(),
        "member_after": members.contains(&(movement.org.clone(), movement.account.clone())),
    });
    if let (What::RoleChanged(from, to), Some(change)) = (movement.what, change.as_object_mut()) {
        change.insert("role_before".into(), from.to_string().into());
        change.insert("role_after".into(), to.to_string().into());
    }
    Ok(change)
}
