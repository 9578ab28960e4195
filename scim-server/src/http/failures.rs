//! [`Failures`]: what the log of an organization tells of requests of its SCIM clients that were refused. One
//! event a token and minute at the most, so that no client fills the log; it counts them, and shows the latest.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use scim_core::env::Env;
use scim_core::org::Cause;
use scim_core::resource::Id;
use scim_core::{Caller, Error, Result};
use serde_json::json;

use crate::store::DieselStore;

/// How often a token's failures are told at the most.
const PAUSE: Duration = Duration::from_secs(60);
/// The most tokens remembered.
const MOST: usize = 10_000;

/// Counts what was refused until it is told.
#[derive(Default)]
pub(crate) struct Failures(Mutex<HashMap<Key, Tally>>);

/// An organization and a token of its.
type Key = (scim_core::store::Tenant, String);

/// What a token's requests came to since the last event.
#[derive(Default)]
struct Tally {
    told: Option<Instant>,
    count: u64,
    by_status: BTreeMap<u16, u64>,
    latest: Latest,
}

/// The latest failure, without anything that the client sent but its method and the type of resource.
#[derive(Default, Clone)]
struct Latest {
    method: String,
    resource: String,
    status: u16,
    code: Option<&'static str>,
    request_id: String,
}

/// One event to write.
struct Due {
    key: Key,
    count: u64,
    by_status: BTreeMap<u16, u64>,
    latest: Latest,
}

/// Whether an answer is worth telling of: a resource that isn't there is a question, not a failure.
fn is_failure(method: &str, status: u16) -> bool {
    status >= 400 && !(status == 404 && matches!(method, "GET" | "HEAD"))
}

/// The first part of a path, if it is a word: the rest may name people.
fn resource_of(path: &str) -> String {
    let first = path.trim_start_matches('/').split(['/', '?']).next().unwrap_or_default();
    let is_word = (1..=64).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_alphabetic());
    if is_word { first.to_owned() } else { String::new() }
}

impl Failures {
    /// Takes note of an answer to a client.
    pub(super) fn note(
        &self,
        caller: &Caller,
        (method, path): (&str, &str),
        (status, error): (u16, Option<&Error>),
        request_id: &str,
    ) {
        if !is_failure(method, status) {
            return;
        }
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (caller.tenant.clone(), caller.actor.clone());
        if tallies.len() >= MOST && !tallies.contains_key(&key) {
            return;
        }
        let tally = tallies.entry(key).or_default();
        tally.count = tally.count.saturating_add(1);
        let of_status = tally.by_status.entry(status).or_default();
        *of_status = of_status.saturating_add(1);
        tally.latest = Latest {
            method: method.to_owned(),
            resource: resource_of(path),
            status,
            code: error.and_then(|error| error.kind().scim_type().or(error.code())),
            request_id: request_id.to_owned(),
        };
    }

    /// What is to be told now; all of it, if the server stops.
    fn due(&self, stopping: bool) -> Vec<Due> {
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut due = Vec::new();
        for (key, tally) in tallies.iter_mut() {
            let waits = !stopping && tally.told.is_some_and(|told| told.elapsed() < PAUSE);
            if tally.count == 0 || waits {
                continue;
            }
            let Tally { count, by_status, latest, .. } = std::mem::take(tally);
            tally.told = Some(Instant::now());
            due.push(Due { key: key.clone(), count, by_status, latest });
        }
        tallies.retain(|_, t| t.count > 0 || t.told.is_some_and(|told| told.elapsed() < PAUSE));
        due
    }

    /// Writes the events that are due, each in a transaction of its own.
    pub(super) fn flush(&self, store: &DieselStore, env: &Env, stopping: bool) {
        for due in self.due(stopping) {
            if let Err(error) = tell(store, env, &due) {
                log::warn!("refused requests could not be told in the audit log: {error}");
            }
        }
    }
}

fn tell(store: &DieselStore, env: &Env, due: &Due) -> Result<()> {
    let Due { key: (org, token), count, by_status, latest } = due;
    let target = Id::parse(token).ok_or_else(|| Error::internal("a token's id that is none"))?;
    let statuses: BTreeMap<String, u64> =
        by_status.iter().map(|(status, count)| (status.to_string(), *count)).collect();
    let detail = json!({
        "count": count,
        "statuses": statuses,
        "latest": {
            "method": latest.method,
            "resource": latest.resource,
            "status": latest.status,
            "code": latest.code,
        },
    });
    let (request_id, now) = (latest.request_id.as_str(), env.clock.now());
    let cause = Cause { env, actor: token, request_id, now };
    store.write_records(|tx| {
        // Deleted meanwhile, an organization's log is closed.
        match scim_core::org::OrganizationRecords::organization(tx, org)? {
            Some(_) => cause.tell(tx, org, "scim_request.failed", &target, detail.clone()),
            None => Ok(()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use scim_core::caller::Scopes;
    use scim_core::dialect::Preset;
    use scim_core::store::Tenant;

    fn note(failures: &Failures, token: &str, method: &str, path: &str, status: u16) {
        let caller = Caller {
            tenant: Tenant::new("org_a"),
            actor: token.into(),
            preset: Preset::Lenient,
            scopes: Scopes::ALL,
            user: None,
        };
        failures.note(&caller, (method, path), (status, None), "r");
    }

    #[test]
    fn failures_of_a_token_are_told_together_and_not_again_within_a_minute() {
        let failures = Failures::default();
        for status in [409, 400, 409, 200, 404] {
            note(&failures, "tok_1", "POST", "/Users/ann@example.com", status);
        }
        note(&failures, "tok_1", "GET", "/Users/x", 404);
        note(&failures, "tok_2", "PATCH", "/Groups/x", 403);
        let mut due = failures.due(false);
        due.sort_by(|a, b| a.key.cmp(&b.key));
        let told: Vec<_> = due.iter().map(|due| (due.key.1.as_str(), due.count)).collect();
        assert_eq!(told, [("tok_1", 4), ("tok_2", 1)]);
        assert_eq!(due[0].by_status, BTreeMap::from([(400, 1), (404, 1), (409, 2)]));
        assert_eq!((due[0].latest.resource.as_str(), due[0].latest.status), ("Users", 404));
        // What comes within the minute waits, unless the server stops.
        note(&failures, "tok_1", "POST", "/Users", 409);
        assert!(failures.due(false).is_empty());
        assert_eq!(failures.due(true)[0].count, 1);
        assert!(failures.due(true).is_empty());
    }

    #[test]
    fn of_a_path_nothing_is_kept_that_may_name_somebody() {
        assert_eq!(resource_of("/Users/ann@example.com?filter=x"), "Users");
        assert_eq!(resource_of("/ann@example.com"), "");
        assert_eq!(resource_of(&format!("/{}", "x".repeat(65))), "");
    }
}
