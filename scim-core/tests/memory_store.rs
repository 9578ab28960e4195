//! The reference store passes the suite that it is the reference of, and keeps its own promises.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use scim_core::event::Event;
use scim_core::resource::{Id, Resource, Version};
use scim_core::schema::Registry;
use scim_core::store::memory::MemoryStore;
use scim_core::store::{Store, Tenant, Transaction};
use scim_core::{Error, Kind, Result, testkit};
use serde_json::{Map, Value, json};

scim_core::store_suite!(memory, MemoryStore::new());

#[test]
fn search_equals_matches() {
    testkit::search_equals_matches(&MemoryStore::new(), 64);
}

fn tenant() -> Tenant {
    Tenant::new("acme")
}

fn event(name: &str) -> Event {
    Event {
        id: Id::parse(name).unwrap(),
        at: "2026-01-01T00:00:00Z".parse().unwrap(),
        name: "scim_user.created".into(),
        actor: "token".into(),
        request_id: "request".into(),
        target: Id::parse("ann").unwrap(),
        detail: Value::Null,
    }
}

#[test]
fn events_are_kept_in_order_and_undone_with_their_write() {
    let store = MemoryStore::new();
    let clone = store.clone();
    let outcome = clone.write(&tenant(), |tx| {
        tx.append(&event("first"))?;
        let undone: Result<()> = tx.nested(|tx| {
            tx.append(&event("undone"))?;
            Err(Error::not_found("no"))
        });
        assert!(undone.is_err());
        tx.append(&event("second"))
    });
    outcome.unwrap();
    let failed: Result<()> = store.write(&tenant(), |tx| {
        tx.append(&event("failed"))?;
        Err(Error::not_found("no"))
    });
    assert!(failed.is_err());
    assert_eq!(store.events(&tenant()), [event("first"), event("second")]);
    assert_eq!(store.events(&Tenant::new("other")), []);
}

#[test]
fn reading_transactions_refuse_to_write() {
    let registry = Registry::standard().unwrap();
    let Value::Object(document) = json!({"userName": "ann"}) else { unreachable!() };
    let time = event("x").at;
    let ann = Resource::new(
        registry.by_name("User").unwrap().clone(),
        Id::parse("ann").unwrap(),
        Version::FIRST,
        (time, time),
        document,
        Map::new(),
    );
    let store = MemoryStore::new();
    let refused = store.read(&tenant(), |tx| tx.insert(ann.as_ref().unwrap())).unwrap_err();
    assert_eq!(refused.kind(), Kind::Internal);
}

#[test]
fn a_panic_inside_a_writer_ends_the_store() {
    let store = MemoryStore::new();
    let outcome = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            store.write(&tenant(), |tx| -> Result<()> {
                tx.append(&event("half"))?;
                panic!("on purpose")
            })
        });
        writer.join()
    });
    assert!(outcome.is_err());
    assert_eq!(store.read(&tenant(), |_| Ok(())).unwrap_err().kind(), Kind::Internal);
    assert_eq!(store.write(&tenant(), |_| Ok(())).unwrap_err().kind(), Kind::Internal);
}

#[test]
fn memberships_are_what_a_naive_model_says() {
    // A store of its own for some: this one looks through all that it has.
    for _ in 0..8 {
        let store = MemoryStore::new();
        testkit::memberships_equal_a_model(&store, 40, |org| store.events(org));
    }
}
