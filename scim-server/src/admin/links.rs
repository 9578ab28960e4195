//! Linking an organization with a code, having looked what that does, and unlinking it.

use std::collections::BTreeSet;

use scim_core::org::approval::{self, Redeemed};
use scim_core::org::linking::{self, Members};
use scim_core::org::{Movement, Organization, ScimName, people};
use scim_core::resource::Id;
use scim_core::{Error, Kind, Result};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::approvals::{self, LinkRequestView};
use super::call::Call;
use super::codes;
use super::organizations::{self, OrganizationView};
use super::reply::Reply;

/// A code to look at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkPreviewRequest {
    code: String,
    /// The SCIM Name to begin with, to see whether a group has it.
    scim_name: Option<String>,
}

/// What linking would do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LinkPreview {
    admin_organization_name: String,
    /// Whether it approves each link first.
    needs_approval: bool,
    /// The domains that it has verified.
    verified_domains: Vec<String>,
    sso_enabled: bool,
    sso_required: bool,
    /// Members whose addresses are in none of those domains.
    members_outside: u64,
    /// Own claims that would be hidden.
    hidden_domains: Vec<String>,
    /// What the SCIM Name that was asked for would find; null if none was.
    scim_name: Option<NameMatchView>,
    /// `sso_not_configured`, `own_sso_ignored`, `own_domains_hidden`, `own_directory_dormant`,
    /// `break_glass_disabled`.
    warnings: Vec<String>,
}

/// What a SCIM Name would find.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NameMatchView {
    /// Whether a group of the Admin Organization has that name.
    matches: bool,
    /// How many people that group would make members.
    people: u64,
}

/// A code to redeem.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkRequest {
    code: String,
    /// The SCIM Name to begin with; without it no group matches.
    scim_name: Option<String>,
}

/// The organization that has been linked, or has asked to be.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LinkOutcome {
    #[serde(flatten)]
    organization: OrganizationView,
    /// `linked` or `awaiting_approval`.
    state: String,
    /// What waits for the approval of the Admin Organization.
    link_request: Option<LinkRequestView>,
    /// As in the preview.
    warnings: Vec<String>,
}

/// How to unlink.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UnlinkRequest {
    /// What becomes of members by a group: `keep` or `remove`.
    members: String,
}

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
        organization: organizations::view(call, &linked)?,
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

/// Unlinks an organization as the body says.
pub(super) fn unlink_it(call: &mut Call<'_, '_>, organization: &Organization) -> Result<Reply> {
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
