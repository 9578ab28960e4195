//! Searches: which, in which order, how many, which part.

use std::sync::Arc;

use serde_json::{Value, json};

use super::fixture::{
    DAWN, EXTRA, add, at, build, everything, group, group_type, id, ids, insert, member, one,
    predicate, revised, search, sort, two, user, user_type,
};
use crate::query::{Position, Query, Sort, SortKey, Window};
use crate::resource::Version;
use crate::schema::ResourceType;
use crate::store::{Store, Transaction};

#[track_caller]
fn assert_found<S: Store>(store: &S, kind: &Arc<ResourceType>, filter: &str, expected: &[&str]) {
    let query = Query { predicate: Some(predicate(kind, filter)), ..everything() };
    let page = search(store, &one(), kind, &query);
    assert_eq!(ids(&page), expected, "{filter}");
    assert_eq!((page.total, page.more), (expected.len(), false), "{filter}");
}

/// Each operator, on each sort of attribute. Text is taken as it is: nothing in it is a wildcard.
pub fn search_by_predicate<S: Store>(store: &S) {
    let user = |name: &str, minute: i64, document: Value| {
        let mut document = document;
        document["userName"] = format!("{name}@example.com").into();
        let times = (at(DAWN), at(DAWN + minute * 60_000));
        build(&user_type(), id(name), Version(1), times, document)
    };
    let resources = [
        user(
            "a",
            0,
            json!({
                "title": "100% Café_\\", "active": true, "externalId": "X",
                "name": {"familyName": "O'Hara"},
                "emails": [{"value": "a@work.example", "type": "work"},
                    {"value": "a@home.example", "type": "home", "primary": true}],
                EXTRA: {"rank": 10, "score": 0.5, "since": "2020-01-01T00:00:00+02:00", "tags": ["X", "y"]},
            }),
        ),
        user(
            "b",
            1,
            json!({
                "title": "1000 cafe\u{301}x", "active": false, "externalId": "x",
                "emails": [{"value": "b@home.example", "type": "work"}],
                EXTRA: {"rank": 9, "score": -2.0, "since": "2019-12-31T22:00:01Z"},
            }),
        ),
        user("c", 2, json!({"title": "STRASSE", "userType": "straße"})),
        user("d", 3, json!({})),
    ];
    insert(store, &one(), &resources.each_ref());
    let exact_time = format!("meta.lastModified ge \"{}\"", resources[2].modified());
    let cases: &[(&str, &[&str])] = &[
        ("userName eq \"A@Example.COM\"", &["a"]),
        ("userName sw \"B\"", &["b"]),
        ("userName ne \"a@example.com\"", &["b", "c", "d"]),
        ("id eq \"c\"", &["c"]),
        ("id eq \"C\"", &[]),
        ("id gt \"b\"", &["c", "d"]),
        ("externalId eq \"x\"", &["b"]),
        ("externalId ne \"x\"", &["a"]),
        ("title co \"CAFÉ\"", &["a", "b"]),
        ("title co \"0%\"", &["a"]),
        ("title co \"é_\"", &["a"]),
        ("title ew \"_\\\\\"", &["a"]),
        ("title ew \"\u{e9}X\"", &["b"]),
        ("title co \"\"", &["a", "b", "c"]),
        ("title eq \"straße\"", &[]),
        ("userType eq \"STRAßE\"", &["c"]),
        ("title gt \"1000\"", &["b", "c"]),
        ("title le \"1000\"", &["a"]),
        ("title pr", &["a", "b", "c"]),
        ("title eq null", &["d"]),
        ("not (title co \"cafe\")", &["a", "b", "c", "d"]),
        ("active eq true", &["a", "c", "d"]),
        ("active ne true", &["b"]),
        ("active eq false", &["b"]),
        ("active ne false", &["a", "c", "d"]),
        ("active pr", &["a", "b", "c", "d"]),
        ("schemas eq \"urn:ietf:params:scim:schemas:core:2.0:User\"", &["a", "b", "c", "d"]),
        ("schemas co \"core\"", &["a", "b", "c", "d"]),
        ("schemas eq \"\"", &[]),
        ("schemas lt \"a\"", &[]),
        ("name.familyName eq \"o'hara\"", &["a"]),
        ("name pr", &["a"]),
        ("emails eq \"b@home.example\"", &["b"]),
        ("emails.type eq \"work\" and emails.value co \"home\"", &["a", "b"]),
        ("emails[type eq \"work\" and value co \"home\"]", &["b"]),
        ("not (emails[type eq \"work\" and value co \"home\"])", &["a", "c", "d"]),
        ("emails[type ne \"work\"]", &["a"]),
        ("emails.type ne \"work\"", &[]),
        ("emails[not (primary pr)]", &["a", "b"]),
        ("rank gt 9", &["a"]),
        ("rank ge 9 and score lt 0", &["b"]),
        ("score eq 0.50", &["a"]),
        ("since eq \"2019-12-31T22:00:00Z\"", &["a"]),
        ("since gt \"2020-01-01T00:00:00+02:00\"", &["b"]),
        ("tags eq \"x\"", &["a"]),
        ("tags ne \"x\"", &[]),
        ("tags ne \"z\"", &["a"]),
        (
            "meta.resourceType eq \"User\" and meta.version eq \"W/\\\"1\\\"\"",
            &["a", "b", "c", "d"],
        ),
        (&exact_time, &["c", "d"]),
        ("meta.created lt \"2000-01-01T00:00:00Z\"", &[]),
        ("(id eq \"a\" or id eq \"b\") and not (active eq true)", &["b"]),
    ];
    for (filter, expected) in cases {
        assert_found(store, &user_type(), filter, expected);
    }
}

/// `members` of groups and `groups` of users, which are no part of the document.
pub fn search_by_rows_beside_the_document<S: Store>(store: &S) {
    let (ann, bob, eve) = (user("ann", json!({})), user("bob", json!({})), user("eve", json!({})));
    let groups = ["crew", "none", "staff"].map(|name| group(name, json!({})));
    let [crew, none, staff] = &groups;
    insert(store, &one(), &[&ann, &bob, &eve, crew, none, staff]);
    add(store, &one(), crew, &[&ann]);
    add(store, &one(), staff, &[&bob, crew]);
    let cases: &[(&str, &[&str])] = &[
        ("members.value eq \"ann\"", &["crew"]),
        ("members eq \"ANN\"", &[]),
        ("members pr", &["crew", "staff"]),
        ("not (members pr)", &["none"]),
        ("members.value ne \"ann\"", &["staff"]),
        ("members.display sw \"A\"", &["crew"]),
        ("members[type eq \"group\" and value eq \"crew\"]", &["staff"]),
        ("members[type eq \"User\" and value eq \"crew\"]", &[]),
        ("displayName eq \"STAFF\" and members.value eq \"bob\"", &["staff"]),
    ];
    for (filter, expected) in cases {
        assert_found(store, &group_type(), filter, expected);
    }
    let cases: &[(&str, &[&str])] = &[
        ("groups.value eq \"staff\"", &["ann", "bob"]),
        ("groups[value eq \"staff\" and type eq \"direct\"]", &["bob"]),
        ("groups.type eq \"indirect\"", &["ann"]),
        ("groups.display co \"RE\"", &["ann"]),
        ("groups eq null", &["eve"]),
        ("groups.value ne \"crew\"", &["bob"]),
    ];
    for (filter, expected) in cases {
        assert_found(store, &user_type(), filter, expected);
    }

    let renamed = revised(&ann, json!({"userName": "zoe"}));
    store.write(&one(), |tx| tx.update(&ann, &renamed)).unwrap();
    store.write(&one(), |tx| tx.remove_members(staff.id(), &[id("bob")])).unwrap();
    assert_found(store, &group_type(), "members.display eq \"zoe\"", &["crew"]);
    assert_found(store, &group_type(), "members.value eq \"bob\"", &[]);
    assert_found(store, &user_type(), "groups eq null", &["bob", "eve"]);
}

/// `total` counts what matches, on the page or not; `count` 0 asks for nothing else.
pub fn search_counts<S: Store>(store: &S) {
    let users: Vec<_> =
        (0..7).map(|i| user(&format!("u{i}"), json!({"active": i % 2 == 0}))).collect();
    insert(store, &one(), &users.iter().collect::<Vec<_>>());
    let kind = user_type();
    let page = |filter: Option<&str>, offset: usize, count: usize| {
        let window = Window::Offset { offset, count };
        let predicate = filter.map(|filter| predicate(&kind, filter));
        let page = search(store, &one(), &kind, &Query { predicate, sort: None, window });
        (ids(&page).join(" "), page.total, page.more)
    };
    let found = |ids: &str, total: usize, more: bool| (ids.to_owned(), total, more);
    assert_eq!(page(None, 0, 3), found("u0 u1 u2", 7, true));
    assert_eq!(page(None, 4, 3), found("u4 u5 u6", 7, false));
    assert_eq!(page(None, 6, 3), found("u6", 7, false));
    assert_eq!(page(None, 7, 3), found("", 7, false));
    assert_eq!(page(None, usize::MAX, usize::MAX), found("", 7, false));
    assert_eq!(page(None, 0, 0), found("", 7, true));
    assert_eq!(page(Some("active eq true"), 1, 2), found("u2 u4", 4, true));
    assert_eq!(page(Some("active eq true"), 0, 0), found("", 4, true));
    assert_eq!(page(Some("active eq true"), 2, usize::MAX), found("u4 u6", 4, false));
    assert_eq!(page(Some("userName eq \"nobody\""), 0, 0), found("", 0, false));
}

/// Neither another organization's resources nor another type's are found or counted.
pub fn search_keeps_to_its_tenant<S: Store>(store: &S) {
    let ann = user("ann", json!({"externalId": "x"}));
    let staff = group("staff", json!({"externalId": "x"}));
    insert(store, &one(), &[&ann, &staff]);
    insert(store, &two(), &[&user("bob", json!({"externalId": "x"})), &staff]);
    store.write(&two(), |tx| tx.add_members(staff.id(), &[member(&ann)])).unwrap();
    assert_found(store, &user_type(), "externalId eq \"x\"", &["ann"]);
    assert_found(store, &user_type(), "not (userName eq \"zoe\")", &["ann"]);
    assert_found(store, &group_type(), "externalId eq \"x\"", &["staff"]);
    assert_found(store, &group_type(), "members.value eq \"ann\"", &[]);
    assert_found(store, &user_type(), "groups pr", &[]);
    assert_eq!(search(store, &one(), &user_type(), &everything()).total, 1);
}

/// Cursors: from page to page forward, and back again, in any order.
pub fn search_walks_both_ways<S: Store>(store: &S) {
    // Ids and titles in different orders, titles missing and shared.
    let titles = [Some("b"), None, Some("A"), Some("ß"), Some("B"), None, Some("a"), Some("😀")];
    let names = ["u-1", "U2", "u3", "_4", "0", "u10", "-", "u2"];
    for (name, title) in names.into_iter().zip(titles) {
        let document = title.map_or_else(|| json!({}), |title| json!({"title": title}));
        let named = format!("n{name}{}", u8::from(name == "u2"));
        let mut document = document;
        document["userName"] = named.into();
        insert(store, &one(), &[&user(name, document)]);
    }
    let kind = user_type();
    let by_title = |descending| Some(sort(&kind, "title", descending));
    let by_id = ["-", "0", "U2", "_4", "u-1", "u10", "u2", "u3"];
    let ascending = ["-", "u3", "0", "u-1", "_4", "u2", "U2", "u10"];
    let reversed = |order: [&'static str; 8]| {
        let mut order = order;
        order.reverse();
        order
    };
    let id_descending = Some(sort(&kind, "id", true));
    for (sort, order) in [
        (None, by_id),
        (id_descending, reversed(by_id)),
        (by_title(false), ascending),
        (by_title(true), reversed(ascending)),
    ] {
        let all = search(store, &one(), &kind, &Query { sort: sort.clone(), ..everything() });
        assert_eq!(ids(&all), order, "{sort:?}");
        for count in 1..=order.len() + 1 {
            walk(store, &kind, sort.as_ref(), &order, count);
        }
        // From the middle of nowhere: a place of something gone.
        let gone =
            Position { key: sort.as_ref().and(Some(SortKey::Text("b".into()))), id: id("Z") };
        let query = |window| Query { predicate: None, sort: sort.clone(), window };
        let after = query(Window::After { position: gone.clone(), count: 100 });
        let before = query(Window::Before { position: gone, count: 100 });
        let after = search(store, &one(), &kind, &after);
        let before = search(store, &one(), &kind, &before);
        let mut joined = ids(&before);
        joined.extend(ids(&after));
        if sort.as_ref().is_none_or(|sort| sort.attr.attribute.name == "title") {
            assert_eq!(joined, order, "{sort:?}");
            assert!(!before.resources.is_empty() && !after.resources.is_empty(), "{sort:?}");
        }
    }
}

fn walk<S: Store>(
    store: &S,
    kind: &Arc<ResourceType>,
    sort: Option<&Sort>,
    order: &[&str],
    count: usize,
) {
    let query = |window| Query { predicate: None, sort: sort.cloned(), window };
    let mut seen: Vec<String> = Vec::new();
    let mut now = query(Window::Offset { offset: 0, count });
    loop {
        let page = search(store, &one(), kind, &now);
        assert_eq!(page.total, order.len());
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        assert_eq!(page.more, seen.len() < order.len(), "{now:?}");
        let Some(last) = page.resources.last().filter(|_| page.more) else { break };
        let position = now.position(last).unwrap();
        now = query(Window::After { position, count });
    }
    assert_eq!(seen, order, "forward by {count}, {sort:?}");

    let everything = search(store, &one(), kind, &query(Window::Offset { offset: 0, count: 100 }));
    let mut from = everything.resources.last().unwrap().clone();
    let mut seen = vec![from.id().as_str().to_owned()];
    loop {
        let position = now.position(&from).unwrap();
        let page = search(store, &one(), kind, &query(Window::Before { position, count }));
        assert_eq!(page.total, order.len());
        seen.splice(0..0, ids(&page).into_iter().map(str::to_owned));
        assert_eq!(page.more, seen.len() < order.len());
        match page.resources.first() {
            Some(first) if page.more => from = first.clone(),
            _ => break,
        }
    }
    assert_eq!(seen, order, "back by {count}, {sort:?}");
}

/// A search of several types goes on from resources of another type: from one without the key that all here have,
/// and, sorted by an attribute of that type, from one with a key that none here has.
pub fn search_goes_on_from_other_types<S: Store>(store: &S) {
    let named = |name: &str, shown: &str| group(name, json!({"displayName": shown}));
    let groups = [named("g1", "b"), named("g2", "c"), named("g3", "a")];
    insert(store, &one(), &groups.each_ref());
    let (users, kind) = (user_type(), group_type());
    let without = Position { key: None, id: id("g2") };
    let with = Position { key: Some(SortKey::Text("b".into())), id: id("g2") };
    let by_name = |descending| sort(&kind, "displayName", descending);
    let of_users = |descending| sort(&users, "userName", descending);
    let (all, after, before) = (["g1", "g2", "g3"], ["g3"], ["g1"]);
    let cases: [(Sort, &Position, &[&str], &[&str]); 8] = [
        (by_name(false), &without, &[], &["g3", "g1", "g2"]),
        (by_name(true), &without, &["g2", "g1", "g3"], &[]),
        (by_name(false), &with, &["g2"], &["g3", "g1"]),
        (by_name(true), &with, &["g1", "g3"], &["g2"]),
        (of_users(false), &without, &after, &before),
        (of_users(true), &without, &before, &after),
        (of_users(false), &with, &all, &[]),
        (of_users(true), &with, &[], &["g3", "g2", "g1"]),
    ];
    for (sort, position, after, before) in cases {
        let found = |window| {
            let query = Query { predicate: None, sort: Some(sort.clone()), window };
            let page = search(store, &one(), &kind, &query);
            ids(&page).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let window = Window::After { position: position.clone(), count: 9 };
        assert_eq!(found(window), after, "after {position:?}, {sort:?}");
        let window = Window::Before { position: position.clone(), count: 9 };
        assert_eq!(found(window), before, "before {position:?}, {sort:?}");
    }
}

/// RFC 7644 §3.4.2.3: without a value last when ascending, first when descending; equal keys by id.
pub fn search_puts_missing_keys_last<S: Store>(store: &S) {
    let extra =
        |name: &str, document: Value| user(name, json!({EXTRA: document, "active": name != "c"}));
    let resources = [
        extra("a", json!({"rank": 10, "score": -1.5, "since": "2020-01-01T00:00:00+02:00"})),
        extra("b", json!({"rank": 9, "score": 1e3})),
        extra("c", json!({"tags": ["x"]})),
        extra("d", json!({"rank": 9, "score": 2, "since": "2019-12-31T23:00:00Z"})),
        user("e", json!({})),
    ];
    insert(store, &one(), &resources.each_ref());
    let kind = user_type();
    for (path, ascending) in [
        ("rank", ["b", "d", "a", "c", "e"]),
        ("score", ["a", "d", "b", "c", "e"]),
        ("since", ["a", "d", "b", "c", "e"]),
        ("active", ["c", "a", "b", "d", "e"]),
        ("tags", ["c", "a", "b", "d", "e"]),
        ("nickName", ["a", "b", "c", "d", "e"]),
        ("meta.created", ["a", "b", "c", "d", "e"]),
    ] {
        let path = match kind.schema.attribute(path) {
            None if !path.contains('.') => format!("{EXTRA}:{path}"),
            _ => path.to_owned(),
        };
        let mut expected = ascending;
        for descending in [false, true] {
            let query = Query { sort: Some(sort(&kind, &path, descending)), ..everything() };
            assert_eq!(ids(&search(store, &one(), &kind, &query)), expected, "{path}");
            expected.reverse();
        }
    }
}

/// RFC 7644 §3.4.2.3: a multi-valued attribute sorts by its primary value, else by its first.
pub fn search_orders_by_primary<S: Store>(store: &S) {
    let email = |value: &str| json!({"value": value});
    let primary = |value: &str| json!({"value": value, "primary": true});
    let resources = [
        user("a", json!({"emails": [email("A"), primary("z")]})),
        user("b", json!({"emails": [email("Y"), email("b")]})),
        user("c", json!({"emails": [email("c")]})),
        user("d", json!({})),
        user("e", json!({"emails": [{"type": "work"}, email("a")]})),
        user("f", json!({"emails": [{"type": "home", "primary": true}, email("a")]})),
    ];
    insert(store, &one(), &resources.each_ref());
    let kind = user_type();
    let sorted = |descending| {
        let sort = Some(sort(&kind, "emails.value", descending));
        ids(&search(store, &one(), &kind, &Query { sort, ..everything() })).join(" ")
    };
    assert_eq!(sorted(false), "c b a d e f");
    assert_eq!(sorted(true), "f e d a b c");
}
