//! Single resources: found, replaced, removed, and unique.

use serde_json::json;

use super::fixture::{
    DAWN, EXTRA, assert_kind, assert_same, at, build, delete, find, group, group_type, id, insert,
    one, replace, revised, two, user, user_type,
};
use crate::Kind;
use crate::resource::Version;
use crate::store::{Identity, Store, Transaction};

/// What was inserted is found as it was, secrets and odd characters included.
pub fn insert_then_find<S: Store>(store: &S) {
    let ann = build(
        &user_type(),
        id("2b"),
        Version(7),
        (at(DAWN + 1), at(DAWN + 999)),
        json!({
            "userName": "Ann O'Hara", "displayName": "\"Änn\" \\ % _ 😀 e\u{301}", "password": "hush",
            "title": "line\nbreak", "emails": [{"value": "ann@example.com", "primary": true}],
            EXTRA: {"rank": 9_007_199_254_740_993_i64, "score": 1.25, "tags": ["b", "a"]},
        }),
    );
    let staff = group("staff", json!({}));
    insert(store, &one(), &[&ann, &staff]);
    assert_same(&find(store, &one(), &ann).unwrap(), &ann);
    assert_same(&find(store, &one(), &staff).unwrap(), &staff);
    let seen = store.write(&one(), |tx| {
        let bob = user("bob", json!({}));
        tx.insert(&bob)?;
        tx.find(bob.kind(), bob.id())
    });
    assert!(seen.unwrap().is_some(), "a transaction sees its own writes");
}

/// Neither another organization nor another type has it.
pub fn find_looks_at_tenant_and_type<S: Store>(store: &S) {
    let ann = user("ann", json!({}));
    insert(store, &one(), &[&ann]);
    assert!(find(store, &two(), &ann).is_none());
    assert!(store.read(&one(), |tx| tx.find(&group_type(), ann.id())).unwrap().is_none());
    assert!(store.read(&one(), |tx| tx.find(&user_type(), &id("ANN"))).unwrap().is_none());
    assert_kind(store.write(&two(), |tx| tx.delete(&ann)), Kind::PreconditionFailed);
    let new = revised(&ann, json!({"userName": "eve"}));
    assert_kind(store.write(&two(), |tx| tx.update(&ann, &new)), Kind::PreconditionFailed);
    assert_kind(
        store.write(&two(), |tx| tx.touch(&user_type(), ann.id(), at(DAWN))),
        Kind::NotFound,
    );
    assert_same(&find(store, &one(), &ann).unwrap(), &ann);
    let tenant = store.read(&two(), |tx| Ok(tx.tenant().clone())).unwrap();
    assert_eq!(tenant, two());
}

/// Each id that is there once, with type and label; the others not at all.
pub fn identify_names_what_is_there<S: Store>(store: &S) {
    let ann = user("ann", json!({"displayName": "Ann"}));
    let bob = user("bob", json!({}));
    let staff = group("staff", json!({"displayName": "Staff"}));
    insert(store, &one(), &[&ann, &bob, &staff]);
    insert(store, &two(), &[&user("other", json!({}))]);
    let asked = ["staff", "nobody", "ann", "other", "bob", "ann"].map(id);
    let mut found = store.read(&one(), |tx| tx.identify(&asked)).unwrap();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    let identity = |name: &str, kind: &str, label: &str| Identity {
        id: id(name),
        kind: kind.into(),
        label: Some(label.into()),
    };
    let expected = [
        identity("ann", "User", "Ann"),
        identity("bob", "User", "bob"),
        identity("staff", "Group", "Staff"),
    ];
    assert_eq!(found, expected);
    assert_eq!(store.read(&one(), |tx| tx.identify(&[])).unwrap(), []);
}

/// The new state takes the place of the old one.
pub fn update_replaces<S: Store>(store: &S) {
    let ann = user("ann", json!({"title": "clerk", "password": "hush"}));
    insert(store, &one(), &[&ann]);
    let new = revised(&ann, json!({"userName": "ann.b", "nickName": "Annie"}));
    replace(store, &one(), &new).unwrap();
    assert_same(&find(store, &one(), &ann).unwrap(), &new);
}

/// `update` and `delete` of a state that is no longer the stored one are refused and change nothing.
pub fn compare_and_set_refuses_stale_states<S: Store>(store: &S) {
    let first = user("ann", json!({}));
    insert(store, &one(), &[&first]);
    let second = revised(&first, json!({"userName": "ann", "title": "second"}));
    replace(store, &one(), &second).unwrap();
    let third = revised(&first, json!({"userName": "other", "title": "third"}));
    assert_kind(store.write(&one(), |tx| tx.update(&first, &third)), Kind::PreconditionFailed);
    assert_kind(store.write(&one(), |tx| tx.delete(&first)), Kind::PreconditionFailed);
    assert_same(&find(store, &one(), &first).unwrap(), &second);

    delete(store, &one(), &second);
    assert_kind(store.write(&one(), |tx| tx.update(&second, &third)), Kind::PreconditionFailed);
    assert_kind(store.write(&one(), |tx| tx.delete(&second)), Kind::PreconditionFailed);
    assert!(find(store, &one(), &first).is_none());
    insert(store, &one(), &[&user("heir", json!({"userName": "other"}))]);
}

/// Nothing of a deleted resource is found.
pub fn deleted_resources_are_gone<S: Store>(store: &S) {
    let (ann, bob) = (user("ann", json!({})), user("bob", json!({})));
    insert(store, &one(), &[&ann, &bob]);
    delete(store, &one(), &ann);
    assert!(find(store, &one(), &ann).is_none());
    assert!(find(store, &one(), &bob).is_some());
    assert_eq!(store.read(&one(), |tx| tx.identify(&[id("ann")])).unwrap(), []);
}

/// `touch` leaves the document alone. A clock that was set back does not show.
pub fn touch_raises_the_version_and_never_turns_time_back<S: Store>(store: &S) {
    let staff = group("staff", json!({"externalId": "x"}));
    insert(store, &one(), &[&staff]);
    let touch = |time| store.write(&one(), |tx| tx.touch(staff.kind(), staff.id(), at(time)));
    assert_eq!(touch(DAWN + 5000).unwrap(), Version(2));
    let later = find(store, &one(), &staff).unwrap();
    assert_eq!((later.version(), later.modified()), (Version(2), at(DAWN + 5000)));
    assert_eq!(later.created(), staff.created());
    assert_eq!(later.text(), staff.text());

    assert_eq!(touch(DAWN - 5000).unwrap(), Version(3));
    let back = find(store, &one(), &staff).unwrap();
    assert_eq!((back.version(), back.modified()), (Version(3), at(DAWN + 5000)));

    let new = revised(&back, json!({"displayName": "staff"}));
    replace(store, &one(), &new).unwrap();
    assert_same(&find(store, &one(), &staff).unwrap(), &new);
    assert_kind(
        store.write(&one(), |tx| tx.touch(staff.kind(), &id("none"), at(DAWN))),
        Kind::NotFound,
    );
    assert_kind(
        store.write(&one(), |tx| tx.touch(&user_type(), staff.id(), at(DAWN))),
        Kind::NotFound,
    );
}

/// Unique values are compared by their key: folded, or exact where the schema says so.
pub fn unique_values_are_folded<S: Store>(store: &S) {
    let pairs = [
        ("Ann@Example.com", "aNN@eXAMPLE.COM"),
        ("\u{212A}elvin", "kelvin"),
        ("Ren\u{e9}", "RENE\u{301}"),
        ("ΣΑΣ", "σας"),
        ("Åse", "\u{212B}se"),
    ];
    for (i, (name, same)) in pairs.into_iter().enumerate() {
        let first = user(&format!("first-{i}"), json!({"userName": name}));
        let second = user(&format!("second-{i}"), json!({"userName": same}));
        insert(store, &one(), &[&first]);
        assert_kind(store.write(&one(), |tx| tx.insert(&second)), Kind::Uniqueness);
        assert!(find(store, &one(), &second).is_none());
    }
    let apart =
        ["straße", "strasse", "i", "ı", "i\u{307}", "100%", "100_", "1000", "a'", "a\"", "a\\"];
    for (i, name) in apart.into_iter().enumerate() {
        insert(store, &one(), &[&user(&format!("apart-{i}"), json!({"userName": name}))]);
    }
    let extra = |name: &str, extra: serde_json::Value| user(name, json!({EXTRA: extra}));
    insert(store, &one(), &[&extra("e1", json!({"badge": "B1", "alias": "B1"}))]);
    insert(store, &one(), &[&extra("e2", json!({"badge": "b1"}))]);
    let taken = [json!({"badge": "B1"}), json!({"alias": "b1"})];
    for taken in taken {
        let third = extra("e3", taken);
        assert_kind(store.write(&one(), |tx| tx.insert(&third)), Kind::Uniqueness);
    }
}

/// Another organization may have the same value, and so may another type and another attribute.
pub fn unique_values_are_per_tenant_and_type<S: Store>(store: &S) {
    let ann = user("ann", json!({"userName": "same", EXTRA: {"badge": "same", "alias": "same"}}));
    let same = group("same", json!({EXTRA: {"badge": "same", "alias": "same"}}));
    insert(store, &one(), &[&ann, &same]);
    insert(store, &two(), &[&ann, &same]);
    let second = group("second", json!({"displayName": "SAME"}));
    assert_kind(store.write(&one(), |tx| tx.insert(&second)), Kind::Uniqueness);
    let shared = [user("x", json!({"externalId": "e"})), user("y", json!({"externalId": "e"}))];
    insert(store, &one(), &[&shared[0], &shared[1]]);
}

/// A value that its holder gave up, or that went with it, may be taken.
pub fn unique_values_are_free_again<S: Store>(store: &S) {
    let ann = user("ann", json!({"userName": "name", EXTRA: {"badge": "7"}}));
    insert(store, &one(), &[&ann]);
    replace(store, &one(), &revised(&ann, json!({"userName": "renamed"}))).unwrap();
    let bob = user("bob", json!({"userName": "NAME", EXTRA: {"badge": "7"}}));
    insert(store, &one(), &[&bob]);
    delete(store, &one(), &bob);
    insert(store, &one(), &[&user("eve", json!({"userName": "Name", EXTRA: {"badge": "7"}}))]);

    let swapped = store.write(&one(), |tx| {
        let old = tx.find(&user_type(), &id("eve"))?.unwrap();
        tx.delete(&old)?;
        tx.insert(&user("zoe", json!({"userName": "name"})))
    });
    swapped.unwrap();
}

/// An update can't take another's value; it may keep its own, in another spelling too.
pub fn updates_keep_values_unique<S: Store>(store: &S) {
    let ann = user("ann", json!({"userName": "ann", EXTRA: {"badge": "1"}}));
    let bob = user("bob", json!({"userName": "bob", EXTRA: {"badge": "2"}}));
    insert(store, &one(), &[&ann, &bob]);
    for taken in [
        json!({"userName": "BOB", "title": "x", EXTRA: {"badge": "1"}}),
        json!({"userName": "free", "title": "x", EXTRA: {"badge": "2"}}),
    ] {
        assert_kind(replace(store, &one(), &revised(&ann, taken)), Kind::Uniqueness);
        assert_same(&find(store, &one(), &ann).unwrap(), &ann);
    }
    // What the refused update asked for is free, what it would have given up isn't.
    insert(store, &one(), &[&user("eve", json!({"userName": "free"}))]);
    let second = user("second", json!({"userName": "Ann"}));
    assert_kind(store.write(&one(), |tx| tx.insert(&second)), Kind::Uniqueness);

    let own = revised(&ann, json!({"userName": "ANN", EXTRA: {"badge": "1"}}));
    replace(store, &one(), &own).unwrap();
    assert_same(&find(store, &one(), &ann).unwrap(), &own);
    assert_kind(store.write(&one(), |tx| tx.insert(&second)), Kind::Uniqueness);
}
