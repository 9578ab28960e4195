//! Who gains and who loses what: the same in a dry run and in the real one.

use std::collections::{BTreeMap, BTreeSet};

use scim_core::Result;
use scim_core::org::{
    Entrant, Entry, Movement, OrganizationRecords as _, PersonRecords as _, What, entry, people,
};
use scim_core::resource::Id;
use scim_core::store::Tenant;
use serde::Serialize;
use utoipa::ToSchema;

use super::call::Call;

/// Changes told by name.
const NAMED: usize = 1_000;

/// Who gains and who loses what.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Effects {
    /// Grants that come, or count again.
    gains: u64,
    /// Grants that go, or rest.
    losses: u64,
    /// People who gain something in an organization and lose nothing there.
    people_gaining: u64,
    /// People who lose something in an organization and gain nothing there.
    people_losing: u64,
    /// The first thousand.
    changes: Vec<EffectOnPerson>,
    /// How many members get in in another way, by organization and way.
    sign_ins: Vec<SignInsChanged>,
    /// Changes for people whom the caller may not see: counted, and not among `changes`.
    unnamed: u64,
    truncated: bool,
}

/// Members of an organization who get in in another way.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SignInsChanged {
    organization: String,
    people: u64,
    /// `password`, `sso`, `sso_required` (nothing but single sign-on, owners and admins apart), `sso_only` (owners and admins not
    /// apart) or `refused`
    /// (single sign-on is required, and doesn't take the address).
    before: String,
    after: String,
}

/// What changes for one person.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EffectOnPerson {
    organization: String,
    /// Null in a dry run that adds somebody who isn't a member yet.
    account: Option<String>,
    email: Option<String>,
    /// `granted`, `grant_removed`, `suspended`, `restored`, `role_changed`,
    /// `removal_blocked_last_owner` or `sign_in_changed`.
    change: String,
    /// The source of the grant; `sign_in` for how somebody signs in.
    source: String,
    /// Whether the person is a member afterwards.
    member_after: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_after: Option<String>,
    /// As in `sign_ins`.
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_in_before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_in_after: Option<String>,
}

/// The effects of what a call did.
pub(super) fn of(call: &mut Call<'_, '_>) -> Result<Effects> {
    let movements = std::mem::take(&mut call.movements);
    let is = |what: &What, list: &[What]| list.contains(what);
    let gains = [What::Granted, What::GrantedSuspended, What::Restored];
    let losses = [What::GrantRemoved, What::Suspended];
    let all_of = |list: &[What]| movements.iter().filter(|m| is(&m.what, list)).count() as u64;
    let (gained, lost) = (all_of(&gains), all_of(&losses));
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
    Ok(Effects {
        gains: gained,
        losses: lost,
        people_gaining,
        people_losing,
        changes,
        sign_ins,
        unnamed: hidden as u64,
        truncated: more || shown > NAMED,
    })
}

/// How many people gain something in an organization and lose nothing there, and how many the other way
/// round. Whoever has one grant in the place of another is neither.
fn people(movements: &[Movement], sides: impl Fn(&Movement) -> (bool, bool)) -> (u64, u64) {
    let mut all: BTreeMap<(&Tenant, &Id), (bool, bool)> = BTreeMap::new();
    for movement in movements {
        let (gains, loses) = sides(movement);
        let both = all.entry((&movement.org, &movement.account)).or_default();
        *both = (both.0 || gains, both.1 || loses);
    }
    let count =
        |wanted: (bool, bool)| all.values().filter(|sides| **sides == wanted).count() as u64;
    (count((true, false)), count((false, true)))
}

/// Who gets into an organization in another way than before: how many, by organization and way; and each,
/// where the caller may see who is a member.
fn sign_ins(
    call: &mut Call<'_, '_>,
    movements: &[Movement],
    changes: &mut Vec<EffectOnPerson>,
) -> Result<(Vec<SignInsChanged>, bool)> {
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
            changes.push(EffectOnPerson {
                organization: org.as_str().to_owned(),
                account: Some(account.as_str().to_owned()),
                email,
                change: "sign_in_changed".to_owned(),
                source: "sign_in".to_owned(),
                member_after: true,
                role_before: None,
                role_after: None,
                sign_in_before: Some(entry.to_string()),
                sign_in_after: Some(now.to_string()),
            });
        }
    }
    let count = |((org, before, after), people): ((Tenant, Entry, Entry), u64)| SignInsChanged {
        organization: org.as_str().to_owned(),
        people,
        before: before.to_string(),
        after: after.to_string(),
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
) -> Result<EffectOnPerson> {
    let (account, email) = match &call.unknown {
        Some((unknown, typed)) if *unknown == movement.account => (None, Some(typed.clone())),
        _ => {
            let email = call.tx.account(&movement.account)?.and_then(|account| account.email);
            (Some(movement.account.as_str().to_owned()), email)
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
    let (role_before, role_after) = match movement.what {
        What::RoleChanged(from, to) => (Some(from.to_string()), Some(to.to_string())),
        _ => (None, None),
    };
    Ok(EffectOnPerson {
        organization: movement.org.as_str().to_owned(),
        account,
        email,
        change: word.to_owned(),
        source: movement.source.word().to_owned(),
        member_after: members.contains(&(movement.org.clone(), movement.account.clone())),
        role_before,
        role_after,
        sign_in_before: None,
        sign_in_after: None,
    })
}
