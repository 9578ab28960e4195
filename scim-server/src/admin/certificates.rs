//! Signing certificates of identity providers.

use jiff::{SignedDuration, Timestamp};
use scim_core::Result;
use scim_core::org::{Certificate, Refusal};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;
use x509_parser::pem::Pem;

use super::reply::time;

/// From when on a certificate is told to be expiring.
const WARNING: SignedDuration = SignedDuration::from_hours(60 * 24);

/// A signing certificate.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CertificateView {
    subject: String,
    not_before: String,
    not_after: String,
    /// The SHA-256 of it.
    fingerprint: String,
    /// `valid`, `expiring` (within 60 days) or `expired`.
    state: String,
    pem: String,
}

pub(super) fn view(c: &Certificate, now: Timestamp) -> CertificateView {
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
pub(super) fn parse(text: &str) -> Result<Certificate> {
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
