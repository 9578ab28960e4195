//! Passwords of owners and admins where single sign-on is required: each use is told, and the organization may
//! do without (`break_glass`).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use scim_tests::{Family, Person, assert_unchanged};
use serde_json::{Value, json};

/// Single sign-on settings, required.
fn required(break_glass: Option<bool>) -> Value {
    let mut settings = json!({"protocol": "oidc", "issuer": "https://idp.example.com",
        "client_id": "c", "client_secret": "s", "enabled": true, "required": true});
    if let Some(break_glass) = break_glass {
        settings["break_glass"] = break_glass.into();
    }
    settings
}

fn sso(f: &Family) -> String {
    format!("/organizations/{}/sso", f.hq)
}

/// The events that tell of a password used in spite of required single sign-on: who, and with what.
fn used(f: &Family, org: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let events = f.operator.events(org);
    let used = events.iter().filter(|event| event["name"] == "session.break_glass_used");
    used.map(|event| (text(&event["actor"]), text(&event["detail"]["credential"]))).collect()
}

/// HQ's owner with a guest's address, and its admin with one in its domain; Shop's owner and a member.
struct Scene {
    f: Family,
    olga: Person,
    ada: Person,
    sam: Person,
    mia: Person,
}

impl Scene {
    fn set() -> Self {
        let f = Family::start();
        let olga = f.somebody(&f.hq, "olga@guest.example", "owner");
        let ada = f.somebody(&f.hq, "ada@example.com", "admin");
        let sam = f.somebody(&f.shop, "sam@shop.example", "owner");
        let mia = f.somebody(&f.shop, "mia@shop.example", "member");
        Self { f, olga, ada, sam, mia }
    }

    fn hq(&self) -> String {
        format!("/organizations/{}", self.f.hq)
    }

    fn shop(&self) -> String {
        format!("/organizations/{}", self.f.shop)
    }
}

#[test]
fn each_use_is_told_once_for_each_session_and_token() {
    let s = Scene::set();
    let (f, hq, shop) = (&s.f, s.hq(), s.shop());
    let token = s.olga.by_token(&f.server);
    s.olga.get(&hq).is(200);
    f.operator.put(&sso(f), required(None)).is(200);
    assert_eq!(f.operator.get(&sso(f)).json()["break_glass"], true);
    assert_eq!(used(f, &f.hq), []);
    // A session and a token of before that: told as they are used, whatever for, and once.
    s.olga.get(&hq).is(200);
    let own = "olga@guest.example".to_owned();
    let first = used(f, &f.hq);
    assert_eq!(first.iter().map(|(who, _)| who).collect::<Vec<_>>(), [&own]);
    s.olga.get(&format!("{hq}/members")).is(200);
    s.olga.patch(&hq, json!({"name": "HQ 2"})).is(200);
    s.olga.delete(&format!("{hq}/domains/nope")).is(404);
    assert_eq!(used(f, &f.hq), first);
    token.patch(&hq, json!({"name": "HQ"})).is(200);
    token.get(&hq).is(200);
    let second = used(f, &f.hq);
    assert_eq!((second.len(), &second[1].0), (2, &own));
    assert_ne!(second[1].1, second[0].1, "another credential");
    // A refused change and a dry run are uses too.
    s.ada.post(&format!("{hq}/members?dry_run=true"), json!({"email": "x"})).is(422);
    assert_eq!(used(f, &f.hq).len(), 3);
    // A sign-in tells by itself, of each organization that it gets into so.
    let again = Person::sign_in(&f.server, "olga@guest.example");
    assert_eq!(used(f, &f.hq).len(), 4);
    again.get(&hq).is(200);
    assert_eq!(used(f, &f.hq).len(), 4);
    // Linked organizations are governed by the same; their owners are their own. Whoever isn't let in uses
    // nothing.
    assert_eq!(used(f, &f.shop), []);
    s.sam.get(&shop).is(200);
    s.mia.get(&shop).problem(403, "sso_required");
    s.olga.get(&shop).problem(404, "not_found");
    assert_eq!(used(f, &f.shop).len(), 1);
    // Not required any more, there is nothing to tell.
    let mut optional = required(None);
    optional["required"] = false.into();
    f.operator.put(&sso(f), optional).is(200);
    Person::sign_in(&f.server, "ada@example.com").get(&hq).is(200);
    assert_eq!(used(f, &f.hq).len(), 4);
}

#[test]
fn a_token_made_by_a_password_lets_in_nobody_whom_the_password_does_not() {
    let s = Scene::set();
    let token = s.mia.by_token(&s.f.server);
    token.get(&s.shop()).is(200);
    s.f.operator.put(&sso(&s.f), required(None)).is(200);
    token.get(&s.shop()).problem(403, "sso_required");
    s.mia.get(&s.shop()).problem(403, "sso_required");
    token.get("/accounts/me").is(200);
}

#[test]
fn switched_off_a_password_lets_in_nobody_and_the_dry_run_says_whom_that_shuts_out() {
    let s = Scene::set();
    let (f, hq, shop) = (&s.f, s.hq(), s.shop());
    let token = s.olga.by_token(&f.server);
    f.operator.put(&sso(f), required(None)).is(200);
    for person in [&s.olga, &s.ada, &token] {
        person.get(&hq).is(200);
    }
    s.sam.get(&shop).is(200);
    // Not without having looked.
    let before = f.operator.everything();
    s.olga.put(&sso(f), required(Some(false))).problem(400, "plan_needed");
    let dry = s.olga.put(&format!("{}?dry_run=true", sso(f)), required(Some(false))).is(200).json();
    assert_unchanged("a dry run", &before, &f.operator.everything());
    let told: Vec<(&str, &str, &str)> = dry["effects"]["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            let word = |name: &str| change[name].as_str().unwrap();
            (word("email"), word("sign_in_before"), word("sign_in_after"))
        })
        .collect();
    for owner in ["olga@hq.example", "olga@guest.example"] {
        assert!(told.contains(&(owner, "password", "refused")), "{told:?}");
    }
    assert!(told.contains(&("ada@example.com", "sso_required", "sso_only")), "{told:?}");
    assert_eq!(told.len(), 3, "people of linked organizations aren't named: {told:?}");
    let counts = dry["effects"]["sign_ins"].as_array().unwrap();
    let of_shop =
        json!({"organization": f.shop, "people": 1, "before": "password", "after": "refused"});
    assert!(counts.contains(&of_shop), "{counts:?}");

    let plan = dry["plan"].as_str().unwrap();
    let done = s.olga.put(&format!("{}?plan={plan}", sso(f)), required(Some(false))).is(200).json();
    assert_eq!(done["effects"], dry["effects"]);
    assert_eq!(done["break_glass"], false);
    let events = used(f, &f.hq);
    for person in [&s.olga, &s.ada, &token, &Person::sign_in(&f.server, "olga@guest.example")] {
        person.get(&hq).problem(403, "sso_required");
        person.patch(&hq, json!({"name": "Mine"})).problem(403, "sso_required");
    }
    s.sam.get(&shop).problem(403, "sso_required");
    s.olga.get("/accounts/me").is(200);
    assert_eq!(used(f, &f.hq), events, "nobody gets in, nothing is used");
    // Whoever is about to be linked to it is warned.
    let (dora, depot) = {
        let depot = f.operator.organization("Depot", json!({}));
        (f.somebody(&depot, "dora@depot.example", "owner"), depot)
    };
    let code = json!({"code": f.operator.code(&f.hq)});
    let preview = dora.post(&format!("/organizations/{depot}/link:preview"), code).is(200).json();
    assert_eq!(preview["warnings"], json!(["break_glass_disabled"]));
    // As it is it may be stored again; the operator switches it on, and all are in.
    f.operator.put(&sso(f), required(Some(false))).is(200);
    f.operator.put(&sso(f), required(None)).is(200);
    for person in [&s.olga, &s.ada, &token] {
        person.get(&hq).is(200);
    }
    let names = f.operator.told(&f.hq, Some(&f.hq));
    let of = |word: &str| names.iter().filter(|name| *name == word).count();
    assert_eq!((of("sso.break_glass_disabled"), of("sso.break_glass_enabled")), (1, 1));
}

#[test]
fn the_command_line_plans_it_too() {
    let s = Scene::set();
    let f = &s.f;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sso.json");
    std::fs::write(&file, required(Some(false)).to_string()).unwrap();
    let url = f.server.url();
    let set = |more: &[&str]| {
        let file = file.to_str().unwrap();
        let command = ["sso", "set", "--org", &f.hq, "--file", file, "--database-url", &url];
        let done = scim_tests::run(&[&command, more].concat());
        (done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned())
    };
    assert_eq!(set(&[]).0, Some(1));
    let (code, text) = set(&["--dry-run"]);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("olga@guest.example"), "{text}");
    let plan = text.lines().find_map(|line| line.strip_prefix("Plan: ")).unwrap();
    let (code, text) = set(&["--planned", plan]);
    assert_eq!(code, Some(0), "{text}");
    s.olga.get(&s.hq()).problem(403, "sso_required");
}
