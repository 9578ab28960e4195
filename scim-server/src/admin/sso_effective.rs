//! Whose single sign-on settings count: for an organization, and for an address.

use scim_core::Result;
use scim_core::org::{
    EmailAddress, OrganizationRecords as _, Provider, Role, Route, claims, people,
};
use scim_core::store::Tenant;
use serde::Serialize;
use utoipa::ToSchema;

use super::call::Call;
use super::endpoint::bad;
use super::person::Person;
use super::reply::Reply;
use super::sso::{SsoSummary, summary};

/// The settings that count for an organization.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EffectiveSsoView {
    /// Whose they are.
    source_organization: String,
    /// Whether the organization has settings of its own that don't count now.
    ignored_own: bool,
    /// The settings; null if there are none.
    sso: Option<SsoSummary>,
}

/// How somebody signs in.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct SsoRouteView {
    /// `sso` or `password`.
    method: String,
    /// `saml` or `oidc`.
    protocol: Option<String>,
    /// Where to start: the sign-on URL (SAML), or the issuer (OpenID Connect).
    start_url: Option<String>,
    /// The organization whose identity provider it is; for the operator, and for members of an
    /// organization that it counts for.
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<String>,
    /// For the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    sso: Option<SsoSummary>,
}

pub(super) fn get(call: &mut Call<'_, '_>) -> Result<Reply> {
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
    let Route::Sso { org, settings } = claims::resolve(call.tx, &EmailAddress::parse(address)?)?
    else {
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
