//! Organizations.

use scim_core::org::linking::{self, NewOrganization as New};
use scim_core::org::{
    Adoption, DomainPolicy, EmailAddress, GrantRecords as _, OrgKind, Organization,
    OrganizationRecords as _, Plan, Role, people, plain_name,
};
use scim_core::resource::Id;
use scim_core::store::Tenant;
use scim_core::{Error, Kind, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::call::{Call, last_of};
use super::person::Person;
use super::reply::{Reply, time};
use crate::store::new_organization_id;

/// An organization.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OrganizationView {
    id: String,
    name: String,
    /// `regular` or `admin`.
    kind: String,
    /// `enterprise` or `other`.
    plan: String,
    /// Whose users it takes over SCIM: `claimed` or `any`.
    scim_domains: String,
    /// Which accounts that are there its directory takes over: `by_verified_domain` or `invited_only`.
    adoption: String,
    /// Whether links are approved first; of an Admin Organization.
    require_approval: bool,
    /// Its link to an Admin Organization.
    link: Option<LinkView>,
    /// Whether somebody who is active, and may sign in, owns it.
    has_active_owner: bool,
    created: String,
}

/// A link to an Admin Organization.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LinkView {
    /// The id of the Admin Organization.
    admin_organization: String,
    /// Its name.
    admin_organization_name: String,
    /// What the Admin Organization's groups find this organization by.
    scim_name: Option<String>,
    /// How people of the Admin Organization's domains become members: `additive` or `authoritative`.
    membership: String,
    since: String,
    /// Who linked it.
    by: String,
}

/// A new organization.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOrganization {
    name: String,
    /// The address of its owner. The operator may leave it out; for others it is themselves.
    owner: Option<String>,
    /// `admin` makes an Admin Organization (operator only; people start from an organization of theirs).
    kind: Option<String>,
    /// `enterprise` or `other`; the operator's to say. The operator's own are `enterprise` by default, all
    /// others `other`.
    plan: Option<String>,
    /// `claimed` (the default) or `any`; `any` is the operator's to say.
    scim_domains: Option<String>,
}

/// A change of an organization. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OrganizationChange {
    name: Option<String>,
    /// The operator's to say.
    plan: Option<String>,
    /// `any` is the operator's to say.
    scim_domains: Option<String>,
    /// `by_verified_domain` or `invited_only`.
    adoption: Option<String>,
    /// Whether links are approved first; an Admin Organization's to say.
    require_approval: Option<bool>,
}

/// A name, for what is made or renamed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewName {
    pub(super) name: String,
}

pub(super) fn view(call: &mut Call<'_, '_>, o: &Organization) -> Result<OrganizationView> {
    let link = match &o.link {
        None => None,
        Some(link) => Some(LinkView {
            admin_organization: link.admin.as_str().to_owned(),
            admin_organization_name: call
                .tx
                .organization(&link.admin)?
                .map(|admin| admin.name)
                .unwrap_or_default(),
            scim_name: link.scim_name.as_ref().map(|name| name.as_str().to_owned()),
            membership: link.membership.to_string(),
            since: time(link.since),
            by: call.actor_label(&link.by)?,
        }),
    };
    Ok(OrganizationView {
        id: o.id.as_str().to_owned(),
        name: o.name.clone(),
        kind: o.kind.to_string(),
        plan: o.plan.to_string(),
        scim_domains: o.domains.to_string(),
        adoption: o.adoption.to_string(),
        require_approval: o.require_approval,
        link,
        has_active_owner: people::has_active_owner(call.tx, &o.id)?,
        created: time(o.created),
    })
}

/// Reads one of a few words.
pub(super) fn word<T: std::str::FromStr<Err = String>>(name: &str, text: &str) -> Result<T> {
    text.parse().map_err(|e| {
        Error::new(Kind::Unprocessable, format!("{name}: {e}")).with_code("invalid_value")
    })
}

fn operators_to_say(call: &Call<'_, '_>, what: &str) -> Result<()> {
    if *call.person == Person::Operator {
        return Ok(());
    }
    let detail =
        format!("{what} is for the operator to say; leave it out, or ask whoever runs the server");
    Err(Error::new(Kind::Forbidden, detail).with_code("operator_only"))
}

pub(super) fn list(call: &mut Call<'_, '_>) -> Result<Reply> {
    let (limit, after) = (call.limit()?, call.cursor::<String>()?);
    let found = match call.person.account().cloned() {
        None => {
            let after = after.as_deref().map(Tenant::new);
            call.tx.organizations(after.as_ref(), limit)?
        }
        Some(account) => own(call, &account, after.as_deref(), limit)?,
    };
    let next = last_of(&found, limit, |organization| organization.id.as_str());
    let views = found.iter().map(|o| view(call, o)).collect::<Result<Vec<_>>>()?;
    call.page(&views, next)
}

/// The organizations that somebody sees: those where the person is an active member; Admin Organizations
/// only for who administers them.
fn own(
    call: &mut Call<'_, '_>,
    account: &Id,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Organization>> {
    let mut found = Vec::new();
    for membership in people::memberships_of(call.tx, account)? {
        let beyond = after.is_none_or(|after| membership.org.as_str() > after);
        if !membership.is_active() || !beyond || found.len() >= limit {
            continue;
        }
        let organization = linking::organization(call.tx, &membership.org)?;
        if !organization.is_admin() || membership.role > Role::Member {
            found.push(organization);
        }
    }
    Ok(found)
}

pub(super) fn create(call: &mut Call<'_, '_>) -> Result<Reply> {
    let new: NewOrganization = call.input()?;
    let kind = new.kind.as_deref().map_or(Ok(OrgKind::Regular), |text| word("kind", text))?;
    // What people make is plain until the operator says what was bought.
    let plain = if call.person.account().is_some() { Plan::Other } else { Plan::Enterprise };
    let plan = new.plan.as_deref().map_or(Ok(plain), |text| word("plan", text))?;
    let domains = new.scim_domains.as_deref();
    let domains = domains.map_or(Ok(DomainPolicy::Claimed), |text| word("scim_domains", text))?;
    if new.plan.is_some() || kind == OrgKind::Admin || domains == DomainPolicy::Any {
        operators_to_say(call, "The plan, the kind admin, and scim_domains any")?;
    }
    let owner = match (call.person.account().cloned(), &new.owner) {
        (Some(account), None) => Some(account),
        (Some(_), Some(_)) => {
            operators_to_say(call, "Another owner than oneself")?;
            None
        }
        (None, None) => None,
        (None, Some(owner)) => Some(
            people::account_for(call.tx, &EmailAddress::parse(owner)?, call.incoming.cause)?.id,
        ),
    };
    let made = New { name: &new.name, kind, plan, domains, owner: owner.as_ref() };
    let (organization, movements) =
        linking::create(call.tx, new_organization_id()?, &made, call.incoming.cause)?;
    call.moved(movements);
    Reply::created(&view(call, &organization)?)
}

/// An Admin Organization out of the settings of a regular one, which isn't linked by that.
pub(super) fn create_admin(call: &mut Call<'_, '_>) -> Result<Reply> {
    let new: NewName = call.input()?;
    let organization = call.organization()?;
    organization.require_regular("Admin Organizations of their own")?;
    organization.require_enterprise()?;
    // The operator acts for the organization: its owner owns the new one too.
    let owner = match call.person.account().cloned() {
        Some(account) => Some(account),
        None => {
            let roles = call.tx.roles(&organization.id)?;
            roles.into_iter().find(|(_, role)| *role == Role::Owner).map(|(owner, _)| owner)
        }
    };
    let made = New {
        name: &new.name,
        kind: OrgKind::Admin,
        plan: organization.plan,
        domains: organization.domains,
        owner: owner.as_ref(),
    };
    let (admin, movements) =
        linking::create(call.tx, new_organization_id()?, &made, call.incoming.cause)?;
    let admin = Organization { adoption: organization.adoption, ..admin };
    call.tx.put_organization(&admin)?;
    call.moved(movements);
    Reply::created(&view(call, &admin)?)
}

pub(super) fn get(call: &mut Call<'_, '_>) -> Result<Reply> {
    let organization = call.organization()?;
    Reply::ok(&view(call, &organization)?)
}

pub(super) fn change(call: &mut Call<'_, '_>) -> Result<Reply> {
    let change: OrganizationChange = call.input()?;
    let before = call.organization()?;
    let mut after = before.clone();
    if let Some(name) = &change.name {
        after.name = plain_name("an organization", name)?;
    }
    if let Some(plan) = &change.plan {
        operators_to_say(call, "The plan")?;
        before.require_regular("plan")?;
        after.plan = word("plan", plan)?;
    }
    if let Some(domains) = &change.scim_domains {
        after.domains = word("scim_domains", domains)?;
        if after.domains == DomainPolicy::Any && before.domains != DomainPolicy::Any {
            operators_to_say(call, "scim_domains any")?;
        }
    }
    if let Some(adoption) = &change.adoption {
        after.adoption = word("adoption", adoption)?;
        weakens(
            call,
            before.adoption == Adoption::InvitedOnly && after.adoption != before.adoption,
        )?;
    }
    if let Some(require_approval) = change.require_approval {
        before.require_admin()?;
        weakens(call, before.require_approval && !require_approval)?;
        after.require_approval = require_approval;
    }
    if after != before {
        call.tx.put_organization(&after)?;
        let target = Id::parse(after.id.as_str()).ok_or_else(super::call::not_found)?;
        let state = |o: &Organization| {
            json!({
                "name": o.name,
                "plan": o.plan.to_string(),
                "scim_domains": o.domains.to_string(),
                "adoption": o.adoption.to_string(),
                "require_approval": o.require_approval,
            })
        };
        let event =
            if after.name == before.name { "organization.changed" } else { "organization.renamed" };
        let detail = json!({"before": state(&before), "after": state(&after)});
        call.incoming.cause.tell(call.tx, &after.id, event, &target, detail)?;
    }
    Reply::ok(&view(call, &after)?)
}

/// What lets more in than before takes a sign-in of the last minutes, as what it lets in does.
fn weakens(call: &Call<'_, '_>, weaker: bool) -> Result<()> {
    if weaker { call.person.require_fresh(call.cause.now) } else { Ok(()) }
}

pub(super) fn delete(call: &mut Call<'_, '_>) -> Result<Reply> {
    let organization = call.organization()?;
    let movements = linking::delete(call.tx, &organization, call.incoming.cause)?;
    call.moved(movements);
    Ok(Reply::nothing())
}
