//! Claimed domains against a DNS server on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::time::{Duration, Instant};

use scim_tests::{Clock, Dns, Person, Say, Server};
use serde_json::{Value, json};

fn claim(person: &Person, org: &str, domain: &str) -> (String, String) {
    let path = format!("/organizations/{org}/domains");
    let made = person.post(&path, json!({"domain": domain})).is(201).json();
    (
        format!("{path}/{}", made["id"].as_str().unwrap()),
        made["record_value"].as_str().unwrap().into(),
    )
}

fn verify(person: &Person, claim: &str) -> Value {
    person.post(&format!("{claim}:verify"), Value::Null).is(200).json()
}

#[test]
fn s31_a_claim_is_verified_by_its_txt_record_wherever_dns_puts_it() {
    let dns = Dns::start();
    let server = Server::with(&["--dns-server", &dns.address()]);
    let operator = server.operator();
    let org = operator.organization("Acme", json!({}));
    let (apex, value) = claim(&operator, &org, "Example.COM.");
    assert_eq!(verify(&operator, &apex)["finding"], "absent");
    dns.set("example.com", Say::NoData);
    assert_eq!(verify(&operator, &apex)["state"], "pending");
    dns.set("example.com", Say::txt(&format!("{value}x")));
    assert_eq!(verify(&operator, &apex)["state"], "pending");
    for nothing in [Say::Fail, Say::Silence] {
        dns.set("example.com", nothing);
        assert_eq!(verify(&operator, &apex)["finding"], "unknown");
    }
    let (first, second) = value.split_at(30);
    dns.set(
        "example.com",
        Say::Txt(vec![vec!["v=spf1 -all".into()], vec![first.into(), second.into()]]),
    );
    let verified = verify(&operator, &apex);
    assert_eq!((&verified["state"], &verified["finding"]), (&json!("verified"), &json!("found")));

    let (label, value) = claim(&operator, &org, "b\u{fc}cher.example");
    let many = vec![vec!["x".repeat(200); 12], vec![value]];
    dns.set("_scim-verification.xn--bcher-kva.example", Say::OnlyOverTcp(many));
    let said = verify(&operator, &label);
    assert_eq!(said["state"], "verified", "{said} {:?}", dns.asked());
    let asked = dns.asked();
    assert!(
        asked.contains(&("_scim-verification.xn--bcher-kva.example".into(), true)),
        "{asked:?}"
    );
}

#[test]
fn s31_scenario_21_a_missing_record_has_seven_days_and_servfail_counts_for_nothing() {
    let dns = Dns::start();
    let clock = Clock::at("2026-12-01 00:00:00");
    let environment = clock.environment();
    let server = Server::with_environment(&["--dns-server", &dns.address()], &environment);
    let operator = server.operator();
    let org = operator.organization("Acme", json!({}));
    let (claim, value) = claim(&operator, &org, "example.com");
    let state = |time: &str| {
        clock.set(time);
        verify(&operator, &claim)["state"].as_str().unwrap().to_owned()
    };
    dns.set("example.com", Say::txt(&value));
    assert_eq!(state("2026-12-01 00:00:01"), "verified");
    dns.set("example.com", Say::Fail);
    assert_eq!(state("2026-12-20 00:00:00"), "verified");
    dns.forget("example.com");
    assert_eq!(state("2026-12-20 00:00:10"), "grace");
    assert_eq!(state("2026-12-27 00:00:09"), "grace");
    dns.set("example.com", Say::Silence);
    assert_eq!(state("2026-12-28 00:00:00"), "grace");
    dns.set("example.com", Say::txt(&value));
    assert_eq!(state("2026-12-28 00:00:01"), "verified");
    dns.forget("example.com");
    assert_eq!(state("2026-12-28 00:00:02"), "grace");
    // Told again on the third day and on the sixth, once each, and only on what DNS says.
    let reminders = || {
        let path = format!("/organizations/{org}/audit-events?name=domain.grace_reminded");
        operator.list(&path)
    };
    let before = reminders().len();
    for (time, say, told) in [
        ("2026-12-31 00:00:01", None, 0),
        ("2026-12-31 00:00:02", Some(Say::Fail), 0),
        ("2026-12-31 00:00:03", None, 1),
        ("2026-12-31 00:00:04", None, 1),
        ("2027-01-03 00:00:01", None, 1),
        ("2027-01-03 00:00:02", None, 2),
        ("2027-01-03 12:00:00", None, 2),
    ] {
        match say {
            None => dns.forget("example.com"),
            Some(say) => dns.set("example.com", say),
        }
        assert_eq!(state(time), "grace");
        assert_eq!(reminders().len() - before, told, "{time}");
    }
    let detail = &reminders()[0]["detail"];
    assert_eq!(detail["domain"], "example.com");
    assert_eq!(detail["unverified_at"], "2027-01-04T00:00:02.000Z");
    dns.forget("example.com");
    assert_eq!(state("2027-01-04 00:00:01"), "grace");
    assert_eq!(state("2027-01-04 00:00:02"), "unverified");
    let events: Vec<Value> =
        operator.list(&format!("/organizations/{org}/audit-events?order=oldest"));
    let told: Vec<&str> = events
        .iter()
        .map(|event| event["name"].as_str().unwrap())
        .filter(|name| name.starts_with("domain."))
        .collect();
    let wanted = [
        "domain.claim_added",
        "domain.verified",
        "domain.grace_started",
        "domain.verified",
        "domain.grace_started",
        "domain.unverified",
    ];
    assert_eq!(told.iter().filter(|name| wanted.contains(name)).count(), wanted.len(), "{told:?}");
}

#[test]
fn s31_domains_are_looked_after_without_being_asked() {
    let dns = Dns::start();
    let server = Server::with(&["--dns-server", &dns.address(), "--domain-check-interval", "1"]);
    let operator = server.operator();
    let org = operator.organization("Acme", json!({}));
    let (claim, value) = claim(&operator, &org, "example.com");
    dns.set("example.com", Say::txt(&value));
    let until = Instant::now() + Duration::from_secs(20);
    while operator.get(&claim).json()["state"] != "verified" {
        assert!(Instant::now() < until, "{}", server.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// S31: claims of which DNS says nothing keep those that count from nothing.
#[test]
fn s31_many_unanswered_claims_of_another_delay_no_check() {
    let dns = Dns::start();
    let server = Server::with(&["--dns-server", &dns.address(), "--domain-check-interval", "1"]);
    let operator = server.operator();
    let org = operator.organization("Acme", json!({}));
    let (own, value) = claim(&operator, &org, "example.com");
    dns.set("example.com", Say::txt(&value));
    assert_eq!(verify(&operator, &own)["state"], "verified");
    for i in 0..2 {
        let other = operator.organization(&format!("Other {i}"), json!({}));
        for j in 0..60 {
            let domain = format!("d{i}-{j}.example");
            for name in [domain.clone(), format!("_scim-verification.{domain}")] {
                dns.set(&name, Say::Fail);
            }
            claim(&operator, &other, &domain);
        }
    }
    dns.set("example.com", Say::NoData);
    let until = Instant::now() + Duration::from_secs(20);
    while operator.get(&own).json()["state"] != "grace" {
        assert!(Instant::now() < until, "{}", server.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn who_waits_for_a_silent_dns_keeps_nobody_else_waiting() {
    let dns = Dns::start();
    let server = Server::with(&["--dns-server", &dns.address(), "--concurrency", "4"]);
    let (client, operator) = (server.provisioner(), server.operator());
    let (stranger, _) = operator.newcomer(&server, "stranger@elsewhere.test");
    let claims: Vec<String> = (0..4)
        .flat_map(|i| {
            let made = stranger.post("/organizations", json!({"name": format!("Own {i}")}));
            let org = made.is(201).json()["id"].as_str().unwrap().to_owned();
            let claims: Vec<String> = (0..5)
                .map(|j| {
                    let domain = format!("d{i}-{j}.example");
                    for name in [domain.clone(), format!("_scim-verification.{domain}")] {
                        dns.set(&name, Say::Silence);
                    }
                    claim(&stranger, &org, &domain).0
                })
                .collect();
            claims
        })
        .collect();
    let verify = |claim: &str| {
        let began = Instant::now();
        let answer = stranger.again().post(&format!("{claim}:verify"), Value::Null);
        (answer, began.elapsed())
    };
    let (answers, slowest) = std::thread::scope(|scope| {
        let asking: Vec<_> =
            claims.iter().chain(&claims[..2]).map(|claim| scope.spawn(|| verify(claim))).collect();
        std::thread::sleep(Duration::from_millis(500));
        let mut slowest = Duration::ZERO;
        for _ in 0..20 {
            let began = Instant::now();
            client.get("/Users?filter=title%20co%20%22x%22").is(200);
            operator.get("/organizations").is(200);
            slowest = slowest.max(began.elapsed());
        }
        let answers: Vec<_> = asking.into_iter().map(|asking| asking.join().unwrap()).collect();
        (answers, slowest)
    });
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    let of = |status: u16| answers.iter().filter(move |(answer, _)| answer.status == status);
    for (answer, took) in of(429).chain(of(503)) {
        assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
        assert!(*took < Duration::from_secs(3), "{took:?} {answer:?}");
    }
    let counts = (of(200).count(), of(429).count(), of(503).count());
    assert_eq!(counts.0 + counts.1 + counts.2, answers.len(), "{answers:?}");
    assert!((1..=8).contains(&counts.0), "{counts:?}");
    assert!(of(200).all(|(answer, _)| answer.json()["finding"] == "unknown"), "{counts:?}");
    // Ten in a minute, over all organizations that somebody makes; others may ask.
    let (fast, _) = claim(&operator, &operator.organization("Acme", json!({})), "fast.example");
    let own = stranger.post("/organizations", json!({"name": "Last"})).is(201).json();
    let (other, _) = claim(&stranger, own["id"].as_str().unwrap(), "other.example");
    let asked: Vec<_> = (0..11).map(|_| verify(&other).0.status).collect();
    assert_eq!(asked.last(), Some(&429), "{asked:?}");
    stranger.post(&format!("{other}:verify"), Value::Null).problem(429, "rate_limited");
    for _ in 0..12 {
        operator.post(&format!("{fast}:verify"), Value::Null).is(200);
    }
}
