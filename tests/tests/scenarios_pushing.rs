//! What an identity provider pushes to an Admin Organization, and who is where after it: acceptance
//! scenarios 8 to 13.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use scim_tests::{Answer, Client, Family, Log, Person, scim_group};
use serde_json::{Value, json};

const NOBODY: [&str; 0] = [];

/// The group as the Admin Organization's people see it.
fn mapping(f: &Family, group: &str) -> Value {
    let groups = f.olga.list(&format!("/organizations/{}/scim/groups", f.hq));
    groups.into_iter().find(|g| g["id"] == group).unwrap()
}

fn rename(idp: &Client, group: &str, name: &str) -> Answer {
    // As Okta sends it: the id in the value, no path.
    let value = json!({"id": group, "displayName": name});
    idp.patch(&format!("/Groups/{group}"), json!([{"op": "replace", "value": value}]))
}

/// Who gained, lost … what: `granted ann@example.com`, in order.
fn told(effects: &Value) -> Vec<String> {
    let word = |change: &Value, name: &str| change[name].as_str().unwrap().to_owned();
    let mut told: Vec<String> = effects["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| format!("{} {}", word(change, "change"), word(change, "email")))
        .collect();
    told.sort();
    told
}

fn find<'e>(events: &'e [Value], name: &str) -> &'e Value {
    let mut found = events.iter().filter(|event| event["name"] == name);
    let event = found.next().unwrap_or_else(|| panic!("no {name} in {events:?}"));
    assert!(found.next().is_none(), "{name} twice in {events:?}");
    event
}

/// The address of whoever owns what [`Family::unlinked`] made.
fn owner(name: &str) -> String {
    format!("owner@{name}.example")
}

#[test]
fn scenario_08_a_group_and_a_scim_name_meet_in_whatever_order_they_come() {
    let f = Family::start();
    let (idp, olga, admin) = (&f.idp, &f.olga, &f.hq);
    let (ann, bob) = (idp.push_user("ann@example.com"), idp.push_user("bob@example.com"));
    let members = ["ann@example.com", "bob@example.com"];
    let everybody = |name: &str| {
        let mut all: Vec<String> = members.map(str::to_owned).into();
        all.push(owner(name));
        all
    };

    // The group is there before the name: stored, and nothing else.
    let (berta, berlin) = f.linked("berlin");
    let (mut here, mut there) = (Log::of(olga, admin), Log::of(&berta, &berlin));
    let group = idp.push_group("Berlin", &[&ann, &bob]);
    let seen = mapping(&f, &group);
    assert_eq!((&seen["mapping"], &seen["members"]), (&json!("unmatched"), &json!(2)));
    assert_eq!(f.state(&berlin), "no_scim_name");
    assert_eq!(here.names(), ["scim_group.created"]);
    assert_eq!(berta.members(&berlin), [owner("berlin")]);
    // A dry run tells what follows, and changes nothing.
    let path = format!("/organizations/{admin}/linked-organizations/{berlin}");
    let name = json!({"scim_name": "Berlin"});
    let dry = olga.patch(&format!("{path}?dry_run=true"), name.clone()).is(200).json();
    assert_eq!((&dry["effects"]["gains"], &dry["effects"]["losses"]), (&json!(2), &json!(0)));
    assert_eq!(told(&dry["effects"]), ["granted ann@example.com", "granted bob@example.com"]);
    assert_eq!((f.state(&berlin), here.names().len()), ("no_scim_name".into(), 0));
    assert_eq!(berta.members(&berlin), [owner("berlin")]);
    // The name is for the Admin Organization's owners and admins to set, not for the linked one's.
    berta.patch(&path, name.clone()).problem(404, "not_found");
    let real = olga.patch(&path, name).is(200).json();
    assert_eq!(real["effects"], dry["effects"]);
    assert_eq!((&real["state"], &real["group"]), (&json!("matched"), &json!(group)));
    assert_eq!(berta.members(&berlin), everybody("berlin"));
    assert_eq!(berta.grants(&berlin, members[0]), ["group Berlin"]);
    assert_eq!(berta.member(&berlin, members[0])["role"], "member");
    assert_eq!(mapping(&f, &group)["organization"], berlin);
    assert_eq!(here.names(), ["scim_name.set", "scim_group.matched"]);
    let events = there.news();
    let named = find(&events, "scim_name.set");
    assert_eq!(named["detail"], json!({"before": null, "after": "Berlin"}));
    let granted = find(&events, "membership.granted");
    assert_eq!(granted["actor"], "olga@hq.example");
    assert_eq!(granted["detail"]["group"], group);
    assert_eq!(granted["detail"]["cause"], "scim_name.set");
    assert_eq!(granted["detail"]["accounts"].as_array().unwrap().len(), 2);
    assert_eq!(events.len(), 2, "the linked organization learned more: {events:?}");

    // The name is there before the group.
    let (wilma, wien) = f.linked("wien");
    assert_eq!(f.name(&wien, "Wien")["gains"], 0);
    assert_eq!(f.state(&wien), "waiting_for_group");
    let (mut here, mut there) = (Log::of(olga, admin), Log::of(&wilma, &wien));
    idp.push_group("wien", &[&ann, &bob]);
    assert_eq!(f.state(&wien), "matched");
    assert_eq!(wilma.members(&wien), everybody("wien"));
    assert_eq!(find(&there.news(), "membership.granted")["detail"]["cause"], "scim_group.created");
    assert_eq!(here.names(), ["scim_group.matched", "scim_group.created"]);

    // The name is given with the code; the group was there before the link.
    idp.push_group("Graz", &[&ann, &bob]);
    let (gerda, graz) = f.unlinked("graz");
    let code = olga.code(admin);
    let preview = gerda.post(
        &format!("/organizations/{graz}/link:preview"),
        json!({"code": code, "scim_name": "Graz"}),
    );
    assert_eq!(preview.is(200).json()["scim_name"], json!({"matches": true, "people": 2}));
    let link = format!("/organizations/{graz}/link");
    let taken = gerda.post(&link, json!({"code": code, "scim_name": "BERLIN"}));
    taken.problem(409, "scim_name_taken");
    assert_eq!(gerda.get(&format!("/organizations/{graz}")).json()["link"], Value::Null);
    let body = json!({"code": code, "scim_name": "Graz"});
    let dry = gerda.post(&format!("{link}?dry_run=true"), body.clone()).is(200).json();
    assert_eq!(gerda.members(&graz), [owner("graz")]);
    let linked = gerda.post(&link, body).is(200).json();
    // Who they are, she learns when they are hers.
    let counts = |effects: &Value| (effects["gains"].clone(), effects["losses"].clone());
    assert_eq!(counts(&linked["effects"]), counts(&dry["effects"]));
    assert_eq!((told(&dry["effects"]).len(), &dry["effects"]["unnamed"]), (0, &json!(2)));
    assert_eq!(told(&linked["effects"]), ["granted ann@example.com", "granted bob@example.com"]);
    assert_eq!(linked["link"]["scim_name"], "Graz");
    assert_eq!(gerda.members(&graz), everybody("graz"));

    // And without a name no group matches, not even one named like the organization.
    let (linda, linz) = f.linked("linz");
    idp.push_group("linz", &[&ann, &bob]);
    assert_eq!(linda.members(&linz), [owner("linz")]);
}

#[test]
fn scenario_09_a_renamed_group_moves_its_members_and_no_group_takes_anothers_name() {
    let f = Family::start();
    let (idp, olga, admin) = (&f.idp, &f.olga, &f.hq);
    let (ann, bob) = (idp.push_user("ann@example.com"), idp.push_user("bob@example.com"));
    let (berta, berlin) = f.linked("berlin");
    let (wilma, wien) = f.linked("wien");
    for (organization, name) in [(&berlin, "Berlin"), (&wien, "Wien")] {
        f.name(organization, name);
    }
    let group = idp.push_group("Berlin", &[&ann, &bob]);
    idp.push_group("Graz", &[&ann]);
    let by_hand = json!({"email": "bob@example.com"});
    berta.post(&format!("/organizations/{berlin}/members"), by_hand).is(201);
    let people = |person: &Person, organization: &str| {
        let mut members = person.active_members(organization);
        members.retain(|email| email.ends_with("@example.com"));
        members
    };
    let (mut here, mut left, mut came) =
        (Log::of(olga, admin), Log::of(&berta, &berlin), Log::of(&wilma, &wien));

    // From one organization's name to another's: one step.
    rename(idp, &group, "Wien").is(204);
    assert_eq!(people(&berta, &berlin), ["bob@example.com"]);
    assert_eq!(berta.grants(&berlin, "bob@example.com"), ["manual"]);
    assert_eq!(people(&wilma, &wien), ["ann@example.com", "bob@example.com"]);
    assert_eq!(f.state(&berlin), "waiting_for_group");
    let (left, came) = (left.news(), came.news());
    let (lost, gained) =
        (find(&left, "membership.grant_removed"), find(&came, "membership.granted"));
    assert_eq!(lost["detail"]["cause"], "scim_group.renamed");
    assert_eq!(lost["detail"]["group"], group);
    assert_eq!(lost["detail"]["accounts"], gained["detail"]["accounts"]);
    assert_eq!(lost["request_id"], gained["request_id"]);
    assert_eq!((left.len(), came.len()), (1, 1));
    assert_eq!(here.names(), ["scim_group.unmatched", "scim_group.matched", "scim_group.renamed"]);

    // To the name of another group, in any spelling and by either method: refused, and nothing changes.
    let before = idp.get(&format!("/Groups/{group}")).is(200).text;
    for name in ["Graz", " gRAZ"] {
        rename(idp, &group, name).refuses(409, "uniqueness");
        let body = scim_group(name, &[&ann]);
        idp.put(&format!("/Groups/{group}"), &body).refuses(409, "uniqueness");
    }
    assert_eq!(idp.get(&format!("/Groups/{group}")).text, before);
    assert_eq!(people(&wilma, &wien), ["ann@example.com", "bob@example.com"]);
    assert_eq!(here.names(), NOBODY);

    // To a name that nothing has: they leave, and the group waits.
    let body = scim_group("Nowhere", &[&ann, &bob]);
    idp.put(&format!("/Groups/{group}"), &body).is(200);
    assert_eq!(people(&wilma, &wien), NOBODY);
    assert_eq!(people(&berta, &berlin), ["bob@example.com"]);
    assert_eq!(mapping(&f, &group)["mapping"], "unmatched");
    assert_eq!(here.names(), ["scim_group.unmatched", "scim_group.renamed"]);

    // And back, with the members that it has by now.
    idp.change_members(&group, &[], &[&bob]);
    rename(idp, &group, "BERLIN").is(204);
    assert_eq!(berta.grants(&berlin, "ann@example.com"), ["group BERLIN"]);
    assert_eq!(berta.grants(&berlin, "bob@example.com"), ["manual"]);
}

#[test]
fn scenario_10_names_match_without_case_outer_spaces_and_unicode_form() {
    let f = Family::start();
    let (idp, admin) = (&f.idp, &f.hq);
    let ann = idp.push_user("ann@example.com");
    let (berta, berlin) = f.linked("berlin");
    let group = idp.push_group("Somewhere", &[&ann]);
    let cases = [
        ("Berlin", "berlin", true),
        ("berlin", "  BERLIN ", true),
        ("Büro Zürich", "\u{a0}BU\u{308}RO ZU\u{308}RICH\u{a0}", true),
        ("Cafe\u{301}", "CAFÉ", true),
        ("ΟΔΟΣ", "οδος", true),
        ("K2", "\u{212a}2", true),
        ("\u{c5}re", "\u{212b}RE", true),
        // Simple folding: one character becomes one.
        ("Straße", "STRASSE", false),
        ("Büro", "Buro", false),
        ("Berlin Mitte", "Berlin  Mitte", false),
    ];
    for (scim_name, name, matches) in cases {
        f.name(&berlin, scim_name);
        rename(idp, &group, name).is(204);
        let grants = berta.grants(&berlin, "ann@example.com");
        assert_eq!(!grants.is_empty(), matches, "{scim_name:?} and {name:?}");
        // The spelling stays as it came.
        let kept = idp.get(&format!("/Groups/{group}")).json()["displayName"].clone();
        assert_eq!(kept, name);
        // The other way round: the name is set to meet the group.
        f.name(&berlin, "Elsewhere");
        assert_eq!(berta.grants(&berlin, "ann@example.com"), NOBODY);
        f.name(&berlin, scim_name);
        assert_eq!(berta.grants(&berlin, "ann@example.com").is_empty(), !matches, "{name:?}");
        let twin = idp.post("/Groups", &scim_group(scim_name, &[]));
        if matches {
            twin.refuses(409, "uniqueness");
        } else {
            idp.delete(&format!("/Groups/{}", twin.is(201).id())).is(204);
        }
    }
    for blank in ["", "  ", "\u{2003}\u{a0}"] {
        idp.post("/Groups", &scim_group(blank, &[])).refuses(400, "invalidValue");
        rename(idp, &group, blank).refuses(400, "invalidValue");
    }
    let path = format!("/organizations/{admin}/linked-organizations/{berlin}");
    for bad in ["", " \u{2003} ", "a\u{7}b", &"x".repeat(257), &"x".repeat(300)] {
        f.olga.patch(&path, json!({"scim_name": bad})).problem(422, "invalid_name");
    }
    f.olga.patch(&path, json!({})).problem(400, "invalid_body");
    let longest = "é".repeat(256);
    f.name(&berlin, &longest);
    rename(idp, &group, &longest.to_uppercase()).is(204);
    assert_eq!(berta.grants(&berlin, "ann@example.com").len(), 1);
}

#[test]
fn scenario_11_a_deleted_group_leaves_the_organization_and_everyone_who_is_there_otherwise() {
    let f = Family::start();
    let (idp, olga, admin) = (&f.idp, &f.olga, &f.hq);
    let (ann, cora) = (idp.push_user("ann@example.com"), idp.push_user("cora@example.com"));
    let (berta, berlin) = f.linked("berlin");
    f.name(&berlin, "Berlin");
    let group = idp.push_group("Berlin", &[&ann, &cora]);
    let members = format!("/organizations/{berlin}/members");
    berta.post(&members, json!({"email": "cora@example.com", "role": "admin"})).is(201);
    berta.post(&members, json!({"email": "guest@elsewhere.example"})).is(201);
    let account = berta.member(&berlin, "ann@example.com")["account"].clone();
    let ann_there = format!("{members}/{}", account.as_str().unwrap());
    berta.patch(&ann_there, json!({"role": "admin"})).is(200);
    let organization = berta.get(&format!("/organizations/{berlin}")).is(200).json();
    let (mut here, mut there) = (Log::of(olga, admin), Log::of(&berta, &berlin));

    let path = format!("/Groups/{group}");
    idp.delete(&path).is(204);
    idp.get(&path).refuses(404, "");
    idp.delete(&path).refuses(404, "");
    assert_eq!(berta.get(&format!("/organizations/{berlin}")).json(), organization);
    let mut stay = vec!["cora@example.com".to_owned(), "guest@elsewhere.example".into()];
    stay.push(owner("berlin"));
    assert_eq!(berta.active_members(&berlin), stay);
    assert_eq!(berta.grants(&berlin, "cora@example.com"), ["manual"]);
    assert_eq!(berta.member(&berlin, "cora@example.com")["role"], "admin");
    assert_eq!(f.state(&berlin), "waiting_for_group");
    berta.get(&ann_there).problem(404, "not_a_member");
    // They are still people of the Admin Organization.
    assert_eq!(olga.grants(admin, "ann@example.com"), ["directory"]);
    assert_eq!(idp.get(&format!("/Users/{ann}")).json()["active"], true);
    // One event says that the group went; two, in the organization, what that took from whom.
    assert_eq!(here.names(), ["scim_group.unmatched", "scim_group.deleted"]);
    let events = there.news();
    let lost = find(&events, "membership.grant_removed");
    assert_eq!(lost["detail"]["group"], group);
    assert_eq!(lost["detail"]["cause"], "scim_group.deleted");
    assert_eq!(lost["detail"]["accounts"].as_array().unwrap().len(), 2);
    let role = find(&events, "membership.role_changed");
    assert_eq!(role["detail"]["accounts"], json!([account]));
    assert_eq!(
        (&role["detail"]["before"], &role["detail"]["after"]),
        (&"admin".into(), &"member".into())
    );
    assert_eq!(events.len(), 2, "{events:?}");

    // Pushed again, as Okta does to link it anew: no ghost is in the way, and people are back as members.
    let again = idp.push_group("berlin ", &[&ann, &cora]);
    assert_ne!(again, group);
    assert_eq!(berta.grants(&berlin, "ann@example.com"), ["group berlin "]);
    assert_eq!(berta.grants(&berlin, "cora@example.com"), ["group berlin ", "manual"]);
    assert_eq!(berta.member(&berlin, "ann@example.com")["role"], "member");
    assert_eq!(berta.get(&format!("/organizations/{berlin}")).json(), organization);
}

#[test]
fn scenario_12_who_is_a_member_by_hand_too_stays_when_the_group_is_left() {
    let f = Family::start();
    let (idp, olga, admin) = (&f.idp, &f.olga, &f.hq);
    let (berta, berlin) = f.linked("berlin");
    f.name(&berlin, "Berlin");
    let members = format!("/organizations/{berlin}/members");
    // By hand before the identity provider knew of her; by the group first, by hand later.
    berta.post(&members, json!({"email": "ann@example.com"})).is(201);
    let (ann, bob) = (idp.push_user("ann@example.com"), idp.push_user("bob@example.com"));
    let mut here = Log::of(olga, admin);
    let group = idp.push_group("Berlin", &[&ann, &bob]);
    assert_eq!(berta.grants(&berlin, "ann@example.com"), ["group Berlin", "manual"]);
    assert_eq!(berta.grants(&berlin, "bob@example.com"), ["group Berlin"]);
    let added = berta.post(&members, json!({"email": "bob@example.com"})).is(201).json();
    assert_eq!(told(&added["effects"]), ["granted bob@example.com"]);
    berta.post(&members, json!({"email": "BOB@example.com"})).problem(409, "already_a_member");
    assert_eq!(berta.grants(&berlin, "bob@example.com"), ["group Berlin", "manual"]);

    // While the group has them nobody else takes them out; their roles are for people to give.
    let one = |email: &str| {
        let account = berta.member(&berlin, email)["account"].as_str().unwrap().to_owned();
        format!("{members}/{account}")
    };
    let refused = berta.delete(&one("ann@example.com"));
    refused.problem(409, "membership_managed_by_scim");
    assert!(refused.json()["detail"].as_str().unwrap().contains("\"Berlin\""), "{refused:?}");
    berta.patch(&one("ann@example.com"), json!({"role": "admin"})).is(200);
    assert_eq!(here.names(), ["scim_group.matched", "scim_group.created"]);

    let mut there = Log::of(&berta, &berlin);
    idp.change_members(&group, &[], &[&ann, &bob]);
    for (email, role) in [("ann@example.com", "admin"), ("bob@example.com", "member")] {
        assert_eq!(berta.grants(&berlin, email), ["manual"]);
        let member = berta.member(&berlin, email);
        assert_eq!((&member["role"], &member["state"]), (&json!(role), &json!("active")));
    }
    let events = there.news();
    let lost = find(&events, "membership.grant_removed");
    assert_eq!(lost["detail"]["source"], "group");
    assert_eq!(lost["detail"]["accounts"].as_array().unwrap().len(), 2);
    assert_eq!(events.len(), 1, "{events:?}");
    // Leaving again changes nothing; now people may take them out.
    idp.change_members(&group, &[], &[&ann, &bob]);
    assert_eq!(there.names(), NOBODY);
    let path = one("ann@example.com");
    let dry = berta.send("DELETE", &format!("{path}?dry_run=true"), &[], None).is(200).json();
    assert_eq!(berta.grants(&berlin, "ann@example.com"), ["manual"]);
    let real = berta.delete(&path).is(200).json();
    assert_eq!(real["effects"], dry["effects"]);
    assert_eq!(berta.active_members(&berlin), ["bob@example.com".to_owned(), owner("berlin")]);
    assert_eq!(olga.grants(admin, "ann@example.com"), ["directory"]);
}

#[test]
fn scenario_13_two_groups_are_two_organizations_and_the_last_one_left_leaves_an_active_member() {
    let f = Family::start();
    let (idp, olga, admin) = (&f.idp, &f.olga, &f.hq);
    let (berta, berlin) = f.linked("berlin");
    let (wilma, wien) = f.linked("wien");
    f.name(&berlin, "Berlin");
    f.name(&wien, "Wien");
    let (ann, bob) = (idp.push_user("ann@example.com"), idp.push_user("bob@example.com"));
    let first = idp.push_group("Berlin", &[&ann, &bob]);
    let second = idp.push_group("Wien", &[&ann]);
    let path = format!("/Users/{ann}");
    let groups = |idp: &Client| {
        let user = idp.get(&path).is(200).json();
        let mut names: Vec<String> = user["groups"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|group| group["display"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        (names, user["active"].clone())
    };
    assert_eq!(groups(idp), (vec!["Berlin".into(), "Wien".into()], json!(true)));
    assert_eq!(berta.grants(&berlin, "ann@example.com"), ["group Berlin"]);
    assert_eq!(wilma.grants(&wien, "ann@example.com"), ["group Wien"]);
    let (mut here, mut left, mut stays) =
        (Log::of(olga, admin), Log::of(&berta, &berlin), Log::of(&wilma, &wien));

    // The first is left: the other is as it was.
    idp.change_members(&first, &[], &[&ann]);
    assert_eq!(berta.members(&berlin), ["bob@example.com".to_owned(), owner("berlin")]);
    assert_eq!(wilma.grants(&wien, "ann@example.com"), ["group Wien"]);
    assert_eq!((left.names(), stays.names().len()), (vec!["membership.grant_removed".into()], 0));
    // The last is left, as Entra sends it: nobody is deactivated.
    let remove = json!([{"op": "Remove", "path": "members", "value": [{"value": ann}]}]);
    idp.patch(&format!("/Groups/{second}"), remove).is(204);
    assert_eq!(wilma.members(&wien), [owner("wien")]);
    assert_eq!(groups(idp), (vec![], json!(true)));
    assert_eq!(olga.grants(admin, "ann@example.com"), ["directory"]);
    let member = olga.member(admin, "ann@example.com");
    assert_eq!((&member["state"], &member["role"]), (&json!("active"), &json!("member")));
    assert_eq!(stays.names(), ["membership.grant_removed"]);
    assert_eq!(here.names(), ["scim_group.members_changed", "scim_group.members_changed"]);
    // Nothing stands in the way of coming back.
    idp.change_members(&second, &[&ann], &[]);
    assert_eq!(wilma.grants(&wien, "ann@example.com"), ["group Wien"]);
    assert_eq!(berta.grants(&berlin, "ann@example.com"), NOBODY);
}

#[test]
fn scenario_10_what_cannot_be_seen_makes_no_other_name() {
    let f = Family::start();
    let idp = &f.idp;
    let (berta, berlin) = f.linked("berlin");
    let ann = idp.push_user("ann@example.com");
    let group = idp.push_group("Ber\u{200b}lin\u{feff}", &[&ann]);
    f.name(&berlin, "Berlin");
    assert_eq!(berta.grants(&berlin, "ann@example.com").len(), 1);
    for twin in ["Berlin", "\u{2060}berlin", "Ber\u{ad}lin"] {
        idp.post("/Groups", &scim_group(twin, &[])).refuses(409, "uniqueness");
    }
    idp.post("/Groups", &scim_group("\u{200b}\u{ad}", &[])).refuses(400, "invalidValue");
    // Spelled anew it stays the same group.
    let replace = json!([{"op": "replace", "path": "displayName", "value": "BERLIN"}]);
    assert!(idp.patch(&format!("/Groups/{group}"), replace).status < 300);
    assert_eq!(berta.grants(&berlin, "ann@example.com"), ["group BERLIN"]);
    // A team is its group: neither takes a name that only looks different.
    let (wilma, wien) = f.unlinked("wien");
    let path = format!("/organizations/{wien}");
    f.operator.patch(&path, json!({"scim_domains": "any"})).is(200);
    wilma.provisioner(&f.server, &wien).push_group("R\u{200b}ed", &[]);
    wilma.post(&format!("{path}/teams"), json!({"name": "Red"})).problem(409, "team_exists");
}
