//! What examples need of the outside world, and a way to send a request.
#![allow(dead_code, reason = "each example takes what it needs")]
#![allow(clippy::disallowed_methods, reason = "an example is its own outside world")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use scim_core::caller::{Caller, Scopes};
use scim_core::dialect::Preset;
use scim_core::env::{Clock, Env, Ids, Passwords};
use scim_core::http::Request;
use scim_core::resource::Id;
use scim_core::store::Tenant;
use scim_core::{Handler, Result};

struct World(AtomicU64);

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

impl Ids for World {
    fn next(&self) -> Id {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        Id::parse(&format!("{number:016x}")).unwrap_or_else(|| unreachable!("hexadecimal is an id"))
    }
}

impl Passwords for World {
    fn hash(&self, _: &str) -> Result<String> {
        Ok("not kept".to_owned())
    }
}

/// The system's time, ids that count up, and no passwords.
pub(crate) fn env() -> Env {
    let world = Arc::new(World(AtomicU64::new(1)));
    Env { clock: world.clone(), ids: world.clone(), passwords: world }
}

/// Sends a request of an organization's identity provider; gives status and body.
pub(crate) fn send(
    service: &dyn Handler,
    org: &str,
    method: &str,
    path: &str,
    body: &str,
) -> Result<(u16, String)> {
    let caller = Caller {
        tenant: Tenant::new(org),
        actor: "tok_example".to_owned(),
        preset: Preset::Lenient,
        scopes: Scopes::ALL,
        user: None,
    };
    let response = service.handle(
        &caller,
        &Request {
            method,
            path,
            content_type: Some("application/scim+json"),
            body: body.as_bytes(),
            base_url: "http://localhost/scim/v2",
            request_id: "example",
            ..Request::default()
        },
    );
    let status = response.status;
    Ok((status, String::from_utf8_lossy(&response.body.collect()?).into_owned()))
}
