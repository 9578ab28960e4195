//! The endpoints, a file for what belongs together, and how a path finds its.

mod accounts;
mod audit;
mod links;
mod members;
mod organizations;
mod scim;
mod sign_on;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use scim_core::org::Role;
use scim_core::{Error, Kind, Result};

use super::endpoint::{Access, Endpoint, decode};

const MEMBER: Access = Access::Organization(Role::Member);
const ADMIN: Access = Access::Organization(Role::Admin);
const OWNER: Access = Access::Organization(Role::Owner);

const EMAIL: &[(&str, &str)] = &[("email", "An e-mail address")];

/// All endpoints.
pub(super) static TABLE: LazyLock<Vec<Endpoint>> = LazyLock::new(|| {
    [
        accounts::endpoints(),
        organizations::endpoints(),
        links::endpoints(),
        sign_on::endpoints(),
        scim::endpoints(),
        members::endpoints(),
        audit::endpoints(),
    ]
    .concat()
});

/// The parameters of a path, if it is of that form. A parameter may be followed by an action: `{id}:verify`.
fn matches(form: &'static str, path: &[String]) -> Option<BTreeMap<&'static str, String>> {
    let mut params = BTreeMap::new();
    let mut segments = path.iter();
    for part in form.trim_start_matches('/').split('/') {
        let segment = segments.next()?;
        match part.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            None if part == segment => {}
            None => return None,
            Some((name, action)) => {
                let value = match action {
                    "" if segment.contains(':') => return None,
                    action => segment.strip_suffix(action)?,
                };
                if value.is_empty() || value.len() > 255 {
                    return None;
                }
                params.insert(name, value.to_owned());
            }
        }
    }
    segments.next().is_none().then_some(params)
}

/// The endpoint of a method and a path as sent, and what the path names.
///
/// # Errors
/// [`Kind::NotFound`], [`Kind::MethodNotAllowed`]
pub(super) fn route(
    method: &str,
    path: &str,
) -> Result<(&'static Endpoint, BTreeMap<&'static str, String>)> {
    let path = path.trim_start_matches('/');
    let path = path.strip_suffix('/').unwrap_or(path);
    let segments = path.split('/').map(|part| decode(part, false)).collect::<Result<Vec<_>>>()?;
    let mut allowed = Vec::new();
    for endpoint in TABLE.iter() {
        let Some(params) = matches(endpoint.path, &segments) else { continue };
        if endpoint.method == method || (method == "HEAD" && endpoint.method == "GET") {
            return Ok((endpoint, params));
        }
        allowed.push(endpoint.method);
    }
    if allowed.is_empty() {
        let detail = "There is no such endpoint; /api/v1/openapi.json lists them";
        return Err(Error::not_found(detail).with_code("no_such_endpoint"));
    }
    let detail = format!("This endpoint has no {method}; it has {}", allowed.join(", "));
    Err(Error::new(Kind::MethodNotAllowed, detail))
}

/// The endpoint that reads what a path names.
pub(super) fn reader(path: &str) -> Option<&'static Endpoint> {
    TABLE.iter().find(|endpoint| endpoint.method == "GET" && endpoint.path == path)
}
