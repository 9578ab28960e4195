//! Linking, unlinking, and the linked organizations with their SCIM Names.

use std::collections::BTreeSet;

use scim_core::org::approval::{self, Redeemed};
use scim_core::org::linking::{self, Members};
use scim_core::org::{
    MembershipPolicy, Movement, Organization, Records as _, ScimName, authority, people,
};
use scim_core::resource::Id;
use scim_core::store::Tenant;
use scim_core::{Error, Kind, Result};

use super::call::{Call, Reply, time};
use super::organizations::{view as organization_view, word};
use super::views::{
    LinkOutcome, LinkPreview, LinkPreviewRequest, LinkRequest, LinkedOrganizationView,
    MembershipChange, NameMatchView, ScimNameChange, ScimNamesChange, UnlinkRequest,
};
use super::{approvals, codes, plan};

/// Organizations that one request may name.
const MOST_NAMES: usize = 200;

pub(super) fn preview(call: &mut Call<'_, '_>) -> Result<Reply> {
    let request: LinkPreviewRequest = call.input()?;
    let organization = call.organization()?;
    let digest = call.api.code_digest(&request.code)?;
    let name = request.scim_name.as_deref().map(ScimName::parse).transpose()?;
    let cause = call.incoming.cause;
    let preview = linking::preview(call.tx, &organization, &digest, name.as_ref(), cause)?;
    Reply::ok(&LinkPreview {
        admin_organization_name: preview.admin.name,
        needs_approval: preview.admin.require_approval,
        verified_domains: preview.domains,
        sso_enabled: preview.sso.0,
        sso_required: preview.sso.1,
        members_outside: preview.members_outside,
        hidden_domains: preview.hidden_domains,
        scim_name: preview
            .scim_name
            .map(|name| NameMatchView { matches: name.matches, people: name.people }),
        warnings: preview.warnings.into_iter().map(str::to_owned).collect(),
    })
}

pub(super) fn link(call: &mut Call<'_, '_>) -> Result<Reply> {
    let request: LinkRequest = call.input()?;
    let organization = call.organization()?;
    let scim_name = request.scim_name.as_deref().map(ScimName::parse).transpose()?;
    let digest = call.api.code_digest(&request.code)?;
    call.watch_sign_ins(&organization)?;
    let redeemed =
        approval::redeem(call.tx, &organization, &digest, scim_name, call.incoming.cause)?;
    codes::redeemed(call)?;
    let (linked, admin, request) = match redeemed {
        Redeemed::Linked(linked, movements) => {
            if call.is_dry_run() && !call.administers(linked.governed_by())? {
                hide_strangers(call, &organization, &movements)?;
            }
            call.moved(movements);
            let admin = linked.governed_by().clone();
            (linked, admin, None)
        }
        Redeemed::Awaiting(request) => (organization, request.admin.clone(), Some(request)),
    };
    let warnings = linking::warnings(call.tx, &linked.id, &admin)?;
    Reply::ok(&LinkOutcome {
        organization: organization_view(call, &linked)?,
        state: if request.is_some() { "awaiting_approval" } else { "linked" }.to_owned(),
        link_request: request.map(|request| approvals::view(call, &request)).transpose()?,
        warnings: warnings.into_iter().map(str::to_owned).collect(),
    })
}

/// Before it is linked, an organization learns who is in the Admin Organization's groups only of its own
/// members. `before` is the organization as it was.
fn hide_strangers(
    call: &mut Call<'_, '_>,
    before: &Organization,
    movements: &[Movement],
) -> Result<()> {
    let concerned: BTreeSet<Id> = movements.iter().map(|m| m.account.clone()).collect();
    let accounts: Vec<Id> = concerned.iter().cloned().collect();
    let members = people::memberships(call.tx, before, &accounts)?;
    let members: BTreeSet<Id> = members.into_iter().map(|member| member.account).collect();
    call.unnamed = concerned.difference(&members).cloned().collect();
    Ok(())
}

/// From either side: the organization's own owner, or an owner or admin of its Admin Organization.
pub(super) fn unlink(call: &mut Call<'_, '_>) -> Result<Reply> {
    let organization = call.organization()?;
    unlink_it(call, &organization)
}

pub(super) fn unlink_from_admin(call: &mut Call<'_, '_>) -> Result<Reply> {
    let linked = linked_one(call)?;
    unlink_it(call, &linked)
}

fn unlink_it(call: &mut Call<'_, '_>, organization: &Organization) -> Result<Reply> {
    let request: UnlinkRequest = call.input()?;
    let members = match request.members.as_str() {
        "keep" => Members::Keep,
        "remove" => Members::Remove,
        _ => {
            let detail = "members must be keep or remove: what becomes of members by a group";
            return Err(Error::new(Kind::Unprocessable, detail).with_code("invalid_value"));
        }
    };
    call.watch_sign_ins(organization)?;
    let movements = linking::unlink(call.tx, organization, members, call.incoming.cause)?;
    call.moved(movements);
    Ok(Reply::nothing())
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
    let next =
        (linked.len() == limit).then(|| linked.last().map(|o| o.id.as_str().to_owned())).flatten();
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
