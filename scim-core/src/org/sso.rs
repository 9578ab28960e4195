//! [`SsoSettings`]: how people of an organization sign in.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Refusal, Role};
use crate::error::Result;
use crate::store::Tenant;

/// The single sign-on settings of an organization. Kept as they are while it is linked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SsoSettings {
    /// The identity provider.
    pub provider: Provider,
    /// Whether people may sign in with it.
    pub enabled: bool,
    /// Whether they must.
    pub required: bool,
    /// Whether everybody with an address in a claimed domain is sent to it, member or not.
    pub idp_managed_access: bool,
    /// Whether owners and admins may use a password in an emergency while single sign-on is required.
    #[serde(default = "yes")]
    pub break_glass: bool,
}

/// What is stored without saying it allows it.
const fn yes() -> bool {
    true
}

/// What a password does for a member of an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByPassword {
    /// It lets the member in: single sign-on is not required.
    LetsIn,
    /// It lets the member in, in an emergency; the log tells of each use.
    BreaksGlass,
    /// It doesn't let the member in.
    IsRefused,
}

/// An identity provider, by its protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "protocol", rename_all = "lowercase")]
pub enum Provider {
    /// SAML 2.0.
    Saml(Saml),
    /// OpenID Connect.
    Oidc(Oidc),
}

/// A SAML 2.0 identity provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saml {
    /// Its entity id.
    pub issuer: String,
    /// Where people are sent to sign in.
    pub sign_on_url: String,
    /// What its assertions are signed with: one, or two while they are exchanged.
    pub certificates: Vec<Certificate>,
}

/// An X.509 certificate, and what was read out of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The certificate, PEM.
    pub pem: String,
    /// Whose it is.
    pub subject: String,
    /// From when on it is good.
    pub not_before: Timestamp,
    /// Until when it is good.
    pub not_after: Timestamp,
    /// The SHA-256 of it, in hex.
    pub fingerprint: String,
}

/// An OpenID Connect provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oidc {
    /// Its issuer, an https URL.
    pub issuer: String,
    /// The client id that it gave.
    pub client_id: String,
    /// The client secret that it gave, encrypted by the host application.
    pub client_secret: String,
}

impl Provider {
    /// What the log says of it: nothing secret, and a certificate by its fingerprint.
    #[must_use]
    pub fn facts(&self) -> Value {
        match self {
            Self::Saml(saml) => {
                let fingerprints: Vec<_> =
                    saml.certificates.iter().map(|c| c.fingerprint.as_str()).collect();
                json!({"protocol": "saml", "issuer": saml.issuer, "sign_on_url": saml.sign_on_url,
                    "fingerprints": fingerprints})
            }
            Self::Oidc(oidc) => {
                json!({"protocol": "oidc", "issuer": oidc.issuer, "client_id": oidc.client_id})
            }
        }
    }
}

impl SsoSettings {
    /// Certificates at the same time.
    pub const MOST_CERTIFICATES: usize = 2;

    /// What a password does for somebody of that role, in the organization itself and in those linked to it.
    #[must_use]
    pub fn by_password(&self, role: Role) -> ByPassword {
        if !self.required {
            ByPassword::LetsIn
        } else if self.break_glass && role > Role::Member {
            ByPassword::BreaksGlass
        } else {
            ByPassword::IsRefused
        }
    }

    /// Whether it can be used.
    ///
    /// # Errors
    /// [`Refusal::InvalidSso`], [`Refusal::InvalidCertificate`]
    pub fn check(&self, now: Timestamp) -> Result<()> {
        let invalid = |detail: String| Err(Refusal::InvalidSso.because(detail));
        let text = |what: &str, text: &str| {
            let fits =
                (1..=1024).contains(&text.trim().len()) && !text.chars().any(char::is_control);
            if fits { Ok(()) } else { invalid(format!("{what} must have 1 to 1024 characters")) }
        };
        let https = |what: &str, url: &str| {
            let rest = url.strip_prefix("https://").unwrap_or_default();
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let odd = |c: char| {
                c.is_whitespace() || c.is_control() || matches!(c, '"' | '<' | '>' | '\\')
            };
            if host.is_empty() || host.contains('@') || url.contains(odd) || url.len() > 1024 {
                return invalid(format!("{what} must be a URL that begins with https://"));
            }
            Ok(())
        };
        if self.required && !self.enabled {
            return invalid("Single sign-on can be required only while it is enabled".into());
        }
        match &self.provider {
            Provider::Saml(saml) => {
                text("The issuer", &saml.issuer)?;
                https("The sign-on URL", &saml.sign_on_url)?;
                if !(1..=Self::MOST_CERTIFICATES).contains(&saml.certificates.len()) {
                    return Err(Refusal::InvalidCertificate.because(
                        "SAML takes one signing certificate, or two while they are exchanged",
                    ));
                }
                // One of the two may be past its time: the exchange is what they are two for.
                if saml.certificates.iter().all(|c| now >= c.not_after) {
                    return Err(Refusal::InvalidCertificate.because(
                        "The certificate has expired; get a current one from the identity provider",
                    ));
                }
                let mut known = BTreeSet::new();
                if !saml.certificates.iter().all(|c| known.insert(&c.fingerprint)) {
                    return Err(Refusal::InvalidCertificate.because(
                        "The same certificate is given twice; give it once, or the one that follows it too",
                    ));
                }
                Ok(())
            }
            Provider::Oidc(oidc) => {
                https("The issuer", &oidc.issuer)?;
                text("The client id", &oidc.client_id)?;
                text("The client secret", &oidc.client_secret)
            }
        }
    }
}

/// The settings that count for an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// Whose they are: its Admin Organization's, or its own.
    pub source: Tenant,
    /// The settings, if there are any.
    pub settings: Option<SsoSettings>,
    /// Whether it has settings of its own, which don't count now.
    pub ignored_own: bool,
}

/// How somebody with an address signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// With the identity provider of an organization.
    Sso {
        /// The organization that claims the domain.
        org: Tenant,
        /// Its settings.
        settings: Box<SsoSettings>,
    },
    /// With a password: nobody claims the domain, or no settings are enabled.
    Password,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(required: bool, break_glass: bool) -> SsoSettings {
        let text = format!(
            r#"{{"provider": {{"protocol": "oidc", "issuer": "https://idp.example", "client_id": "c",
                "client_secret": "s"}}, "enabled": true, "required": {required},
                "idp_managed_access": false, "break_glass": {break_glass}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_password_lets_in_whom_single_sign_on_is_not_required_of_or_who_may_break_the_glass() {
        use ByPassword::{BreaksGlass, IsRefused, LetsIn};
        for (required, break_glass, expected) in [
            (false, true, [LetsIn, LetsIn, LetsIn]),
            (false, false, [LetsIn, LetsIn, LetsIn]),
            (true, true, [IsRefused, BreaksGlass, BreaksGlass]),
            (true, false, [IsRefused, IsRefused, IsRefused]),
        ] {
            let settings = settings(required, break_glass);
            let said =
                [Role::Member, Role::Admin, Role::Owner].map(|role| settings.by_password(role));
            assert_eq!(said, expected, "{required} {break_glass}");
        }
    }

    #[test]
    fn settings_that_were_stored_without_saying_it_allow_it() {
        let text = serde_json::to_string(&settings(true, true)).unwrap();
        let before = text.replace(",\"break_glass\":true", "");
        assert_ne!(before, text);
        assert_eq!(serde_json::from_str::<SsoSettings>(&before).unwrap(), settings(true, true));
    }
}
