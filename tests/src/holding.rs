//! An Admin Organization with the organizations linked to it, and the people who own them: owners are
//! accounts of their own, and none owns two of these organizations.

use serde_json::{Value, json};

use crate::{Client, Dns, Person, Say, Server};

/// The Admin Organization and who is around it. It has claimed and verified `example.com`, and takes nobody else.
pub struct Holding {
    pub dns: Dns,
    pub server: Server,
    pub operator: Person,
    /// Owns the Admin Organization.
    pub olga: Person,
    pub admin: String,
    /// The identity provider, with a token of the Admin Organization.
    pub idp: Client,
}

impl Holding {
    pub fn new() -> Self {
        let dns = Dns::start();
        let server = Server::with(&["--dns-server", &dns.address()]);
        let operator = server.operator();
        let (olga, _) = operator.newcomer(&server, "olga@hq.example");
        let hq = olga.organization("Example HQ", json!({}));
        operator.upgrade(&hq);
        let path = format!("/organizations/{hq}/admin-organization");
        let admin = olga.post(&path, json!({"name": "Example Group"})).is(201).id();
        claim(&olga, &dns, &admin, "example.com");
        let idp = olga.provisioner(&server, &admin);
        Self { dns, server, operator, olga, admin, idp }
    }

    /// A new organization, owned by a new person, linked without a SCIM Name. Its owner and its id.
    pub fn linked(&self, name: &str) -> (Person, String) {
        let (owner, organization) = self.unlinked(name);
        let code = self.olga.code(&self.admin);
        let linked =
            owner.post(&format!("/organizations/{organization}/link"), json!({"code": code}));
        assert_eq!(linked.is(200).json()["link"]["admin_organization"], self.admin);
        (owner, organization)
    }

    /// A new organization, owned by a new person `owner@<name>.example`.
    pub fn unlinked(&self, name: &str) -> (Person, String) {
        let email = format!("owner@{}.example", name.to_lowercase());
        let (owner, _) = self.operator.newcomer(&self.server, &email);
        let organization = owner.organization(name, json!({}));
        self.operator.upgrade(&organization);
        (owner, organization)
    }

    /// The Admin Organization's owner sets a SCIM Name; gives the effects.
    #[track_caller]
    pub fn name(&self, organization: &str, scim_name: &str) -> Value {
        let path = format!("/organizations/{}/linked-organizations/{organization}", self.admin);
        let set = self.olga.patch(&path, json!({"scim_name": scim_name})).is(200).json();
        assert_eq!(set["scim_name"], scim_name.trim());
        set["effects"].clone()
    }

    /// `matched`, `waiting_for_group` or `no_scim_name`.
    pub fn state(&self, organization: &str) -> String {
        let path = format!("/organizations/{}/linked-organizations/{organization}", self.admin);
        self.olga.get(&path).is(200).json()["state"].as_str().unwrap().to_owned()
    }
}

impl Default for Holding {
    fn default() -> Self {
        Self::new()
    }
}

/// Single sign-on settings, enabled, of a SAML identity provider.
pub fn saml() -> Value {
    json!({
        "protocol": "saml",
        "issuer": "http://www.okta.com/exkfhbfcvf1cD2n6p5d7",
        "sign_on_url": "https://example.okta.com/app/example/exkfhbfcvf1cD2n6p5d7/sso/saml",
        "certificates": [include_str!("../fixtures/idp.pem")],
        "enabled": true,
    })
}

/// Single sign-on settings, enabled, of an OpenID Connect provider.
pub fn oidc() -> Value {
    json!({
        "protocol": "oidc",
        "issuer": "https://login.firma.example/",
        "client_id": "firma",
        "client_secret": "not told to anybody",
        "enabled": true,
    })
}

/// Claims a domain, publishes its record, and has it verified. Gives the claim.
pub fn claim(person: &Person, dns: &Dns, organization: &str, domain: &str) -> Value {
    let path = format!("/organizations/{organization}/domains");
    let claimed = person.post(&path, json!({"domain": domain})).is(201).json();
    dns.set(domain, Say::txt(claimed["record_value"].as_str().unwrap()));
    let path = format!("{path}/{}:verify", claimed["id"].as_str().unwrap());
    let verified = person.post(&path, Value::Null).is(200).json();
    assert_eq!(verified["state"], "verified");
    verified
}

impl Client {
    /// Pushes a user with that address; gives the id.
    #[track_caller]
    pub fn push_user(&self, email: &str) -> String {
        let user = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": email,
            "emails": [{"value": email, "primary": true}],
        });
        self.post("/Users", &user).is(201).id()
    }

    /// Pushes a group; gives the id.
    #[track_caller]
    pub fn push_group(&self, name: &str, members: &[&str]) -> String {
        self.post("/Groups", &Self::group(name, members)).is(201).id()
    }

    /// A group as it is sent.
    pub fn group(name: &str, members: &[&str]) -> Value {
        let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": name,
            "members": members,
        })
    }

    /// Takes members into a group and out of it.
    #[track_caller]
    pub fn change_members(&self, group: &str, added: &[&str], removed: &[&str]) {
        let values = |ids: &[&str]| ids.iter().map(|id| json!({"value": id})).collect::<Vec<_>>();
        let mut operations = Vec::new();
        if !added.is_empty() {
            operations.push(json!({"op": "add", "path": "members", "value": values(added)}));
        }
        for id in removed {
            let path = format!("members[value eq \"{id}\"]");
            operations.push(json!({"op": "remove", "path": path}));
        }
        let answer = self.patch(&format!("/Groups/{group}"), operations.into());
        assert!(matches!(answer.status, 200 | 204), "{answer:?}");
    }
}

/// What an organization's audit log tells from some moment on.
pub struct Log<'p> {
    person: &'p Person,
    organization: String,
    seen: usize,
}

impl<'p> Log<'p> {
    /// From now on.
    pub fn of(person: &'p Person, organization: &str) -> Self {
        let seen = person.events(organization).len();
        Self { person, organization: organization.to_owned(), seen }
    }

    /// The events since it was asked last.
    pub fn news(&mut self) -> Vec<Value> {
        let news = self.person.events(&self.organization).split_off(self.seen);
        self.seen += news.len();
        news
    }

    /// Their names.
    pub fn names(&mut self) -> Vec<String> {
        self.news().iter().map(|event| event["name"].as_str().unwrap().to_owned()).collect()
    }
}
