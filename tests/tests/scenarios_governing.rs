//! Acceptance scenarios about what governs an organization: its SCIM Name, its link, its domains, its teams.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use scim_tests::{Dns, Family, Log, Person, Say, Server, assert_unchanged, scim_group, scim_user};
use serde_json::{Value, json};

#[test]
fn scenario_17_a_scim_name_is_taken_once_in_an_admin_organization() {
    let f = Family::start();
    let (ann, bob) = (f.user("ann@example.com"), f.user("bob@example.com"));
    f.group("Sales", &[&ann]);
    f.group("Café", &[&bob]);
    let cafe = f.operator.organization("Bistro", json!({}));
    f.operator.link(&f.hq, &cafe, Some("Café"));
    let linked = format!("/organizations/{}/linked-organizations", f.hq);
    let (shop_at, cafe_at) = (format!("{linked}/{}", f.shop), format!("{linked}/{cafe}"));
    let third = f.operator.organization("Third", json!({}));
    let code = f.operator.code(&f.hq);
    // Also but for case, spaces and Unicode form. In the same step as the link there is no link either, and
    // the code is still good; nothing is left but that both sides are told.
    let link = format!("/organizations/{third}/link");
    let without_logs = |all: Vec<(String, String)>| -> Vec<(String, String)> {
        all.into_iter().filter(|(path, _)| !path.contains("/audit-events")).collect()
    };
    let before = without_logs(f.operator.everything());
    let mut logs = [&f.hq, &third].map(|org| Log::of(&f.operator, org));
    for name in ["Café", " CAFÉ ", "Cafe\u{301}"] {
        f.operator
            .post(&link, json!({"code": code, "scim_name": name}))
            .problem(409, "scim_name_taken");
    }
    assert_unchanged("a taken name", &before, &without_logs(f.operator.everything()));
    for log in &mut logs {
        assert_eq!(log.names(), ["link_code.rejected"; 3]);
    }
    let before = f.operator.everything();
    // The Admin Organization hears who has it.
    for name in ["Café", " CAFÉ ", "Cafe\u{301}"] {
        let refused = f.operator.patch(&shop_at, json!({"scim_name": name}));
        refused.problem(409, "scim_name_taken");
        assert!(refused.text.contains("Bistro"), "{}", refused.text);
        let batch = json!({"organizations": [
            {"id": f.shop, "scim_name": "Other"}, {"id": cafe, "scim_name": "oTHER "}]});
        f.operator.patch(&format!("{linked}:batch"), batch).problem(409, "scim_name_taken");
    }
    assert_unchanged("a taken name", &before, &f.operator.everything());
    // One after the other, an exchange fails at the first; in one step it moves everybody.
    f.operator.patch(&shop_at, json!({"scim_name": "Café"})).problem(409, "scim_name_taken");
    assert_eq!(f.operator.members(&f.shop), ["ann@example.com"]);
    let swap = json!({"organizations": [
        {"id": f.shop, "scim_name": "Café"}, {"id": cafe, "scim_name": "Sales"}]});
    let done = f.operator.patch(&format!("{linked}:batch"), swap).is(200).json();
    assert_eq!((&done["effects"]["gains"], &done["effects"]["losses"]), (&json!(2), &json!(2)));
    assert_eq!(f.operator.members(&f.shop), ["bob@example.com"]);
    assert_eq!(f.operator.members(&cafe), ["ann@example.com"]);
    // Its own name it may spell anew; and the other's is free in another family.
    f.operator.patch(&cafe_at, json!({"scim_name": "SALES"})).is(200);
    let other = f.operator.admin_organization("Other HQ");
    f.operator.link(&other, &third, Some("Sales"));
    assert_eq!(f.operator.members(&third), [""; 0]);
}

/// What an organization has of its own, as the identity provider and its administrators read it.
fn own(operator: &Person, client: &scim_tests::Client, organization: &str) -> Vec<String> {
    let read = |part: &str| {
        let answer = operator.get(&format!("/organizations/{organization}{part}")).is(200);
        format!("{} {}", answer.headers["etag"], answer.text)
    };
    let push = |path: &str| client.get(path).is(200).text;
    vec![read("/sso"), read("/domains"), read("/teams"), push("/Users"), push("/Groups")]
}

#[test]
fn scenario_18_unlinking_gives_back_what_was_there_byte_for_byte() {
    let f = Family::start();
    let (ann, bob) = (f.user("ann@example.com"), f.user("bob@example.com"));
    f.group("Lab", &[&ann, &bob]);
    // An organization with a directory, a domain, a team and settings of its own.
    let lab = f.operator.organization("Lab", json!({}));
    f.operator.verified(&f.dns, &lab, "lab.example");
    f.operator.claim(&lab, "later.example");
    let at = format!("/organizations/{lab}");
    let saml = json!({"protocol": "saml", "issuer": "urn:lab", "sign_on_url": "https://lab.example/in",
        "certificates": [include_str!("../certificates/valid.pem")], "enabled": true});
    f.operator.put(&format!("{at}/sso"), saml).is(200);
    let client = f.operator.provisioner(&f.server, &lab);
    let zoe = client.post("/Users", &scim_user("zoe@lab.example")).is(201).id();
    client.post("/Groups", &scim_group("Physics", &[&zoe])).is(201);
    f.operator.add(&lab, "ann@example.com", "member");
    let before = own(&f.operator, &client, &lab);
    let route = || {
        let route = f.operator.get("/sso/resolve?email=zoe@lab.example").is(200).json();
        (route["method"].clone(), route["organization"].clone())
    };
    f.operator.patch(&at, json!({"name": "Laboratory"})).is(200);

    for (how, left) in [
        ("keep", vec!["ann@example.com", "bob@example.com", "zoe@lab.example"]),
        ("remove", vec!["ann@example.com", "zoe@lab.example"]),
    ] {
        f.operator.link(&f.hq, &lab, Some("Lab"));
        let all = ["ann@example.com", "bob@example.com", "zoe@lab.example"];
        assert_eq!(f.operator.active_members(&lab), all);
        // Its own is kept, is ignored, and can't be changed.
        let kept = f.operator.get(&format!("{at}/sso")).is(200).json();
        assert_eq!(kept["ignored"], true);
        let effective = f.operator.get(&format!("{at}/sso/effective")).is(200).json();
        assert_eq!(effective["source_organization"], f.hq);
        assert_eq!(effective["ignored_own"], true);
        assert_eq!(f.operator.list(&format!("{at}/domains"))[0]["hidden"], true);
        assert_eq!(route().0, "password");
        client.get("/Users").refuses(403, "");
        f.operator.delete(&format!("{at}/sso")).problem(409, "organization_linked");

        f.operator.post(&format!("{at}/unlink"), json!({})).problem(400, "invalid_body");
        f.operator.post(&format!("{at}/unlink"), json!({"members": how})).is(200);
        let after = own(&f.operator, &client, &lab);
        for (was, is) in before.iter().zip(&after) {
            assert_eq!(was, is);
        }
        assert_eq!(route(), (json!("sso"), json!(lab)));
        assert_eq!(f.operator.members(&lab), left, "{how}");
        let groups = f.operator.list(&format!("/organizations/{}/scim/groups", f.hq));
        assert_eq!(groups[0]["mapping"], "unmatched");
        if how == "keep" {
            assert_eq!(f.operator.sources(&lab, "bob@example.com"), ["manual"]);
            let note = f.operator.member(&lab, "bob@example.com");
            assert_eq!(note["grants"][0]["note"], "detached from Lab");
            let bob = f.operator.account(&lab, "bob@example.com");
            f.operator.delete(&format!("{at}/members/{bob}")).is(200);
        }
    }
    // Linked again it starts anew: without a SCIM Name.
    f.operator.link(&f.hq, &lab, None);
    assert_eq!(f.operator.get(&at).json()["link"]["scim_name"], Value::Null);
    assert_eq!(f.operator.members(&lab), ["ann@example.com", "zoe@lab.example"]);
    f.operator.post(&format!("{at}/unlink"), json!({"members": "remove"})).is(200);
    f.operator
        .post(&format!("{at}/unlink"), json!({"members": "remove"}))
        .problem(409, "not_linked");
}

#[test]
fn scenario_20_a_hidden_domain_stays_taken_and_can_be_transferred() {
    let dns = Dns::start();
    let server = Server::with(&["--dns-server", &dns.address()]);
    let operator = server.operator();
    let hq = operator.organization("HQ", json!({"kind": "admin"}));
    let shop = operator.organization("Shop", json!({}));
    let third = operator.organization("Third", json!({}));
    let domains = |org: &str| format!("/organizations/{org}/domains");
    let claim = |org: &str, domain: &str| operator.post(&domains(org), json!({"domain": domain}));
    let verify = |org: &str, id: &str| {
        operator.post(&format!("{}/{id}:verify", domains(org)), Value::Null).is(200).json()
    };
    let transfer =
        |id: &str| operator.post(&format!("{}/{id}:transfer", domains(&shop)), Value::Null);
    // Claims that were there before: the third's and HQ's own, both pending.
    let early = operator.claim(&third, "shop.example")["id"].as_str().unwrap().to_owned();
    let hqs = operator.claim(&hq, "shop.example")["id"].as_str().unwrap().to_owned();
    let verified = operator.verified(&dns, &shop, "shop.example");
    let pending = operator.claim(&shop, "later.example");
    transfer(&verified).problem(409, "not_linked");
    operator.link(&hq, &shop, None);

    // Hidden: it counts for nobody, and nobody else gets it, nor hears whose it is.
    assert_eq!(operator.get("/sso/resolve?email=a@shop.example").json()["method"], "password");
    let newcomer = operator.organization("Newcomer", json!({}));
    let refused = claim(&newcomer, "shop.example");
    refused.problem(409, "domain_claimed_elsewhere");
    assert!(!refused.text.contains("Shop") && !refused.text.contains("HQ"), "{}", refused.text);
    let record =
        operator.get(&format!("{}/{early}", domains(&third))).json()["record_value"].clone();
    let own =
        operator.get(&format!("{}/{verified}", domains(&shop))).json()["record_value"].clone();
    let both = [&record, &own].map(|value| vec![value.as_str().unwrap().to_owned()]);
    dns.set("shop.example", Say::Txt(both.to_vec()));
    assert_eq!(verify(&third, &early)["state"], "conflict");
    assert_eq!(verify(&shop, &verified)["state"], "verified");
    // In the family it is told: transfer it.
    operator.delete(&format!("{}/{hqs}", domains(&hq))).is(200);
    let refused = claim(&hq, "shop.example");
    refused.problem(409, "domain_claimed_by_linked_organization");
    assert!(refused.text.contains("Shop") && refused.text.contains("transfer"), "{}", refused.text);
    claim(&shop, "new.example").problem(409, "organization_linked");

    // A pending claim moves with its token, and is verified by the same record.
    let id = pending["id"].as_str().unwrap();
    let moved = transfer(id).is(200).json();
    for same in ["domain", "state", "record_value", "created", "verified"] {
        assert_eq!(moved[same], pending[same], "{same}");
    }
    operator.get(&format!("{}/{id}", domains(&shop))).is(404);
    dns.set("later.example", Say::txt(pending["record_value"].as_str().unwrap()));
    assert_eq!(verify(&hq, moved["id"].as_str().unwrap())["state"], "verified");

    // Both have a claim on it: the verified one survives.
    let (merged, merging) = ("merge.example", operator.organization("Merging", json!({})));
    let hq_claim = operator.claim(&hq, merged);
    let own = operator.verified(&dns, &merging, merged);
    let own_record =
        operator.get(&format!("{}/{own}", domains(&merging))).json()["record_value"].clone();
    operator.link(&hq, &merging, None);
    let path = format!("{}/{own}:transfer", domains(&merging));
    let kept = operator.post(&path, Value::Null).is(200).json();
    assert_eq!((&kept["state"], &kept["record_value"]), (&json!("verified"), &own_record));
    assert_ne!(kept["record_value"], hq_claim["record_value"]);
    let left: Vec<Value> = operator.list(&domains(&hq));
    assert_eq!(left.iter().filter(|domain| domain["domain"] == merged).count(), 1);
    // The other way round: what HQ has verified stays, what the linked organization only claims goes.
    let late = operator.organization("Late", json!({}));
    let weak = operator.claim(&late, "hq.example")["id"].as_str().unwrap().to_owned();
    let strong = operator.verified(&dns, &hq, "hq.example");
    operator.link(&hq, &late, None);
    let path = format!("{}/{weak}:transfer", domains(&late));
    let kept = operator.post(&path, Value::Null).is(200).json();
    assert_eq!((&kept["id"], &kept["state"]), (&json!(strong), &json!("verified")));
    assert_eq!(operator.list(&domains(&late)), Vec::<Value>::new());
    for (org, event) in [(&merging, "domain.transferred_out"), (&hq, "domain.transferred_in")] {
        assert!(operator.told(org, None).contains(&event.to_owned()), "{event}");
    }
}

#[test]
fn scenario_22_a_group_is_a_team_until_the_organization_is_linked() {
    let f = Family::start();
    let solo = f.operator.organization("Solo", json!({"scim_domains": "any"}));
    let client = f.operator.provisioner(&f.server, &solo);
    let at = format!("/organizations/{solo}/teams");
    let team = |name: &str| f.operator.list(&at).into_iter().find(|team| team["name"] == name);
    let in_team = |team: &Value| {
        let path = format!("{at}/{}/members", team["id"].as_str().unwrap());
        let members = f.operator.list(&path);
        let word = |m: &Value| {
            format!("{} {}", m["email"].as_str().unwrap(), m["source"].as_str().unwrap())
        };
        let mut words: Vec<String> = members.iter().map(word).collect();
        words.sort();
        words
    };
    let [ann, bob] = ["ann@solo.example", "bob@solo.example"]
        .map(|email| client.post("/Users", &scim_user(email)).is(201).id());
    // Created.
    let red = client.post("/Groups", &scim_group("Red", &[&ann])).is(201).id();
    let made = team("Red").unwrap();
    assert_eq!((&made["group"], &made["managed_by"]), (&json!(red), &json!("scim")));
    assert_eq!(in_team(&made), ["ann@solo.example group"]);
    f.operator
        .patch(&format!("{at}/{}", made["id"].as_str().unwrap()), json!({"name": "X"}))
        .problem(409, "team_managed_by_scim");
    // Adopted: the team of the same name, with whom people put into it.
    f.operator.post(&at, json!({"name": "Blue"})).is(201);
    f.operator.add(&solo, "gus@guest.org", "member");
    let gus = f.operator.account(&solo, "gus@guest.org");
    let blue_team = team("Blue").unwrap()["id"].as_str().unwrap().to_owned();
    f.operator.put(&format!("{at}/{blue_team}/members/{gus}"), Value::Null).is(204);
    let blue = client.post("/Groups", &scim_group(" bLUE ", &[&bob])).is(201).id();
    let adopted = f.operator.get(&format!("{at}/{blue_team}")).is(200).json();
    assert_eq!(adopted["group"], json!(blue));
    assert_eq!(in_team(&adopted), ["bob@solo.example group", "gus@guest.org manual"]);
    // Renamed; onto another team's name, by hand or by SCIM, it is refused and nothing changes.
    let rename = |id: &str, name: &str| {
        let replace = json!([{"op": "replace", "path": "displayName", "value": name}]);
        client.patch(&format!("/Groups/{id}"), replace)
    };
    f.operator.post(&at, json!({"name": "Manual"})).is(201);
    let before = f.operator.everything();
    rename(&red, "manual").refuses(409, "uniqueness");
    rename(&red, "BLUE").refuses(409, "uniqueness");
    client.post("/Groups", &scim_group("red", &[])).refuses(409, "uniqueness");
    assert_unchanged("a taken team name", &before, &f.operator.everything());
    rename(&red, "Crimson").is(204);
    assert_eq!(team("Crimson").unwrap()["id"], made["id"]);
    // Deleted: what SCIM made goes, what it adopted stays with its own people.
    let gone = client.post("/Groups", &scim_group("Gone", &[&ann])).is(201).id();
    client.delete(&format!("/Groups/{gone}")).is(204);
    assert_eq!(team("Gone"), None);
    client.delete(&format!("/Groups/{blue}")).is(204);
    let detached = f.operator.get(&format!("{at}/{blue_team}")).is(200).json();
    assert_eq!((&detached["group"], &detached["managed_by"]), (&Value::Null, &json!("manual")));
    assert_eq!(in_team(&detached), ["gus@guest.org manual"]);

    // Linked: the teams are people's, whatever comes over SCIM here or to HQ.
    f.operator.link(&f.hq, &solo, Some("Crimson"));
    let crimson = team("Crimson").unwrap();
    assert_eq!(crimson["managed_by"], "manual");
    let before = (f.operator.list(&at), in_team(&crimson));
    rename(&red, "Other").refuses(403, "");
    client.delete(&format!("/Groups/{red}")).refuses(403, "");
    let eve = f.user("eve@example.com");
    let theirs = f.group("Crimson", &[&eve]);
    f.group("Blue", &[&eve]);
    assert_eq!(f.operator.sources(&solo, "eve@example.com"), ["group"]);
    f.idp.delete(&format!("/Groups/{theirs}")).is(204);
    assert_eq!((f.operator.list(&at), in_team(&crimson)), before);
    // Whoever people take out of the organization is in none of its teams.
    let ann = f.operator.account(&solo, "ann@solo.example");
    let crimson_at = format!("{at}/{}/members", crimson["id"].as_str().unwrap());
    // One team only: the group that the team was is frozen, so people decide; and back again.
    let other = |member: &str| f.operator.sources(&solo, member);
    let frozen = other("ann@solo.example");
    for _ in 0..2 {
        f.operator.delete(&format!("{crimson_at}/{ann}")).is(204);
        assert_eq!((in_team(&crimson), other("ann@solo.example")), (vec![], frozen.clone()));
    }
    f.operator.put(&format!("{crimson_at}/{ann}"), Value::Null).is(204);
    assert_eq!(in_team(&crimson), ["ann@solo.example group"]);
    f.operator.delete(&format!("{crimson_at}/{ann}")).is(204);
    let told = f.operator.told(&solo, crimson["id"].as_str());
    let told: Vec<&str> = told.iter().map(String::as_str).filter(|n| n.contains("user_")).collect();
    assert_eq!(told, ["team.user_removed", "team.user_added", "team.user_removed"]);
    // Unlinked, the directory's groups are what they were; only it takes somebody out.
    let unlink = format!("/organizations/{solo}/unlink");
    f.operator.post(&unlink, json!({"members": "remove"})).is(200);
    assert_eq!(in_team(&crimson), ["ann@solo.example group"]);
    let refused = f.operator.delete(&format!("{crimson_at}/{ann}"));
    refused.problem(409, "team_managed_by_scim");
    assert!(refused.text.contains("take the person out of the group there"), "{}", refused.text);
    f.operator.link(&f.hq, &solo, Some("Crimson"));
    assert_eq!(in_team(&crimson), ["ann@solo.example group"]);
    f.operator.put(&format!("{crimson_at}/{gus}"), Value::Null).is(204);
    assert_eq!(in_team(&crimson), ["ann@solo.example group", "gus@guest.org manual"]);
    f.operator.delete(&format!("{crimson_at}/{gus}")).is(204);
    f.operator.delete(&format!("/organizations/{solo}/members/{ann}")).is(200);
    assert_eq!(in_team(&crimson), [""; 0]);
    let path = format!("{at}/{}", crimson["id"].as_str().unwrap());
    f.operator.patch(&path, json!({"name": "Renamed"})).is(200);
    f.operator.delete(&path).is(204);
}
