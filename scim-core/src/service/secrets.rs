//! Secrets in requests are hashed before any transaction: hashing is slow on purpose.

use serde_json::{Map, Value};

use crate::env::Passwords;
use crate::error::{Error, Result};
use crate::schema::ResourceType;

/// Stands in where there is no time to hash.
#[derive(Debug)]
pub(super) struct NoTime;

impl Passwords for NoTime {
    fn hash(&self, _: &str) -> Result<String> {
        Err(Error::not_brief())
    }
}

/// Hashes what a document holds in clear and must not be kept so.
pub(super) fn hash_secrets(
    passwords: &dyn Passwords,
    kind: &ResourceType,
    input: &mut Map<String, Value>,
) -> Result<()> {
    for value in kind.secrets_mut(input) {
        if let Value::String(secret) = value
            && !secret.is_empty()
        {
            *secret = hash_secret(passwords, secret)?;
        }
    }
    Ok(())
}

/// Hashes one.
pub(super) fn hash_secret(passwords: &dyn Passwords, secret: &str) -> Result<String> {
    const LONGEST: usize = 1024;
    if secret.len() > LONGEST {
        let detail = format!("A password may be {LONGEST} bytes long at most");
        return Err(Error::invalid_value(detail));
    }
    passwords.hash(secret)
}
