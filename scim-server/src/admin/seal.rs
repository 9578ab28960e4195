//! Secrets that have to be read again, such as an OpenID client secret: kept encrypted.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use scim_core::{Error, Result};
use sha2::{Digest as _, Sha256};

const NONCE: usize = 24;

/// Encrypts with a key that is kept apart from what it encrypts.
pub(super) struct Seal(XChaCha20Poly1305);

impl Seal {
    pub(super) fn new(secret: &str) -> Self {
        let key: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        Self(XChaCha20Poly1305::new(&key.into()))
    }

    /// The text, so that only the key opens it.
    pub(super) fn close(&self, text: &str) -> Result<String> {
        let mut sealed = vec![0; NONCE];
        getrandom::fill(&mut sealed).map_err(|e| Error::internal(e.to_string()))?;
        let nonce = XNonce::clone_from_slice(&sealed);
        let bytes = self.0.encrypt(&nonce, text.as_bytes());
        sealed.extend(bytes.map_err(|e| Error::internal(e.to_string()))?);
        Ok(format!("sealed:{}", URL_SAFE_NO_PAD.encode(sealed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_does_not_show_and_differs_each_time() {
        let seal = Seal::new("key");
        let (one, two) = (seal.close("secret").unwrap(), seal.close("secret").unwrap());
        assert_ne!(one, two);
        let bytes = URL_SAFE_NO_PAD.decode(one.strip_prefix("sealed:").unwrap()).unwrap();
        let (nonce, sealed) = bytes.split_at(NONCE);
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        let opened = seal.0.decrypt(XNonce::from_slice(nonce), sealed).unwrap();
        assert_eq!(opened, b"secret");
        assert!(Seal::new("other").0.decrypt(XNonce::from_slice(nonce), sealed).is_err());
    }
}
