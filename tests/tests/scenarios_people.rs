//! Acceptance scenarios about people: who comes, who goes, and what stays of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use scim_tests::{Family, Person, scim_group, scim_user};
use serde_json::{Value, json};

/// Checks whether somebody is an active member of each of these organizations.
#[track_caller]
fn is_active(operator: &Person, email: &str, organizations: &[&str], expected: bool) {
    for organization in organizations {
        let member = operator.member(organization, email);
        let state = member.get("state").cloned();
        let wanted = if expected { "active" } else { "suspended" };
        assert_eq!(state, Some(json!(wanted)), "{organization}: {member:?}");
    }
}

fn sign_in(f: &Family, email: &str) -> scim_tests::Answer {
    let body = json!({"email": email, "password": "correct horse battery"});
    Person::anonymous(&f.server).post("/sessions", body)
}

#[test]
fn scenario_14_reactivation_restores_everything_without_a_new_push() {
    let f = Family::start();
    let (ann, bob) = (f.user("ann@example.com"), f.user("bob@example.com"));
    let sales = f.group("Sales", &[&ann, &bob]);
    let depot = f.operator.organization("Depot", json!({}));
    f.operator.link(&f.hq, &depot, Some("Stock"));
    f.operator.add(&depot, "ann@example.com", "admin");
    let club = f.operator.organization("Club", json!({}));
    f.operator.add(&club, "ann@example.com", "member");
    let session = f.sign_in(&f.hq, "ann@example.com");
    let family = [f.hq.as_str(), &f.shop, &depot];
    is_active(&f.operator, "ann@example.com", &family, true);
    let before = f.operator.sources(&depot, "ann@example.com");

    f.set_active(&ann, json!(false));
    is_active(&f.operator, "ann@example.com", &family, false);
    is_active(&f.operator, "ann@example.com", &[&club], true);
    is_active(&f.operator, "bob@example.com", &[&f.hq, &f.shop], true);
    session.get("/accounts/me").is(401);
    sign_in(&f, "ann@example.com").problem(401, "sign_in_failed");
    // The group has her still, so that an identity provider reads back what it pushed.
    let group = f.idp.get(&format!("/Groups/{sales}")).is(200).json();
    assert_eq!(group["members"].as_array().unwrap().len(), 2);
    let put = f.idp.put(&format!("/Groups/{sales}"), &group).is(200).json();
    assert_eq!(put["members"], group["members"]);
    // What comes while she is away is noted, and counts nothing.
    f.group("Stock", &[&ann]);
    is_active(&f.operator, "ann@example.com", &[&depot], false);
    assert_eq!(f.operator.sources(&depot, "ann@example.com"), ["-group", "manual"]);

    f.set_active(&ann, json!(true));
    is_active(&f.operator, "ann@example.com", &family, true);
    assert_eq!(before, ["manual"]);
    assert_eq!(f.operator.sources(&depot, "ann@example.com"), ["group", "manual"]);
    assert_eq!(f.operator.member(&depot, "ann@example.com")["role"], "admin");
    session.get("/accounts/me").is(401);
    sign_in(&f, "ann@example.com").is(201);

    // Entra's spelling; and what doesn't mention it doesn't change it.
    f.set_active(&ann, json!("False"));
    is_active(&f.operator, "ann@example.com", &family, false);
    f.set_active(&ann, json!("True"));
    f.idp.put(&format!("/Users/{ann}"), &scim_user("ann@example.com")).is(200);
    is_active(&f.operator, "ann@example.com", &family, true);
}

#[test]
fn scenario_15_whoever_is_deleted_keeps_nothing_that_was_given_by_hand() {
    let f = Family::start();
    let ann = f.user("ann@example.com");
    let sales = f.group("Sales", &[&ann]);
    let depot = f.operator.organization("Depot", json!({}));
    f.operator.link(&f.hq, &depot, None);
    let olga = f.somebody(&depot, "olga@elsewhere.org", "owner");
    olga.add(&depot, "ann@example.com", "owner");
    let aron = f.somebody(&depot, "aron@elsewhere.org", "admin");
    let session = f.sign_in(&f.hq, "ann@example.com");
    let account = f.operator.account(&f.shop, "ann@example.com");
    let at_shop = format!("/organizations/{}/members/{account}", f.shop);
    f.operator.patch(&at_shop, json!({"role": "admin"})).is(200);

    f.idp.delete(&format!("/Users/{ann}")).is(204);
    f.idp.get(&format!("/Users/{ann}")).refuses(404, "");
    let group = f.idp.get(&format!("/Groups/{sales}")).is(200).json();
    assert_eq!(group.get("members"), None);
    assert_eq!(f.operator.sources(&f.hq, "ann@example.com"), [""; 0]);
    assert_eq!(f.operator.sources(&f.shop, "ann@example.com"), [""; 0]);
    assert_eq!(f.operator.sources(&depot, "ann@example.com"), ["-manual"]);
    is_active(&f.operator, "ann@example.com", &[&depot], false);
    session.get(&format!("/organizations/{depot}")).is(401);
    sign_in(&f, "ann@example.com").problem(401, "sign_in_failed");
    // The role that she had is told.
    let events = f.operator.list(&format!(
        "/organizations/{}/audit-events?name=membership.role_changed&target={account}",
        f.shop
    ));
    assert_eq!(events[0]["detail"]["before"], "admin", "{events:?}");

    // She comes back: as somebody new, and only an administrator lifts what rests.
    let again = f.user("ann@example.com");
    assert_ne!(again, ann);
    f.put_in(&sales, &again);
    assert_eq!(f.operator.account(&f.hq, "ann@example.com"), account);
    assert_eq!(f.operator.member(&f.shop, "ann@example.com")["role"], "member");
    is_active(&f.operator, "ann@example.com", &[&depot], false);
    // The owner that she was is not for an admin to bring back: she has the role that is given now.
    aron.add(&depot, "ann@example.com", "member");
    is_active(&f.operator, "ann@example.com", &[&f.hq, &f.shop, &depot], true);
    assert_eq!(f.operator.member(&depot, "ann@example.com")["role"], "member");
}

#[test]
fn scenario_16_users_of_other_domains_are_refused_and_guests_left_alone() {
    let f = Family::start();
    let guest = f.somebody(&f.shop, "gus@guest.org", "member");
    let ann = f.user("ann@example.com");
    let sales = f.group("Sales", &[&ann]);
    let before = f.operator.everything();
    let mut two = scim_user("bob@example.com");
    two["userName"] = "bob@other.org".into();
    let mut nameless = scim_user("x");
    nameless.as_object_mut().unwrap().remove("emails");
    for (user, names) in [
        (scim_user("bob@other.org"), "other.org"),
        (scim_user("gus@guest.org"), "guest.org"),
        (scim_user("bob@eu.example.com"), "eu.example.com"),
        (two, "other.org"),
        (nameless, "address"),
    ] {
        let refused = f.idp.post("/Users", &user);
        refused.refuses(400, "invalidValue");
        assert!(refused.text.contains(names), "{}", refused.text);
    }
    let emails = json!([{"op": "replace", "path": "emails", "value": [{"value": "a@other.org"}]}]);
    f.idp.patch(&format!("/Users/{ann}"), emails).refuses(400, "invalidValue");
    f.idp.put(&format!("/Users/{ann}"), &scim_user("a@other.org")).refuses(400, "invalidValue");
    scim_tests::assert_unchanged("a foreign domain", &before, &f.operator.everything());
    // The rule is about the addresses that say who somebody is. Others they may have where they like, until one
    // of them is to say it.
    let mut private = scim_user("cid@example.com");
    private["emails"] = json!([
        {"value": "cid@example.com", "type": "work", "primary": true},
        {"value": "cid@own.example", "type": "home"},
    ]);
    let cid = f.idp.post("/Users", &private).is(201).id();
    let home = "emails[type eq \"home\"].primary";
    for (path, value) in [
        (home, json!(true)),
        ("emails", json!([{"value": "cid@own.example"}, {"value": "cid@example.com"}])),
        ("userName", json!("cid@own.example")),
    ] {
        let replace = json!([{"op": "replace", "path": path, "value": value}]);
        let refused = f.idp.patch(&format!("/Users/{cid}"), replace);
        refused.refuses(400, "invalidValue");
        assert!(refused.text.contains("own.example"), "{}", refused.text);
    }
    f.idp.delete(&format!("/Users/{cid}")).is(204);

    // To SCIM the guest isn't there, and nothing that it does touches the guest.
    assert_eq!(f.idp.get("/Users").json()["totalResults"], 1);
    let account = f.operator.account(&f.shop, "gus@guest.org");
    for id in [account.as_str(), "gus@guest.org"] {
        f.idp.delete(&format!("/Users/{id}")).refuses(404, "");
    }
    let known = f.operator.member(&f.shop, "gus@guest.org");
    f.idp.put(&format!("/Groups/{sales}"), &scim_group("Sales", &[])).is(200);
    f.idp.delete(&format!("/Groups/{sales}")).is(204);
    f.idp.delete(&format!("/Users/{ann}")).is(204);
    assert_eq!(f.operator.members(&f.shop), ["gus@guest.org"]);
    assert_eq!(f.operator.member(&f.shop, "gus@guest.org"), known);
    // Where single sign-on is required a guest can't get in.
    let shop = format!("/organizations/{}", f.shop);
    guest.get(&shop).is(200);
    let mut sso = json!({"protocol": "oidc", "issuer": "https://idp.example.com", "client_id": "c",
        "client_secret": "s", "enabled": true, "required": false});
    f.operator.put(&format!("/organizations/{}/sso", f.hq), sso.clone()).is(200);
    guest.get(&shop).is(200);
    sso["required"] = true.into();
    f.operator.put(&format!("/organizations/{}/sso", f.hq), sso).is(200);
    guest.get(&shop).problem(403, "sso_required");
}

/// Makes a member of "Shop" its owner; gives the account, and where the member is.
fn own_shop(f: &Family, email: &str) -> (String, String) {
    let account = f.operator.account(&f.shop, email);
    let at_shop = format!("/organizations/{}/members/{account}", f.shop);
    f.operator.patch(&at_shop, json!({"role": "owner"})).is(200);
    (account, at_shop)
}

#[test]
fn scenario_19_the_last_owner_stays_owner_when_the_group_goes_and_rests_when_deactivated() {
    let f = Family::start();
    let ann = f.user("ann@example.com");
    let sales = f.group("Sales", &[&ann]);
    let (account, at_shop) = own_shop(&f, "ann@example.com");
    let shop = format!("/organizations/{}", f.shop);
    let owned = || f.operator.get(&shop).is(200).json()["has_active_owner"].clone();

    // By a person it is refused.
    f.operator.patch(&at_shop, json!({"role": "member"})).problem(409, "last_owner");
    // By a group: the identity provider is told that it was done, and the owner stays.
    f.take_out(&sales, &ann);
    assert_eq!(f.idp.get(&format!("/Groups/{sales}")).json().get("members"), None);
    assert_eq!(f.operator.sources(&f.shop, "ann@example.com"), ["owner_protected"]);
    assert_eq!(f.operator.member(&f.shop, "ann@example.com")["role"], "owner");
    let blocked = "membership.removal_blocked_last_owner";
    assert!(f.operator.told(&f.shop, Some(&account)).contains(&blocked.to_owned()));
    assert_eq!(owned(), true);
    f.operator.delete(&at_shop).problem(409, "last_owner");

    // Deactivated, deleted: a leaver loses access whatever else; the operator helps.
    let session = f.sign_in(&f.hq, "ann@example.com");
    session.get(&shop).is(200);
    f.set_active(&ann, json!(false));
    session.get(&shop).is(401);
    is_active(&f.operator, "ann@example.com", &[&f.shop], false);
    assert_eq!(f.operator.member(&f.shop, "ann@example.com")["role"], "owner");
    assert_eq!(owned(), false);
    let recover = format!("/organizations/{}/owners:recover", f.shop);
    let (olga, _) = f.operator.newcomer(&f.server, "olga@elsewhere.org");
    let helped = json!({"email": "ann@example.com"});
    f.operator.post(&recover, helped).problem(409, "account_inactive");
    f.operator.post(&recover, json!({"email": "olga@elsewhere.org"})).is(200);
    assert_eq!(owned(), true);
    let again = json!({"email": "olga@elsewhere.org"});
    f.operator.post(&recover, again).problem(409, "has_active_owner");
    // Back, she owns as before; and now that there are two, one may go.
    f.set_active(&ann, json!(true));
    is_active(&f.operator, "ann@example.com", &[&f.shop], true);
    olga.delete(&at_shop).is(200);
    assert_eq!(f.operator.members(&f.shop), ["olga@elsewhere.org"]);
}

#[test]
fn scenario_19_a_deleted_last_owner_keeps_the_role_and_no_access() {
    let f = Family::start();
    let ann = f.user("ann@example.com");
    f.group("Sales", &[&ann]);
    own_shop(&f, "ann@example.com");
    f.idp.delete(&format!("/Users/{ann}")).is(204);
    let left = f.operator.member(&f.shop, "ann@example.com");
    assert_eq!((&left["role"], &left["state"]), (&json!("owner"), &json!("suspended")));
    let shop = f.operator.get(&format!("/organizations/{}", f.shop)).is(200).json();
    assert_eq!(shop["has_active_owner"], false);
}

/// RULES 3.5: "re-created membership starts at Member". The next person with that address is another one.
#[test]
fn s10_who_comes_back_over_scim_has_none_of_the_roles_of_before() {
    let f = Family::start();
    f.operator.newcomer(&f.server, "bo@elsewhere.org");
    f.operator.add(&f.shop, "bo@elsewhere.org", "owner");
    let sales = f.group("Sales", &[]);
    for role in ["admin", "owner"] {
        let email = format!("{role}@example.com");
        let user = f.user(&email);
        let is = |org: &str, role: &str, state: &str| {
            let member = f.operator.member(org, &email);
            assert_eq!((&member["role"], &member["state"]), (&json!(role), &json!(state)), "{org}");
        };
        for org in [&f.hq, &f.shop] {
            f.operator.add(org, &email, role);
            is(org, role, "active");
        }
        f.idp.delete(&format!("/Users/{user}")).is(204);
        let account = f.operator.account(&f.shop, &email);
        for org in [&f.hq, &f.shop] {
            is(org, "member", "suspended");
            assert_eq!(f.operator.sources(org, &email), ["-manual"]);
            let told = f.operator.told(org, Some(&account));
            assert!(told.contains(&"membership.role_changed".to_owned()), "{told:?}");
        }
        let user = f.user(&email);
        f.put_in(&sales, &user);
        is(&f.hq, "member", "active");
        is(&f.shop, "member", "active");
        // People give it anew.
        let at_shop = format!("/organizations/{}/members/{account}", f.shop);
        f.operator.patch(&at_shop, json!({"role": role})).is(200);
        is(&f.shop, role, "active");
    }
}

#[test]
fn s10_the_last_owner_who_comes_back_over_scim_owns_nothing() {
    let f = Family::start();
    let ann = f.user("ann@example.com");
    f.operator.add(&f.shop, "ann@example.com", "owner");
    f.idp.delete(&format!("/Users/{ann}")).is(204);
    let role = || f.operator.member(&f.shop, "ann@example.com")["role"].clone();
    assert_eq!(role(), "owner");
    let again = f.user("ann@example.com");
    f.group("Sales", &[&again]);
    assert_eq!(role(), "member");
    let shop = f.operator.get(&format!("/organizations/{}", f.shop)).is(200).json();
    assert_eq!(shop["has_active_owner"], false);
    let recover = format!("/organizations/{}/owners:recover", f.shop);
    f.operator.post(&recover, json!({"email": "ann@example.com"})).is(200);
    assert_eq!(role(), "owner");
}

/// RULES 3.5 protects the last active owner.
#[test]
fn an_owner_who_is_deactivated_is_not_kept_by_leaving_the_group() {
    let f = Family::start();
    let ann = f.user("ann@example.com");
    let sales = f.group("Sales", &[&ann]);
    own_shop(&f, "ann@example.com");
    f.set_active(&ann, json!(false));
    f.take_out(&sales, &ann);
    assert_eq!(f.operator.sources(&f.shop, "ann@example.com"), ["-owner_protected"]);
    f.set_active(&ann, json!(true));
    is_active(&f.operator, "ann@example.com", &[&f.shop], false);
    let shop = f.operator.get(&format!("/organizations/{}", f.shop)).is(200).json();
    assert_eq!(shop["has_active_owner"], false);
}

#[test]
fn scenario_23_a_group_without_members_is_empty_and_repeated_changes_change_nothing() {
    let f = Family::start();
    let (ann, bob) = (f.user("ann@example.com"), f.user("bob@example.com"));
    let sales = f.group("Sales", &[&ann]);
    let path = format!("/Groups/{sales}");
    let state = || {
        let group = f.idp.get(&path).is(200);
        (group.headers["etag"].clone(), group.text, f.operator.everything())
    };
    // Added again, in several ways; removed though absent; replaced by what is there.
    let before = state();
    for operations in [
        json!([{"op": "add", "path": "members", "value": [{"value": ann}]}]),
        json!([{"op": "Add", "path": "members", "value": [{"value": ann}, {"value": ann}]}]),
        json!([{"op": "remove", "path": format!("members[value eq \"{bob}\"]")}]),
        json!([{"op": "replace", "path": "members", "value": [{"value": ann}]}]),
        json!([{"op": "replace", "path": "displayName", "value": "Sales"}]),
    ] {
        let answer = f.idp.patch(&path, operations.clone());
        assert!(answer.status < 300, "{operations}: {}", answer.text);
        let after = state();
        assert_eq!((&before.0, &before.1), (&after.0, &after.1), "{operations}");
        scim_tests::assert_unchanged(&operations.to_string(), &before.2, &after.2);
    }
    f.idp.put(&path, &scim_group("Sales", &[&ann])).is(200);
    scim_tests::assert_unchanged("the same PUT", &before.2, &f.operator.everything());

    // Two times is once.
    f.put_in(&sales, &bob);
    let both = state();
    f.put_in(&sales, &bob);
    scim_tests::assert_unchanged("a repeated add", &both.2, &state().2);
    f.take_out(&sales, &bob);
    let one = state();
    f.take_out(&sales, &bob);
    scim_tests::assert_unchanged("a repeated remove", &one.2, &state().2);
    assert_eq!(f.operator.members(&f.shop), ["ann@example.com"]);

    // RFC 7644 §3.5.1: what a PUT leaves out is gone.
    let mut bare = scim_group("Sales", &[]);
    bare.as_object_mut().unwrap().remove("members");
    let emptied = f.idp.put(&path, &bare).is(200).json();
    assert_eq!(emptied.get("members"), None);
    assert_eq!(f.operator.members(&f.shop), [""; 0]);
    let remain = ["ann@example.com", "bob@example.com", "olga@hq.example"];
    assert_eq!(f.operator.active_members(&f.hq), remain);
}

#[test]
fn scenario_24_ids_of_another_directory_are_unknown_both_ways() {
    let f = Family::start();
    let other = f.operator.organization("Other", json!({"scim_domains": "any"}));
    let theirs = f.operator.provisioner(&f.server, &other);
    let (ann, sales) = (f.user("ann@example.com"), f.group("Sales", &[]));
    let zoe = theirs.post("/Users", &scim_user("zoe@other.org")).is(201).id();
    let team = theirs.post("/Groups", &scim_group("Team", &[&zoe])).is(201).id();
    let before = f.operator.everything();
    let none = "01a209a1-0000-7000-8000-000000000000";
    for (client, user, group, own) in
        [(&theirs, &ann, &sales, &team), (&f.idp, &zoe, &team, &sales)]
    {
        for (path, id) in [("/Users", user), ("/Groups", group)] {
            let bodies: [(&str, Option<Value>); 4] = [
                ("GET", None),
                (
                    "PUT",
                    Some(if path == "/Users" {
                        scim_user("x@example.com")
                    } else {
                        scim_group("x", &[])
                    }),
                ),
                (
                    "PATCH",
                    Some(
                        json!({"Operations": [{"op": "add", "path": "externalId", "value": "1"}]}),
                    ),
                ),
                ("DELETE", None),
            ];
            for (method, body) in bodies {
                let body = body.map(|body| body.to_string());
                let ask = |id: &str| {
                    let target = format!("/scim/v2{path}/{id}");
                    client.send(method, &target, &[], body.as_deref())
                };
                let (foreign, unknown) = (ask(id), ask(none));
                foreign.refuses(404, "");
                assert_eq!(foreign.text, unknown.text, "{method} {path}");
            }
        }
        // As members of an own group: skipped.
        let add =
            json!([{"op": "add", "path": "members", "value": [{"value": user}, {"value": group}]}]);
        assert!(client.patch(&format!("/Groups/{own}"), add).status < 300);
        let members = client.get(&format!("/Groups/{own}")).json();
        assert!(!members.to_string().contains(user.as_str()), "{members}");
    }
    scim_tests::assert_unchanged("a foreign id", &before, &f.operator.everything());
    // The sleeping directory of a linked organization knows nothing at all.
    let asleep = f.operator.provisioner(&f.server, &f.shop);
    for id in [&ann, &zoe] {
        asleep.get(&format!("/Users/{id}")).refuses(403, "");
    }
}

#[test]
fn scenario_14_whoever_is_deactivated_does_not_come_back_by_a_side_door() {
    let f = Family::start();
    let ann = f.user("ann@example.com");
    f.group("Sales", &[&ann]);
    f.set_active(&ann, json!(false));
    // An identity provider that says nothing about it, or takes it away.
    let path = format!("/Users/{ann}");
    for operation in [
        json!({"op": "remove", "path": "active"}),
        json!({"op": "replace", "path": "active", "value": null}),
        json!({"op": "replace", "path": "active", "value": ""}),
    ] {
        f.idp.patch(&path, json!([operation]));
        is_active(&f.operator, "ann@example.com", &[&f.hq, &f.shop], false);
    }
    f.idp.put(&path, &scim_user("ann@example.com")).is(200);
    is_active(&f.operator, "ann@example.com", &[&f.hq, &f.shop], false);
    // Unlinked with its members kept, the organization keeps her as she was.
    let unlink = format!("/organizations/{}/unlink", f.shop);
    f.operator.post(&unlink, json!({"members": "keep"})).is(200);
    assert_eq!(f.operator.sources(&f.shop, "ann@example.com"), ["-manual"]);
    is_active(&f.operator, "ann@example.com", &[&f.shop], false);
}

/// The last step of a story for both ways to unlink: who is deactivated in the Admin Organization's directory
/// at that moment stays out, whatever else the organization has of the person.
#[test]
fn scenario_18_unlinking_brings_nobody_back_who_is_deactivated() {
    for how in ["keep", "remove"] {
        let f = Family::start();
        let plant = f.operator.organization("Plant", json!({}));
        let domain = f.operator.verified(&f.dns, &plant, "plant.example");
        let own = f.operator.provisioner(&f.server, &plant);
        let bob = own.post("/Users", &scim_user("bob@plant.example")).is(201).id();
        own.post("/Users", &scim_user("cid@plant.example")).is(201);
        let stored = own.get(&format!("/Users/{bob}")).is(200).json();
        f.operator.link(&f.hq, &plant, Some("Plant"));
        let transfer = format!("/organizations/{plant}/domains/{domain}:transfer");
        f.operator.post(&transfer, Value::Null).is(200);
        let [ann, dora, at_hq, _] =
            ["ann@example.com", "dora@example.com", "bob@plant.example", "cid@plant.example"]
                .map(|email| f.user(email));
        f.group("Plant", &[&dora]);
        f.operator.add(&plant, "ann@example.com", "admin");
        let at = |account: &str| format!("/organizations/{plant}/members/{account}");
        let owner = f.operator.account(&plant, "dora@example.com");
        f.operator.patch(&at(&owner), json!({"role": "owner"})).is(200);
        for user in [&ann, &dora, &at_hq] {
            f.set_active(user, json!(false));
        }
        is_active(&f.operator, "bob@plant.example", &[&plant], false);

        let unlink = format!("/organizations/{plant}/unlink");
        let dry = f.operator.post(&format!("{unlink}?dry_run=true"), json!({"members": how}));
        let planned = dry.is(200).json()["effects"].clone();
        let done = f.operator.post(&unlink, json!({"members": how})).is(200).json();
        assert_eq!(planned, done["effects"]);
        let tells = |what: &str, email: &str, source: &str| {
            planned["changes"].as_array().unwrap().iter().any(|change| {
                change["change"] == what && change["email"] == email && change["source"] == source
            })
        };
        assert!(tells("suspended", "ann@example.com", "manual"), "{planned}");
        assert!(tells("grant_removed", "bob@plant.example", "directory"), "{planned}");
        assert_eq!(f.operator.sources(&plant, "ann@example.com"), ["-manual"]);
        assert_eq!(f.operator.sources(&plant, "bob@plant.example"), [""; 0]);
        assert_eq!(f.operator.sources(&plant, "cid@plant.example"), ["directory"]);
        let kept = if how == "keep" { "-manual" } else { "-owner_protected" };
        assert_eq!(f.operator.sources(&plant, "dora@example.com"), [kept]);
        let owned = f.operator.get(&format!("/organizations/{plant}")).is(200).json();
        assert_eq!(owned["has_active_owner"], false);

        // The own directory is as it was, and what it says again is nothing new; what it says anew counts.
        assert_eq!(own.get(&format!("/Users/{bob}")).is(200).json(), stored);
        let mut again = scim_user("bob@plant.example");
        again["active"] = true.into();
        own.put(&format!("/Users/{bob}"), &again).is(200);
        assert_eq!(f.operator.sources(&plant, "bob@plant.example"), [""; 0]);
        for active in [false, true] {
            let replace = json!([{"op": "replace", "path": "active", "value": active}]);
            own.patch(&format!("/Users/{bob}"), replace).is(200);
        }
        assert_eq!(f.operator.sources(&plant, "bob@plant.example"), ["directory"]);
        // An administrator brings the others back, with the role that is given now.
        f.operator.add(&plant, "ann@example.com", "member");
        is_active(&f.operator, "ann@example.com", &[&plant], true);
        assert_eq!(f.operator.member(&plant, "ann@example.com")["role"], "member");
        let events = f.operator.told(&plant, Some(&f.operator.account(&plant, "ann@example.com")));
        assert!(events.contains(&"membership.suspended".to_owned()), "{events:?}");
    }
}

#[test]
fn deleting_a_linked_organization_tells_each_loss_once() {
    let f = Family::start();
    let ann = f.user("ann@example.com");
    f.group("Sales", &[&ann]);
    f.operator.add(&f.shop, "ann@example.com", "member");
    f.set_active(&ann, json!(false));
    let done = f.operator.delete(&format!("/organizations/{}", f.shop)).is(200).json();
    let changes = done["effects"]["changes"].as_array().unwrap().iter();
    let mut told: Vec<String> = changes
        .map(|c| format!("{} {}", c["change"].as_str().unwrap(), c["source"].as_str().unwrap()))
        .collect();
    told.sort();
    assert_eq!(told, ["grant_removed group", "grant_removed manual"]);
    assert_eq!(done["effects"]["losses"], 2);
}
