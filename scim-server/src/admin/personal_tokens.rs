//! Personal tokens: what somebody's programs sign in with.

use jiff::SignedDuration;
use scim_core::{Error, Kind, Result};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::accounts::account;
use super::call::{Call, not_found};
use super::endpoint::bad;
use super::reply::{Reply, time};
use crate::store::{Credential, CredentialKind};

/// Personal tokens of one person at the same time.
const MOST_TOKENS: usize = 50;

/// A session or a personal token.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CredentialView {
    id: String,
    /// What to send as a bearer token, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    ends_in: String,
    note: Option<String>,
    created: String,
    expires: Option<String>,
}

/// A new personal token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPersonalToken {
    /// What it is for.
    note: Option<String>,
    /// How many days it lives; 90 by default, 365 at the most.
    expires_in_days: Option<u32>,
}

pub(super) fn view(credential: &Credential, secret: Option<String>) -> CredentialView {
    CredentialView {
        id: credential.id.clone(),
        token: secret,
        ends_in: credential.hint.clone(),
        note: credential.note.clone(),
        created: time(credential.created),
        expires: credential.expires.map(time),
    }
}

pub(super) fn create(call: &mut Call<'_, '_>) -> Result<Reply> {
    let new: NewPersonalToken = call.input()?;
    let account = account(call)?;
    let days = new.expires_in_days.unwrap_or(90);
    if !(1..=365).contains(&days) {
        return Err(bad("invalid_value", "expires_in_days must be a number from 1 to 365".into()));
    }
    let now = call.cause.now;
    if call.tx.credentials(CredentialKind::Personal, Some(&account.id), now)?.len() >= MOST_TOKENS {
        let detail =
            format!("A person has at most {MOST_TOKENS} personal tokens; revoke some first");
        return Err(Error::new(Kind::Conflict, detail).with_code("token_limit"));
    }
    let note = new.note.map(|note| note.chars().filter(|c| !c.is_control()).take(256).collect());
    let times = (now, Some(now + SignedDuration::from_hours(i64::from(days) * 24)));
    let (token, secret) =
        call.tx.create_credential(CredentialKind::Personal, Some(&account.id), note, times)?;
    Ok(Reply::created(&view(&token, Some(secret)))?.once("token"))
}

pub(super) fn list(call: &mut Call<'_, '_>) -> Result<Reply> {
    let account = account(call)?;
    let now = call.cause.now;
    let tokens = call.tx.credentials(CredentialKind::Personal, Some(&account.id), now)?;
    let views: Vec<_> = tokens.iter().map(|token| view(token, None)).collect();
    call.page_of(&views)
}

pub(super) fn revoke(call: &mut Call<'_, '_>) -> Result<Reply> {
    let account = account(call)?;
    let now = call.cause.now;
    let tokens = call.tx.credentials(CredentialKind::Personal, Some(&account.id), now)?;
    let token = tokens.iter().find(|token| token.id == call.param("token"));
    let id = token.ok_or_else(not_found)?.id.clone();
    call.tx.revoke_credential(&id, now)?;
    Ok(Reply::nothing())
}
