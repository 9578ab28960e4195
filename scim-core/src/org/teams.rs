//! Teams: what people do with them. What a directory does with them is in the provisioning rules.

use std::collections::BTreeSet;

use serde_json::json;

use super::people::{accounts_below, membership, new_id, no_member};
use super::{Binding, Cause, Organization, Place, Records, Refusal, Team, group_key, plain_name};
use crate::error::{Error, Result};
use crate::resource::Id;
use crate::store::Tenant;

/// Makes a team.
///
/// # Errors
/// [`Refusal::NotAvailableInAdminOrg`], [`Refusal::TeamExists`], [`Refusal::InvalidName`]
pub fn create<R: Records>(
    tx: &mut R,
    organization: &Organization,
    name: &str,
    cause: &Cause<'_>,
) -> Result<Team> {
    organization.require_regular("teams")?;
    let name = plain_name("a team", name)?;
    let key = group_key(&name);
    require_free(tx, &organization.id, &key)?;
    let team = Team {
        org: organization.id.clone(),
        id: new_id("team", cause)?,
        name,
        key,
        group: None,
        adopted: false,
        created: cause.now,
    };
    tx.put_team(&team)?;
    tell(tx, &team, "team.created", cause)?;
    Ok(team)
}

fn require_free<R: Records>(tx: &mut R, org: &Tenant, key: &str) -> Result<()> {
    match tx.team_named(org, key)? {
        None => Ok(()),
        Some(team) => Err(Refusal::TeamExists
            .because(format!("There is a team \"{}\"; choose another name", team.name))),
    }
}

pub(super) fn tell<R: Records>(
    tx: &mut R,
    team: &Team,
    event: &str,
    cause: &Cause<'_>,
) -> Result<()> {
    cause.tell(tx, &team.org, event, &team.id, json!({"name": team.name}))
}

/// A team of an organization.
///
/// # Errors
/// [`crate::Kind::NotFound`]
pub fn find<R: Records>(tx: &mut R, org: &Tenant, id: &Id) -> Result<Team> {
    let found = tx.teams(org)?.into_iter().find(|team| team.id == *id);
    found.ok_or_else(|| {
        Error::not_found("The organization has no such team; its list of teams has their ids")
            .with_code("not_found")
    })
}

/// # Errors
/// [`Refusal::TeamManagedByScim`] while the team is a group of the organization's live directory.
fn require_manual(organization: &Organization, team: &Team) -> Result<()> {
    if team.group.is_none() || organization.is_linked() {
        return Ok(());
    }
    Err(Refusal::TeamManagedByScim.because(format!(
        "The team \"{}\" is a group of the identity provider; change it there",
        team.name
    )))
}

/// Renames a team.
///
/// # Errors
/// [`Refusal::TeamManagedByScim`], [`Refusal::TeamExists`], [`Refusal::InvalidName`]
pub fn rename<R: Records>(
    tx: &mut R,
    organization: &Organization,
    team: &Team,
    name: &str,
    cause: &Cause<'_>,
) -> Result<Team> {
    require_manual(organization, team)?;
    let name = plain_name("a team", name)?;
    let key = group_key(&name);
    if key != team.key {
        require_free(tx, &organization.id, &key)?;
    }
    let team = Team { name, key, ..team.clone() };
    tx.put_team(&team)?;
    tell(tx, &team, "team.renamed", cause)?;
    Ok(team)
}

/// Deletes a team.
///
/// # Errors
/// [`Refusal::TeamManagedByScim`]
pub fn delete<R: Records>(
    tx: &mut R,
    organization: &Organization,
    team: &Team,
    cause: &Cause<'_>,
) -> Result<()> {
    require_manual(organization, team)?;
    tx.remove_team(&team.org, &team.id)?;
    tell(tx, team, "team.deleted", cause)
}

/// Puts a member of the organization into a team, or takes one out: who was put in by hand, and, while the
/// organization is linked, whom the frozen group has, until it is unlinked.
///
/// # Errors
/// [`crate::Kind::NotFound`] for who isn't a member of the organization; [`Refusal::TeamManagedByScim`]
/// to take out somebody whom the group of a live directory has.
pub fn set_member<R: Records>(
    tx: &mut R,
    organization: &Organization,
    team: &Team,
    account: &Id,
    member: bool,
    cause: &Cause<'_>,
) -> Result<()> {
    if membership(tx, &team.org, account)?.is_none() {
        return Err(no_member());
    }
    let said = tx.team_members(&team.org, &team.id)?;
    let before = said.into_iter().find(|(id, _)| id == account).map(|(_, place)| place);
    let by_group = is_member_by_group(tx, team, account)?;
    let after = match (member, by_group) {
        (true, true) if before == Some(Place::TakenOut) => None,
        (true, _) => Some(Place::PutIn),
        (false, true) if organization.is_linked() => Some(Place::TakenOut),
        (false, true) if before.is_none() => {
            return Err(Refusal::TeamManagedByScim.because(
                "The identity provider's group has this person; take the person out of the group there",
            ));
        }
        (false, _) => None,
    };
    if after != before {
        tx.set_team_member(&team.org, &team.id, account, after)?;
        tell_member(tx, team, account, member, cause)?;
    }
    Ok(())
}

fn tell_member<R: Records>(
    tx: &mut R,
    team: &Team,
    account: &Id,
    member: bool,
    cause: &Cause<'_>,
) -> Result<()> {
    let event = if member { "team.user_added" } else { "team.user_removed" };
    let detail = json!({"account": account.as_str(), "name": team.name});
    cause.tell(tx, &team.org, event, &team.id, detail)
}

/// The organization's directory is awake again: its teams are its groups as they are, and nobody is taken out
/// of one any more.
pub(super) fn awake<R: Records>(tx: &mut R, org: &Tenant, cause: &Cause<'_>) -> Result<()> {
    for team in tx.teams(org)?.into_iter().filter(|team| team.group.is_some()) {
        for (account, place) in tx.team_members(org, &team.id)? {
            if place == Place::TakenOut {
                tx.set_team_member(org, &team.id, &account, None)?;
                if is_member_by_group(tx, &team, &account)? {
                    tell_member(tx, &team, &account, true, cause)?;
                }
            }
        }
    }
    Ok(())
}

/// Whether the group that a team is has a person.
fn is_member_by_group<R: Records>(tx: &mut R, team: &Team, account: &Id) -> Result<bool> {
    let Some(group) = &team.group else { return Ok(false) };
    let own = |binding: &Binding| binding.org == team.org && !binding.detached;
    for binding in tx.bindings_of(account)?.into_iter().filter(own) {
        let user = std::slice::from_ref(&binding.user);
        let groups = tx.within(&team.org, |tx| tx.groups_of(user))?;
        if groups.iter().any(|m| m.group == *group) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Who is in a team: those put in by hand, then those whom its group has.
///
/// # Errors
/// From the storage.
pub fn members<R: Records>(tx: &mut R, team: &Team) -> Result<Vec<(Id, &'static str)>> {
    let said = tx.team_members(&team.org, &team.id)?;
    let by_hand = said.iter().filter(|(_, place)| *place == Place::PutIn);
    let mut all: Vec<(Id, &'static str)> = by_hand.map(|(id, _)| (id.clone(), "manual")).collect();
    if let Some(group) = &team.group {
        let bindings = tx.within(&team.org, |tx| accounts_below(tx, group))?;
        let known: BTreeSet<Id> = said.into_iter().map(|(id, _)| id).collect();
        // Whom people took out of the organization while its directory sleeps is in none of its teams.
        let others = bindings
            .into_iter()
            .filter(|binding| !binding.detached && !known.contains(&binding.account));
        all.extend(others.map(|binding| (binding.account, "group")));
    }
    Ok(all)
}
