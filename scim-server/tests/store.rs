//! The store passes the suite of the reference store, and keeps promises of its own. On SQLite; on
//! PostgreSQL with `SCIM_TEST_DATABASE_URL`.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use std::time::Duration;

use common::{Place, fresh};
use scim_core::event::Event;
use scim_core::org::{
    Cause, ClaimedDomain, DomainName, DomainPolicy, DomainRecords as _, DomainState, Organization,
    OrganizationRecords as _,
};
use scim_core::resource::Id;
use scim_core::store::{Member, Store, Tenant, Transaction};
use scim_core::{Error, Kind, Result, testkit};
use scim_server::store::{DieselStore, DieselTransaction, Indexed, Options};
use serde_json::Value;

scim_core::store_suite!(diesel, let (_place, store) = fresh() => store);

fn tenant() -> Tenant {
    Tenant::new("acme")
}

fn member(name: &str) -> Member {
    Member { id: Id::parse(name).unwrap(), kind: "User".into(), display: None }
}

/// On PostgreSQL looking ahead begins with the organization.
#[test]
fn what_is_foreseen_in_an_organization_is_told_as_it_is() {
    let (_place, store) = fresh();
    for name in testkit::TENANTS {
        found(&store, &Tenant::new(name), name);
    }
    testkit::what_is_foreseen_is_told_as_it_is(&store);
}

/// Makes an organization.
fn found(store: &DieselStore, org: &Tenant, name: &str) -> Organization {
    use scim_core::org::linking::{self, NewOrganization};
    use scim_core::org::{OrgKind, Plan};
    let env = scim_server::env::system(None);
    let now = env.clock.now();
    let cause = Cause { env: &env, actor: "test", request_id: "test", now };
    let (kind, plan, domains) = (OrgKind::Regular, Plan::Enterprise, DomainPolicy::Any);
    let new = NewOrganization { name, kind, plan, domains, owner: None };
    store.write_records(|tx| linking::create(tx, org.clone(), &new, &cause)).unwrap().0
}

/// Only what may begin a directory makes one, and none makes it beside the tables of another program.
#[test]
fn a_database_is_taken_for_a_directory_only_if_it_is_one() {
    let registry = testkit::registry();
    let place = Place::fresh();
    let reads = Options { create: false, ..place.options() };
    let refused =
        |options: &Options| DieselStore::open(options, &registry).unwrap_err().to_string();
    place.execute("CREATE TABLE invoices (id INTEGER)");
    for options in [&reads, &place.options()] {
        let said = refused(options);
        assert!(said.contains("another program") && said.contains("invoices"), "{said}");
    }
    place.execute("DROP TABLE invoices");
    let said = refused(&reads);
    assert!(said.contains("is empty") && said.contains("migrate"), "{said}");
    drop(place.open());
    drop(DieselStore::open(&reads, &registry).unwrap());
}

/// What the connection that writes remembers is as it is stored: whoever changed it, and if the change was undone.
#[test]
fn a_write_sees_what_was_written_before_it() {
    let (place, store) = fresh();
    let other = place.open();
    let made = found(&store, &tenant(), "0");
    let now = scim_server::env::system(None).clock.now();
    let domain = DomainName::parse("example.com").unwrap();
    let name = |tx: &mut DieselTransaction<'_>| -> Result<String> {
        Ok(tx.organization(&tenant())?.map(|organization| organization.name).unwrap_or_default())
    };
    // In a write of the kind that the administrative API makes, and in one of SCIM's.
    let names = |store: &DieselStore| {
        [store.write_records(name).unwrap(), store.write(&tenant(), name).unwrap()]
    };
    let claims = |store: &DieselStore| {
        store.write(&tenant(), |tx| Ok(tx.claims_on(&domain)?.len())).unwrap()
    };
    for n in 1..20 {
        let new = n.to_string();
        let renamed = Organization { name: new.clone(), ..made.clone() };
        let claim = ClaimedDomain {
            org: tenant(),
            id: Id::parse(&format!("d{n}")).unwrap(),
            name: domain.clone(),
            token: new.clone(),
            state: DomainState::Pending,
            created: now,
            verified: None,
            checked: None,
            missing: None,
        };
        let writer = if n % 2 == 0 { &store } else { &other };
        let change = |tx: &mut DieselTransaction<'_>| {
            tx.put_organization(&renamed)?;
            tx.put_domain(&claim)?;
            name(tx)
        };
        // Undone, alone and together with others that are stored.
        let undone = |tx: &mut DieselTransaction<'_>| {
            assert_eq!(change(tx)?, new);
            assert_eq!(tx.claims_on(&domain)?.len(), n);
            Err::<(), _>(Error::not_found("x"))
        };
        let before = (n - 1).to_string();
        writer.write_records(undone).unwrap_err();
        assert_eq!(names(writer), [&*before, &before]);
        let mut seen = Vec::new();
        writer
            .together(&mut || {
                let first = names(writer);
                writer.write_records(undone).unwrap_err();
                seen = [first, names(writer)].concat();
            })
            .unwrap();
        assert_eq!(seen, [&*before; 4]);
        assert_eq!(claims(writer), n - 1);
        assert_eq!(writer.write_records(change).unwrap(), new);
        for store in [&store, &other, &store, &other] {
            assert_eq!(names(store), [&*new, &new]);
            assert_eq!(claims(store), n);
        }
    }
}

/// What brief reads remember from one to the next is as old as what they read.
#[test]
fn a_brief_read_sees_what_was_written_before_it() {
    let (place, store) = fresh();
    // On PostgreSQL there are none.
    if !store.reads_briefly() {
        return;
    }
    let other = place.open();
    let made = found(&store, &tenant(), "0");
    let read = |store: &DieselStore| {
        let found = store.read_briefly(&tenant(), |tx| tx.organization(&tenant())).unwrap();
        found.unwrap().map(|organization| organization.name)
    };
    for n in 1..20 {
        let name = n.to_string();
        let renamed = Organization { name: name.clone(), ..made.clone() };
        let writer = if n % 2 == 0 { &store } else { &other };
        writer.write_records(|tx| tx.put_organization(&renamed)).unwrap();
        // The second read finds nothing new.
        for store in [&store, &other, &store, &other] {
            assert_eq!(read(store), Some(name.clone()));
        }
    }
    store.write_records(|tx| tx.remove_organization(&tenant())).unwrap();
    assert_eq!((read(&store), read(&other)), (None, None));
}

#[test]
fn group_commit_keeps_what_succeeded_and_nothing_else() {
    let (_place, store) = fresh();
    let group = Id::parse("group").unwrap();
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let (store, group) = (&store, &group);
            scope.spawn(move || {
                for i in 0..50 {
                    let done: Result<()> = store.write(&tenant(), |tx| {
                        tx.add_members(group, &[member(&format!("m-{thread}-{i}"))])?;
                        if i % 5 == 0 { Err(Error::not_found("on purpose")) } else { Ok(()) }
                    });
                    assert_eq!(done.is_ok(), i % 5 != 0);
                }
            });
        }
    });
    let there = store.read(&tenant(), |tx| tx.members(&group, None, 10_000)).unwrap();
    assert_eq!(there.len(), 16 * 40);
    assert!(there.iter().all(|m| !m.id.as_str().ends_with("-0") && !m.id.as_str().ends_with("-5")));
}

#[test]
fn a_panic_in_a_write_undoes_it_and_the_store_goes_on() {
    let (_place, store) = fresh();
    let group = Id::parse("group").unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.write(&tenant(), |tx| -> Result<()> {
            tx.nested(|tx| {
                tx.add_members(&group, &[member("half")])?;
                panic!("on purpose")
            })
        })
    }));
    assert!(panicked.is_err());
    store.write(&tenant(), |tx| tx.add_members(&group, &[member("whole")])).unwrap();
    let there = store.read(&tenant(), |tx| tx.members(&group, None, 10)).unwrap();
    assert_eq!(there, [member("whole")]);
}

#[test]
fn events_are_undone_with_their_write() {
    let (_place, store) = fresh();
    let event = |name: &str| Event {
        id: Id::parse(name).unwrap(),
        at: "2026-01-01T00:00:00Z".parse().unwrap(),
        name: "scim_user.created".into(),
        actor: "token".into(),
        request_id: "request".into(),
        target: Id::parse("ann").unwrap(),
        detail: Value::Null,
    };
    let failed: Result<()> = store.write(&tenant(), |tx| {
        tx.append(&event("undone"))?;
        Err(Error::not_found("on purpose"))
    });
    assert!(failed.is_err());
    store.write(&tenant(), |tx| tx.append(&event("kept"))).unwrap();
    // The id is taken, so a second one with it fails; one with the id of the undone doesn't.
    assert!(store.write(&tenant(), |tx| tx.append(&event("kept"))).is_err());
    store.write(&tenant(), |tx| tx.append(&event("undone"))).unwrap();
}

#[test]
fn r17_data_outlives_the_store_and_many_may_open_at_once() {
    let place = Place::fresh();
    let stores: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..10).map(|_| scope.spawn(|| place.open())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let env = scim_server::env::system(None);
    for (i, store) in stores.iter().enumerate() {
        store.create_organization(&format!("org {i}"), DomainPolicy::Any, &env).unwrap();
    }
    drop(stores);
    let store = place.open();
    assert_eq!(store.organizations().unwrap().len(), 10);
    assert_eq!(
        store.create_organization(" ", DomainPolicy::Any, &env).unwrap_err().kind(),
        Kind::Unprocessable
    );
}

#[test]
fn what_cannot_be_opened_is_said_in_one_sentence() {
    let registry = testkit::registry();
    for (url, expected) in [
        ("mysql://x", "not understood"),
        ("sqlite:", "not understood"),
        ("sqlite::memory:", "in memory"),
        (
            "postgres://scim:secret@127.0.0.1:1/x",
            "postgres://scim@127.0.0.1:1/x\" can't be reached",
        ),
        ("sqlite:/nowhere/at/all/scim.db", "there is no folder"),
    ] {
        let error = DieselStore::open(&Options::new(url), &registry).unwrap_err().to_string();
        assert!(error.contains(expected), "{url}: {error}");
    }
    let place = Place::on_sqlite();
    let path = place.url.trim_start_matches("sqlite:");
    std::fs::write(path, "this is no database, but text").unwrap();
    let error = DieselStore::open(&place.options(), &registry).unwrap_err().to_string();
    assert!(error.contains("not a database"), "{error}");
    let place = Place::on_sqlite();
    let bad = Options { indexed: Indexed::These(vec!["User:name".into()]), ..place.options() };
    let error = DieselStore::open(&bad, &registry).unwrap_err().to_string();
    assert!(error.contains("can't be indexed"), "{error}");
}

#[test]
fn a_new_plan_indexes_what_is_there() {
    let place = Place::fresh();
    drop(place.open());
    let planned = Options { indexed: Indexed::These(vec!["User:title".into()]), ..place.options() };
    let store = DieselStore::open(&planned, &testkit::registry()).unwrap();
    testkit::search_equals_matches(&store, 2);
}

#[test]
fn tokens_are_found_by_their_secret_alone() {
    use scim_core::caller::Scopes;
    use scim_core::dialect::Preset;
    use scim_server::store::TokenSpec;
    let (_place, store) = fresh();
    let now: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let env = scim_server::env::system(None);
    let cause = Cause { env: &env, actor: "operator", request_id: "r", now };
    let organization =
        store.create_organization("Example", DomainPolicy::Claimed, &env).unwrap().id;
    let spec = TokenSpec {
        preset: Preset::Entra,
        scopes: Scopes { bulk: false, ..Scopes::ALL },
        user: None,
        expires: Some(now + Duration::from_secs(60)),
    };
    let create = |spec: &TokenSpec, org: &Tenant| {
        store.write_records(|tx| tx.create_token(org, spec, &cause))
    };
    let (token, secret) = create(&spec, &organization).unwrap();
    assert_eq!(store.find_token(&secret).unwrap().as_ref(), Some(&token));
    assert_eq!(store.find_token("scim_x").unwrap(), None);
    assert!(token.is_live(now) && !token.is_live(now + Duration::from_secs(60)));
    create(&spec, &organization).unwrap();
    assert_eq!(create(&spec, &organization).unwrap_err().code(), Some("token_limit"));
    let revoke = |org: &Tenant| store.write_records(|tx| tx.revoke_token(org, &token.id, &cause));
    revoke(&organization).unwrap();
    assert!(!store.find_token(&secret).unwrap().unwrap().is_live(now));
    create(&spec, &organization).unwrap();
    assert_eq!(revoke(&Tenant::new("org_other")).unwrap_err().kind(), Kind::NotFound);
    assert_eq!(create(&spec, &Tenant::new("org_x")).unwrap_err().kind(), Kind::NotFound);
    let bound = TokenSpec { user: Id::parse("nobody"), ..spec };
    assert_eq!(create(&bound, &organization).unwrap_err().kind(), Kind::NotFound);
}
