//! What is measured: the operations of a request that cost the most, each once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use scim_core::caller::Scopes;
use scim_core::dialect::{Dialect, Preset};
use scim_core::directory::Open;
use scim_core::env::{Clock, Env, Ids, Passwords};
use scim_core::filter::{Filter, Options, Predicate};
use scim_core::http::Request;
use scim_core::patch::Patch;
use scim_core::projection::Projection;
use scim_core::resource::Id;
use scim_core::schema::{Intent, Registry, ResourceType};
use scim_core::service::Settings;
use scim_core::store::Tenant;
use scim_core::store::memory::MemoryStore;
use scim_core::{Caller, Handler as _, Service};
use serde_json::{Map, Value, json};

/// The names of the operations, as [`Operations::run`] knows them.
pub(crate) const NAMES: [&str; 8] = [
    "filter_parse",
    "filter_resolve",
    "filter_match",
    "schema_check",
    "patch_parse",
    "patch_apply",
    "projection",
    "page_by_cursor",
];

const FILTER: &str = "userName eq \"ann@example.com\" and (active eq true or emails[type eq \"work\" and \
                      value sw \"ann@\"]) and not (name.familyName pr)";
const USERS: usize = 50;

struct World(AtomicU64);

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
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

/// The operations, with what they work on.
pub(crate) struct Operations {
    user: Arc<ResourceType>,
    filter: Filter,
    predicate: Predicate,
    document: Map<String, Value>,
    patch: Value,
    parsed: Patch,
    projection: Projection,
    service: Service<MemoryStore>,
    caller: Caller,
    cursor: String,
}

impl Operations {
    pub(crate) fn new() -> Self {
        let registry = Registry::standard().unwrap();
        let user = Arc::clone(registry.by_name("User").unwrap());
        let mut dialect = Dialect::new(Preset::Lenient);
        let filter = Filter::parse(FILTER, Options { bare_values: false }).unwrap();
        let predicate = Predicate::resolve(&filter, &user, &mut dialect).unwrap();
        let patch = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [
                {"op": "replace", "path": "active", "value": false},
                {"op": "add", "path": "emails", "value": [{"value": "a@example.org", "type": "home"}]},
                {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "b@example.com"},
                {"op": "remove", "path": "title"},
            ],
        });
        let parsed = Patch::parse(patch.clone(), &user, &mut dialect).unwrap();
        let projection = Projection::new(&user, &["userName".into(), "emails.value".into()], &[]);
        let world = Arc::new(World(AtomicU64::new(1)));
        let env = Env { clock: world.clone(), ids: world.clone(), passwords: world };
        let settings = Settings::new([1; 32]);
        let service = Service::new(registry, MemoryStore::new(), Open, env, settings);
        let caller = Caller {
            tenant: Tenant::new("example"),
            actor: "token".into(),
            preset: Preset::Lenient,
            scopes: Scopes::ALL,
            user: None,
        };
        let document = document(0);
        let cursor = String::new();
        let mut all = Self {
            user,
            filter,
            predicate,
            document,
            patch,
            parsed,
            projection,
            service,
            caller,
            cursor,
        };
        for n in 0..USERS {
            all.send("POST", "/Users", "", document_text(n).as_bytes());
        }
        let first = all.send("GET", "/Users", "count=10&cursor=", b"");
        let first: Value = serde_json::from_slice(&first).unwrap();
        first["nextCursor"].as_str().unwrap().clone_into(&mut all.cursor);
        all
    }

    /// Runs one operation once.
    pub(crate) fn run(&self, name: &str) {
        let mut dialect = Dialect::new(Preset::Lenient);
        match name {
            "filter_parse" => drop(Filter::parse(FILTER, Options { bare_values: false }).unwrap()),
            "filter_resolve" => {
                drop(Predicate::resolve(&self.filter, &self.user, &mut dialect).unwrap());
            }
            "filter_match" => assert!(!self.predicate.matches(&self.document)),
            "schema_check" => {
                let checked = self.user.check(self.document.clone(), Intent::Create, &mut dialect);
                drop(checked.unwrap());
            }
            "patch_parse" => {
                drop(Patch::parse(self.patch.clone(), &self.user, &mut dialect).unwrap());
            }
            "patch_apply" => {
                let mut changed = self.document.clone();
                let mut secrets = Map::new();
                self.parsed.apply(&mut changed, &mut secrets, &mut dialect).unwrap();
            }
            "projection" => drop(self.projection.apply(&self.user, &self.document)),
            "page_by_cursor" => {
                let query = format!("count=10&cursor={}", self.cursor);
                drop(self.send("GET", "/Users", &query, b""));
            }
            _ => panic!("there is no operation {name}"),
        }
    }

    fn send(&self, method: &str, path: &str, query: &str, body: &[u8]) -> Vec<u8> {
        let request = Request { method, path, query, body, ..Request::default() };
        let response = self.service.handle(&self.caller, &request);
        assert!(response.status < 300, "{method} {path}: {}", response.status);
        response.body.collect().unwrap()
    }
}

fn document(n: usize) -> Map<String, Value> {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": format!("u{n}@example.com"),
        "externalId": format!("ext-{n}"),
        "name": {"givenName": "Ann", "familyName": "Smith", "formatted": "Ann Smith"},
        "displayName": "Ann Smith",
        "title": "Engineer",
        "active": true,
        "emails": [
            {"value": format!("u{n}@example.com"), "type": "work", "primary": true},
            {"value": format!("u{n}@example.net"), "type": "other"},
        ],
        "phoneNumbers": [{"value": "+1-555-0100", "type": "work"}],
    })
    .as_object()
    .unwrap()
    .clone()
}

fn document_text(n: usize) -> String {
    Value::Object(document(n)).to_string()
}
