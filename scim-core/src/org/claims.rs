//! Claimed domains, and the single sign-on settings that follow from them.

use serde_json::json;

use super::linking::target;
use super::people::new_id;
use super::{
    Cause, ClaimedDomain, DomainName, DomainState, Effective, EmailAddress, Finding, Organization,
    Records, Refusal, Route, SsoSettings, Step, people,
};
use crate::error::{Error, Result};
use crate::resource::{Id, instant};
use crate::store::Tenant;

/// Claims of one organization.
const MOST: usize = 1_000;

/// Claims a domain; `token` is what its TXT record has to say, at least 128 random bits.
///
/// # Errors
/// [`Refusal::DomainNotClaimable`], [`Refusal::DomainAlreadyClaimed`],
/// [`Refusal::DomainClaimedElsewhere`], [`Refusal::DomainClaimedByLinkedOrganization`],
/// [`Refusal::OrganizationLinked`]
pub fn claim<R: Records>(
    tx: &mut R,
    organization: &Organization,
    name: &str,
    token: String,
    cause: &Cause<'_>,
) -> Result<ClaimedDomain> {
    organization.require_unlinked("claiming domains")?;
    let name = DomainName::parse(name)?;
    name.check_claimable()?;
    let org = &organization.id;
    let own = tx.domains(org)?;
    if own.iter().any(|domain| domain.name == name) {
        return Err(Refusal::DomainAlreadyClaimed
            .because(format!("The organization claims {name} already; verify that claim")));
    }
    if own.len() >= MOST {
        return Err(Refusal::DomainLimit
            .because(format!("An organization may claim {MOST} domains; withdraw some first")));
    }
    if let Some(holder) = holder(tx, &name)? {
        return Err(taken(tx, organization, &holder)?);
    }
    let id = new_id("dom", cause)?;
    let domain = ClaimedDomain::new(org.clone(), id, name, token, cause.now);
    tx.put_domain(&domain)?;
    tell(tx, &domain, "domain.claim_added", cause)?;
    Ok(domain)
}

/// The claim that counts for a domain, of whatever organization, hidden or not.
///
/// # Errors
/// From the storage.
pub fn holder<R: Records>(tx: &mut R, name: &DomainName) -> Result<Option<ClaimedDomain>> {
    Ok(tx.claims_on(name)?.into_iter().find(ClaimedDomain::holds))
}

fn taken<R: Records>(tx: &mut R, me: &Organization, holder: &ClaimedDomain) -> Result<Error> {
    let linked_to_me = tx
        .organization(&holder.org)?
        .filter(|o| o.link.as_ref().is_some_and(|link| link.admin == me.id));
    Ok(match linked_to_me {
        Some(linked) => Refusal::DomainClaimedByLinkedOrganization.because(format!(
            "The linked organization \"{}\" claims {}; transfer it from there",
            linked.name, holder.name
        )),
        // Whose it is, is not for others to know.
        None => Refusal::DomainClaimedElsewhere.because(format!(
            "Another organization has verified {}; it has to withdraw its claim first",
            holder.name
        )),
    })
}

fn tell<R: Records>(
    tx: &mut R,
    domain: &ClaimedDomain,
    event: &str,
    cause: &Cause<'_>,
) -> Result<()> {
    let (name, state) = (domain.name.as_str(), domain.state.to_string());
    let detail = match (domain.state, domain.missing) {
        (DomainState::Grace, Some(since)) => {
            let until = instant(since + ClaimedDomain::GRACE);
            json!({"domain": name, "state": state, "unverified_at": until})
        }
        _ => json!({"domain": name, "state": state}),
    };
    cause.tell(tx, &domain.org, event, &domain.id, detail)
}

/// A claim of an organization.
///
/// # Errors
/// [`crate::Kind::NotFound`]
pub fn find<R: Records>(tx: &mut R, org: &Tenant, id: &Id) -> Result<ClaimedDomain> {
    let found = tx.domains(org)?.into_iter().find(|domain| domain.id == *id);
    found.ok_or_else(|| {
        Error::not_found(
            "The organization has no such claimed domain; its list of domains has their ids",
        )
        .with_code("not_found")
    })
}

/// Takes what DNS said of a claim. `asked` says that somebody asked for it, rather than the clock: then
/// a record that isn't there yet is told too.
///
/// # Errors
/// From the storage.
pub fn check<R: Records>(
    tx: &mut R,
    mut domain: ClaimedDomain,
    finding: Finding,
    asked: bool,
    cause: &Cause<'_>,
) -> Result<(ClaimedDomain, Step)> {
    let held = holder(tx, &domain.name)?.is_some_and(|holder| holder.id != domain.id);
    let before = domain.clone();
    let step = domain.check(finding, held, cause.now);
    if domain != before {
        tx.put_domain(&domain)?;
    }
    let event = match step {
        Step::Same if asked && !domain.holds() => Some("domain.verification_failed"),
        Step::Same => None,
        Step::Verified | Step::Restored => Some("domain.verified"),
        Step::ConflictDetected => Some("domain.conflict_detected"),
        Step::GraceStarted => Some("domain.grace_started"),
        Step::GraceReminded => Some("domain.grace_reminded"),
        Step::Unverified => Some("domain.unverified"),
        Step::Expired => Some("domain.verification_failed"),
    };
    if let Some(event) = event {
        tell(tx, &domain, event, cause)?;
    }
    Ok((domain, step))
}

/// Gives up a claim. The domain is free at once; claimed again, it gets a new token.
///
/// # Errors
/// [`Refusal::OrganizationLinked`] for a claim that counts and is hidden: it is transferred or stays.
pub fn withdraw<R: Records>(
    tx: &mut R,
    organization: &Organization,
    domain: &ClaimedDomain,
    cause: &Cause<'_>,
) -> Result<()> {
    organization.require_unlinked("its claimed domains")?;
    tx.remove_domain(&domain.org, &domain.id)?;
    tell(tx, domain, "domain.withdrawn", cause)
}

/// Moves a claim of a linked organization to its Admin Organization: same token, same state, at once.
///
/// # Errors
/// [`Refusal::NotLinked`]
pub fn transfer<R: Records>(
    tx: &mut R,
    organization: &Organization,
    domain: &ClaimedDomain,
    cause: &Cause<'_>,
) -> Result<ClaimedDomain> {
    let admin = organization.require_link()?.admin.clone();
    let own = tx.domains(&admin)?.into_iter().find(|claim| claim.name == domain.name);
    tx.remove_domain(&domain.org, &domain.id)?;
    tell(tx, domain, "domain.transferred_out", cause)?;
    let mut moved = ClaimedDomain { org: admin.clone(), ..domain.clone() };
    if let Some(own) = own {
        // Of two claims the one that counts stays; of two that don't, the one that is moved.
        let loser = if own.holds() { &moved } else { &own };
        tell(
            tx,
            &ClaimedDomain { org: admin.clone(), ..loser.clone() },
            "domain.withdrawn",
            cause,
        )?;
        if own.holds() {
            moved = own;
        } else {
            tx.remove_domain(&admin, &own.id)?;
            tx.put_domain(&moved)?;
        }
    } else {
        tx.put_domain(&moved)?;
    }
    tell(tx, &moved, "domain.transferred_in", cause)?;
    Ok(moved)
}

/// The settings that count for an organization.
///
/// # Errors
/// From the storage.
pub fn effective<R: Records>(tx: &mut R, organization: &Organization) -> Result<Effective> {
    let source = organization.governed_by().clone();
    let settings = tx.sso(&source)?;
    let ignored_own = organization.is_linked() && tx.sso(&organization.id)?.is_some();
    Ok(Effective { source, settings, ignored_own })
}

/// Whether a domain is claimed, counts, and isn't hidden: by whom.
///
/// # Errors
/// From the storage.
pub fn authority<R: Records>(tx: &mut R, name: &DomainName) -> Result<Option<Tenant>> {
    let Some(holder) = holder(tx, name)? else { return Ok(None) };
    let visible = tx.organization(&holder.org)?.is_some_and(|o| !o.is_linked());
    Ok(visible.then_some(holder.org))
}

/// How somebody with that address signs in.
///
/// # Errors
/// From the storage.
pub fn resolve<R: Records>(tx: &mut R, email: &EmailAddress) -> Result<Route> {
    let Some(org) = authority(tx, email.domain())? else { return Ok(Route::Password) };
    let Some(settings) = tx.sso(&org)?.filter(|settings| settings.enabled) else {
        return Ok(Route::Password);
    };
    if !settings.idp_managed_access {
        let account = tx.account_known_by(email.key())?;
        let memberships = match account {
            None => Vec::new(),
            Some(account) => people::memberships_of(tx, &account.id)?,
        };
        let mut governed = false;
        for membership in memberships {
            let organization = tx.organization(&membership.org)?;
            governed |= organization.is_some_and(|o| *o.governed_by() == org);
        }
        if !governed {
            return Ok(Route::Password);
        }
    }
    Ok(Route::Sso { org, settings: Box::new(settings) })
}

/// Stores the settings of an organization.
///
/// # Errors
/// [`Refusal::OrganizationLinked`], [`Refusal::InvalidSso`], [`Refusal::InvalidCertificate`]
pub fn configure<R: Records>(
    tx: &mut R,
    organization: &Organization,
    settings: &SsoSettings,
    cause: &Cause<'_>,
) -> Result<()> {
    organization.require_unlinked("single sign-on")?;
    settings.check(cause.now)?;
    let org = &organization.id;
    let before = tx.sso(org)?;
    tx.put_sso(org, Some(settings))?;
    let flags = |s: &SsoSettings| (s.enabled, s.required, s.idp_managed_access);
    let glass = (before.as_ref().is_none_or(|s| s.break_glass), settings.break_glass);
    let (was, is) = (before.as_ref().map(flags).unwrap_or_default(), flags(settings));
    let steps = [
        (before.as_ref().map(|s| &s.provider) != Some(&settings.provider), "sso.configured"),
        (!was.0 && is.0, "sso.enabled"),
        (was.0 && !is.0, "sso.disabled"),
        (!was.1 && is.1, "sso.required"),
        (was.1 && !is.1, "sso.unrequired"),
        (!was.2 && is.2, "sso.idp_managed_access_enabled"),
        (was.2 && !is.2, "sso.idp_managed_access_disabled"),
        (glass.0 && !glass.1, "sso.break_glass_disabled"),
        (!glass.0 && glass.1, "sso.break_glass_enabled"),
    ];
    for (_, event) in steps.iter().filter(|(happened, _)| *happened) {
        let detail = match *event {
            "sso.configured" => json!({
                "before": before.as_ref().map(|s| s.provider.facts()),
                "after": settings.provider.facts(),
            }),
            _ => json!({}),
        };
        cause.tell(tx, org, event, &target(org)?, detail)?;
    }
    Ok(())
}

/// Removes the settings of an organization, for good.
///
/// # Errors
/// [`Refusal::OrganizationLinked`]; [`Refusal::SsoEnabled`]; [`crate::Kind::NotFound`].
pub fn remove_sso<R: Records>(
    tx: &mut R,
    organization: &Organization,
    cause: &Cause<'_>,
) -> Result<()> {
    organization.require_unlinked("single sign-on")?;
    let org = &organization.id;
    let settings = tx.sso(org)?.ok_or_else(|| {
        Error::not_found("The organization has no single sign-on settings; store some first")
            .with_code("not_found")
    })?;
    if settings.enabled {
        return Err(
            Refusal::SsoEnabled.because("Disable single sign-on before its settings are removed")
        );
    }
    tx.put_sso(org, None)?;
    cause.tell(tx, org, "sso.removed", &target(org)?, json!({}))
}

/// Whether the domain counts for the directory of `org`, so that it may have users there.
pub(super) fn is_own<R: Records>(tx: &mut R, org: &Tenant, name: &DomainName) -> Result<bool> {
    Ok(authority(tx, name)?.as_ref() == Some(org))
}

/// How a state is called where it is hidden: [`DomainState`] with `hidden` in front.
#[must_use]
pub fn is_hidden(organization: &Organization, domain: &ClaimedDomain) -> bool {
    organization.is_linked() && domain.state != DomainState::Expired
}
