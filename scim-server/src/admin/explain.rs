//! Why somebody is in an organization.

use scim_core::Result;
use scim_core::event::Event;
use scim_core::org::people::{self, Membership};
use scim_core::org::{
    EmailAddress, Grant, Organization, OrganizationRecords as _, PersonRecords as _, Source,
};
use scim_core::resource::Id;
use scim_core::store::Transaction as _;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::call::Call;
use super::endpoint::bad;
use super::members::{GrantView, grant_view, state};
use super::reply::{Reply, time};

/// Why somebody is in an organization.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Explanation {
    email: String,
    account: Option<String>,
    /// Whether the person is a member.
    member: bool,
    /// In a sentence.
    summary: String,
    role: Option<String>,
    state: Option<String>,
    /// One chain for each grant: person, then group, then who and which request gave it.
    reasons: Vec<Reason>,
}

/// A group by which somebody is in another.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GroupOnTheWay {
    id: String,
    name: String,
}

/// One reason.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Reason {
    grant: GrantView,
    /// By which groups the person is in the one that gives membership: from the one that lists the person to
    /// that one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    through: Vec<GroupOnTheWay>,
    /// Why it counts for nothing now, in a sentence.
    suspended_because: Option<String>,
    /// In a sentence.
    summary: String,
    /// Who gave it: a token's id, a person's address, `operator` or `system`.
    by: Option<String>,
    /// By which request.
    request_id: Option<String>,
    at: Option<String>,
    /// What caused it, e.g. `scim_group.members_changed`.
    cause: Option<String>,
}

pub(super) fn explain(call: &mut Call<'_, '_>) -> Result<Reply> {
    let organization = call.organization()?;
    let asked = call
        .filter("email")
        .ok_or_else(|| bad("invalid_parameter", "Say of whom: ?email=ann@example.com".into()))?;
    let address = EmailAddress::parse(asked)?;
    let account = match call.tx.account_known_by(address.key())? {
        Some(account) => Some(account.id),
        None => unproven(call, &organization, address.key())?,
    };
    let membership = match &account {
        None => None,
        Some(account) => people::membership(call.tx, &organization.id, account)?,
    };
    let name = &organization.name;
    let Some(membership) = membership else {
        return Reply::ok(&Explanation {
            email: asked.to_owned(),
            account: None,
            member: false,
            summary: format!("{asked} is not a member of \"{name}\"."),
            role: None,
            state: None,
            reasons: Vec::new(),
        });
    };
    let mut reasons = Vec::new();
    for grant in &membership.grants {
        reasons.push(reason(call, &organization, &membership, grant)?);
    }
    let state = state(&membership);
    let why: Vec<&str> = reasons.iter().map(|reason| reason.summary.as_str()).collect();
    let (role, why) = (membership.role, why.join("; "));
    Reply::ok(&Explanation {
        email: asked.to_owned(),
        account: Some(membership.account.as_str().to_owned()),
        member: true,
        summary: format!("{asked} is a member of \"{name}\" ({role}, {state}): {why}."),
        role: Some(role.to_string()),
        state: Some(state.to_owned()),
        reasons,
    })
}

/// A user of the organization's directory whose address nothing proves is not known by it; among the
/// organization's own members it names the person nevertheless.
fn unproven(call: &mut Call<'_, '_>, organization: &Organization, key: &str) -> Result<Option<Id>> {
    let org = organization.governed_by().clone();
    let users = call.tx.users_by_email(&org, key)?;
    let bindings = call.tx.within(&org, |tx| tx.bindings(&users))?;
    Ok(bindings.into_iter().next().map(|binding| binding.account))
}

fn reason(
    call: &mut Call<'_, '_>,
    organization: &Organization,
    membership: &Membership,
    grant: &Grant,
) -> Result<Reason> {
    let (account, org) = (&membership.account, &organization.id);
    let view = grant_view(call, organization, grant)?;
    let source = grant.source.word();
    let event = call.tx.event_of_grant("membership.granted", org, account, source)?;
    let through = way_through(call, organization, account, grant)?;
    let suspended_because = why_suspended(call, organization, membership, grant)?;
    let by = match &event {
        None => None,
        Some(event) => Some(call.actor_label(&event.actor)?),
    };
    let whose = by.as_deref().map(|by| format!(" (by {by})")).unwrap_or_default();
    let what = match &grant.source {
        Source::Group(_) => {
            let name = view.group_name.clone().unwrap_or_default();
            let inner: Vec<String> =
                through.iter().rev().skip(1).map(|group| format!("\"{}\"", group.name)).collect();
            let inner = match inner.as_slice() {
                [] => String::new(),
                groups => format!(" through {} in it", groups.join(" and, in that, ")),
            };
            format!(
                "the group \"{name}\" of the identity provider has the person{inner}, and its name is the organization's SCIM Name"
            )
        }
        Source::Directory => "the organization's directory has the person".to_owned(),
        Source::Creator => "the person made the organization".to_owned(),
        Source::Manual => match &grant.note {
            Some(note) => format!("kept by hand, {note}"),
            None => "added by hand".to_owned(),
        },
        Source::Invite => "invited".to_owned(),
        Source::Jit => "signed in".to_owned(),
        Source::OwnerProtected => "kept because nobody else owned the organization".to_owned(),
    };
    let cause = event.as_ref().and_then(|e| e.detail.get("cause")).and_then(Value::as_str);
    let rests = suspended_because.as_deref().map(|why| format!(", suspended: {why}"));
    Ok(Reason {
        summary: format!("{what}{whose}{}", rests.unwrap_or_default()),
        grant: view,
        through,
        suspended_because,
        by,
        cause: cause.map(str::to_owned),
        request_id: event.as_ref().map(|event| event.request_id.clone()),
        at: event.map(|event| time(event.at)),
    })
}

/// The groups on the way from a person to the group that gives a grant.
fn way_through(
    call: &mut Call<'_, '_>,
    organization: &Organization,
    account: &Id,
    grant: &Grant,
) -> Result<Vec<GroupOnTheWay>> {
    let Source::Group(group) = &grant.source else { return Ok(Vec::new()) };
    let way = people::way_through(call.tx, organization, account, group)?;
    let known = call.tx.within(organization.governed_by(), |tx| tx.identify(&way))?;
    let name = |id: &Id| {
        let found = known.iter().find(|known| known.id == *id);
        found.and_then(|known| known.label.clone()).unwrap_or_default()
    };
    Ok(way.iter().map(|id| GroupOnTheWay { id: id.as_str().to_owned(), name: name(id) }).collect())
}

/// Why a grant counts for nothing now.
fn why_suspended(
    call: &mut Call<'_, '_>,
    organization: &Organization,
    membership: &Membership,
    grant: &Grant,
) -> Result<Option<String>> {
    let derived = matches!(grant.source, Source::Group(_) | Source::Directory);
    if membership.inactive || (derived && grant.suspended) {
        let whose = if organization.is_linked() && grant.source != Source::Directory {
            "the Admin Organization's directory"
        } else {
            "the organization's directory"
        };
        return Ok(Some(format!("{whose} says that the person is inactive")));
    }
    if !grant.suspended {
        return Ok(None);
    }
    let (org, account, source) = (&organization.id, &membership.account, grant.source.word());
    let mut latest: Option<Event> = None;
    let names =
        ["membership.suspended", "membership.granted", "membership.removal_blocked_last_owner"];
    for name in names {
        let event = call.tx.event_of_grant(name, org, account, source)?;
        latest = latest.into_iter().chain(event).max_by(|a, b| a.id.cmp(&b.id));
    }
    let cause = latest.as_ref().and_then(|e| e.detail.get("cause")).and_then(Value::as_str);
    let why = match cause {
        Some("scim_user.deleted") => "the person was deleted from the directory",
        Some("organization.unlinked") => {
            "the person was inactive when the organization was unlinked"
        }
        _ => "the person left the directory",
    };
    Ok(Some(format!("{why}; an administrator can add the person again")))
}
