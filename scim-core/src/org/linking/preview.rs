//! What linking would do, before it is done.

use std::collections::BTreeSet;

use super::MEMBERS_AT_A_TIME;
use super::codes::good_code;
use super::names::require_free_name;
use crate::error::Result;
use crate::org::people::{self, accounts_below};
use crate::org::{
    ByPassword, Cause, ClaimedDomain, DomainName, EmailAddress, Organization, Records, Role,
    ScimName,
};
use crate::resource::Id;
use crate::store::Tenant;

/// What linking would do, before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The Admin Organization.
    pub admin: Organization,
    /// The domains that it has verified.
    pub domains: Vec<String>,
    /// Whether its single sign-on is enabled, and whether it is required.
    pub sso: (bool, bool),
    /// Members of the organization whose addresses are in none of those domains.
    pub members_outside: u64,
    /// Claims of the organization that would be hidden.
    pub hidden_domains: Vec<String>,
    /// What the SCIM Name that was asked for would find.
    pub scim_name: Option<NameMatch>,
    /// What to mind.
    pub warnings: Vec<&'static str>,
}

/// What a SCIM Name would find. Whose group it is, and what other groups there are, is for the Admin
/// Organization to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameMatch {
    /// Whether a group has that name.
    pub matches: bool,
    /// How many people are in it, and in the groups in it.
    pub people: u64,
}

/// What linking an organization with a code would do.
///
/// # Errors
/// As [`link`](super::link).
pub fn preview<R: Records>(
    tx: &mut R,
    organization: &Organization,
    digest: &str,
    scim_name: Option<&ScimName>,
    cause: &Cause<'_>,
) -> Result<Preview> {
    let (_, admin) = good_code(tx, organization, digest, cause)?;
    let scim_name = match scim_name {
        None => None,
        Some(name) => Some(name_match(tx, &admin.id, name)?),
    };
    let verified: BTreeSet<DomainName> = tx
        .domains(&admin.id)?
        .into_iter()
        .filter(ClaimedDomain::holds)
        .map(|domain| domain.name)
        .collect();
    let settings = tx.sso(&admin.id)?;
    let hidden: Vec<_> = tx.domains(&organization.id)?;
    let mut members_outside = 0;
    let mut after = None;
    loop {
        let (page, next) = people::members(tx, organization, after, MEMBERS_AT_A_TIME)?;
        for member in page {
            let email = tx.account(&member.account)?.and_then(|account| account.email);
            let email = email.as_deref().and_then(|email| EmailAddress::parse(email).ok());
            if email.is_none_or(|email| !verified.contains(email.domain())) {
                members_outside += 1;
            }
        }
        match next {
            None => break,
            next => after = next,
        }
    }
    let warnings = warnings(tx, &organization.id, &admin.id)?;
    Ok(Preview {
        domains: verified.iter().map(DomainName::to_string).collect(),
        sso: settings.map_or((false, false), |s| (s.enabled, s.required)),
        members_outside,
        hidden_domains: hidden.into_iter().map(|domain| domain.name.to_string()).collect(),
        scim_name,
        warnings,
        admin,
    })
}

/// What a linked organization with that SCIM Name would find.
fn name_match<R: Records>(tx: &mut R, admin: &Tenant, name: &ScimName) -> Result<NameMatch> {
    require_free_name(tx, admin, name)?;
    tx.within(admin, |tx| {
        let Some(group) = tx.group_named(name.key())? else {
            return Ok(NameMatch { matches: false, people: 0 });
        };
        let people: BTreeSet<Id> =
            accounts_below(tx, &group)?.into_iter().map(|binding| binding.account).collect();
        Ok(NameMatch { matches: true, people: people.len() as u64 })
    })
}

/// What to mind about an organization that is, or is to be, linked to an Admin Organization.
///
/// # Errors
/// From the storage.
pub fn warnings<R: Records>(
    tx: &mut R,
    organization: &Tenant,
    admin: &Tenant,
) -> Result<Vec<&'static str>> {
    let settings = tx.sso(admin)?;
    let without_sso = settings.as_ref().is_none_or(|settings| !settings.enabled);
    let no_glass = settings.is_some_and(|s| s.by_password(Role::Owner) == ByPassword::IsRefused);
    let own_sso = tx.sso(organization)?.is_some();
    let own_domains = !tx.domains(organization)?.is_empty();
    let own_directory = !tx.within(organization, |tx| tx.bindings_after(None, 1))?.is_empty();
    let all = [
        (without_sso, "sso_not_configured"),
        (no_glass, "break_glass_disabled"),
        (own_sso, "own_sso_ignored"),
        (own_domains, "own_domains_hidden"),
        (own_directory, "own_directory_dormant"),
    ];
    Ok(all.into_iter().filter(|(holds, _)| *holds).map(|(_, warning)| warning).collect())
}
