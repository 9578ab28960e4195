//! Single sign-on settings.

use jiff::{SignedDuration, Timestamp};
use scim_core::org::{
    ByPassword, Certificate, Oidc, Organization, Provider, Records as _, Refusal, Role, Route,
    Saml, SsoSettings, claims, people,
};
use scim_core::store::Tenant;
use scim_core::{Error, Result};
use sha2::{Digest as _, Sha256};
use x509_parser::pem::Pem;

use super::call::{Call, Reply, time};
use super::endpoint::bad;
use super::members::email;
use super::person::Person;
use super::plan;
use super::views::{
    CertificateView, EffectiveSsoView, ServiceProviderView, SsoChange, SsoRouteView, SsoSummary,
    SsoView,
};

/// From when on a certificate is told to be expiring.
const WARNING: SignedDuration = SignedDuration::from_hours(60 * 24);

fn view(call: &Call<'_, '_>, o: &Organization, s: &SsoSettings) -> SsoView {
    let at = format!("{}/sso/{}", call.request.base_url, o.id);
    let summary = summary(s);
    let (sign_on_url, certificates, client_id) = match &s.provider {
        Provider::Saml(saml) => {
            let certificates =
                saml.certificates.iter().map(|c| certificate_view(c, call.cause.now)).collect();
            (Some(saml.sign_on_url.clone()), certificates, None)
        }
        Provider::Oidc(oidc) => (None, Vec::new(), Some(oidc.client_id.clone())),
    };
    SsoView {
        protocol: summary.protocol,
        issuer: summary.issuer,
        sign_on_url,
        certificates,
        client_id,
        enabled: s.enabled,
        required: s.required,
        idp_managed_access: s.idp_managed_access,
        break_glass: s.break_glass,
        ignored: o.is_linked(),
        service_provider: ServiceProviderView {
            acs_url: format!("{at}/acs"),
            redirect_uri: format!("{at}/callback"),
            entity_id: at,
        },
    }
}

fn summary(s: &SsoSettings) -> SsoSummary {
    let (protocol, issuer) = match &s.provider {
        Provider::Saml(saml) => ("saml", &saml.issuer),
        Provider::Oidc(oidc) => ("oidc", &oidc.issuer),
    };
    SsoSummary {
        protocol: protocol.to_owned(),
        issuer: issuer.clone(),
        enabled: s.enabled,
        required: s.required,
        idp_managed_access: s.idp_managed_access,
        break_glass: s.break_glass,
    }
}

fn certificate_view(c: &Certificate, now: Timestamp) -> CertificateView {
    let state = if now >= c.not_after {
        "expired"
    } else if now + WARNING >= c.not_after {
        "expiring"
    } else {
        "valid"
    };
    CertificateView {
        subject: c.subject.clone(),
        not_before: time(c.not_before),
        not_after: time(c.not_after),
        fingerprint: c.fingerprint.clone(),
        state: state.to_owned(),
        pem: c.pem.clone(),
    }
}

/// Reads a certificate, PEM.
fn certificate(text: &str) -> Result<Certificate> {
    let wrong = |why: &str| {
        Refusal::InvalidCertificate.because(format!(
            "{why}; paste the identity provider's signing certificate, from -----BEGIN CERTIFICATE----- to \
             -----END CERTIFICATE-----"
        ))
    };
    let mut pems = Pem::iter_from_buffer(text.as_bytes());
    let pem = pems.next().and_then(std::result::Result::ok);
    let pem = pem.filter(|pem| pem.label == "CERTIFICATE");
    let pem = pem.ok_or_else(|| wrong("That is no certificate in PEM format"))?;
    if pems.next().is_some() {
        return Err(wrong("That is more than one certificate"));
    }
    let x509 = pem.parse_x509().map_err(|_| wrong("The certificate can't be read"))?;
    let at = |seconds: i64| {
        Timestamp::from_second(seconds).map_err(|_| wrong("The certificate's dates can't be read"))
    };
    let validity = x509.validity();
    let digest = Sha256::digest(&pem.contents);
    Ok(Certificate {
        pem: text.trim().to_owned(),
        subject: x509.subject().to_string(),
        not_before: at(validity.not_before.timestamp())?,
        not_after: at(validity.not_after.timestamp())?,
        fingerprint: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
    })
}

fn none() -> Error {
    Error::not_found("The organization has no single sign-on settings; store some first")
        .with_code("not_found")
}

pub(super) fn get(call: &mut Call<'_, '_>) -> Result<Reply> {
    let organization = call.organization()?;
    let settings = call.tx.sso(&organization.id)?.ok_or_else(none)?;
    Reply::ok(&view(call, &organization, &settings))
}

pub(super) fn put(call: &mut Call<'_, '_>) -> Result<Reply> {
    let change: SsoChange = call.input()?;
    let organization = call.organization()?;
    organization.require_unlinked("single sign-on")?;
    let missing = |name: &str| {
        Refusal::InvalidSso.because(format!("{name} is needed; copy it from the identity provider"))
    };
    let foreign = |name: &str| {
        Err(Refusal::InvalidSso
            .because(format!("{name} has no place in {} settings; leave it out", change.protocol)))
    };
    let provider = match change.protocol.as_str() {
        "saml" => {
            if change.client_id.is_some() || change.client_secret.is_some() {
                return foreign("client_id or client_secret");
            }
            Provider::Saml(Saml {
                issuer: change.issuer.clone(),
                sign_on_url: change.sign_on_url.clone().ok_or_else(|| missing("sign_on_url"))?,
                certificates: change
                    .certificates
                    .iter()
                    .map(|c| certificate(c))
                    .collect::<Result<_>>()?,
            })
        }
        "oidc" => {
            if change.sign_on_url.is_some() || !change.certificates.is_empty() {
                return foreign("sign_on_url or certificates");
            }
            let kept = match call.tx.sso(&organization.id)?.map(|s| s.provider) {
                Some(Provider::Oidc(oidc)) => Some(oidc.client_secret),
                _ => None,
            };
            let given = match change.client_secret.as_deref() {
                Some("") => return Err(missing("client_secret")),
                Some(secret) => Some(call.api.seal.close(secret)?),
                None => None,
            };
            Provider::Oidc(Oidc {
                issuer: change.issuer.clone(),
                client_id: change.client_id.clone().ok_or_else(|| missing("client_id"))?,
                client_secret: given.or(kept).ok_or_else(|| missing("client_secret"))?,
            })
        }
        _ => return Err(Refusal::InvalidSso.because("protocol must be saml or oidc")),
    };
    let settings = SsoSettings {
        provider,
        enabled: change.enabled,
        required: change.required,
        idp_managed_access: change.idp_managed_access,
        break_glass: change.break_glass,
    };
    // What may lock the owners out isn't done without having looked whom.
    let strict = |s: &SsoSettings| s.by_password(Role::Owner) == ByPassword::IsRefused;
    if strict(&settings) && !call.tx.sso(&organization.id)?.as_ref().is_some_and(strict) {
        plan::require(&call.incoming)?;
    }
    call.watch_sign_ins(&organization)?;
    claims::configure(call.tx, &organization, &settings, call.incoming.cause)?;
    Reply::ok(&view(call, &organization, &settings))
}

pub(super) fn delete(call: &mut Call<'_, '_>) -> Result<Reply> {
    let organization = call.organization()?;
    claims::remove_sso(call.tx, &organization, call.incoming.cause)?;
    Ok(Reply::nothing())
}

pub(super) fn effective(call: &mut Call<'_, '_>) -> Result<Reply> {
    let organization = call.organization()?;
    let effective = claims::effective(call.tx, &organization)?;
    Reply::ok(&EffectiveSsoView {
        source_organization: effective.source.as_str().to_owned(),
        ignored_own: effective.ignored_own,
        sso: effective.settings.as_ref().map(summary),
    })
}

pub(super) fn resolve(call: &mut Call<'_, '_>) -> Result<Reply> {
    let address = call.filter("email").ok_or_else(|| {
        bad("invalid_parameter", "Say whose sign-in: ?email=ann@example.com".into())
    })?;
    let Route::Sso { org, settings } = claims::resolve(call.tx, &email(address)?)? else {
        return Reply::ok(&SsoRouteView { method: "password".into(), ..SsoRouteView::default() });
    };
    let (protocol, start) = match &settings.provider {
        Provider::Saml(saml) => ("saml", &saml.sign_on_url),
        Provider::Oidc(oidc) => ("oidc", &oidc.issuer),
    };
    // Whose settings they are is not for everybody who has an address.
    let whole = knows_settings(call, &org)?;
    Reply::ok(&SsoRouteView {
        method: "sso".into(),
        protocol: Some(protocol.to_owned()),
        start_url: Some(start.clone()),
        organization: whole.then(|| org.as_str().to_owned()),
        sso: whole.then(|| summary(&settings)),
    })
}

/// Whether the caller may know whose settings these are: the operator, and members of an organization for
/// which they count, who read them there too (Admin Organizations are not for their plain members to see).
fn knows_settings(call: &mut Call<'_, '_>, org: &Tenant) -> Result<bool> {
    let Some(account) = call.person.account().cloned() else {
        return Ok(*call.person == Person::Operator);
    };
    for membership in people::memberships_of(call.tx, &account)? {
        let Some(organization) = call.tx.organization(&membership.org)? else { continue };
        let sees = !organization.is_admin() || membership.role > Role::Member;
        if membership.is_active() && sees && organization.governed_by() == org {
            return Ok(true);
        }
    }
    Ok(false)
}
