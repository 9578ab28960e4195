//! Accounts and their passwords.

use scim_core::org::{
    Account, EmailAddress, OrganizationRecords as _, PersonRecords as _, Refusal, Role, people,
    plain_name,
};
use scim_core::{Error, Kind, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::call::{Call, Incoming, last_of, not_found};
use super::members::state;
use super::reply::{Reply, time};

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AccountView {
    id: String,
    email: Option<String>,
    name: Option<String>,
    has_password: bool,
    created: String,
    /// The organizations that the person is a member of.
    memberships: Vec<AccountMembershipView>,
}

/// A person's membership of an organization, in short.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AccountMembershipView {
    organization: String,
    organization_name: String,
    role: String,
    /// `active` or `suspended`.
    state: String,
}

/// A person to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccount {
    email: String,
    name: Option<String>,
    /// At least 12 characters.
    #[expect(dead_code, reason = "hashed before the transaction, out of the body")]
    password: Option<String>,
}

/// A new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    /// At least 12 characters.
    #[expect(dead_code, reason = "hashed before the transaction, out of the body")]
    password: String,
}

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
            state: state(&membership).to_owned(),
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
    let address = EmailAddress::parse(&new.email)?;
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
        let address = EmailAddress::parse(asked)?;
        let found = call.tx.account_known_by(address.key())?;
        let views = found.iter().map(|a| view(call, a)).collect::<Result<Vec<_>>>()?;
        return Reply::list(&views);
    }
    let (limit, after) = (call.limit()?, call.cursor::<String>()?);
    let found = call.tx.accounts_after(after.as_deref(), limit)?;
    let next = last_of(&found, limit, |account| account.id.as_str());
    let views = found.iter().map(|a| view(call, a)).collect::<Result<Vec<_>>>()?;
    call.page(&views, next)
}

/// The account in the path: `me` is the caller's.
pub(super) fn account(call: &mut Call<'_, '_>) -> Result<Account> {
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
    let (id, cause) = (account.id.clone(), call.incoming.cause);
    call.tx.end_sessions(&id, cause.now)?;
    call.tx.put_account(&Account { password, ..account })?;
    // Whoever sets it gets in: the organizations where that counts know of it.
    for membership in people::memberships_of(call.tx, &id)? {
        cause.tell(call.tx, &membership.org, "account.password_set", &id, json!({}))?;
    }
    Ok(Reply::nothing())
}
