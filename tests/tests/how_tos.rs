//! The how-tos, followed step by step: what is run is what stands in the Markdown, so that they can't drift
//! apart. Blocks of shell are run by bash, with the binary under test as `scim-server`; lines `# => …` at the
//! end of a command tell what it has to print. Blocks of HTTP are sent as the identity provider. Words behind
//! a block's language say for whom it is: `api` or `cli`, `okta` or `entra`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::path::Path;
use std::process::{Command, Stdio};

use scim_tests::{Client, Dns, Person, Say, Server, binary, oidc};
use serde_json::{Value, json};

/// Where a how-to is followed: a server, the people, and a shell that remembers.
struct Stage {
    dns: Dns,
    server: Server,
    /// Owns the Admin Organization and `HQ`.
    olga: Person,
    /// Owns the organization that is linked.
    berta: Person,
    org: String,
    folder: tempfile::TempDir,
}

impl Stage {
    fn new(name: &str) -> Self {
        let dns = Dns::start();
        let server = Server::with(&["--dns-server", &dns.address()]);
        let operator = server.operator();
        let person = |email: &str| operator.newcomer(&server, email).0.by_token(&server);
        let (olga, berta) = (person("olga@example.com"), person("berta@berlin.example"));
        let hq = olga.organization("Example HQ", json!({}));
        let org = berta.organization(name, json!({}));
        operator.upgrade(&hq);
        operator.upgrade(&org);
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(binary(), folder.path().join("scim-server")).unwrap();
        // What is downloaded from the identity provider's console.
        std::fs::write(folder.path().join("idp.pem"), include_str!("../fixtures/idp.pem")).unwrap();
        let stage = Self { dns, server, olga, berta, org, folder };
        let base = stage.server.base().replace("/scim/v2", "");
        let token = |person: &Person| {
            let made = person.post("/accounts/me/tokens", json!({})).is(201).json();
            made["token"].as_str().unwrap().to_owned()
        };
        for (name, value) in [
            ("BASE", base),
            ("HQ", hq),
            ("ORG", stage.org.clone()),
            ("TOKEN", token(&stage.olga)),
            ("THEIR_TOKEN", token(&stage.berta)),
        ] {
            stage.set(name, &value);
        }
        stage
    }

    /// Runs a piece of shell; variables and functions stay for the next. Gives what it prints.
    fn bash(&self, script: &str) -> String {
        let remember = "{ export -p; declare -f; } > state";
        let script = format!(
            "set -euo pipefail; set -a; if [ -f state ]; then . ./state; fi\n{script}\n{remember}"
        );
        let path = format!("{}:{}", self.folder.path().display(), std::env::var("PATH").unwrap());
        let output = Command::new("bash")
            .args(["-c", &script])
            .current_dir(self.folder.path())
            .env("PATH", path)
            .env("SCIM_DATABASE_URL", self.server.url())
            .env("SCIM_DNS_SERVER", self.dns.address())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{script}\nprinted {printed}\nand {errors}");
        printed
    }

    fn set(&self, name: &str, value: &str) {
        self.bash(&format!("{name}='{value}'"));
    }

    fn get(&self, name: &str) -> String {
        self.bash(&format!("printf %s \"${name}\""))
    }

    /// Publishes the TXT record that a step printed: names first, then the value.
    fn publish(&self, printed: &str) {
        let lines: Vec<&str> = printed.lines().collect();
        let [_, name, value] = lines[..] else { panic!("no record in {printed:?}") };
        assert!(value.starts_with("scim-domain-verification="), "{printed}");
        self.dns.set(name, Say::txt(value));
    }

    /// Plays what an identity provider sends, as a block of HTTP has it.
    fn play(&self, text: &str) {
        let idp = Client::new(&self.server, &self.get("SCIM_TOKEN"));
        for exchange in text.split("\n\n") {
            let lines: Vec<String> =
                exchange.lines().filter(|l| !l.is_empty()).map(|l| self.fill(l)).collect();
            let (request, answer) = (&lines[0], lines.last().unwrap());
            let (method, target) = request.split_once(' ').unwrap();
            let target = target.replace(' ', "%20").replace('"', "%22");
            let body = (lines.len() == 3).then(|| lines[1].as_str());
            let status: u16 = answer.split(' ').nth(1).unwrap().parse().unwrap();
            let got = idp.send(method, &target, &[], body);
            assert_eq!(got.status, status, "{exchange}: {}", got.text);
            for (end, name) in [("/Users", "USER"), ("/Groups", "GROUP")] {
                if method == "POST" && target.ends_with(end) {
                    self.set(name, &got.id());
                }
            }
        }
    }

    /// Text with the ids that the shell remembers.
    fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for name in ["USER", "GROUP"] {
            let variable = format!("${name}");
            if text.contains(&variable) {
                text = text.replace(&variable, &self.get(name));
            }
        }
        text
    }
}

/// A fenced block.
struct Block {
    section: String,
    language: String,
    ways: Vec<String>,
    text: String,
    done: bool,
}

/// A how-to that is followed in some of the ways that it shows.
struct Guide<'s> {
    stage: &'s Stage,
    blocks: Vec<Block>,
}

impl<'s> Guide<'s> {
    fn open(stage: &'s Stage, name: &str, ways: [&str; 2]) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/how-to").join(name);
        let mut blocks = Vec::new();
        let mut section = String::new();
        let text = std::fs::read_to_string(path).unwrap();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(heading) = line.strip_prefix("##") {
                section = heading.trim_start_matches('#').trim().to_owned();
            }
            let indent = line.len() - line.trim_start().len();
            let Some(fence) = line.trim_start().strip_prefix("```") else { continue };
            let inside = lines.by_ref().take_while(|line| line.trim() != "```");
            let inside: Vec<&str> = inside.map(|line| line.get(indent..).unwrap_or("")).collect();
            let mut words = fence.split_whitespace().map(str::to_owned);
            blocks.push(Block {
                section: section.clone(),
                language: words.next().unwrap(),
                ways: words.collect(),
                text: inside.join("\n"),
                done: false,
            });
        }
        let known = ["api", "cli", "okta", "entra"];
        assert!(blocks.iter().flat_map(|b| &b.ways).all(|way| known.contains(&way.as_str())));
        blocks.retain(|block| block.ways.iter().all(|way| ways.contains(&way.as_str())));
        Self { stage, blocks }
    }

    /// Does the next block of a section; gives what it prints.
    #[track_caller]
    fn step(&mut self, section: &str) -> String {
        let block = self.blocks.iter_mut().find(|b| b.section == section && !b.done);
        let block = block.unwrap_or_else(|| panic!("nothing more in \"{section}\""));
        block.done = true;
        match block.language.as_str() {
            "http" => {
                self.stage.play(&block.text);
                String::new()
            }
            "sh" => {
                let printed = self.stage.bash(&block.text);
                for told in block.text.lines().filter_map(|line| line.strip_prefix("# => ")) {
                    assert!(printed.contains(told), "{}\nprinted {printed}", block.text);
                }
                printed
            }
            other => panic!("nobody knows how to follow {other}"),
        }
    }

    /// Nothing of it was left out.
    fn finish(self) {
        let left = self.blocks.iter().filter(|block| !block.done).map(|block| &block.section);
        assert_eq!(left.collect::<Vec<_>>(), Vec::<&String>::new());
    }
}

/// What stands before the first heading: the function `api`, for those who use it.
fn prepare(guide: &mut Guide<'_>, [how, _]: [&str; 2]) {
    if how == "api" {
        guide.step("");
    }
}

fn console(ways: [&str; 2]) -> &'static str {
    if ways[1] == "okta" { "Okta" } else { "Microsoft Entra ID" }
}

/// Follows "Share SSO" up to where the identity provider is connected; gives the Admin Organization, and the
/// rest of the way.
fn linked<'s>(stage: &'s Stage, ways: [&str; 2]) -> (String, Guide<'s>) {
    let mut guide = Guide::open(stage, "share-sso.md", ways);
    prepare(&mut guide, ways);
    guide.step("1. Make the Admin Organization");
    let admin = stage.get("ADMIN");
    assert_eq!(stage.olga.grants(&admin, "olga@example.com"), ["creator"]);
    let record = guide.step("2. Claim your domain");
    stage.publish(&record);
    guide.step("2. Claim your domain");
    guide.step(console(ways));
    let printed = guide.step("Store the settings");
    // The values that were given to the identity provider before there were settings.
    let at = format!("{}/sso/{admin}", stage.get("BASE"));
    for value in [format!("\"{at}\""), format!("\"{at}/acs\""), format!("\"{at}/callback\"")] {
        assert!(printed.contains(&value), "{value} in {printed}");
    }
    guide.step("4. Issue a linking code");
    let view = || stage.berta.get(&format!("/organizations/{}", stage.org)).is(200).json();
    guide.step("5. Link the organization");
    assert_eq!(view()["link"], Value::Null);
    guide.step("5. Link the organization");
    assert_eq!(view()["link"]["admin_organization"], admin);
    guide.step("6. Connect the identity provider");
    (admin, guide)
}

fn share_sso(ways: [&str; 2]) {
    let stage = Stage::new("Berlin");
    let (olga, berta, org) = (&stage.olga, &stage.berta, &stage.org);
    let (admin, mut guide) = linked(&stage, ways);
    let mut groups = Guide::open(&stage, "map-groups.md", ways);
    groups.step(&format!("Push a group from {}", console(ways)));
    assert_eq!(berta.grants(org, "ann@example.com"), Vec::<String>::new());
    guide.step("7. Set the SCIM Name");
    assert_eq!(berta.grants(org, "ann@example.com"), ["group Berlin"]);
    guide.step("Check it");
    assert_eq!(olga.route("ann@example.com"), ("sso".into(), admin));
    guide.step("Unlink");
    assert_eq!(berta.get(&format!("/organizations/{org}")).json()["link"], Value::Null);
    assert_eq!(berta.grants(org, "ann@example.com"), ["manual"]);
    guide.finish();
}

#[test]
fn sharing_sso_over_the_api_with_okta() {
    share_sso(["api", "okta"]);
}

#[test]
fn sharing_sso_by_the_command_line_with_entra() {
    share_sso(["cli", "entra"]);
}

fn map_groups(ways: [&str; 2]) {
    let stage = Stage::new("Berlin");
    let (olga, berta, org) = (&stage.olga, &stage.berta, &stage.org);
    let (admin, _) = linked(&stage, ways);
    let mut guide = Guide::open(&stage, "map-groups.md", ways);
    guide.step(&format!("Push a group from {}", console(ways)));
    guide.step("Match it");
    assert_eq!(berta.grants(org, "ann@example.com"), Vec::<String>::new());
    guide.step("Match it");
    assert_eq!(berta.grants(org, "ann@example.com"), ["group Berlin"]);
    guide.step("Match it");
    if ways[0] == "api" {
        let operator = stage.server.operator();
        let wien = operator.organization("Wien", json!({"owner": "willi@wien.example"}));
        let body = json!({"code": olga.code(&admin), "scim_name": "Wien"});
        operator.post(&format!("/organizations/{wien}/link"), body).is(200);
        stage.set("OTHER", &wien);
        guide.step("Exchange two names");
        assert_eq!(berta.grants(org, "ann@example.com"), Vec::<String>::new());
        assert_eq!(operator.grants(&wien, "ann@example.com"), ["group Berlin"]);
    }
    guide.step("Let the groups alone decide");
    guide.step("Rename, remove, delete");
    assert_eq!(berta.members(org), ["berta@berlin.example"]);
    assert_eq!(olga.grants(&admin, "ann@example.com"), ["directory"]);
    assert_eq!(olga.list(&format!("/organizations/{admin}/scim/groups")), Vec::<Value>::new());
    guide.finish();
}

#[test]
fn mapping_groups_over_the_api_with_okta() {
    map_groups(["api", "okta"]);
}

#[test]
fn mapping_groups_by_the_command_line_with_entra() {
    map_groups(["cli", "entra"]);
}

const TRANSFER: &str = "Link, then transfer";
const WITHDRAW: &str = "Withdraw, claim, verify, link";

fn migrate(order: &str, ways: [&str; 2]) {
    let stage = Stage::new("Firma");
    let (olga, berta, org) = (&stage.olga, &stage.berta, &stage.org);
    berta.verified(&stage.dns, org, "firma.example");
    berta.put(&format!("/organizations/{org}/sso"), oidc()).is(200);
    let old = berta.provisioner(&stage.server, org);
    let ann = old.push_user("ann@firma.example");
    old.push_user("bob@firma.example");
    assert_eq!(berta.route("ann@firma.example"), ("sso".into(), org.clone()));
    let mut share = Guide::open(&stage, "share-sso.md", ways);
    prepare(&mut share, ways);
    share.step("1. Make the Admin Organization");
    share.step(console(ways));
    share.step("Store the settings");
    let admin = stage.get("ADMIN");
    let (password, ours) = (("password".to_owned(), String::new()), ("sso".into(), admin.clone()));

    let mut guide = Guide::open(&stage, "migrate.md", ways);
    guide.step("Before");
    if order == TRANSFER {
        guide.step(TRANSFER);
        guide.step(TRANSFER);
        assert_eq!(olga.route("ann@firma.example"), ours);
        assert!(guide.step(TRANSFER).contains(&admin));
    } else {
        guide.step(WITHDRAW);
        assert_eq!(olga.route("ann@firma.example"), password);
        let record = guide.step(WITHDRAW);
        stage.publish(&record);
        guide.step(WITHDRAW);
        assert_eq!(olga.route("ann@firma.example"), password);
        guide.step(WITHDRAW);
        assert_eq!(olga.route("ann@firma.example"), ours);
    }
    let path = format!("/Users/{ann}");
    old.patch(&path, json!([{"op": "replace", "value": {"active": false}}])).refuses(403, "");
    share.step("6. Connect the identity provider");
    guide.step("Point the identity provider to it");
    guide.step("Point the identity provider to it");
    let account = berta.member(org, "ann@firma.example")["account"].clone();
    assert_eq!(olga.member(&admin, "ann@firma.example")["account"], account);
    assert_eq!(berta.grants(org, "bob@firma.example"), ["directory"]);
    // What the other order says is left, and nothing else.
    let other = if order == TRANSFER { WITHDRAW } else { TRANSFER };
    guide.blocks.retain(|block| block.section != other);
    guide.finish();
}

#[test]
fn migrating_by_link_and_transfer_over_the_api_with_okta() {
    migrate(TRANSFER, ["api", "okta"]);
}

#[test]
fn migrating_by_link_and_transfer_by_the_command_line_with_entra() {
    migrate(TRANSFER, ["cli", "entra"]);
}

#[test]
fn migrating_by_withdrawal_over_the_api_with_entra() {
    migrate(WITHDRAW, ["api", "entra"]);
}

#[test]
fn migrating_by_withdrawal_by_the_command_line_with_okta() {
    migrate(WITHDRAW, ["cli", "okta"]);
}
