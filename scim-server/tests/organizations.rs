//! Organizations on SQLite: the law of memberships, the schema, and what renaming costs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::path::Path;

use scim_core::testkit;
use scim_server::store::{DieselStore, EventFilter, Options};

fn fresh() -> (tempfile::TempDir, DieselStore) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/scim.db", folder.path().display());
    let store = DieselStore::open(&Options::new(&url), &testkit::registry()).unwrap();
    (folder, store)
}

#[test]
fn memberships_are_what_a_naive_model_says() {
    let (_folder, store) = fresh();
    testkit::memberships_equal_a_model(&store, 40, |org| {
        let filter = EventFilter { after: Some(String::new()), ..EventFilter::default() };
        store.read_records(|tx| tx.events(org, &filter, 100_000)).unwrap()
    });
}

#[test]
fn the_published_openapi_document_is_the_one_that_the_server_gives() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema/openapi.json");
    let now = scim_server::admin::openapi().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap();
    assert!(
        published == now,
        "schema/openapi.json is not up to date; UPDATE_OPENAPI=1 cargo test -p scim-server --test \
         organizations writes it"
    );
}
