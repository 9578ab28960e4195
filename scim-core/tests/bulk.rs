//! Bulk requests that a failure of the store cuts short.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "tests fail by panicking"
)]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use common::Client;
use scim_core::dialect::Preset;
use scim_core::store::Tenant;
use scim_core::store::memory::MemoryStore;
use scim_core::{Error, Result, Store};
use serde_json::{Value, json};

/// A store that takes so many writes, and is away then.
struct Failing {
    store: MemoryStore,
    left: AtomicUsize,
}

impl Store for Failing {
    type Tx<'a> = <MemoryStore as Store>::Tx<'a>;

    fn read<R>(
        &self,
        tenant: &Tenant,
        f: impl FnOnce(&mut Self::Tx<'_>) -> Result<R>,
    ) -> Result<R> {
        self.store.read(tenant, f)
    }

    fn write<R>(
        &self,
        tenant: &Tenant,
        f: impl FnMut(&mut Self::Tx<'_>) -> Result<R>,
    ) -> Result<R> {
        let left =
            self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        left.map_err(|_| Error::busy("The store is away"))?;
        self.store.write(tenant, f)
    }
}

fn bulk(writes: usize) -> (u16, Value, Value) {
    let store = Failing { store: MemoryStore::new(), left: AtomicUsize::new(writes) };
    let client = Client::on(store, Preset::Lenient);
    let operations: Vec<_> = (0..250)
        .map(|i| {
            let data = json!({"userName": format!("u{i}")});
            json!({"method": "POST", "path": "/Users", "bulkId": format!("{i}"), "data": data})
        })
        .collect();
    let (status, said) = client.send("POST", "/Bulk", &json!({"Operations": operations}));
    let (_, there) = client.send("GET", "/Users?count=0", &Value::Null);
    (status, said, there["totalResults"].clone())
}

#[test]
fn what_was_committed_is_told_when_the_store_fails_after_it() {
    let (status, said, there) = bulk(1);
    assert_eq!((status, there), (200, json!(100)), "{said}");
    let operations = said["Operations"].as_array().unwrap();
    assert_eq!(operations.len(), 250);
    for (i, operation) in operations.iter().enumerate() {
        let expected = if i < 100 { "201" } else { "503" };
        assert_eq!(operation["status"], expected, "{operation}");
        let detail = operation["response"]["detail"].as_str().unwrap_or_default();
        assert_eq!(detail.contains("was not reached"), i >= 200, "{operation}");
    }
    let (status, said, there) = bulk(0);
    assert_eq!((status, there), (503, json!(0)), "{said}");
}
