//! [`Reply`]: what comes of a call.

use jiff::Timestamp;
use scim_core::resource::instant;
use scim_core::{Error, Result};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::Response;
use super::effects::Effects;

/// What a dry run tells, whatever the request gives when it is done: nothing was changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DryRun {
    /// Always true.
    dry_run: bool,
    /// The state that the link, the claim or the membership would be in: `awaiting_approval` is a link that the
    /// Admin Organization would have to approve first.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    effects: Effects,
    /// Names what would be done; sent as `plan` with the real request, that is done or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
}

/// What a call answers.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Value,
    /// The field that is shown this once.
    pub(super) secret: Option<&'static str>,
}

impl Reply {
    pub(super) fn ok<T: Serialize>(view: &T) -> Result<Self> {
        let body = serde_json::to_value(view).map_err(Error::internal)?;
        Ok(Self { status: 200, body, secret: None })
    }

    pub(super) fn created<T: Serialize>(view: &T) -> Result<Self> {
        Ok(Self { status: 201, ..Self::ok(view)? })
    }

    pub(super) fn nothing() -> Self {
        Self { status: 204, body: Value::Null, secret: None }
    }

    /// All of a short list.
    pub(super) fn list<T: Serialize>(items: &[T]) -> Result<Self> {
        Self::ok(&json!({"items": items, "next_cursor": null}))
    }

    pub(super) fn once(self, secret: &'static str) -> Self {
        Self { secret: Some(secret), ..self }
    }

    /// The state of what it shows, if that has one.
    pub(super) fn state(&self) -> Option<&str> {
        self.body.get("state").and_then(Value::as_str)
    }

    /// Tells the effects: a dry run those alone, with the token of the plan.
    pub(super) fn add_effects(
        &mut self,
        effects: Effects,
        plan: Option<String>,
        dry_run: bool,
    ) -> Result<()> {
        if dry_run {
            let state = self.state().map(str::to_owned);
            *self = Self::ok(&DryRun { dry_run, state, effects, plan })?;
            return Ok(());
        }
        if self.status == 204 {
            self.status = 200;
            self.body = json!({});
        }
        if let Some(body) = self.body.as_object_mut() {
            body.insert("effects".into(), serde_json::to_value(effects).map_err(Error::internal)?);
        }
        Ok(())
    }

    /// The entity tag of what it shows.
    pub(super) fn etag(&self) -> String {
        let digest = Sha256::digest(self.body.to_string().as_bytes());
        let hex: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        format!("\"{hex}\"")
    }

    pub(super) fn into_response(self, tagged: bool) -> Response {
        let mut headers = Vec::new();
        if tagged {
            headers.push(("ETag", self.etag()));
        }
        let body = (self.status != 204).then(|| self.body.to_string().into_bytes());
        Response {
            status: self.status,
            headers,
            body,
            content_type: "application/json",
            error: None,
        }
    }
}

/// A time as the API shows it.
pub(super) fn time(timestamp: Timestamp) -> String {
    instant(timestamp)
}
