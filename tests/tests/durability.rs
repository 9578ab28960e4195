//! The reliability promises, each by its number.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use scim_tests::{Client, Clock, Database, Server, binary, run};
use serde_json::{Value, json};

fn user(name: &str) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name})
}

fn group(client: &Client, name: &str) -> String {
    client.post("/Groups", &json!({"displayName": name})).is(201).id()
}

/// Creates users; gives their ids.
fn users(client: &Client, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for part in (0..count).collect::<Vec<_>>().chunks(1000) {
        let operations: Vec<_> = part
            .iter()
            .map(|i| json!({"method": "POST", "path": "/Users", "bulkId": format!("{i}"), "data": user(&format!("user{i}"))}))
            .collect();
        let done = client.post("/Bulk", &json!({"Operations": operations})).is(200).json();
        for operation in done["Operations"].as_array().unwrap() {
            assert_eq!(operation["status"], "201", "{operation}");
            let location = operation["location"].as_str().unwrap();
            ids.push(location.rsplit('/').next().unwrap().to_owned());
        }
    }
    ids
}

fn adds(id: &str) -> Value {
    json!([{"op": "add", "path": "members", "value": [{"value": id}]}])
}

#[test]
fn r01_an_acknowledged_write_survives_kill_9() {
    let mut server = Server::start();
    let token = server.first_token();
    let acknowledged: Mutex<Vec<(String, String)>> = Mutex::default();
    let counter = AtomicUsize::new(0);
    for round in 0..20_u64 {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                let client = Client::new(&server, &token);
                let (acknowledged, counter, stop) = (&acknowledged, &counter, &stop);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let name = format!("u{}", counter.fetch_add(1, Ordering::Relaxed));
                        let body = user(&name).to_string();
                        match client.attempt("POST", "/scim/v2/Users", &[], Some(&body)) {
                            Ok(answer) if answer.status == 201 => {
                                acknowledged.lock().unwrap().push((answer.id(), name));
                            }
                            Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text),
                            Err(_) => return,
                        }
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(50 + (round * 137) % 400));
            server.kill9();
            stop.store(true, Ordering::Relaxed);
        });
        server.restart();
    }
    let client = Client::new(&server, &token);
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() > 500, "only {} writes", acknowledged.len());
    for (id, name) in &acknowledged {
        assert_eq!(client.get(&format!("/Users/{id}")).is(200).json()["userName"], *name);
    }
    // Whole or not at all: what is listed is found by its name, and the counts agree.
    let total = client.get("/Users?count=0").json()["totalResults"].as_u64().unwrap();
    assert!(total as usize >= acknowledged.len());
    let found = client.filter("/Users", "userName pr").json()["totalResults"].as_u64().unwrap();
    let walked = walk(&client, "/Users?count=500&cursor=").len() as u64;
    assert_eq!((found, walked), (total, total));
    server.stop();
    server.database().check_integrity();
}

fn walk(client: &Client, path: &str) -> Vec<String> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("{path}{cursor}")).is(200).json();
        for resource in page["Resources"].as_array().unwrap() {
            seen.push(resource["id"].as_str().unwrap().to_owned());
        }
        match page["nextCursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return seen,
        }
    }
}

#[test]
fn r03_a_patch_happens_whole_or_not_at_all() {
    let server = Server::start();
    let client = server.provisioner();
    let path = format!("/Users/{}", client.post("/Users", &user("ann")).is(201).id());
    let before = client.get(&path).text;
    let mut operations: Vec<Value> = (0..10)
        .map(|i| json!({"op": "replace", "path": "title", "value": format!("t{i}")}))
        .collect();
    operations[6] = json!({"op": "replace", "path": "active", "value": "perhaps"});
    client.patch(&path, json!(operations)).refuses(400, "invalidValue");
    assert_eq!(client.get(&path).text, before);
    let team = group(&client, "team");
    let path = format!("/Groups/{team}");
    let before = client.get(&path).text;
    // The members would change, the name can't.
    group(&client, "taken");
    let ann = client.filter("/Users", "userName eq \"ann\"").json()["Resources"][0]["id"].clone();
    let operations = json!([
        {"op": "add", "path": "members", "value": [{"value": ann}]},
        {"op": "replace", "path": "displayName", "value": "TAKEN"},
    ]);
    client.patch(&path, operations).refuses(409, "uniqueness");
    assert_eq!(client.get(&path).text, before);
}

#[test]
fn r03_a_change_that_fails_halfway_takes_no_other_of_its_commit_along() {
    let mut server = Server::start();
    let client = server.provisioner();
    group(&client, "taken");
    let stop = AtomicBool::new(false);
    let made = std::thread::scope(|scope| {
        // A group's row is written before its name turns out to be taken.
        for _ in 0..4 {
            let (client, stop) = (client.again(), &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let group = json!({"displayName": "Taken"});
                    client.post("/Groups", &group).refuses(409, "uniqueness");
                }
            });
        }
        let creators: Vec<_> = (0..4)
            .map(|i| {
                let client = client.again();
                scope.spawn(move || {
                    let name = |n| format!("user{i}-{n}");
                    let create = |n| (client.post("/Users", &user(&name(n))).is(201).id(), name(n));
                    (0..100).map(create).collect::<Vec<_>>()
                })
            })
            .collect();
        let made: Vec<_> = creators.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        stop.store(true, Ordering::Relaxed);
        made
    });
    for (id, name) in &made {
        assert_eq!(client.get(&format!("/Users/{id}")).is(200).json()["userName"], *name);
    }
    assert_eq!(client.get("/Users?count=0").json()["totalResults"], made.len());
    assert_eq!(client.get("/Groups?count=0").json()["totalResults"], 1);
    server.stop();
    server.database().check_integrity();
}

#[test]
fn r04_no_member_is_lost_between_clients() {
    let server = Server::start();
    let client = server.provisioner();
    let ids = users(&client, 2000);
    let team = format!("/Groups/{}", group(&client, "team"));
    std::thread::scope(|scope| {
        for part in ids.chunks(125) {
            let (client, team) = (client.again(), &team);
            scope.spawn(move || {
                for id in part {
                    client.patch(team, adds(id)).is(204);
                }
            });
        }
        for name in ["one", "two"] {
            let (client, team) = (client.again(), &team);
            scope.spawn(move || {
                for i in 0..50 {
                    let rename =
                        json!([{"op": "replace", "value": {"displayName": format!("{name}{i}")}}]);
                    client.patch(team, rename).is(204);
                }
            });
        }
    });
    let members = client.get(&team).json()["members"].as_array().unwrap().len();
    assert_eq!(members, 2000);
    let one = format!("/Users/{}", ids[0]);
    assert!(client.get(&one).json()["groups"][0]["display"].as_str().unwrap().ends_with("49"));
}

#[test]
fn r05_of_writers_with_the_same_version_one_wins() {
    let server = Server::start();
    let client = server.provisioner();
    let path = format!("/Users/{}", client.post("/Users", &user("ann")).is(201).id());
    for round in 0..10 {
        let etag = client.get(&path).headers["etag"].clone();
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..64)
                .map(|i| {
                    let (client, path, etag) = (client.again(), &path, &etag);
                    let title = json!([{"op": "replace", "path": "title", "value": format!("{round}-{i}")}]);
                    scope.spawn(move || client.patch_if(path, etag, title).status)
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|s| **s == 200).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|s| **s == 412).count(), 63, "{statuses:?}");
    }
}

#[test]
fn r07_a_retry_is_safe() {
    let server = Server::start();
    let client = server.provisioner();
    let made = client.post("/Users", &user("ann")).is(201);
    client.post("/Users", &user("ann")).refuses(409, "uniqueness");
    let found = client.filter("/Users", "userName eq \"ann\"").json();
    assert_eq!(found["Resources"][0]["id"], made.id());
    let path = format!("/Users/{}", made.id());
    let first = client.put(&path, &user("Ann")).is(200);
    assert_eq!(client.put(&path, &user("Ann")).is(200).text, first.text);
    let team = format!("/Groups/{}", group(&client, "team"));
    client.patch(&team, adds(&made.id())).is(204);
    let once = client.get(&team).text;
    client.patch(&team, adds(&made.id())).is(204);
    assert_eq!(client.get(&team).text, once, "neither version nor time");
    let gone = json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", made.id())}]);
    client.patch(&team, gone.clone()).is(204);
    client.patch(&team, gone).is(204);
    client.delete(&path).is(204);
    client.delete(&path).refuses(404, "");
}

#[test]
fn r08_a_bulk_request_cut_short_leaves_a_prefix_of_whole_operations() {
    // At several moments; at least one of them must fall into the middle. How long the whole takes depends on
    // the machine, on the database, and on what else is running.
    for _ in 0..5 {
        let (_, whole) = killed_in_bulk(Duration::from_secs(60));
        let parts = [0.3, 0.5, 0.7, 0.9].map(|part| whole.mul_f64(part));
        if parts.into_iter().any(|moment| killed_in_bulk(moment).0) {
            return;
        }
    }
    panic!("no request was cut short");
}

/// Kills the server in the middle of a bulk request, or once it is answered if that is earlier; tells whether a
/// part of it was done, and after which time the server was killed.
fn killed_in_bulk(after: Duration) -> (bool, Duration) {
    let mut server = Server::start();
    let token = server.first_token();
    let client = Client::new(&server, &token);
    let operations: Vec<_> = (0..1000)
        .map(|i| json!({"method": "POST", "path": "/Users", "bulkId": format!("{i}"), "data": user(&format!("b{i}"))}))
        .collect();
    let body = json!({"Operations": operations}).to_string();
    let (tell, told) = std::sync::mpsc::channel();
    let began = Instant::now();
    let thread = std::thread::spawn(move || {
        let answer = client.attempt("POST", "/scim/v2/Bulk", &[], Some(&body)).map(|a| a.status);
        let _ = tell.send(());
        answer
    });
    let _ = told.recv_timeout(after);
    let killed_after = began.elapsed();
    server.kill9();
    let answered = thread.join().unwrap();
    server.restart();
    let client = Client::new(&server, &token);
    let total = client.get("/Users?count=0").json()["totalResults"].as_u64().unwrap();
    if answered.is_ok_and(|status| status == 200) {
        assert_eq!(total, 1000);
    }
    for i in 0..total {
        let found = client.filter("/Users", &format!("userName eq \"b{i}\"")).json();
        assert_eq!(found["totalResults"], 1, "operation {i} of the first {total}");
    }
    ((1..1000).contains(&total), killed_after)
}

#[test]
fn r09_a_graceful_stop_answers_what_it_has_taken() {
    let mut server = Server::start();
    let token = server.first_token();
    let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    let code = std::thread::scope(|scope| {
        for i in 0..8 {
            let (client, stop, done) = (Client::new(&server, &token), &stop, &done);
            scope.spawn(move || {
                for n in 0.. {
                    let body = user(&format!("g{i}-{n}")).to_string();
                    match client.attempt("POST", "/scim/v2/Users", &[], Some(&body)) {
                        Ok(answer) => {
                            answer.is(201);
                            done.fetch_add(1, Ordering::Relaxed);
                        }
                        // Only once it was told to stop may a connection be refused or closed.
                        Err(_) => return assert!(stop.load(Ordering::Relaxed)),
                    }
                }
            });
        }
        std::thread::sleep(Duration::from_millis(300));
        stop.store(true, Ordering::Relaxed);
        server.stop()
    });
    assert_eq!(code, Some(0));
    assert!(server.log().contains("stopped"));
    server.restart();
    let total =
        Client::new(&server, &token).get("/Users?count=0").json()["totalResults"].as_u64().unwrap();
    // What was answered is there, and nothing else: what was taken in was answered too.
    assert_eq!(total as usize, done.load(Ordering::Relaxed));
}

#[test]
fn r16_the_time_of_change_never_goes_back() {
    let server = Server::start();
    let client = server.provisioner();
    let path = format!("/Users/{}", client.post("/Users", &user("ann")).is(201).id());
    let mut last = String::new();
    for i in 0..50 {
        let title = json!([{"op": "replace", "path": "title", "value": format!("t{i}")}]);
        let meta = client.patch(&path, title).is(200).json()["meta"].clone();
        let modified = meta["lastModified"].as_str().unwrap().to_owned();
        assert!(modified >= last, "{modified} after {last}");
        assert_eq!(meta["version"], format!("W/\"{}\"", i + 2));
        last = modified;
    }
}

/// The log is in the order of commits even if the clock was put back while the server was away.
#[test]
fn r16_the_log_goes_on_where_it_was_when_the_clock_was_put_back() {
    let clock = Clock::at("2026-11-01 12:00:00");
    let mut server = Server::with_environment(&[], &clock.environment());
    let (client, operator) = (server.provisioner(), server.operator());
    let org = server.first_organization();
    let ann = client.post("/Users", &user("ann")).is(201).id();
    server.stop();
    clock.set("2026-11-01 11:00:00");
    server.restart();
    let (client, operator) = (client.again(), operator.again());
    let bob = client.post("/Users", &user("bob")).is(201).id();
    // On PostgreSQL instances have clocks of their own; there only the log is in order.
    let one_clock = server.url().starts_with("sqlite:");
    assert!(bob > ann || !one_clock, "ids are in the order of creation");
    client.delete(&format!("/Users/{ann}")).is(204);
    let events = operator.list(&format!("/organizations/{org}/audit-events?order=oldest"));
    let names: Vec<&str> = events.iter().map(|event| event["name"].as_str().unwrap()).collect();
    let at = |name: &str| names.iter().position(|n| *n == name).unwrap();
    assert!(at("scim_user.created") < at("scim_user.deleted"), "{names:?}");
    assert!(at("membership.granted") < at("membership.grant_removed"), "{names:?}");
    assert!(names.len() - at("scim_user.deleted") <= 3, "{names:?}");
}

/// A database that can't be written is no place for changes to last.
#[test]
fn a_file_that_can_only_be_read_is_refused_at_the_start() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut server = Server::start();
    server.stop();
    let url = server.url();
    let Some(file) = url.strip_prefix("sqlite:") else { return };
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o444)).unwrap();
    if std::fs::File::options().append(true).open(file).is_ok() {
        // Nothing keeps the superuser from writing.
        return;
    }
    let done = run(&["--listen", "127.0.0.1:0", "--database-url", &url]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.code() == Some(1) && said.contains("can be written"), "{said}");
}

#[test]
fn r17_processes_that_start_at_once_migrate_once_and_newer_schemas_are_refused() {
    let database = Database::fresh();
    let url = database.url();
    let children: Vec<_> = (0..10)
        .map(|_| {
            let mut command = Command::new(binary());
            command.args(["migrate", "--database-url", url]).stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    database.sql("INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231000000')");
    let refused = run(&["migrate", "--database-url", url]);
    assert_eq!(refused.status.code(), Some(1));
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(text.contains("newer than this program"), "{text}");
}

#[test]
fn r19_the_server_is_ready_at_once() {
    let began = Instant::now();
    let mut server = Server::start();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    users(&server.provisioner(), 3000);
    server.kill9();
    let began = Instant::now();
    server.restart();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}
