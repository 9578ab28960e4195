//! Several instances on one PostgreSQL, hit in turn; instances and PostgreSQL that go away and come back.
//! Runs when it is named, since it needs PostgreSQL's programs: `cargo test -p scim-tests --test instances`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use scim_tests::{Client, Clock, Dns, Family, Postgres, Server, binary, scim_user};
use serde_json::{Value, json};

fn user(name: &str) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name})
}

fn group(name: &str) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name})
}

fn add(id: &str) -> Value {
    json!([{"op": "add", "path": "members", "value": [{"value": id}]}])
}

fn remove(id: &str) -> Value {
    json!([{"op": "remove", "path": format!("members[value eq \"{id}\"]")}])
}

/// Three instances on one database, and a token.
fn three(postgres: &Postgres) -> (Vec<Server>, String) {
    let first = Server::on(postgres.database(), &[], &[]);
    let token = first.first_token();
    let (second, third) = (first.beside(), first.beside());
    (vec![first, second, third], token)
}

/// The `i`-th caller, in turn.
fn caller(servers: &[Server], token: &str, i: usize) -> Client {
    Client::new(&servers[i % servers.len()], token)
}

fn make_users(servers: &[Server], token: &str, count: usize) -> Vec<String> {
    let ids = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for part in 0..8 {
            let (client, ids) = (caller(servers, token, part), &ids);
            scope.spawn(move || {
                for i in (part..count).step_by(8) {
                    let id = client.post("/Users", &user(&format!("u{i}"))).is(201).id();
                    ids.lock().unwrap().push(id);
                }
            });
        }
    });
    ids.into_inner().unwrap()
}

fn members(client: &Client, path: &str) -> BTreeSet<String> {
    let group = client.get(path).is(200).json();
    let members = group["members"].as_array().cloned().unwrap_or_default();
    members.iter().map(|m| m["value"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn r04_no_member_is_lost_between_instances() {
    let postgres = Postgres::start();
    let (servers, token) = three(&postgres);
    let ids = make_users(&servers, &token, 480);
    let client = caller(&servers, &token, 0);
    let made = client.post("/Groups", &group("team")).is(201);
    let path = format!("/Groups/{}", made.id());
    // Sixteen clients of one group, none of which is turned away: they wait, but don't collide.
    std::thread::scope(|scope| {
        for (i, part) in ids.chunks(30).enumerate() {
            let (client, path) = (caller(&servers, &token, i), &path);
            scope.spawn(move || {
                for id in part {
                    client.patch(path, add(id)).is(204);
                }
                for id in &part[..10] {
                    client.patch(path, remove(id)).is(204);
                }
            });
        }
    });
    let expected: BTreeSet<String> =
        ids.chunks(30).flat_map(|part| part[10..].iter().cloned()).collect();
    for server in &servers {
        assert_eq!(members(&Client::new(server, &token), &path), expected);
    }
    // Each change raised the version by one: none was run over by another.
    let etag = client.get(&path).headers["etag"].clone();
    assert_eq!(etag, format!("W/\"{}\"", 1 + 480 + 160));
    let conflicts = servers.iter().filter(|s| s.log().contains("Too many changes")).count();
    assert_eq!(conflicts, 0);
}

#[test]
fn r05_of_writers_with_the_same_version_one_wins_wherever_they_write() {
    let postgres = Postgres::start();
    let (servers, token) = three(&postgres);
    let client = caller(&servers, &token, 0);
    let ann = format!("/Users/{}", client.post("/Users", &user("ann")).is(201).id());
    let team = format!("/Groups/{}", client.post("/Groups", &group("team")).is(201).id());
    let ids = make_users(&servers, &token, 240);
    for round in 0..10 {
        for path in [&ann, &team] {
            let etag = client.get(path).headers["etag"].clone();
            let statuses: Vec<u16> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..48)
                    .map(|i| {
                        let (client, etag) = (caller(&servers, &token, i), &etag);
                        let change = if *path == ann {
                            json!([{"op": "replace", "path": "title", "value": format!("{round}-{i}")}])
                        } else if round % 2 == 0 {
                            add(&ids[round / 2 * 48 + i])
                        } else {
                            json!([{"op": "replace", "value": {"displayName": format!("t{round}-{i}")}}])
                        };
                        scope.spawn(move || client.patch_if(path, etag, change).status)
                    })
                    .collect();
                threads.into_iter().map(|t| t.join().unwrap()).collect()
            });
            let won = statuses.iter().filter(|s| (200..300).contains(*s)).count();
            let lost = statuses.iter().filter(|s| **s == 412).count();
            assert_eq!((won, lost), (1, 47), "{path}: {statuses:?}");
        }
    }
    let there = members(&client, &team);
    assert!((1..=5).contains(&there.len()), "one a round at most: {there:?}");
}

#[test]
fn s05_of_many_spellings_at_once_one_is_created_wherever_they_are_sent() {
    let postgres = Postgres::start();
    let (servers, token) = three(&postgres);
    for round in 0..5 {
        let spellings = [
            format!("Jos\u{e9}{round}@example.com"),
            format!("jose\u{301}{round}@EXAMPLE.com"),
            format!("JOS\u{c9}{round}@example.com"),
            format!("jOSE\u{301}{round}@example.COM"),
        ];
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..64)
                .map(|i| {
                    let client = caller(&servers, &token, i);
                    let body = user(&spellings[i % spellings.len()]);
                    scope.spawn(move || {
                        let answer = client.post("/Users", &body);
                        if answer.status != 201 {
                            answer.refuses(409, "uniqueness");
                        }
                        answer.status
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|s| **s == 201).count(), 1, "{statuses:?}");
    }
    let total = caller(&servers, &token, 1).get("/Users?count=0").json()["totalResults"].clone();
    assert_eq!(total, 5);
}

#[test]
fn one_account_is_adopted_by_one_directory_at_a_time() {
    let postgres = Postgres::start();
    let dns = Dns::start();
    let arguments = ["--dns-server", &dns.address()];
    let first = Server::on(postgres.database(), &arguments, &[]);
    let (second, operator) = (first.beside(), first.operator());
    let hq = operator.organization("HQ", json!({"kind": "admin"}));
    operator.verified(&dns, &hq, "example.com");
    let idp = operator.provisioner(&first, &hq).token.unwrap();
    // Two users of one address, under different names, at once: one account, so one of them is refused.
    for round in 0..10 {
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|i| {
                    let client = Client::new([&first, &second][i % 2], &idp);
                    let mut body = scim_user(&format!("ann{round}@example.com"));
                    body["userName"] = format!("ann{round}-{i}@example.com").into();
                    scope.spawn(move || client.post("/Users", &body).status)
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let made = statuses.iter().filter(|s| **s == 201).count();
        let refused = statuses.iter().filter(|s| **s == 409).count();
        assert_eq!((made, refused), (1, 7), "{statuses:?}");
    }
}

#[test]
fn r01_kill_9_of_an_instance_loses_nothing_acknowledged_and_the_others_go_on() {
    let postgres = Postgres::start();
    let (mut servers, token) = three(&postgres);
    let team = caller(&servers, &token, 0).post("/Groups", &group("team")).is(201).id();
    let path = format!("/Groups/{team}");
    let victim = servers.remove(0);
    let (stop, counter) = (AtomicBool::new(false), AtomicUsize::new(0));
    let acknowledged: Mutex<Vec<(String, String)>> = Mutex::default();
    let victim = Mutex::new(Some(victim));
    std::thread::scope(|scope| {
        for i in 0..9 {
            let client = match i % 3 {
                0 => Client::new(victim.lock().unwrap().as_ref().unwrap(), &token),
                n => Client::new(&servers[n - 1], &token),
            };
            let (stop, counter, acknowledged, path) = (&stop, &counter, &acknowledged, &path);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let name = format!("k{}", counter.fetch_add(1, Ordering::Relaxed));
                    let body = user(&name).to_string();
                    let Ok(made) = client.attempt("POST", "/scim/v2/Users", &[], Some(&body))
                    else {
                        assert_eq!(i % 3, 0, "only the victim may break off");
                        return;
                    };
                    assert!(matches!(made.status, 201 | 503), "{}", made.text);
                    if made.status != 201 {
                        continue;
                    }
                    let id = made.id();
                    let patch =
                        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                        "Operations": add(&id)})
                        .to_string();
                    let target = format!("/scim/v2{path}");
                    match client.attempt("PATCH", &target, &[], Some(&patch)) {
                        Ok(answer) if answer.status == 204 => {
                            acknowledged.lock().unwrap().push((id, name));
                        }
                        Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text),
                        Err(_) => return,
                    }
                }
            });
        }
        std::thread::sleep(Duration::from_millis(1500));
        victim.lock().unwrap().take().unwrap().kill9();
        let before = counter.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(1500));
        assert!(counter.load(Ordering::Relaxed) > before + 20, "the others stand still");
        stop.store(true, Ordering::Relaxed);
    });
    let client = caller(&servers, &token, 0);
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() > 100, "only {}", acknowledged.len());
    let there = members(&client, &path);
    for (id, name) in &acknowledged {
        assert_eq!(client.get(&format!("/Users/{id}")).is(200).json()["userName"], *name);
        assert!(there.contains(id), "{name}");
    }
    servers[0].database().check_integrity();
}

#[test]
fn r15_postgresql_restarts_under_load_and_clients_see_503_only() {
    let postgres = Postgres::start();
    let (servers, token) = three(&postgres);
    let (stop, counter) = (AtomicBool::new(false), AtomicUsize::new(0));
    let acknowledged: Mutex<Vec<(Instant, String)>> = Mutex::default();
    let refused = AtomicUsize::new(0);
    let mut ups = Vec::new();
    std::thread::scope(|scope| {
        for i in 0..9 {
            let client = caller(&servers, &token, i);
            let (stop, counter) = (&stop, &counter);
            let (acknowledged, refused) = (&acknowledged, &refused);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let name = format!("r{}", counter.fetch_add(1, Ordering::Relaxed));
                    let answer = client.post("/Users", &user(&name));
                    match answer.status {
                        201 => acknowledged.lock().unwrap().push((Instant::now(), name)),
                        503 => {
                            assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
                            answer.refuses(503, "");
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                        // A write that was in its commit: the answer was lost, it was done, it is tried
                        // under another name.
                        other => panic!("{other}: {}", answer.text),
                    }
                    let read = client.get("/Users?count=1");
                    assert!(matches!(read.status, 200 | 503), "{}", read.text);
                }
            });
        }
        for pause in [0, 1500] {
            std::thread::sleep(Duration::from_secs(1));
            postgres.crash();
            std::thread::sleep(Duration::from_millis(pause));
            postgres.up();
            ups.push(Instant::now());
            std::thread::sleep(Duration::from_millis(2500));
        }
        stop.store(true, Ordering::Relaxed);
    });
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(refused.load(Ordering::Relaxed) > 0, "nobody noticed");
    for up in ups {
        let back = acknowledged.iter().map(|(at, _)| *at).filter(|at| *at > up).min();
        let took = back.expect("service is not back") - up;
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
    let client = caller(&servers, &token, 0);
    for (_, name) in &acknowledged {
        let found = client.filter("/Users", &format!("userName eq \"{name}\"")).is(200).json();
        assert_eq!(found["totalResults"], 1, "{name}");
    }
    servers[0].database().check_integrity();
}

#[test]
fn connections_that_the_database_ends_are_replaced_without_an_error() {
    let postgres = Postgres::start();
    let (servers, token) = three(&postgres);
    let client = caller(&servers, &token, 0);
    let id = client.post("/Users", &user("ann")).is(201).id();
    servers[0].database().sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    for server in &servers {
        let client = Client::new(server, &token);
        client.get(&format!("/Users/{id}")).is(200);
        let title = json!([{"op": "replace", "path": "title", "value": "x"}]);
        client.patch(&format!("/Users/{id}"), title).is(200);
    }
}

#[test]
fn without_postgresql_the_server_says_so_in_a_sentence_and_makes_no_file() {
    let postgres = Postgres::start();
    let url = postgres.database().url().to_owned();
    postgres.crash();
    let folder = tempfile::tempdir().unwrap();
    for url in
        [url.as_str(), "postgres://scim:s3cret@127.0.0.1:1/scim", "host=localhost dbname=scim"]
    {
        let began = Instant::now();
        let output = Command::new(binary())
            .args(["serve", "--listen", "127.0.0.1:0", "--database-url", url])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(said.trim().lines().count(), 1, "{said}");
        let expected =
            if url.starts_with("postgres") { "can't be reached" } else { "not understood" };
        assert!(said.contains(expected) && !said.contains("s3cret"), "{said}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a file was made");
    }
}

#[test]
fn while_postgresql_is_away_the_server_answers_503_and_lives() {
    let postgres = Postgres::start();
    let (servers, token) = three(&postgres);
    let client = caller(&servers, &token, 0);
    let id = client.post("/Users", &user("ann")).is(201).id();
    postgres.crash();
    for target in ["/Users".to_owned(), format!("/Users/{id}"), "/Groups?count=1".to_owned()] {
        let began = Instant::now();
        let answer = client.get(&target);
        answer.refuses(503, "");
        assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
    client.post("/Users", &user("bob")).refuses(503, "");
    let nobody = Client::anonymous(&servers[0]);
    assert_eq!(nobody.try_get("/healthz").unwrap().status, 200, "it lives");
    assert_eq!(nobody.try_get("/readyz").unwrap().status, 503, "and is not ready");
    postgres.up();
    let until = Instant::now() + Duration::from_secs(2);
    while client.get(&format!("/Users/{id}")).status != 200 {
        assert!(Instant::now() < until, "not back");
        std::thread::sleep(Duration::from_millis(20));
    }
    client.post("/Users", &user("bob")).is(201);
}

#[test]
fn ten_instances_start_at_once_on_an_empty_database() {
    let postgres = Postgres::start();
    let database = postgres.database();
    let servers: Vec<Server> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..10)
            .map(|_| {
                let database = Arc::clone(&database);
                scope
                    .spawn(move || Server::on(database, &["--writers", "2", "--readers", "2"], &[]))
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    // One of them made the organization, and told its token.
    let told = servers.iter().filter(|s| s.welcome.contains("Token:")).count();
    assert_eq!(told, 1);
    assert_eq!(database.sql("SELECT COUNT(*) FROM organizations"), "1");
    let first = servers.iter().find(|s| s.welcome.contains("Token:")).unwrap();
    let token = first.first_token();
    for server in &servers {
        Client::new(server, &token).get("/Users").is(200);
    }
}

#[test]
fn what_one_instance_gives_every_other_takes() {
    let postgres = Postgres::start();
    let (servers, token) = three(&postgres);
    make_users(&servers, &token, 60);
    // A cursor of one is good at the others.
    let (mut seen, mut cursor, mut turn) = (BTreeSet::new(), String::new(), 0);
    loop {
        let page = caller(&servers, &token, turn)
            .get(&format!("/Users?count=7&cursor={}", scim_tests::encode(&cursor)))
            .is(200)
            .json();
        turn += 1;
        for user in page["Resources"].as_array().unwrap() {
            assert!(seen.insert(user["id"].as_str().unwrap().to_owned()));
        }
        match page["nextCursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen.len(), 60);
    // A token revoked at one stops working at the others within a second.
    let made = servers[0].token(&[]);
    let (secret, id) = (made["token"].as_str().unwrap(), made["id"].as_str().unwrap());
    let others: Vec<Client> = servers.iter().map(|server| Client::new(server, secret)).collect();
    for client in &others {
        client.get("/Users?count=0").is(200);
    }
    servers[1].command(&["token", "revoke", "--org", &servers[1].first_organization(), id]);
    std::thread::sleep(Duration::from_millis(1100));
    for client in &others {
        client.get("/Users?count=0").refuses(401, "");
    }
}

#[test]
fn claimed_domains_are_asked_about_once_however_many_instances_there_are() {
    let postgres = Postgres::start();
    let dns = Dns::start();
    let address = dns.address();
    let arguments = ["--dns-server", address.as_str(), "--domain-check-interval", "2"];
    let first = Server::on(postgres.database(), &arguments, &[]);
    let operator = first.operator();
    let hq = operator.organization("HQ", json!({"kind": "admin"}));
    operator.verified(&dns, &hq, "example.com");
    // Each check asks about two names; this is the second.
    let asked = || dns.asked().iter().filter(|(name, _)| name == "example.com").count();
    let _others: Vec<Server> = (0..4).map(|_| first.beside()).collect();
    let before = asked();
    let began = Instant::now();
    std::thread::sleep(Duration::from_secs(8));
    // Once in two seconds, or a little less often; one look may be under way.
    let most = began.elapsed().as_secs() as usize / 2 + 2;
    let times = asked() - before;
    assert!((1..=most).contains(&times), "asked {times} times, expected 1 to {most}");
}

#[test]
fn the_directory_and_its_administrators_change_one_organization_at_once() {
    let postgres = Postgres::start();
    let family = Family::on(postgres.database(), &[]);
    let second = family.server.beside();
    let token = family.idp.token.clone().unwrap();
    let ids: Vec<String> = (0..24).map(|i| family.user(&format!("p{i}@example.com"))).collect();
    let sales = format!("/Groups/{}", family.group("Sales", &[]));
    std::thread::scope(|scope| {
        for (i, part) in ids.chunks(6).enumerate() {
            let client = Client::new([&family.server, &second][i % 2], &token);
            let sales = &sales;
            scope.spawn(move || {
                for id in part {
                    client.patch(sales, add(id)).is(204);
                    let user = format!("/Users/{id}");
                    let off = json!([{"op": "replace", "path": "active", "value": false}]);
                    let on = json!([{"op": "replace", "path": "active", "value": true}]);
                    client.patch(&user, off).is(200);
                    client.patch(&user, on).is(200);
                }
                client.patch(sales, remove(&part[0])).is(204);
                client.delete(&format!("/Users/{}", part[1])).is(204);
            });
        }
        // Meanwhile the group's organization loses and gets back the name that it is matched by.
        let Family { operator, hq, shop, .. } = &family;
        let linked = format!("/organizations/{hq}/linked-organizations/{shop}");
        scope.spawn(move || {
            for i in 0..10 {
                let name = if i % 2 == 0 { "Marketing" } else { "Sales" };
                operator.patch(&linked, json!({"scim_name": name})).is(200);
            }
        });
    });
    // Whoever is in the group is an active member, and nobody else.
    assert_eq!(members(&family.idp, &sales).len(), 24 - 8);
    assert_eq!(family.operator.active_members(&family.shop).len(), 24 - 8);
    let log = family.server.log() + &second.log();
    assert!(!log.contains("status=500"), "{log}");
}

#[test]
fn the_log_is_in_the_order_of_commits_whatever_the_clocks_of_instances_say() {
    let postgres = Postgres::start();
    let database = postgres.database();
    let ahead = Server::on(Arc::clone(&database), &[], &[]);
    let clock = Clock::at("-20s");
    let environment = clock.environment();
    let behind = Server::on(database, &[], &environment);
    let (fast, token) = (ahead.operator(), ahead.first_token());
    let slow = fast.at(&behind);
    let org = fast.organization("Acme", json!({}));
    let path = format!("/organizations/{org}/members");
    for _ in 0..3 {
        fast.post(&path, json!({"email": "ann@elsewhere.test", "role": "member"})).is(201);
        let account = fast.member(&org, "ann@elsewhere.test")["account"].clone();
        slow.delete(&format!("{path}/{}", account.as_str().unwrap())).is(200);
    }
    let told = fast.list(&format!("/organizations/{org}/audit-events?order=oldest"));
    let of = |name: &str| told.iter().position(|event| event["name"] == name);
    assert!(of("membership.granted") < of("membership.grant_removed"), "{told:?}");
    let names: Vec<&str> = told
        .iter()
        .map(|event| event["name"].as_str().unwrap())
        .filter(|name| name.starts_with("membership.grant"))
        .collect();
    let once = ["membership.granted", "membership.grant_removed"];
    assert_eq!(names, [once, once, once].concat(), "{told:?}");
    let rises = |key: &str| told.windows(2).all(|two| two[0][key].as_str() <= two[1][key].as_str());
    assert!(rises("at") && rises("id"), "{told:?}");
    // Events of one change, told together, in several statements.
    let (quick, late) = (Client::new(&ahead, &token), Client::new(&behind, &token));
    let ids: Vec<String> =
        (0..40).map(|i| quick.post("/Users", &user(&format!("u{i}"))).is(201).id()).collect();
    let operations: Vec<Value> =
        ids.iter().map(|id| json!({"method": "DELETE", "path": format!("/Users/{id}")})).collect();
    let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": operations});
    late.post("/Bulk", &body).is(200);
    let first = ahead.first_organization();
    let told = fast.list(&format!("/organizations/{first}/audit-events?order=oldest"));
    let about = |name: &str| -> Vec<&str> {
        let those = told.iter().filter(|event| event["name"] == name);
        those.map(|event| event["target"].as_str().unwrap()).collect()
    };
    assert_eq!(about("scim_user.created"), ids);
    assert_eq!(about("scim_user.deleted"), ids);
    let last = told.iter().rposition(|event| event["name"] == "scim_user.created");
    assert!(last < told.iter().position(|event| event["name"] == "scim_user.deleted"));
}
