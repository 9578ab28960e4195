//! Signing in with a password, and out.

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier as _;
use argon2::password_hash::phc::PasswordHash;
use jiff::SignedDuration;
use scim_core::org::{EmailAddress, PersonRecords as _, people};
use scim_core::resource::Id;
use scim_core::{Error, Kind, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::call::{Call, Incoming};
use super::glass;
use super::person::{Person, failures_from};
use super::personal_tokens::view;
use super::reply::Reply;
use crate::store::CredentialKind;

/// How long a session lives.
const SESSION: SignedDuration = SignedDuration::from_hours(12);

/// Failed sign-ins of one address, and the time in which they count.
const TRIES: i64 = 10;
const WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// Who signs in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    email: String,
    password: String,
}

fn wrong() -> Error {
    Error::new(
        Kind::Unauthorized,
        "The address or the password is wrong, or the account may not sign in; check both, or have whoever runs \
         the server set a new password",
    )
    .with_code("sign_in_failed")
}

/// Checks a password, outside the transaction. An address that nobody has costs as much as one that
/// somebody has. Tries count by the account and by where they come from, so that neither many passwords for
/// one account nor one password for many accounts gets far (S19).
pub(super) fn check_password(incoming: &Incoming<'_>) -> Result<Value> {
    let sign_in: SignIn = incoming.input()?;
    let address = EmailAddress::parse(&sign_in.email)?;
    incoming.api.count_failure(&incoming.request.address)?;
    incoming.api.count_try(&format!("sign_in:{}", address.key()), TRIES, WINDOW)?;
    let account = incoming.api.store.read_records(|tx| {
        let account = tx.account_known_by(address.key())?;
        match account {
            Some(account) if people::may_sign_in(tx, &account)? => Ok(Some(account)),
            _ => Ok(None),
        }
    })?;
    // A hash that no password has, so that there is always one to check.
    const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5c3NhbHQ$\
                           AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let hash = account.as_ref().and_then(|account| account.password.as_deref()).unwrap_or(NOBODYS);
    let parsed = PasswordHash::new(hash).map_err(|e| Error::internal(e.to_string()))?;
    let right = Argon2::default().verify_password(sign_in.password.as_bytes(), &parsed).is_ok();
    match account {
        Some(account) if right => {
            incoming.api.store.forget_tries(&format!("sign_in:{}", address.key()))?;
            Ok(json!(account.id.as_str()))
        }
        _ => Err(wrong()),
    }
}

pub(super) fn sign_in(call: &mut Call<'_, '_>) -> Result<Reply> {
    let id = call.prepared.as_str().and_then(Id::parse).ok_or_else(wrong)?;
    let now = call.cause.now;
    let tried = failures_from(&call.request.address);
    call.tx.forget_latest_try(&tried)?;
    let times = (now, Some(now + SESSION));
    let (session, secret) =
        call.tx.create_credential(CredentialKind::Session, Some(&id), None, times)?;
    glass::signed_in(call, &id, &session)?;
    Ok(Reply::created(&view(&session, Some(secret)))?.once("token"))
}

pub(super) fn sign_out(call: &mut Call<'_, '_>) -> Result<Reply> {
    if let Person::Account(_, credential) = call.incoming.person {
        let now = call.cause.now;
        call.tx.revoke_credential(&credential.id, now)?;
    }
    Ok(Reply::nothing())
}
