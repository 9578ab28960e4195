//! Organizations in the store: the law of memberships, the schema, and what renaming costs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod common;

use std::path::Path;

use common::fresh;
use scim_core::testkit;
use scim_server::store::EventFilter;

#[test]
fn memberships_are_what_a_naive_model_says() {
    let (_place, store) = fresh();
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

#[test]
fn renaming_a_scim_name_costs_the_same_however_many_members_its_group_has() {
    use std::time::{Duration, Instant};

    use scim_core::org::linking::{self, NewOrganization};
    use scim_core::org::{
        Account, Binding, Cause, DomainPolicy, GroupRecords as _, Link, MembershipPolicy, OrgKind,
        Organization, OrganizationRecords as _, PersonRecords as _, Plan, ScimName, group_key,
        people,
    };
    use scim_core::resource::Id;
    use scim_core::store::{Member, Tenant, Transaction as _};

    const FEW: usize = 10;
    const MANY: usize = 100_000;
    let (_place, store) = fresh();
    let env = scim_server::env::system(None);
    let cause = Cause { env: &env, actor: "test", request_id: "r", now: env.clock.now() };
    let (admin, team) = (Tenant::new("org_admin"), Tenant::new("org_team"));
    let create = |id: &Tenant, kind| {
        let (plan, domains) = (Plan::Enterprise, DomainPolicy::Any);
        let new = NewOrganization { name: id.as_str(), kind, plan, domains, owner: None };
        store.write_records(|tx| linking::create(tx, id.clone(), &new, &cause)).unwrap().0
    };
    create(&admin, OrgKind::Admin);
    let organization = create(&team, OrgKind::Regular);
    let person = |i: usize| Id::parse(&format!("u{i:06}")).unwrap();
    store
        .write_records(|tx| {
            tx.within(&admin, |tx| {
                for i in 0..MANY {
                    tx.put_account(&Account::new(person(i), cause.now))?;
                    let (user, account) = (person(i), person(i));
                    let org = admin.clone();
                    tx.put_binding(&Binding { org, user, account, active: true, detached: false })?;
                }
                for (name, members) in [("few", FEW), ("many", MANY)] {
                    let group = Id::parse(name).unwrap();
                    tx.name_group(&group, Some(&group_key(name)))?;
                    let members: Vec<Member> = (0..members)
                        .map(|i| Member { id: person(i), kind: "User".into(), display: None })
                        .collect();
                    tx.add_members(&group, &members)?;
                }
                Ok(())
            })
        })
        .unwrap();
    // The rename itself, and the first look at what it changed; its events are as many as people move.
    let rename = |name: &str| {
        let scim_name = Some(ScimName::parse(name).unwrap());
        let (admin, since) = (admin.clone(), cause.now);
        let membership = MembershipPolicy::default();
        let link = Some(Link { admin, scim_name, membership, since, by: "test".into() });
        let renamed = Organization { link, ..organization.clone() };
        let began = Instant::now();
        store.write_records(|tx| tx.put_organization(&renamed)).unwrap();
        let (is, page) = store
            .read_records(|tx| {
                let is = people::membership(tx, &team, &person(FEW - 1))?.is_some();
                Ok((is, people::members(tx, &renamed, None, FEW)?.0.len()))
            })
            .unwrap();
        let took = began.elapsed();
        assert_eq!((is, page), (true, FEW));
        took
    };
    rename("many");
    let (mut few, mut many) = (Vec::new(), Vec::new());
    for _ in 0..21 {
        few.push(rename("few"));
        many.push(rename("many"));
    }
    few.sort();
    many.sort();
    let (few, many) = (few[10], many[10]);
    assert!(
        many < few * 2 + Duration::from_millis(2),
        "{few:?} with few members, {many:?} with many"
    );
}
