//! Accounts, sessions and personal tokens.

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier as _;
use argon2::password_hash::phc::PasswordHash;
use jiff::SignedDuration;
use scim_core::org::{Account, Records as _, Refusal, Role, people, plain_name};
use scim_core::resource::Id;
use scim_core::{Error, Kind, Result};
use serde_json::{Value, json};

use super::call::{Call, Incoming, Reply, not_found, time};
use super::endpoint::bad;
use super::glass;
use super::members::email;
use super::person::failures_from;
use super::views::{
    AccountMembershipView, AccountView, CredentialView, NewAccount, NewPassword, NewPersonalToken,
    SignIn,
};
use crate::store::{Credential, CredentialKind};

/// How long a session lives.
const SESSION: SignedDuration = SignedDuration::from_hours(12);
/// Personal tokens of one person at the same time.
const MOST_TOKENS: usize = 50;
/// Failed sign-ins of one address, and the time in which they count.
const TRIES: i64 = 10;
const WINDOW: SignedDuration = SignedDuration::from_mins(10);

pub(super) fn view(call: &mut Call<'_, '_>, account: &Account) -> Result<AccountView> {
    let mut memberships = Vec::new();
    for membership in people::memberships_of(call.tx, &account.id)? {
        let Some(organization) = call.tx.organization(&membership.org)? else { continue };
        // Admin Organizations are not for their plain members to see.
        let plain = organization.is_admin() && membership.role == Role::Member;
        if plain && call.person.account() == Some(&account.id) {
            continue;
        }
        memberships.push(AccountMembershipView {
            organization: organization.id.as_str().to_owned(),
            organization_name: organization.name,
            role: membership.role.to_string(),
            state: if membership.is_active() { "active" } else { "suspended" }.to_owned(),
        });
    }
    Ok(AccountView {
        id: account.id.as_str().to_owned(),
        email: account.email.clone(),
        name: account.name.clone(),
        has_password: account.password.is_some(),
        created: time(account.created),
        memberships,
    })
}

/// Hashes the password of a request, outside the transaction.
pub(super) fn hash_password(incoming: &Incoming<'_>) -> Result<Value> {
    let Some(password) = incoming.body.get("password").and_then(Value::as_str) else {
        return Ok(Value::Null);
    };
    if !(12..=1_024).contains(&password.chars().count()) {
        let detail = "A password must have 12 to 1024 characters";
        return Err(Error::new(Kind::Unprocessable, detail).with_code("invalid_password"));
    }
    Ok(json!(incoming.api.env.passwords.hash(password)?))
}

pub(super) fn create(call: &mut Call<'_, '_>) -> Result<Reply> {
    let new: NewAccount = call.input()?;
    let address = email(&new.email)?;
    if call.tx.account_known_by(address.key())?.is_some() {
        let detail = format!(
            "There is an account with this address already; to give it a password: scim-server account \
             set-password {}, or PUT /api/v1/accounts/{{id}}/password",
            address.as_str()
        );
        return Err(Refusal::EmailTaken.because(detail));
    }
    let name = new.name.as_deref().map(|name| plain_name("a person", name)).transpose()?;
    let account = people::account_for(call.tx, &address, call.incoming.cause)?;
    let password = call.prepared.as_str().map(str::to_owned);
    let account = Account { name, password, ..account };
    call.tx.put_account(&account)?;
    Reply::created(&view(call, &account)?)
}

pub(super) fn list(call: &mut Call<'_, '_>) -> Result<Reply> {
    if let Some(asked) = call.filter("email") {
        let address = email(asked)?;
        let found = call.tx.account_known_by(address.key())?;
        let views = found.iter().map(|a| view(call, a)).collect::<Result<Vec<_>>>()?;
        return Reply::list(&views);
    }
    let (limit, after) = (call.limit()?, call.cursor::<String>()?);
    let found = call.tx.accounts_after(after.as_deref(), limit)?;
    let next =
        (found.len() == limit).then(|| found.last().map(|a| a.id.as_str().to_owned())).flatten();
    let views = found.iter().map(|a| view(call, a)).collect::<Result<Vec<_>>>()?;
    call.page(&views, next)
}

/// The account in the path: `me` is the caller's.
fn account(call: &mut Call<'_, '_>) -> Result<Account> {
    let id = match (call.param("account"), call.person.account()) {
        ("me", Some(id)) => id.clone(),
        (_, Some(id)) if call.id("account")? == *id => id.clone(),
        (_, Some(_)) => return Err(not_found()),
        (_, None) => call.id("account")?,
    };
    call.tx.account(&id)?.ok_or_else(not_found)
}

pub(super) fn get(call: &mut Call<'_, '_>) -> Result<Reply> {
    let account = account(call)?;
    Reply::ok(&view(call, &account)?)
}

pub(super) fn set_password(call: &mut Call<'_, '_>) -> Result<Reply> {
    let _: NewPassword = call.input()?;
    let account = account(call)?;
    let password = call.prepared.as_str().map(str::to_owned);
    call.tx.end_sessions(&account.id, call.incoming.cause.now)?;
    call.tx.put_account(&Account { password, ..account })?;
    Ok(Reply::nothing())
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
    let address = email(&sign_in.email)?;
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

fn credential_view(credential: &Credential, secret: Option<String>) -> CredentialView {
    CredentialView {
        id: credential.id.clone(),
        token: secret,
        ends_in: credential.hint.clone(),
        note: credential.note.clone(),
        created: time(credential.created),
        expires: credential.expires.map(time),
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
    Ok(Reply::created(&credential_view(&session, Some(secret)))?.once("token"))
}

pub(super) fn sign_out(call: &mut Call<'_, '_>) -> Result<Reply> {
    if let super::Person::Account(_, credential) = call.incoming.person {
        let now = call.cause.now;
        call.tx.revoke_credential(&credential.id, now)?;
    }
    Ok(Reply::nothing())
}

pub(super) fn create_token(call: &mut Call<'_, '_>) -> Result<Reply> {
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
    Ok(Reply::created(&credential_view(&token, Some(secret)))?.once("token"))
}

pub(super) fn list_tokens(call: &mut Call<'_, '_>) -> Result<Reply> {
    let account = account(call)?;
    let now = call.cause.now;
    let tokens = call.tx.credentials(CredentialKind::Personal, Some(&account.id), now)?;
    let views: Vec<_> = tokens.iter().map(|token| credential_view(token, None)).collect();
    call.page_of(&views)
}

pub(super) fn revoke_token(call: &mut Call<'_, '_>) -> Result<Reply> {
    let account = account(call)?;
    let now = call.cause.now;
    let tokens = call.tx.credentials(CredentialKind::Personal, Some(&account.id), now)?;
    let token = tokens.iter().find(|token| token.id == call.param("token"));
    let id = token.ok_or_else(not_found)?.id.clone();
    call.tx.revoke_credential(&id, now)?;
    Ok(Reply::nothing())
}
