//! Changes that are begun, and made later, come to what they would have come to if they had been handled.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "tests fail by panicking"
)]

mod common;

use common::{Client, answer};
use proptest::prelude::*;
use scim_core::Store;
use scim_core::dialect::Preset;
use scim_core::http::{Begun, Response};
use scim_core::store::Tenant;
use scim_core::store::memory::MemoryStore;
use serde_json::{Value, json};

/// A store with time for brief reads, and one thread for all changes.
struct Brief(MemoryStore);

impl Store for Brief {
    type Tx<'a> = <MemoryStore as Store>::Tx<'a>;

    fn read<R>(
        &self,
        tenant: &Tenant,
        f: impl FnOnce(&mut Self::Tx<'_>) -> scim_core::Result<R>,
    ) -> scim_core::Result<R> {
        self.0.read(tenant, f)
    }

    fn read_briefly<R>(
        &self,
        tenant: &Tenant,
        f: impl FnOnce(&mut Self::Tx<'_>) -> scim_core::Result<R>,
    ) -> scim_core::Result<Option<R>> {
        self.0.read(tenant, f).map(Some)
    }

    fn reads_briefly(&self) -> bool {
        true
    }

    fn joins_writes(&self) -> bool {
        true
    }

    fn write<R>(
        &self,
        tenant: &Tenant,
        f: impl FnMut(&mut Self::Tx<'_>) -> scim_core::Result<R>,
    ) -> scim_core::Result<R> {
        self.0.write(tenant, f)
    }
}

/// A change of one of the users: method, body, and a version that it rests on.
fn change() -> impl Strategy<Value = (&'static str, Value, Option<u8>)> {
    let name = "ann|bob|Ann|cid";
    let operation = prop_oneof![
        ("title|nickName", "[ab]")
            .prop_map(|(path, v)| json!({"op": "replace", "path": path, "value": v})),
        name.prop_map(|v| json!({"op": "replace", "path": "userName", "value": v})),
        any::<bool>().prop_map(|v| json!({"op": "Replace", "path": "active", "value": v})),
        // As Microsoft sends it: what that sets off is told.
        Just(json!({"op": "Replace", "path": "active", "value": "False"})),
        "a|b".prop_map(|v| json!({"op": "add", "path": "emails", "value": [{"value": v}]})),
        Just(json!({"op": "remove", "path": "title"})),
        Just(json!({"op": "remove", "path": "userName"})),
        "[a-c]{10}".prop_map(|v| json!({"op": "replace", "path": "password", "value": v})),
    ];
    let patch = prop::collection::vec(operation, 1..3).prop_map(|operations| {
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
        ("PATCH", json!({"schemas": schemas, "Operations": operations}))
    });
    let put =
        (name, "[ab]").prop_map(|(name, title)| ("PUT", json!({"userName": name, "title": title})));
    let what = prop_oneof![6 => patch, 3 => put, 1 => Just(("DELETE", Value::Null))];
    (what, prop::option::weighted(0.3, 1..6_u8))
        .prop_map(|((method, body), version)| (method, body, version))
}

type Told = ((u16, Value), Vec<(&'static str, String)>, Vec<&'static str>);

fn told(response: Response) -> Told {
    let (headers, normalized) = (response.headers.clone(), response.normalized.clone());
    (answer(response), headers, normalized)
}

proptest! {
    #[test]
    fn law_what_is_begun_comes_to_what_is_handled(
        rounds in prop::collection::vec(
            prop::collection::vec((any::<bool>(), change()), 1..5), 1..5)
    ) {
        let handling = Client::new(Preset::Lenient);
        let beginning = Client::on(Brief(MemoryStore::new()), Preset::Lenient);
        let mut paths = Vec::new();
        for name in ["ann", "bob"] {
            let user = json!({"userName": name, "title": "a"});
            let made = [handling.create("/Users", &user), beginning.create("/Users", &user)];
            prop_assert_eq!(&made[0], &made[1]);
            paths.push(format!("/Users/{}", made[0]["id"].as_str().unwrap()));
        }
        for round in rounds {
            // All of a round are begun before one is made.
            let (mut waiting, mut expected) = (Vec::new(), Vec::new());
            for (second, (method, body, version)) in &round {
                let tag = version.map(|version| format!("W/\"{version}\""));
                let path = paths[usize::from(*second)].as_str();
                let asked = (*method, path, tag.as_deref());
                waiting.push((beginning.begin(asked, body), *method, path, tag.clone(), body));
                expected.push(told(handling.handle(asked, body)));
            }
            for (waiting, expected) in waiting.into_iter().zip(expected) {
                let (begun, method, path, tag, body) = waiting;
                let response = match begun {
                    Begun::Answered(response) => response,
                    Begun::Change(mut change) => {
                        change.make();
                        change.answer()
                    }
                    // Passwords take their time.
                    Begun::Long => beginning.handle((method, path, tag.as_deref()), body),
                };
                prop_assert_eq!(told(response), expected);
            }
            for path in &paths {
                let there = handling.send("GET", path, &Value::Null);
                prop_assert_eq!(beginning.send("GET", path, &Value::Null), there);
            }
        }
    }
}
