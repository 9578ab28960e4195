//! What Okta, Entra ID and OneLogin send, under their own preset and under `lenient`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::path::Path;

use scim_tests::{Server, replay};
use serde_json::json;

fn play(provider: &str, preset: &str) {
    let server = Server::start();
    let client = server.caller(&["--preset", preset]);
    // Okta's own test wants a user there beforehand.
    let seed = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "seed@example.com",
        "name": {"givenName": "Seed", "familyName": "User"},
        "emails": [{"value": "seed@example.com", "primary": true}],
    });
    client.post("/Users", &seed).is(201);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("replays").join(provider);
    let mut scripts: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    scripts.sort();
    assert!(!scripts.is_empty());
    for (i, script) in scripts.iter().enumerate() {
        let run = 1_700_000_000 + i as u64;
        replay::play(&client, &server.base(), &format!("{provider}/{script}"), run);
    }
}

#[test]
fn okta_as_okta() {
    play("okta", "okta");
}

#[test]
fn okta_as_lenient() {
    play("okta", "lenient");
}

#[test]
fn entra_as_entra() {
    play("entra", "entra");
}

#[test]
fn entra_as_lenient() {
    play("entra", "lenient");
}

#[test]
fn onelogin_as_lenient() {
    play("onelogin", "lenient");
}
