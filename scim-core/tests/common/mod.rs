//! A client of a service in memory, shared by the tests of this crate.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use scim_core::caller::{Caller, Scopes};
use scim_core::dialect::Preset;
use scim_core::directory::Open;
use scim_core::env::{Clock, Env, Ids, Passwords};
use scim_core::http::{Begun, Request, Response};
use scim_core::resource::Id;
use scim_core::schema::Registry;
use scim_core::service::Settings;
use scim_core::store::Tenant;
use scim_core::store::memory::MemoryStore;
use scim_core::{Handler, Service, Store};
use serde_json::{Value, json};

struct World(AtomicU64);

impl Clock for World {
    fn now(&self) -> Timestamp {
        "2010-01-23T04:56:22Z".parse().unwrap()
    }
}

impl Ids for World {
    fn next(&self) -> Id {
        Id::parse(&format!("{:08}", self.0.fetch_add(1, Ordering::Relaxed))).unwrap()
    }
}

impl Passwords for World {
    fn hash(&self, password: &str) -> scim_core::Result<String> {
        Ok(format!("hashed {}", password.len()))
    }
}

/// The status, and the body as JSON.
pub(crate) fn answer(response: Response) -> (u16, Value) {
    let body = response.body.collect().unwrap();
    (response.status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

pub(crate) struct Client<S = MemoryStore>(Service<S>, Preset);

impl Client {
    pub(crate) fn new(preset: Preset) -> Self {
        Self::on(MemoryStore::new(), preset)
    }
}

impl<S> Client<S>
where
    Service<S>: Handler,
    S: Store,
{
    pub(crate) fn on(store: S, preset: Preset) -> Self {
        let world = Arc::new(World(AtomicU64::new(1)));
        let env = Env { clock: world.clone(), ids: world.clone(), passwords: world };
        let registry = Registry::standard().unwrap();
        let settings = Settings::new([1; 32]);
        Self(Service::new(registry, store, Open, env, settings), preset)
    }

    pub(crate) fn send(&self, method: &str, target: &str, body: &Value) -> (u16, Value) {
        answer(self.handle((method, target, None), body))
    }

    /// Has a request handled, with an `If-Match` maybe.
    pub(crate) fn handle(
        &self,
        (method, target, if_match): (&str, &str, Option<&str>),
        body: &Value,
    ) -> Response {
        let ask = |caller: &Caller, request: &Request<'_>| self.0.handle(caller, request);
        self.ask((method, target, if_match), body, ask)
    }

    /// Begins one.
    pub(crate) fn begin(
        &self,
        (method, target, if_match): (&str, &str, Option<&str>),
        body: &Value,
    ) -> Begun {
        let ask = |caller: &Caller, request: &Request<'_>| self.0.begin(caller, request);
        self.ask((method, target, if_match), body, ask)
    }

    fn ask<R>(
        &self,
        (method, target, if_match): (&str, &str, Option<&str>),
        body: &Value,
        ask: impl FnOnce(&Caller, &Request<'_>) -> R,
    ) -> R {
        let caller = Caller {
            tenant: Tenant::new("example"),
            actor: "token".into(),
            preset: self.1,
            scopes: Scopes::ALL,
            user: None,
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let base_url = "https://example.com/v2";
        let body = body.as_bytes();
        let request =
            Request { method, path, query, body, base_url, if_match, ..Request::default() };
        ask(&caller, &request)
    }

    pub(crate) fn create(&self, endpoint: &str, body: &Value) -> Value {
        let (status, made) = self.send("POST", endpoint, body);
        assert_eq!(status, 201, "{made}");
        made
    }

    pub(crate) fn patch(&self, made: &Value, operations: Value) -> (u16, Value) {
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
        let location = made["meta"]["location"].as_str().unwrap();
        let path = location.strip_prefix("https://example.com/v2").unwrap();
        self.send("PATCH", path, &json!({"schemas": schemas, "Operations": operations}))
    }
}
