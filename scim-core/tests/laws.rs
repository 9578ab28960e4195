//! Laws of the service as property tests.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "tests fail by panicking"
)]

mod common;

use common::Client;
use proptest::prelude::*;
use scim_core::dialect::Preset;
use serde_json::{Value, json};

fn operation() -> impl Strategy<Value = Value> {
    let text = "[abAB]|ann|work";
    prop_oneof![
        ("add|replace", "title|displayName|nickName|name\\.givenName", text)
            .prop_map(|(op, path, v)| json!({"op": op, "path": path, "value": v})),
        (
            "remove",
            "title|displayName|name|name\\.givenName|emails|emails\\[type eq \"work\"\\]|active"
        )
            .prop_map(|(op, path)| json!({"op": op, "path": path})),
        ("add|replace", any::<bool>())
            .prop_map(|(op, v)| json!({"op": op, "path": "active", "value": v})),
        ("add|replace", text, "work|home", any::<bool>()).prop_map(|(op, v, t, p)| {
            json!({"op": op, "path": "emails", "value": [{"value": v, "type": t, "primary": p}]})
        }),
        ("add|replace", text).prop_map(|(op, v)| {
            json!({"op": op, "path": "emails[type eq \"work\"].value", "value": v})
        }),
        ("add|replace", text).prop_map(|(op, v)| {
            json!({"op": op, "value": {"name": {"familyName": v}, "manager": v}})
        }),
    ]
}

fn without_meta(resource: &Value) -> Value {
    let mut resource = resource.clone();
    resource.as_object_mut().unwrap().remove("meta");
    resource
}

proptest! {
    #[test]
    fn law_the_version_changes_if_and_only_if_the_representation_does(
        patches in prop::collection::vec(prop::collection::vec(operation(), 1..4), 1..8)
    ) {
        let client = Client::new(Preset::Lenient);
        let mut before = client.create("/Users", &json!({"userName": "ann", "title": "a"}));
        for operations in patches {
            let (status, after) = client.patch(&before, Value::from(operations.clone()));
            if status != 200 {
                let path = format!("/Users/{}", before["id"].as_str().unwrap());
                prop_assert_eq!(client.send("GET", &path, &Value::Null).1, before.clone());
                continue;
            }
            let same = without_meta(&before) == without_meta(&after);
            prop_assert_eq!(same, before["meta"]["version"] == after["meta"]["version"], "{:?}", operations);
            before = after;
        }
    }

    #[test]
    fn law_a_projection_is_part_of_the_resource(
        names in prop::collection::vec("userName|name|name\\.givenName|emails|emails\\.type|meta|id|groups|x|meta\\.version", 0..4),
        excluded in any::<bool>(),
        patch in prop::collection::vec(operation(), 0..4),
    ) {
        fn within(part: &Value, whole: &Value) -> bool {
            match (part, whole) {
                (Value::Object(part), Value::Object(whole)) => {
                    part.iter().all(|(k, v)| whole.get(k).is_some_and(|w| within(v, w)))
                }
                (Value::Array(part), Value::Array(whole)) => {
                    part.iter().all(|p| whole.iter().any(|w| within(p, w)))
                }
                (part, whole) => part == whole,
            }
        }
        let client = Client::new(Preset::Lenient);
        let user = client.create("/Users", &json!({
            "userName": "ann", "name": {"givenName": "A"}, "emails": [{"value": "a", "type": "work"}]}));
        client.patch(&user, Value::from(patch));
        let path = format!("/Users/{}", user["id"].as_str().unwrap());
        let whole = client.send("GET", &path, &Value::Null).1;
        let parameter = if excluded { "excludedAttributes" } else { "attributes" };
        let query = format!("{path}?{parameter}={}", names.join(","));
        let (status, part) = client.send("GET", &query, &Value::Null);
        prop_assert_eq!(status, 200);
        prop_assert!(within(&part, &whole), "{} of {}", part, whole);
        prop_assert!(part["id"] == whole["id"] && part["schemas"] == whole["schemas"]);
        if excluded {
            for name in names.iter().filter(|n| !n.contains('.') && *n != "id") {
                prop_assert!(part.get(name).is_none(), "{}", part);
            }
        }
    }
}
