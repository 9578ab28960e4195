//! What identity providers push: users, groups, and who is in them.

use serde_json::{Value, json};

use crate::Client;

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

impl Client {
    /// Pushes a user with that address; gives the id.
    #[track_caller]
    pub fn push_user(&self, email: &str) -> String {
        self.post("/Users", &scim_user(email)).is(201).id()
    }

    /// Pushes a group; gives the id.
    #[track_caller]
    pub fn push_group(&self, name: &str, members: &[&str]) -> String {
        self.post("/Groups", &scim_group(name, members)).is(201).id()
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
