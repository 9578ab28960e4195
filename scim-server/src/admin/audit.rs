//! The audit log.

use scim_core::event::Event;
use scim_core::org::{Organization, people};
use scim_core::{Error, Kind, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::call::{Call, last_of};
use super::endpoint::bad;
use super::reply::{Reply, time};
use crate::store::EventFilter;

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditEvent {
    id: String,
    at: String,
    /// `noun.past_verb`
    name: String,
    actor: String,
    organization: String,
    /// What it is about.
    target: String,
    request_id: String,
    #[schema(value_type = Object)]
    detail: serde_json::Value,
}

/// An export of the audit log, about to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAuditExport {
    /// `csv` or `ndjson`
    format: String,
}

/// An export of the audit log: read the entries from `audit-events?order=oldest`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditExportView {
    /// The target of the event that tells of it.
    id: String,
    format: String,
    created: String,
}

fn view(call: &mut Call<'_, '_>, organization: &Organization, event: Event) -> Result<AuditEvent> {
    Ok(AuditEvent {
        id: event.id.as_str().to_owned(),
        at: time(event.at),
        name: event.name,
        actor: call.actor_label(&event.actor)?,
        organization: organization.id.as_str().to_owned(),
        target: event.target.as_str().to_owned(),
        request_id: event.request_id,
        detail: event.detail,
    })
}

pub(super) fn list(call: &mut Call<'_, '_>) -> Result<Reply> {
    let organization = call.organization()?;
    let limit = call.limit()?;
    let text = |name: &str| call.filter(name).map(str::to_owned);
    let order = call.filter("order").unwrap_or("newest");
    let cursor = call.cursor::<String>()?;
    let mut filter =
        EventFilter { name: text("name"), target: text("target"), ..EventFilter::default() };
    match order {
        "newest" => filter.before = cursor,
        "oldest" => filter.after = Some(cursor.unwrap_or_default()),
        _ => return Err(bad("invalid_parameter", "order must be newest or oldest".into())),
    }
    let events = call.tx.events(&organization.id, &filter, limit)?;
    let next = last_of(&events, limit, |event| event.id.as_str());
    let views = events
        .into_iter()
        .map(|event| view(call, &organization, event))
        .collect::<Result<Vec<_>>>()?;
    call.page(&views, next)
}

/// Tells, in the log itself, that it is exported: how, and by whom.
pub(super) fn begin_export(call: &mut Call<'_, '_>) -> Result<Reply> {
    let new: NewAuditExport = call.input()?;
    if !matches!(new.format.as_str(), "csv" | "ndjson") {
        let detail = "format must be csv or ndjson";
        return Err(Error::new(Kind::Unprocessable, detail).with_code("invalid_value"));
    }
    let org = call.organization()?.id;
    let cause = call.incoming.cause;
    let id = people::new_id("exp", cause)?;
    let detail = json!({"format": new.format});
    cause.tell(call.tx, &org, "audit_log_export.created", &id, detail)?;
    let (id, created) = (id.as_str().to_owned(), time(cause.now));
    Reply::created(&AuditExportView { id, format: new.format, created })
}
