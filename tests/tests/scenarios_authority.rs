//! Whether people of the Admin Organization's domains are members of a linked organization by its groups
//! only: `membership`; and the plan of a dry run, with which the real run does that, or nothing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use scim_tests::{Family, Person, assert_unchanged};
use serde_json::{Value, json};

fn at(f: &Family) -> String {
    format!("/organizations/{}/linked-organizations/{}/membership", f.hq, f.shop)
}

fn policy(word: &str) -> Value {
    json!({"membership": word})
}

/// What a dry run of the authoritative policy tells: its effects, and its plan.
fn planned(f: &Family, person: &Person) -> (Value, String) {
    let answer = person.put(&format!("{}?dry_run=true", at(f)), policy("authoritative"));
    let answer = answer.is(200).json();
    (answer["effects"].clone(), answer["plan"].as_str().unwrap().to_owned())
}

/// Sets the authoritative policy as planned; gives the effects.
fn authoritative(f: &Family, person: &Person) -> Value {
    let (effects, plan) = planned(f, person);
    let done = person.put(&format!("{}?plan={plan}", at(f)), policy("authoritative"));
    let done = done.is(200).json();
    assert_eq!(done["effects"], effects);
    assert_eq!(done["membership"], "authoritative");
    effects
}

/// What effects say of people: the change and the address, in order.
fn changes(effects: &Value) -> Vec<(String, String)> {
    let word = |change: &Value, name: &str| change[name].as_str().unwrap_or("-").to_owned();
    let all = effects["changes"].as_array().unwrap().iter();
    let mut all: Vec<_> =
        all.map(|change| (word(change, "change"), word(change, "email"))).collect();
    all.sort();
    all
}

#[test]
fn what_was_given_by_hand_in_the_domains_goes_and_does_not_come_again() {
    let f = Family::start();
    let hanna = f.somebody(&f.hq, "hanna@hq.example", "admin");
    let olga = f.somebody(&f.shop, "olga@guest.example", "owner");
    let ann = f.user("ann@example.com");
    f.group("Sales", &[&ann]);
    for email in ["ann@example.com", "bob@example.com", "gus@guest.example"] {
        olga.add(&f.shop, email, "member");
    }
    let team =
        olga.post(&format!("/organizations/{}/teams", f.shop), json!({"name": "Red"})).is(201).id();
    let bob = olga.account(&f.shop, "bob@example.com");
    let seat = format!("/organizations/{}/teams/{team}/members", f.shop);
    olga.put(&format!("{seat}/{bob}"), Value::Null).is(204);
    let linked = format!("/organizations/{}/linked-organizations/{}", f.hq, f.shop);
    assert_eq!(hanna.get(&linked).json()["membership"], "additive");

    // Not without a dry run; the owner of the linked organization has no say in it.
    hanna.put(&at(&f), policy("authoritative")).problem(400, "plan_needed");
    hanna.put(&at(&f), policy("strict")).problem(422, "invalid_value");
    olga.put(&at(&f), policy("additive")).problem(404, "not_found");
    let before = f.operator.everything();
    let (effects, plan) = planned(&f, &hanna);
    assert_unchanged("a dry run", &before, &f.operator.everything());
    let removed = |email: &str| ("grant_removed".to_owned(), email.to_owned());
    assert_eq!(changes(&effects), [removed("ann@example.com"), removed("bob@example.com")]);

    // The world moves, and the plan is none any more: nothing happens.
    olga.add(&f.shop, "cat@example.com", "member");
    let before = f.operator.everything();
    let late = hanna.put(&format!("{}?plan={plan}", at(&f)), policy("authoritative"));
    late.problem(412, "plan_changed");
    assert_unchanged("a plan that is none any more", &before, &f.operator.everything());
    // Nor is it good for something else.
    let unlink = format!("{linked}/unlink?plan={plan}");
    hanna.post(&unlink, json!({"members": "keep"})).problem(412, "plan_changed");

    let effects = authoritative(&f, &hanna);
    assert_eq!(changes(&effects).len(), 3, "{effects}");
    assert_eq!(effects["losses"], 3);
    assert_eq!(
        olga.members(&f.shop),
        ["ann@example.com", "gus@guest.example", "olga@guest.example"]
    );
    assert_eq!(olga.grants(&f.shop, "ann@example.com"), ["group Sales"]);
    assert_eq!(olga.list(&seat), Vec::<Value>::new(), "whoever is no member is in no team");
    for org in [&f.hq, &f.shop] {
        let events = f.operator.events(org);
        let told: Vec<_> =
            events.iter().filter(|event| event["name"] == "membership_policy.changed").collect();
        assert_eq!(told.len(), 1, "{told:?}");
        let (was, is) = (&told[0]["detail"]["before"], &told[0]["detail"]["after"]);
        assert_eq!((was, is), (&json!("additive"), &json!("authoritative")));
    }
    let link = olga.get(&format!("/organizations/{}", f.shop)).json()["link"].clone();
    assert_eq!(link["membership"], "authoritative", "the other side sees it: {link}");

    // By hand come guests only.
    let members = format!("/organizations/{}/members", f.shop);
    for email in ["bob@example.com", "new@EXAMPLE.com"] {
        olga.post(&members, json!({"email": email})).problem(409, "membership_authoritative");
    }
    olga.add(&f.shop, "guest2@guest.example", "member");
    // By the group everybody comes, and gets a role here.
    let bob = f.user("bob@example.com");
    let group = f.idp.get("/Groups").json()["Resources"][0]["id"].as_str().unwrap().to_owned();
    f.put_in(&group, &bob);
    let account = olga.account(&f.shop, "bob@example.com");
    olga.patch(&format!("{members}/{account}"), json!({"role": "admin"})).is(200);

    // Back to the default nothing returns by itself; and by hand they come again.
    hanna.put(&at(&f), policy("additive")).is(200);
    assert_eq!(olga.grants(&f.shop, "bob@example.com"), ["group Sales"]);
    olga.add(&f.shop, "cat@example.com", "member");
}

#[test]
fn the_last_active_owner_stays_and_leavers_do_not_return() {
    let f = Family::start();
    let eve = f.user("eve@example.com");
    f.operator.add(&f.shop, "eve@example.com", "admin");
    f.idp.delete(&format!("/Users/{eve}")).is(204);
    assert_eq!(f.operator.sources(&f.shop, "eve@example.com"), ["-manual"]);
    f.operator.add(&f.shop, "olga@example.com", "owner");
    f.operator.add(&f.shop, "otto@example.com", "admin");
    let (effects, _) = planned(&f, &f.operator);
    let word = |change: &str, name: &str| (change.to_owned(), format!("{name}@example.com"));
    assert_eq!(
        changes(&effects),
        [
            word("grant_removed", "olga"),
            word("grant_removed", "otto"),
            word("removal_blocked_last_owner", "olga"),
            word("role_changed", "otto"),
        ]
    );
    assert_eq!(authoritative(&f, &f.operator), effects);
    assert_eq!(f.operator.sources(&f.shop, "olga@example.com"), ["owner_protected"]);
    assert_eq!(f.operator.member(&f.shop, "olga@example.com")["role"], "owner");
    assert_eq!(f.operator.sources(&f.shop, "otto@example.com"), Vec::<String>::new());
    // What rests is nobody's membership; it is not brought back by hand meanwhile.
    assert_eq!(f.operator.sources(&f.shop, "eve@example.com"), ["-manual"]);
    let back = json!({"email": "eve@example.com"});
    let members = format!("/organizations/{}/members", f.shop);
    f.operator.post(&members, back).problem(409, "membership_authoritative");
}

#[test]
fn set_again_it_takes_what_a_new_domain_brought_and_unlinking_ends_it() {
    let f = Family::start();
    f.operator.add(&f.shop, "dan@second.example", "member");
    let nothing = authoritative(&f, &f.operator);
    assert_eq!(changes(&nothing), []);
    f.operator.verified(&f.dns, &f.hq, "second.example");
    assert_eq!(f.operator.sources(&f.shop, "dan@second.example"), ["manual"]);
    let effects = authoritative(&f, &f.operator);
    assert_eq!(changes(&effects), [("grant_removed".to_owned(), "dan@second.example".to_owned())]);
    // It was the same policy: the log tells of it once.
    let told = f.operator.told(&f.shop, Some(&f.shop));
    let changed = told.iter().filter(|name| *name == "membership_policy.changed");
    assert_eq!(changed.count(), 1);
    // Its own again, the organization takes whom it likes; linked again, it begins with the default.
    let unlink = format!("/organizations/{}/unlink", f.shop);
    f.operator.post(&unlink, json!({"members": "remove"})).is(200);
    f.operator.add(&f.shop, "dan@second.example", "member");
    f.operator.put(&at(&f), policy("additive")).problem(404, "not_found");
    f.operator.link(&f.hq, &f.shop, Some("Sales"));
    f.operator.add(&f.shop, "bob@example.com", "member");
}

#[test]
fn the_command_line_plans_and_does_as_planned() {
    let f = Family::start();
    f.operator.add(&f.shop, "bob@example.com", "member");
    let url = f.server.url();
    let membership = |more: &[&str]| {
        let command = ["org", "membership", &f.shop, "authoritative", "--database-url", &url];
        let done = scim_tests::run(&[&command, more].concat());
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        (done.status.code(), text, String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let (code, _, error) = membership(&[]);
    assert!(code == Some(1) && error.contains("plan_needed"), "{code:?} {error}");
    let (code, text, _) = membership(&["--dry-run"]);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("bob@example.com"), "{text}");
    let plan = text.lines().find_map(|line| line.strip_prefix("Plan: ")).unwrap().to_owned();
    let (code, _, error) = membership(&["--planned", "other"]);
    assert!(code == Some(1) && error.contains("plan_changed"), "{code:?} {error}");
    let (code, text, error) = membership(&["--planned", &plan]);
    assert_eq!(code, Some(0), "{text}{error}");
    assert_eq!(f.operator.sources(&f.shop, "bob@example.com"), Vec::<String>::new());
}
