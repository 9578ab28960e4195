//! The organizations that are linked to an Admin Organization, with their SCIM Names.

use scim_core::org::{
    MembershipPolicy, Organization, OrganizationRecords as _, ScimName, authority, linking, people,
};
use scim_core::store::Tenant;
use scim_core::{Error, Kind, Result};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Call, last_of};
use super::organizations::word;
use super::reply::{Reply, time};
use super::{links, plan};

/// Organizations that one request may name.
const MOST_NAMES: usize = 200;

/// A linked organization, as its Admin Organization sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LinkedOrganizationView {
    id: String,
    name: String,
    scim_name: Option<String>,
    /// `matched`, `waiting_for_group` or `no_scim_name`.
    state: String,
    /// The group that matches.
    group: Option<String>,
    /// How people of the Admin Organization's domains become members: `additive` or `authoritative`.
    membership: String,
    since: String,
}

/// A SCIM Name to set; `null` clears it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScimNameChange {
    #[serde(deserialize_with = "present")]
    #[schema(required)]
    scim_name: Option<String>,
}

/// How people of the Admin Organization's domains are to become members of a linked organization.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MembershipChange {
    /// `additive` (by a group, and by hand) or `authoritative` (by a group only).
    membership: String,
}

/// SCIM Names to set in one step.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScimNamesChange {
    organizations: Vec<NamedOrganization>,
}

/// One organization of several.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NamedOrganization {
    id: String,
    #[serde(deserialize_with = "present")]
    #[schema(required)]
    scim_name: Option<String>,
}

/// A value that may be null, and may not be left out.
fn present<'de, D: serde::Deserializer<'de>>(
    from: D,
) -> std::result::Result<Option<String>, D::Error> {
    Option::deserialize(from)
}

pub(super) fn unlink_from_admin(call: &mut Call<'_, '_>) -> Result<Reply> {
    let linked = linked_one(call)?;
    links::unlink_it(call, &linked)
}

fn linked_one(call: &mut Call<'_, '_>) -> Result<Organization> {
    let admin = call.organization()?;
    admin.require_admin()?;
    let id = Tenant::new(call.param("linked"));
    let linked = call.tx.organization(&id)?;
    let linked = linked.filter(|o| o.link.as_ref().is_some_and(|link| link.admin == admin.id));
    linked.ok_or_else(linking::no_organization)
}

pub(super) fn view(call: &mut Call<'_, '_>, o: &Organization) -> Result<LinkedOrganizationView> {
    let group = people::matching_group(call.tx, o)?;
    let link = o.require_link()?;
    let state = match (&link.scim_name, &group) {
        (None, _) => "no_scim_name",
        (Some(_), None) => "waiting_for_group",
        (Some(_), Some(_)) => "matched",
    };
    Ok(LinkedOrganizationView {
        id: o.id.as_str().to_owned(),
        name: o.name.clone(),
        scim_name: link.scim_name.as_ref().map(|name| name.as_str().to_owned()),
        state: state.to_owned(),
        group: group.map(|group| group.as_str().to_owned()),
        membership: link.membership.to_string(),
        since: time(link.since),
    })
}

pub(super) fn list(call: &mut Call<'_, '_>) -> Result<Reply> {
    let admin = call.organization()?;
    admin.require_admin()?;
    let (limit, after) = (call.limit()?, call.cursor::<String>()?);
    let after = after.as_deref().map(Tenant::new);
    let linked = call.tx.linked(&admin.id, after.as_ref(), limit)?;
    let next = last_of(&linked, limit, |organization| organization.id.as_str());
    let views = linked.iter().map(|o| view(call, o)).collect::<Result<Vec<_>>>()?;
    call.page(&views, next)
}

pub(super) fn get(call: &mut Call<'_, '_>) -> Result<Reply> {
    let linked = linked_one(call)?;
    Reply::ok(&view(call, &linked)?)
}

pub(super) fn set_name(call: &mut Call<'_, '_>) -> Result<Reply> {
    let change: ScimNameChange = call.input()?;
    let linked = linked_one(call)?;
    let name = change.scim_name.as_deref().map(ScimName::parse).transpose()?;
    let mut views = set_names(call, &[(linked.id, name)])?;
    Reply::ok(&views.pop())
}

/// What takes memberships away that were given in the other organization isn't done without a dry run.
pub(super) fn set_membership(call: &mut Call<'_, '_>) -> Result<Reply> {
    let change: MembershipChange = call.input()?;
    let policy = word("membership", &change.membership)?;
    let (admin, linked) = (call.organization()?, linked_one(call)?);
    if policy == MembershipPolicy::Authoritative {
        plan::require(&call.incoming)?;
    }
    let (linked, movements) =
        authority::set(call.tx, &admin, &linked.id, policy, call.incoming.cause)?;
    call.moved(movements);
    Reply::ok(&view(call, &linked)?)
}

pub(super) fn set_several(call: &mut Call<'_, '_>) -> Result<Reply> {
    let change: ScimNamesChange = call.input()?;
    if !(1..=MOST_NAMES).contains(&change.organizations.len()) {
        let detail = format!(
            "One request must name 1 to {MOST_NAMES} organizations; send the rest in another"
        );
        return Err(Error::new(Kind::Unprocessable, detail).with_code("invalid_value"));
    }
    let mut names = Vec::new();
    for named in &change.organizations {
        let name = named.scim_name.as_deref().map(ScimName::parse).transpose()?;
        names.push((Tenant::new(&named.id), name));
    }
    let views = set_names(call, &names)?;
    Reply::list(&views)
}

fn set_names(
    call: &mut Call<'_, '_>,
    names: &[(Tenant, Option<ScimName>)],
) -> Result<Vec<LinkedOrganizationView>> {
    let admin = call.organization()?;
    let (changed, movements) =
        linking::set_scim_names(call.tx, &admin, names, call.incoming.cause)?;
    call.moved(movements);
    changed.iter().map(|o| view(call, o)).collect()
}
