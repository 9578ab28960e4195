//! Callers of the administrative API: the operator, and people with a role.

use serde_json::{Value, json};

use crate::{Answer, Client, Dns, Say, Server};

/// Somebody who calls the administrative API.
pub struct Person {
    client: Client,
}

impl Person {
    /// Whoever holds that session or token.
    pub fn new(server: &Server, secret: &str) -> Self {
        Self { client: Client::new(server, secret) }
    }

    /// The same person on a connection of its own.
    pub fn again(&self) -> Self {
        Self { client: self.client.again() }
    }

    /// The same person by a personal token, which doesn't grow stale as a session does.
    pub fn by_token(&self, server: &Server) -> Self {
        let made = self.post("/accounts/me/tokens", json!({})).is(201).json();
        Self::new(server, made["token"].as_str().unwrap())
    }

    /// The same person at another server.
    pub fn at(&self, server: &Server) -> Self {
        let mut client = Client::anonymous(server);
        client.token.clone_from(&self.client.token);
        Self { client }
    }

    /// Nobody.
    pub fn anonymous(server: &Server) -> Self {
        Self { client: Client::anonymous(server) }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None)
    }

    pub fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, &[], Some(&body))
    }

    pub fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, &[], Some(&body))
    }

    pub fn patch(&self, path: &str, body: Value) -> Answer {
        self.send("PATCH", path, &[], Some(&body))
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], None)
    }

    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let body = body.filter(|body| !body.is_null()).map(Value::to_string);
        let headers = [headers, &[("Content-Type", "application/json")]].concat();
        self.client.send(method, &format!("/api/v1{path}"), &headers, body.as_deref())
    }

    /// All entries of a list, page by page.
    pub fn list(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mark = if path.contains('?') { '&' } else { '?' };
            let path = match &cursor {
                None => path.to_owned(),
                Some(cursor) => format!("{path}{mark}cursor={cursor}"),
            };
            let page = self.get(&path).is(200).json();
            all.extend(page["items"].as_array().unwrap().iter().cloned());
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return all;
            }
        }
    }

    /// The addresses of an organization's members, in order.
    pub fn members(&self, organization: &str) -> Vec<String> {
        let members = self.list(&format!("/organizations/{organization}/members"));
        let email = |member: &Value| member["email"].as_str().unwrap_or("-").to_owned();
        let mut emails: Vec<String> = members.iter().map(email).collect();
        emails.sort();
        emails
    }

    /// The addresses of those whose membership counts now.
    pub fn active_members(&self, organization: &str) -> Vec<String> {
        let members = self.list(&format!("/organizations/{organization}/members?state=active"));
        let email = |member: &Value| member["email"].as_str().unwrap_or("-").to_owned();
        let mut emails: Vec<String> = members.iter().map(email).collect();
        emails.sort();
        emails
    }

    /// Why somebody is a member of an organization: `manual`, `directory`, `group Berlin`, in order; with a
    /// `~` in front what rests. Nothing if the person is no member.
    pub fn grants(&self, organization: &str, email: &str) -> Vec<String> {
        let member = self.member(organization, email);
        let in_words = |grant: &Value| {
            let rests = if grant["suspended"] == true { "~" } else { "" };
            let source = grant["source"].as_str().unwrap();
            let group = grant["group_name"].as_str().map(|name| format!(" {name}"));
            format!("{rests}{source}{}", group.unwrap_or_default())
        };
        let mut grants: Vec<String> =
            member["grants"].as_array().into_iter().flatten().map(in_words).collect();
        grants.sort();
        grants
    }

    /// A member of an organization, by the address; null if there is none.
    pub fn member(&self, organization: &str, email: &str) -> Value {
        let members = self.list(&format!("/organizations/{organization}/members"));
        let mut found = members.into_iter().filter(|member| member["email"] == email);
        let first = found.next();
        assert_eq!(found.next(), None, "{email} is listed twice");
        first.unwrap_or_default()
    }

    /// How somebody with that address signs in, and by whose settings (empty with a password).
    pub fn route(&self, email: &str) -> (String, String) {
        let route = self.get(&format!("/sso/resolve?email={email}")).is(200).json();
        let word = |name: &str| route[name].as_str().unwrap_or_default().to_owned();
        (word("method"), word("organization"))
    }

    /// The audit log of an organization, the oldest event first.
    pub fn events(&self, organization: &str) -> Vec<Value> {
        self.list(&format!("/organizations/{organization}/audit-events?order=oldest&limit=200"))
    }

    /// Makes an organization; gives its id.
    pub fn organization(&self, name: &str, more: Value) -> String {
        let mut body = json!({"name": name});
        for (key, value) in more.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        self.post("/organizations", body).is(201).id()
    }

    /// As the operator, says that an organization has the plan that sharing single sign-on takes.
    pub fn upgrade(&self, organization: &str) {
        let path = format!("/organizations/{organization}");
        self.patch(&path, json!({"plan": "enterprise"})).is(200);
    }

    /// Makes an Admin Organization that takes users of every domain; gives its id.
    pub fn admin_organization(&self, name: &str) -> String {
        self.organization(name, json!({"kind": "admin", "scim_domains": "any"}))
    }

    /// Links an organization with a new code, under a SCIM Name.
    pub fn link(&self, admin: &str, organization: &str, scim_name: Option<&str>) {
        let code = self.code(admin);
        let mut body = json!({"code": code});
        if let Some(name) = scim_name {
            body["scim_name"] = name.into();
        }
        self.post(&format!("/organizations/{organization}/link"), body).is(200);
    }

    /// A new linking code of an Admin Organization.
    pub fn code(&self, admin: &str) -> String {
        let made = self.post(&format!("/organizations/{admin}/link-codes"), json!({})).is(201);
        made.json()["code"].as_str().unwrap().to_owned()
    }

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

    /// A SCIM client of an organization.
    pub fn provisioner(&self, server: &Server, organization: &str) -> Client {
        let path = format!("/organizations/{organization}/scim/tokens");
        let made = self.post(&path, json!({})).is(201).json();
        Client::new(server, made["token"].as_str().unwrap())
    }

    /// Makes an account with a password and signs in; gives the person and the account's id.
    pub fn newcomer(&self, server: &Server, email: &str) -> (Person, String) {
        let account = json!({"email": email, "password": "correct horse battery"});
        let id = self.post("/accounts", account).is(201).id();
        (Person::sign_in(server, email), id)
    }

    /// Signs in with the password that [`Person::newcomer`] set.
    pub fn sign_in(server: &Server, email: &str) -> Person {
        let sign_in = json!({"email": email, "password": "correct horse battery"});
        let session = Person::anonymous(server).post("/sessions", sign_in).is(201).json();
        Person::new(server, session["token"].as_str().unwrap())
    }
}

impl Answer {
    /// Checks that it is a problem document of that status and code.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.text);
        let body = self.json();
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["status"], status, "{body}");
        assert!(body["detail"].as_str().is_some_and(|d| d.len() > 10), "{body}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
    }
}
