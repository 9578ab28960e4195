//! The examples of RFC 7643 §8 and RFC 7644 §3, each with its outcome, on the memory store.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
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

fn fixture(name: &str) -> Value {
    let path = format!("{}/tests/rfc/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// What was sent is what comes back, but for what the service says itself and what is never returned.
fn assert_kept(sent: &Value, made: &Value) {
    for (name, value) in sent.as_object().unwrap() {
        match name.as_str() {
            "id" | "meta" | "groups" => {}
            "password" => assert!(made.get(name).is_none()),
            "members" => assert_eq!(made.get(name), None, "nobody of them exists"),
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User" => {
                let mut value = value.clone();
                // The manager's display name is read-only.
                value["manager"].as_object_mut().unwrap().remove("displayName");
                assert_eq!(made[name], value);
            }
            _ => assert_eq!(made[name], *value, "{name}"),
        }
    }
}

/// Null stands for a whole attribute, not for one of its values.
#[test]
fn rfc_7643_2_5_null() {
    let strict = Client::new(Preset::Strict);
    let (status, made) = strict.send(
        "POST",
        "/Users",
        &json!({"schemas": [USER], "userName": "null", "emails": null, "name": null}),
    );
    assert_eq!((status, made.get("emails"), made.get("name")), (201, None, None), "{made}");
    for (name, value) in [("emails", json!([null])), ("emails", json!([{"value": "a@b.de"}, null]))]
    {
        let user = json!({"schemas": [USER], "userName": "element", name: value});
        let (status, error) = strict.send("POST", "/Users", &user);
        assert_eq!((status, &error["scimType"]), (400, &json!("invalidValue")), "{error}");
        Client::new(Preset::Lenient).create("/Users", &user);
    }
    let group = strict.create("/Groups", &json!({"schemas": [GROUP], "displayName": "null"}));
    let operation = json!([{"op": "add", "path": "members", "value": [null]}]);
    assert_eq!(strict.patch(&group, operation).0, 400);
}

#[test]
fn rfc_7643_8_1_minimal_user() {
    let client = Client::new(Preset::Strict);
    let made = client.create("/Users", &fixture("8.1-minimal-user"));
    assert_kept(&fixture("8.1-minimal-user"), &made);
    assert_ne!(made["id"], fixture("8.1-minimal-user")["id"]);
}

#[test]
fn rfc_7643_8_2_full_user() {
    let made = Client::new(Preset::Strict).create("/Users", &fixture("8.2-full-user"));
    assert_kept(&fixture("8.2-full-user"), &made);
}

#[test]
fn rfc_7643_8_3_enterprise_user() {
    let made = Client::new(Preset::Strict).create("/Users", &fixture("8.3-enterprise-user"));
    assert_kept(&fixture("8.3-enterprise-user"), &made);
}

#[test]
fn rfc_7643_8_4_group() {
    let made = Client::new(Preset::Lenient).create("/Groups", &fixture("8.4-group"));
    assert_kept(&fixture("8.4-group"), &made);
    let (status, refused) =
        Client::new(Preset::Strict).send("POST", "/Groups", &fixture("8.4-group"));
    assert_eq!((status, refused["scimType"].clone()), (400, json!("invalidValue")));
}

#[test]
fn rfc_7644_3_3_creating() {
    let client = Client::new(Preset::Strict);
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "bjensen",
        "externalId": "bjensen",
        "name": {"formatted": "Ms. Barbara J Jensen III", "familyName": "Jensen", "givenName": "Barbara"},
    });
    let made = client.create("/Users", &body);
    assert_eq!(
        made["meta"]["location"],
        format!("https://example.com/v2/Users/{}", made["id"].as_str().unwrap())
    );
    assert_eq!(made["meta"]["created"], "2010-01-23T04:56:22.000Z");
    let (status, refused) = client.send("POST", "/Users", &body);
    assert_eq!((status, refused["scimType"].clone()), (409, json!("uniqueness")));
}

#[test]
fn rfc_7644_3_4_3_search() {
    let client = Client::new(Preset::Strict);
    client.create("/Users", &fixture("8.1-minimal-user"));
    let user = client.create("/Users", &json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "jsmith", "displayName": "Smith, James"}));
    let group = client.create(
        "/Groups",
        &json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Smith Family"}),
    );
    let (status, found) = client.send(
        "POST",
        "/.search",
        &json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
            "attributes": ["displayName", "userName"],
            "filter": "displayName sw \"smith\"",
            "startIndex": 1,
            "count": 10,
        }),
    );
    assert_eq!((status, found["totalResults"].clone()), (200, json!(2)));
    let ids: Vec<_> =
        found["Resources"].as_array().unwrap().iter().map(|r| r["id"].clone()).collect();
    assert_eq!(ids, [user["id"].clone(), group["id"].clone()]);
    assert!(found["Resources"][0].get("meta").is_none());
}

#[test]
fn rfc_7644_3_5_2_1_add() {
    let client = Client::new(Preset::Strict);
    let babs = client.create("/Users", &fixture("8.2-full-user"));
    let group = client.create(
        "/Groups",
        &json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Tour Guides"}),
    );
    let member = json!([{"op": "add", "path": "members", "value": [{
        "display": "Babs Jensen", "$ref": "https://example.com/v2/Users/2819c223", "value": babs["id"]}]}]);
    assert_eq!(client.patch(&group, member).0, 204);
    let path = format!("/Groups/{}", group["id"].as_str().unwrap());
    assert_eq!(client.send("GET", &path, &Value::Null).1["members"][0]["value"], babs["id"]);
    let values = json!([{"op": "add", "value": {
        "emails": [{"value": "babs@jensen.org", "type": "home"}], "nickname": "Babs"}}]);
    let lenient = Client::new(Preset::Lenient);
    let babs = lenient.create("/Users", &fixture("8.1-minimal-user"));
    let (status, patched) = lenient.patch(&babs, values);
    assert_eq!((status, patched["nickName"].clone()), (200, json!("Babs")));
    assert_eq!(patched["emails"], json!([{"value": "babs@jensen.org", "type": "home"}]));
}

#[test]
fn rfc_7644_3_5_2_2_remove() {
    let client = Client::new(Preset::Strict);
    let a = client.create(
        "/Users",
        &json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "a"}),
    );
    let b = client.create(
        "/Users",
        &json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "b"}),
    );
    let group = client.create(
        "/Groups",
        &json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "g",
        "members": [{"value": a["id"]}, {"value": b["id"]}]}),
    );
    let path = format!("/Groups/{}", group["id"].as_str().unwrap());
    let one = format!("members[value eq {}]", a["id"]);
    assert_eq!(client.patch(&group, json!([{"op": "remove", "path": one}])).0, 204);
    let members = client.send("GET", &path, &Value::Null).1["members"].clone();
    assert_eq!(members.as_array().unwrap().len(), 1);
    assert_eq!(client.patch(&group, json!([{"op": "remove", "path": "members"}])).0, 204);
    assert_eq!(client.send("GET", &path, &Value::Null).1.get("members"), None);
    let user = client.create("/Users", &fixture("8.2-full-user"));
    let work = r#"emails[type eq "work" and value ew "example.com"]"#;
    let (status, left) = client.patch(&user, json!([{"op": "remove", "path": work}]));
    assert_eq!(
        (status, left["emails"].clone()),
        (200, json!([{"value": "babs@jensen.org", "type": "home"}]))
    );
}

#[test]
fn rfc_7644_3_5_2_3_replace() {
    let client = Client::new(Preset::Strict);
    let user = client.create("/Users", &fixture("8.2-full-user"));
    let address = json!({"type": "work", "streetAddress": "911 Universal City Plaza",
        "locality": "Hollywood", "region": "CA", "postalCode": "91608", "country": "US", "primary": true});
    let (status, patched) = client.patch(&user, json!([
        {"op": "replace", "path": "addresses[type eq \"work\"]", "value": address},
        {"op": "replace", "path": "addresses[type eq \"home\"].streetAddress", "value": "1010 Broadway Ave"},
    ]));
    assert_eq!(status, 200);
    assert_eq!(patched["addresses"][0]["streetAddress"], "911 Universal City Plaza");
    assert_eq!(patched["addresses"][1]["streetAddress"], "1010 Broadway Ave");
    let (status, refused) = client.patch(
        &user,
        json!([
        {"op": "replace", "path": "addresses[type eq \"other\"].streetAddress", "value": "x"}]),
    );
    assert_eq!((status, refused["scimType"].clone()), (400, json!("noTarget")));
}

#[test]
fn rfc_7644_3_5_1_replacing_and_3_6_deleting() {
    let client = Client::new(Preset::Strict);
    let user = client.create("/Users", &fixture("8.2-full-user"));
    let path = format!("/Users/{}", user["id"].as_str().unwrap());
    let (status, replaced) = client.send("PUT", &path, &fixture("8.1-minimal-user"));
    assert_eq!((status, replaced.get("emails")), (200, None));
    assert_eq!(client.send("DELETE", &path, &Value::Null).0, 204);
    let (status, gone) = client.send("GET", &path, &Value::Null);
    assert_eq!((status, gone["status"].clone()), (404, json!("404")));
}

#[test]
fn rfc_7644_3_7_bulk() {
    let client = Client::new(Preset::Strict);
    let (status, done) = client.send("POST", "/Bulk", &json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "failOnErrors": 1,
        "Operations": [
            {"method": "POST", "path": "/Users", "bulkId": "qwerty", "data": {
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "Alice"}},
            {"method": "POST", "path": "/Groups", "bulkId": "ytrewq", "data": {
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Tour Guides",
                "members": [{"type": "User", "value": "bulkId:qwerty"}]}},
        ],
    }));
    assert_eq!(status, 200);
    assert_eq!(done["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]));
    for (operation, bulk_id) in
        done["Operations"].as_array().unwrap().iter().zip(["qwerty", "ytrewq"])
    {
        assert_eq!(
            (operation["status"].clone(), operation["bulkId"].clone()),
            (json!("201"), json!(bulk_id))
        );
        assert_eq!(operation["version"], "W/\"1\"");
        assert!(operation["location"].as_str().unwrap().starts_with("https://example.com/v2/"));
    }
}

/// "location … REQUIRED in a response, except in the event of a POST failure."
#[test]
fn rfc_7644_3_7_location_of_what_failed() {
    let client = Client::new(Preset::Lenient);
    let ann = client.create("/Users", &json!({"userName": "ann"}));
    let path = format!("/Users/{}", ann["id"].as_str().unwrap());
    let patch = json!({"Operations": [{"op": "replace", "path": "title", "value": "x"}]});
    let stale = "W/\"9\"";
    let (_, done) = client.send(
        "POST",
        "/Bulk",
        &json!({"Operations": [
            {"method": "PUT", "path": path, "version": stale, "data": {"userName": "ann"}},
            {"method": "PATCH", "path": path, "version": stale, "data": patch},
            {"method": "DELETE", "path": path, "version": stale},
            {"method": "DELETE", "path": "/Users/none"},
            {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "ANN"}},
            {"method": "POST", "path": "/Users", "bulkId": "b", "data": {"userName": "bob"}},
            {"method": "PATCH", "path": "/Users/bulkId:a", "data": patch},
            {"method": "PATCH", "path": "/Users/bulkId:b", "version": stale, "data": patch},
            {"method": "PATCH", "path": "/Nowhere/1", "data": patch},
        ]}),
    );
    let operations = done["Operations"].as_array().unwrap();
    let told: Vec<_> = operations
        .iter()
        .map(|operation| (operation["status"].as_str().unwrap(), &operation["location"]))
        .collect();
    let (there, bob) = (&ann["meta"]["location"], &operations[5]["location"]);
    let none = json!("https://example.com/v2/Users/none");
    assert_eq!(
        told,
        [
            ("412", there),
            ("412", there),
            ("412", there),
            ("404", &none),
            ("409", &Value::Null),
            ("201", bob),
            ("409", &Value::Null),
            ("412", bob),
            ("404", &Value::Null),
        ]
    );
    assert!(bob.is_string());
}
