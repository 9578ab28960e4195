//! A directory moves from SQLite to PostgreSQL and back. Runs when it is named, since it needs PostgreSQL:
//! `scripts/pg-tmp cargo test -p scim-tests --test copy`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use scim_tests::{Client, Database, Family, Postgres, Server, binary, run};
use serde_json::{Value, json};

const ODD: [&str; 8] = [
    "Straße",
    "İstanbul",
    "e\u{301}te\u{301}",
    "100 % sure",
    "under_score",
    "back\\slash",
    "😀 smile",
    "'; --",
];

fn copy(from: &Database, to: &Database) -> (Option<i32>, String) {
    let output = run(&["copy", "--from", from.url(), "--to", to.url()]);
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// What a directory shows, without what each start makes anew.
fn shown(server: &Server, token: &str) -> Vec<Value> {
    let client = Client::new(server, token);
    let origin = format!("http://{}", server.address());
    let mut shown = Vec::new();
    for path in
        ["/Users?count=1000", "/Groups?count=1000", "/Users?filter=displayName%20co%20%22%25%22"]
    {
        let text = client.get(path).is(200).text.replace(&origin, "");
        shown.push(serde_json::from_str(&text).unwrap());
    }
    shown
}

#[test]
fn a_directory_moves_to_postgresql_and_back_to_the_last_byte() {
    let postgres = Postgres::start();
    let mut family = Family::on(Arc::new(Database::fresh_sqlite()), &[]);
    let mut ids = Vec::new();
    for (i, name) in ODD.iter().enumerate() {
        let user = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": format!("u{i}@example.com"), "displayName": name, "externalId": name,
            "active": i % 3 != 0, "emails": [{"value": format!("u{i}@example.com"), "primary": true}]});
        ids.push(family.idp.post("/Users", &user).is(201).id());
    }
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    family.group("Sales", &ids);
    family.group("Großes & Ganzes", &ids[..3]);
    family.operator.add(&family.shop, "guest@elsewhere.test", "admin");
    let token = family.idp.token.clone().unwrap();
    let before = shown(&family.server, &token);
    let members = family.operator.members(&family.shop);
    assert!(before[0]["totalResults"] == 8 && members.len() == 9, "{before:?} {members:?}");
    family.server.stop();

    let there = postgres.database();
    let (code, said) = copy(family.server.database(), &there);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("to the last byte"), "{said}");
    let mut server = Server::on(Arc::clone(&there), &[], &[]);
    assert_eq!(shown(&server, &token), before);
    let operator = family.operator.at(&server);
    assert_eq!(operator.members(&family.shop), members);
    // What is added now is as good as what was there.
    let client = Client::new(&server, &token);
    let new = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "new@example.com"});
    client.post("/Users", &new).is(201);
    client.post("/Users", &new).refuses(409, "uniqueness");
    assert_eq!(client.get("/Users?count=0").json()["totalResults"], 9);
    let before = shown(&server, &token);
    server.stop();

    let back = Database::fresh_sqlite();
    let (code, said) = copy(&there, &back);
    assert_eq!(code, Some(0), "{said}");
    back.check_integrity();
    assert_eq!(shown(&Server::on(Arc::new(back), &[], &[]), &token), before);
}

#[test]
fn a_copy_goes_into_an_empty_database_and_nothing_else() {
    let postgres = Postgres::start();
    let mut source = Server::on(Arc::new(Database::fresh_sqlite()), &[], &[]);
    source.stop();
    let there = postgres.database();
    let mut full = Server::on(Arc::clone(&there), &[], &[]);
    let token = full.first_token();
    let before = shown(&full, &token);
    let (code, said) = copy(source.database(), &there);
    assert_eq!((code, said.contains("is not empty")), (Some(1), true), "{said}");
    assert_eq!(shown(&full, &token), before);
    full.stop();
    let (code, said) = copy(source.database(), source.database());
    assert_eq!((code, said.contains("to itself")), (Some(1), true), "{said}");
    let missing = ["copy", "--from", "sqlite:/nowhere/scim.db", "--to", there.url()];
    let output = run(&missing);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), said.contains("isn't there")), (Some(1), true), "{said}");
}

/// A directory of thousands, and the token for it; its server has stopped.
fn large() -> (Server, String) {
    let mut source = Server::on(Arc::new(Database::fresh_sqlite()), &[], &[]);
    let client = source.provisioner();
    for part in 0..8 {
        let operations: Vec<Value> = (0..1000)
            .map(|i| {
                let name = format!("u{part}-{i}");
                json!({"method": "POST", "path": "/Users", "bulkId": name, "data":
                    {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name,
                    "title": "x".repeat(500)}})
            })
            .collect();
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": operations});
        client.post("/Bulk", &body).is(200);
    }
    let token = source.first_token();
    source.stop();
    (source, token)
}

fn users(there: &Database) -> usize {
    there.sql("SELECT COUNT(*) FROM resources").parse().unwrap_or_default()
}

/// A copy that is under way, and stands still.
fn half(from: &Database, there: &Database) -> Child {
    let mut child = Command::new(binary())
        .args(["copy", "--from", from.url(), "--to", there.url()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let migrated = "SELECT COUNT(*) FROM pg_tables WHERE tablename = 'credentials'";
    while there.sql(migrated) == "0" || users(there) == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it was done before it could be cut short");
        std::thread::sleep(Duration::from_millis(5));
    }
    let stopped = Command::new("kill").args(["-s", "STOP", &child.id().to_string()]).status();
    assert!(stopped.unwrap().success());
    let some = users(there);
    assert!((1..8000).contains(&some), "{some}");
    assert_ne!(there.sql("SELECT COUNT(*) FROM settings WHERE name = 'copy'"), "0");
    child
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_copy_cut_short_goes_on_where_it_was() {
    let postgres = Postgres::start();
    let (source, token) = large();
    let there = postgres.database();
    let child = half(source.database(), &there);
    let mut other = Server::on(Arc::new(Database::fresh_sqlite()), &[], &[]);
    other.stop();
    // Not two at once, whatever their sources are.
    let (code, said) = copy(other.database(), &there);
    assert_eq!((code, said.contains("Another copy is going into")), (Some(1), true), "{said}");
    // The source is kept from changing.
    let (code, said) = copy(source.database(), &postgres.database());
    assert_eq!((code, said.contains("another program has it open")), (Some(1), true), "{said}");
    end(child);
    // Nobody serves half a directory, and nobody mixes it with another, or with another copy of the same.
    let refused = run(&["org", "list", "--database-url", there.url()]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!((refused.status.code(), said.contains("part of a copy")), (Some(1), true), "{said}");
    let path = source.url().trim_start_matches("sqlite:").to_owned();
    let folder = tempfile::tempdir().unwrap();
    for suffix in ["", "-wal"] {
        let _ =
            std::fs::copy(format!("{path}{suffix}"), folder.path().join(format!("a.db{suffix}")));
    }
    let twin = format!("sqlite:{}", folder.path().join("a.db").display());
    for from in [other.database().url(), &twin] {
        let output = run(&["copy", "--from", from, "--to", there.url()]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let told = said.contains("part of another database") && said.contains(&path);
        assert_eq!((output.status.code(), told), (Some(1), true), "{said}");
    }
    let (code, said) = copy(source.database(), &there);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(users(&there), 8000);
    let server = Server::on(there, &[], &[]);
    let client = Client::new(&server, &token);
    assert_eq!(client.get("/Users?count=0").json()["totalResults"], 8000);
    assert_eq!(client.filter("/Users", "userName eq \"u7-999\"").json()["totalResults"], 1);
}

#[test]
fn nothing_is_copied_from_a_database_that_is_in_use() {
    let postgres = Postgres::start();
    for database in [Arc::new(Database::fresh_sqlite()), postgres.database()] {
        let mut source = Server::on(Arc::clone(&database), &[], &[]);
        // One of three was stopped.
        let mut forgotten = source.beside();
        source.stop();
        let there = postgres.database();
        let (code, said) = copy(&database, &there);
        let told = said.contains("stop all");
        assert_eq!((code, told), (Some(1), true), "{said}");
        forgotten.stop();
        // Into an empty database, as the first wrote nothing.
        let (code, said) = copy(&database, &there);
        assert_eq!(code, Some(0), "{said}");
    }
}

#[test]
fn a_source_that_changes_between_two_parts_of_a_copy_is_noticed() {
    let postgres = Postgres::start();
    let (mut source, token) = large();
    let there = postgres.database();
    end(half(source.database(), &there));
    source.restart();
    let client = Client::new(&source, &token);
    let ann = client.filter("/Users", "userName eq \"u0-0\"").json()["Resources"][0]["id"].clone();
    let name = json!([{"op": "replace", "path": "displayName", "value": "Ann"}]);
    client.patch(&format!("/Users/{}", ann.as_str().unwrap()), name).is(200);
    source.stop();
    let (code, said) = copy(source.database(), &there);
    let told = said.contains("has changed since the copy was begun") && said.contains("createdb");
    assert_eq!((code, told), (Some(1), true), "{said}");
}

#[test]
fn values_too_long_for_an_index_are_named_before_anything_is_copied() {
    let postgres = Postgres::start();
    let mut source = Server::on(Arc::new(Database::fresh_sqlite()), &[], &[]);
    let client = source.provisioner();
    let long = "n".repeat(2_001);
    let mut ids = Vec::new();
    for name in ["ann", "bob"] {
        let user = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": name, "displayName": long});
        ids.push(client.post("/Users", &user).is(201).id());
    }
    let there = postgres.database();
    source.stop();
    let (code, said) = copy(source.database(), &there);
    let told = ids.iter().all(|id| said.contains(&format!("displayName of {id}")));
    assert_eq!((code, told), (Some(1), true), "{said}");
    source.restart();
    let name = json!([{"op": "replace", "path": "displayName", "value": "Ann"}]);
    for id in &ids {
        client.patch(&format!("/Users/{id}"), name.clone()).is(200);
    }
    source.stop();
    let (code, said) = copy(source.database(), &there);
    assert_eq!(code, Some(0), "{said}");
    // A server on PostgreSQL says the same about such a value.
    let server = Server::on(there, &[], &[]);
    let user = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "cid", "displayName": long});
    server.caller(&[]).post("/Users", &user).refuses(400, "invalidValue");
}
