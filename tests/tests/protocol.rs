//! The protocol over the socket, in the order of its endpoints.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::time::{Duration, Instant};

use scim_tests::{Client, Server, encode, raw};
use serde_json::{Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn user(name: &str) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name})
}

fn group(client: &Client, name: &str, members: &[&str]) -> String {
    let members: Vec<_> = members.iter().map(|id| json!({"value": id})).collect();
    client.post("/Groups", &json!({"displayName": name, "members": members})).is(201).id()
}

fn ids(page: &Value) -> Vec<String> {
    let list = page["Resources"].as_array().unwrap();
    list.iter().map(|r| r["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn users_from_birth_to_end() {
    let server = Server::start();
    let client = server.provisioner();
    let made =
        client.post("/Users", &json!({"userName": "ann", "name": {"givenName": "Ann"}})).is(201);
    let path = format!("/Users/{}", made.id());
    assert_eq!(made.headers["location"], format!("{}{path}", server.base()));
    assert_eq!(made.headers["etag"], "W/\"1\"");
    let json = made.json();
    assert_eq!(json["meta"]["version"], "W/\"1\"");
    assert_eq!(json["active"], true);
    assert_eq!(json["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:User"]));
    assert_eq!(client.get(&path).is(200).text, made.text);
    let head = client.send("HEAD", &format!("/scim/v2{path}"), &[], None).is(200);
    assert_eq!(head.headers["etag"], "W/\"1\"");
    // A PUT replaces; what is left out goes, but for active.
    client.patch(&path, json!([{"op": "replace", "path": "active", "value": false}])).is(200);
    let put = client.put(&path, &json!({"userName": "ann", "title": "Dr"})).is(200).json();
    assert_eq!((put["active"].clone(), put["title"].clone()), (json!(false), json!("Dr")));
    assert!(put.get("name").is_none());
    assert_eq!(put["meta"]["version"], "W/\"3\"");
    let same = client.put(&path, &json!({"userName": "ann", "title": "Dr"})).is(200).json();
    assert_eq!(same["meta"], put["meta"], "what changes nothing leaves version and time");
    client.post("/Users", &json!({"title": "x"})).refuses(400, "invalidValue");
    client.put(&path, &json!({"title": "x"})).refuses(400, "invalidValue");
    client.patch(&path, json!([{"op": "remove", "path": "userName"}])).refuses(400, "mutability");
    assert_eq!(client.delete(&path).is(204).text, "");
    for answer in [client.get(&path), client.delete(&path), client.put(&path, &user("ann"))] {
        answer.refuses(404, "");
    }
}

#[test]
fn groups_nest_and_users_tell_their_groups() {
    let server = Server::start();
    let client = server.provisioner();
    let ann = client.post("/Users", &user("ann")).is(201).id();
    let inner = group(&client, "inner", &[&ann, &ann]);
    let outer = group(&client, "outer", &[&inner]);
    let groups = client.get(&format!("/Users/{ann}")).json()["groups"].clone();
    let kinds: Vec<_> = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|g| {
            (
                g["value"].as_str().unwrap(),
                g["type"].as_str().unwrap(),
                g["display"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(kinds, [(inner.as_str(), "direct", "inner"), (outer.as_str(), "indirect", "outer")]);
    assert_eq!(groups[0]["$ref"], format!("{}/Groups/{inner}", server.base()));
    let member = client.get(&format!("/Groups/{outer}")).json()["members"][0].clone();
    assert_eq!(
        member,
        json!({"value": inner, "$ref": format!("{}/Groups/{inner}", server.base()), "type": "Group"})
    );
    let add = |to: &str, id: &str| {
        let operations = json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
        client.patch(&format!("/Groups/{to}"), operations)
    };
    for (to, id) in [(&inner, &inner), (&inner, &outer)] {
        add(to, id).refuses(400, "invalidValue");
    }
    let put = json!({"displayName": "inner", "members": [{"value": outer}]});
    client.put(&format!("/Groups/{inner}"), &put).refuses(400, "invalidValue");
    assert_eq!(
        client.get(&format!("/Groups/{inner}")).json()["members"].as_array().unwrap().len(),
        1
    );
    // Who is deleted leaves; the group has changed.
    let version = client.get(&format!("/Groups/{inner}")).headers["etag"].clone();
    client.delete(&format!("/Users/{ann}")).is(204);
    let left = client.get(&format!("/Groups/{inner}"));
    assert!(left.json().get("members").is_none() && left.headers["etag"] != version);
    let put =
        client.put(&format!("/Groups/{outer}"), &json!({"displayName": "outer"})).is(200).json();
    assert!(put.get("members").is_none(), "a PUT without members empties the group");
    add(&outer, "nobody").is(204);
    let shown = client.send(
        "PATCH",
        &format!("/scim/v2/Groups/{outer}?attributes=displayName"),
        &[],
        Some(
            &json!({"Operations": [{"op": "replace", "value": {"displayName": "Outer"}}]})
                .to_string(),
        ),
    );
    assert_eq!(shown.is(200).json()["displayName"], "Outer");
}

#[test]
fn a_large_group_is_sent_whole() {
    let server = Server::start();
    let client = server.provisioner();
    let mut members = Vec::new();
    for part in 0..12 {
        let operations: Vec<_> = (0..1000)
            .map(|i| json!({"method": "POST", "path": "/Users", "bulkId": format!("{i}"), "data": user(&format!("u{part}-{i}"))}))
            .collect();
        let done = client.post("/Bulk", &json!({"Operations": operations})).is(200).json();
        for operation in done["Operations"].as_array().unwrap() {
            let id = operation["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            members.push(json!({"value": id}));
        }
    }
    let made = client.post("/Groups", &json!({"displayName": "all", "members": members})).is(201);
    assert_eq!(made.json()["members"].as_array().unwrap().len(), 12_000);
    let path = format!("/Groups/{}", made.id());
    let whole = client.get(&path).is(200);
    assert_eq!(whole.headers["transfer-encoding"], "chunked");
    let mut seen: Vec<_> = whole.json()["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["value"].to_string())
        .collect();
    seen.dedup();
    assert_eq!(seen.len(), 12_000);
    let listed = client.get("/Groups").is(200).json();
    assert_eq!(listed["Resources"][0]["members"].as_array().unwrap().len(), 12_000);
    assert!(
        client.get(&format!("{path}?excludedAttributes=members")).json().get("members").is_none()
    );
    // What is refused at the end of a long list has changed nothing at its beginning.
    let mut half = members[..6_000].to_vec();
    for id in [made.id(), group(&client, "empty", &[])] {
        let path = format!("/Groups/{id}");
        let before = client.get(&path).text;
        half.push(json!({"value": id}));
        for op in ["add", "replace"] {
            let operations = json!([{"op": op, "path": "members", "value": half}]);
            let refused = client.patch(&path, operations).is(400);
            assert!(refused.text.contains("may not hold itself"), "{}", refused.text);
            assert!(client.get(&path).text == before, "{op} has changed something");
        }
        half.pop();
    }
    client.patch(&path, json!([{"op": "replace", "path": "members", "value": half}])).is(204);
    let mut left: Vec<_> = client.get(&path).json()["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| json!({"value": member["value"]}))
        .collect();
    left.sort_by_key(ToString::to_string);
    half.sort_by_key(ToString::to_string);
    assert_eq!(left, half);
    client.patch(&path, json!([{"op": "remove", "path": "members"}])).is(204);
    assert!(client.get(&path).json().get("members").is_none());
}

#[test]
fn a_list_of_members_that_names_nobody_is_refused() {
    const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
    let server = Server::start();
    let token = server.command(&[
        "token",
        "create",
        "--org",
        &server.first_organization(),
        "--preset",
        "strict",
        "-o",
        "json",
    ]);
    for client in [server.provisioner(), Client::new(&server, token["token"].as_str().unwrap())] {
        let ann = client.post("/Users", &user("ann")).is(201).id();
        let group =
            |members: &Value| json!({"schemas": [SCHEMA], "displayName": "g", "members": members});
        let id = client.post("/Groups", &group(&json!([{"value": ann}]))).is(201).id();
        let path = format!("/Groups/{id}");
        let before = client.get(&path).text;
        let members = json!([{"display": "x"}]);
        client.put(&path, &group(&members)).refuses(400, "invalidValue");
        for op in ["add", "replace"] {
            let operations = json!([{"op": op, "path": "members", "value": members}]);
            client.patch(&path, operations).refuses(400, "invalidValue");
        }
        assert_eq!(client.get(&path).text, before);
        client.delete(&path).is(204);
        client.delete(&format!("/Users/{ann}")).is(204);
    }
}

#[test]
fn a_request_names_so_many_members_all_its_operations_together() {
    let server = Server::start();
    let client = server.provisioner();
    let ann = client.post("/Users", &user("ann")).is(201).id();
    let id = group(&client, "g", &[]);
    let half = |more: usize| -> Vec<Value> { vec![json!({"value": ann}); 50_000 + more] };
    let operations = |more: usize| {
        json!([
            {"op": "add", "path": "members", "value": half(0)},
            {"op": "add", "path": "members", "value": half(more)},
        ])
    };
    let path = format!("/Groups/{id}");
    client.patch(&path, operations(1)).refuses(400, "tooMany");
    assert!(client.get(&path).json().get("members").is_none());
    client.patch(&path, operations(0)).is(204);
}

#[test]
fn projection_on_every_verb() {
    let server = Server::start();
    let client = server.provisioner();
    let body = json!({"userName": "ann", "name": {"givenName": "A", "familyName": "B"}, "title": "Dr",
        "emails": [{"value": "a@x", "type": "work"}], ENTERPRISE: {"department": "IT", "division": "X"}});
    let made = client.post("/Users?attributes=userName", &body).is(201).json();
    let names = |json: &Value| json.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&made), ["id", "schemas", "userName"]);
    let path = format!("/Users/{}", made["id"].as_str().unwrap());
    for (query, expected) in [
        ("attributes=name.givenName", json!({"name": {"givenName": "A"}})),
        ("attributes=NAME.GIVENNAME,title", json!({"name": {"givenName": "A"}, "title": "Dr"})),
        ("attributes=emails.type", json!({"emails": [{"type": "work"}]})),
        (
            "attributes=urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            json!({ENTERPRISE: {"department": "IT"}}),
        ),
        (
            "attributes=urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            json!({ENTERPRISE: {"department": "IT", "division": "X"}}),
        ),
        ("attributes=nosuch", json!({})),
        ("attributes=meta.version", json!({"meta": {"version": "W/\"1\""}})),
        (
            "excludedAttributes=name,emails,meta,active,title,urn:ietf:params:scim:schemas:extension:enterprise:2.0:User,id",
            json!({"userName": "ann"}),
        ),
    ] {
        let mut shown = client.get(&format!("{path}?{query}")).is(200).json();
        let object = shown.as_object_mut().unwrap();
        assert!(object.remove("id").is_some() && object.remove("schemas").is_some(), "{query}");
        assert_eq!(shown, expected, "{query}");
    }
    let put = client.put(&format!("{path}?excludedAttributes=emails"), &body).is(200).json();
    assert!(put.get("emails").is_none() && put.get("name").is_some());
    let search = json!({"filter": "title pr", "attributes": ["title"]});
    let found = client.post("/Users/.search", &search).is(200).json();
    assert_eq!(names(&found["Resources"][0]), ["id", "schemas", "title"]);
}

#[test]
fn searches_sort_and_page() {
    let server = Server::start();
    let client = server.provisioner();
    for (name, title) in [("d", "x"), ("B", "y"), ("a", ""), ("C", "X")] {
        let mut new = user(name);
        if !title.is_empty() {
            new["title"] = title.into();
        }
        client.post("/Users", &new).is(201);
    }
    group(&client, "team", &[]);
    let names = |query: &str| -> Vec<String> {
        let page = client.get(&format!("/Users?{query}")).is(200).json();
        page["Resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["userName"].as_str().unwrap().into())
            .collect()
    };
    assert_eq!(names("sortBy=userName"), ["a", "B", "C", "d"]);
    assert_eq!(names("sortBy=userName&sortOrder=descending"), ["d", "C", "B", "a"]);
    assert_eq!(names("sortBy=userName&startIndex=2&count=2"), ["B", "C"]);
    assert_eq!(names("sortBy=title"), ["d", "C", "B", "a"], "without the attribute comes last");
    assert_eq!(names("sortBy=title&sortOrder=descending")[0], "a");
    assert_eq!(names("sortBy=meta.created&sortOrder=ascending"), ["d", "B", "a", "C"]);
    for (query, start, items) in [
        ("startIndex=0", 1, 4),
        ("startIndex=-5", 1, 4),
        ("count=0", 1, 0),
        ("count=-1", 1, 0),
        ("count=2", 1, 2),
        ("startIndex=4", 4, 1),
        ("startIndex=99", 99, 0),
        ("count=99999999999999999999", 1, 4),
        ("startIndex=99999999999999999999", 0, 0),
    ] {
        let page = client.get(&format!("/Users?{query}")).is(200).json();
        assert_eq!(page["totalResults"], 4, "{query}");
        assert_eq!(page["itemsPerPage"], items, "{query}");
        assert_eq!(page["Resources"].as_array().unwrap().len(), items, "{query}");
        if start > 0 {
            assert_eq!(page["startIndex"], start, "{query}");
        }
    }
    for query in ["count=abc", "startIndex=x", "sortOrder=up", "sortBy=nosuch", "sortBy=name"] {
        client.get(&format!("/Users?{query}")).refuses(400, "invalidValue");
    }
    let all = client
        .post("/.search", &json!({"filter": "meta.resourceType eq \"Group\""}))
        .is(200)
        .json();
    assert_eq!(all["totalResults"], 1);
    assert_eq!(client.get("/?count=2").is(200).json()["totalResults"], 5);
    client.filter("/Users", "userName eq").refuses(400, "invalidFilter");
    client.filter("/Users", "active gt true").refuses(400, "invalidFilter");
    client.get("/Users?filter=").is(200);
}

#[test]
fn law_a_walk_sees_each_resource_that_stays_exactly_once() {
    let server = Server::start();
    let client = server.provisioner();
    let mut stays = Vec::new();
    let mut goes = Vec::new();
    for i in 0..60 {
        let id = client.post("/Users", &user(&format!("w{i}"))).is(201).id();
        if i % 3 == 0 { goes.push(id) } else { stays.push(id) }
    }
    for order in [
        "",
        "&sortBy=userName",
        "&sortBy=userName&sortOrder=descending",
        "&sortBy=meta.lastModified",
    ] {
        for by_cursor in [true, false] {
            let mut seen: Vec<String> = Vec::new();
            let (mut cursor, mut start, mut made) = (Some(String::new()), 1, Vec::new());
            while let Some(at) = cursor.take() {
                let page = if by_cursor {
                    client.get(&format!("/Users?count=7{order}&cursor={at}")).is(200).json()
                } else {
                    client.get(&format!("/Users?count=7{order}&startIndex={start}")).is(200).json()
                };
                let found = ids(&page);
                start += found.len();
                seen.extend(found.clone());
                cursor = match by_cursor {
                    true => page["nextCursor"].as_str().map(str::to_owned),
                    false => (!found.is_empty()).then(String::new),
                };
                // One goes and one comes before the walk's place, if there is such.
                if let Some(id) =
                    goes.iter().position(|id| seen.contains(id)).map(|i| goes.remove(i))
                {
                    client.delete(&format!("/Users/{id}")).is(204);
                    let name = format!("new{}{}", seen.len(), made.len());
                    made.push(client.post("/Users", &user(&name)).is(201).id());
                }
                assert!(seen.len() < 1000);
            }
            for id in &stays {
                assert_eq!(seen.iter().filter(|s| *s == id).count(), 1, "{order} {by_cursor}");
            }
            for id in made {
                client.delete(&format!("/Users/{id}")).is(204);
            }
        }
    }
}

#[test]
fn cursors_go_forward_and_back() {
    let server = Server::start();
    let client = server.provisioner();
    for i in 0..10 {
        client.post("/Users", &user(&format!("c{i}"))).is(201);
    }
    let page = |cursor: &str| {
        client.get(&format!("/Users?count=4&sortBy=userName&cursor={cursor}")).is(200).json()
    };
    let first = page("");
    assert!(first.get("previousCursor").is_none() && first.get("startIndex").is_none());
    let second = page(first["nextCursor"].as_str().unwrap());
    let third = page(second["nextCursor"].as_str().unwrap());
    assert!(third.get("nextCursor").is_none());
    assert_eq!((ids(&first).len(), ids(&second).len(), ids(&third).len()), (4, 4, 2));
    let back = page(third["previousCursor"].as_str().unwrap());
    assert_eq!(ids(&back), ids(&second));
    assert_eq!(ids(&page(back["previousCursor"].as_str().unwrap())), ids(&first));
    let cursor = first["nextCursor"].as_str().unwrap();
    client.get(&format!("/Users?count=4&cursor={cursor}")).refuses(400, "invalidCursor");
    client.get("/Users?cursor=abc").refuses(400, "invalidCursor");
    for count in ["0", "-1", "x"] {
        client.get(&format!("/Users?cursor=&count={count}")).refuses(400, "invalidCount");
    }
    let other = server.caller(&[]);
    other
        .get(&format!("/Users?count=4&sortBy=userName&cursor={cursor}"))
        .refuses(400, "invalidCursor");
}

#[test]
fn members_are_paged_by_cursor() {
    let server = Server::start();
    let client = server.provisioner();
    let users: Vec<String> =
        (0..25).map(|i| client.post("/Users", &user(&format!("m{i}"))).is(201).id()).collect();
    let ids: Vec<&str> = users.iter().map(String::as_str).collect();
    let (all, other) = (group(&client, "all", &ids), group(&client, "other", &ids[..3]));
    let walk = |count: usize, between: &dyn Fn(usize)| {
        let (mut seen, mut cursor, mut pages) = (Vec::new(), Some(String::new()), 0);
        while let Some(at) = cursor.take() {
            let path = format!("/Groups/{all}/members?count={count}&cursor={at}");
            let page = client.get(&path).is(200).json();
            let members = page["members"].as_array().unwrap().clone();
            assert_eq!(page["itemsPerPage"], members.len());
            assert!(members.len() <= count);
            for member in &members {
                assert_eq!(member["type"], "User");
                assert!(
                    member["$ref"].as_str().unwrap().ends_with(member["value"].as_str().unwrap())
                );
            }
            seen.extend(members.iter().map(|m| m["value"].as_str().unwrap().to_owned()));
            cursor = page["nextCursor"].as_str().map(str::to_owned);
            pages += 1;
            between(pages);
        }
        (seen, pages)
    };
    let (mut seen, pages) = walk(7, &|_| ());
    seen.sort();
    let mut wanted = users.clone();
    wanted.sort();
    assert_eq!((seen, pages), (wanted, 4));
    assert_eq!(walk(25, &|_| ()).1, 1);
    // Members that go meanwhile move none of the others.
    let (seen, _) = walk(10, &|pages| {
        if pages == 1 {
            let path = format!("members[value eq \"{}\"]", users[0]);
            let goes = json!([{"op": "remove", "path": path}]);
            client.patch(&format!("/Groups/{all}"), goes).is(204);
        }
    });
    assert!(users[1..].iter().all(|id| seen.iter().filter(|s| *s == id).count() == 1));
    let page = client.get(&format!("/Groups/{all}/members?count=2")).is(200).json();
    let cursor = page["nextCursor"].as_str().unwrap();
    client
        .get(&format!("/Groups/{other}/members?count=2&cursor={cursor}"))
        .refuses(400, "invalidCursor");
    client.get(&format!("/Groups/{other}/members?count=0")).refuses(400, "invalidCount");
    let filter = "/members?filter=type%20eq%20%22User%22";
    client.get(&format!("/Groups/{other}{filter}")).refuses(400, "invalidFilter");
    assert_eq!(client.get(&format!("/Users/{}/members", users[1])).status, 404);
    assert_eq!(client.get("/Groups/none/members").status, 404);
    assert_eq!(client.post(&format!("/Groups/{all}/members"), &json!({})).status, 405);
}

#[test]
fn cursors_outlive_a_restart() {
    let mut server = Server::start();
    let token = server.first_token();
    let client = Client::new(&server, &token);
    let made: Vec<_> =
        (0..5).map(|i| client.post("/Users", &user(&format!("c{i}"))).is(201).id()).collect();
    let first = client.get("/Users?count=2&cursor=").json();
    server.kill9();
    server.restart();
    let client = Client::new(&server, &token);
    let next =
        client.get(&format!("/Users?count=2&cursor={}", first["nextCursor"].as_str().unwrap()));
    assert_eq!(ids(&next.is(200).json()), made[2..4]);
}

#[test]
fn versions_guard_reads_and_writes() {
    let server = Server::start();
    let client = server.provisioner();
    let path = format!("/scim/v2/Users/{}", client.post("/Users", &user("ann")).is(201).id());
    let ask = |method: &str, header: (&str, &str), body: Option<&str>| {
        client.send(method, &path, &[header], body)
    };
    assert_eq!(ask("GET", ("If-None-Match", "W/\"1\""), None).is(304).text, "");
    ask("GET", ("If-None-Match", "W/\"2\""), None).is(200);
    ask("GET", ("If-Match", "W/\"2\""), None).refuses(412, "");
    let body = user("ann").to_string();
    ask("PUT", ("If-Match", "W/\"9\""), Some(&body)).refuses(412, "");
    ask("PUT", ("If-None-Match", "*"), Some(&body)).refuses(412, "");
    ask("DELETE", ("If-Match", "\"9\""), None).refuses(412, "");
    ask("PUT", ("If-Match", "*"), Some(&body)).is(200);
    ask("PUT", ("If-Match", "\"1\""), Some(&body)).is(200);
    ask("DELETE", ("If-Match", "W/\"7\", W/\"1\""), None).is(204);
}

#[test]
fn users_are_found_by_their_groups_however_many_there_are() {
    let server = Server::start();
    let client = server.provisioner();
    let post = |i: usize| {
        let data = json!({"userName": format!("u{i:04}"), "title": format!("Title {i}")});
        json!({"method": "POST", "path": "/Users", "bulkId": format!("{i}"), "data": data})
    };
    let mut ids = Vec::new();
    for part in (0..2400).collect::<Vec<_>>().chunks(800) {
        let operations: Vec<_> = part.iter().map(|i| post(*i)).collect();
        let done = client.post("/Bulk", &json!({"Operations": operations})).is(200).json();
        ids.extend(done["Operations"].as_array().unwrap().iter().map(|operation| {
            operation["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
        }));
    }
    let group = |name: &str, members: &[String]| {
        let members: Vec<_> = members.iter().map(|id| json!({"value": id})).collect();
        client.post("/Groups", &json!({"displayName": name, "members": members})).is(201).id()
    };
    let inner = group("Inner Circle", &ids[..3]);
    let outer = group("Outer", &[ids[2].clone(), ids[3].clone(), inner.clone()]);
    group("Everybody", &ids[..2000]);
    let found = |filter: &str| {
        let answer = client.filter("/Users", filter).is(200).json();
        let first = answer["Resources"][0]["userName"].as_str().unwrap_or_default().to_owned();
        (answer["totalResults"].as_u64().unwrap(), first)
    };
    for (filter, total, first) in [
        ("groups.display co \"CIRCLE\"", 3, "u0000"),
        (&format!("groups.value eq \"{inner}\""), 3, "u0000"),
        (&format!("groups.value eq \"{outer}\""), 4, "u0000"),
        ("groups[display eq \"outer\" and type eq \"direct\"]", 2, "u0002"),
        ("groups[display eq \"outer\" and type eq \"indirect\"]", 2, "u0000"),
        ("groups.type eq \"indirect\"", 2, "u0000"),
        ("groups pr", 2000, "u0000"),
        ("not (groups pr)", 400, "u2000"),
        ("groups.display ne \"outer\"", 1996, "u0004"),
        ("groups.display eq \"nothing\"", 0, ""),
        ("groups.display eq \"outer\" and title ew \" 3\"", 1, "u0003"),
        ("groups.display eq \"outer\" or title eq \"title 2399\"", 5, "u0000"),
        ("userName sw \"u000\" and not (groups.display eq \"Outer\")", 6, "u0004"),
    ] {
        let sorted = format!("{}&sortBy=userName", encode(filter));
        let answer = client.get(&format!("/Users?filter={sorted}&count=1")).is(200).json();
        assert_eq!(
            (answer["totalResults"].as_u64(), found(filter).0),
            (Some(total), total),
            "{filter}"
        );
        let name = answer["Resources"][0]["userName"].as_str().unwrap_or_default();
        assert_eq!(name, first, "{filter}");
    }
    // One way there and back for each user would take many times what looking at each takes.
    let time = |filter: &str| {
        let took = (0..3).map(|_| {
            let start = Instant::now();
            client.filter("/Users", filter).is(200);
            start.elapsed()
        });
        took.min().unwrap()
    };
    let (plain, held) = (time("title co \"none\""), time("groups.display co \"none\""));
    assert!(held <= plain, "{held:?}, where looking at each takes {plain:?}");
}

#[test]
fn a_bulk_id_names_one_operation() {
    let server = Server::start();
    let client = server.provisioner();
    let post = |id: usize, name: usize| {
        let data = json!({"userName": format!("u{name}")});
        json!({"method": "POST", "path": "/Users", "bulkId": format!("b{id}"), "data": data})
    };
    let near = vec![post(1, 1), post(1, 2)];
    let far: Vec<_> = (0..122).map(|i| post(i % 121, i)).collect();
    let delete = json!({"method": "DELETE", "path": "/Users/bulkId:b1", "bulkId": "b1"});
    for operations in [near, far, vec![post(1, 1), delete]] {
        let refused = client.post("/Bulk", &json!({"Operations": operations}));
        refused.refuses(400, "invalidValue");
        assert!(refused.text.contains("same bulkId"), "{refused:?}");
        assert_eq!(client.get("/Users").json()["totalResults"], 0);
    }
}

#[test]
fn bulk_references_in_any_order_and_in_circles() {
    let server = Server::start();
    let client = server.provisioner();
    let manager = |id: &str| json!({"manager": {"value": format!("bulkId:{id}")}});
    let request = json!({"Operations": [
        {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {"displayName": "g", "members": [{"value": "bulkId:a"}]}},
        {"method": "PATCH", "path": "/Groups/bulkId:g", "data": {"Operations": [
            {"op": "add", "path": "members", "value": [{"value": "bulkId:b"}]},
            {"op": "remove", "path": "members[value eq \"bulkId:a\"]"}]}},
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "a", ENTERPRISE: manager("b")}},
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": {"userName": "b", ENTERPRISE: manager("a")}},
    ]});
    let done = client.post("/Bulk", &request).is(200).json();
    let operations = done["Operations"].as_array().unwrap();
    let statuses: Vec<_> = operations.iter().map(|op| op["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["201", "200", "201", "201"], "{done}");
    let id = |i: usize| {
        operations[i]["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
    };
    let b = client.get(&format!("/Users/{}", id(3))).json();
    assert_eq!(b[ENTERPRISE]["manager"]["value"], id(2));
    let members = client.get(&format!("/Groups/{}", id(0))).json()["members"].clone();
    assert_eq!((members[0]["value"].clone(), members.as_array().unwrap().len()), (json!(id(3)), 1));
    // Groups that would hold each other are refused together; so is what refers to what failed.
    let circle = json!({"Operations": [
        {"method": "POST", "path": "/Groups", "bulkId": "x", "data": {"displayName": "x", "members": [{"value": "bulkId:y"}]}},
        {"method": "POST", "path": "/Groups", "bulkId": "y", "data": {"displayName": "y", "members": [{"value": "bulkId:x"}]}},
        {"method": "POST", "path": "/Users", "bulkId": "z", "data": {"userName": "A"}},
        {"method": "POST", "path": "/Groups", "bulkId": "v", "data": {"displayName": "v", "members": [{"value": "bulkId:z"}]}},
        {"method": "POST", "path": "/Groups", "bulkId": "w", "data": {"displayName": "w", "members": [{"value": "bulkId:none"}]}},
    ]});
    let done = client.post("/Bulk", &circle).is(200).json();
    let operations = done["Operations"].as_array().unwrap();
    let statuses: Vec<_> =
        operations.iter().map(|op| op["status"].as_str().unwrap().to_owned()).collect();
    assert!(statuses.iter().all(|s| s == "400" || s == "409"), "{done}");
    assert_eq!(operations[2]["response"]["scimType"], "uniqueness");
    assert_eq!(client.get("/Groups").json()["totalResults"], 1);
    let version = json!({"Operations": [{"method": "DELETE", "path": format!("/Users/{}", id(3)), "version": "W/\"9\""}]});
    assert_eq!(client.post("/Bulk", &version).json()["Operations"][0]["status"], "412");
    client.post("/Bulk", &json!({"Operations": 1})).refuses(400, "invalidSyntax");
    client
        .post("/Bulk", &json!({"failOnErrors": 0, "Operations": []}))
        .refuses(400, "invalidValue");
}

#[test]
fn me_is_the_user_that_the_token_is_bound_to() {
    let server = Server::start();
    let client = server.provisioner();
    let id = client.post("/Users", &user("ann")).is(201).id();
    for method in ["GET", "PUT", "PATCH", "DELETE", "POST"] {
        client.send(method, "/scim/v2/Me", &[], None).refuses(501, "");
    }
    let bound = server.caller(&["--user", &id]);
    let me = bound.get("/Me").is(200).json();
    let location = me["meta"]["location"].as_str().unwrap();
    assert_eq!(bound.get("/Me").is(200).headers["location"], location, "RFC 7644 §3.11");
    assert_eq!(me["id"], id);
    assert_eq!(me["meta"]["location"], format!("{}/Users/{id}", server.base()));
    bound.patch("/Me", json!([{"op": "add", "path": "title", "value": "Dr"}])).is(200);
    assert_eq!(bound.put("/Me", &user("ann")).is(200).json().get("title"), None);
    bound.post("/Me", &user("ann")).refuses(409, "");
    // S11: within a second the token goes with its user.
    let answers = |status: u16| {
        let until = Instant::now() + Duration::from_secs(5);
        while bound.get("/Me").status != status {
            assert!(Instant::now() < until, "{}", bound.get("/Me").text);
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    for (active, status) in [(false, 401), (true, 200)] {
        let operation = json!([{"op": "replace", "path": "active", "value": active}]);
        client.patch(&format!("/Users/{id}"), operation).is(200);
        answers(status);
    }
    bound.delete("/Me").is(204);
    answers(401);
}

#[test]
fn discovery_says_what_there_is() {
    let server = Server::with(&["--documentation-uri", "https://docs.example"]);
    let client = server.provisioner();
    let config = client.get("/ServiceProviderConfig").is(200).json();
    assert_eq!(config["pagination"]["cursor"], true);
    assert_eq!(config["documentationUri"], "https://docs.example");
    assert_eq!(config["bulk"]["maxOperations"], 1000);
    for (path, count) in [("/ResourceTypes", 2), ("/Schemas", 6)] {
        let list = client.get(path).is(200).json();
        assert_eq!(list["totalResults"], count);
        for resource in list["Resources"].as_array().unwrap() {
            let location = resource["meta"]["location"].as_str().unwrap();
            let own = client.get(location.strip_prefix(&server.base()).unwrap()).is(200).json();
            assert_eq!(own, *resource);
        }
        client.get(&format!("{path}?filter=id%20pr")).refuses(403, "");
        client.get(&format!("{path}/nosuch")).refuses(404, "");
        client.post(path, &json!({})).refuses(405, "");
    }
    client.get("/ServiceProviderConfig?filter=x").refuses(403, "");
}

#[test]
fn bad_input_is_refused_with_a_reason_and_changes_nothing() {
    let server = Server::start();
    let client = server.provisioner();
    let path = format!("/Users/{}", client.post("/Users", &user("ann")).is(201).id());
    let before = client.get("/Users").text;
    let post = |body: &str| client.send("POST", "/scim/v2/Users", &[], Some(body));
    for body in [
        "{",
        "[]",
        "null",
        "\"x\"",
        "",
        "{\"userName\":\"x\"}}",
        "{\"userName\":\"\\ud800\"}",
        "\u{feff}{}",
    ] {
        post(body).refuses(400, "invalidSyntax");
    }
    for body in [
        json!({"userName": 1}),
        json!({"userName": ["a"]}),
        json!({"userName": {}}),
        json!({"userName": ""}),
        json!({"userName": "x", "emails": "a"})
            .as_object()
            .map(|_| json!({"userName": "x", "emails": [[1]]}))
            .unwrap(),
        json!({"userName": "x", "active": "perhaps"}),
        json!({"userName": "x", "active": 1}),
        json!({"userName": "x", "name": "y"}),
        json!({"userName": "x", "name": {"givenName": 1}}),
        json!({"userName": "x", "x509Certificates": [{"value": "%%%"}]}),
        json!({"userName": "x", "emails": [{"value": "a", "primary": true}, {"value": "b", "primary": true}]}),
    ] {
        let answer = client.post("/Users", &body);
        answer.refuses(400, "invalidValue");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains('"'), "names the attribute: {detail}");
    }
    post(&json!({"userName": "x", "schemas": "x"}).to_string()).refuses(400, "invalidSyntax");
    let strict = server.caller(&["--preset", "strict"]);
    strict
        .post("/Users", &json!({"userName": "x", "schemas": ["urn:x"]}))
        .refuses(400, "invalidSyntax");
    let mut unknown = user("x");
    unknown["nosuch"] = json!(1);
    strict.post("/Users", &unknown).refuses(400, "invalidSyntax");
    let plain = [("Content-Type", "text/plain")];
    client.send("POST", "/scim/v2/Users", &plain, Some("{}")).refuses(415, "");
    client.send("GET", "/scim/v2/Users", &[], Some("{}")).refuses(400, "invalidSyntax");
    let huge = format!("{{\"userName\":\"{}\"}}", "x".repeat(10 << 20));
    assert_eq!(post(&huge).status, 413);
    client.send("PATCH", &format!("/scim/v2{path}"), &[], Some("{}")).refuses(400, "invalidSyntax");
    client.patch(&path, json!([{"op": "jump"}])).refuses(400, "invalidSyntax");
    for (method, target) in
        [("POST", "/scim/v2/Users/1"), ("PUT", "/scim/v2/Users"), ("DELETE", "/scim/v2/Schemas")]
    {
        let answer = client.send(method, target, &[], None);
        answer.refuses(405, "");
        assert!(answer.headers["allow"].contains("GET"));
    }
    client.get("/users").refuses(404, "");
    client.send("GET", "/", &[], None).refuses(404, "");
    assert_eq!(raw(&server, b"GARBAGE\r\n\r\n").status, 400);
    assert_eq!(client.get("/Users").text, before);
    let filter = encode("userName eq \"ann\"");
    assert_eq!(client.get(&format!("/Users/?filter={filter}&")).is(200).json()["totalResults"], 1);
}

#[test]
fn a_post_brings_an_inactive_user_back_under_okta_and_entra() {
    let server = Server::start();
    let mut body = user("ann");
    body["externalId"] = "e1".into();
    for preset in ["okta", "entra", "lenient", "strict"] {
        let client = server.caller(&["--preset", preset]);
        let id = client.post("/Users", &body).is(201).id();
        client.post("/Users", &body).refuses(409, "uniqueness");
        client
            .patch(
                &format!("/Users/{id}"),
                json!([{"op": "replace", "path": "active", "value": false}]),
            )
            .is(200);
        let again = client.post("/Users", &body);
        if preset == "okta" || preset == "entra" {
            assert_eq!(again.is(201).json()["active"], true);
            assert_eq!(client.get(&format!("/Users/{id}")).json()["active"], true);
        } else {
            again.refuses(409, "uniqueness");
        }
        client.delete(&format!("/Users/{id}")).is(204);
    }
}

/// R12: what a request makes the server hold is bounded, whatever is stored.
#[test]
fn large_resources_make_shorter_pages_and_too_large_ones_are_refused() {
    let server = Server::start();
    let client = server.provisioner();
    let large = |name: &str, certificates: usize| {
        let value = "QUJD".repeat(15_000);
        let values: Vec<_> =
            (0..certificates).map(|i| json!({"value": value, "display": format!("{i}")})).collect();
        json!({"userName": name, "title": "x", "x509Certificates": values})
    };
    client.post("/Users", &large("too-large", 5)).refuses(400, "invalidValue");
    let first = client.post("/Users", &large("u00", 4)).is(201).id();
    let more = json!([{"op": "add", "path": "x509Certificates",
        "value": [{"value": "QUJD".repeat(16_000)}]}]);
    client.patch(&format!("/Users/{first}"), more).refuses(400, "invalidValue");
    let users = 75;
    for i in 1..users {
        client.post("/Users", &large(&format!("u{i:02}"), 4)).is(201);
    }
    let names = |page: &Value| -> Vec<String> {
        let resources = page["Resources"].as_array().unwrap();
        resources.iter().map(|r| r["userName"].as_str().unwrap().to_owned()).collect()
    };
    let expected: Vec<String> = (0..users).map(|i| format!("u{i:02}")).collect();
    // By index and by cursor, by keys and by looking at each, in both directions.
    for query in ["sortBy=userName", "filter=title%20eq%20%22x%22", "sortBy=displayName"] {
        let mut seen = Vec::new();
        while seen.len() < users {
            let path = format!("/Users?count=1000&startIndex={}&{query}", seen.len() + 1);
            let page = client.get(&path).is(200).json();
            assert_eq!(page["totalResults"], users, "{query}");
            let found = names(&page);
            assert!(!found.is_empty() && found.len() < users, "{query}: {}", found.len());
            seen.extend(found);
        }
        assert_eq!(seen, expected, "{query}");
        let mut seen = Vec::new();
        let mut page = client.get(&format!("/Users?count=1000&cursor=&{query}")).is(200).json();
        loop {
            seen.extend(names(&page));
            let Some(next) = page["nextCursor"].as_str() else { break };
            page = client.get(&format!("/Users?count=1000&cursor={next}&{query}")).is(200).json();
        }
        assert_eq!(seen, expected, "{query}");
        let mut back = names(&page);
        while let Some(previous) = page["previousCursor"].as_str() {
            let path = format!("/Users?count=1000&cursor={previous}&{query}");
            page = client.get(&path).is(200).json();
            back.splice(0..0, names(&page));
        }
        assert_eq!(back, expected, "back, {query}");
    }
    // From the end, what is left out is the end as well.
    let page = client.get("/Users?count=1000&startIndex=2").is(200).json();
    assert_eq!(names(&page)[0], "u01");
}
