//! Random ids and secrets, and what is kept of a secret.

use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scim_core::{Error, Result};
use sha2::{Digest as _, Sha256};

/// 16 small letters and digits: 80 random bits.
pub(crate) fn random_id() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| Error::internal(e.to_string()))?;
    Ok(letters(bytes))
}

/// As [`random_id`], out of a supply: each request has one, and needs no call of the system for it.
pub(crate) fn request_id() -> Result<String> {
    next_random().map(letters)
}

fn letters(bytes: [u8; 16]) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let letter = |byte: u8| ALPHABET.get(usize::from(byte % 32)).copied().map(char::from);
    bytes.into_iter().filter_map(letter).collect()
}

/// Secrets don't come from here.
fn next_random() -> Result<[u8; 16]> {
    thread_local! {
        static SUPPLY: RefCell<Vec<[u8; 16]>> = const { RefCell::new(Vec::new()) };
    }
    SUPPLY.with_borrow_mut(|supply| {
        if let Some(bytes) = supply.pop() {
            return Ok(bytes);
        }
        let mut fresh = [0; 16 * 64];
        getrandom::fill(&mut fresh).map_err(|e| Error::internal(e.to_string()))?;
        let (pieces, _) = fresh.as_chunks::<16>();
        supply.extend_from_slice(pieces);
        supply.pop().ok_or_else(|| Error::internal("no random bytes"))
    })
}

/// 256 random bits as 43 characters.
pub(crate) fn random_secret() -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes()?))
}

/// 256 random bits.
pub(crate) fn random_bytes() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| Error::internal(e.to_string()))?;
    Ok(bytes)
}

/// What is kept of a token: SHA-256 is enough for a secret of 256 random bits.
pub(crate) fn digest(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret.as_bytes()))
}

/// The last four characters of a secret: enough to tell which it is.
pub(crate) fn hint(secret: &str) -> String {
    secret.chars().skip(secret.chars().count().saturating_sub(4)).collect()
}
