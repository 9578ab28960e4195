//! Passwords where single sign-on is required: nobody's, or those of owners and admins in an emergency
//! (break-glass), each use of which the log tells of.

use scim_core::org::{
    ByPassword, Organization, OrganizationRecords as _, Role, claims, linking, people,
};
use scim_core::resource::Id;
use scim_core::{Error, Kind, Result};
use serde_json::{Value, json};

use super::call::{Call, Incoming};
use super::person::Person;
use crate::store::{Credential, DieselTransaction};

const USED: &str = "session.break_glass_used";

/// What a password does for a member of that role.
fn by_password(
    tx: &mut DieselTransaction<'_>,
    organization: &Organization,
    role: Role,
) -> Result<ByPassword> {
    let settings = claims::effective(tx, organization)?.settings;
    Ok(settings.map_or(ByPassword::LetsIn, |settings| settings.by_password(role)))
}

/// # Errors
/// 403 `sso_required` for sessions by password, and for tokens that were made in one, where a password lets
/// nobody of that role in.
pub(super) fn admit(
    call: &mut Call<'_, '_>,
    organization: &Organization,
    role: Role,
) -> Result<()> {
    if by_password(call.tx, organization, role)? != ByPassword::IsRefused {
        return Ok(());
    }
    let whom = if role == Role::Member { "members" } else { "anybody" };
    let detail = format!(
        "A password, or a token made with one, doesn't let {whom} in here: the organization requires single \
         sign-on; sign in by its identity provider"
    );
    Err(Error::new(Kind::Forbidden, detail).with_code("sso_required"))
}

/// Tells of whoever enters an organization by a password in spite of required single sign-on, before anything
/// else is done: once for each session and token.
pub(super) fn note(incoming: &Incoming<'_>) -> Result<()> {
    let Person::Account(account, credential) = incoming.person else { return Ok(()) };
    if !incoming.params.contains_key("org") {
        return Ok(());
    }
    let org = incoming.org_id();
    let untold = |tx: &mut DieselTransaction<'_>| {
        let Some(organization) = tx.organization(&org)? else { return Ok(false) };
        let member = people::membership(tx, &org, account)?.filter(people::Membership::is_active);
        let Some(member) = member else { return Ok(false) };
        Ok(by_password(tx, &organization, member.role)? == ByPassword::BreaksGlass
            && !tx.has_told(&org, USED, account, &detail(account, credential))?)
    };
    if !incoming.api.store.read_records(untold)? {
        return Ok(());
    }
    incoming.api.store.write_records(|tx| {
        if untold(tx)? {
            incoming.cause.tell(tx, &org, USED, account, detail(account, credential))?;
        }
        Ok(())
    })
}

/// Tells of a sign-in by password wherever it breaks the glass.
pub(super) fn signed_in(call: &mut Call<'_, '_>, account: &Id, session: &Credential) -> Result<()> {
    let detail = detail(account, session);
    for membership in people::memberships_of(call.tx, account)? {
        let organization = linking::organization(call.tx, &membership.org)?;
        if membership.is_active()
            && by_password(call.tx, &organization, membership.role)? == ByPassword::BreaksGlass
        {
            let cause = call.incoming.cause;
            cause.tell(call.tx, &organization.id, USED, account, detail.clone())?;
        }
    }
    Ok(())
}

fn detail(account: &Id, credential: &Credential) -> Value {
    json!({"account": account.as_str(), "credential": credential.id})
}
