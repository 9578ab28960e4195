//! The administrative API as a whole: all that it shows, and all that it can do.

use crate::Person;

impl Person {
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
