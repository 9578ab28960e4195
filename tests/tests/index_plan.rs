//! What is indexed is a fact of the database: answers are right whoever has which setting, and writes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use scim_tests::{Answer, Client, Database, Server, binary, on_postgres, run};
use serde_json::{Value, json};

fn user(name: &str, title: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": name,
        "title": title,
        "nickName": format!("Nick {title}"),
    })
}

/// Those who are found, sorted.
fn found(client: &Client, filter: &str) -> Vec<String> {
    let answer = client.filter("/Users", filter).is(200).json();
    let list = answer["Resources"].as_array().cloned().unwrap_or_default();
    assert_eq!(answer["totalResults"], list.len());
    let mut names: Vec<_> =
        list.iter().map(|user| user["userName"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// Sent again as long as the server is too busy: writes wait for whoever indexes anew.
fn patient(send: impl Fn() -> Answer) -> Answer {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = send();
        if answer.status != 503 || Instant::now() > until {
            return answer;
        }
    }
}

#[test]
fn a_command_leaves_what_is_indexed_as_it_is() {
    let server = Server::with(&["--indexed", "User:title"]);
    let (client, url) = (server.provisioner(), server.url());
    for name in ["ann", "bob"] {
        client.post("/Users", &user(name, "Boss")).is(201);
    }
    let boss = "title eq \"boss\"";
    assert_eq!(found(&client, boss), ["ann", "bob"]);
    let org = server.first_organization();
    assert_eq!(found(&client, boss), ["ann", "bob"]);
    let file = server.folder().join("more.jsonl");
    std::fs::write(&file, user("cid", "Boss").to_string()).unwrap();
    let file = file.display().to_string();
    assert!(run(&["import", "--org", &org, &file, "--database-url", &url]).status.success());
    assert_eq!(found(&client, boss), ["ann", "bob", "cid"]);
    for (name, value) in [("SCIM_INDEXED", "User:nickName"), ("SCIM_INDEXED", "")] {
        let done = Command::new(binary())
            .args(["org", "list", "--database-url", &url])
            .env(name, value)
            .stdout(Stdio::null())
            .status();
        assert!(done.unwrap().success());
    }
    assert_eq!(found(&client, boss), ["ann", "bob", "cid"]);
    assert!(!server.log().contains("changed what is indexed"), "{}", server.log());
    // One that is asked to changes it, and the server goes by that.
    assert!(
        run(&["--indexed", "User:nickName", "migrate", "--database-url", &url]).status.success()
    );
    client.post("/Users", &user("dan", "Boss")).is(201);
    assert_eq!(found(&client, boss), ["ann", "bob", "cid", "dan"]);
    assert_eq!(found(&client, "nickName eq \"nick boss\""), ["ann", "bob", "cid", "dan"]);
    let told = "changed what is indexed beyond the standard attributes to User:nickName";
    assert_eq!(server.log().matches(told).count(), 1, "{}", server.log());
}

#[test]
fn instances_that_differ_find_all_and_say_so_once() {
    let database = Arc::new(Database::fresh());
    let start = |arguments: &[&str]| Server::on(Arc::clone(&database), arguments, &[]);
    let plain = start(&[]);
    let token = plain.first_token();
    let client = |server: &Server| Client::new(server, &token);
    let anns = client(&plain).post("/Users", &user("ann", "Boss")).is(201).id();
    let titled = start(&["--indexed", "User:title"]);
    let bobs = client(&plain).post("/Users", &user("bob", "Boss")).is(201).id();
    client(&titled).post("/Users", &user("cid", "Boss")).is(201);
    let (boss, nick) = ("title eq \"Boss\"", "nickName eq \"NICK BOSS\"");
    let all_find = |servers: &[&Server], names: &[&str]| {
        for server in servers {
            for filter in [boss, nick, "title ne \"Clerk\"", "title sw \"bo\" and title pr"] {
                assert_eq!(found(&client(server), filter), names, "{filter}");
            }
        }
    };
    all_find(&[&plain, &titled], &["ann", "bob", "cid"]);
    // One that starts without the setting keeps what there is.
    let later = start(&[]);
    client(&later).post("/Users", &user("dan", "Boss")).is(201);
    all_find(&[&plain, &titled, &later], &["ann", "bob", "cid", "dan"]);
    assert!(!later.log().contains("indexing anew"), "{}", later.log());
    // One that starts with another decides for all.
    let nicked = start(&["--indexed", "User:nickName"]);
    assert!(nicked.log().contains("from User:title to User:nickName: indexing anew"));
    let all = [&plain, &titled, &later, &nicked];
    let clerk = json!([{"op": "replace", "path": "title", "value": "Clerk"}]);
    client(&titled).patch(&format!("/Users/{anns}"), clerk).is(200);
    client(&later).put(&format!("/Users/{bobs}"), &user("bob", "Clerk")).is(200);
    client(&titled).post("/Users", &user("eve", "Boss")).is(201);
    for server in all {
        assert_eq!(found(&client(server), boss), ["cid", "dan", "eve"]);
        assert_eq!(found(&client(server), "title eq \"clerk\""), ["ann", "bob"]);
        assert_eq!(found(&client(server), nick), ["ann", "cid", "dan", "eve"]);
        assert_eq!(found(&client(server), "nickName eq \"nick clerk\""), ["bob"]);
    }
    client(&titled).delete(&format!("/Users/{bobs}")).is(204);
    let back = start(&["--indexed", "User:title,User:nickName"]);
    for server in [&plain, &titled, &later, &nicked, &back] {
        assert_eq!(found(&client(server), "title eq \"clerk\""), ["ann"]);
        assert_eq!(found(&client(server), "nickName eq \"nick clerk\""), [""; 0]);
    }
    let log = titled.log();
    let told = "this one has --indexed User:title, and goes by the database";
    assert_eq!(log.matches(told).count(), 2, "{log}");
    // An empty list is one, too.
    let bare = start(&["--indexed", ""]);
    assert!(bare.log().contains("from User:title,User:nickName to none"), "{}", bare.log());
    for server in [&plain, &titled, &back, &bare] {
        assert_eq!(found(&client(server), "title eq \"clerk\""), ["ann"]);
    }
}

#[test]
fn writes_while_others_index_anew_leave_no_holes() {
    let database = Arc::new(Database::fresh());
    let start = |arguments: &[&str]| Server::on(Arc::clone(&database), arguments, &[]);
    let first = start(&[]);
    let token = first.first_token();
    let second = start(&[]);
    let (done, servers) = (AtomicBool::new(false), [&first, &second]);
    let made: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let (client, done) = (Client::new(servers[thread % 2], &token), &done);
                scope.spawn(move || {
                    let mut made = 0;
                    while !done.load(Ordering::Relaxed) {
                        let name = format!("u{thread}-{made}");
                        let id = patient(|| client.post("/Users", &user(&name, "Clerk")));
                        let id = id.is(201).id();
                        let boss = json!([{"op": "replace", "path": "title", "value": "Boss"}]);
                        patient(|| client.patch(&format!("/Users/{id}"), boss.clone())).is(200);
                        made += 1;
                    }
                    made
                })
            })
            .collect();
        for indexed in ["User:title", "User:nickName", "User:title,User:nickName", "", "User:title"]
        {
            drop(start(&["--indexed", indexed]));
        }
        done.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    for server in servers {
        let client = Client::new(server, &token);
        for (filter, expected) in [
            ("title eq \"Boss\"", made),
            ("title eq \"Clerk\"", 0),
            ("nickName eq \"Nick Clerk\"", made),
        ] {
            let answer = client.filter("/Users", filter).is(200).json();
            assert_eq!(answer["totalResults"], expected, "{filter}");
        }
    }
}

#[test]
fn a_value_too_long_to_be_indexed_is_named_with_its_resource() {
    let server = Server::start();
    let (client, url) = (server.provisioner(), server.url());
    client.post("/Users", &user("ann", "Boss")).is(201);
    let long = client.post("/Users", &user("bob", &"x".repeat(3000))).is(201).id();
    let done = run(&["--indexed", "User:title", "migrate", "--database-url", &url]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    // SQLite's index takes them as long as they are.
    assert_eq!(done.status.success(), !on_postgres(), "{said}");
    if on_postgres() {
        for expected in [long, server.first_organization(), "\"title\"".into(), "2000 bytes".into()]
        {
            assert!(said.contains(&expected), "{expected}: {said}");
        }
    }
    assert_eq!(found(&client, "title eq \"boss\""), ["ann"]);
    assert_eq!(found(&client, "title sw \"xxx\""), ["bob"]);
}
