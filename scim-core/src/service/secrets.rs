//! Secrets in requests are hashed before any transaction: hashing is slow on purpose.

use serde_json::{Map, Value};

use crate::env::Env;
use crate::error::{Error, Result};
use crate::schema::{ResourceType, Returned};

/// Hashes what a document holds in clear and must not be kept so.
pub(super) fn hash_secrets(
    env: &Env,
    kind: &ResourceType,
    input: &mut Map<String, Value>,
) -> Result<()> {
    for (name, value) in input {
        if let (Some(schema), Value::Object(object)) = (kind.extension(name), &mut *value) {
            for (name, value) in object {
                if schema.attribute(name).is_some_and(|a| a.returned == Returned::Never) {
                    hash_in_place(env, value)?;
                }
            }
        } else if kind.attribute(name).is_some_and(|a| a.returned == Returned::Never) {
            hash_in_place(env, value)?;
        }
    }
    Ok(())
}

fn hash_in_place(env: &Env, value: &mut Value) -> Result<()> {
    if let Value::String(secret) = value
        && !secret.is_empty()
    {
        *secret = hash_secret(env, secret)?;
    }
    Ok(())
}

/// Hashes one.
pub(super) fn hash_secret(env: &Env, secret: &str) -> Result<String> {
    const LONGEST: usize = 1024;
    if secret.len() > LONGEST {
        let detail = format!("A password may be {LONGEST} bytes long at most");
        return Err(Error::invalid_value(detail));
    }
    env.passwords.hash(secret)
}
