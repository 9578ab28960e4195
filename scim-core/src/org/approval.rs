//! [`LinkRequest`]: where an Admin Organization wants to approve each link, redeeming a code asks for one.
//! Until that is answered nothing changes for the organization that asks.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::linking;
use super::people::new_id;
use super::{Cause, LinkingCode, Movement, Organization, Records, Refusal, ScimName};
use crate::error::{Error, Result};
use crate::resource::Id;
use crate::store::Tenant;

/// An organization redeemed a code, and the Admin Organization has yet to approve. Only what waits is kept;
/// how it ended is in the logs of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRequest {
    /// The organization that asks; it asks one at a time.
    pub org: Tenant,
    /// Its id, `req_…`.
    pub id: Id,
    /// The Admin Organization.
    pub admin: Tenant,
    /// The code that was redeemed.
    pub code: Id,
    /// The SCIM Name to begin with. It is not taken before the approval.
    pub scim_name: Option<ScimName>,
    /// When it was asked.
    pub created: Timestamp,
    /// Who asked.
    pub created_by: String,
    /// From when on it can't be approved.
    pub expires: Timestamp,
}

impl LinkRequest {
    /// How long a request waits: as long as a code is good, from when it was redeemed.
    pub const LIFETIME: SignedDuration = LinkingCode::LIFETIME;

    /// Whether it can be approved.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires
    }

    /// What the two logs say about it: in each, the other organization.
    fn about(&self, other: &Tenant) -> Value {
        let name = self.scim_name.as_ref().map(ScimName::as_str);
        json!({"other_org": other.as_str(), "code": self.code.as_str(), "scim_name": name})
    }
}

/// What comes of redeeming a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redeemed {
    /// The organization is linked; who gained what.
    Linked(Organization, Vec<Movement>),
    /// The Admin Organization has to approve.
    Awaiting(LinkRequest),
}

/// Redeems a code: links the organization, or asks for that where the Admin Organization wants to approve.
///
/// # Errors
/// As [`linking::link`]; [`Refusal::LinkAwaitingApproval`] if the organization has asked already.
pub fn redeem<R: Records>(
    tx: &mut R,
    organization: &Organization,
    digest: &str,
    scim_name: Option<ScimName>,
    cause: &Cause<'_>,
) -> Result<Redeemed> {
    let org = &organization.id;
    let code = tx.code_by_digest(digest)?;
    if let Some(waiting) = tx.link_request(org)? {
        if !waiting.is_live(cause.now) {
            end(tx, &waiting, "link_request.expired", cause)?;
        } else if code.as_ref().is_some_and(|code| code.id == waiting.code)
            && (scim_name.is_none() || scim_name == waiting.scim_name)
        {
            // Asked again: the same request, no second event.
            return Ok(Redeemed::Awaiting(waiting));
        } else {
            return Err(Refusal::LinkAwaitingApproval.because(
                "The organization has asked to be linked, and waits for approval; take that request back \
                 first",
            ));
        }
    }
    let admin = match &code {
        Some(code) => Some(linking::organization(tx, &code.org)?),
        None => None,
    };
    if !admin.is_some_and(|admin| admin.require_approval) || organization.is_linked() {
        let (linked, movements) = linking::link(tx, organization, digest, scim_name, cause)?;
        return Ok(Redeemed::Linked(linked, movements));
    }
    let (code, admin) = linking::good_code(tx, organization, digest, cause)?;
    if let Some(name) = &scim_name {
        linking::require_free_name(tx, &admin.id, name)?;
    }
    linking::use_up(tx, &code, org, cause)?;
    let request = LinkRequest {
        org: org.clone(),
        id: new_id("req", cause)?,
        admin: admin.id,
        code: code.id,
        scim_name,
        created: cause.now,
        created_by: cause.actor.to_owned(),
        expires: cause.now + LinkRequest::LIFETIME,
    };
    tx.put_link_request(&request)?;
    tell(tx, &request, "link_request.created", cause)?;
    Ok(Redeemed::Awaiting(request))
}

/// Links the organization that asked. Everything is checked again: much may have happened since.
///
/// # Errors
/// [`crate::Kind::NotFound`]; [`Refusal::LinkRequestExpired`]; as [`linking::link`].
pub fn approve<R: Records>(
    tx: &mut R,
    admin: &Organization,
    id: &Id,
    cause: &Cause<'_>,
) -> Result<(Organization, Vec<Movement>)> {
    let request = live(tx, admin, id, cause.now)?;
    let organization = linking::organization(tx, &request.org)?;
    organization.require_linkable()?;
    admin.require_enterprise()?;
    end(tx, &request, "link_request.approved", cause)?;
    let by = request.created_by.clone();
    linking::join(tx, &organization, admin, (&request.code, by), request.scim_name, cause)
}

/// Refuses a request: it is over, and so is its code.
///
/// # Errors
/// [`crate::Kind::NotFound`]; [`Refusal::LinkRequestExpired`]
pub fn refuse<R: Records>(
    tx: &mut R,
    admin: &Organization,
    id: &Id,
    cause: &Cause<'_>,
) -> Result<()> {
    let request = live(tx, admin, id, cause.now)?;
    end(tx, &request, "link_request.refused", cause)
}

/// Takes back what an organization asked.
///
/// # Errors
/// [`crate::Kind::NotFound`]
pub fn withdraw<R: Records>(
    tx: &mut R,
    organization: &Organization,
    cause: &Cause<'_>,
) -> Result<()> {
    let request = asked(tx, organization, cause.now)?;
    end(tx, &request, "link_request.withdrawn", cause)
}

/// What an organization has asked and waits for.
///
/// # Errors
/// [`crate::Kind::NotFound`]
pub fn asked<R: Records>(
    tx: &mut R,
    organization: &Organization,
    now: Timestamp,
) -> Result<LinkRequest> {
    let request = tx.link_request(&organization.id)?;
    request.filter(|request| request.is_live(now)).ok_or_else(none)
}

/// Ends a request whose time is over; not if it has ended meanwhile.
///
/// # Errors
/// From the storage.
pub fn expire<R: Records>(tx: &mut R, request: &LinkRequest, cause: &Cause<'_>) -> Result<()> {
    match tx.link_request(&request.org)? {
        Some(there) if there.id == request.id && !there.is_live(cause.now) => {
            end(tx, &there, "link_request.expired", cause)
        }
        _ => Ok(()),
    }
}

/// Before an organization is deleted: what it asked is taken back, what it was asked is refused.
pub(super) fn forget<R: Records>(
    tx: &mut R,
    organization: &Organization,
    cause: &Cause<'_>,
) -> Result<()> {
    if let Some(own) = tx.link_request(&organization.id)? {
        end(tx, &own, "link_request.withdrawn", cause)?;
    }
    for request in tx.link_requests(&organization.id)? {
        end(tx, &request, "link_request.refused", cause)?;
    }
    Ok(())
}

/// What an Admin Organization is asked.
///
/// # Errors
/// [`Refusal::NotAnAdminOrg`]; [`crate::Kind::NotFound`].
pub fn waiting<R: Records>(tx: &mut R, admin: &Organization, id: &Id) -> Result<LinkRequest> {
    admin.require_admin()?;
    let found = tx.link_requests(&admin.id)?.into_iter().find(|request| request.id == *id);
    found.ok_or_else(none)
}

/// What may still be answered.
fn live<R: Records>(
    tx: &mut R,
    admin: &Organization,
    id: &Id,
    now: Timestamp,
) -> Result<LinkRequest> {
    let request = waiting(tx, admin, id)?;
    if request.is_live(now) {
        return Ok(request);
    }
    Err(Refusal::LinkRequestExpired
        .because("The request has expired; the organization has to ask again, with a new code"))
}

fn none() -> Error {
    Error::not_found("There is no such request to be linked; it may have been answered")
        .with_code("not_found")
}

fn end<R: Records>(
    tx: &mut R,
    request: &LinkRequest,
    event: &str,
    cause: &Cause<'_>,
) -> Result<()> {
    tx.remove_link_request(&request.org)?;
    tell(tx, request, event, cause)
}

fn tell<R: Records>(
    tx: &mut R,
    request: &LinkRequest,
    event: &str,
    cause: &Cause<'_>,
) -> Result<()> {
    cause.tell(tx, &request.org, event, &request.id, request.about(&request.admin))?;
    cause.tell(tx, &request.admin, event, &request.id, request.about(&request.org))
}
