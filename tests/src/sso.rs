//! Single sign-on settings.

use serde_json::{Value, json};

/// Single sign-on settings, enabled, of a SAML identity provider.
pub fn saml() -> Value {
    json!({
        "protocol": "saml",
        "issuer": "http://www.okta.com/exkfhbfcvf1cD2n6p5d7",
        "sign_on_url": "https://example.okta.com/app/example/exkfhbfcvf1cD2n6p5d7/sso/saml",
        "certificates": [include_str!("../fixtures/idp.pem")],
        "enabled": true,
    })
}

/// Single sign-on settings, enabled, of an OpenID Connect provider.
pub fn oidc() -> Value {
    json!({
        "protocol": "oidc",
        "issuer": "https://login.firma.example/",
        "client_id": "firma",
        "client_secret": "not told to anybody",
        "enabled": true,
    })
}
