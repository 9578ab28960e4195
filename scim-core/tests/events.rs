//! What the log says of a change.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "tests fail by panicking"
)]

mod common;

use common::Client;
use scim_core::dialect::Preset;
use scim_core::store::Tenant;
use scim_core::store::memory::MemoryStore;
use serde_json::{Value, json};

/// An event of everybody in a huge group would be too large to be read.
#[test]
fn a_change_of_many_members_is_told_by_events_of_some() {
    let store = MemoryStore::default();
    let client = Client::on(store.clone(), Preset::Lenient);
    let users: Vec<Value> = (0..1200)
        .map(|i| json!({"value": client.create("/Users", &json!({"userName": format!("u{i}")}))["id"]}))
        .collect();
    let (first, rest) = users.split_at(600);
    let group = client.create("/Groups", &json!({"displayName": "all", "members": first}));
    let before = store.events(&Tenant::new("example")).len();
    let (status, _) = client.patch(
        &group,
        json!([
            {"op": "add", "path": "members", "value": rest},
            {"op": "remove", "path": "members", "value": first},
            {"op": "replace", "path": "displayName", "value": "others"},
        ]),
    );
    assert_eq!(status, 204);

    let events = store.events(&Tenant::new("example"));
    let (created, changed) = events.split_at(before);
    let of_group = |events: &[scim_core::event::Event]| -> Vec<(String, usize, usize)> {
        let count = |e: &scim_core::event::Event, name: &str| {
            e.detail.get(name).map_or(0, |ids| ids.as_array().unwrap().len())
        };
        let about = events.iter().filter(|e| e.target.as_str() == group["id"]);
        about.map(|e| (e.name.clone(), count(e, "added"), count(e, "removed"))).collect()
    };
    let told = |name: &str, added, removed| (name.to_owned(), added, removed);
    assert_eq!(
        of_group(created),
        [told("scim_group.created", 500, 0), told("scim_group.members_changed", 100, 0)]
    );
    assert_eq!(
        of_group(changed),
        [
            told("scim_group.renamed", 500, 0),
            told("scim_group.members_changed", 100, 400),
            told("scim_group.members_changed", 0, 200),
        ]
    );
    let mut all: Vec<&Value> = changed
        .iter()
        .flat_map(|e| [e.detail.get("added"), e.detail.get("removed")])
        .flatten()
        .flat_map(|ids| ids.as_array().unwrap())
        .collect();
    all.sort_by_key(|id| id.as_str());
    let mut expected: Vec<&Value> = users.iter().map(|member| &member["value"]).collect();
    expected.sort_by_key(|id| id.as_str());
    assert_eq!(all, expected, "each of them is told once");
}
