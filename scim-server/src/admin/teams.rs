//! Teams.

use scim_core::Result;
use scim_core::org::{Organization, PersonRecords as _, Team, TeamRecords as _, teams};
use serde::Serialize;
use utoipa::ToSchema;

use super::call::{Call, last_of};
use super::organizations::NewName;
use super::reply::{Reply, time};

/// A team.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TeamView {
    id: String,
    name: String,
    /// The group that it is.
    group: Option<String>,
    /// `scim` while its group is of a live directory, else `manual`.
    managed_by: String,
    created: String,
}

/// A member of a team.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TeamMemberView {
    account: String,
    email: Option<String>,
    /// `manual` or `group`.
    source: String,
}

fn view(organization: &Organization, team: &Team) -> TeamView {
    let by_scim = team.group.is_some() && !organization.is_linked();
    TeamView {
        id: team.id.as_str().to_owned(),
        name: team.name.clone(),
        group: team.group.as_ref().map(|group| group.as_str().to_owned()),
        managed_by: if by_scim { "scim" } else { "manual" }.to_owned(),
        created: time(team.created),
    }
}

fn find(call: &mut Call<'_, '_>) -> Result<(Organization, Team)> {
    let (organization, id) = (call.organization()?, call.id("team")?);
    let team = teams::find(call.tx, &organization.id, &id)?;
    Ok((organization, team))
}

pub(super) fn list(call: &mut Call<'_, '_>) -> Result<Reply> {
    let organization = call.organization()?;
    let (limit, after) = (call.limit()?, call.cursor::<String>()?);
    let all = call.tx.teams(&organization.id)?;
    let page: Vec<&Team> = all
        .iter()
        .filter(|team| after.as_deref().is_none_or(|after| team.id.as_str() > after))
        .take(limit)
        .collect();
    let next = last_of(&page, limit, |team| team.id.as_str());
    let views: Vec<_> = page.into_iter().map(|team| view(&organization, team)).collect();
    call.page(&views, next)
}

pub(super) fn create(call: &mut Call<'_, '_>) -> Result<Reply> {
    let new: NewName = call.input()?;
    let organization = call.organization()?;
    let team = teams::create(call.tx, &organization, &new.name, call.incoming.cause)?;
    Reply::created(&view(&organization, &team))
}

pub(super) fn get(call: &mut Call<'_, '_>) -> Result<Reply> {
    let (organization, team) = find(call)?;
    Reply::ok(&view(&organization, &team))
}

pub(super) fn rename(call: &mut Call<'_, '_>) -> Result<Reply> {
    let new: NewName = call.input()?;
    let (organization, team) = find(call)?;
    let team = teams::rename(call.tx, &organization, &team, &new.name, call.incoming.cause)?;
    Reply::ok(&view(&organization, &team))
}

pub(super) fn delete(call: &mut Call<'_, '_>) -> Result<Reply> {
    let (organization, team) = find(call)?;
    teams::delete(call.tx, &organization, &team, call.incoming.cause)?;
    Ok(Reply::nothing())
}

pub(super) fn members(call: &mut Call<'_, '_>) -> Result<Reply> {
    let (_, team) = find(call)?;
    let (limit, after) = (call.limit()?, call.cursor::<usize>()?.unwrap_or_default());
    let all = teams::members(call.tx, &team)?;
    let mut views = Vec::new();
    for (account, source) in all.iter().skip(after).take(limit) {
        let email = call.tx.account(account)?.and_then(|account| account.email);
        let (account, source) = (account.as_str().to_owned(), (*source).to_owned());
        views.push(TeamMemberView { account, email, source });
    }
    let next = after.saturating_add(limit);
    call.page(&views, (next < all.len()).then_some(next))
}

pub(super) fn add_member(call: &mut Call<'_, '_>) -> Result<Reply> {
    set_member(call, true)
}

pub(super) fn remove_member(call: &mut Call<'_, '_>) -> Result<Reply> {
    set_member(call, false)
}

fn set_member(call: &mut Call<'_, '_>, member: bool) -> Result<Reply> {
    let (organization, team) = find(call)?;
    let account = call.id("account")?;
    teams::set_member(call.tx, &organization, &team, &account, member, call.incoming.cause)?;
    Ok(Reply::nothing())
}
