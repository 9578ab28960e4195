//! Why somebody is in an organization, in all its links: the groups on the way, and why something rests.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use scim_tests::{Family, run};
use serde_json::{Value, json};

fn explained(f: &Family, org: &str, email: &str) -> Value {
    f.operator.get(&format!("/organizations/{org}/explain?email={email}")).is(200).json()
}

#[test]
fn nested_groups_are_named_from_the_one_that_lists_the_person_up() {
    let f = Family::start();
    let (ann, bob) = (f.user("ann@example.com"), f.user("bob@example.com"));
    let sales = f.group("Sales", &[&bob]);
    let (emea, bavaria) = (f.group("EMEA", &[]), f.group("Bavaria", &[&ann]));
    // A longer way, and a group that leads nowhere.
    let longer = f.group("Longer", &[]);
    f.group("Elsewhere", &[&ann]);
    for (group, member) in
        [(&sales, &emea), (&emea, &bavaria), (&emea, &longer), (&longer, &bavaria)]
    {
        f.put_in(group, member);
    }
    let told = explained(&f, &f.shop, "ann@example.com");
    let reason = &told["reasons"][0];
    let way: Vec<(&Value, &Value)> = reason["through"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (&group["id"], &group["name"]))
        .collect();
    let (a, b, c) = (json!(bavaria), json!(emea), json!(sales));
    let names = ["Bavaria", "EMEA", "Sales"].map(Value::from);
    assert_eq!(way, [(&a, &names[0]), (&b, &names[1]), (&c, &names[2])]);
    let summary = told["summary"].as_str().unwrap();
    assert!(summary.contains("the group \"Sales\""), "{summary}");
    assert!(summary.contains("through \"EMEA\" and, in that, \"Bavaria\" in it"), "{summary}");
    // Who is listed directly, is in it through nothing else.
    let told = explained(&f, &f.shop, "bob@example.com");
    assert_eq!(told["reasons"][0]["through"], json!([{"id": sales, "name": "Sales"}]));
    assert!(!told["summary"].as_str().unwrap().contains("through"), "{told}");
    let printed =
        run(&["explain", "--org", &f.shop, "ann@example.com", "--database-url", &f.server.url()]);
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert!(printed.contains("through the groups Bavaria < EMEA < Sales"), "{printed}");
}

#[test]
fn what_rests_says_why() {
    let f = Family::start();
    let (ann, bob) = (f.user("ann@example.com"), f.user("bob@example.com"));
    f.group("Sales", &[&ann]);
    for email in ["ann@example.com", "bob@example.com", "gus@guest.org"] {
        f.operator.add(&f.shop, email, "member");
    }
    let why = |email: &str| -> Vec<String> {
        let told = explained(&f, &f.shop, email);
        let reasons = told["reasons"].as_array().unwrap().iter();
        let mut all: Vec<String> = reasons
            .map(|r| {
                let why = r["suspended_because"].as_str().unwrap_or("-");
                assert!(why == "-" || r["summary"].as_str().unwrap().contains(why), "{r}");
                format!("{}: {why}", r["grant"]["source"].as_str().unwrap())
            })
            .collect();
        all.sort();
        all
    };
    assert_eq!(why("ann@example.com"), ["group: -", "manual: -"]);
    f.set_active(&ann, json!(false));
    let inactive = "the Admin Organization's directory says that the person is inactive";
    let both = ["group", "manual"].map(|source| format!("{source}: {inactive}"));
    assert_eq!(why("ann@example.com"), both);
    f.idp.delete(&format!("/Users/{bob}")).is(204);
    let again = "an administrator can add the person again";
    let deleted = format!("manual: the person was deleted from the directory; {again}");
    assert_eq!(why("bob@example.com"), std::slice::from_ref(&deleted));
    let unlink = format!("/organizations/{}/unlink", f.shop);
    f.operator.post(&unlink, json!({"members": "keep"})).is(200);
    let unlinked =
        format!("manual: the person was inactive when the organization was unlinked; {again}");
    assert_eq!(why("ann@example.com"), [unlinked]);
    assert_eq!(why("bob@example.com"), [deleted]);
    assert_eq!(why("gus@guest.org"), ["manual: -"]);
}

#[test]
fn effects_count_people_apart_from_grants() {
    let f = Family::start();
    let [ann, bob, cid] =
        ["ann@example.com", "bob@example.com", "cid@example.com"].map(|email| f.user(email));
    f.group("Sales", &[&ann, &bob, &cid]);
    f.operator.add(&f.shop, "ann@example.com", "member");
    let counts = |effects: &Value| -> Vec<u64> {
        let names = ["gains", "losses", "people_gaining", "people_losing"];
        names.iter().map(|name| effects[name].as_u64().unwrap()).collect()
    };
    let unlink = format!("/organizations/{}/unlink?dry_run=true", f.shop);
    let plan = |how: &str| {
        f.operator.post(&unlink, json!({"members": how})).is(200).json()["effects"].clone()
    };
    // Two have a grant by hand for that of the group; she had one already.
    assert_eq!(counts(&plan("keep")), [2, 3, 0, 1]);
    assert_eq!(counts(&plan("remove")), [0, 3, 0, 3]);
    let printed = run(&[
        "org",
        "unlink",
        &f.shop,
        "--members",
        "keep",
        "--dry-run",
        "--database-url",
        &f.server.url(),
    ]);
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert!(printed.starts_with("Would change: +2 -3 (people: +0 -1)\n"), "{printed}");
}
