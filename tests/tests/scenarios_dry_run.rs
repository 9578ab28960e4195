//! Acceptance scenario 26: what a dry run tells is what the real run does, and it does nothing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};

use scim_tests::{
    Answer, Client, Dns, Log, OpenApi, Operation, Person, Say, Server, assert_unchanged,
    scim_group, scim_user,
};
use serde_json::{Value, json};

/// Organizations of their own for each operation: an Admin Organization with two linked ones that groups
/// match, and one that stands alone, with people, domains, settings and teams.
struct Scene<'s> {
    server: &'s Server,
    dns: &'s Dns,
    operator: &'s Person,
    mark: usize,
    hq: String,
    shop: String,
    depot: String,
    solo: String,
    bare: String,
}

struct Call {
    /// The operator, unless somebody else.
    caller: Option<Person>,
    ids: Vec<(&'static str, String)>,
    body: Value,
}

impl<'s> Scene<'s> {
    fn set(server: &'s Server, dns: &'s Dns, operator: &'s Person, mark: usize) -> Self {
        let organization = |name: &str, more: Value| operator.organization(name, more);
        let hq = organization(&format!("HQ {mark}"), json!({"kind": "admin"}));
        let [shop, depot, solo, bare] = ["Shop", "Depot", "Solo", "Bare"]
            .map(|name| organization(&format!("{name} {mark}"), json!({})));
        let scene = Self { server, dns, operator, mark, hq, shop, depot, solo, bare };
        let sso = json!({"protocol": "oidc", "issuer": "https://idp.example.com", "client_id": "c",
            "client_secret": "s", "enabled": true, "idp_managed_access": true});
        for (org, domain) in [(&scene.hq, "hq"), (&scene.shop, "shop"), (&scene.solo, "solo")] {
            operator.verified(dns, org, &format!("{domain}{mark}.example"));
            operator.put(&format!("/organizations/{org}/sso"), sso.clone()).is(200);
        }
        operator.claim(&scene.bare, &format!("bare{mark}.example"));
        let bare = json!({"enabled": false, "protocol": "oidc", "issuer": "https://idp.example.com",
            "client_id": "c", "client_secret": "s"});
        operator.put(&format!("/organizations/{}/sso", scene.bare), bare).is(200);
        operator.link(&scene.hq, &scene.shop, Some("Sales"));
        operator.link(&scene.hq, &scene.depot, Some("Stock"));
        let idp = operator.provisioner(server, &scene.hq);
        let push =
            |name: &str| idp.post("/Users", &scim_user(&scene.email(name, "hq"))).is(201).id();
        let (ann, bob, cat) = (push("ann"), push("bob"), push("cat"));
        for (name, members) in
            [("Sales", vec![&ann, &bob]), ("Stock", vec![&bob]), ("Solo", vec![&ann, &cat])]
        {
            let members: Vec<&str> = members.into_iter().map(String::as_str).collect();
            idp.post("/Groups", &scim_group(name, &members)).is(201);
        }
        scene.deactivate(&idp, &cat);
        for (org, email, role) in [
            (&scene.shop, scene.email("ann", "hq"), "member"),
            (&scene.shop, scene.email("sam", "shop"), "member"),
            (&scene.solo, scene.email("olga", "solo"), "owner"),
            (&scene.solo, scene.email("otto", "solo"), "admin"),
            (&scene.solo, scene.email("gus", "guest"), "member"),
            (&scene.depot, scene.email("gus", "guest"), "member"),
        ] {
            operator.add(org, &email, role);
        }
        operator.post(&scene.at(&scene.solo, "/teams"), json!({"name": "Red"})).is(201);
        scene
    }

    fn deactivate(&self, idp: &Client, user: &str) {
        let replace = json!([{"op": "replace", "path": "active", "value": false}]);
        idp.patch(&format!("/Users/{user}"), replace).is(200);
    }

    fn email(&self, name: &str, domain: &str) -> String {
        format!("{name}@{domain}{}.example", self.mark)
    }

    fn at(&self, org: &str, part: &str) -> String {
        format!("/organizations/{org}{part}")
    }

    fn all(&self) -> [&str; 5] {
        [&self.hq, &self.shop, &self.depot, &self.solo, &self.bare]
    }

    fn first(&self, org: &str, list: &str) -> String {
        self.operator.list(&self.at(org, list))[0]["id"].as_str().unwrap().to_owned()
    }

    /// How an operation is called; None for one that isn't known here.
    fn call(&self, name: &str) -> Option<Call> {
        let mut ids: Vec<(&'static str, String)> = Vec::new();
        let mut caller = None;
        let mut id = |name: &'static str, id: String| ids.push((name, id));
        let account = |org: &str, name: &str, domain: &str| {
            self.operator.account(org, &self.email(name, domain))
        };
        let newcomer = || {
            let email = self.email("new", "elsewhere");
            let (person, account) = self.operator.newcomer(self.server, &email);
            (person, account, email)
        };
        let body = match name {
            "signIn" => {
                json!({"email": newcomer().2, "password": "correct horse battery"})
            }
            "signOut" => {
                caller = Some(newcomer().0);
                Value::Null
            }
            "createAccount" => json!({"email": self.email("new", "elsewhere")}),
            "setPassword" => {
                id("account", account(&self.solo, "olga", "solo"));
                json!({"password": "another horse battery"})
            }
            "createPersonalToken" => {
                id("account", account(&self.solo, "olga", "solo"));
                json!({})
            }
            "revokePersonalToken" => {
                let account = account(&self.solo, "olga", "solo");
                let made = self.operator.post(&format!("/accounts/{account}/tokens"), json!({}));
                id("token", made.is(201).id());
                id("account", account);
                Value::Null
            }
            "createOrganization" => {
                caller = Some(newcomer().0);
                json!({"name": "Mine"})
            }
            "changeOrganization" => {
                id("org", self.solo.clone());
                json!({"name": "Soloists", "plan": "other", "scim_domains": "any"})
            }
            "deleteOrganization" => {
                id("org", self.shop.clone());
                Value::Null
            }
            "createAdminOrganization" => {
                id("org", self.solo.clone());
                json!({"name": "Our HQ"})
            }
            "recoverOwner" => {
                id("org", self.shop.clone());
                json!({"email": self.email("gus", "guest")})
            }
            "issueLinkCode" => {
                id("org", self.hq.clone());
                json!({"note": "for the shop"})
            }
            "revokeAllLinkCodes" | "revokeLinkCode" => {
                self.operator.code(&self.hq);
                id("org", self.hq.clone());
                if name == "revokeLinkCode" {
                    let codes = self.operator.list(&self.at(&self.hq, "/link-codes"));
                    let live = codes.iter().find(|code| code["state"] == "issued").unwrap();
                    id("code", live["id"].as_str().unwrap().to_owned());
                }
                Value::Null
            }
            "previewLink" | "link" => {
                let code = self.operator.code(&self.hq);
                id("org", self.solo.clone());
                match name {
                    "link" => json!({"code": code, "scim_name": "solo"}),
                    _ => json!({"code": code}),
                }
            }
            "approveLinkRequest" | "refuseLinkRequest" | "withdrawLinkRequest" => {
                let hq = self.at(&self.hq, "");
                self.operator.patch(&hq, json!({"require_approval": true})).is(200);
                let ask = json!({"code": self.operator.code(&self.hq), "scim_name": "solo"});
                let asked = self.operator.post(&self.at(&self.solo, "/link"), ask).is(200).json();
                assert_eq!(asked["state"], "awaiting_approval");
                if name == "withdrawLinkRequest" {
                    id("org", self.solo.clone());
                } else {
                    id("org", self.hq.clone());
                    id("request", asked["link_request"]["id"].as_str().unwrap().to_owned());
                }
                Value::Null
            }
            "unlink" => {
                id("org", self.shop.clone());
                json!({"members": "keep"})
            }
            "unlinkLinkedOrganization" => {
                id("org", self.hq.clone());
                id("linked", self.shop.clone());
                json!({"members": "remove"})
            }
            "setScimNames" => {
                id("org", self.hq.clone());
                json!({"organizations": [{"id": self.shop, "scim_name": "Stock"},
                    {"id": self.depot, "scim_name": "Sales"}]})
            }
            "setMembershipPolicy" => {
                id("org", self.hq.clone());
                id("linked", self.shop.clone());
                json!({"membership": "authoritative"})
            }
            "setScimName" => {
                id("org", self.hq.clone());
                id("linked", self.shop.clone());
                json!({"scim_name": "SOLO"})
            }
            "claimDomain" => {
                id("org", self.solo.clone());
                json!({"domain": format!("more{}.example", self.mark)})
            }
            "verifyDomain" => {
                let claim = self.operator.list(&self.at(&self.bare, "/domains"))[0].clone();
                let record = claim["record_value"].as_str().unwrap();
                self.dns.set(claim["domain"].as_str().unwrap(), Say::txt(record));
                let sso = json!({"protocol": "oidc", "issuer": "https://idp.example.com",
                    "client_id": "c", "enabled": true});
                self.operator.put(&self.at(&self.bare, "/sso"), sso).is(200);
                self.operator.add(&self.bare, &self.email("bea", "bare"), "member");
                id("org", self.bare.clone());
                id("domain", claim["id"].as_str().unwrap().to_owned());
                Value::Null
            }
            "transferDomain" => {
                id("org", self.shop.clone());
                id("domain", self.first(&self.shop, "/domains"));
                Value::Null
            }
            "withdrawDomain" => {
                id("org", self.solo.clone());
                id("domain", self.first(&self.solo, "/domains"));
                Value::Null
            }
            "setSso" => {
                id("org", self.solo.clone());
                json!({"protocol": "oidc", "issuer": "https://idp.example.com", "client_id": "d",
                    "client_secret": "t", "enabled": true, "required": true, "break_glass": false})
            }
            "removeSso" => {
                id("org", self.bare.clone());
                Value::Null
            }
            "createScimToken" => {
                id("org", self.solo.clone());
                json!({})
            }
            "revokeScimToken" => {
                id("org", self.hq.clone());
                id("token", self.first(&self.hq, "/scim/tokens"));
                Value::Null
            }
            "addMember" => {
                id("org", self.depot.clone());
                json!({"email": self.email("cat", "hq"), "role": "admin"})
            }
            "setRole" => {
                id("org", self.shop.clone());
                id("account", account(&self.shop, "bob", "hq"));
                json!({"role": "owner"})
            }
            "removeMember" => {
                id("org", self.solo.clone());
                id("account", account(&self.solo, "otto", "solo"));
                Value::Null
            }
            "createAuditExport" => {
                id("org", self.solo.clone());
                json!({"format": "csv"})
            }
            "createTeam" => {
                id("org", self.solo.clone());
                json!({"name": "Blue"})
            }
            "renameTeam" | "deleteTeam" | "addTeamMember" | "removeTeamMember" => {
                let team = self.first(&self.solo, "/teams");
                if name.ends_with("Member") {
                    let account = account(&self.solo, "gus", "guest");
                    if name == "removeTeamMember" {
                        let path = format!("/teams/{team}/members/{account}");
                        self.operator.put(&self.at(&self.solo, &path), Value::Null).is(204);
                    }
                    id("account", account);
                }
                id("org", self.solo.clone());
                id("team", team);
                if name == "renameTeam" { json!({"name": "Green"}) } else { Value::Null }
            }
            _ => return None,
        };
        Some(Call { caller, ids, body })
    }

    /// All grants and roles, as the lists of members show them: in the scene's organizations, and in those
    /// that are not among `known`.
    fn people(&self, known: &[String]) -> People {
        let new = self.organizations().into_iter().filter(|org| !known.contains(org));
        let mut people = People::default();
        for org in self.all().map(str::to_owned).into_iter().chain(new) {
            let page = self.operator.get(&self.at(&org, "/members?limit=200"));
            let page = page.json();
            assert_eq!(page["next_cursor"], Value::Null);
            for member in page["items"].as_array().into_iter().flatten() {
                let account = member["account"].as_str().unwrap().to_owned();
                let role = member["role"].as_str().unwrap().to_owned();
                people.roles.insert((org.clone(), account.clone()), role);
                for grant in member["grants"].as_array().unwrap() {
                    let source = grant["source"].as_str().unwrap().to_owned();
                    let group = grant["group"].as_str().unwrap_or_default().to_owned();
                    people.grants.insert((org.clone(), account.clone(), source, group));
                }
            }
        }
        people
    }

    fn routes(&self) -> BTreeMap<String, Value> {
        let emails = [
            ("ann", "hq"),
            ("sam", "shop"),
            ("olga", "solo"),
            ("otto", "solo"),
            ("gus", "guest"),
            ("bea", "bare"),
        ];
        let mut routes = BTreeMap::new();
        for (name, domain) in emails {
            let email = self.email(name, domain);
            let route = self.operator.get(&format!("/sso/resolve?email={email}")).is(200).json();
            routes.insert(email, route);
        }
        routes
    }

    fn organizations(&self) -> Vec<String> {
        let all = self.operator.list("/organizations?limit=200");
        all.iter().map(|o| o["id"].as_str().unwrap().to_owned()).collect()
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct People {
    /// Organization, account, source, group.
    grants: BTreeSet<(String, String, String, String)>,
    roles: BTreeMap<(String, String), String>,
}

fn send(person: &Person, operation: &Operation, path: &str, body: &Value) -> Answer {
    person.send(&operation.method, path, &[], Some(body))
}

/// The operations that change something, each with a scene of its own.
fn changing(operator: &Person, dry_run: bool) -> Vec<Operation> {
    let all = operator.operations();
    assert!(all.iter().all(|operation| operation.method != "GET" || !operation.dry_run));
    let wanted = |o: &Operation| o.method != "GET" && o.dry_run == dry_run;
    all.into_iter().filter(wanted).collect()
}

fn unknown(operation: &Operation) -> ! {
    panic!("{operation:?} is new: say in this test what it does, and whom it moves")
}

#[test]
fn scenario_26_what_has_no_dry_run_moves_nobody() {
    let dns = Dns::start();
    let server = Server::with(&["--dns-server", &dns.address()]);
    let operator = server.operator();
    let document = OpenApi::of(&operator);
    for (mark, operation) in changing(&operator, false).iter().enumerate() {
        let at = &operation.name;
        let scene = Scene::set(&server, &dns, &operator, mark);
        let Some(Call { caller, ids, body }) = scene.call(at) else { unknown(operation) };
        let ids: Vec<(&str, &str)> = ids.iter().map(|(name, id)| (*name, id.as_str())).collect();
        let (path, person) = (operation.at(&ids), caller.as_ref().unwrap_or(&operator));
        let orgs = scene.organizations();
        let (people, before) = (scene.people(&orgs), operator.everything_of(&scene.all()));
        // What can't be tried is refused rather than done.
        send(person, operation, &format!("{path}?dry_run=true"), &body)
            .problem(400, "unknown_parameter");
        assert_unchanged(at, &before, &operator.everything_of(&scene.all()));
        let done = send(person, operation, &path, &body);
        assert!(done.status < 300, "{at}: {}", done.text);
        document.check(operation, &done);
        assert!(done.json().get("effects").is_none(), "{at}");
        assert_eq!(scene.people(&orgs), people, "{at} moves people");
    }
}

#[test]
fn scenario_26_a_dry_run_tells_what_the_real_run_does_and_does_nothing() {
    let dns = Dns::start();
    let server = Server::with(&["--dns-server", &dns.address()]);
    let operator = server.operator();
    let document = OpenApi::of(&operator);
    let mut told = BTreeSet::new();
    for (mark, operation) in changing(&operator, true).iter().enumerate() {
        let scene = Scene::set(&server, &dns, &operator, mark);
        let Some(Call { caller, ids, body }) = scene.call(&operation.name) else {
            unknown(operation)
        };
        let ids: Vec<(&str, &str)> = ids.iter().map(|(name, id)| (*name, id.as_str())).collect();
        let (path, person) = (operation.at(&ids), caller.as_ref().unwrap_or(&operator));
        let (orgs, routes) = (scene.organizations(), scene.routes());
        let (people, before) = (scene.people(&orgs), operator.everything_of(&scene.all()));
        let plan = || {
            let dry = format!("{path}?dry_run=true");
            let answer = send(person, operation, &dry, &body).is(200);
            document.check(operation, &answer);
            let answer = answer.json();
            assert_eq!(answer["dry_run"], true, "{answer}");
            (answer["effects"].clone(), answer["plan"].clone())
        };
        let log = Log::of(&operator, &scene.hq);
        let ((planned, token), (again, same_token)) = (plan(), plan());
        assert_eq!(token, same_token, "{operation:?} twice");
        let mut before = before;
        // The one thing that a dry run leaves behind: the Admin Organization hears of a look.
        let hq_log = format!("/organizations/{}/audit-events?limit=200", scene.hq);
        let is_link = operation.name == "link";
        let look = || {
            let mut all = operator.everything_of(&scene.all());
            all.retain(|(path, _)| !is_link || *path != hq_log);
            all
        };
        if is_link {
            let mut log = log;
            assert_eq!(log.names(), ["link_code.previewed"; 2]);
            before.retain(|(path, _)| *path != hq_log);
        }
        assert_unchanged(&operation.name, &before, &look());
        assert_eq!(scene.organizations(), orgs, "{operation:?}");
        // With the plan of a dry run that is done, or nothing.
        let real = match token.as_str() {
            None => path,
            Some(token) => {
                let other = send(person, operation, &format!("{path}?plan=other"), &body);
                other.problem(412, "plan_changed");
                assert_unchanged(&operation.name, &before, &look());
                format!("{path}?plan={token}")
            }
        };
        let done = send(person, operation, &real, &body);
        assert!(done.status < 300, "{operation:?}: {}", done.text);
        document.check(operation, &done);
        let effects = done.json()["effects"].clone();
        // What is new has a new id each time.
        let creates = operation.name.starts_with("create");
        let comparable = |effects: &Value| {
            let mut effects = effects.clone();
            for change in effects["changes"].as_array_mut().unwrap().iter_mut().filter(|_| creates)
            {
                let org = change["organization"].take();
                assert!(!orgs.iter().any(|known| org == known.as_str()), "{org}");
            }
            effects
        };
        assert_eq!(comparable(&planned), comparable(&again), "{operation:?} twice");
        assert_eq!(comparable(&planned), comparable(&effects), "{operation:?}");
        // And it is so.
        agrees(operation, &effects, (&people, &scene.people(&orgs)));
        let (changes, changed) = (effects["changes"].as_array().unwrap(), scene.routes());
        for (email, route) in routes.iter().filter(|_| operation.name.ends_with("Domain")) {
            let says = changes.iter().any(|change| {
                change["change"] == "sign_in_changed" && change["email"] == email.as_str()
            });
            assert_eq!(says, changed[email] != *route, "{operation:?}: {email}");
        }
        told.extend(changes.iter().map(|change| change["change"].as_str().unwrap().to_owned()));
        // A claim alone changes nothing for anybody yet.
        assert_eq!(changes.is_empty(), operation.name == "claimDomain", "{operation:?}");
    }
    let all = ["grant_removed", "granted", "role_changed", "sign_in_changed"];
    assert_eq!(told.iter().collect::<Vec<_>>(), all.iter().collect::<Vec<_>>());
}

/// Checks effects against what the lists of members show before and after.
fn agrees(operation: &Operation, effects: &Value, (before, after): (&People, &People)) {
    let (mut come, mut gone, mut roles) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
    for change in effects["changes"].as_array().unwrap() {
        let text = |name: &str| change[name].as_str().unwrap_or_default().to_owned();
        let key = (text("organization"), text("account"));
        let grant = (key.0.clone(), key.1.clone(), text("source"));
        let is_member = after.roles.contains_key(&key);
        assert_eq!(change["member_after"], is_member, "{operation:?}: {change}");
        match text("change").as_str() {
            "granted" => assert!(come.insert(grant), "{change}"),
            "grant_removed" => assert!(gone.insert(grant), "{change}"),
            "role_changed" => {
                roles.insert(key, (text("role_before"), text("role_after")));
            }
            "sign_in_changed" => {}
            other => panic!("{operation:?}: {other}"),
        }
    }
    let difference = |a: &People, b: &People| -> BTreeSet<(String, String, String)> {
        let words = |(org, account, source, _): &(String, String, String, String)| {
            (org.clone(), account.clone(), source.clone())
        };
        a.grants.difference(&b.grants).map(words).collect()
    };
    assert_eq!(come, difference(after, before), "{operation:?} granted");
    assert_eq!(gone, difference(before, after), "{operation:?} took");
    assert_eq!(effects["gains"], come.len(), "{operation:?}");
    assert_eq!(effects["losses"], gone.len(), "{operation:?}");
    for (key, (was, is)) in &roles {
        let member = "member".to_owned();
        assert_eq!(before.roles.get(key).unwrap_or(&member), was, "{operation:?}");
        assert_eq!(after.roles.get(key).unwrap_or(&member), is, "{operation:?}");
    }
    for (key, role) in &after.roles {
        let changed = before.roles.get(key).is_some_and(|before| before != role);
        assert_eq!(changed, changed && roles.contains_key(key), "{operation:?}: {key:?} {role}");
    }
}
