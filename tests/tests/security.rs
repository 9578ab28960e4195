//! The security requirements, each by its number.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use scim_tests::{Client, Server, raw};
use serde_json::{Value, json};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const UNKNOWN: &str = "01a209a1-0000-7000-8000-000000000000";

fn user(name: &str) -> Value {
    json!({"schemas": [USER], "userName": name, "emails": [{"value": format!("{name}@x.org")}]})
}

fn group(name: &str, members: &[&str]) -> Value {
    let members: Vec<_> = members.iter().map(|id| json!({"value": id})).collect();
    json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name,
        "members": members})
}

#[test]
fn s01_what_a_client_sends_never_becomes_an_id() {
    let server = Server::start();
    let client = server.provisioner();
    let admin = client.post("/Users", &user("admin")).is(201);
    let before = client.get(&format!("/Users/{}", admin.id())).is(200).text;
    for external in ["1", "0", &admin.id(), "../x"] {
        let mut new = user(&format!("u{}", external.len()));
        new["externalId"] = external.into();
        new["id"] = admin.id().into();
        let made = client.post("/Users", &new).is(201);
        assert_ne!(made.id(), admin.id());
        assert_ne!(made.id(), external);
        client.delete(&format!("/Users/{}", made.id())).is(204);
    }
    assert_eq!(client.get(&format!("/Users/{}", admin.id())).text, before);
}

#[test]
fn s02_another_organization_sees_nothing() {
    let server = Server::start();
    let (a, b) = (server.provisioner(), server.other_tenant());
    let ann = a.post("/Users", &user("ann")).is(201).id();
    let team = a.post("/Groups", &group("team", &[&ann])).is(201).id();
    let own = b.post("/Groups", &group("own", &[])).is(201).id();
    for (path, id) in [("/Users", &ann), ("/Groups", &team)] {
        for (method, body) in [
            ("GET", None),
            ("HEAD", None),
            ("PUT", Some(user("x").to_string())),
            (
                "PATCH",
                Some(json!({"Operations": [{"op": "remove", "path": "externalId"}]}).to_string()),
            ),
            ("DELETE", None),
        ] {
            let body = if path == "/Groups" && method == "PUT" {
                Some(group("x", &[]).to_string())
            } else {
                body
            };
            let ask =
                |id: &str| b.send(method, &format!("/scim/v2{path}/{id}"), &[], body.as_deref());
            let (theirs, unknown) = (ask(id), ask(UNKNOWN));
            assert_eq!(theirs.status, 404, "{method} {path}");
            assert_eq!(theirs.text, unknown.text, "{method} {path}");
        }
    }
    for filter in [
        format!("id eq \"{ann}\""),
        "userName eq \"ann\"".into(),
        "emails.value eq \"ann@x.org\"".into(),
        format!("not (id eq \"{own}\")"),
        "title eq null".into(),
    ] {
        assert_eq!(b.filter("/Users", &filter).is(200).json()["totalResults"], 0, "{filter}");
    }
    assert_eq!(b.filter("/Groups", &format!("members eq \"{ann}\"")).json()["totalResults"], 0);
    assert_eq!(b.get("/?filter=userName%20pr").is(200).json()["totalResults"], 0);
    let bulk = json!({"Operations": [
        {"method": "DELETE", "path": format!("/Users/{ann}")},
        {"method": "PATCH", "path": format!("/Groups/{team}"), "data": {"Operations": [
            {"op": "remove", "path": "members"}]}},
    ]});
    for operation in b.post("/Bulk", &bulk).is(200).json()["Operations"].as_array().unwrap() {
        assert_eq!(operation["status"], "404");
    }
    // The same name is free, and the same cursor is worth nothing.
    b.post("/Users", &user("ann")).is(201);
    let cursor = a.get("/Users?cursor=&count=1");
    assert_eq!(cursor.status, 200);
    assert_eq!(a.get(&format!("/Users/{ann}")).is(200).json()["groups"][0]["value"], team);
}

#[test]
fn s03_members_and_managers_of_other_organizations_are_unknown() {
    let server = Server::start();
    let (a, b) = (server.provisioner(), server.other_tenant());
    let theirs = b.post("/Users", &user("bob")).is(201).id();
    let team = a.post("/Groups", &group("team", &[&theirs])).is(201);
    assert!(team.json().get("members").is_none());
    let path = format!("/Groups/{}", team.id());
    a.patch(&path, json!([{"op": "add", "path": "members", "value": [{"value": theirs}]}])).is(204);
    assert!(a.get(&path).json().get("members").is_none());
    let strict = server.caller(&["--preset", "strict"]);
    strict
        .patch(&path, json!([{"op": "add", "path": "members", "value": [{"value": theirs}]}]))
        .refuses(400, "invalidValue");
    let manager = json!([{"op": "add", "path": "manager", "value": theirs}]);
    let ann = a.post("/Users", &user("ann")).is(201).id();
    let ann = a.patch(&format!("/Users/{ann}"), manager).is(200).json();
    let manager = &ann["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["manager"];
    assert_eq!(*manager, json!({"value": theirs}), "an opaque value: no name, no location");
}

#[test]
fn s04_ids_are_never_used_again() {
    let server = Server::start();
    let (a, b) = (server.provisioner(), server.other_tenant());
    let id = a.post("/Users", &user("ann")).is(201).id();
    a.delete(&format!("/Users/{id}")).is(204);
    let mut again = user("ann");
    again["id"] = id.clone().into();
    assert_ne!(b.post("/Users", &again).is(201).id(), id);
    assert_ne!(a.post("/Users", &again).is(201).id(), id);
    a.get(&format!("/Users/{id}")).refuses(404, "");
}

#[test]
fn s05_of_many_spellings_at_once_one_is_created() {
    let server = Server::start();
    let client = server.provisioner();
    let names = ["ann@é.org", "ANN@É.org", "ann@e\u{301}.org", "Ann@E\u{301}.ORG"];
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..64)
            .map(|i| {
                let client = client.again();
                scope.spawn(move || client.post("/Users", &user(names[i % names.len()])).status)
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|s| **s == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|s| **s == 409).count(), 63, "{statuses:?}");
    client.post("/Users", &user("aNN@é.org")).refuses(409, "uniqueness");
}

#[test]
fn s08_passwords_are_kept_as_hashes_only() {
    let server = Server::start();
    let client = server.provisioner();
    let mut new = user("ann");
    new["password"] = "canary-3hS8f".into();
    let made = client.post("/Users", &new).is(201);
    let path = format!("/Users/{}", made.id());
    let mut seen = made.text;
    // Attributes may stand under the URN of their schema, too.
    let nested = json!({"urn:ietf:params:scim:schemas:core:2.0:User": {
        "userName": "bob", "password": "canary-bob"}});
    let bob = client.post("/Users", &nested).is(201).id();
    client.put(&format!("/Users/{bob}"), &nested).is(200);
    let operation = |method: &str, path: &str| {
        json!({"method": method, "path": path,
        "bulkId": method, "data": {"URN:ietf:params:scim:schemas:core:2.0:User": {
        "userName": format!("bulk {method}"), "PassWord": "canary-bulk"}}})
    };
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [operation("POST", "/Users"), operation("PUT", &format!("/Users/{bob}"))]});
    let done = client.post("/Bulk", &bulk).is(200);
    assert_eq!(done.json()["Operations"][0]["status"], "201", "{}", done.text);
    assert_eq!(done.json()["Operations"][1]["status"], "200", "{}", done.text);
    new["title"] = "Dr".into();
    seen += &client.put(&path, &new).is(200).text;
    seen += &client
        .patch(&path, json!([{"op": "replace", "value": {"password": "canary-3hS8f"}}]))
        .is(200)
        .text;
    seen += &client.get(&format!("{path}?attributes=password,userName")).is(200).text;
    seen += &client.get("/Users").is(200).text;
    client.filter("/Users", "password sw \"canary\"").refuses(400, "invalidFilter");
    client.get("/Users?sortBy=password").refuses(400, "invalidValue");
    seen += &server.log();
    let bytes = server.database().bytes();
    let there = |needle: &str| bytes.windows(needle.len()).any(|w| w == needle.as_bytes());
    assert!(!seen.contains("canary") && !there("canary"));
    assert!(!seen.contains("argon2") && there("$argon2id$"));
    assert!(!there(&server.first_token()) && !server.log().contains(&server.first_token()));
}

#[test]
fn s09_nothing_but_known_writable_attributes_is_written() {
    let server = Server::start();
    let client = server.provisioner();
    let made = client.post("/Users", &user("ann")).is(201);
    let path = format!("/Users/{}", made.id());
    let before = client.get(&path).json();
    for name in ["id", "meta.created", "meta.version", "groups", "groups.value"] {
        for op in ["add", "replace", "remove"] {
            let answer = client.patch(&path, json!([{"op": op, "path": name, "value": "x"}]));
            answer.refuses(400, "mutability");
        }
    }
    // The service says which schemas a resource has; some clients repeat them.
    client.patch(&path, json!([{"op": "replace", "path": "schemas", "value": ["urn:x"]}])).is(200);
    for name in
        ["__proto__", "constructor", "tenant_id", "isAdmin", "id", "meta", "groups", "__proto__.x"]
    {
        client.patch(&path, json!([{"op": "add", "value": {name: {"created": "x"}}}])).is(200);
        let mut put = user("ann");
        put[name] = json!("x");
        if name != "meta" && name != "groups" {
            client.put(&path, &put).is(200);
        }
    }
    assert_eq!(client.get(&path).json(), before);
}

#[test]
fn s13_every_route_and_method_asks_for_a_token() {
    let server = Server::start();
    let other = server.token(&["--expires-in", "1s"]);
    let expired = other["token"].as_str().unwrap().to_owned();
    let revoked = server.token(&[]);
    let organization = server.first_organization();
    let revoked_id = revoked["id"].as_str().unwrap();
    server.command(&["token", "revoke", "--org", &organization, revoked_id]);
    std::thread::sleep(Duration::from_millis(1100));
    let anonymous = Client::anonymous(&server);
    // What is open to everybody, and nothing else is.
    for open in ["/healthz", "/readyz", "/api/v1/openapi.json"] {
        anonymous.send("GET", open, &[], None).is(200);
    }
    let first = server.first_token();
    let credentials = [
        None,
        Some(String::new()),
        Some("Bearer ".into()),
        Some("Basic dXNlcjpwYXNz".into()),
        Some(format!("Bearer {expired}")),
        Some(format!("Bearer {}", revoked["token"].as_str().unwrap())),
        Some("Bearer scim_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into()),
        Some(first.clone()),
        Some(format!("Token {first}")),
        Some(format!("Bearer {first} {first}")),
    ];
    for path in [
        "",
        "/",
        "/Users",
        "/Users/1",
        "/Users/.search",
        "/Groups",
        "/Groups/1",
        "/.search",
        "/Bulk",
        "/Me",
        "/ServiceProviderConfig",
        "/ResourceTypes",
        "/Schemas",
        "/nowhere",
    ] {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            for credential in &credentials {
                let headers: Vec<_> =
                    credential.iter().map(|value| ("Authorization", value.as_str())).collect();
                let answer = anonymous.send(method, &format!("/scim/v2{path}"), &headers, None);
                assert_eq!(answer.status, 401, "{method} {path} {credential:?}");
                assert_eq!(answer.headers["www-authenticate"], "Bearer");
                if method != "HEAD" {
                    answer.refuses(401, "");
                }
            }
        }
    }
    let twice = [("Authorization", "Bearer a"), ("Authorization", "Bearer b")];
    anonymous.send("GET", "/scim/v2/Users", &twice, None).refuses(401, "");
    // A scheme in any case is fine.
    let header = format!("bEARER {first}");
    anonymous.send("GET", "/scim/v2/Users", &[("Authorization", &header)], None).is(200);
}

#[test]
fn s14_encoded_paths_are_no_way_round() {
    let server = Server::start();
    let (anonymous, client) = (Client::anonymous(&server), server.provisioner());
    let id = client.post("/Users", &user("ann")).is(201).id();
    for path in [
        "/%73cim/v2/Users",
        "/scim%2Fv2/Users",
        "//scim/v2/Users",
        "/scim//v2/Users",
        "/scim/./v2/Users",
        "/x/../scim/v2/Users",
        "/scim/v2;x/Users",
        "/SCIM/v2/Users",
        "/scim/v2/Users/",
        "/scim/v2/%55sers",
        "/scim/v2/Users%00",
        "/scim/v2/Users%2f1",
        "/healthz/../scim/v2/Users",
        "/scim/v2/..%2fUsers",
    ] {
        let answer = anonymous.send("GET", path, &[], None);
        assert!(matches!(answer.status, 401 | 404), "{path}: {}", answer.status);
        assert!(!answer.text.contains(&id), "{path}");
    }
    for id in ["a%2Fb", "%00", "..", "%2e%2e", "a%20b", "%zz", "x'--", &"a".repeat(65)] {
        let answer = client.get(&format!("/Users/{id}"));
        assert!(matches!(answer.status, 400 | 404), "{id}: {}", answer.status);
        answer.refuses(answer.status, "");
    }
}

#[test]
fn s15_secrets_are_shown_once_and_kept_as_digests() {
    let mut server = Server::start();
    let made = server.token(&[]);
    let secret = made["token"].as_str().unwrap();
    assert!(secret.starts_with("scim_") && secret.len() == 48);
    let listed =
        server.command(&["token", "list", "--org", &server.first_organization(), "-o", "json"]);
    assert!(!listed.to_string().contains(secret));
    assert!(secret.ends_with(listed[1]["ends_in"].as_str().unwrap()));
    let first = server.first_token();
    server.stop();
    let bytes = server.database().bytes();
    for needle in [secret.as_bytes(), &secret.as_bytes()[5..], first.as_bytes()] {
        assert!(!bytes.windows(needle.len()).any(|w| w == needle));
    }
    server.restart();
    assert!(!server.welcome.contains("scim_") && server.welcome.contains("token create"));
    assert!(!server.log().contains(&first));
}

#[test]
fn s16_scopes_bound_what_a_token_may_and_a_revocation_holds_within_a_second() {
    let server = Server::start();
    let all = server.provisioner();
    let id = all.post("/Users", &user("ann")).is(201).id();
    let reader = server.caller(&["--scopes", "read"]);
    reader.get("/Users").is(200);
    reader.get("/ServiceProviderConfig").is(200);
    reader.post("/Users", &user("bob")).refuses(403, "");
    reader.post("/Groups", &group("g", &[])).refuses(403, "");
    reader.delete(&format!("/Users/{id}")).refuses(403, "");
    reader.post("/Bulk", &json!({"Operations": []})).refuses(403, "");
    let users = server.caller(&["--scopes", "users,bulk"]);
    users.get("/Users").refuses(403, "");
    users.post("/Users", &user("bob")).is(201);
    users.post("/Groups", &group("g", &[])).refuses(403, "");
    let bulk = json!({"Operations": [{"method": "POST", "path": "/Groups", "bulkId": "g", "data": group("g", &[])}]});
    assert_eq!(users.post("/Bulk", &bulk).is(200).json()["Operations"][0]["status"], "403");
    let groups = server.caller(&["--scopes", "groups"]);
    groups.post("/Groups", &group("g", &[])).is(201);
    groups.post("/Users", &user("eve")).refuses(403, "");
    let token = server.token(&[]);
    let caller = Client::new(&server, token["token"].as_str().unwrap());
    caller.get("/Users").is(200);
    let organization = server.first_organization();
    server.command(&["token", "revoke", "--org", &organization, token["id"].as_str().unwrap()]);
    let until = Instant::now() + Duration::from_secs(1);
    while caller.get("/Users").status == 200 {
        assert!(Instant::now() < until, "a second after its revocation the token still works");
    }
}

#[test]
fn s17_a_token_in_the_url_is_no_credential() {
    let server = Server::start();
    let token = server.first_token();
    let anonymous = Client::anonymous(&server);
    for name in ["access_token", "token", "Authorization"] {
        let target = format!("/scim/v2/Users?{name}={token}");
        anonymous.send("GET", &target, &[], None).refuses(401, "");
    }
    assert!(!server.log().contains(&token));
}

#[test]
fn s21_hostile_filters_are_refused_at_once() {
    let server = Server::start();
    let client = server.provisioner();
    for filter in [
        "(".repeat(5000),
        format!("{}userName pr{}", "(".repeat(2000), ")".repeat(2000)),
        "not(".repeat(1500),
        format!("userName eq \"{}", "\\\"".repeat(2000)),
        "userName pr or ".repeat(300),
        format!("userName eq \"{}\"", "a".repeat(9000)),
        "emails[".repeat(500),
    ] {
        let began = Instant::now();
        let body = json!({"filter": filter}).to_string();
        client
            .send("POST", "/scim/v2/Users/.search", &[], Some(&body))
            .refuses(400, "invalidFilter");
        assert!(began.elapsed() < Duration::from_millis(500));
    }
    // At the limits they are taken: depth 32, 100 comparisons, 8,192 bytes.
    let nested = |depth: usize| format!("{}userName pr{}", "(".repeat(depth), ")".repeat(depth));
    let many = |count: usize| vec!["title pr"; count].join(" or ");
    let long = |bytes: usize| format!("userName eq \"{}\"", "a".repeat(bytes - 14));
    let post = |filter: String| {
        let body = json!({"filter": filter}).to_string();
        client.send("POST", "/scim/v2/Users/.search", &[], Some(&body))
    };
    for (taken, refused) in
        [(nested(32), nested(33)), (many(100), many(101)), (long(8_192), long(8_193))]
    {
        post(taken).is(200);
        post(refused).refuses(400, "invalidFilter");
    }
    let answer = client.filter("/Users", "userName is \"x\"");
    assert!(
        answer.json()["detail"].as_str().unwrap().contains("at character 10"),
        "{}",
        answer.text
    );
}

#[test]
fn s22_nothing_a_client_sends_becomes_sql() {
    let server = Server::start();
    let client = server.provisioner();
    client.post("/Users", &user("ann")).is(201);
    client.post("/Users", &user("b_b%\\")).is(201);
    for text in
        ["' OR 1=1 --", "\"; DROP TABLE resources; --", "%", "_", "\\", "ann' AND '1'='1", "*"]
    {
        for op in ["eq", "co", "sw", "ew", "gt"] {
            let filter = format!("userName {op} {}", json!(text));
            let found = client.filter("/Users", &filter).is(200).json();
            let expected = ["ann", "b_b%\\"].iter().filter(|name| match op {
                "eq" => **name == text,
                "co" => name.contains(text),
                "sw" => name.starts_with(text),
                "ew" => name.ends_with(text),
                _ => **name > text.to_lowercase().as_str(),
            });
            assert_eq!(found["totalResults"], expected.count(), "{filter}");
        }
        for parameter in ["sortBy", "attributes", "excludedAttributes", "cursor"] {
            let target = format!("/Users?{parameter}={}", scim_tests::encode(text));
            let answer = client.get(&target);
            assert!(matches!(answer.status, 200 | 400), "{target}: {}", answer.text);
        }
    }
    assert_eq!(client.get("/Users").json()["totalResults"], 2);
}

#[test]
fn s23_secrets_cannot_be_found_out_by_asking() {
    let server = Server::start();
    let client = server.provisioner();
    for filter in [
        "password sw \"a\"",
        "password pr",
        "not (password pr)",
        "userName pr and password eq \"x\"",
    ] {
        client.filter("/Users", filter).refuses(400, "invalidFilter");
    }
    for order in ["password", "urn:ietf:params:scim:schemas:core:2.0:User:password"] {
        client.get(&format!("/Users?sortBy={order}")).refuses(400, "invalidValue");
    }
}

#[test]
fn s24_limits_hold_to_the_unit() {
    let server = Server::with(&["--max-body", "20000", "--max-large-body", "40000"]);
    let client = server.provisioner();
    let sized = |size: usize| {
        let body = user("sized").to_string();
        format!("{body}{}", " ".repeat(size - body.len()))
    };
    let post = |body: &str| client.send("POST", "/scim/v2/Users", &[], Some(body));
    let id = post(&sized(19_999)).is(201).id();
    client.delete(&format!("/Users/{id}")).is(204);
    let id = post(&sized(20_000)).is(201).id();
    client.delete(&format!("/Users/{id}")).is(204);
    post(&sized(20_001)).refuses(413, "");
    let mut large = group("large", &[]).to_string();
    large.push_str(&" ".repeat(40_000 - large.len()));
    client.send("POST", "/scim/v2/Groups", &[], Some(&large)).is(201);
    client.send("POST", "/scim/v2/Groups", &[], Some(&format!("{large} "))).refuses(413, "");
    // Without a length announced, what arrives is counted.
    let token = server.first_token();
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let chunk = format!("{:x}\r\n{}\r\n", 10_000, " ".repeat(10_000));
    raw(&server, format!("{head}{}0\r\n\r\n", chunk.repeat(3)).as_bytes()).refuses(413, "");

    let server = Server::start();
    let client = server.provisioner();
    let text = |length: usize| {
        let mut new = user(&format!("t{length}"));
        new["title"] = "x".repeat(length).into();
        client.post("/Users", &new)
    };
    text(8191).is(201);
    text(8192).is(201);
    text(8193).refuses(400, "invalidValue");
    let values = |count: usize| {
        let mut new = user(&format!("v{count}"));
        new["emails"] = (0..count).map(|i| json!({"value": format!("{i}@x")})).collect();
        client.post("/Users", &new)
    };
    values(99).is(201);
    values(100).is(201);
    values(101).refuses(400, "tooMany");
    let bulk = |count: usize| {
        let operations: Vec<_> = (0..count)
            .map(|_| json!({"method": "DELETE", "path": format!("/Users/{UNKNOWN}")}))
            .collect();
        client.post("/Bulk", &json!({"Operations": operations}))
    };
    bulk(999).is(200);
    bulk(1000).is(200);
    bulk(1001).refuses(413, "");
    let deep = |depth: usize| {
        let body = format!(
            "{{\"userName\":\"d{depth}\",\"x\":{}1{}}}",
            "[".repeat(depth - 1),
            "]".repeat(depth - 1)
        );
        client.send("POST", "/scim/v2/Users", &[], Some(&body))
    };
    deep(63).is(201);
    deep(64).is(201);
    deep(65).refuses(400, "invalidSyntax");
    let operations = |count: usize| {
        let list: Vec<_> = (0..count).map(|_| json!({"op": "remove", "path": "title"})).collect();
        let id =
            client.filter("/Users", "userName eq \"v99\"").json()["Resources"][0]["id"].clone();
        client.patch(&format!("/Users/{}", id.as_str().unwrap()), json!(list))
    };
    operations(1000).is(200);
    operations(1001).refuses(400, "tooMany");
    operations(10_000).refuses(400, "tooMany");
    // The head: line and headers, 16 KiB.
    let head = |bytes: usize| {
        let padding = [("X-Padding", "x".repeat(bytes))];
        let padding: Vec<_> = padding.iter().map(|(name, value)| (*name, value.as_str())).collect();
        client.send("GET", "/scim/v2/Users?count=0", &padding, None)
    };
    head(15_000).is(200);
    head(17_000).refuses(431, "");
    let padding = "x".repeat(17_000);
    let (operator, padding) = (server.operator(), [("X-Padding", padding.as_str())]);
    operator.send("GET", "/organizations", &padding, None).problem(431, "head_too_large");
}

#[test]
fn s25_names_that_occur_twice_are_refused() {
    let server = Server::start();
    let client = server.provisioner();
    for body in [
        r#"{"userName":"a","userName":"b"}"#,
        r#"{"userName":"a","username":"b"}"#,
        r#"{"username":"a","userName":"b"}"#,
        r#"{"userName":"a","name":{"givenName":"a","GIVENNAME":"b"}}"#,
    ] {
        client.send("POST", "/scim/v2/Users", &[], Some(body)).refuses(400, "invalidSyntax");
    }
    assert_eq!(client.get("/Users").json()["totalResults"], 0);
}

#[test]
fn s26_names_are_compared_by_what_they_are() {
    let server = Server::start();
    let client = server.provisioner();
    client.post("/Users", &user("\u{212A}elvin")).is(201);
    client.post("/Users", &user("KELVIN")).refuses(409, "uniqueness");
    client.post("/Users", &user("straße")).is(201);
    client.post("/Users", &user("STRASSE")).is(201);
    client.post("/Users", &user("ılker")).is(201);
    client.post("/Users", &user("ilker")).is(201);
    let found = client.filter("/Users", "userName eq \"kelvin\"").json();
    assert_eq!(found["Resources"][0]["userName"], "\u{212A}elvin", "shown as it was sent");
    for name in ["a\u{7}b", "a\u{202E}b", "a\u{2066}b", " ", "a\nb", "\u{200F}a", "a\u{61C}b"] {
        client.post("/Users", &user(name)).refuses(400, "invalidValue");
    }
    // What would look the same beside it.
    for name in
        ["kel\u{200B}vin", "kelvin\u{2060}", "\u{AD}kelvin", "kelvin\u{FE0F}", "\u{FEFF}kelvin"]
    {
        client.post("/Users", &user(name)).refuses(400, "invalidValue");
    }
    let nul = r#"{"userName":"a\u0000b"}"#;
    client.send("POST", "/scim/v2/Users", &[], Some(nul)).refuses(400, "invalidSyntax");
    // JSON within a value is no way in.
    let ann = client.post("/Users", &user("ann")).is(201).id();
    for inner in ["{\"value\":\"\\u0000\"}", "{\"value\":\"a\",\"VALUE\":\"b\"}"] {
        let body = json!({"userName": "bob", "roles": [{"value": inner}]});
        client.post("/Users", &body).refuses(400, "invalidSyntax");
        client
            .post("/Users", &json!({"userName": "bob", "roles": [inner]}))
            .refuses(400, "invalidSyntax");
        let add = json!([{"op": "add", "path": "roles", "value": [{"value": inner}]}]);
        client.patch(&format!("/Users/{ann}"), add).refuses(400, "invalidSyntax");
    }
    assert_eq!(client.get("/Users").json()["totalResults"], 6);
}

#[test]
fn s27_errors_tell_nothing_of_the_inside() {
    let server = Server::start();
    let client = server.provisioner();
    client.post("/Users", &user("ann")).is(201);
    let answers = [
        client.post("/Users", &user("ann")),
        client.filter("/Users", "x' eq 1"),
        client.get("/Users?sortBy=nosuch"),
        client.get("/Users/%ff"),
        client.get("/Users?cursor=AAAA"),
        client.send("POST", "/scim/v2/Users", &[], Some("{")),
        client.send("GET", "/elsewhere", &[], None),
        client.put(&format!("/Users/{UNKNOWN}"), &json!({})),
        client.post("/Bulk", &json!({"Operations": [{"method": "POST"}]})),
    ];
    for answer in answers {
        assert!((400..500).contains(&answer.status), "{answer:?}");
        let text = answer.text.to_lowercase();
        for word in [
            "sql",
            "select ",
            "unique_keys",
            "constraint",
            ".rs",
            "panicked",
            "/tmp",
            "stack",
            "org_",
        ] {
            assert!(!text.contains(word), "{word}: {text}");
        }
    }
}

#[test]
fn s28_a_request_is_one_log_line_that_names_it() {
    let server = Server::start();
    let client = server.provisioner();
    let headers = [("X-Request-Id", "mine-1")];
    let answer = client.send("GET", "/scim/v2/Users/a%0d%0aINFO%20forged", &headers, None);
    assert_eq!(answer.headers["x-request-id"], "mine-1");
    let forged = [("X-Request-Id", "a b\"c")];
    let answer =
        client.send("GET", "/scim/v2/Users?filter=userName%20eq%20%22secret%22", &forged, None);
    assert_ne!(answer.headers["x-request-id"], "a b\"c");
    client.post("/Users", &user("line\r\nINFO forged")).is(400);
    let log = server.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("mine-1")).collect();
    assert_eq!(lines.len(), 1);
    for part in ["method=GET", "status=404", "org=org_", "ms="] {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }
    assert!(!log.contains("secret") && !log.lines().any(|line| line.starts_with("INFO forged")));
}

#[test]
fn s29_bulk_requests_are_checked_like_single_ones() {
    let server = Server::start();
    let client = server.provisioner();
    let chain: Vec<_> = (0..1000)
        .map(|i| {
            let manager = format!("bulkId:u{}", (i + 1) % 1000);
            json!({"method": "POST", "path": "/Users", "bulkId": format!("u{i}"), "data": {
                "userName": format!("user{i}"),
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": {"value": manager}},
            }})
        })
        .collect();
    let done = client.post("/Bulk", &json!({"Operations": chain})).is(200).json();
    let operations = done["Operations"].as_array().unwrap();
    assert!(operations.len() == 1000 && operations.iter().all(|op| op["status"] == "201"));
    let wrong = json!({"failOnErrors": 2, "Operations": [
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "user1"}},
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": {"userName": "new"}},
        {"method": "POST", "path": "/Users", "bulkId": "c", "data": {}},
        {"method": "POST", "path": "/Users", "bulkId": "d", "data": {"userName": "never"}},
    ]});
    let done = client.post("/Bulk", &wrong).is(200).json();
    let statuses: Vec<_> = done["Operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|op| op["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["409", "201", "400"]);
    assert_eq!(client.filter("/Users", "userName eq \"never\"").json()["totalResults"], 0);
}

#[test]
fn s33_locations_come_from_the_settings_not_from_a_forged_host() {
    let public = Server::with(&["--public-url", "https://scim.example.com/"]);
    let headers = [("Host", "evil.example"), ("X-Forwarded-Host", "evil.example")];
    let client = public.provisioner();
    let answer =
        client.send("POST", "/scim/v2/Users", &headers, Some(&user("ann").to_string())).is(201);
    assert!(answer.headers["location"].starts_with("https://scim.example.com/scim/v2/Users/"));
    assert!(!answer.text.contains("evil"));
    let direct = Server::start();
    let token = direct.first_token();
    let request = |host: &str, extra: &str| {
        let text = format!(
            "GET /scim/v2/ServiceProviderConfig HTTP/1.1\r\nHost: {host}\r\n{extra}Authorization: Bearer {token}\r\n\r\n"
        );
        raw(&direct, text.as_bytes())
    };
    let location = |answer: scim_tests::Answer| answer.json()["meta"]["location"].to_string();
    assert!(location(request("name.example:81", "")).contains("http://name.example:81/"));
    assert!(
        !location(request("name.example", "X-Forwarded-Host: evil.example\r\n")).contains("evil")
    );
    let odd = request("a\"><script>", "");
    assert!(odd.status == 400 || !odd.text.contains("<script"), "{}", odd.text);
    let behind = Server::with(&["--behind-proxy"]);
    let token = behind.first_token();
    let text = format!(
        "GET /scim/v2/ServiceProviderConfig HTTP/1.1\r\nHost: inside\r\nX-Forwarded-Proto: https\r\n\
         X-Forwarded-Host: outside.example\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    assert!(location(raw(&behind, text.as_bytes())).contains("https://outside.example/scim/v2/"));
}

#[test]
fn r13_slow_clients_do_not_hold_up_others() {
    let server = Server::with(&["--head-timeout", "1", "--body-timeout", "1"]);
    let token = server.first_token();
    let heads: Vec<_> = (0..100)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(b"GET /scim/v2/Users HTTP/1.1\r\nHo").unwrap();
            stream
        })
        .collect();
    let bodies: Vec<_> = (0..30)
        .map(|_| {
            let mut stream = server.connect();
            let head = format!(
                "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
                 Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{"
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    let client = server.provisioner();
    for _ in 0..50 {
        let began = Instant::now();
        client.get("/Users").is(200);
        assert!(began.elapsed() < Duration::from_millis(500));
    }
    let ended = |mut stream: std::net::TcpStream| {
        stream.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
        let mut text = Vec::new();
        let result = stream.read_to_end(&mut text);
        assert!(result.is_ok() || result.unwrap_err().kind() != std::io::ErrorKind::WouldBlock);
        String::from_utf8_lossy(&text).into_owned()
    };
    for stream in bodies {
        assert!(ended(stream).starts_with("HTTP/1.1 408"));
    }
    for stream in heads {
        ended(stream);
    }
}

/// R5: a condition that can't be read is not one that holds.
#[test]
fn headers_that_cannot_be_read_are_refused() {
    let server = Server::start();
    let client = server.provisioner();
    let ann = client.push_user("ann@example.com");
    let path = format!("/scim/v2/Users/{ann}");
    let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "title", "value": "x"}]})
    .to_string();
    for tags in [vec!["W/\"7\u{e9}\""], vec!["\u{201c}7\u{201d}"], vec!["W/\"1\"", "W/\"7\""]] {
        let headers: Vec<_> = tags.iter().map(|tag| ("If-Match", *tag)).collect();
        client.send("PATCH", &path, &headers, Some(&body)).refuses(400, "");
        client.send("DELETE", &path, &headers, None).refuses(400, "");
    }
    client.get(&format!("/Users/{ann}")).is(200);
    let operator = server.operator();
    let keyed = |key: &str| {
        operator.send(
            "POST",
            "/organizations",
            &[("Idempotency-Key", key)],
            Some(&json!({"name": "A"})),
        )
    };
    keyed("Gesch\u{e4}ft-1").problem(400, "invalid_idempotency_key");
    let compressed = [("Content-Encoding", "gzip")];
    client.send("POST", "/scim/v2/Users", &compressed, Some("x")).refuses(415, "");
}

/// S24, R12: what many clients send at the same time is bounded, too.
#[test]
fn large_bodies_take_turns() {
    let server = Server::with(&["--max-large-body", "200000"]);
    let token = server.first_token();
    let begin = |authorization: &str, path: &str, length: usize| {
        let mut connection = server.connect();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\n{authorization}Content-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        connection.write_all(head.as_bytes()).unwrap();
        connection.write_all(&vec![b' '; length - 1]).unwrap();
        connection
    };
    let authorization = format!("Authorization: Bearer {token}\r\n");
    let unfinished: Vec<_> =
        (0..5).map(|_| begin(&authorization, "/scim/v2/Bulk", 199_000)).collect();
    let client = server.provisioner();
    let large = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{"method": "POST", "path": "/Users", "bulkId": "a",
            "data": {"userName": "ann", "note": "x".repeat(190_000)}}]});
    // As soon as they have come in.
    let refused = (0..100).map(|_| client.post("/Bulk", &large)).find(|a| a.status != 200).unwrap();
    refused.refuses(503, "");
    assert!(refused.headers.contains_key("retry-after"));
    client.push_user("small@example.com");
    drop(unfinished);
    let done = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        client.post("/Bulk", &large).status == 200
    });
    assert!(done, "there is room again");

    // Nobody has a large body before it is known who it is.
    for (path, status) in [("/api/v1/sessions", 413), ("/api/v1/organizations", 401)] {
        let answer = raw(
            &server,
            format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n").as_bytes(),
        );
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
    }
}
