//! Links that the Admin Organization approves first: `require_approval`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::sync::Barrier;
use std::time::{Duration, Instant};

use scim_tests::{Clock, Family, Person, assert_unchanged};
use serde_json::{Value, json};

/// HQ, which approves each link, with an admin; and "Depot", with an owner and a directory of its own.
struct Scene {
    f: Family,
    hanna: Person,
    dora: Person,
    depot: String,
}

impl Scene {
    fn set() -> Self {
        Self::of(Family::start())
    }

    fn of(f: Family) -> Self {
        let hanna = f.somebody(&f.hq, "hanna@hq.example", "admin");
        let depot = f.operator.organization("Depot", json!({"scim_domains": "any"}));
        let dora = f.somebody(&depot, "dora@depot.example", "owner");
        let approval = json!({"require_approval": true});
        hanna.patch(&format!("/organizations/{}", f.hq), approval).is(200);
        Self { f, hanna, dora, depot }
    }

    fn at_hq(&self, part: &str) -> String {
        format!("/organizations/{}{part}", self.f.hq)
    }

    fn at_depot(&self, part: &str) -> String {
        format!("/organizations/{}{part}", self.depot)
    }

    /// Redeems a new code; gives the code and the request's id.
    fn ask(&self, scim_name: Option<&str>) -> (String, String) {
        let code = self.hanna.code(&self.f.hq);
        let body = json!({"code": code, "scim_name": scim_name});
        let asked = self.dora.post(&self.at_depot("/link"), body).is(200).json();
        assert_eq!(asked["state"], "awaiting_approval", "{asked}");
        assert_eq!(asked["link"], Value::Null);
        (code, asked["link_request"]["id"].as_str().unwrap().to_owned())
    }

    fn answer(&self, id: &str, action: &str) -> String {
        self.at_hq(&format!("/link-requests/{id}:{action}"))
    }

    fn told(&self, organization: &str, id: &str) -> Vec<String> {
        self.f.operator.told(organization, Some(id))
    }
}

#[test]
fn until_it_is_approved_nothing_changes_and_then_all_at_once() {
    let s = Scene::set();
    let f = &s.f;
    let ann = f.user("ann@example.com");
    f.group("Stock", &[&ann]);
    let own = f.operator.provisioner(&f.server, &s.depot);
    let preview = json!({"code": s.hanna.code(&f.hq)});
    let preview = s.dora.post(&s.at_depot("/link:preview"), preview).is(200).json();
    assert_eq!(preview["needs_approval"], true);

    let (code, id) = s.ask(Some("Stock"));
    // The organization is regular, its directory live, and nobody came or went.
    let depot = s.dora.get(&s.at_depot("")).is(200).json();
    assert_eq!(depot["link"], Value::Null);
    own.get("/Users").is(200);
    assert_eq!(s.dora.members(&s.depot), ["dora@depot.example"]);
    s.dora.post(&s.at_depot("/domains"), json!({"domain": "depot.example"})).is(201);
    assert_eq!(f.operator.list(&s.at_hq("/linked-organizations")).len(), 1);
    // Both sides see it.
    let (here, there) = (
        s.dora.get(&s.at_depot("/link-request")).is(200).json(),
        s.hanna.list(&s.at_hq("/link-requests")),
    );
    assert_eq!(there, std::slice::from_ref(&here));
    assert_eq!(here["id"], id.as_str());
    assert_eq!(
        (&here["organization_name"], &here["admin_organization_name"]),
        (&json!("Depot"), &json!("HQ"))
    );
    assert_eq!(
        (&here["created_by"], &here["scim_name"]),
        (&json!("dora@depot.example"), &json!("Stock"))
    );
    for org in [&f.hq, &s.depot] {
        assert_eq!(s.told(org, &id), ["link_request.created"]);
    }
    // Asked again with the same code it is the same request; with another there is one already. The code is
    // used: no other organization asks with it.
    let before = f.operator.everything();
    let again = s.dora.post(&s.at_depot("/link"), json!({"code": code})).is(200).json();
    assert_eq!(again["link_request"], here);
    assert_unchanged("asking again", &before, &f.operator.everything());
    let otherwise = json!({"code": code, "scim_name": "Other"});
    s.dora.post(&s.at_depot("/link"), otherwise).problem(409, "link_awaiting_approval");
    let other = json!({"code": s.hanna.code(&f.hq)});
    s.dora.post(&s.at_depot("/link"), other).problem(409, "link_awaiting_approval");
    let solo = f.operator.organization("Solo", json!({}));
    let taken = f.operator.post(&format!("/organizations/{solo}/link"), json!({"code": code}));
    taken.problem(409, "link_code_redeemed");

    // Who may answer: those of the Admin Organization, not those who ask.
    s.dora.post(&s.answer(&id, "approve"), Value::Null).problem(404, "not_found");
    s.dora
        .post(&s.at_depot(&format!("/link-requests/{id}:approve")), Value::Null)
        .problem(409, "not_an_admin_org");
    // A dry run tells who comes, and does nothing.
    let before = f.operator.everything();
    let planned = s.hanna.post(&format!("{}?dry_run=true", s.answer(&id, "approve")), Value::Null);
    let planned = planned.is(200).json();
    assert_eq!(planned["effects"]["changes"][0]["email"], "ann@example.com", "{planned}");
    assert_unchanged("a dry run", &before, &f.operator.everything());
    let done = s.hanna.post(&s.answer(&id, "approve"), Value::Null).is(200).json();
    assert_eq!(done["effects"], planned["effects"]);
    assert_eq!((&done["name"], &done["state"]), (&json!("Depot"), &json!("matched")));
    for secret in ["plan", "link", "has_active_owner"] {
        assert!(done.get(secret).is_none(), "what HQ sees of a linked organization: {done}");
    }
    let depot = s.dora.get(&s.at_depot("")).is(200).json();
    assert_eq!(depot["link"]["by"], "dora@depot.example", "{depot}");
    assert_eq!(s.dora.members(&s.depot), ["ann@example.com", "dora@depot.example"]);
    assert_eq!(own.get("/Users").status, 403);
    for org in [&f.hq, &s.depot] {
        assert_eq!(s.told(org, &id), ["link_request.created", "link_request.approved"]);
        assert!(s.told(org, &s.depot).contains(&"organization.linked".to_owned()));
    }
    // It is over: neither again nor otherwise; and the code that led to it still says that it did.
    for action in ["approve", "refuse"] {
        s.hanna.post(&s.answer(&id, action), Value::Null).problem(404, "not_found");
    }
    s.dora.get(&s.at_depot("/link-request")).problem(404, "not_found");
    let again = s.dora.post(&s.at_depot("/link"), json!({"code": code})).is(200).json();
    assert_eq!((&again["state"], &again["link_request"]), (&json!("linked"), &Value::Null));
}

#[test]
fn refused_or_taken_back_it_is_over_and_so_is_the_code() {
    let s = Scene::set();
    let f = &s.f;
    let (code, id) = s.ask(None);
    s.hanna.post(&s.answer(&id, "refuse"), Value::Null).is(204);
    s.dora.post(&s.at_depot("/link"), json!({"code": code})).problem(409, "link_code_redeemed");
    let (code, second) = s.ask(None);
    s.dora.delete(&s.at_depot("/link-request")).is(204);
    s.dora.delete(&s.at_depot("/link-request")).problem(404, "not_found");
    s.hanna.post(&s.answer(&second, "approve"), Value::Null).problem(404, "not_found");
    s.dora.post(&s.at_depot("/link"), json!({"code": code})).problem(409, "link_code_redeemed");
    for (id, end) in [(&id, "link_request.refused"), (&second, "link_request.withdrawn")] {
        for org in [&f.hq, &s.depot] {
            assert_eq!(s.told(org, id), ["link_request.created", end]);
        }
    }
    // Deleted, an organization takes back what it asked, and refuses what it was asked.
    let (_, third) = s.ask(None);
    f.operator.delete(&s.at_depot("")).is(200);
    assert_eq!(s.told(&f.hq, &third), ["link_request.created", "link_request.withdrawn"]);
    assert_eq!(s.hanna.list(&s.at_hq("/link-requests")), Vec::<Value>::new());
    let hq = f.operator.organization("Other HQ", json!({"kind": "admin"}));
    f.operator.patch(&format!("/organizations/{hq}"), json!({"require_approval": true})).is(200);
    let body = json!({"code": f.operator.code(&hq)});
    let solo = f.operator.organization("Solo", json!({}));
    let solo_link = format!("/organizations/{solo}/link");
    let asked = f.operator.post(&solo_link, body).is(200).json();
    let fourth = asked["link_request"]["id"].as_str().unwrap().to_owned();
    f.operator.delete(&format!("/organizations/{hq}")).is(200);
    assert_eq!(s.told(&solo, &fourth), ["link_request.created", "link_request.refused"]);
    // Free again: it may be linked elsewhere.
    let off = json!({"require_approval": false});
    s.hanna.patch(&s.at_hq(""), off).is(200);
    f.operator.link(&f.hq, &solo, None);
}

#[test]
fn all_is_checked_again_when_it_is_approved() {
    let s = Scene::set();
    let f = &s.f;
    let (_, id) = s.ask(Some("Stock"));
    let approve = s.answer(&id, "approve");
    // The name was not taken by asking: Shop gets it.
    f.name(&f.shop, "Stock");
    let before = f.operator.everything();
    s.hanna.post(&approve, Value::Null).problem(409, "scim_name_taken");
    assert_unchanged("a name that is taken", &before, &f.operator.everything());
    let clear = json!({"scim_name": null});
    s.hanna.patch(&s.at_hq(&format!("/linked-organizations/{}", f.shop)), clear).is(200);
    f.operator.patch(&s.at_depot(""), json!({"plan": "other"})).is(200);
    s.hanna.post(&approve, Value::Null).problem(403, "plan_required");
    f.operator.patch(&s.at_depot(""), json!({"plan": "enterprise"})).is(200);
    // Two that answer at once: one does.
    let start = Barrier::new(2);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let racers: Vec<_> = ["approve", "refuse"]
            .map(|action| {
                let (hanna, path, start) = (s.hanna.again(), s.answer(&id, action), &start);
                scope.spawn(move || {
                    start.wait();
                    hanna.post(&path, Value::Null).status
                })
            })
            .into_iter()
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    let won = match statuses[..] {
        [200, 404] => true,
        [404, 204] => false,
        _ => panic!("{statuses:?}"),
    };
    let linked = s.dora.get(&s.at_depot("")).json()["link"] != Value::Null;
    assert_eq!(linked, won, "{statuses:?}");
}

#[test]
fn a_request_is_good_for_three_days() {
    let clock = Clock::at("2026-11-25 00:00:00");
    let environment = clock.environment();
    let s = Scene::of(Family::with_environment(&environment));
    let f = &s.f;
    let hanna = s.hanna.by_token(&f.server);
    let dora = s.dora.by_token(&f.server);
    let (_, id) = s.ask(None);
    clock.set("2026-11-27 23:59:59");
    let dry = format!("{}?dry_run=true", s.answer(&id, "approve"));
    hanna.post(&dry, Value::Null).is(200);
    clock.set("2026-11-28 00:00:01");
    let late = hanna.post(&s.answer(&id, "approve"), Value::Null);
    // By the clock or by the look of the server at what is due, whichever was first.
    if late.status == 410 {
        late.problem(410, "link_request_expired");
    } else {
        late.problem(404, "not_found");
    }
    dora.get(&s.at_depot("/link-request")).problem(404, "not_found");
    assert_eq!(hanna.list(&s.at_hq("/link-requests")), Vec::<Value>::new());
    // Asking again is free, and ends the old one.
    let body = json!({"code": hanna.code(&f.hq)});
    let asked = dora.post(&s.at_depot("/link"), body).is(200).json();
    assert_ne!(asked["link_request"]["id"], id.as_str());
    for org in [&f.hq, &s.depot] {
        assert_eq!(s.told(org, &id), ["link_request.created", "link_request.expired"]);
    }
}

#[test]
fn a_request_that_nobody_answers_is_ended_by_the_clock() {
    let clock = Clock::at("2026-11-25 00:00:00");
    let mut environment = clock.environment();
    environment.push(("SCIM_DOMAIN_CHECK_INTERVAL", "1"));
    let s = Scene::of(Family::with_environment(&environment));
    let (_, id) = s.ask(None);
    clock.set("2026-11-28 00:00:10");
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let told = s.told(&s.depot, &id);
        if told.len() > 1 {
            assert_eq!(told, ["link_request.created", "link_request.expired"]);
            break;
        }
        assert!(Instant::now() < until, "{told:?}\n{}", s.f.server.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(s.told(&s.f.hq, &id), ["link_request.created", "link_request.expired"]);
}

#[test]
fn whether_links_are_approved_is_an_admin_organizations_to_say() {
    let clock = Clock::at("2026-11-25 00:00:00");
    let environment = clock.environment();
    let s = Scene::of(Family::with_environment(&environment));
    let approval = json!({"require_approval": true});
    s.dora.patch(&s.at_depot(""), approval.clone()).problem(409, "not_an_admin_org");
    assert_eq!(s.dora.get(&s.at_depot("")).json()["require_approval"], false);
    // To do without takes a sign-in of the last minutes; to ask for it doesn't.
    clock.set("2026-11-25 00:10:00");
    s.hanna.patch(&s.at_hq(""), approval).is(200);
    let off = json!({"require_approval": false});
    s.hanna.patch(&s.at_hq(""), off.clone()).problem(403, "reauthentication_required");
    assert_eq!(s.hanna.get(&s.at_hq("")).json()["require_approval"], true);
    // What waits when it is switched off still waits.
    let again = Person::sign_in(&s.f.server, "dora@depot.example");
    let body = json!({"code": s.f.operator.code(&s.f.hq)});
    let asked = again.post(&s.at_depot("/link"), body).is(200).json();
    s.f.operator.patch(&s.at_hq(""), off).is(200);
    assert_eq!(s.hanna.list(&s.at_hq("/link-requests")), [asked["link_request"].clone()]);
}

#[test]
fn the_command_line_asks_and_answers() {
    let s = Scene::set();
    let server = &s.f.server;
    server.command(&["org", "set", &s.depot, "--name", "Depot 2", "-o", "json"]);
    assert_eq!(s.dora.get(&s.at_depot("")).json()["name"], "Depot 2");
    let (_, id) = s.ask(None);
    let listed = server.command(&["link-request", "list", "--org", &s.f.hq, "-o", "json"]);
    assert_eq!(listed[0]["id"], id.as_str());
    let shown = server.command(&["link-request", "show", &s.depot, "-o", "json"]);
    assert_eq!(shown["organization_name"], "Depot 2");
    let done = server.command(&["link-request", "approve", "--org", &s.f.hq, &id, "-o", "json"]);
    assert_eq!(done["id"], s.depot.as_str());
}

#[test]
fn a_name_that_is_taken_costs_no_code_and_a_plan_is_of_what_becomes_of_the_link() {
    let s = Scene::set();
    let code = s.hanna.code(&s.f.hq);
    let link = s.at_depot("/link");
    let taken = json!({"code": code, "scim_name": "sales"});
    s.dora.post(&link, taken).problem(409, "scim_name_taken");
    let body = json!({"code": code, "scim_name": "Stock"});
    let dry = s.dora.post(&format!("{link}?dry_run=true"), body.clone()).is(200).json();
    assert_eq!(dry["state"], "awaiting_approval", "{dry}");
    let approval = |on: bool| {
        let path = s.at_hq("");
        s.f.operator.patch(&path, json!({"require_approval": on})).is(200);
    };
    // Nobody is linked by a plan to ask, nor asks by a plan to be linked.
    approval(false);
    let plan = |dry: &Value| format!("{link}?plan={}", dry["plan"].as_str().unwrap());
    s.dora.post(&plan(&dry), body.clone()).problem(412, "plan_changed");
    let straight = s.dora.post(&format!("{link}?dry_run=true"), body.clone()).is(200).json();
    assert_eq!(straight["state"], "linked", "{straight}");
    approval(true);
    s.dora.post(&plan(&straight), body.clone()).problem(412, "plan_changed");
    let asked = s.dora.post(&plan(&dry), body).is(200).json();
    assert_eq!(asked["state"], "awaiting_approval");
}
