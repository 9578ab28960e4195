//! What can happen to a PostgreSQL of the test's own: its disk is full, it is backed up and restored.
//! Runs when it is named, since it needs PostgreSQL's programs: `cargo test -p scim-tests --test postgres`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use scim_tests::{Answer, Client, Postgres, Server, run};
use serde_json::{Value, json};

fn user(name: &str) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name})
}

/// A user whose document alone fills a page.
fn large(name: &str) -> Value {
    let mut user = user(name);
    // Nothing that is compressed to less.
    let noise: String = (0_u64..430)
        .map(|i| format!("{:016x}", (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17)))
        .collect();
    user["title"] = format!("{name}{noise}").into();
    user
}

#[test]
fn r14_with_a_full_disk_writes_are_503_reads_go_on_and_nothing_is_damaged() {
    let postgres = Postgres::start();
    let server = Server::on(postgres.database(), &[], &[]);
    let client = Client::new(&server, &server.first_token());
    let ann = client.post("/Users", &user("ann")).is(201).id();
    let database = server.database();
    // The table is larger than a file of the write-ahead log, whose writes must go on.
    let organization = server.first_organization();
    database.sql(
        "ALTER TABLE resources ALTER body SET STORAGE PLAIN; \
         INSERT INTO resources (org, kind, id, version, created, modified, body) \
         SELECT 'elsewhere', 'User', 'filler-' || n, 1, 1, 1, repeat(md5(n::text), 220) \
         FROM generate_series(1, 3000) n",
    );
    let size: u64 = database.sql("SELECT pg_relation_size('resources')").parse().unwrap();
    assert!(size > 17 << 20, "{size}");
    postgres.limit_files(Some(size));
    let mut refused = 0;
    for i in 0..60 {
        let answer = client.post("/Users", &large(&format!("full{i}")));
        if answer.status == 503 {
            answer.refuses(503, "");
            assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
            refused += 1;
        } else {
            answer.is(201);
        }
        client.get(&format!("/Users/{ann}")).is(200);
    }
    assert!(refused > 10, "only {refused} noticed");
    assert!(server.log().contains("could not extend file"), "{}", server.log());
    postgres.limit_files(None);
    client.post("/Users", &large("again")).is(201);
    // What was refused isn't there; all that is there is whole, and counted.
    let rows = format!("FROM resources WHERE org = '{organization}' AND kind = 'User'");
    let there: usize = database.sql(&format!("SELECT COUNT(*) {rows}")).parse().unwrap();
    assert_eq!(there, 2 + 60 - refused);
    let told = client.get("/Users?count=0").json()["totalResults"].clone();
    assert_eq!(told, there);
    let keys = database.sql(&format!(
        "SELECT COUNT(*) FROM unique_keys WHERE org = '{organization}' AND id IN (SELECT id {rows})"
    ));
    let all =
        database.sql(&format!("SELECT COUNT(*) FROM unique_keys WHERE org = '{organization}'"));
    assert_eq!((keys, all), (there.to_string(), there.to_string()));
    database.check_integrity();
}

#[test]
fn r18_a_backup_under_load_has_all_that_was_acknowledged_before_it_and_restores_elsewhere() {
    let postgres = Postgres::start();
    let server = Server::on(postgres.database(), &[], &[]);
    let token = server.first_token();
    let client = Client::new(&server, &token);
    let group =
        json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "staff"});
    let staff = format!("/Groups/{}", client.post("/Groups", &group).is(201).id());
    let (stop, counter) = (AtomicBool::new(false), AtomicUsize::new(0));
    let acknowledged: Mutex<Vec<(String, String)>> = Mutex::default();
    let folder = tempfile::tempdir().unwrap();
    let dump = folder.path().join("backup.sql");
    let before = std::thread::scope(|scope| {
        for _ in 0..4 {
            let (client, staff) = (client.again(), &staff);
            let (stop, counter, acknowledged) = (&stop, &counter, &acknowledged);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let name = format!("b{}@example.com", counter.fetch_add(1, Ordering::Relaxed));
                    let id = client.post("/Users", &user(&name)).is(201).id();
                    let add = json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
                    client.patch(staff, add).is(204);
                    acknowledged.lock().unwrap().push((id, name));
                }
            });
        }
        std::thread::sleep(Duration::from_millis(1500));
        let before = acknowledged.lock().unwrap().clone();
        let url = server.database().url();
        let done = Command::new(scim_tests::tool("pg_dump"))
            .args(["--no-owner", "-f"])
            .arg(&dump)
            .arg(url)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        std::thread::sleep(Duration::from_millis(300));
        stop.store(true, Ordering::Relaxed);
        before
    });
    assert!(before.len() > 20, "only {}", before.len());
    let other = Postgres::start();
    let restored = other.database();
    let done = Command::new(scim_tests::tool("psql"))
        .args([restored.url(), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"])
        .arg(&dump)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let again = Server::on(restored, &[], &[]);
    let copy = Client::new(&again, &token);
    // One moment's state: each user with its keys, its account and its log.
    let database = again.database();
    let count = |sql: &str| database.sql(sql).parse::<usize>().unwrap();
    let users = count("SELECT COUNT(*) FROM resources WHERE kind = 'User'");
    assert!(users >= before.len(), "{users} of {}", before.len());
    assert_eq!(copy.get("/Users?count=0").is(200).json()["totalResults"], users);
    for of_them in [
        "SELECT COUNT(*) FROM unique_keys WHERE kind = 'User'",
        "SELECT COUNT(*) FROM bindings",
        "SELECT COUNT(*) FROM accounts",
        "SELECT COUNT(*) FROM events WHERE name = 'scim_user.created'",
    ] {
        assert_eq!(count(of_them), users, "{of_them}");
    }
    let there = copy.get(&staff).is(200).json();
    let members: Vec<&str> =
        there["members"].as_array().unwrap().iter().map(|m| m["value"].as_str().unwrap()).collect();
    let version = copy.get(&staff).headers["etag"].clone();
    assert_eq!(version, format!("W/\"{}\"", members.len() + 1), "a change and its version");
    for (id, name) in &before {
        let found = copy.filter("/Users", &format!("userName eq \"{name}\"")).is(200).json();
        assert_eq!(found["Resources"][0]["id"], *id);
        assert!(members.contains(&id.as_str()), "{name} is no member");
        let strip = |client: &Client| {
            let mut user = client.get(&format!("/Users/{id}")).is(200).json();
            user["meta"]["location"].take();
            user["groups"][0]["$ref"].take();
            user
        };
        assert_eq!(strip(&copy), strip(&client));
    }
    database.check_integrity();
    // It goes on from there.
    copy.post("/Users", &user("after@example.com")).is(201);
    copy.post("/Users", &user(&before[0].1)).refuses(409, "uniqueness");
}

#[test]
fn values_that_are_too_long_for_an_index_are_refused_in_a_sentence() {
    let postgres = Postgres::start();
    let server = Server::on(postgres.database(), &[], &[]);
    let client = Client::new(&server, &server.first_token());
    let long = "x".repeat(2_001);
    let ann = client.post("/Users", &user("ann")).is(201).id();
    for (attribute, value) in [
        ("userName", json!(long)),
        ("externalId", json!(long)),
        ("emails", json!([{"value": format!("{}@example.com", "y".repeat(1_990))}])),
    ] {
        let mut body = user("bob");
        body[attribute] = value.clone();
        let refused = client.post("/Users", &body);
        refused.refuses(400, "invalidValue");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(attribute) && detail.contains("2000 bytes"), "{detail}");
        let change = json!([{"op": "replace", "path": attribute, "value": value}]);
        client.patch(&format!("/Users/{ann}"), change).refuses(400, "invalidValue");
    }
    let group =
        json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": long});
    client.post("/Groups", &group).refuses(400, "invalidValue");
    assert_eq!(client.get("/Users?count=0").json()["totalResults"], 1);
    assert_eq!(client.get(&format!("/Users/{ann}")).headers["etag"], "W/\"1\"");
    // The longest that fits is found by all ways.
    let fits = "z".repeat(2_000);
    client.post("/Users", &user(&fits)).is(201);
    for filter in [
        format!("userName eq \"{fits}\""),
        format!("userName sw \"{}\"", fits.get(..1_000).unwrap()),
    ] {
        assert_eq!(client.filter("/Users", &filter).is(200).json()["totalResults"], 1);
    }
    // Asking for a longer one is no error: nobody has it.
    let none = client.filter("/Users", &format!("userName eq \"{long}\"")).is(200).json();
    assert_eq!(none["totalResults"], 0);
}

#[test]
fn commands_over_tls_end_as_they_should() {
    let postgres = Postgres::start();
    let certificate = postgres.secure();
    let database = postgres.database();
    let url =
        format!("{}?sslmode=verify-full&sslrootcert={}", database.url(), certificate.display());
    assert!(run(&["migrate", "--database-url", &url]).status.success());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..15 {
                    let done = run(&["org", "list", "--database-url", &url]);
                    assert!(done.status.success(), "{done:?}");
                }
            });
        }
    });
    // Without the certificate it is not believed.
    let done = run(&[
        "org",
        "list",
        "--database-url",
        &format!("{}?sslmode=verify-full&sslrootcert=system", database.url()),
    ]);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
}

#[test]
fn while_postgresql_hangs_requests_are_answered_with_503() {
    let postgres = Postgres::start();
    let mut server = Server::on(postgres.database(), &["--connect-timeout", "2"], &[]);
    let client = server.provisioner();
    let ann = client.post("/Users", &user("ann")).is(201).id();
    let hanging = postgres.hang();
    let answered_in_time = |f: &dyn Fn() -> Answer| {
        let began = Instant::now();
        let answer = f();
        answer.refuses(503, "");
        assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    };
    // More than there are connections and permits.
    std::thread::scope(|scope| {
        for i in 0..100 {
            let (client, ann) = (client.again(), &ann);
            scope.spawn(move || match i % 2 {
                0 => answered_in_time(&|| client.get(&format!("/Users/{ann}"))),
                _ => answered_in_time(&|| client.post("/Users", &user(&format!("u{i}")))),
            });
        }
    });
    let threads = std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap().count();
    assert!(threads < 130, "{threads} threads");
    let nobody = Client::anonymous(&server);
    let began = Instant::now();
    assert_eq!(nobody.try_get("/readyz").unwrap().status, 503);
    assert_eq!(nobody.try_get("/healthz").unwrap().status, 200);
    client.get("/Users").refuses(503, "");
    assert!(began.elapsed() < Duration::from_secs(1), "known to hang: {:?}", began.elapsed());
    drop(hanging);
    let until = Instant::now() + Duration::from_secs(5);
    while client.get(&format!("/Users/{ann}")).status != 200 {
        assert!(Instant::now() < until, "not back");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(nobody.try_get("/readyz").unwrap().status, 200);
    client.post("/Users", &user("after")).is(201);
    // It ends while PostgreSQL hangs, too.
    let _hanging = postgres.hang();
    while nobody.try_get("/readyz").unwrap().status == 200 {}
    assert_eq!(server.stop(), Some(1));
}

#[test]
fn a_standby_is_not_ready_and_no_server_starts_on_it() {
    let postgres = Postgres::start();
    let mut server = Server::on(postgres.database(), &["--pool-wait", "1"], &[]);
    let client = server.provisioner();
    let ann = client.post("/Users", &user("ann")).is(201).id();
    postgres.into_standby();
    client.get(&format!("/Users/{ann}")).is(200);
    client.post("/Users", &user("bob")).refuses(503, "");
    let nobody = Client::anonymous(&server);
    assert_eq!(nobody.try_get("/readyz").unwrap().status, 503);
    let output = run(&["org", "list", "--database-url", &server.url()]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("is a standby"), "{said}");
    postgres.into_primary();
    assert_eq!(nobody.try_get("/readyz").unwrap().status, 200);
    client.post("/Users", &user("bob")).is(201);
    assert_eq!(server.stop(), Some(0));
}
