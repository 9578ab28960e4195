//! The way from a group to an organization, in numbers. By default with a few thousand users; the figures in
//! docs/performance.md are with `SCIM_SCALE_USERS=100000 SCIM_SCALE_ORGANIZATIONS=1000`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests fail by panicking"
)]

use std::time::{Duration, Instant};

use scim_tests::{Client, Person, Server};
use serde_json::{Value, json};

const ROUNDS: usize = 60;

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn p50(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Pushes users in bulk; gives their ids.
fn push(client: &Client, users: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for start in (0..users).step_by(500) {
        let operations: Vec<Value> = (start..users.min(start + 500))
            .map(|i| {
                let data = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                    "userName": format!("user{i}@example.com")});
                json!({"method": "POST", "path": "/Users", "bulkId": format!("b{i}"), "data": data})
            })
            .collect();
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": operations});
        let done = client.post("/Bulk", &body).is(200).json();
        for operation in done["Operations"].as_array().unwrap() {
            assert_eq!(operation["status"], "201", "{operation}");
            let location = operation["location"].as_str().unwrap();
            ids.push(location.rsplit('/').next().unwrap().to_owned());
        }
    }
    ids
}

fn group(client: &Client, name: &str, members: &[String]) -> String {
    let made =
        json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name});
    let id = client.post("/Groups", &made).is(201).id();
    for members in members.chunks(5_000) {
        let value: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
        client
            .patch(
                &format!("/Groups/{id}"),
                json!([{"op": "add", "path": "members", "value": value}]),
            )
            .is(204);
    }
    id
}

/// Adds and removes one member, again and again; what one such change takes.
fn change(client: &Client, group: &str, user: &str) -> Duration {
    let path = format!("/Groups/{group}");
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        for operation in [
            json!([{"op": "add", "path": "members", "value": [{"value": user}]}]),
            json!([{"op": "remove", "path": format!("members[value eq \"{user}\"]")}]),
        ] {
            let began = Instant::now();
            client.patch(&path, operation).is(204);
            times.push(began.elapsed());
        }
    }
    p50(times)
}

/// Pages through members; what a page takes, and how many members there are.
fn pages(operator: &Person, org: &str) -> (Duration, usize) {
    let (mut times, mut members, mut cursor) = (Vec::new(), 0, String::new());
    while times.len() < 200 {
        let began = Instant::now();
        let page = operator.get(&format!("/organizations/{org}/members?limit=50{cursor}"));
        times.push(began.elapsed());
        let page = page.is(200).json();
        members += page["items"].as_array().unwrap().len();
        match page["next_cursor"].as_str() {
            None => break,
            Some(next) => cursor = format!("&cursor={next}"),
        }
    }
    (p50(times), members)
}

#[test]
fn a_member_change_costs_little_more_with_a_thousand_links_and_lists_are_paged_by_key() {
    let (users, organizations) =
        (number("SCIM_SCALE_USERS", 4_000), number("SCIM_SCALE_ORGANIZATIONS", 100));
    let server = Server::start();
    let operator = server.operator();
    let (admin, plain) =
        (operator.admin_organization("Admin"), operator.admin_organization("Plain"));
    let (client, unlinked) =
        (operator.provisioner(&server, &admin), operator.provisioner(&server, &plain));
    let (ids, others) = (push(&client, users), push(&unlinked, users));
    let mut linked = Vec::new();
    for i in 0..organizations {
        let org = operator.organization(&format!("Team {i}"), json!({}));
        operator.link(&admin, &org, Some(&format!("group {i}")));
        linked.push(org);
    }
    // The first group has everybody, the others a few each.
    let all = group(&client, "group 0", &ids[1..]);
    let all_unlinked = group(&unlinked, "group 0", &others[1..]);
    for i in 1..organizations.min(200) {
        let few: Vec<String> = (0..10).map(|n| ids[(i * 10 + n) % users].clone()).collect();
        group(&client, &format!("Group {i}"), &few);
    }
    // In turns, so that a slow moment of the machine meets both.
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        without.push(change(&unlinked, &all_unlinked, &others[0]));
        with.push(change(&client, &all, &ids[0]));
    }
    let (with, without) = (p50(with), p50(without));
    let (page, members) = pages(&operator, &linked[0]);
    println!(
        "{users} users, {organizations} linked organizations: one member change p50 {with:?}, without a \
         link {without:?} ({:.2} times); a page of 50 members p50 {page:?}",
        with.as_secs_f64() / without.as_secs_f64()
    );
    assert_eq!(members, (users - 1).min(200 * 50));
    assert!(
        with < without * 2 + Duration::from_millis(1),
        "{with:?} with links, {without:?} without"
    );
    assert!(page < Duration::from_millis(100), "a page of members takes {page:?}");
}

/// MiB of memory of a process, from Linux: what is resident, and the most that was since it was last asked.
fn memory(pid: u32) -> Option<(f64, f64)> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
    };
    Some((field("VmRSS:")?, field("VmHWM:")?))
}

/// By how many MiB the server grows at the most while `f` runs.
fn growth(server: &Server, name: &str, f: impl FnOnce()) -> f64 {
    std::fs::write(format!("/proc/{}/clear_refs", server.pid()), "5").unwrap();
    let (before, _) = memory(server.pid()).unwrap();
    f();
    let (_, most) = memory(server.pid()).unwrap();
    println!("{name}: {:.0} MiB more than the {before:.0} MiB before", most - before);
    most - before
}

/// By default with few; the figures in docs/performance.md are with `SCIM_SCALE_MEMBERS=1000000`. What the server
/// may grow by does not depend on it.
#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_the_directory_and_its_groups() {
    const MOST: f64 = 48.0;
    let members = number("SCIM_SCALE_MEMBERS", 3_000);
    let server = Server::start();
    let client = server.provisioner();
    let ids = push(&client, members);
    let large = group(&client, "large", &ids);
    let small = group(&client, "small", &[]);
    let pid = server.pid();
    println!(
        "{members} users, all in one group; {:.0} MiB at the most so far",
        memory(pid).unwrap().1
    );
    let listing = growth(&server, "listing all users by cursor", || {
        let (mut seen, mut cursor) = (0, String::new());
        loop {
            let page = client.get(&format!("/Users?count=1000&cursor={cursor}")).is(200).json();
            seen += page["Resources"].as_array().unwrap().len();
            let Some(next) = page["nextCursor"].as_str() else { break };
            cursor = next.to_owned();
        }
        assert_eq!(seen, members);
    });
    assert!(listing < MOST);
    let streaming = growth(&server, "streaming the group", || {
        let whole = client.get(&format!("/Groups/{large}")).is(200);
        assert_eq!(whole.text.matches("\"$ref\"").count(), members);
    });
    assert!(streaming < MOST);
    let some = &ids[..members.min(100_000)];
    let value: Vec<Value> = some.iter().map(|id| json!({"value": id})).collect();
    let operations = json!([{"op": "add", "path": "members", "value": value}]);
    let patching = growth(&server, &format!("a PATCH that adds {} members", some.len()), || {
        client.patch(&format!("/Groups/{small}"), operations).is(204);
    });
    // Its body is up to 8 MiB, and its ids are in an event.
    assert!(patching < 1.5 * MOST);
    let mut export = std::process::Command::new(scim_tests::binary())
        .args(["export", "--database-url", &server.url(), "--org", &server.first_organization()])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut most = 0.0_f64;
    while export.try_wait().unwrap().is_none() {
        most = memory(export.id()).map_or(most, |(_, peak)| most.max(peak));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(export.wait().unwrap().success());
    println!("exporting: {most:.0} MiB, the whole process");
    assert!(most < 2.0 * MOST);
}
