//! Effects on signing in: whoever changes single sign-on, claims or links is told before who gets in how from
//! then on.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use scim_tests::{Answer, Family, Person, Say, oidc, run};
use serde_json::{Value, json};

/// The effects of a dry run, which the real run has to repeat.
#[track_caller]
fn plan_and_do(person: &Person, method: &str, path: &str, body: &Value) -> Value {
    let send = |path: &str| -> Answer { person.send(method, path, &[], Some(body)) };
    let planned = send(&format!("{path}?dry_run=true")).is(200).json();
    assert_eq!(planned["dry_run"], true, "{planned}");
    let again = send(&format!("{path}?dry_run=true")).is(200).json();
    assert_eq!(planned, again);
    let done = send(path);
    assert!(done.status < 300, "{}", done.text);
    assert_eq!(done.json()["effects"], planned["effects"]);
    planned["effects"].clone()
}

/// How many get in in another way: organization, people, before, after.
fn counts(effects: &Value) -> Vec<(String, u64, String, String)> {
    let text = |count: &Value, name: &str| count[name].as_str().unwrap().to_owned();
    let counts = effects["sign_ins"].as_array().unwrap().iter();
    let mut counts: Vec<_> = counts
        .map(|c| {
            (
                text(c, "organization"),
                c["people"].as_u64().unwrap(),
                text(c, "before"),
                text(c, "after"),
            )
        })
        .collect();
    counts.sort();
    counts
}

fn count(org: &str, people: u64, before: &str, after: &str) -> (String, u64, String, String) {
    (org.to_owned(), people, before.to_owned(), after.to_owned())
}

/// Who they are, where that is told.
fn named(effects: &Value) -> Vec<String> {
    let changes = effects["changes"].as_array().unwrap().iter();
    let mut named: Vec<String> = changes
        .filter(|change| change["change"] == "sign_in_changed")
        .map(|change| {
            format!(
                "{} {}",
                change["email"].as_str().unwrap(),
                change["sign_in_after"].as_str().unwrap()
            )
        })
        .collect();
    named.sort();
    named
}

fn sso(more: &Value) -> Value {
    let mut body = oidc();
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

#[test]
fn settings_of_an_admin_organization_tell_of_both_sides_and_name_only_its_own() {
    let f = Family::start();
    let ann = f.user("ann@example.com");
    let cid = f.user("cid@example.com");
    f.group("Sales", &[&ann]);
    f.set_active(&cid, json!(false));
    f.operator.add(&f.shop, "gus@guest.org", "member");
    f.operator.add(&f.shop, "olga@guest.org", "owner");
    let hanna = f.somebody(&f.hq, "hanna@elsewhere.org", "owner");
    let path = format!("/organizations/{}/sso", f.hq);

    let effects = plan_and_do(&hanna, "PUT", &path, &sso(&json!({})));
    let mut expected =
        vec![count(&f.hq, 1, "password", "sso"), count(&f.shop, 1, "password", "sso")];
    expected.sort();
    assert_eq!(counts(&effects), expected);
    assert_eq!(named(&effects), ["ann@example.com sso"]);

    // Required: the guest is shut out, the owner of the linked organization isn't.
    let effects = plan_and_do(&hanna, "PUT", &path, &sso(&json!({"required": true})));
    let mut expected = vec![
        count(&f.hq, 1, "sso", "sso_required"),
        count(&f.shop, 1, "sso", "sso_required"),
        count(&f.shop, 1, "password", "refused"),
    ];
    expected.sort();
    assert_eq!(counts(&effects), expected);
    assert_eq!(named(&effects), ["ann@example.com sso_required"]);
    assert!(!effects.to_string().contains("guest.org"), "{effects}");
    // Whoever may see both sides is told of both.
    let dry = format!("{path}?dry_run=true");
    let effects = f.operator.put(&dry, sso(&json!({"enabled": false}))).is(200).json();
    assert!(named(&effects["effects"]).contains(&"gus@guest.org password".to_owned()), "{effects}");
    // Nothing else than before: nobody is concerned.
    let effects = plan_and_do(&hanna, "PUT", &path, &sso(&json!({"required": true})));
    assert_eq!((counts(&effects), named(&effects)), (vec![], vec![]));
}

#[test]
fn linking_and_unlinking_tell_how_members_get_in_from_then_on() {
    let f = Family::start();
    f.user("ann@example.com");
    let required = sso(&json!({"required": true}));
    f.operator.put(&format!("/organizations/{}/sso", f.hq), required).is(200);
    let solo = f.operator.organization("Solo", json!({}));
    let olga = f.somebody(&solo, "olga@solo.example", "owner");
    for email in ["ann@example.com", "gus@guest.org"] {
        f.operator.add(&solo, email, "member");
    }
    let at = |part: &str| format!("/organizations/{solo}/{part}");
    let code = f.operator.code(&f.hq);
    let effects = plan_and_do(&olga, "POST", &at("link"), &json!({"code": code}));
    let mut expected = vec![
        // HQ takes her address, member of HQ that she is.
        count(&solo, 1, "sso", "sso_required"),
        count(&solo, 1, "password", "refused"),
    ];
    expected.sort();
    assert_eq!(counts(&effects), expected);
    assert_eq!(named(&effects), ["ann@example.com sso_required", "gus@guest.org refused"]);

    let effects = plan_and_do(&olga, "POST", &at("unlink"), &json!({"members": "remove"}));
    let mut expected =
        vec![count(&solo, 1, "sso_required", "sso"), count(&solo, 1, "refused", "password")];
    expected.sort();
    assert_eq!(counts(&effects), expected);
}

#[test]
fn a_claim_tells_when_it_comes_to_count() {
    let f = Family::start();
    let solo = f.operator.organization("Solo", json!({}));
    let olga = f.somebody(&solo, "olga@solo.example", "owner");
    f.operator.add(&solo, "sam@solo.example", "member");
    f.operator.put(&format!("/organizations/{solo}/sso"), sso(&json!({"required": true}))).is(200);
    let domains = format!("/organizations/{solo}/domains");
    let body = json!({"domain": "solo.example"});
    let dry = olga.post(&format!("{domains}?dry_run=true"), body.clone()).is(200).json();
    assert_eq!((counts(&dry["effects"]), olga.list(&domains).len()), (vec![], 0));
    let claim = olga.post(&domains, body).is(201).json();
    let (id, record) = (claim["id"].as_str().unwrap(), claim["record_value"].as_str().unwrap());
    f.dns.set("solo.example", Say::txt(record));
    let verify = format!("{domains}/{id}:verify");
    let effects = plan_and_do(&olga, "POST", &verify, &Value::Null);
    let mut expected = vec![
        count(&solo, 1, "password", "sso_required"),
        count(&solo, 1, "refused", "sso_required"),
    ];
    expected.sort();
    assert_eq!(counts(&effects), expected);
    assert_eq!(olga.list(&domains)[0]["state"], "verified");
    let effects = plan_and_do(&olga, "DELETE", &format!("{domains}/{id}"), &Value::Null);
    assert_eq!(counts(&effects).len(), 2);
}

#[test]
fn the_command_line_tries_claims_and_settings_too() {
    let f = Family::start();
    f.user("ann@example.com");
    let url = f.server.url();
    let command = |arguments: &[&str]| {
        let output = run(&[arguments, &["--database-url", &url]].concat());
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, printed) = command(&["domain", "add", "--org", &f.hq, "more.example", "--dry-run"]);
    assert_eq!((code, printed.as_str()), (Some(0), "Would change: +0 -0\n"));
    let (code, printed) = command(&["domain", "add", "--org", &f.hq, "more.example"]);
    assert!(code == Some(0) && printed.contains("scim-domain-verification="), "{printed}");
    assert!(!printed.contains("effects"), "{printed}");

    let file = f.server.folder().join("sso.json");
    std::fs::write(&file, oidc().to_string()).unwrap();
    let set = ["sso", "set", "--org", &f.hq, "--file", file.to_str().unwrap()];
    let (code, printed) = command(&[&set[..], &["--dry-run"]].concat());
    assert_eq!(code, Some(3), "{printed}");
    assert!(printed.starts_with("Would change: +0 -0, 1 sign in in another way\n"), "{printed}");
    f.operator.get(&format!("/organizations/{}/sso", f.hq)).problem(404, "not_found");
    assert_eq!(command(&set).0, Some(0));
    f.operator.get(&format!("/organizations/{}/sso", f.hq)).is(200);
}
