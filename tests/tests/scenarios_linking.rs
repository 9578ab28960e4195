//! Who may link whom, and what a link does to both sides: acceptance scenarios 1, 6 and 7.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::time::{Duration, Instant};

use scim_tests::{Dns, Family, Log, Person, Server, oidc, saml};
use serde_json::{Value, json};

/// The settings that count for an organization: whose, whether its own are ignored, whether required.
fn effective(person: &Person, organization: &str) -> (String, bool, Value) {
    let path = format!("/organizations/{organization}/sso/effective");
    let sso = person.get(&path).is(200).json();
    (
        sso["source_organization"].as_str().unwrap().into(),
        sso["ignored_own"] == true,
        sso["sso"]["required"].clone(),
    )
}

#[test]
fn scenario_01_from_nothing_to_a_shared_sign_on_and_pushed_members() {
    let dns = Dns::start();
    let server = Server::with(&["--dns-server", &dns.address()]);
    let operator = server.operator();
    let (olga, _) = operator.newcomer(&server, "olga@hq.example");
    let (berta, _) = operator.newcomer(&server, "berta@berlin.example");
    let (karl, _) = operator.newcomer(&server, "karl@elsewhere.example");
    let hq = olga.organization("Example HQ", json!({}));
    let berlin = berta.organization("Berlin", json!({}));
    // What people make is plain: sharing single sign-on is for the operator to allow.
    let refused =
        olga.post(&format!("/organizations/{hq}/admin-organization"), json!({"name": "x"}));
    refused.problem(403, "plan_required");
    for organization in [&hq, &berlin] {
        let shown = (if organization == &hq { &olga } else { &berta })
            .get(&format!("/organizations/{organization}"));
        assert_eq!(shown.is(200).json()["plan"], "other");
        operator.upgrade(organization);
    }
    for (person, organization) in [(&olga, &hq), (&berta, &berlin)] {
        let body = json!({"email": "karl@elsewhere.example"});
        person.post(&format!("/organizations/{organization}/members"), body).is(201);
    }

    // 1. The Admin Organization, out of an organization that isn't linked by that. It takes the plan.
    let make = format!("/organizations/{hq}/admin-organization");
    let name = json!({"name": "Example Group"});
    karl.post(&make, name.clone()).problem(403, "role_required");
    operator.patch(&format!("/organizations/{hq}"), json!({"plan": "other"})).is(200);
    olga.post(&make, name.clone()).problem(403, "plan_required");
    operator.patch(&format!("/organizations/{hq}"), json!({"plan": "enterprise"})).is(200);
    olga.post(&make, json!({"name": "  "})).problem(422, "invalid_name");
    let made = olga.post(&make, name).is(201).json();
    let admin = made["id"].as_str().unwrap().to_owned();
    assert_eq!((&made["kind"], &made["link"]), (&json!("admin"), &Value::Null));
    assert_eq!(made["scim_domains"], "claimed");
    assert_eq!(olga.get(&format!("/organizations/{hq}")).json()["link"], Value::Null);
    assert_eq!(olga.grants(&admin, "olga@hq.example"), ["creator"]);
    assert_eq!(olga.member(&admin, "olga@hq.example")["role"], "owner");
    assert_eq!(olga.events(&admin)[0]["name"], "admin_organization.created");

    // 2. Its domain and its single sign-on.
    let early = olga.provisioner(&server, &admin);
    let user = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ann@example.com"});
    let refused = early.post("/Users", &user);
    refused.refuses(400, "invalidValue");
    assert!(refused.json()["detail"].as_str().unwrap().contains("example.com"), "{refused:?}");
    olga.verified(&dns, &admin, "example.com");
    let path = format!("/organizations/{admin}/sso");
    let mut settings = saml();
    settings["required"] = true.into();
    let set = olga.put(&path, settings.clone()).is(200).json();
    assert_eq!(set["certificates"][0]["state"], "valid");
    assert!(set["service_provider"]["entity_id"].as_str().unwrap().ends_with(&admin));
    let ann = early.push_user("ann@example.com");
    let here = ("sso".to_owned(), admin.clone());
    let password = ("password".to_owned(), String::new());
    assert_eq!(olga.route("ANN@Example.COM"), here);
    assert_eq!(olga.route("stranger@example.com"), password);
    assert_eq!(olga.route("ann@eu.example.com"), password);
    settings["idp_managed_access"] = true.into();
    olga.put(&path, settings).is(200);
    assert_eq!(olga.route("stranger@example.com"), here);
    let names: Vec<Value> = olga.events(&admin).iter().map(|e| e["name"].clone()).collect();
    for name in
        ["domain.claim_added", "domain.verified", "sso.configured", "sso.enabled", "sso.required"]
    {
        assert_eq!(names.iter().filter(|n| *n == name).count(), 1, "{name} in {names:?}");
    }
    assert_eq!(names.last().unwrap(), "sso.idp_managed_access_enabled");

    // 3. A code.
    let code = olga.code(&admin);

    // 4. The other side looks first, then links. It has settings and a claim of its own.
    let own = berta.put(&format!("/organizations/{berlin}/sso"), oidc()).is(200).json();
    let claims = format!("/organizations/{berlin}/domains");
    let body = json!({"domain": "berlin.example"});
    let pending = berta.post(&claims, body.clone()).is(201).json();
    assert_ne!(own["service_provider"], set["service_provider"]);
    karl.get(&format!("/organizations/{berlin}")).is(200);
    let mut log = Log::of(&berta, &berlin);
    let path = format!("/organizations/{berlin}/link:preview");
    let preview = berta.post(&path, json!({"code": code})).is(200).json();
    assert_eq!(
        preview,
        json!({
            "admin_organization_name": "Example Group",
            "needs_approval": false,
            "verified_domains": ["example.com"],
            "sso_enabled": true,
            "sso_required": true,
            "members_outside": 2,
            "hidden_domains": ["berlin.example"],
            "scim_name": null,
            "warnings": ["own_sso_ignored", "own_domains_hidden"],
        })
    );
    assert_eq!(log.news().len(), 0);
    let mut admins = Log::of(&olga, &admin);
    let link = format!("/organizations/{berlin}/link");
    let linked = berta.post(&link, json!({"code": code})).is(200).json();
    assert_eq!(linked["link"]["admin_organization_name"], "Example Group");
    assert_eq!(linked["link"]["scim_name"], Value::Null);
    assert_eq!(linked["warnings"], preview["warnings"]);
    // Nobody comes or goes; but whom required single sign-on doesn't take can't get in any more.
    let changes = linked["effects"]["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0]["email"], "karl@elsewhere.example");
    assert_eq!(changes[0]["sign_in_after"], "refused");
    // Her password lets her in only by breaking the glass from now on, and her looking here is told.
    assert_eq!(
        log.names(),
        ["organization.linked", "scim_directory.dormant", "session.break_glass_used"]
    );
    let news = admins.news();
    assert_eq!((&news[0]["name"], news.len()), (&json!("link_code.redeemed"), 2));
    assert_eq!(news[1]["name"], "organization.linked");
    assert_eq!(news[1]["detail"]["other_org"], berlin);
    assert_eq!(news[1]["actor"], "berta@berlin.example");
    // What is its own is there, and doesn't count.
    assert_eq!(effective(&berta, &berlin), (admin.clone(), true, json!(true)));
    let ignored = berta.get(&format!("/organizations/{berlin}/sso")).is(200).json();
    assert_eq!((&ignored["ignored"], &ignored["issuer"]), (&json!(true), &own["issuer"]));
    berta.put(&format!("/organizations/{berlin}/sso"), saml()).problem(409, "organization_linked");
    berta.delete(&format!("/organizations/{berlin}/sso")).problem(409, "organization_linked");
    berta.post(&claims, body).problem(409, "organization_linked");
    let listed = berta.list(&claims);
    assert_eq!((&listed[0]["hidden"], &listed[0]["id"]), (&json!(true), &pending["id"]));
    // Single sign-on is required of members; owners break the glass, and each time is told.
    karl.get(&format!("/organizations/{berlin}")).problem(403, "sso_required");
    karl.get(&format!("/organizations/{hq}")).is(200);
    let berta = Person::sign_in(&server, "berta@berlin.example");
    let mut log = Log::of(&berta, &berlin);
    Person::sign_in(&server, "berta@berlin.example");
    assert_eq!(log.names(), ["session.break_glass_used"]);
    // Neither side's people get into the other's organization.
    for at in ["", "/members", "/domains", "/sso", "/scim/tokens", "/audit-events"] {
        olga.get(&format!("/organizations/{berlin}{at}")).problem(404, "not_found");
        berta.get(&format!("/organizations/{admin}{at}")).problem(404, "not_found");
    }

    // 5. Users to the Admin Organization, groups to the linked ones. Teams are none of SCIM's business.
    let idp = olga.provisioner(&server, &admin);
    let bob = idp.push_user("bob@example.com");
    let teams = format!("/organizations/{berlin}/teams");
    let team = berta.post(&teams, json!({"name": "Berlin"})).is(201).json();
    idp.push_group("Berlin", &[&ann, &bob]);
    assert_eq!(olga.grants(&admin, "bob@example.com"), ["directory"]);
    assert_eq!(berta.grants(&berlin, "bob@example.com"), Vec::<String>::new());
    let path = format!("/organizations/{admin}/linked-organizations");
    assert_eq!(olga.list(&path)[0]["state"], "no_scim_name");
    olga.patch(&format!("{path}/{berlin}"), json!({"scim_name": "Berlin"})).is(200);
    let people =
        ["ann@example.com", "berta@berlin.example", "bob@example.com", "karl@elsewhere.example"];
    assert_eq!(berta.active_members(&berlin), people);
    assert_eq!(berta.grants(&berlin, "bob@example.com"), ["group Berlin"]);
    assert_eq!(berta.list(&teams), [team]);
    assert_eq!(olga.list(&format!("/organizations/{admin}/teams")), Vec::<Value>::new());
    let path = format!("/organizations/{berlin}/explain?email=bob@example.com");
    let why = berta.get(&path).is(200).json();
    assert!(why["summary"].as_str().unwrap().contains("\"Berlin\""), "{why}");
    assert_eq!(why["reasons"][0]["by"], "olga@hq.example");
    assert_eq!(olga.route("bob@example.com"), here);
}

#[test]
fn scenario_06_a_second_admin_organization_cannot_take_a_linked_organization() {
    let f = Family::start();
    let (olga, admin) = (&f.olga, &f.hq);
    let (otto, zweite) = f.unlinked("zweite");
    let path = format!("/organizations/{zweite}/admin-organization");
    let second = otto.post(&path, json!({"name": "Second Group"})).is(201).id();
    otto.verified(&f.dns, &second, "zweite.example");
    let idp = otto.provisioner(&f.server, &second);
    let (berta, berlin) = f.linked("berlin");
    f.name(&berlin, "Berlin");
    let ann = f.idp.push_user("ann@example.com");
    f.idp.push_group("Berlin", &[&ann]);
    let organization = berta.get(&format!("/organizations/{berlin}")).is(200).json();

    let code = otto.code(&second);
    for at in ["link", "link:preview"] {
        let path = format!("/organizations/{berlin}/{at}");
        let refused = berta.post(&path, json!({"code": code}));
        refused.problem(409, "already_linked");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("one Admin Organization only"), "{detail}");
    }
    // Any code does that, even one that never was.
    let path = format!("/organizations/{berlin}/link");
    berta.post(&path, json!({"code": "link-0000"})).problem(409, "already_linked");
    assert_eq!(otto.list(&format!("/organizations/{second}/link-codes"))[0]["state"], "issued");
    // The second one's people have no handle on it.
    let there = format!("/organizations/{second}/linked-organizations/{berlin}");
    otto.get(&there).problem(404, "not_found");
    otto.patch(&there, json!({"scim_name": "Berlin"})).problem(404, "not_found");
    otto.post(&format!("{there}/unlink"), json!({"members": "remove"})).problem(404, "not_found");
    let batch = json!({"organizations": [{"id": berlin, "scim_name": "Mine"}]});
    let path = format!("/organizations/{second}/linked-organizations:batch");
    otto.patch(&path, batch).problem(404, "not_found");
    let claims = format!("/organizations/{second}/domains");
    let refused = otto.post(&claims, json!({"domain": "example.com"}));
    refused.problem(409, "domain_claimed_elsewhere");
    assert!(!refused.text.contains("HQ") && !refused.text.contains(admin));
    // Its group of that name matches nothing of the other's, but may be matched by one of its own.
    let zoe = idp.push_user("zoe@zweite.example");
    idp.push_group("Berlin", &[&zoe]);
    assert_eq!(berta.active_members(&berlin), ["ann@example.com", "owner@berlin.example"]);
    assert_eq!(berta.get(&format!("/organizations/{berlin}")).json(), organization);
    let (wilma, wien) = f.unlinked("wien");
    let body = json!({"code": code, "scim_name": "berlin"});
    wilma.post(&format!("/organizations/{wien}/link"), body).is(200);
    assert_eq!(wilma.grants(&wien, "zoe@zweite.example"), ["group Berlin"]);
    assert_eq!(wilma.grants(&wien, "ann@example.com"), Vec::<String>::new());
    // Unlinked by its owner it is free to go there.
    let unlink = json!({"members": "remove"});
    berta.post(&format!("/organizations/{berlin}/unlink"), unlink).is(200);
    let code = otto.code(&second);
    let linked = berta.post(&format!("/organizations/{berlin}/link"), json!({"code": code}));
    assert_eq!(linked.is(200).json()["link"]["admin_organization"], second);
    let left = olga.list(&format!("/organizations/{admin}/linked-organizations"));
    assert_eq!(left.iter().map(|o| &o["id"]).collect::<Vec<_>>(), [&f.shop]);
}

#[test]
fn scenario_07_an_admin_organization_is_linked_to_none_has_no_work_in_it_and_hides_from_members() {
    let f = Family::start();
    let (olga, admin, server) = (&f.olga, &f.hq, &f.server);
    let at = |path: &str| format!("/organizations/{admin}{path}");
    let (berta, berlin) = f.linked("berlin");

    // It is linked to none, and a regular one has no codes to link others with.
    let (otto, zweite) = f.unlinked("zweite");
    let path = format!("/organizations/{zweite}/admin-organization");
    let second = otto.post(&path, json!({"name": "Second Group"})).is(201).id();
    let code = json!({"code": otto.code(&second)});
    for path in [at("/link"), at("/link:preview")] {
        olga.post(&path, code.clone()).problem(409, "admin_org_cannot_be_linked");
    }
    assert_eq!(otto.list(&format!("/organizations/{second}/link-codes"))[0]["state"], "issued");
    for (person, organization) in [(&otto, &zweite), (&berta, &berlin)] {
        let codes = format!("/organizations/{organization}/link-codes");
        person.post(&codes, json!({})).problem(409, "not_an_admin_org");
        person.get(&codes).problem(409, "not_an_admin_org");
        let linked = format!("/organizations/{organization}/linked-organizations");
        person.get(&linked).problem(409, "not_an_admin_org");
    }
    let nested = json!({"name": "Nested"});
    olga.post(&at("/admin-organization"), nested).problem(409, "not_available_in_admin_org");

    // No teams, by hand or by group; no plan; no billing; nothing at all of projects and service accounts.
    olga.post(&at("/teams"), json!({"name": "Crew"})).problem(409, "not_available_in_admin_org");
    let ann = f.idp.push_user("ann@example.com");
    f.idp.push_group("Crew", &[&ann]);
    assert_eq!(olga.list(&at("/teams")), Vec::<Value>::new());
    let plan = f.operator.patch(&at(""), json!({"plan": "other"}));
    plan.problem(409, "not_available_in_admin_org");
    let member = json!({"email": "max@hq.example", "role": "billing_admin"});
    olga.post(&at("/members"), member).problem(409, "not_available_in_admin_org");
    for path in ["/projects", "/service-accounts"] {
        olga.post(&at(path), json!({"name": "x"})).problem(404, "no_such_endpoint");
    }
    let claims = olga.list(&at("/domains"));
    let deletion = olga.delete(&at(""));
    deletion.problem(409, "has_linked_organizations");
    assert_eq!(olga.list(&at("/domains")), claims);

    // A plain member doesn't see it, however the membership came and whatever is asked.
    let (max, account) = f.operator.newcomer(server, "max@hq.example");
    let member = json!({"email": "max@hq.example"});
    olga.post(&at("/members"), member).is(201);
    let ann = olga.member(admin, "ann@example.com")["account"].as_str().unwrap().to_owned();
    let password = json!({"password": "correct horse battery"});
    f.operator.put(&format!("/accounts/{ann}/password"), password).is(204);
    let ann = Person::sign_in(server, "ann@example.com");
    let sees = |person: &Person| {
        let all = person.list("/organizations");
        all.iter().any(|organization| organization["id"] == *admin)
    };
    let own_memberships = |person: &Person| {
        let me = person.get("/accounts/me").is(200).json();
        me["memberships"].as_array().unwrap().len()
    };
    let secret = ["", "/members", "/domains", "/sso", "/sso/effective", "/link-codes"];
    let secret = secret.iter().chain(&["/teams", "/linked-organizations", "/scim/groups"]);
    for path in secret.chain(&["/scim/tokens", "/audit-events", "/explain?email=max@hq.example"]) {
        let unknown = max.get(&format!("/organizations/org_0000000000000000{path}"));
        for member in [&max, &max.by_token(server), &ann] {
            let hidden = member.get(&at(path));
            hidden.problem(404, "not_found");
            assert_eq!(hidden.json()["detail"], unknown.json()["detail"]);
        }
    }
    for member in [&max, &ann] {
        assert!(!sees(member));
        assert_eq!(own_memberships(member), 0);
        member.patch(&at(""), json!({"name": "Mine"})).problem(404, "not_found");
    }
    // What the operator sees of the account is all of it.
    let seen = f.operator.get(&format!("/accounts/{account}")).is(200).json();
    assert_eq!(seen["memberships"][0]["organization"], *admin);
    // As an admin one does; as a member again one doesn't.
    let role = at(&format!("/members/{account}"));
    olga.patch(&role, json!({"role": "admin"})).is(200);
    max.get(&at("")).is(200);
    assert!(sees(&max));
    assert_eq!(own_memberships(&max), 1);
    max.post(&at("/link-codes"), json!({})).is(201);
    olga.patch(&role, json!({"role": "member"})).is(200);
    max.get(&at("")).problem(404, "not_found");
    assert!(!sees(&max));

    // Without linked organizations it goes: the domain is free, codes and tokens are dead.
    let code = olga.code(admin);
    for linked in [&berlin, &f.shop] {
        olga.delete(&at("")).problem(409, "has_linked_organizations");
        let unlink = at(&format!("/linked-organizations/{linked}/unlink"));
        olga.post(&unlink, json!({"members": "keep"})).is(200);
    }
    olga.delete(&at("")).is(200);
    olga.get(&at("")).problem(404, "not_found");
    // A token is looked up once a second; meanwhile its organization is missed.
    let until = Instant::now() + Duration::from_millis(1_500);
    loop {
        let answer = f.idp.get("/Users");
        if answer.status == 401 {
            break;
        }
        answer.refuses(403, "");
        assert!(Instant::now() < until, "the token still names an organization: {answer:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    let link = format!("/organizations/{berlin}/link");
    berta.post(&link, json!({"code": code})).problem(404, "link_code_invalid");
    otto.verified(&f.dns, &second, "example.com");
    assert_eq!(otto.members(&second), ["owner@zweite.example"]);
}
