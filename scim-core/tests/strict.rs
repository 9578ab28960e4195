//! What a strict reader of the RFCs finds: sentences of theirs, each with requests that show it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "tests fail by panicking"
)]

mod common;

use common::Client;
use scim_core::dialect::Preset;
use serde_json::{Value, json};

const USER: &str = scim_core::schema::USER;
const GROUP: &str = scim_core::schema::GROUP;

fn user(client: &Client, more: Value) -> Value {
    let mut user = json!({"schemas": [USER], "userName": "ann"});
    user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.create("/Users", &user)
}

fn group(client: &Client, name: &str, members: &[&Value]) -> Value {
    let members: Vec<_> = members.iter().map(|m| json!({"value": m["id"]})).collect();
    let group = json!({"schemas": [GROUP], "displayName": name, "members": members});
    client.create("/Groups", &group)
}

fn path(made: &Value) -> &str {
    made["meta"]["location"].as_str().unwrap().strip_prefix("https://example.com/v2").unwrap()
}

fn read(client: &Client, made: &Value) -> Value {
    let (status, read) = client.send("GET", path(made), &Value::Null);
    assert_eq!(status, 200, "{read}");
    read
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// What a search of all types finds, by the names that the resources have.
fn names(client: &Client, query: &str) -> Vec<String> {
    let (status, list) = client.send("GET", &format!("/?{query}"), &Value::Null);
    assert_eq!(status, 200, "{query}: {list}");
    names_of(&list)
}

fn names_of(list: &Value) -> Vec<String> {
    let name = |r: &Value| {
        let name = r.get("userName").or_else(|| r.get("displayName")).unwrap();
        name.as_str().unwrap().to_owned()
    };
    list["Resources"].as_array().unwrap().iter().map(name).collect()
}

fn directory(preset: Preset) -> Client {
    let client = Client::new(preset);
    let made: Vec<Value> = ["a", "b", "c"]
        .iter()
        .map(|name| client.create("/Users", &json!({"schemas": [USER], "userName": name})))
        .collect();
    group(&client, "g", &[&made[0]]);
    group(&client, "h", &[]);
    client
}

/// RFC 7644 §3.4.2.1: where a filtered attribute is not part of a type, "the service provider SHALL treat the
/// attribute as if there is no attribute value".
#[test]
fn rfc_7644_3_4_2_1_a_search_of_several_types() {
    let client = directory(Preset::Strict);
    for (filter, found) in [
        ("userName eq \"a\" or displayName eq \"g\"", "a g"),
        ("not (userName pr)", "g h"),
        ("userName eq null", "g h"),
        ("meta.resourceType eq \"Group\" or userName sw \"a\"", "a g h"),
        ("members pr or groups pr", "a g"),
        ("members[type eq \"User\"]", "g"),
        (
            "urn:ietf:params:scim:schemas:core:2.0:User:userName pr or urn:ietf:params:scim:schemas:core:2.0:Group:displayName pr",
            "a b c g h",
        ),
        ("userName pr and displayName pr", ""),
        ("meta.created pr", "a b c g h"),
    ] {
        let mut names = names(&client, &format!("filter={}", encoded(filter)));
        names.sort();
        assert_eq!(names.join(" "), found, "{filter}");
    }
    let (status, error) = client.send("GET", "/?filter=nosuch%20pr", &Value::Null);
    assert_eq!((status, &error["scimType"]), (400, &json!("invalidFilter")), "{error}");
    assert_eq!(names(&client, "sortBy=userName").join(" "), "a b c g h");
    assert_eq!(names(&client, "sortBy=displayName").join(" "), "g h a b c");
    assert_eq!(names(&client, "sortBy=displayName&sortOrder=descending").join(" "), "c b a h g");
    assert_eq!(client.send("GET", "/?sortBy=nosuch", &Value::Null).0, 400);
}

#[test]
fn rfc_9865_a_search_of_several_types_goes_on_page_by_page() {
    let client = directory(Preset::Strict);
    for sort in ["", "&sortBy=userName", "&sortBy=displayName", "&sortBy=meta.created"] {
        for order in ["", "&sortOrder=descending"] {
            let all = names(&client, &format!("count=100{sort}{order}"));
            for count in 1..=6 {
                let (mut walked, mut cursor) = (Vec::new(), String::new());
                loop {
                    let query = format!("/?count={count}&cursor={cursor}{sort}{order}");
                    let (status, page) = client.send("GET", &query, &Value::Null);
                    assert_eq!(status, 200, "{query}: {page}");
                    walked.extend(names_of(&page));
                    let Some(next) = page["nextCursor"].as_str() else { break };
                    cursor = next.to_owned();
                }
                assert_eq!(walked, all, "by cursor, {count}{sort}{order}");
                let mut walked = Vec::new();
                while walked.len() < all.len() {
                    let start = walked.len() + 1;
                    let query = format!("count={count}&startIndex={start}{sort}{order}");
                    walked.extend(names(&client, &query));
                }
                assert_eq!(walked, all, "by index, {count}{sort}{order}");
            }
        }
    }
}

/// What is returned and isn't stored can't be searched: it is refused rather than not found.
#[test]
fn locations_are_refused_in_filters() {
    let client = Client::new(Preset::Strict);
    let ann = user(&client, json!({}));
    let group = group(&client, "g", &[&ann]);
    for query in [
        "/Users?filter=meta.location%20pr",
        "/Groups?filter=members.%24ref%20pr",
        "/Users?filter=groups%5B%24ref%20pr%5D",
    ] {
        let (status, error) = client.send("GET", query, &Value::Null);
        assert_eq!(
            (status, &error["scimType"]),
            (400, &json!("invalidFilter")),
            "{query}: {error}"
        );
    }
    assert_eq!(client.send("GET", "/Users?sortBy=meta.location", &Value::Null).0, 400);
    let path = format!("members[$ref eq \"{}\"]", ann["meta"]["location"].as_str().unwrap());
    let (status, error) = client.patch(&group, json!([{"op": "remove", "path": path}]));
    assert_eq!((status, &error["scimType"]), (400, &json!("invalidFilter")), "{error}");
    assert_eq!(read(&client, &group)["members"].as_array().unwrap().len(), 1);
}

/// RFC 7644 §3.5.2.2: removing what is required or immutable fails with `mutability`.
#[test]
fn rfc_7644_3_5_2_2_what_can_not_be_removed() {
    for preset in [Preset::Strict, Preset::Lenient] {
        let client = Client::new(preset);
        let ann = user(&client, json!({}));
        let group = group(&client, "g", &[&ann]);
        for (made, operation) in [
            (&ann, json!({"op": "remove", "path": "userName"})),
            (&ann, json!({"op": "remove", "path": "schemas"})),
            (&ann, json!({"op": "remove", "path": "id"})),
            (&group, json!({"op": "remove", "path": "displayName"})),
            (&group, json!({"op": "remove", "path": "members.value"})),
            (&group, json!({"op": "remove", "path": "members.type"})),
        ] {
            let (status, error) = client.patch(made, json!([operation.clone()]));
            let said = (status, &error["scimType"]);
            assert_eq!(said, (400, &json!("mutability")), "{preset} {operation}: {error}");
        }
        assert_eq!(read(&client, &group)["members"].as_array().unwrap().len(), 1, "{preset}");
    }
}

/// RFC 7644 §3.5.2.3: "all matching record values SHALL be replaced"; identity providers mean to change the
/// sub-attributes that they send.
#[test]
fn rfc_7644_3_5_2_3_a_selected_value_is_replaced() {
    let email = json!({"value": "x@y.org", "display": "D", "type": "work", "primary": true});
    let new = json!({"value": "n@y.org", "type": "work"});
    let merged = json!({"value": "n@y.org", "display": "D", "type": "work", "primary": true});
    for (preset, expected) in [(Preset::Strict, &new), (Preset::Lenient, &merged)] {
        for (op, expected) in [("replace", expected), ("add", &merged)] {
            let client = Client::new(preset);
            let ann = user(&client, json!({"emails": [email]}));
            let path = "emails[type eq \"work\"]";
            client.patch(&ann, json!([{"op": op, "path": path, "value": new}]));
            assert_eq!(read(&client, &ann)["emails"], json!([expected]), "{preset} {op}");
        }
    }
}

/// RFC 7644 §3.5.2.3: of what isn't there "the service provider SHALL treat the operation as an 'add'".
#[test]
fn rfc_7644_3_5_2_3_what_is_absent_is_added() {
    let client = Client::new(Preset::Strict);
    let ann = user(&client, json!({}));
    let operation = json!({"op": "replace", "path": "phoneNumbers.value", "value": "1"});
    client.patch(&ann, json!([operation]));
    assert_eq!(read(&client, &ann)["phoneNumbers"], json!([{"value": "1"}]));
}

/// RFC 7643 §2.4: the same value isn't there twice.
#[test]
fn rfc_7643_2_4_values_are_there_once() {
    for preset in [Preset::Strict, Preset::Lenient] {
        let client = Client::new(preset);
        let email = json!({"value": "a@b.org", "type": "work"});
        let home = json!({"value": "a@b.org", "type": "home"});
        let ann = user(&client, json!({"emails": [email, home, email]}));
        assert_eq!(ann["emails"], json!([email, home]), "{preset}");
        let phone = json!({"value": "1", "type": "work"});
        let add = json!({"op": "add", "path": "phoneNumbers", "value": [phone, phone]});
        client.patch(&ann, json!([add]));
        client.patch(&ann, json!([add]));
        assert_eq!(read(&client, &ann)["phoneNumbers"], json!([phone]), "{preset}");
    }
}

/// RFC 7643 §2.3.7 and §2.4: a reference is a URI, the values of a multi-valued attribute are a list.
#[test]
fn strict_takes_values_of_the_right_type() {
    let (strict, lenient) = (Client::new(Preset::Strict), Client::new(Preset::Lenient));
    for uri in ["https://example.com/ann?x=%20#y", "../Users/1", "urn:x:y"] {
        let name = format!("good {uri}");
        user(&strict, json!({"userName": name, "profileUrl": uri}));
    }
    for (n, uri) in ["not a uri", "https://example.com/%zz", "a\"b", "<x>"].iter().enumerate() {
        let bad = json!({"schemas": [USER], "userName": format!("bad {n}"), "profileUrl": uri});
        let (status, error) = strict.send("POST", "/Users", &bad);
        assert_eq!((status, &error["scimType"]), (400, &json!("invalidValue")), "{uri}");
        lenient.create("/Users", &bad);
    }
    let ann = user(&strict, json!({}));
    let member = json!({"value": ann["id"]});
    let single = json!({"schemas": [GROUP], "displayName": "single", "members": member});
    assert_eq!(strict.send("POST", "/Groups", &single).0, 400);
    let group = group(&strict, "g", &[]);
    let add = json!([{"op": "add", "path": "members", "value": member}]);
    assert_eq!(strict.patch(&group, add).0, 400);
}

/// RFC 7643 §7: what is returned on request is shown to who asks for it, and to nobody else.
#[test]
fn rfc_7643_7_what_is_returned_on_request() {
    let client = Client::new(Preset::Strict);
    let ann = user(&client, json!({"displayName": "Ann"}));
    let group = group(&client, "g", &[&ann]);
    let shows = |query: &str| {
        let (_, read) = client.send("GET", &format!("{}{query}", path(&group)), &Value::Null);
        let mut names: Vec<String> =
            read["members"][0].as_object().unwrap().keys().cloned().collect();
        names.sort();
        names.join(" ")
    };
    for (query, shown) in [
        ("", "$ref type value"),
        ("?excludedAttributes=members.type", "$ref value"),
        ("?attributes=members", "$ref type value"),
        ("?attributes=members.display", "display"),
        ("?attributes=members,members.display", "$ref display type value"),
        ("/members", "$ref type value"),
        ("/members?attributes=members.display,members.value", "display value"),
    ] {
        assert_eq!(shows(query), shown, "{query}");
    }
    let excluded = "?excludedAttributes=meta.created,meta.lastModified,meta.version,meta.location,\
                    meta.resourceType,members.value,members.%24ref,members.type";
    let (_, read) = client.send("GET", &format!("{}{excluded}", path(&group)), &Value::Null);
    assert_eq!((read.get("meta"), read.get("members")), (None, None), "{read}");
}
