//! The command line: what it prints, and how it ends.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use scim_tests::{Client, Server, run};
use serde_json::json;

fn error(arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(arguments);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn the_first_start_prints_what_works_and_the_second_no_secret() {
    let mut server = Server::start();
    assert!(server.welcome.contains("curl -s ") && server.welcome.contains(&server.base()));
    server.provisioner().post("/Users", &json!({"userName": "ann"})).is(201);
    server.stop();
    server.restart();
    assert!(!server.welcome.contains("scim_"));
}

#[test]
fn start_up_errors_are_one_sentence() {
    let server = Server::start();
    let taken = server.address().to_string();
    let folder = server.folder().join("other.db");
    let url = format!("sqlite:{}", folder.display());
    for (arguments, expected) in [
        (vec!["--listen", &taken, "--database-url", &url], "another program listens there"),
        (vec!["--database-url", "mysql://x"], "not understood"),
        (vec!["--database-url", "sqlite:/nowhere/at/all.db"], "there is no folder"),
        (vec!["--config", "/nowhere.toml"], "can't be read"),
        (vec!["--public-url", "example.com", "--database-url", &url], "must be like https://"),
        (
            vec!["token", "list", "--org", "org_x", "--database-url", &url],
            "there is no organization",
        ),
        (vec!["org", "create", "--name", "  ", "--database-url", &url], "1 to 256 characters"),
    ] {
        let (code, text) = error(&arguments);
        assert_eq!(code, Some(1), "{arguments:?}: {text}");
        let last = text.lines().last().unwrap_or_default();
        assert!(
            last.starts_with("scim-server: ") && last.contains(expected),
            "{arguments:?}: {text}"
        );
    }
    for arguments in [
        vec!["fly"],
        vec!["--listen", "nowhere"],
        vec!["org", "create"],
        vec!["token", "create", "--org", "x", "--preset", "y"],
        vec!["token", "create", "--org", "x", "--expires-in", "soon"],
    ] {
        assert_eq!(error(&arguments).0, Some(2), "{arguments:?}");
    }
    assert!(String::from_utf8_lossy(&run(&["--help"]).stdout).contains("SCIM_DATABASE_URL"));
}

#[test]
fn both_spellings_of_a_sqlite_url_are_one_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db").display().to_string();
    let (one, other) = (format!("sqlite:{path}"), format!("sqlite://{path}"));
    assert!(run(&["org", "create", "--name", "A", "--database-url", &one]).status.success());
    let listed = run(&["org", "list", "-o", "json", "--database-url", &other]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("\"name\":\"A\""));
}

#[test]
fn an_export_can_be_imported() {
    let server = Server::start();
    let client = server.provisioner();
    let folder = server.folder().to_owned();
    let csv = folder.join("people.csv");
    std::fs::write(&csv, "userName,name.givenName,emails,active\nann,Ann,ann@x.org,True\n,No,n@x,\nbob,Bob,b@x.org,false\n").unwrap();
    let organization = server.first_organization();
    let url = server.url();
    let import = |org: &str, file: &std::path::Path| {
        run(&["import", "--org", org, "--database-url", &url, file.to_str().unwrap()])
    };
    let done = import(&organization, &csv);
    assert_eq!(done.status.code(), Some(1), "one line is wrong");
    assert!(String::from_utf8_lossy(&done.stderr).contains("line 3"));
    assert!(String::from_utf8_lossy(&done.stdout).contains("2 created, 0 updated, 1 failed"));
    let ann = client.filter("/Users", "emails eq \"ann@x.org\"").json()["Resources"][0].clone();
    assert_eq!(ann["name"]["givenName"], "Ann");
    let members = json!([{"value": ann["id"]}]);
    client
        .post(
            "/Groups",
            &json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": "team", "members": members}),
        )
        .is(201);
    let file = folder.join("all.jsonl");
    let out = file.to_str().unwrap();
    assert!(
        run(&["export", "--org", &organization, "--database-url", &url, "-o", out])
            .status
            .success()
    );
    let other =
        server.command(&["org", "create", "--name", "Copy", "--domains", "any", "-o", "json"]);
    let other = other["id"].as_str().unwrap();
    for expected in ["3 created, 0 updated", "0 created, 3 updated"] {
        let done = import(other, &file);
        assert!(String::from_utf8_lossy(&done.stdout).contains(expected), "{done:?}");
    }
    let token = server.command(&["token", "create", "--org", other, "-o", "json"]);
    let copy = Client::new(&server, token["token"].as_str().unwrap());
    let member = copy.get("/Groups").json()["Resources"][0]["members"][0]["value"].clone();
    assert_eq!(copy.get(&format!("/Users/{}", member.as_str().unwrap())).json()["userName"], "ann");
}

#[test]
fn json_logs_are_one_object_a_line() {
    let server = Server::with(&["--log-format", "json"]);
    server.provisioner().get("/Users").is(200);
    let line = server.log().lines().find(|l| l.contains("/scim/v2/Users")).unwrap().to_owned();
    let object: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((object["status"].clone(), object["method"].clone()), (json!(200), json!("GET")));
    assert!(object["ms"].is_number() && object["org"].as_str().unwrap().starts_with("org_"));
}
