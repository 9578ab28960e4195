//! What a dry run planned: a token of it, with which the real run does just that, or nothing.

use scim_core::org::{Movement, Source, What};
use scim_core::{Error, Kind, Result};

use super::call::{Call, Incoming};
use super::effects::Effects;
use super::endpoint::{Endpoint, bad};

/// Whether an endpoint takes a plan: what it makes anew has a new id each time, and no two plans are alike.
pub(super) fn has(endpoint: &Endpoint) -> bool {
    endpoint.moves && !endpoint.name_makes()
}

/// The token of what a call did: of the request, of each movement, of what is told of them, and of the state that
/// what was asked about is in then.
pub(super) fn token(
    call: &Call<'_, '_>,
    movements: &[Movement],
    effects: &Effects,
    state: Option<&str>,
) -> Result<String> {
    let request = call.request;
    let effects = serde_json::to_string(effects).map_err(Error::internal)?;
    let body = call.body.to_string();
    let (method, path) = (request.method.clone(), request.path.clone());
    let state = state.unwrap_or_default().to_owned();
    let mut parts = vec!["plan".to_owned(), method, path, body, state, effects];
    for movement in movements {
        let group = match &movement.source {
            Source::Group(group) => group.as_str(),
            _ => movement.source.word(),
        };
        let what = match movement.what {
            What::RoleChanged(from, to) => format!("{from} {to}"),
            what => format!("{what:?}"),
        };
        let (org, account) = (movement.org.as_str(), movement.account.as_str());
        parts.extend([org, account, group, &what].map(str::to_owned));
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    call.api.keyed(&parts)
}

/// Checks that what was done is what was planned, if the caller said what that was.
///
/// # Errors
/// 412 `plan_changed`
pub(super) fn check(call: &Call<'_, '_>, plan: &str) -> Result<()> {
    match call.query.get("plan") {
        Some(planned) if planned != plan => Err(Error::new(
            Kind::PreconditionFailed,
            "It would do something else by now than the dry run told; nothing was done. Make another dry run",
        )
        .with_code("plan_changed")),
        _ => Ok(()),
    }
}

/// For what is not to be done without having looked at what it does.
///
/// # Errors
/// 400 `plan_needed`
pub(super) fn require(incoming: &Incoming<'_>) -> Result<()> {
    if incoming.is_dry_run() || incoming.query.contains_key("plan") {
        return Ok(());
    }
    let detail = "This takes a dry run first: send ?dry_run=true, look at its effects, and send its plan as \
                  ?plan=…";
    Err(bad("plan_needed", detail.into()))
}
