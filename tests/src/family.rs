//! An Admin Organization with one linked organization, an identity provider and DNS: where most rules of
//! organizations show.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{Client, Database, Dns, Person, Say, Server};

/// A SCIM user with an address.
pub fn scim_user(email: &str) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": email,
        "emails": [{"value": email, "primary": true}]})
}

/// A SCIM group.
pub fn scim_group(name: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
    json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name,
        "members": members})
}

/// The Admin Organization "HQ" has verified `example.com`; "Shop" is linked to it under the SCIM Name
/// "Sales".
pub struct Family {
    pub server: Server,
    pub dns: Dns,
    pub operator: Person,
    pub hq: String,
    pub shop: String,
    /// HQ's identity provider.
    pub idp: Client,
}

impl Family {
    pub fn start() -> Self {
        Self::with_environment(&[])
    }

    pub fn with_environment(environment: &[(&str, &str)]) -> Self {
        Self::on(Arc::new(Database::fresh()), environment)
    }

    pub fn on(database: Arc<Database>, environment: &[(&str, &str)]) -> Self {
        let dns = Dns::start();
        let server = Server::on(database, &["--dns-server", &dns.address()], environment);
        let operator = server.operator();
        let hq = operator.organization("HQ", json!({"kind": "admin"}));
        operator.verified(&dns, &hq, "example.com");
        let shop = operator.organization("Shop", json!({}));
        operator.link(&hq, &shop, Some("Sales"));
        let idp = operator.provisioner(&server, &hq);
        Self { server, dns, operator, hq, shop, idp }
    }

    /// Pushes a user; gives its id.
    pub fn user(&self, email: &str) -> String {
        self.idp.post("/Users", &scim_user(email)).is(201).id()
    }

    /// Pushes a group; gives its id.
    pub fn group(&self, name: &str, members: &[&str]) -> String {
        self.idp.post("/Groups", &scim_group(name, members)).is(201).id()
    }

    pub fn set_active(&self, user: &str, active: Value) {
        let replace = json!([{"op": "replace", "path": "active", "value": active}]);
        self.idp.patch(&format!("/Users/{user}"), replace).is(200);
    }

    pub fn put_in(&self, group: &str, member: &str) {
        let add = json!([{"op": "add", "path": "members", "value": [{"value": member}]}]);
        self.idp.patch(&format!("/Groups/{group}"), add).is(204);
    }

    pub fn take_out(&self, group: &str, member: &str) {
        let path = format!("members[value eq \"{member}\"]");
        self.idp
            .patch(&format!("/Groups/{group}"), json!([{"op": "remove", "path": path}]))
            .is(204);
    }

    /// Gives a known person a password, and signs in.
    pub fn sign_in(&self, organization: &str, email: &str) -> Person {
        let account = self.operator.account(organization, email);
        let password = json!({"password": "correct horse battery"});
        self.operator.put(&format!("/accounts/{account}/password"), password).is(204);
        Person::sign_in(&self.server, email)
    }

    /// Somebody from outside of the directory with a role in an organization, signed in.
    pub fn somebody(&self, organization: &str, email: &str, role: &str) -> Person {
        let (person, _) = self.operator.newcomer(&self.server, email);
        self.operator.add(organization, email, role);
        person
    }
}

impl Person {
    /// Claims a domain and has DNS bear it out; gives the claim's id.
    pub fn verified(&self, dns: &Dns, organization: &str, domain: &str) -> String {
        let claim = self.claim(organization, domain);
        dns.set(domain, Say::txt(claim["record_value"].as_str().unwrap()));
        let id = claim["id"].as_str().unwrap().to_owned();
        let path = format!("/organizations/{organization}/domains/{id}:verify");
        assert_eq!(self.post(&path, Value::Null).is(200).json()["state"], "verified");
        id
    }

    /// Claims a domain.
    pub fn claim(&self, organization: &str, domain: &str) -> Value {
        let path = format!("/organizations/{organization}/domains");
        self.post(&path, json!({"domain": domain})).is(201).json()
    }

    /// Adds somebody by hand.
    pub fn add(&self, organization: &str, email: &str, role: &str) {
        let member = json!({"email": email, "role": role});
        self.post(&format!("/organizations/{organization}/members"), member).is(201);
    }

    /// The account of a member.
    #[track_caller]
    pub fn account(&self, organization: &str, email: &str) -> String {
        let member = self.member(organization, email);
        member["account"].as_str().unwrap().to_owned()
    }

    /// The sources of a member's grants in order, those that rest with a minus; none for a stranger.
    pub fn sources(&self, organization: &str, email: &str) -> Vec<String> {
        let member = self.member(organization, email);
        let grants = member["grants"].as_array().cloned().unwrap_or_default();
        let word = |grant: &Value| {
            let rests = if grant["suspended"] == true { "-" } else { "" };
            format!("{rests}{}", grant["source"].as_str().unwrap())
        };
        let mut words: Vec<String> = grants.iter().map(word).collect();
        words.sort();
        words
    }

    /// The names of an organization's events about `target`, or all of them; oldest first.
    pub fn told(&self, organization: &str, target: Option<&str>) -> Vec<String> {
        let target = target.map(|id| format!("&target={id}")).unwrap_or_default();
        let path = format!("/organizations/{organization}/audit-events?order=oldest{target}");
        let events = self.list(&path);
        events.iter().map(|event| event["name"].as_str().unwrap().to_owned()).collect()
    }

    /// All that the administrative API shows the operator: two of these are equal if nothing changed in
    /// between.
    pub fn everything(&self) -> Vec<(String, String)> {
        let all = self.list("/organizations?limit=200");
        let ids: Vec<&str> = all.iter().map(|o| o["id"].as_str().unwrap()).collect();
        self.everything_of(&ids)
    }

    /// The same of these organizations, and the list of all.
    pub fn everything_of(&self, organizations: &[&str]) -> Vec<(String, String)> {
        let mut all = Vec::new();
        let mut look = |path: String| {
            let answer = self.get(&path);
            let tag = answer.headers.get("etag").cloned().unwrap_or_default();
            let mut body = answer.json();
            // Noted now and then, whenever a client calls; and each request has an id.
            let tokens = path.ends_with("/scim/tokens");
            for item in body["items"].as_array_mut().into_iter().flatten().filter(|_| tokens) {
                item["last_used"].take();
            }
            // So are requests that are refused.
            let log = path.contains("/audit-events");
            if let (true, Some(events)) = (log, body["items"].as_array_mut()) {
                events.retain(|event| event["name"] != "scim_request.failed");
            }
            if answer.status != 200 {
                body["request_id"].take();
            }
            all.push((
                path,
                format!("{} {} {body}", answer.status, if tokens || log { "" } else { &tag }),
            ));
            body
        };
        look("/organizations?limit=200".into());
        for id in organizations {
            for part in [
                "",
                "/members?limit=200",
                "/domains",
                "/sso",
                "/sso/effective",
                "/scim/tokens",
                "/scim/groups?limit=200",
                "/link-codes",
                "/link-request",
                "/link-requests",
                "/linked-organizations?limit=200",
                "/audit-events?limit=200",
            ] {
                look(format!("/organizations/{id}{part}"));
            }
            let teams = look(format!("/organizations/{id}/teams?limit=200"));
            for team in teams["items"].as_array().into_iter().flatten() {
                let team = team["id"].as_str().unwrap();
                look(format!("/organizations/{id}/teams/{team}/members?limit=200"));
            }
        }
        all
    }

    /// The operations of the OpenAPI document.
    pub fn operations(&self) -> Vec<Operation> {
        let document = self.get("/openapi.json").is(200).json();
        let mut all = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
                all.push(Operation {
                    name: operation["operationId"].as_str().unwrap().to_owned(),
                    method: method.to_uppercase(),
                    path: path.clone(),
                    dry_run: parameters.iter().any(|parameter| parameter["name"] == "dry_run"),
                    takes_body: !operation["requestBody"].is_null(),
                    fresh: operation["description"]
                        .as_str()
                        .unwrap()
                        .contains("A session must be of the last ten minutes"),
                });
            }
        }
        assert!(all.len() > 50, "{}", all.len());
        all
    }
}

/// An operation of the OpenAPI document.
#[derive(Debug, Clone)]
pub struct Operation {
    pub name: String,
    pub method: String,
    pub path: String,
    pub dry_run: bool,
    pub takes_body: bool,
    /// Takes a sign-in of the last minutes.
    pub fresh: bool,
}

impl Operation {
    /// The path with ids for its parameters.
    pub fn at(&self, ids: &[(&str, &str)]) -> String {
        let mut path = self.path.clone();
        for (name, id) in ids {
            path = path.replace(&format!("{{{name}}}"), id);
        }
        assert!(!path.contains('{'), "{path}");
        path
    }
}

/// Checks that two views of everything are the same, and tells where they aren't.
#[track_caller]
pub fn assert_unchanged(at: &str, before: &[(String, String)], after: &[(String, String)]) {
    for (was, is) in before.iter().zip(after) {
        assert_eq!(was, is, "{at} changed something");
    }
    assert_eq!(before.len(), after.len(), "{at} changed something");
}
