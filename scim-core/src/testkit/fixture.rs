//! The resource types, organizations and shorthands of the suite.

use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Kind;
use crate::Result;
use crate::dialect::Dialect;
use crate::filter::{Filter, Options, Predicate};
use crate::query::{Page, Query, Sort, Window};
use crate::resource::{Id, Resource, Version};
use crate::schema::{Intent, Registry, ResourceType};
use crate::store::{Member, Store, Tenant, Transaction};

/// The organizations that the suite works in. A store that keeps a list of them must know these.
pub const TENANTS: [&str; 2] = ["suite-one", "suite-two"];

/// An extension that has what the standard ones lack: numbers, instants, octets, lists of simple values,
/// and unique attributes.
pub(super) const EXTRA: &str = "urn:example:scim:testkit:Extra";

/// The resource types that the suite works on: User and Group of the standard registry, and in both an
/// extension with attributes of all types. For stores that need to know them before.
#[must_use]
pub fn registry() -> Registry {
    STANDARD.clone()
}

static STANDARD: LazyLock<Registry> = LazyLock::new(|| {
    let unique = |name: &str, case_exact: bool| json!({"name": name, "type": "string", "caseExact": case_exact, "uniqueness": "server"});
    let extra = json!({"id": EXTRA, "name": "Extra", "attributes": [
        unique("badge", true),
        unique("alias", false),
        {"name": "rank", "type": "integer"},
        {"name": "score", "type": "decimal"},
        {"name": "since", "type": "dateTime"},
        {"name": "print", "type": "binary"},
        {"name": "tags", "type": "string", "multiValued": true},
        {"name": "codes", "type": "string", "multiValued": true, "caseExact": true},
        {"name": "levels", "type": "integer", "multiValued": true},
    ]});
    let standard = Registry::standard().unwrap();
    let mut registry = Registry::empty().unwrap();
    for urn in [crate::schema::USER, crate::schema::ENTERPRISE_USER, crate::schema::GROUP] {
        let schema = serde_json::to_string(standard.schema(urn).unwrap()).unwrap();
        registry = registry.with_schema(&schema).unwrap();
    }
    registry = registry.with_schema(&extra.to_string()).unwrap();
    let user = json!({"name": "User", "endpoint": "/Users", "schema": crate::schema::USER,
        "schemaExtensions": [{"schema": crate::schema::ENTERPRISE_USER}, {"schema": EXTRA}]});
    let group = json!({"name": "Group", "endpoint": "/Groups", "schema": crate::schema::GROUP,
        "schemaExtensions": [{"schema": EXTRA}]});
    registry
        .with_resource_type(&user.to_string())
        .and_then(|registry| registry.with_resource_type(&group.to_string()))
        .unwrap()
});

pub(super) fn user_type() -> Arc<ResourceType> {
    STANDARD.by_name("User").unwrap().clone()
}

pub(super) fn group_type() -> Arc<ResourceType> {
    STANDARD.by_name("Group").unwrap().clone()
}

pub(super) fn one() -> Tenant {
    Tenant::new(TENANTS[0])
}

pub(super) fn two() -> Tenant {
    Tenant::new(TENANTS[1])
}

pub(super) fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

/// A time in whole milliseconds.
pub(super) fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap()
}

pub(super) const DAWN: i64 = 1_600_000_000_000;

/// A user; `userName` is the id unless the document says otherwise.
pub(super) fn user(name: &str, document: Value) -> Resource {
    resource(&user_type(), name, "userName", document)
}

/// A group; `displayName` is the id unless the document says otherwise.
pub(super) fn group(name: &str, document: Value) -> Resource {
    resource(&group_type(), name, "displayName", document)
}

fn resource(kind: &Arc<ResourceType>, name: &str, naming: &str, mut document: Value) -> Resource {
    let object = document.as_object_mut().unwrap();
    object.entry(naming).or_insert_with(|| name.into());
    build(kind, id(name), Version::FIRST, (at(DAWN), at(DAWN)), document)
}

pub(super) fn build(
    kind: &Arc<ResourceType>,
    id: Id,
    version: Version,
    times: (Timestamp, Timestamp),
    document: Value,
) -> Resource {
    let Value::Object(document) = document else { panic!("a document is an object: {document}") };
    let checked = kind.check(document, Intent::Create, &mut Dialect::default()).unwrap();
    Resource::new(Arc::clone(kind), id, version, times, checked.document, checked.secrets).unwrap()
}

/// The next state of a resource, a second later.
pub(super) fn revised(old: &Resource, document: Value) -> Resource {
    let modified = at(old.modified().as_millisecond() + 1000);
    let version = old.version().next();
    build(old.kind(), old.id().clone(), version, (old.created(), modified), document)
}

pub(super) fn insert<S: Store>(store: &S, tenant: &Tenant, resources: &[&Resource]) {
    store.write(tenant, |tx| resources.iter().try_for_each(|r| tx.insert(r))).unwrap();
}

pub(super) fn find<S: Store>(store: &S, tenant: &Tenant, like: &Resource) -> Option<Resource> {
    store.read(tenant, |tx| tx.find(like.kind(), like.id())).unwrap()
}

/// Replaces what is stored under the id of `new`.
pub(super) fn replace<S: Store>(store: &S, tenant: &Tenant, new: &Resource) -> Result<()> {
    store.write(tenant, |tx| {
        let old = tx.find(new.kind(), new.id())?.unwrap();
        tx.update(&old, new)
    })
}

pub(super) fn delete<S: Store>(store: &S, tenant: &Tenant, like: &Resource) {
    store
        .write(tenant, |tx| {
            let old = tx.find(like.kind(), like.id())?.unwrap();
            tx.delete(&old)
        })
        .unwrap();
}

pub(super) fn add<S: Store>(store: &S, tenant: &Tenant, group: &Resource, members: &[&Resource]) {
    let members: Vec<Member> = members.iter().map(|resource| member(resource)).collect();
    store.write(tenant, |tx| tx.add_members(group.id(), &members)).unwrap();
}

pub(super) fn member(resource: &Resource) -> Member {
    Member {
        id: resource.id().clone(),
        kind: resource.kind().name.clone(),
        display: resource.label().unwrap().map(str::to_owned),
    }
}

#[track_caller]
pub(super) fn assert_same(found: &Resource, expected: &Resource) {
    let parts = |r: &Resource| {
        let times = (r.created().as_millisecond(), r.modified().as_millisecond());
        let kind = r.kind().name.clone();
        (kind, r.id().clone(), r.version(), times, r.text().to_owned(), r.secrets().clone())
    };
    assert_eq!(parts(found), parts(expected));
}

#[track_caller]
pub(super) fn assert_kind<R>(outcome: Result<R>, expected: Kind) {
    match outcome {
        Ok(_) => panic!("expected {expected:?}, but it succeeded"),
        Err(error) => assert_eq!(error.kind(), expected, "{error}"),
    }
}

pub(super) fn predicate(kind: &ResourceType, filter: &str) -> Predicate {
    let filter = Filter::parse(filter, Options::default()).unwrap();
    Predicate::resolve(&filter, kind, &mut Dialect::default()).unwrap()
}

pub(super) fn sort(kind: &ResourceType, path: &str, descending: bool) -> Sort {
    Sort { attr: attribute(kind, path), descending }
}

/// What `[urn:]name[.sub]` names.
pub(super) fn attribute(kind: &ResourceType, path: &str) -> crate::schema::AttrRef {
    kind.resolve(&attr_path(path), Kind::InvalidPath).unwrap()
}

pub(super) fn attr_path(path: &str) -> crate::path::AttrPath {
    let (urn, rest) = match path.rsplit_once(':') {
        // The version in a URN has a dot too.
        Some((urn, rest)) => (Some(urn.to_owned()), rest),
        None => (None, path),
    };
    let (name, sub) = match rest.split_once('.') {
        Some((name, sub)) => (name, Some(sub.to_owned())),
        None => (rest, None),
    };
    crate::path::AttrPath { urn, name: name.to_owned(), sub }
}

pub(super) fn everything() -> Query {
    Query { predicate: None, sort: None, window: Window::Offset { offset: 0, count: 1000 } }
}

pub(super) fn search<S: Store>(
    store: &S,
    tenant: &Tenant,
    kind: &Arc<ResourceType>,
    query: &Query,
) -> Page {
    store.read(tenant, |tx| tx.search(kind, query)).unwrap()
}

pub(super) fn ids(page: &Page) -> Vec<&str> {
    page.resources.iter().map(|resource| resource.id().as_str()).collect()
}
