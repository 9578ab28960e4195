//! Who gains and who loses what: the same in a dry run and in the real one.

use std::collections::{BTreeMap, BTreeSet};

use scim_core::Result;
use scim_core::org::{Entrant, Entry, Movement, Records as _, What, entry, people};
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
    let (people_gaining, people_losing) =
        people(&movements, |m| (is(&m.what, &gains), is(&m.what, &losses)));
    let unnamed = std::mem::take(&mut call.unnamed);
    let named: Vec<&Movement> =
        movements.iter().filter(|m| !unnamed.contains(&m.account)).collect();
    let (shown, hidden) = (named.len(), movements.len() - named.len());
    let members = members_after(call, named.iter().copied().take(NAMED))?;
    let mut changes = Vec::new();
    for movement in named.into_iter().take(NAMED) {
        changes.push(change(call, movement, &members)?);
    }
    let (sign_ins, more) = sign_ins(call, &movements, &mut changes)?;
    Ok(json!({
        "gains": gained,
        "losses": lost,
        "people_gaining": people_gaining,
        "people_losing": people_losing,
        "changes": changes,
        "sign_ins": sign_ins,
        "unnamed": hidden,
        "truncated": more || shown > NAMED,
    }))
}

/// How many people gain something in an organization and lose nothing there, and how many the other way
/// round. Whoever has one grant in the place of another is neither.
fn people(movements: &[Movement], sides: impl Fn(&Movement) -> (bool, bool)) -> (usize, usize) {
    let mut all: BTreeMap<(&Tenant, &Id), (bool, bool)> = BTreeMap::new();
    for movement in movements {
        let (gains, loses) = sides(movement);
        let both = all.entry((&movement.org, &movement.account)).or_default();
        *both = (both.0 || gains, both.1 || loses);
    }
    let count = |wanted: (bool, bool)| all.values().filter(|sides| **sides == wanted).count();
    (count((true, false)), count((false, true)))
}

/// Who gets into an organization in another way than before: how many, by organization and way; and each,
/// where the caller may see who is a member.
fn sign_ins(
    call: &mut Call<'_, '_>,
    movements: &[Movement],
    changes: &mut Vec<Value>,
) -> Result<(Vec<Value>, bool)> {
    let (before, more) = std::mem::take(&mut call.entrants);
    let gone = |m: &&Movement| m.what == What::GrantRemoved;
    let left: BTreeSet<&Id> = movements.iter().filter(gone).map(|m| &m.account).collect();
    let mut counts: BTreeMap<(Tenant, Entry, Entry), u64> = BTreeMap::new();
    let mut visible: BTreeMap<Tenant, bool> = BTreeMap::new();
    let (mut named, mut too_many) = (0, false);
    for (Entrant { org, account, entry, .. }, now) in entry::changed(call.tx, before)? {
        if left.contains(&account) && people::membership(call.tx, &org, &account)?.is_none() {
            continue;
        }
        *counts.entry((org.clone(), entry, now)).or_default() += 1;
        let own = org == call.org_id();
        let may_see = match visible.get(&org) {
            Some(known) => *known,
            None => own || call.administers(&org)?,
        };
        visible.insert(org.clone(), may_see);
        too_many |= may_see && named >= NAMED;
        if may_see && named < NAMED {
            named += 1;
            let email = call.tx.account(&account)?.and_then(|account| account.email);
            changes.push(json!({
                "organization": org.as_str(),
                "account": account.as_str(),
                "email": email,
                "change": "sign_in_changed",
                "source": "sign_in",
                "sign_in_before": entry.to_string(),
                "sign_in_after": now.to_string(),
                "member_after": true,
            }));
        }
    }
    let count = |((org, before, after), people): ((Tenant, Entry, Entry), u64)| {
        let (before, after) = (before.to_string(), after.to_string());
        json!({"organization": org.as_str(), "people": people, "before": before, "after": after})
    };
    Ok((counts.into_iter().map(count).collect(), more || too_many))
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
    let (account, email) = match &call.unknown {
        Some((unknown, typed)) if *unknown == movement.account => (None, Some(typed.clone())),
        _ => {
            let email = call.tx.account(&movement.account)?.and_then(|account| account.email);
            (Some(movement.account.as_str()), email)
        }
    };
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
        "account": account,
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
