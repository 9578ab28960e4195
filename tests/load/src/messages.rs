//! The SCIM messages that are sent: what identity providers print, less what they vary.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

/// The userName and e-mail address of user `n`.
#[must_use]
pub fn user_name(n: usize) -> String {
    format!("u{n:08}@example.com")
}

/// The externalId of user `n`.
#[must_use]
pub fn external_id(n: usize) -> String {
    format!("ext-{n:08}")
}

/// What ten users' names begin with, `n`'s among them.
#[must_use]
pub fn name_prefix(n: usize) -> String {
    format!("u{:07}", n / 10)
}

/// User `n`.
#[must_use]
pub fn user(n: usize) -> Value {
    let family = n % 977;
    json!({
        "schemas": [USER],
        "userName": user_name(n),
        "externalId": external_id(n),
        "name": {
            "givenName": format!("Given{n}"),
            "familyName": format!("Family{family}"),
            "formatted": format!("Given{n} Family{family}"),
        },
        "displayName": format!("Given{n} Family{family}"),
        "title": "Engineer",
        "active": true,
        "preferredLanguage": "en-US",
        "emails": [{"value": user_name(n), "type": "work", "primary": true}],
        "phoneNumbers": [{"value": format!("+1-555-{n:08}"), "type": "work"}],
    })
}

/// An empty group.
#[must_use]
pub fn group(name: &str) -> Value {
    json!({"schemas": [GROUP], "displayName": name, "externalId": format!("ext-{name}")})
}

/// A group with members.
#[must_use]
pub fn group_of<'a>(name: &str, members: impl IntoIterator<Item = &'a str>) -> Value {
    let members: Vec<_> = members.into_iter().map(|id| json!({"value": id})).collect();
    json!({"schemas": [GROUP], "displayName": name, "members": members})
}

/// A PATCH of one operation.
#[must_use]
pub fn patch(operation: &Value) -> Vec<u8> {
    json!({"schemas": [PATCH], "Operations": [operation]}).to_string().into_bytes()
}

/// A PATCH that sets `active`.
#[must_use]
pub fn patch_active(active: bool) -> Vec<u8> {
    patch(&json!({"op": "replace", "path": "active", "value": active}))
}

/// A PATCH that adds members to a group.
#[must_use]
pub fn patch_add<'a>(ids: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let members: Vec<_> = ids.into_iter().map(|id| json!({"value": id})).collect();
    patch(&json!({"op": "add", "path": "members", "value": members}))
}

/// A PATCH that removes a member from a group.
#[must_use]
pub fn patch_remove(id: &str) -> Vec<u8> {
    patch(&json!({"op": "remove", "path": format!("members[value eq \"{id}\"]")}))
}

/// A bulk request that creates users.
#[must_use]
pub fn bulk(users: impl IntoIterator<Item = usize>) -> Vec<u8> {
    let operation =
        |n| json!({"method": "POST", "path": "/Users", "bulkId": format!("b{n}"), "data": user(n)});
    let operations: Vec<_> = users.into_iter().map(operation).collect();
    json!({"schemas": [BULK], "Operations": operations}).to_string().into_bytes()
}

/// Percent-encodes a part of a query.
#[must_use]
pub fn encode(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let one = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(one).collect()
}

/// The id of the resource in an answer.
///
/// # Errors
/// An answer without one.
pub fn id_of(body: &[u8]) -> Result<String> {
    #[derive(serde::Deserialize)]
    struct WithId {
        id: String,
    }
    Ok(serde_json::from_slice::<WithId>(body).context("an answer without an id")?.id)
}

/// The secret of the token in an answer of the administrative API.
///
/// # Errors
/// An answer without one.
pub fn token_of(body: &[u8]) -> Result<String> {
    #[derive(serde::Deserialize)]
    struct WithToken {
        token: String,
    }
    Ok(serde_json::from_slice::<WithToken>(body).context("an answer without a token")?.token)
}

/// What a list should hold: exactly these users, in any order.
///
/// # Errors
/// What is different.
pub fn lists_users(body: &[u8], names: &[String]) -> Result<()> {
    let list: Value = serde_json::from_slice(body)?;
    let total = list.get("totalResults").and_then(Value::as_u64).context("no totalResults")?;
    ensure!(total == names.len() as u64, "{total} results instead of {}", names.len());
    let found = list.get("Resources").and_then(Value::as_array);
    let found = found.map(Vec::as_slice).unwrap_or_default();
    ensure!(found.len() == names.len(), "{} resources instead of {}", found.len(), names.len());
    for name in names {
        let there = found.iter().any(|u| u.get("userName").and_then(Value::as_str) == Some(name));
        ensure!(there, "{name} is missing");
    }
    Ok(())
}
