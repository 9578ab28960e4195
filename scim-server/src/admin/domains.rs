//! Claimed domains.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scim_core::org::{ClaimedDomain, DomainRecords as _, Finding, Organization, claims, linking};
use scim_core::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::call::{Call, Incoming};
use super::person::Person;
use super::reply::{Reply, time};
use crate::secrets::random_bytes;

/// A claimed domain.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DomainView {
    id: String,
    /// As DNS has it.
    domain: String,
    /// `pending`, `conflict`, `verified`, `grace`, `unverified` or `expired`.
    state: String,
    /// Whether it has no effect because its organization is linked.
    hidden: bool,
    /// Where the TXT record may stand.
    record_names: Vec<String>,
    /// What the TXT record has to say.
    record_value: String,
    created: String,
    verified: Option<String>,
    checked: Option<String>,
    /// Since when the record is missing.
    missing_since: Option<String>,
    /// What DNS said just now: `found`, `absent` or `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    finding: Option<String>,
}

/// A domain to claim.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDomain {
    domain: String,
}

fn view(organization: &Organization, d: &ClaimedDomain) -> DomainView {
    DomainView {
        id: d.id.as_str().to_owned(),
        domain: d.name.as_str().to_owned(),
        state: d.state.to_string(),
        hidden: claims::is_hidden(organization, d),
        record_names: vec![
            format!("{}.{}", ClaimedDomain::LABEL, d.name),
            d.name.as_str().to_owned(),
        ],
        record_value: d.record(),
        created: time(d.created),
        verified: d.verified.map(time),
        checked: d.checked.map(time),
        missing_since: d.missing.map(time),
        finding: None,
    }
}

pub(super) fn list(call: &mut Call<'_, '_>) -> Result<Reply> {
    let organization = call.organization()?;
    let domains = call.tx.domains(&organization.id)?;
    let views: Vec<_> = domains.iter().map(|domain| view(&organization, domain)).collect();
    call.page_of(&views)
}

pub(super) fn claim(call: &mut Call<'_, '_>) -> Result<Reply> {
    let new: NewDomain = call.input()?;
    let organization = call.organization()?;
    let token = URL_SAFE_NO_PAD.encode(random_bytes()?);
    let domain = claims::claim(call.tx, &organization, &new.domain, token, call.incoming.cause)?;
    Reply::created(&view(&organization, &domain))
}

fn find(call: &mut Call<'_, '_>) -> Result<(Organization, ClaimedDomain)> {
    let (organization, id) = (call.organization()?, call.id("domain")?);
    let domain = claims::find(call.tx, &organization.id, &id)?;
    Ok((organization, domain))
}

pub(super) fn get(call: &mut Call<'_, '_>) -> Result<Reply> {
    let (organization, domain) = find(call)?;
    Reply::ok(&view(&organization, &domain))
}

/// Asks DNS, outside the transaction that takes what it says.
pub(super) fn ask(incoming: &Incoming<'_>) -> Result<Value> {
    let (org, id) = (incoming.org_id(), incoming.id("domain")?);
    let domain = incoming.api.store.read_records(|tx| {
        linking::organization(tx, &org)?;
        claims::find(tx, &org, &id)
    })?;
    let actor = format!("account {}", incoming.person.actor());
    let organization = format!("organization {org}");
    let counted: &[&str] = match incoming.person {
        Person::Operator => &[],
        _ => &[&actor, &organization],
    };
    let question = incoming.api.questions.ask(id.as_str(), counted)?;
    let mut finding = Finding::Unknown;
    incoming.turn.aside(&mut || finding = incoming.api.verifier.verify(&domain))?;
    drop(question);
    Ok(match finding {
        Finding::Found => json!("found"),
        Finding::Absent => json!("absent"),
        Finding::Unknown => json!("unknown"),
    })
}

pub(super) fn verify(call: &mut Call<'_, '_>) -> Result<Reply> {
    let (organization, domain) = find(call)?;
    let said = call.prepared.as_str().unwrap_or_default().to_owned();
    let finding = match said.as_str() {
        "found" => Finding::Found,
        "absent" => Finding::Absent,
        "unknown" => Finding::Unknown,
        _ => return Err(Error::internal("DNS was not asked")),
    };
    call.watch_sign_ins(&organization)?;
    let (domain, _) = claims::check(call.tx, domain, finding, true, call.incoming.cause)?;
    Reply::ok(&DomainView { finding: Some(said), ..view(&organization, &domain) })
}

pub(super) fn transfer(call: &mut Call<'_, '_>) -> Result<Reply> {
    let (organization, domain) = find(call)?;
    call.watch_sign_ins(&organization)?;
    let moved = claims::transfer(call.tx, &organization, &domain, call.incoming.cause)?;
    let admin = linking::organization(call.tx, &moved.org)?;
    Reply::ok(&view(&admin, &moved))
}

pub(super) fn withdraw(call: &mut Call<'_, '_>) -> Result<Reply> {
    let (organization, domain) = find(call)?;
    call.watch_sign_ins(&organization)?;
    claims::withdraw(call.tx, &organization, &domain, call.incoming.cause)?;
    Ok(Reply::nothing())
}
