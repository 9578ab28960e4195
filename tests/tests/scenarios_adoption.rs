//! Which accounts that are there a directory takes over: `adoption`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use scim_tests::{Answer, Clock, Family, Person, assert_unchanged, scim_user};
use serde_json::json;

fn invited_only(f: &Family) {
    let path = format!("/organizations/{}", f.hq);
    let changed = f.operator.patch(&path, json!({"adoption": "invited_only"})).is(200).json();
    assert_eq!(changed["adoption"], "invited_only");
}

fn push(f: &Family, email: &str) -> Answer {
    f.idp.post("/Users", &scim_user(email))
}

/// Checks that an identity provider is told what to do.
#[track_caller]
fn is_refused(answer: &Answer, email: &str) {
    assert_eq!(answer.status, 409, "{}", answer.text);
    let body = answer.json();
    assert_eq!(body["scimType"], "uniqueness", "{body}");
    let detail = body["detail"].as_str().unwrap();
    let says = [email, "\"HQ\"", "add the person there as a member first"];
    assert!(says.iter().all(|part| detail.contains(part)), "{detail}");
}

#[test]
fn by_default_an_account_in_a_verified_domain_is_taken_over() {
    let f = Family::start();
    let (_, account) = f.operator.newcomer(&f.server, "ann@example.com");
    f.user("ann@example.com");
    assert_eq!(f.operator.account(&f.hq, "ann@example.com"), account);
    assert!(f.operator.told(&f.hq, Some(&account)).contains(&"scim_user.adopted".to_owned()));
}

#[test]
fn with_invited_only_an_account_is_taken_over_once_its_person_is_a_member() {
    let f = Family::start();
    invited_only(&f);
    let (_, account) = f.operator.newcomer(&f.server, "ann@example.com");
    // A member of a linked organization was not invited by the Admin Organization.
    f.operator.add(&f.shop, "ann@example.com", "member");
    let before = f.operator.everything();
    is_refused(&push(&f, "ann@example.com"), "ann@example.com");
    is_refused(&push(&f, "Ann@Example.com"), "Ann@Example.com");
    assert_unchanged("a refused push", &before, &f.operator.everything());
    assert_eq!(f.idp.filter("/Users", "userName sw \"ann\"").json()["totalResults"], 0);
    // Nor does an address that is there stop others.
    f.user("new@example.com");
    f.operator.add(&f.hq, "ann@example.com", "member");
    push(&f, "ann@example.com").is(201);
    assert_eq!(f.operator.account(&f.hq, "ann@example.com"), account);
    assert_eq!(f.operator.sources(&f.hq, "ann@example.com"), ["directory", "manual"]);
}

#[test]
fn with_invited_only_a_leaver_comes_back_by_an_invitation() {
    let f = Family::start();
    invited_only(&f);
    let ann = f.user("ann@example.com");
    f.operator.add(&f.hq, "ann@example.com", "member");
    let bob = f.user("bob@example.com");
    for user in [&ann, &bob] {
        f.idp.delete(&format!("/Users/{user}")).is(204);
    }
    // What was given by hand rests: that is no invitation.
    assert_eq!(f.operator.sources(&f.hq, "ann@example.com"), ["-manual"]);
    is_refused(&push(&f, "ann@example.com"), "ann@example.com");
    is_refused(&push(&f, "bob@example.com"), "bob@example.com");
    for email in ["ann@example.com", "bob@example.com"] {
        f.operator.add(&f.hq, email, "member");
        push(&f, email).is(201);
    }
}

#[test]
fn with_invited_only_users_of_a_sleeping_directory_are_taken_over() {
    let f = Family::start();
    let depot = f.operator.organization("Depot", json!({"scim_domains": "any"}));
    f.operator.verified(&f.dns, &depot, "depot.example");
    let own = f.operator.provisioner(&f.server, &depot);
    own.post("/Users", &scim_user("dan@depot.example")).is(201);
    own.post("/Users", &scim_user("eve@depot.example")).is(201);
    f.operator.link(&f.hq, &depot, None);
    let claim = f.operator.list(&format!("/organizations/{depot}/domains"))[0]["id"].clone();
    let claim = claim.as_str().unwrap();
    f.operator
        .post(&format!("/organizations/{depot}/domains/{claim}:transfer"), json!(null))
        .is(200);
    invited_only(&f);
    let dan = f.operator.account(&depot, "dan@depot.example");
    push(&f, "dan@depot.example").is(201);
    assert_eq!(f.operator.account(&f.hq, "dan@depot.example"), dan);
    // Whom people took out meanwhile comes by an invitation.
    let eve = f.operator.account(&depot, "eve@depot.example");
    f.operator.delete(&format!("/organizations/{depot}/members/{eve}")).is(200);
    is_refused(&push(&f, "eve@depot.example"), "eve@depot.example");
}

#[test]
fn the_option_is_an_admins_to_set_and_passes_to_an_admin_organization_made_out_of_it() {
    let clock = Clock::at("2026-11-25 00:00:00");
    let environment = clock.environment();
    let f = Family::with_environment(&environment);
    let depot = f.operator.organization("Depot", json!({}));
    let path = format!("/organizations/{depot}");
    assert_eq!(f.operator.get(&path).json()["adoption"], "by_verified_domain");
    let (dora, mia) = (
        f.somebody(&depot, "dora@depot.example", "admin"),
        f.somebody(&depot, "mia@depot.example", "member"),
    );
    let (strict, loose) =
        (json!({"adoption": "invited_only"}), json!({"adoption": "by_verified_domain"}));
    mia.patch(&path, strict.clone()).problem(403, "role_required");
    dora.patch(&path, json!({"adoption": "all"})).problem(422, "invalid_value");
    clock.set("2026-11-25 00:10:00");
    dora.patch(&path, strict).is(200);
    dora.patch(&path, loose.clone()).problem(403, "reauthentication_required");
    let admin = Person::sign_in(&f.server, "dora@depot.example");
    let made =
        admin.post(&format!("{path}/admin-organization"), json!({"name": "Depots"})).is(201).json();
    assert_eq!(made["adoption"], "invited_only");
    let made = made["id"].as_str().unwrap();
    assert_eq!(
        f.operator.get(&format!("/organizations/{made}")).json()["adoption"],
        "invited_only"
    );
    admin.patch(&path, loose).is(200);
    f.server.command(&["org", "set", &depot, "--adoption", "invited_only", "-o", "json"]);
    assert_eq!(f.operator.get(&path).json()["adoption"], "invited_only");
    let events = f.operator.events(&depot);
    let told = events.iter().filter(|event| event["name"] == "organization.changed");
    assert_eq!(told.count(), 3);
}
