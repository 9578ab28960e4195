//! The command line: what it prints, and how it ends.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use scim_tests::{Client, Person, Server, binary, oidc, run, run_with, saml, terminate};
use serde_json::{Value, json};

fn error(arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(arguments);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn the_first_start_prints_what_works_and_the_second_no_secret() {
    let mut server = Server::start();
    assert!(server.welcome.contains("curl -s ") && server.welcome.contains(&server.base()));
    assert!(server.welcome.contains("since you run this server"), "{}", server.welcome);
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
    let (code, said) = error(&["--listen", &taken, "--database-url", &url]);
    assert!(code == Some(1) && said.contains("another program listens there"), "{said}");
    assert!(!folder.exists(), "nothing is made where the port is taken");
    assert!(run(&["migrate", "--database-url", &url]).status.success());
    for (arguments, expected) in [
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
fn nothing_that_may_be_a_password_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scim.toml");
    let empty = format!("sqlite:{}", folder.path().join("a.db").display());
    assert!(run(&["migrate", "--database-url", &empty]).status.success());
    for url in [
        "postgres://scim:secr%sst@127.0.0.1:1/db",
        "postgres://scim:se cr sst@127.0.0.1:1/db",
        "postgres://scim:secrsst/1@2@127.0.0.1:1/db",
        "postgres://scim:secrsst?1@127.0.0.1:1/db",
        "postgres://scim:se@secrsst@127.0.0.1:1/db",
        "postgres://scim:12/secrsst@127.0.0.1:1/db",
        "postgres://scim:secrsst",
        "postgres://scim:secrsst%00@127.0.0.1:1/db",
        "postgres://scim@127.0.0.1:1/db?passw%6Frd=secrsst",
        "postgres://scim@127.0.0.1:1/db?password=a&secrsst",
        "postgres://scim@127.0.0.1:1/db?secrsst=a",
        "postgres://scim@127.0.0.1:1/db?sslpassword=secrsst",
        "postgre://scim:secrsst@127.0.0.1:1/db",
        "host=127.0.0.1 password=secrsst",
    ] {
        // A settings file that breaks off in the line of the URL.
        std::fs::write(&file, format!("database_url = \"{url}\nreaders = 3\n")).unwrap();
        let file = file.to_str().unwrap();
        for arguments in [
            vec!["org", "list", "--database-url", url],
            vec!["migrate", "--database-url", url],
            vec!["copy", "--from", url, "--to", &empty],
            vec!["copy", "--from", &empty, "--to", url],
            vec!["org", "list", "--config", file],
        ] {
            let (code, text) = error(&arguments);
            assert_eq!(code, Some(1), "{arguments:?}: {text}");
            let told = ["secr", "sst"].iter().any(|part| text.contains(part));
            assert!(!told && text.trim().lines().count() == 1, "{arguments:?}: {text}");
        }
        let help = Command::new(binary()).env("SCIM_DATABASE_URL", url).arg("--help").output();
        assert!(!String::from_utf8(help.unwrap().stdout).unwrap().contains("sst"));
    }
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
    // A group that was made before one that it lists, and a manager who comes after whom he manages.
    let group = |name: &str, members: Value| {
        let group = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": name, "members": members});
        client.post("/Groups", &group).is(201).id()
    };
    let outer = group("outer", json!([]));
    let inner = group("inner", json!([{"value": ann["id"]}]));
    client.change_members(&outer, &[&inner], &[]);
    let bob = client.filter("/Users", "userName eq \"bob\"").json()["Resources"][0]["id"].clone();
    let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
    let managed = json!([{"op": "add", "path": manager, "value": {"value": bob}}]);
    client.patch(&format!("/Users/{}", ann["id"].as_str().unwrap()), managed).is(200);
    let file = folder.join("all.jsonl");
    let out = file.to_str().unwrap();
    assert!(
        run(&["export", "--org", &organization, "--database-url", &url, "--file", out])
            .status
            .success()
    );
    let other =
        server.command(&["org", "create", "--name", "Copy", "--domains", "any", "-o", "json"]);
    let other = other["id"].as_str().unwrap();
    for expected in ["5 created, 0 updated, 0 failed\n", "0 created, 5 updated, 0 failed\n"] {
        let done = import(other, &file);
        assert!(String::from_utf8_lossy(&done.stdout).contains(expected), "{done:?}");
    }
    let token = server.command(&["token", "create", "--org", other, "-o", "json"]);
    let copy = Client::new(&server, token["token"].as_str().unwrap());
    let there =
        |endpoint: &str, filter: &str| copy.filter(endpoint, filter).json()["Resources"][0].clone();
    let member = there("/Groups", "displayName eq \"team\"")["members"][0]["value"].clone();
    let ann = copy.get(&format!("/Users/{}", member.as_str().unwrap())).json();
    assert_eq!(ann["userName"], "ann");
    let inner = there("/Groups", "displayName eq \"inner\"");
    assert_eq!(there("/Groups", "displayName eq \"outer\"")["members"][0]["value"], inner["id"]);
    let bob = there("/Users", "userName eq \"bob\"");
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    assert_eq!(ann[enterprise]["manager"]["value"], bob["id"]);

    // What can't be brought in is said.
    let odd = folder.join("odd.jsonl");
    let group = "urn:ietf:params:scim:schemas:core:2.0:Group";
    let lines = [
        json!({"userName": "carl", "emials": "c@x.org"}),
        json!({"schemas": [group], "displayName": "odd", "members": [{"value": "nobody"}]}),
    ];
    std::fs::write(&odd, lines.map(|line| format!("{line}\n")).concat()).unwrap();
    let done = import(other, &odd);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    for part in
        ["line 1: brought in without attributes", "line 2: brought in without members", "nobody"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn json_logs_are_one_object_a_line() {
    let server = Server::with(&["--log-format", "json"]);
    server.provisioner().get("/Users").is(200);
    let line = server.log().lines().find(|l| l.contains("/scim/v2/Users")).unwrap().to_owned();
    let object: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((object["status"].clone(), object["method"].clone()), (json!(200), json!("GET")));
    assert!(object["ms"].is_number() && object["org"].as_str().unwrap().starts_with("org_"));
}

#[test]
fn an_owner_made_by_a_command_gets_a_password_and_signs_in() {
    let server = Server::start();
    let url = server.url();
    let olga = "olga@example.com";
    let org = server.command(&["org", "create", "--name", "Berlin", "--owner", olga, "-o", "json"]);
    let org = org["id"].as_str().unwrap();
    let shown = server.command(&["account", "show", "OLGA@example.com", "-o", "json"]);
    assert_eq!((&shown["email"], &shown["has_password"]), (&json!(olga), &json!(false)));
    assert_eq!(shown["memberships"][0]["organization"], org);
    // Who tries to make the account hears what to do with the one that there is.
    let (code, text) = error(&["account", "create", olga, "--database-url", &url]);
    assert_eq!(code, Some(1));
    let command = format!("scim-server account set-password {olga}");
    assert!(text.contains("email_taken") && text.contains(&command), "{text}");
    let set = |who: &str, password: &str| {
        run_with(
            &["account", "set-password", who, "--password", "-", "--database-url", &url],
            password,
        )
    };
    let done = set(olga, "correct horse battery\n");
    assert!(done.status.success(), "{done:?}");
    let session = Person::sign_in(&server, olga);
    assert_eq!(session.member(org, olga)["role"], "owner");
    // Another one ends what was signed in with the first; an account is found by its id, too.
    let id = shown["id"].as_str().unwrap();
    assert!(set(id, "another horse battery").status.success());
    session.get("/accounts/me").problem(401, "unauthorized");
    for (who, password, expected) in [
        (olga, "short", "12 to 1024 characters"),
        (olga, "", "standard input is empty"),
        ("nobody@example.com", "correct horse battery", "scim-server account create"),
    ] {
        let refused = set(who, password);
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(1) && text.contains(expected), "{text}");
    }
    let all = server.command(&["account", "list", "-o", "json"]);
    let emails: Vec<&Value> = all.as_array().unwrap().iter().map(|a| &a["email"]).collect();
    assert_eq!(emails, [olga]);
    let table = run(&["account", "list", "--database-url", &url]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(table.contains("owner of \"Berlin\"") && !table.contains('{'), "{table}");
}

#[test]
fn sso_shows_where_the_server_is_reached_or_says_that_nobody_told() {
    let server = Server::start();
    let org = server.command(&["org", "create", "--name", "HQ", "--admin", "-o", "json"]);
    let org = org["id"].as_str().unwrap();
    let file = server.folder().join("sso.json");
    std::fs::write(&file, oidc().to_string()).unwrap();
    let url = server.url();
    let file = file.to_str().unwrap();
    let set = ["sso", "set", "--org", org, "--file", file, "-o", "json", "--database-url", &url];
    let show = ["sso", "show", "--org", org, "-o", "json", "--database-url", &url];
    for (command, place) in [(&set[..], ""), (&show[..], "/own")] {
        let told = run(&[command, &["--public-url", "https://scim.example.com/"]].concat());
        let shown: Value = serde_json::from_slice(&told.stdout).unwrap();
        let provider = shown.pointer(&format!("{place}/service_provider")).unwrap();
        let at = format!("https://scim.example.com/sso/{org}");
        assert_eq!(provider["entity_id"], at);
        assert_eq!(provider["acs_url"], format!("{at}/acs"));
        assert_eq!(provider["redirect_uri"], format!("{at}/callback"));
        let untold = run(command);
        let shown: Value = serde_json::from_slice(&untold.stdout).unwrap();
        assert_eq!(shown.pointer(&format!("{place}/service_provider")), Some(&Value::Null));
        let hint = String::from_utf8_lossy(&untold.stderr).into_owned();
        assert!(hint.contains("--public-url") && untold.status.success(), "{hint}");
    }
    // Without settings of its own there are still those that count.
    let bare = server.command(&["org", "create", "--name", "Bare", "-o", "json"]);
    let bare =
        server.command(&["sso", "show", "--org", bare["id"].as_str().unwrap(), "-o", "json"]);
    assert_eq!((&bare["own"], &bare["effective"]["ignored_own"]), (&Value::Null, &json!(false)));
}

#[test]
fn a_mistyped_database_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let typo = folder.path().join("typo.db");
    let url = format!("sqlite:{}", typo.display());
    let file = folder.path().join("people.jsonl");
    std::fs::write(&file, "{}").unwrap();
    let copy = format!("sqlite:{}", folder.path().join("copy.db").display());
    for arguments in [
        vec!["org", "list"],
        vec!["org", "show", "org_x"],
        vec!["org", "delete", "org_x"],
        vec!["token", "create", "--org", "org_x"],
        vec!["account", "create", "ann@example.com"],
        vec!["operator", "create-token"],
        vec!["owner", "recover", "--org", "org_x", "ann@example.com"],
        vec!["explain", "--org", "org_x", "ann@example.com"],
        vec!["audit", "export", "--org", "org_x"],
        vec!["export", "--org", "org_x"],
        vec!["import", "--org", "org_x", file.to_str().unwrap()],
        vec!["copy", "--from", &url, "--to", &copy],
    ] {
        let (code, text) = error(&[&arguments[..], &["--database-url", &url]].concat());
        assert_eq!(code, Some(1), "{arguments:?}: {text}");
        assert_eq!(text.lines().count(), 1, "{arguments:?}: {text}");
        assert!(text.contains("isn't there") && text.contains(&url), "{arguments:?}: {text}");
        assert!(!typo.exists(), "{arguments:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "only people.jsonl");
    for arguments in [vec!["migrate"], vec!["org", "create", "--name", "A"]] {
        let made = folder.path().join(arguments[0]);
        let url = format!("sqlite:{}", made.display());
        assert!(run(&[&arguments[..], &["--database-url", &url]].concat()).status.success());
        assert!(made.exists());
    }
}

#[cfg(unix)]
#[test]
fn files_that_it_makes_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let url = |name: &str| format!("sqlite:{}", at(name).display());
    let database = std::sync::Arc::new(scim_tests::Database::fresh_sqlite());
    let mut server = Server::on(std::sync::Arc::clone(&database), &[], &[]);
    server.provisioner().post("/Users", &json!({"userName": "ann"})).is(201);
    let served = database.url().strip_prefix("sqlite:").unwrap();
    let org = server.first_organization();
    let (export, audit) = (at("all.jsonl"), at("audit.csv"));
    let does = |arguments: &[&str]| {
        let done = run(&[arguments, &["--database-url", database.url()]].concat());
        assert!(done.status.success(), "{done:?}");
    };
    let are_private = |files: &[PathBuf]| {
        for file in files {
            let mode =
                std::fs::metadata(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            assert_eq!(mode.permissions().mode() & 0o777, 0o600, "{}", file.display());
        }
    };
    does(&["export", "--org", &org, "--file", export.to_str().unwrap()]);
    does(&["audit", "export", "--org", &org, "--file", audit.to_str().unwrap()]);
    let wal = format!("{served}-wal");
    are_private(&[served.into(), wal.into(), format!("{served}-shm").into(), export, audit]);
    // What is copied from isn't in use.
    server.stop();
    does(&["copy", "--from", database.url(), "--to", &url("copy.db")]);
    are_private(&[at("copy.db")]);
}

#[test]
fn what_is_not_understood_ends_with_2_and_shows_no_secret() {
    let server = Server::start();
    let org = server.first_organization();
    let url = server.url();
    for (arguments, expected) in [
        (vec!["member", "add", "--org", &org, "ann@example.com", "--role", "boss"], "boss"),
        (vec!["member", "role", "--org", &org, "ann@example.com", "boss"], "boss"),
        (vec!["org", "create", "--name", "A", "--plan", "gold"], "gold"),
        (vec!["org", "create", "--name", "A", "--domains", "some"], "some"),
        (vec!["token", "create", "--org", &org, "--user", "no id/"], "no id/"),
        (vec!["org", "link", &org, "--code", "canary"], "standard input"),
        (vec!["account", "create", "a@x.org", "--password", "canary"], "standard input"),
        (vec!["account", "set-password", "a@x.org", "--password", "canary"], "standard input"),
    ] {
        let (code, text) = error(&[&arguments[..], &["--database-url", &url]].concat());
        assert_eq!(code, Some(2), "{arguments:?}: {text}");
        assert!(text.contains(expected) && !text.contains("canary"), "{arguments:?}: {text}");
    }
}

#[test]
fn every_command_speaks_json() {
    let server = Server::start();
    let org = server.command(&["org", "create", "--name", "HQ", "-o", "json"]);
    let org = org["id"].as_str().unwrap().to_owned();
    let url = server.url();
    let at = |name: &str| server.folder().join(name).to_str().unwrap().to_owned();
    let (sso, users, log) = (at("sso.json"), at("users.jsonl"), at("audit.csv"));
    let mut disabled = oidc();
    disabled["enabled"] = false.into();
    std::fs::write(&sso, disabled.to_string()).unwrap();
    let first = server.first_organization();
    let json = |arguments: &[&str]| {
        let done = run(&[arguments, &["-o", "json", "--database-url", &url]].concat());
        assert!(done.status.success(), "{arguments:?}: {done:?}");
        serde_json::from_slice::<Value>(&done.stdout)
            .unwrap_or_else(|e| panic!("{arguments:?}: {e}"))
    };
    let id = |made: Value| made["id"].as_str().unwrap().to_owned();
    json(&["sso", "set", "--org", &org, "--file", &sso]);
    assert_eq!(json(&["sso", "remove", "--org", &org])["removed"], org.as_str());
    let token = id(json(&["token", "create", "--org", &org]));
    assert_eq!(json(&["token", "revoke", "--org", &org, &token])["revoked"], token.as_str());
    let token = id(json(&["operator", "create-token"]));
    assert_eq!(json(&["operator", "revoke-token", &token])["revoked"], token.as_str());
    server.provisioner().post("/Users", &json!({"userName": "ann"})).is(201);
    let exported = json(&["export", "--org", &first, "--file", &users]);
    assert_eq!(exported, json!({"written": 1, "file": users}));
    assert_eq!(std::fs::read_to_string(&users).unwrap().lines().count(), 1);
    let imported = json(&["import", "--org", &first, &users]);
    assert_eq!(imported, json!({"created": 0, "updated": 1, "failed": 0, "incomplete": 0}));
    let audit = json(&["audit", "export", "--org", &org, "--format", "csv", "--file", &log]);
    let rows = std::fs::read_to_string(&log).unwrap().lines().count() - 1;
    assert_eq!(audit, json!({"written": rows, "file": log}));
    assert!(json(&["migrate"])["database"].as_str().is_some());
    // Without a file the data is what is printed, and nothing else.
    let printed = run(&["audit", "export", "--org", &org, "-o", "json", "--database-url", &url]);
    let lines = String::from_utf8_lossy(&printed.stdout).into_owned();
    assert!(lines.lines().all(|line| line.starts_with("{\"id\":")), "{lines}");
    let told: Value = serde_json::from_slice(&printed.stderr).unwrap();
    assert_eq!(told["written"], lines.lines().count());
}

#[test]
fn tables_are_for_reading() {
    let server = Server::start();
    let operator = server.operator();
    let org = operator.organization("Büro 東京", json!({}));
    operator.put(&format!("/organizations/{org}/sso"), saml()).is(200);
    let url = server.url();
    let table = |arguments: &[&str]| {
        let done = run(&[arguments, &["--database-url", &url]].concat());
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    // A certificate by what tells it from others, not by what it is.
    let shown = table(&["sso", "show", "--org", &org]);
    for wanted in ["subject", "not_after", "fingerprint", "own.issuer", "effective.sso.issuer"] {
        assert!(shown.lines().any(|line| line.contains(wanted)), "{wanted} in\n{shown}");
    }
    assert!(!shown.contains("-----BEGIN") && !shown.contains(['{', '[', '\u{1b}']), "{shown}");
    // Columns stand below each other, however wide the letters are; lines don't end in blanks.
    let listed = table(&["org", "list"]);
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 3, "{listed}");
    assert!(lines[0].starts_with("id "), "{listed}");
    assert!(lines.iter().all(|line| *line == line.trim_end()), "{listed}");
    let width =
        |text: &str| text.chars().map(|c| if c > '\u{2e80}' { 2 } else { 1 }).sum::<usize>();
    let kind = lines[0].find("kind").unwrap();
    for line in &lines[1..] {
        assert_eq!(width(line.split_once("regular").unwrap().0), kind, "{listed}");
    }
    assert_eq!(
        table(&[
            "link-code",
            "list",
            "--org",
            &operator.organization("HQ", json!({"kind": "admin"}))
        ]),
        "None.\n"
    );
}

#[test]
fn what_is_said_tells_what_to_do_next() {
    let server = Server::with(&["--dns-server", "127.0.0.1:1"]);
    let url = server.url();
    let made = ["org", "create", "--name", "HQ", "--admin", "--owner", "olga@example.com"];
    let made = server.command(&[&made[..], &["-o", "json"]].concat());
    let hq = made["id"].as_str().unwrap();
    let next = |arguments: &[&str], expected: &str| {
        let dns = ["--dns-server", "127.0.0.1:1"];
        let done = run(&[arguments, &dns, &["--database-url", &url]].concat());
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(told.contains(expected), "{arguments:?}: {told}");
        assert!(!told.contains("for you to see"), "nothing is hidden from the operator: {told}");
    };
    next(&["org", "show", "org_typo"], "scim-server org list");
    next(&["member", "remove", "--org", hq, "who@x.org"], "scim-server member list");
    next(&["domain", "add", "--org", hq, "hq.example"], "scim-server domain verify --org");
    next(&["domain", "verify", "--org", hq, "hq.example"], "try again in some minutes");
    next(&["domain", "verify", "--org", hq, "no.example"], "scim-server domain list");
    next(&["link-code", "issue", "--org", hq], "scim-server org link");
    next(&["scim-name", "set", hq, "X"], "scim-server org link");
    next(&["account", "show", "who@x.org"], "scim-server account create");
    next(&["owner", "recover", "--org", hq, "who@x.org"], "scim-server account create");
    next(&["operator", "revoke-token", "x"], "scim-server operator list-tokens");
    next(&["token", "create", "--org", "org_typo"], "scim-server org list");
    next(&["sso", "remove", "--org", hq], "store some first");
}

#[test]
fn what_clients_do_wrong_is_no_error_of_the_server() {
    let server = Server::start();
    // A raw quotation mark, and what is no HTTP at all.
    for sent in [
        "GET /scim/v2/Users?filter=userName eq \"ann\" HTTP/1.1\r\nHost: x\r\n\r\n",
        "\u{1}\u{2}\r\n\r\n",
    ] {
        let mut connection = server.connect();
        connection.write_all(sent.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer:?}");
    }
    // A token that is bound to nobody has no /Me.
    let answer = server.provisioner().get("/Me");
    assert_eq!(answer.status, 501, "{}", answer.text);
    let log = server.log();
    assert!(log.contains("path=/scim/v2/Me status=501"), "{log}");
    assert!(log.contains("stream error"), "{log}");
    assert!(!log.contains("ERROR"), "{log}");
}

/// A pipe holds 64 KiB, which is some hundred lines.
#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("scim.db").display());
    let mut server = Command::new(binary())
        .args(["--listen", "127.0.0.1:0", "--database-url", &url])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(server.stdout.take().unwrap()).lines();
    let base = said.find_map(|line| Some(line.unwrap().split_once("http://")?.1.to_owned()));
    let address = base.unwrap().split('/').next().unwrap().to_owned();
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answers = BufReader::new(connection.try_clone().unwrap());
    for _ in 0..1500 {
        connection.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut line = String::new();
        while line != "ok\n" {
            line.clear();
            assert!(answers.read_line(&mut line).unwrap() > 0);
        }
    }
    assert_eq!(terminate(server), Some(0));
}

/// What is shown once and can't be shown is not made, or revoked.
#[test]
fn where_standard_output_fails_no_secret_is_lost() {
    let server = Server::start();
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let org = server.first_organization();
    let url = server.url();
    let to_full = |arguments: &[&str]| {
        let done = Command::new(binary())
            .args(arguments)
            .args(["--database-url", &url])
            .env("SCIM_TOKEN_LIMIT", "100")
            .stdout(full())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("standard output can't be written"), "{arguments:?}: {said}");
        said
    };
    to_full(&["org", "list"]);
    let live = || {
        let tokens = server.command(&["token", "list", "--org", &org, "-o", "json"]);
        let tokens = tokens.as_array().unwrap().clone();
        tokens.iter().filter(|token| token["revoked"].is_null()).count()
    };
    let before = live();
    assert!(to_full(&["token", "create", "--org", &org]).contains("revoked"));
    assert_eq!(live(), before);
    let operators =
        || server.command(&["operator", "list-tokens", "-o", "json"]).as_array().unwrap().len();
    let before = operators();
    assert!(to_full(&["operator", "create-token"]).contains("revoked"));
    assert_eq!(operators(), before);

    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("first.db").display());
    let first = ["--listen", "127.0.0.1:0", "--database-url", &url];
    let done = Command::new(binary()).args(first).stdout(full()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.code() == Some(1) && said.contains("none were made"), "{said}");
    // The next start is the first.
    let mut child = Command::new(binary())
        .args(first)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let shown = lines.map_while(Result::ok).any(|line| line.contains("Operator:"));
    terminate(child);
    assert!(shown);
}
