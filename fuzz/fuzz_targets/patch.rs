//! A PATCH may be refused, never break the engine, and never writes what is read-only.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use scim_core::dialect::{Dialect, Preset};
use scim_core::patch::Patch;
use scim_core::schema::Registry;
use serde_json::{Map, Value, json};

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| Registry::standard().unwrap());

fuzz_target!(|text: &str| {
    let Ok(operations) = serde_json::from_str::<Value>(text) else { return };
    let document = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "ann",
        "emails": [{"value": "a@x", "type": "work", "primary": true}, {"value": "h@x"}],
    });
    for preset in Preset::ALL {
        for kind in REGISTRY.types() {
            let mut dialect = Dialect::new(preset);
            let body = json!({"Operations": operations});
            let Ok(patch) = Patch::parse(body, kind, &mut dialect) else { continue };
            let mut changed = document.as_object().unwrap().clone();
            if patch.apply(&mut changed, &mut Map::new(), kind, &mut dialect).is_ok() {
                assert!(["id", "meta", "groups", "members"].iter().all(|n| !changed.contains_key(*n)));
            }
        }
    }
});
