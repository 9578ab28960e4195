//! An Admin Organization with organizations linked to it, people who own them, an identity provider and DNS:
//! where most rules of organizations show.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{Client, Database, Dns, Person, Server};

/// The Admin Organization "HQ", owned by Olga, has verified `example.com` and takes nobody else; "Shop" is
/// linked to it under the SCIM Name "Sales", and has no owner. More organizations have owners of their own, and
/// none owns two.
pub struct Family {
    pub server: Server,
    pub dns: Dns,
    pub operator: Person,
    /// Owns HQ, signed in by a password.
    pub olga: Person,
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
        let (olga, _) = operator.newcomer(&server, "olga@hq.example");
        let owned = json!({"kind": "admin", "owner": "olga@hq.example"});
        let hq = operator.organization("HQ", owned);
        olga.verified(&dns, &hq, "example.com");
        let shop = operator.organization("Shop", json!({}));
        operator.link(&hq, &shop, Some("Sales"));
        let idp = olga.provisioner(&server, &hq);
        Self { server, dns, operator, olga, hq, shop, idp }
    }

    /// Pushes a user; gives its id.
    #[track_caller]
    pub fn user(&self, email: &str) -> String {
        self.idp.push_user(email)
    }

    /// Pushes a group; gives its id.
    #[track_caller]
    pub fn group(&self, name: &str, members: &[&str]) -> String {
        self.idp.push_group(name, members)
    }

    pub fn set_active(&self, user: &str, active: Value) {
        let replace = json!([{"op": "replace", "path": "active", "value": active}]);
        self.idp.patch(&format!("/Users/{user}"), replace).is(200);
    }

    #[track_caller]
    pub fn put_in(&self, group: &str, member: &str) {
        self.idp.change_members(group, &[member], &[]);
    }

    #[track_caller]
    pub fn take_out(&self, group: &str, member: &str) {
        self.idp.change_members(group, &[], &[member]);
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

    /// A new organization, owned by a new person, linked without a SCIM Name. Its owner and its id.
    pub fn linked(&self, name: &str) -> (Person, String) {
        let (owner, organization) = self.unlinked(name);
        let code = self.olga.code(&self.hq);
        let linked =
            owner.post(&format!("/organizations/{organization}/link"), json!({"code": code}));
        assert_eq!(linked.is(200).json()["link"]["admin_organization"], self.hq);
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
        let path = format!("/organizations/{}/linked-organizations/{organization}", self.hq);
        let set = self.olga.patch(&path, json!({"scim_name": scim_name})).is(200).json();
        assert_eq!(set["scim_name"], scim_name.trim());
        set["effects"].clone()
    }

    /// `matched`, `waiting_for_group` or `no_scim_name`.
    pub fn state(&self, organization: &str) -> String {
        let path = format!("/organizations/{}/linked-organizations/{organization}", self.hq);
        self.olga.get(&path).is(200).json()["state"].as_str().unwrap().to_owned()
    }
}
