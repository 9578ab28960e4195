//! What identity providers push.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::counter::NEXT;
use super::{SPELLINGS, World};
use crate::Caller;
use crate::Handler as _;
use crate::caller::Scopes;
use crate::dialect::Preset;
use crate::http::Request;
use crate::org::Records;
use crate::resource::Id;
use crate::store::{Store, Tenant};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

impl<S> World<S>
where
    S: Store + Clone,
    for<'a> S::Tx<'a>: Records,
{
    /// Sends what an identity provider sends; gives the answer if it is a success.
    pub(super) fn send(
        &self,
        org: &Tenant,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Option<Value> {
        let caller = Caller {
            tenant: org.clone(),
            actor: "tok_1".into(),
            preset: Preset::Lenient,
            scopes: Scopes::ALL,
            user: None,
        };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request {
            method,
            path,
            body: body.as_bytes(),
            content_type: Some("application/scim+json"),
            base_url: "http://test",
            request_id: "r",
            ..Request::default()
        };
        let response = self.service.handle(&caller, &request);
        let status = response.status;
        let body = response.body.collect().unwrap();
        assert!(status < 500, "{method} {path}: {}", String::from_utf8_lossy(&body));
        let answer = serde_json::from_slice(&body).unwrap_or(Value::Null);
        (status < 300).then_some(answer)
    }

    pub(super) fn patch(&self, path: &str, operation: &Value) -> bool {
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [operation]});
        self.send(&self.admin, "PATCH", path, &body).is_some()
    }

    pub(super) fn user_body(&self, user: usize, active: bool) -> Value {
        json!({"schemas": [USER], "userName": self.email(user), "active": active})
    }

    pub(super) fn group_body(&self, name: usize, users: &BTreeSet<usize>) -> Value {
        // Every other spelling, so that the key does the matching.
        let spelling = usize::try_from(NEXT.load(Ordering::Relaxed) % 2).unwrap();
        let members: Vec<Value> = users
            .iter()
            .filter_map(|user| self.users.get(user))
            .map(|id| json!({"value": id.as_str()}))
            .collect();
        json!({"schemas": [GROUP], "displayName": SPELLINGS[name][spelling], "members": members})
    }

    pub(super) fn members(&self, group: usize, op: &str, id: Option<&Id>) -> bool {
        let (Some(group), Some(id)) = (self.groups.get(&group), id) else { return false };
        let path = format!("/Groups/{group}");
        if op == "add" {
            let value = json!([{"value": id.as_str()}]);
            return self.patch(&path, &json!({"op": "add", "path": "members", "value": value}));
        }
        let target = format!("members[value eq \"{id}\"]");
        self.patch(&path, &json!({"op": "remove", "path": target}))
    }

    pub(super) fn push_own(&mut self, org: usize, user: usize, active: bool) -> bool {
        let tenant = self.organizations[org].clone();
        let body = self.user_body(user, active);
        let made = match self.own.get(&(org, user)) {
            Some(id) => self.send(&tenant, "PUT", &format!("/Users/{id}"), &body),
            None => None,
        };
        let Some(made) = made.or_else(|| self.send(&tenant, "POST", "/Users", &body)) else {
            return false;
        };
        self.own.insert((org, user), Id::parse(made["id"].as_str().unwrap()).unwrap());
        true
    }
}
