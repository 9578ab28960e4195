//! What the audit log tells without anybody's doing, and of what came to nothing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::time::{Duration, Instant};

use scim_tests::{Clock, Person, Server, run};
use serde_json::{Value, json};

/// Good from 2026-11-01 to 2027-02-01.
const CERTIFICATE: &str = include_str!("../fixtures/idp-until-2027-02-01.pem");

fn events(person: &Person, org: &str, name: &str) -> Vec<Value> {
    person.list(&format!("/organizations/{org}/audit-events?order=oldest&name={name}"))
}

/// The events of that name, once there are so many.
fn awaited(server: &Server, person: &Person, org: &str, name: &str, count: usize) -> Vec<Value> {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let found = events(person, org, name);
        if found.len() >= count {
            return found;
        }
        assert!(Instant::now() < until, "{name}: {found:?}\n{}", server.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn within(events: &[Value]) -> Vec<i64> {
    events.iter().map(|event| event["detail"]["within_days"].as_i64().unwrap()).collect()
}

#[test]
fn what_runs_out_is_told_once_each_time_it_comes_nearer() {
    let clock = Clock::at("2026-11-25 00:00:00");
    let environment = clock.environment();
    let server = Server::with_environment(&["--domain-check-interval", "1"], &environment);
    let operator = server.operator();
    let org = operator.admin_organization("Group");
    operator.code(&org);
    let sso = json!({
        "protocol": "saml", "issuer": "https://idp.example.com", "enabled": true,
        "sign_on_url": "https://idp.example.com/sso", "certificates": [CERTIFICATE],
    });
    operator.put(&format!("/organizations/{org}/sso"), sso).is(200);
    let tokens = format!("/organizations/{org}/scim/tokens");
    operator.post(&tokens, json!({"expires_in_days": 69})).is(201);

    clock.set("2026-11-27 23:59:59");
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(events(&operator, &org, "link_code.expired"), Vec::<Value>::new());
    clock.set("2026-11-28 00:00:10");
    let expired = awaited(&server, &operator, &org, "link_code.expired", 1);
    assert_eq!((expired.len(), &expired[0]["actor"]), (1, &json!("system")));
    assert_eq!(events(&operator, &org, "sso.certificate_expiring"), Vec::<Value>::new());

    for (time, certificates, tokens) in [
        ("2026-12-04 00:00:00", vec![60], vec![]),
        ("2027-01-10 00:00:00", vec![60, 30], vec![30]),
        ("2027-01-31 12:00:00", vec![60, 30, 1], vec![30, 7]),
    ] {
        clock.set(time);
        let name = "sso.certificate_expiring";
        let told = awaited(&server, &operator, &org, name, certificates.len());
        assert_eq!(within(&told), certificates, "{time}");
        let told = awaited(&server, &operator, &org, "scim_token.expiring", tokens.len());
        assert_eq!(within(&told), tokens, "{time}");
    }
    // Looked at again and again, nothing is told twice.
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(events(&operator, &org, "sso.certificate_expiring").len(), 3);
    assert_eq!(events(&operator, &org, "link_code.expired").len(), 1);
}

#[test]
fn a_refused_code_is_told_on_both_sides_and_only_its_issuer_learns_of_the_other() {
    let server = Server::start();
    let operator = server.operator();
    let admin = operator.admin_organization("Group");
    let org = operator.organization("Team", json!({}));
    let made = operator.post(&format!("/organizations/{admin}/link-codes"), json!({})).is(201);
    let (code, id) = (made.json()["code"].clone(), made.id());
    operator.delete(&format!("/organizations/{admin}/link-codes/{id}")).is(200);

    let link = format!("/organizations/{org}/link");
    operator.post(&link, json!({"code": code})).problem(410, "link_code_revoked");
    operator.post(&link, json!({"code": "link-none"})).problem(404, "link_code_invalid");
    let preview = format!("/organizations/{org}/link:preview");
    operator.post(&preview, json!({"code": code})).problem(410, "link_code_revoked");

    let tried = events(&operator, &org, "link_code.rejected");
    let codes: Vec<_> = tried.iter().map(|event| event["detail"]["reason"].clone()).collect();
    assert_eq!(codes, ["link_code_revoked", "link_code_invalid", "link_code_revoked"]);
    let issued = events(&operator, &admin, "link_code.rejected");
    assert_eq!(issued.len(), 2, "{issued:?}");
    assert!(issued.iter().all(|event| event["target"] == id.as_str()));
    assert!(issued.iter().all(|event| event["detail"]["other_org"] == org.as_str()));
    assert!(!json!(tried).to_string().contains(&admin), "{tried:?}");
}

#[test]
fn a_removal_and_an_export_are_told() {
    let server = Server::start();
    let operator = server.operator();
    let org = operator.organization("Team", json!({}));
    let members = format!("/organizations/{org}/members");
    let added =
        operator.post(&members, json!({"email": "ann@example.com", "role": "admin"})).is(201);
    let account = added.json()["account"].as_str().unwrap().to_owned();
    operator.delete(&format!("{members}/{account}")).is(200);
    let removed = events(&operator, &org, "membership.removed");
    assert_eq!(removed.len(), 1, "{removed:?}");
    assert_eq!(removed[0]["target"], account.as_str());
    assert_eq!(removed[0]["detail"]["before"]["role"], "admin");

    let url = server.url();
    let file = server.folder().join("log.csv");
    let file = file.to_str().unwrap();
    let arguments = ["audit", "export", "--org", &org, "--format", "csv", "--database-url", &url];
    assert!(run(&[&arguments[..], &["--file", file]].concat()).status.success());
    let exported = events(&operator, &org, "audit_log_export.created");
    assert_eq!(exported.len(), 1);
    assert_eq!(exported[0]["detail"]["format"], "csv");
    // The export has all that the API lists, itself included.
    let listed = operator.list(&format!("/organizations/{org}/audit-events?order=oldest"));
    let text = std::fs::read_to_string(file).unwrap();
    assert_eq!(text.lines().count(), listed.len() + 1, "{text}");
    operator
        .post(&format!("/organizations/{org}/audit-exports"), json!({"format": "xlsx"}))
        .problem(422, "invalid_value");
    let stranger = operator.newcomer(&server, "eve@example.com").0;
    stranger
        .post(&format!("/organizations/{org}/audit-exports"), json!({"format": "csv"}))
        .problem(404, "not_found");
}

#[test]
fn the_first_use_of_a_token_is_told_once() {
    let mut server = Server::start();
    let operator = server.operator();
    let org = operator.organization("Team", json!({"scim_domains": "any"}));
    let client = operator.provisioner(&server, &org);
    assert!(events(&operator, &org, "scim_token.used_first").is_empty());
    client.get("/Users").is(200);
    // Uses are written down now and then, and when the server stops.
    server.stop();
    server.restart();
    client.again().get("/Users").is(200);
    server.stop();
    server.restart();
    let told = events(&operator, &org, "scim_token.used_first");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["actor"], told[0]["target"]);
}

#[test]
fn refused_requests_of_a_client_are_counted_and_told() {
    let mut server = Server::start();
    let operator = server.operator();
    let org = operator.organization("Team", json!({"scim_domains": "any"}));
    let idp = operator.provisioner(&server, &org);
    idp.post("/Users", &json!({"userName": "secret-ann"})).is(201);
    for _ in 0..3 {
        idp.post("/Users", &json!({"userName": "secret-ann"})).refuses(409, "uniqueness");
    }
    idp.get("/Users/secret-nobody").refuses(404, "");
    idp.get("/Users?filter=secret").refuses(400, "invalidFilter");
    server.stop();
    server.restart();
    let operator = operator.at(&server);
    let told = events(&operator, &org, "scim_request.failed");
    assert_eq!(told.len(), 1, "{told:?}");
    let token = operator.list(&format!("/organizations/{org}/scim/tokens"))[0]["id"].clone();
    assert_eq!((&told[0]["target"], &told[0]["actor"]), (&token, &token));
    let latest =
        json!({"method": "GET", "resource": "Users", "status": 400, "code": "invalidFilter"});
    let expected = json!({"count": 4, "statuses": {"400": 1, "409": 3}, "latest": latest});
    assert_eq!(told[0]["detail"], expected);
    assert!(!told[0].to_string().contains("secret"), "{told:?}");
}

#[test]
fn the_log_says_what_was_set() {
    let f = scim_tests::Family::start();
    let path = format!("/organizations/{}/sso", f.hq);
    for issuer in ["https://one.example.com", "https://two.example.com"] {
        let sso = json!({"protocol": "oidc", "issuer": issuer, "client_id": "c",
            "client_secret": "hidden-secret", "enabled": true, "required": false});
        f.operator.put(&path, sso).is(200);
    }
    let ann = f.user("ann@example.com");
    let spec = json!({"preset": "okta", "scopes": "read", "user": ann});
    f.operator.post(&format!("/organizations/{}/scim/tokens", f.hq), spec).is(201);
    f.sign_in(&f.hq, "ann@example.com");
    let events = f.operator.events(&f.hq);
    let details = |name: &str| -> Vec<Value> {
        let of = events.iter().filter(|event| event["name"] == name);
        of.map(|event| event["detail"].clone()).collect()
    };
    let configured = details("sso.configured");
    let changed = configured.iter().find(|detail| !detail["before"].is_null()).unwrap();
    assert_eq!(changed["before"]["issuer"], "https://one.example.com");
    assert_eq!(changed["after"]["issuer"], "https://two.example.com");
    assert!(!Value::from(configured.clone()).to_string().contains("hidden-secret"));
    let made = details("scim_token.created");
    let made = made.iter().find(|detail| detail["preset"] == "okta").unwrap();
    assert_eq!((&made["scopes"], &made["user"]), (&json!("read"), &json!(ann)));
    assert_eq!(details("account.password_set").len(), 1);
}
