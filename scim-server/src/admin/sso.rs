//! An organization's own single sign-on settings.

use scim_core::org::{
    ByPassword, DomainRecords as _, Oidc, Organization, Provider, Refusal, Role, Saml, SsoSettings,
    claims,
};
use scim_core::{Error, Result};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::Call;
use super::certificates::{self, CertificateView};
use super::plan;
use super::reply::Reply;

/// Single sign-on settings.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SsoView {
    /// `saml` or `oidc`.
    protocol: String,
    issuer: String,
    sign_on_url: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    certificates: Vec<CertificateView>,
    client_id: Option<String>,
    enabled: bool,
    required: bool,
    idp_managed_access: bool,
    /// Whether owners and admins may use a password in an emergency while single sign-on is required.
    break_glass: bool,
    /// Whether the organization is linked, so that these settings don't count now.
    ignored: bool,
    /// What the identity provider needs to know of this organization.
    service_provider: ServiceProviderView,
}

/// This organization as a service provider: each has its own.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServiceProviderView {
    /// SAML: the entity id.
    entity_id: String,
    /// SAML: the assertion consumer service.
    acs_url: String,
    /// OpenID Connect: the redirect URI.
    redirect_uri: String,
}

/// Single sign-on settings to store.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SsoChange {
    /// `saml` or `oidc`.
    protocol: String,
    issuer: String,
    /// SAML: where people sign in.
    sign_on_url: Option<String>,
    /// SAML: one signing certificate, PEM, or two while they are exchanged.
    #[serde(default)]
    certificates: Vec<String>,
    /// OpenID Connect.
    client_id: Option<String>,
    /// OpenID Connect; left out, the stored one stays.
    client_secret: Option<String>,
    #[serde(default)]
    enabled: bool,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    idp_managed_access: bool,
    /// Whether owners and admins may use a password in an emergency while single sign-on is required; `true`
    /// by default. `false`, required too, takes the plan of a dry run.
    #[serde(default = "yes")]
    break_glass: bool,
}

const fn yes() -> bool {
    true
}

/// Settings, for those who may not see all of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SsoSummary {
    protocol: String,
    issuer: String,
    enabled: bool,
    required: bool,
    idp_managed_access: bool,
    break_glass: bool,
}

fn view(call: &Call<'_, '_>, o: &Organization, s: &SsoSettings) -> SsoView {
    let at = format!("{}/sso/{}", call.request.base_url, o.id);
    let summary = summary(s);
    let (sign_on_url, certificates, client_id) = match &s.provider {
        Provider::Saml(saml) => {
            let certificates =
                saml.certificates.iter().map(|c| certificates::view(c, call.cause.now)).collect();
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

pub(super) fn summary(s: &SsoSettings) -> SsoSummary {
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
                    .map(|c| certificates::parse(c))
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
