//! Requests to be linked, where an Admin Organization approves each link.

use scim_core::Result;
use scim_core::org::{
    LinkRecords as _, LinkRequest, OrganizationRecords as _, ScimName, approval, linking,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::call::Call;
use super::linked;
use super::reply::{Reply, time};

/// A request to be linked, as both organizations see it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LinkRequestView {
    id: String,
    /// The organization that asks.
    organization: String,
    organization_name: String,
    admin_organization_name: String,
    /// The SCIM Name to begin with. It isn't taken before the approval.
    scim_name: Option<String>,
    created: String,
    /// Who asked.
    created_by: String,
    /// Until when it can be approved.
    expires: String,
}

pub(super) fn view(call: &mut Call<'_, '_>, request: &LinkRequest) -> Result<LinkRequestView> {
    let mut name = |org| Ok::<_, scim_core::Error>(call.tx.organization(org)?.map(|o| o.name));
    let (asking, admin) = (name(&request.org)?, name(&request.admin)?);
    Ok(LinkRequestView {
        id: request.id.as_str().to_owned(),
        organization: request.org.as_str().to_owned(),
        organization_name: asking.unwrap_or_default(),
        admin_organization_name: admin.unwrap_or_default(),
        scim_name: request.scim_name.as_ref().map(ScimName::as_str).map(str::to_owned),
        created: time(request.created),
        created_by: call.actor_label(&request.created_by)?,
        expires: time(request.expires),
    })
}

/// What the organization has asked.
pub(super) fn get(call: &mut Call<'_, '_>) -> Result<Reply> {
    let organization = call.organization()?;
    let request = approval::asked(call.tx, &organization, call.incoming.cause.now)?;
    Reply::ok(&view(call, &request)?)
}

pub(super) fn withdraw(call: &mut Call<'_, '_>) -> Result<Reply> {
    let organization = call.organization()?;
    approval::withdraw(call.tx, &organization, call.incoming.cause)?;
    Ok(Reply::nothing())
}

/// What the Admin Organization is asked.
pub(super) fn list(call: &mut Call<'_, '_>) -> Result<Reply> {
    let admin = call.organization()?;
    admin.require_admin()?;
    let now = call.cause.now;
    let requests = call.tx.link_requests(&admin.id)?;
    let live = requests.iter().filter(|request| request.is_live(now));
    let views = live.map(|request| view(call, request)).collect::<Result<Vec<_>>>()?;
    call.page_of(&views)
}

/// Its answer shows what the Admin Organization sees of a linked organization, and no more.
pub(super) fn approve(call: &mut Call<'_, '_>) -> Result<Reply> {
    let (admin, id) = (call.organization()?, call.id("request")?);
    let request = approval::waiting(call.tx, &admin, &id)?;
    let asking = linking::organization(call.tx, &request.org)?;
    call.watch_sign_ins(&asking)?;
    let (linked, movements) = approval::approve(call.tx, &admin, &id, call.incoming.cause)?;
    call.moved(movements);
    Reply::ok(&linked::view(call, &linked)?)
}

pub(super) fn refuse(call: &mut Call<'_, '_>) -> Result<Reply> {
    let (admin, id) = (call.organization()?, call.id("request")?);
    approval::refuse(call.tx, &admin, &id, call.incoming.cause)?;
    Ok(Reply::nothing())
}
