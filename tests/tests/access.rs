//! Who may do what: every endpoint of the administrative API, as every kind of caller. What one may not see
//! isn't there (404, like what never was); what one may see and not do is 403.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use scim_tests::{Answer, Clock, Family, Operation, Person, assert_unchanged};
use serde_json::{Value, json};

/// The least that an endpoint takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Least {
    Everybody,
    SignedIn,
    Member,
    Admin,
    Owner,
    Operator,
}

/// What each operation takes; said here once more, apart from the server's own table.
fn least(operation: &Operation) -> Least {
    match operation.name.as_str() {
        "signIn" => Least::Everybody,
        "signOut"
        | "getAccount"
        | "setPassword"
        | "createPersonalToken"
        | "listPersonalTokens"
        | "revokePersonalToken"
        | "listOrganizations"
        | "createOrganization"
        | "resolveSso" => Least::SignedIn,
        "getOrganization" | "getEffectiveSso" | "listMembers" | "getMember" | "listTeams"
        | "getTeam" | "listTeamMembers" => Least::Member,
        "changeOrganization"
        | "createAdminOrganization"
        | "issueLinkCode"
        | "listLinkCodes"
        | "revokeAllLinkCodes"
        | "revokeLinkCode"
        | "previewLink"
        | "link"
        | "listLinkedOrganizations"
        | "getLinkRequest"
        | "withdrawLinkRequest"
        | "listLinkRequests"
        | "approveLinkRequest"
        | "refuseLinkRequest"
        | "setScimNames"
        | "getLinkedOrganization"
        | "setScimName"
        | "setMembershipPolicy"
        | "unlinkLinkedOrganization"
        | "listDomains"
        | "claimDomain"
        | "getDomain"
        | "verifyDomain"
        | "transferDomain"
        | "withdrawDomain"
        | "getSso"
        | "setSso"
        | "removeSso"
        | "createScimToken"
        | "listScimTokens"
        | "revokeScimToken"
        | "listGroups"
        | "addMember"
        | "setRole"
        | "removeMember"
        | "createTeam"
        | "renameTeam"
        | "deleteTeam"
        | "addTeamMember"
        | "removeTeamMember"
        | "explain"
        | "listAuditEvents"
        | "createAuditExport" => Least::Admin,
        "deleteOrganization" | "unlink" => Least::Owner,
        "createAccount" | "listAccounts" | "recoverOwner" => Least::Operator,
        other => panic!("{other} is new: say in this test who may call it"),
    }
}

struct World {
    f: Family,
    /// Whoever calls, with the role in HQ and in Shop.
    callers: Vec<(&'static str, Person, Option<Least>, Option<Least>)>,
}

impl World {
    fn start() -> Self {
        let f = Family::start();
        let mut callers = Vec::new();
        for (name, role, hq) in [
            ("HQ's owner", Least::Owner, true),
            ("HQ's admin", Least::Admin, true),
            ("HQ's member", Least::Member, true),
            ("Shop's owner", Least::Owner, false),
            ("Shop's admin", Least::Admin, false),
            ("Shop's member", Least::Member, false),
        ] {
            let word = format!("{role:?}").to_lowercase();
            let org = if hq { &f.hq } else { &f.shop };
            let email = format!("{word}@{}.example", if hq { "hq" } else { "shop" });
            let person = f.somebody(org, &email, &word);
            let (at_hq, at_shop) = if hq { (Some(role), None) } else { (None, Some(role)) };
            callers.push((name, person, at_hq, at_shop));
        }
        let (stranger, _) = f.operator.newcomer(&f.server, "stranger@nowhere.example");
        callers.push(("a stranger", stranger, None, None));
        let operator = Person::new(&f.server, &secret(&f));
        callers.push(("the operator", operator, Some(Least::Operator), Some(Least::Operator)));
        Self { f, callers }
    }
}

fn secret(f: &Family) -> String {
    let line = f.server.welcome.lines().find(|line| line.contains("Operator:")).unwrap();
    line.split_whitespace().last().unwrap().to_owned()
}

/// Calls an operation of an organization so that it does nothing even for those who may: what else is in the
/// path isn't there (Shop is, as a linked organization), and the body is none that fits.
fn call(person: &Person, operation: &Operation, org: &str, shop: &str) -> Answer {
    let nothing =
        ["domain", "token", "account", "team", "code", "request"].map(|name| (name, "nope"));
    let mut path = operation.at(&[&nothing[..], &[("org", org), ("linked", shop)]].concat());
    if operation.dry_run {
        path.push_str("?dry_run=true");
    }
    let body = if operation.takes_body { json!({"nothing": true}) } else { Value::Null };
    person.send(&operation.method, &path, &[], Some(&body))
}

/// An answer without what differs from request to request.
fn same(answer: &Answer) -> (u16, Value) {
    let mut body = answer.json();
    body["request_id"].take();
    (answer.status, body)
}

#[test]
fn every_endpoint_of_an_organization_knows_whom_it_serves() {
    let world = World::start();
    let f = &world.f;
    let anonymous = Person::anonymous(&f.server);
    let before = f.operator.everything();
    let mut seen = 0;
    for operation in f.operator.operations() {
        if !operation.path.contains("{org}") {
            continue;
        }
        let least = least(&operation);
        for org in [&f.hq, &f.shop] {
            call(&anonymous, &operation, org, &f.shop).problem(401, "unauthorized");
            for (who, person, at_hq, at_shop) in &world.callers {
                let at = format!("{who}: {} {} of {org}", operation.method, operation.path);
                let role = if org == &f.hq { *at_hq } else { *at_shop };
                let (answer, unknown) = (
                    call(person, &operation, org, &f.shop),
                    call(person, &operation, "org_unknown", &f.shop),
                );
                // Whoever may not see it hears what everybody hears of what isn't there.
                let hidden = role.is_none() || (org == &f.hq && role == Some(Least::Member));
                if least == Least::Operator && role != Some(Least::Operator) {
                    answer.problem(403, "operator_only");
                    assert_eq!(same(&answer), same(&unknown), "{at}");
                } else if hidden {
                    assert_eq!(answer.status, 404, "{at}: {}", answer.text);
                    answer.problem(404, "not_found");
                    assert_eq!(same(&answer), same(&unknown), "{at}");
                } else if role < Some(least) {
                    assert_eq!(answer.status, 403, "{at}: {}", answer.text);
                    answer.problem(403, "role_required");
                    let role = format!("{least:?}").to_lowercase();
                    assert!(answer.text.contains(&role), "{at}: {}", answer.text);
                } else {
                    assert!(![401, 403, 500].contains(&answer.status), "{at}: {}", answer.text);
                    assert_ne!(same(&answer), same(&unknown), "{at}");
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 600, "{seen}");
    assert_unchanged("asking", &before, &f.operator.everything());
}

#[test]
fn endpoints_without_an_organization_serve_oneself() {
    let world = World::start();
    let f = &world.f;
    let anonymous = Person::anonymous(&f.server);
    let owner = f.operator.account(&f.hq, "owner@hq.example");
    let mut seen = 0;
    for operation in f.operator.operations() {
        if operation.path.contains("{org}") {
            continue;
        }
        seen += 1;
        let path = operation.at(&[("account", &owner), ("token", "nope")]);
        let body = if operation.takes_body { json!({}) } else { Value::Null };
        let ask = |person: &Person| person.send(&operation.method, &path, &[], Some(&body));
        match least(&operation) {
            Least::Everybody => ask(&anonymous).problem(400, "invalid_body"),
            Least::Operator => {
                ask(&anonymous).problem(401, "unauthorized");
                for (who, person, at_hq, _) in &world.callers {
                    let answer = ask(person);
                    let expected = match *at_hq {
                        Some(Least::Operator) if operation.takes_body => 400,
                        Some(Least::Operator) => 200,
                        _ => 403,
                    };
                    assert_eq!(answer.status, expected, "{who}: {}", answer.text);
                }
            }
            _ => {
                ask(&anonymous).problem(401, "unauthorized");
                if !operation.path.contains("{account}") {
                    continue;
                }
                // Nobody but the operator gets at somebody else's account.
                let body = match operation.name.as_str() {
                    "setPassword" => json!({"password": "correct horse battery"}),
                    _ => body.clone(),
                };
                for (who, person, at_hq, _) in &world.callers[1..] {
                    let answer = person.send(&operation.method, &path, &[], Some(&body));
                    if *at_hq == Some(Least::Operator) {
                        assert!(
                            answer.status < 300 || answer.status == 404,
                            "{who}: {}",
                            answer.text
                        );
                    } else {
                        assert_eq!(answer.status, 404, "{who}: {path}: {}", answer.text);
                    }
                }
            }
        }
    }
    assert_eq!(seen, 12, "operations without an organization");
}

/// All that somebody gets to read of an organization.
fn readable(person: &Person, org: &str) -> String {
    let mut all = String::new();
    let document = person.operations();
    for operation in document.iter().filter(|o| o.method == "GET" && o.path.contains("{org}")) {
        if operation.path.matches('{').count() > 1 {
            continue;
        }
        let path = operation.at(&[("org", org)]);
        all.push_str(&person.get(&path).text);
    }
    all.push_str(&person.get("/organizations").is(200).text);
    all
}

#[test]
fn the_two_sides_of_a_link_see_nothing_of_each_other() {
    let world = World::start();
    let f = &world.f;
    let ann = f.user("ann@example.com");
    f.user("secret-person@example.com");
    f.group("Sales", &[&ann]);
    f.group("Secret Group", &[&ann]);
    let depot = f.operator.organization("Secret Depot", json!({}));
    f.operator.link(&f.hq, &depot, Some("Secret Name"));
    f.operator.add(&f.shop, "own-guest@guest.example", "member");
    f.operator
        .post(&format!("/organizations/{}/teams", f.shop), json!({"name": "Own Team"}))
        .is(201);
    let person = |name: &str| &world.callers.iter().find(|(who, ..)| *who == name).unwrap().1;
    for who in ["Shop's owner", "Shop's admin", "Shop's member"] {
        let text = readable(person(who), &f.shop);
        assert!(text.contains("ann@example.com"), "{who} sees the own members: {text}");
        let hidden = ["secret-person", "Secret", &depot, "hq.example", "scim-domain-verification"];
        for secret in hidden {
            assert!(!text.contains(secret), "{who} reads {secret}: {text}");
        }
    }
    for who in ["HQ's owner", "HQ's admin"] {
        let text = readable(person(who), &f.hq);
        assert!(text.contains("secret-person"), "{who} sees the own members: {text}");
        for secret in ["own-guest", "Own Team", "shop.example"] {
            assert!(!text.contains(secret), "{who} reads {secret}: {text}");
        }
    }
    // A member of both is in each what the role there says.
    let both = f.somebody(&f.hq, "both@elsewhere.example", "admin");
    both.get(&format!("/organizations/{}", f.shop)).problem(404, "not_found");
    f.operator.add(&f.shop, "both@elsewhere.example", "member");
    both.get(&format!("/organizations/{}", f.shop)).is(200);
    both.get(&format!("/organizations/{}/audit-events", f.shop)).problem(403, "role_required");
    assert_eq!(both.list("/organizations").len(), 2);
}

#[test]
fn what_could_lock_others_out_takes_a_sign_in_of_the_last_minutes() {
    let clock = Clock::at("2026-12-01 00:00:00");
    let environment = clock.environment();
    let f = Family::with_environment(&environment);
    let owner = f.somebody(&f.shop, "owner@shop.example", "owner");
    let made = owner.post("/accounts/me/tokens", json!({})).is(201).json();
    let program = Person::new(&f.server, made["token"].as_str().unwrap());
    clock.set("2026-12-01 00:10:00");
    let operations = f.operator.operations();
    let fresh: Vec<&Operation> = operations.iter().filter(|operation| operation.fresh).collect();
    for wanted in [
        "link",
        "unlink",
        "claimDomain",
        "withdrawDomain",
        "transferDomain",
        "setSso",
        "removeSso",
        "deleteOrganization",
        "setPassword",
        "createPersonalToken",
        "createScimToken",
        "revokeScimToken",
        "issueLinkCode",
        "revokeLinkCode",
        "revokeAllLinkCodes",
        "createAdminOrganization",
        "setScimName",
        "setScimNames",
        "createAuditExport",
    ] {
        assert!(fresh.iter().any(|operation| operation.name == wanted), "{wanted}");
    }
    let before = f.operator.everything();
    for operation in fresh {
        call(&owner, operation, &f.shop, &f.shop).problem(403, "reauthentication_required");
        let answer = call(&program, operation, &f.shop, &f.shop);
        assert_ne!(answer.status, 403, "{operation:?}: {}", answer.text);
    }
    assert_unchanged("an old session", &before, &f.operator.everything());
    owner.get(&format!("/organizations/{}", f.shop)).is(200);
    let again = Person::sign_in(&f.server, "owner@shop.example");
    let path = format!("/organizations/{}/scim/tokens", f.shop);
    again.post(&path, json!({})).is(201);
    // Twelve hours, and the session is over.
    clock.set("2026-12-01 12:00:00");
    owner.get("/accounts/me").problem(401, "unauthorized");
    again.get("/accounts/me").is(200);
}

#[test]
fn making_and_unmaking_owners_and_admins_takes_a_sign_in_of_the_last_minutes() {
    let clock = Clock::at("2026-12-01 00:00:00");
    let environment = clock.environment();
    let f = Family::with_environment(&environment);
    let owner = f.somebody(&f.shop, "owner@shop.example", "owner");
    let program = owner.by_token(&f.server);
    for (email, role) in [("ada", "admin"), ("otto", "owner"), ("max", "member")] {
        f.operator.add(&f.shop, &format!("{email}@shop.example"), role);
    }
    let at = |name: &str| {
        let account = f.operator.account(&f.shop, &format!("{name}@shop.example"));
        format!("/organizations/{}/members/{account}", f.shop)
    };
    let (ada, otto, max) = (at("ada"), at("otto"), at("max"));
    let members = format!("/organizations/{}/members", f.shop);
    let new = |role: &str| json!({"email": "new@shop.example", "role": role});
    let takeovers = [
        ("POST", &members, new("admin")),
        ("POST", &members, new("owner")),
        ("PATCH", &max, json!({"role": "admin"})),
        ("PATCH", &max, json!({"role": "owner"})),
        ("PATCH", &ada, json!({"role": "member"})),
        ("PATCH", &ada, json!({"role": "owner"})),
        ("PATCH", &otto, json!({"role": "member"})),
        ("DELETE", &ada, Value::Null),
        ("DELETE", &otto, Value::Null),
    ];
    clock.set("2026-12-01 00:10:00");
    let before = f.operator.everything();
    for (method, path, body) in &takeovers {
        let answer = owner.send(method, path, &[], Some(body));
        answer.problem(403, "reauthentication_required");
    }
    assert_unchanged("an old session", &before, &f.operator.everything());
    // What plain members are is everyday work.
    owner.post(&members, new("member")).is(201);
    owner.patch(&max, json!({"role": "member"})).is(200);
    owner.delete(&at("new")).is(200);
    let again = Person::sign_in(&f.server, "owner@shop.example");
    for (method, path, body) in &takeovers {
        for person in [&program, &again] {
            let answer = person.send(method, &format!("{path}?dry_run=true"), &[], Some(body));
            answer.is(200);
        }
    }
    // The document says so of those that may take it.
    let document = owner.get("/openapi.json").is(200).json();
    for (path, method) in [("members", "post"), ("members/{account}", "patch")] {
        let operation = &document["paths"][format!("/organizations/{{org}}/{path}")][method];
        let text = operation["description"].as_str().unwrap();
        assert!(text.contains("owner or admin") && text.contains("ten minutes"), "{text}");
    }
}
