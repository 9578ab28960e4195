//! Linking codes: acceptance scenario 5, in five parts.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::sync::Barrier;

use scim_tests::{Answer, Clock, Family, Log, Person, Server};
use serde_json::{Value, json};

fn link(person: &Person, organization: &str, code: &str) -> Answer {
    person.post(&format!("/organizations/{organization}/link"), json!({"code": code}))
}

fn preview(person: &Person, organization: &str, code: &str) -> Answer {
    person.post(&format!("/organizations/{organization}/link:preview"), json!({"code": code}))
}

/// An issued code: the code, and its id.
fn issue(person: &Person, admin: &str, body: Value) -> (String, String) {
    let issued = person.post(&format!("/organizations/{admin}/link-codes"), body).is(201).json();
    (issued["code"].as_str().unwrap().into(), issued["id"].as_str().unwrap().into())
}

/// What a list shows of a code.
fn shown(person: &Person, admin: &str, id: &str) -> Value {
    let codes = person.list(&format!("/organizations/{admin}/link-codes"));
    codes.into_iter().find(|code| code["id"] == id).unwrap()
}

fn is_linked(person: &Person, organization: &str) -> bool {
    !person.get(&format!("/organizations/{organization}")).is(200).json()["link"].is_null()
}

/// How many events of that name there are.
fn count(person: &Person, organization: &str, name: &str) -> usize {
    person.events(organization).iter().filter(|event| event["name"] == name).count()
}

#[test]
fn scenario_05_a_code_is_good_once_for_whom_it_is_meant_until_it_is_revoked() {
    let mut f = Family::start();
    let (olga, admin) = (&f.olga, &f.hq);
    let codes = format!("/organizations/{admin}/link-codes");
    let (berta, berlin) = f.unlinked("berlin");
    let (wilma, wien) = f.unlinked("wien");

    // Shown once; read aloud, without hyphens, it is the same.
    let (code, id) = issue(olga, admin, json!({"note": "for Berlin"}));
    let listed = shown(olga, admin, &id);
    assert_eq!((&listed["state"], &listed["note"]), (&json!("issued"), &json!("for Berlin")));
    assert!(listed["code"].is_null() && code.ends_with(listed["ends_in"].as_str().unwrap()));
    let mut log = Log::of(olga, admin);
    let spoken = format!(" {} ", code.replace('-', " ").to_uppercase());
    let first = link(&berta, &berlin, &spoken).is(200).json();
    assert_eq!(first["link"]["by"], "owner@berlin.example");
    assert_eq!(first["warnings"], json!(["sso_not_configured"]));
    assert_eq!(log.names(), ["link_code.redeemed", "organization.linked"]);
    let used = shown(olga, admin, &id);
    assert_eq!((&used["state"], &used["redeemed_by"]), (&json!("redeemed"), &json!(berlin)));
    // Again by the same organization: the same answer, and nothing more happened.
    let mut own = Log::of(&berta, &berlin);
    let again = link(&berta, &berlin, &code).is(200).json();
    assert_eq!(again["link"], first["link"]);
    assert_eq!((log.news().len(), own.news().len()), (0, 0));
    // By another: used is used. Both organizations are told of the try.
    link(&wilma, &wien, &code).problem(409, "link_code_redeemed");
    preview(&wilma, &wien, &code).problem(409, "link_code_redeemed");
    assert!(!is_linked(&wilma, &wien));
    let told = log.news();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0]["name"], "link_code.rejected");
    assert_eq!(told[0]["detail"], json!({"reason": "link_code_redeemed", "other_org": wien}));
    assert_eq!((&told[0]["target"], &told[0]["actor"]), (&json!(id), &"owner@wien.example".into()));
    assert_eq!(count(&wilma, &wien, "link_code.rejected"), 2);
    olga.delete(&format!("{codes}/{id}")).problem(409, "link_code_redeemed");

    // Revoked; revoking it again is no matter.
    let (code, id) = issue(olga, admin, json!({}));
    olga.delete(&format!("{codes}/{id}")).is(200);
    assert_eq!(olga.delete(&format!("{codes}/{id}")).is(200).json()["state"], "revoked");
    link(&wilma, &wien, &code).problem(410, "link_code_revoked");
    assert_eq!(count(olga, admin, "link_code.revoked"), 1);

    // Meant for another: as if there were none, and still good for whom it is meant.
    let (code, id) = issue(olga, admin, json!({"intended_organization": wien}));
    let (gerda, graz) = f.unlinked("graz");
    link(&gerda, &graz, &code).problem(404, "link_code_invalid");
    assert_eq!(shown(olga, admin, &id)["state"], "issued");
    link(&wilma, &wien, &code).is(200);
    // Unlinked, the same code doesn't link it again.
    let unlink = format!("/organizations/{wien}/unlink");
    wilma.post(&unlink, json!({"members": "keep"})).is(200);
    link(&wilma, &wien, &code).problem(409, "link_code_redeemed");

    // Twenty wait to be used at the most; all can be revoked at once.
    let (code, _) = issue(olga, admin, json!({}));
    for _ in 1..20 {
        issue(olga, admin, json!({}));
    }
    olga.post(&codes, json!({})).problem(409, "link_code_limit");
    let revoked = olga.post(&format!("{codes}:revoke-all"), Value::Null).is(200).json();
    assert_eq!(revoked["items"].as_array().unwrap().len(), 20);
    link(&gerda, &graz, &code).problem(410, "link_code_revoked");

    // Neither the code nor its letters are in the database or in the log.
    let (code, _) = issue(olga, admin, json!({}));
    let letters = code.trim_start_matches("link-").replace('-', "");
    f.server.stop();
    let bytes = f.server.database().bytes();
    for needle in [code.as_bytes(), letters.as_bytes()] {
        assert!(!bytes.windows(needle.len()).any(|window| window == needle));
    }
    assert!(!f.server.log().contains(&code));
}

#[test]
fn scenario_05_codes_are_for_owners_and_admins_and_outlive_who_issued_them() {
    let f = Family::start();
    let (olga, admin, server) = (&f.olga, &f.hq, &f.server);
    let (berta, berlin) = f.unlinked("berlin");
    let codes = format!("/organizations/{admin}/link-codes");
    let members = format!("/organizations/{admin}/members");
    let (aron, account) = f.operator.newcomer(server, "aron@hq.example");
    olga.post(&members, json!({"email": "aron@hq.example", "role": "member"})).is(201);
    aron.post(&codes, json!({})).problem(404, "not_found");
    olga.patch(&format!("{members}/{account}"), json!({"role": "admin"})).is(200);
    let (code, id) = issue(&aron, admin, json!({}));
    assert_eq!(shown(olga, admin, &id)["issuer_present"], true);
    // Whoever issued it leaves: it is the organization's, and shown as what it is.
    olga.delete(&format!("{members}/{account}")).is(200);
    aron.post(&codes, json!({})).problem(404, "not_found");
    assert_eq!(shown(olga, admin, &id)["issuer_present"], false);

    // It is redeemed by an owner or admin, after a sign-in.
    let (karl, _) = f.operator.newcomer(server, "karl@berlin.example");
    let body = json!({"email": "karl@berlin.example"});
    berta.post(&format!("/organizations/{berlin}/members"), body).is(201);
    link(&karl, &berlin, &code).problem(403, "role_required");
    link(olga, &berlin, &code).problem(404, "not_found");
    link(&Person::anonymous(server), &berlin, &code).problem(401, "unauthorized");
    // Without the plan nothing new is shared, on either side.
    let set_plan = |organization: &str, plan: &str| {
        let path = format!("/organizations/{organization}");
        f.operator.patch(&path, json!({"plan": plan}))
    };
    set_plan(&berlin, "other").is(200);
    link(&berta, &berlin, &code).problem(403, "plan_required");
    set_plan(&berlin, "enterprise").is(200);
    assert!(!is_linked(&berta, &berlin));
    link(&berta, &berlin, &code).is(200);
    // What is shared stays shared.
    set_plan(&berlin, "other").is(200);
    assert!(is_linked(&berta, &berlin));
}

#[test]
fn scenario_05_of_two_who_redeem_a_code_at_once_one_wins() {
    let f = Family::start();
    let (operator, admin) = (&f.operator, &f.hq);
    let before = count(operator, admin, "link_code.redeemed");
    for round in 0..12 {
        let code = operator.code(admin);
        let racers: Vec<(Person, String)> = (0..4)
            .map(|n| (operator.again(), operator.organization(&format!("{round} {n}"), json!({}))))
            .collect();
        let start = Barrier::new(racers.len());
        let answers: Vec<(String, Answer)> = std::thread::scope(|scope| {
            let run = |(person, organization): (Person, String)| {
                let (code, start) = (&code, &start);
                scope.spawn(move || {
                    start.wait();
                    let answer = link(&person, &organization, code);
                    (organization, answer)
                })
            };
            let threads: Vec<_> = racers.into_iter().map(run).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let mut winners = 0;
        for (organization, answer) in answers {
            let wins = answer.status == 200;
            if !wins {
                answer.problem(409, "link_code_redeemed");
            }
            winners += usize::from(wins);
            assert_eq!(is_linked(operator, &organization), wins);
            assert_eq!(count(operator, &organization, "organization.linked"), usize::from(wins));
        }
        assert_eq!(winners, 1);
        assert_eq!(count(operator, admin, "link_code.redeemed"), before + round + 1);
    }
}

#[test]
fn scenario_05_a_code_expires_to_the_second_and_five_wrong_ones_cost_ten_minutes() {
    let clock = Clock::at("2026-12-01 10:00:00");
    let environment = clock.environment();
    let server = Server::with_environment(&[], &environment);
    let operator = server.operator();
    let admin = operator.admin_organization("Example Group");
    let person = |name: &str| {
        let (person, _) = operator.newcomer(&server, &format!("{name}@example.org"));
        let organization = person.organization(name, json!({}));
        operator.upgrade(&organization);
        (person.by_token(&server), organization)
    };
    let ((berta, berlin), (wilma, wien), (gerda, graz)) =
        (person("berta"), person("wilma"), person("gerda"));
    let ((first, _), (second, id), (third, _)) = (
        issue(&operator, &admin, json!({})),
        issue(&operator, &admin, json!({})),
        issue(&operator, &admin, json!({})),
    );
    let times = shown(&operator, &admin, &id);
    assert_eq!(times["created"], "2026-12-01T10:00:00.000Z");
    assert_eq!(times["expires"], "2026-12-04T10:00:00.000Z");
    // Three days less a second, three days, and a second more.
    clock.set("2026-12-04 09:59:59");
    assert_eq!(shown(&operator, &admin, &id)["state"], "issued");
    link(&berta, &berlin, &first).is(200);
    clock.set("2026-12-04 10:00:00");
    assert_eq!(shown(&operator, &admin, &id)["state"], "expired");
    link(&wilma, &wien, &second).problem(410, "link_code_expired");
    clock.set("2026-12-04 10:00:01");
    preview(&wilma, &wien, &third).problem(410, "link_code_expired");
    assert!(!is_linked(&wilma, &wien));
    // Ten minutes at a keyboard are enough: a session has to be new, or the person signs in again.
    let session = Person::sign_in(&server, "gerda@example.org");
    clock.set("2026-12-04 10:10:01");
    let code = operator.code(&admin);
    link(&session, &graz, &code).problem(403, "reauthentication_required");

    // After five wrong codes the right one is no good either, for ten minutes.
    for n in 0..5 {
        link(&gerda, &graz, &format!("link-{n:04}")).problem(404, "link_code_invalid");
    }
    link(&gerda, &graz, &code).problem(429, "rate_limited");
    clock.set("2026-12-04 10:20:00");
    link(&gerda, &graz, &code).problem(429, "rate_limited");
    clock.set("2026-12-04 10:20:02");
    link(&gerda, &graz, &code).is(200);
}

#[test]
fn scenario_05_ten_thousand_guesses_get_nowhere() {
    let f = Family::start();
    let (operator, admin) = (&f.operator, &f.hq);
    let ((gerda, graz), (wilma, wien)) = (f.unlinked("graz"), f.unlinked("wien"));
    let code = operator.code(admin);
    // Ten thousand guesses: five are looked at.
    let threads = 8;
    let looked_at: usize = std::thread::scope(|scope| {
        let guess = |thread: usize| {
            let (gerda, graz) = (gerda.again(), &graz);
            scope.spawn(move || {
                let mut looked_at = 0;
                for n in 0..10_000 / threads {
                    let code = format!("link-{thread:04}-{n:04}-0000-0000-0000-0000-0000-0000");
                    let answer = match n % 2 {
                        0 => link(&gerda, graz, &code),
                        _ => preview(&gerda, graz, &code),
                    };
                    if answer.status == 404 {
                        answer.problem(404, "link_code_invalid");
                        looked_at += 1;
                    } else {
                        answer.problem(429, "rate_limited");
                        assert_eq!(answer.headers["retry-after"], "600");
                    }
                }
                looked_at
            })
        };
        let guessers: Vec<_> = (0..threads).map(guess).collect();
        guessers.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(looked_at, 5);
    assert_eq!(count(&gerda, &graz, "link_code.rejected"), 5);
    // Now the right code is no good either, in no way of asking; others are not kept from theirs.
    link(&gerda, &graz, &code).problem(429, "rate_limited");
    preview(&gerda, &graz, &code).problem(429, "rate_limited");
    let dry_run = format!("/organizations/{graz}/link?dry_run=true");
    gerda.post(&dry_run, json!({"code": code})).problem(429, "rate_limited");
    assert!(!is_linked(&gerda, &graz));
    link(&wilma, &wien, &operator.code(admin)).is(200);
}
