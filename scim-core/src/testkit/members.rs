//! Memberships.

use serde_json::json;

use super::fixture::{
    DAWN, add, at, delete, find, group, id, insert, member, one, replace, revised, two, user,
};
use crate::resource::{Id, Resource};
use crate::store::{Member, Membership, Store, Tenant, Transaction};

fn members<S: Store>(store: &S, tenant: &Tenant, group: &Resource) -> Vec<Member> {
    store.read(tenant, |tx| tx.members(group.id(), None, usize::MAX)).unwrap()
}

fn groups_of<S: Store>(store: &S, members: &[&str]) -> Vec<Membership> {
    let members: Vec<Id> = members.iter().map(|name| id(name)).collect();
    store.read(&one(), |tx| tx.groups_of(&members)).unwrap()
}

fn membership(member: &str, group: &str, direct: bool) -> Membership {
    Membership { member: id(member), group: id(group), display: Some(group.into()), direct }
}

fn sorted(mut ids: Vec<Id>) -> Vec<Id> {
    ids.sort();
    ids
}

/// A member is added once; the group's version is the service's to raise.
pub fn adding_members_tells_the_new_ones<S: Store>(store: &S) {
    let (ann, bob) = (user("ann", json!({"displayName": "Ann"})), user("bob", json!({})));
    let (staff, board) = (group("staff", json!({})), group("board", json!({})));
    insert(store, &one(), &[&ann, &bob, &staff, &board]);
    let add = |members: &[Member]| {
        sorted(store.write(&one(), |tx| tx.add_members(staff.id(), members)).unwrap())
    };
    assert_eq!(add(&[]), []);
    assert_eq!(add(&[member(&ann), member(&ann)]), [id("ann")]);
    assert_eq!(add(&[member(&bob), member(&ann), member(&board)]), [id("board"), id("bob")]);
    assert_eq!(add(&[member(&bob)]), []);
    assert_eq!(members(store, &one(), &staff), [member(&ann), member(&board), member(&bob)]);
    assert_eq!(members(store, &one(), &board), []);
    assert_eq!(find(store, &one(), &staff).unwrap().version(), staff.version());
}

/// Only those that were in are told of, each once.
pub fn removing_members_tells_those_that_were_in<S: Store>(store: &S) {
    let (ann, bob) = (user("ann", json!({})), user("bob", json!({})));
    let (staff, board) = (group("staff", json!({})), group("board", json!({})));
    insert(store, &one(), &[&ann, &bob, &staff, &board]);
    add(store, &one(), &staff, &[&ann, &bob]);
    add(store, &one(), &board, &[&ann]);
    let remove = |names: &[&str]| {
        let ids: Vec<Id> = names.iter().map(|name| id(name)).collect();
        sorted(store.write(&one(), |tx| tx.remove_members(staff.id(), &ids)).unwrap())
    };
    assert_eq!(remove(&[]), []);
    assert_eq!(remove(&["nobody", "ann", "ann"]), [id("ann")]);
    assert_eq!(remove(&["ann"]), []);
    assert_eq!(members(store, &one(), &staff), [member(&bob)]);
    assert_eq!(members(store, &one(), &board), [member(&ann)]);
}

/// In the order of ids, which is that of code points, from any place on.
pub fn members_are_paged_by_id<S: Store>(store: &S) {
    let names = ["_x", "a-1", "a1", "a10", "a2", "Z", "zz", "-0"];
    let users: Vec<Resource> = names.iter().map(|name| user(name, json!({}))).collect();
    let staff = group("staff", json!({}));
    insert(store, &one(), &[&staff]);
    insert(store, &one(), &users.iter().collect::<Vec<_>>());
    add(store, &one(), &staff, &users.iter().collect::<Vec<_>>());
    let page = |after: Option<&str>, limit: usize| {
        let after = after.map(id);
        let page = store.read(&one(), |tx| tx.members(staff.id(), after.as_ref(), limit)).unwrap();
        page.into_iter().map(|member| member.id.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(page(None, usize::MAX), ["-0", "Z", "_x", "a-1", "a1", "a10", "a2", "zz"]);
    assert_eq!(page(None, 3), ["-0", "Z", "_x"]);
    assert_eq!(page(Some("_x"), 3), ["a-1", "a1", "a10"]);
    assert_eq!(page(Some("a11"), 3), ["a2", "zz"], "`after` need not be a member");
    assert_eq!(page(Some("zz"), 3), [""; 0]);
    assert_eq!(page(None, 0), [""; 0]);
}

/// The same ids in another organization are others.
pub fn members_of_other_tenants_are_apart<S: Store>(store: &S) {
    let (ann, bob) = (user("ann", json!({})), user("bob", json!({})));
    let staff = group("staff", json!({}));
    for tenant in [one(), two()] {
        insert(store, &tenant, &[&ann, &bob, &staff]);
    }
    add(store, &one(), &staff, &[&ann]);
    add(store, &two(), &staff, &[&bob]);
    assert_eq!(members(store, &one(), &staff), [member(&ann)]);
    assert_eq!(members(store, &two(), &staff), [member(&bob)]);
    assert_eq!(groups_of(store, &["bob"]), []);
    let removed = store.write(&two(), |tx| tx.remove_members(staff.id(), &[id("ann")])).unwrap();
    assert_eq!(removed, []);
    delete(store, &two(), &staff);
    assert_eq!(groups_of(store, &["ann"]), [membership("ann", "staff", true)]);
}

/// A group that holds a member both ways is direct.
pub fn groups_are_direct_or_indirect<S: Store>(store: &S) {
    let (ann, bob) = (user("ann", json!({})), user("bob", json!({})));
    let groups = ["crew", "staff", "all", "both", "other"].map(|name| group(name, json!({})));
    let [crew, staff, all, both, other] = &groups;
    insert(store, &one(), &[&ann, &bob, crew, staff, all, both, other]);
    add(store, &one(), crew, &[&ann]);
    add(store, &one(), staff, &[crew, &bob]);
    add(store, &one(), all, &[staff]);
    add(store, &one(), both, &[&ann, staff]);
    let of_ann = [
        membership("ann", "all", false),
        membership("ann", "both", true),
        membership("ann", "crew", true),
        membership("ann", "staff", false),
    ];
    assert_eq!(groups_of(store, &["ann"]), of_ann);
    let of_two = groups_of(store, &["crew", "nobody", "bob", "crew"]);
    let expected = [
        membership("bob", "all", false),
        membership("bob", "both", false),
        membership("bob", "staff", true),
        membership("crew", "all", false),
        membership("crew", "both", false),
        membership("crew", "staff", true),
    ];
    assert_eq!(of_two, expected);
    assert_eq!(groups_of(store, &["other"]), []);
    assert_eq!(groups_of(store, &[]), []);
}

/// Groups may hold each other; each of them then holds itself through the others.
pub fn cycles_of_groups_end<S: Store>(store: &S) {
    let ann = user("ann", json!({}));
    let groups = ["a", "b", "c"].map(|name| group(name, json!({})));
    let [a, b, c] = &groups;
    insert(store, &one(), &[&ann, a, b, c]);
    add(store, &one(), a, &[&ann, c]);
    add(store, &one(), b, &[a]);
    add(store, &one(), c, &[b, c]);
    let of_ann = [("a", true), ("b", false), ("c", false)];
    let of_a = [("a", false), ("b", true), ("c", false)];
    let of_c = [("a", true), ("b", false), ("c", true)];
    for (name, expected) in [("ann", of_ann), ("a", of_a), ("c", of_c)] {
        let expected = expected.map(|(group, direct)| membership(name, group, direct));
        assert_eq!(groups_of(store, &[name]), expected);
    }
}

/// A deleted resource is in no group, and a deleted group holds nobody; the groups that held it keep
/// their versions (the service raises them).
pub fn deleting_ends_memberships_both_ways<S: Store>(store: &S) {
    let (ann, bob) = (user("ann", json!({})), user("bob", json!({})));
    let (crew, staff) = (group("crew", json!({})), group("staff", json!({})));
    insert(store, &one(), &[&ann, &bob, &crew, &staff]);
    add(store, &one(), &crew, &[&ann, &bob]);
    add(store, &one(), &staff, &[&crew, &ann]);
    delete(store, &one(), &ann);
    assert_eq!(members(store, &one(), &crew), [member(&bob)]);
    assert_eq!(members(store, &one(), &staff), [member(&crew)]);
    assert_eq!(groups_of(store, &["ann"]), []);
    assert_eq!(find(store, &one(), &crew).unwrap().version(), crew.version());
    delete(store, &one(), &crew);
    assert_eq!(members(store, &one(), &staff), []);
    assert_eq!(groups_of(store, &["bob"]), []);
    // Whoever comes back under the old id begins anew.
    insert(store, &one(), &[&ann, &crew]);
    assert_eq!(groups_of(store, &["ann", "bob", "crew"]), []);
    assert_eq!(members(store, &one(), &crew), []);
}

/// In `members` and `groups`, what is shown for a resource is its label of now.
pub fn display_follows_the_label<S: Store>(store: &S) {
    let ann = user("ann", json!({"displayName": "Ann"}));
    let (crew, staff) = (group("crew", json!({})), group("staff", json!({})));
    insert(store, &one(), &[&ann, &crew, &staff]);
    add(store, &one(), &crew, &[&ann]);
    add(store, &one(), &staff, &[&ann, &crew]);
    let titled = revised(&ann, json!({"userName": "ann", "displayName": "Ann", "title": "x"}));
    let renamed = revised(&titled, json!({"userName": "ann", "displayName": "Ann B."}));
    let unnamed = revised(&renamed, json!({"userName": "ann.b"}));
    for (new, label) in [(&titled, "Ann"), (&renamed, "Ann B."), (&unnamed, "ann.b")] {
        replace(store, &one(), new).unwrap();
        let row = Member { id: id("ann"), kind: "User".into(), display: Some(label.into()) };
        assert_eq!(members(store, &one(), &staff), [row.clone(), member(&crew)]);
        assert_eq!(members(store, &one(), &crew), [row]);
    }
    let renamed = revised(&crew, json!({"displayName": "Crew 2"}));
    replace(store, &one(), &renamed).unwrap();
    store.write(&one(), |tx| tx.touch(crew.kind(), crew.id(), at(DAWN))).unwrap();
    assert_eq!(members(store, &one(), &staff)[1], member(&renamed));
    assert_eq!(groups_of(store, &["ann"])[0].display.as_deref(), Some("Crew 2"));

    let given = Member { display: Some("as given".into()), ..member(&staff) };
    store.write(&one(), |tx| tx.add_members(crew.id(), std::slice::from_ref(&given))).unwrap();
    assert!(members(store, &one(), &crew).contains(&given));
}
