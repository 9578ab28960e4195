//! The workload: phases of a closed loop over a few connections.

mod closed_loop;
mod groups;
mod organizations;
mod phases;
mod sequences;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

pub use organizations::{Grouping, Size};
pub use phases::{Phase, Settings};

use crate::connection::{Endpoint, Request, Token};
use crate::figures::{Figures, Watch};
use crate::messages::{
    encode, external_id, id_of, lists_users, name_prefix, patch_active, user, user_name,
};
use closed_loop::{Check, Limit, run_loop, spread};
use organizations::Tokens;
use sequences::create;

/// A server under load, and what was made in it so far.
#[derive(Debug)]
pub struct Subject {
    endpoint: Endpoint,
    pid: Option<u32>,
    /// Of each organization.
    tokens: Tokens,
    /// The users that are there: number and id.
    users: Rc<Vec<(usize, String)>>,
    /// The ids of groups that were made in each organization.
    groups: Vec<String>,
    /// Times that each user was patched and put, so that each request changes something.
    rounds: Rc<Cell<usize>>,
    /// The number of the next new user.
    next: Rc<Cell<usize>>,
}

impl Subject {
    /// One organization of a server; with its process id its CPU time and memory are told.
    #[must_use]
    pub fn new(endpoint: Endpoint, token: &Token, pid: Option<u32>) -> Self {
        let (users, groups, rounds, next) =
            (Rc::default(), Vec::new(), Rc::default(), Rc::default());
        let tokens = Tokens::one(token);
        Self { endpoint, pid, tokens, users, groups, rounds, next }
    }

    /// Goes on with the same users at another address.
    pub fn move_to(&mut self, endpoint: Endpoint, pid: u32) {
        (self.endpoint, self.pid) = (endpoint, Some(pid));
    }

    /// Runs a phase. It must be polled in a `LocalSet`.
    ///
    /// # Errors
    /// When the phase can't be run at all. Requests that fail are counted.
    pub async fn run(&mut self, phase: Phase, settings: &Settings) -> Result<Vec<Figures>> {
        let name = phase.name();
        if phase != Phase::Create {
            ensure!(!self.users.is_empty(), "there are no users to run {name} with");
        }
        let (users, tokens) = (Rc::clone(&self.users), self.tokens.clone());
        let some = move |i: usize| users.get(spread(i, users.len())).cloned().unwrap_or_default();
        match phase {
            Phase::Create => return Ok(vec![self.create(settings).await]),
            Phase::Get => {
                let picked = some.clone();
                let make = move |i| {
                    let (n, id) = picked(i);
                    tokens.of_user(n).get(format!("/Users/{id}"))
                };
                let check = move |i, body: &[u8]| {
                    let found: Value = serde_json::from_slice(body)?;
                    let name = found.get("userName").and_then(Value::as_str);
                    ensure!(name == Some(&user_name(some(i).0)), "another user: {name:?}");
                    Ok(())
                };
                Ok(vec![self.timed(name, settings, make, Rc::new(check)).await])
            }
            Phase::FilterUserName => {
                Ok(vec![self.filter(name, settings, some, "userName eq", user_name).await])
            }
            Phase::FilterExternalId => {
                let (text, value) = ("externalId eq", external_id);
                Ok(vec![self.filter(name, settings, some, text, value).await])
            }
            Phase::FilterEmail => {
                let (text, value) = ("emails.value eq", user_name);
                Ok(vec![self.filter(name, settings, some, text, value).await])
            }
            Phase::FilterPrefix => {
                let picked = some.clone();
                let theirs = tokens.clone();
                let make = move |i| {
                    let (n, _) = picked(i);
                    let filter = format!("userName sw \"{}\"", name_prefix(n));
                    theirs.of_user(n).get(format!("/Users?count=20&filter={}", encode(&filter)))
                };
                let last = settings.users;
                let check = move |i, body: &[u8]| {
                    let (n, _) = some(i);
                    let first = n / 10 * 10;
                    let alike = first..(first + 10).min(last);
                    let there =
                        |other: &usize| tokens.organization(*other) == tokens.organization(n);
                    let names = alike.filter(there).map(user_name);
                    lists_users(body, &names.collect::<Vec<_>>())
                };
                Ok(vec![self.timed(name, settings, make, Rc::new(check)).await])
            }
            Phase::ListFirst | Phase::ListDeep => {
                let (page, there) = (settings.page, self.users_each());
                let deep = there.saturating_sub(page * 2).max(1);
                let start = if phase == Phase::ListDeep { deep } else { 1 };
                let make = move |i| {
                    let path = format!("/Users?startIndex={start}&count={page}");
                    tokens.of(spread(i, tokens.len())).get(path)
                };
                let check = move |_, body: &[u8]| is_page(body, there, page.min(there));
                Ok(vec![self.timed(name, settings, make, Rc::new(check)).await])
            }
            Phase::PatchActive | Phase::Put => {
                let round = self.rounds.replace(self.rounds.get() + 1000);
                let users = Rc::clone(&self.users);
                let put = phase == Phase::Put;
                let make = move |i: usize| {
                    let round = round + i / users.len();
                    let (n, id) = users.get(i % users.len()).cloned().unwrap_or_default();
                    let body = if put {
                        let mut user = user(n);
                        if let Some(user) = user.as_object_mut() {
                            user.insert("title".into(), format!("Title{round}").into());
                        }
                        user.to_string().into_bytes()
                    } else {
                        patch_active(round % 2 == 1)
                    };
                    let method = if put { "PUT" } else { "PATCH" };
                    tokens.of_user(n).request(method, format!("/Users/{id}"), body)
                };
                let check = |_, body: &[u8]| id_of(body).map(drop);
                Ok(vec![self.timed(name, settings, make, Rc::new(check)).await])
            }
            Phase::Delete => {
                let users = Rc::clone(&self.users);
                let all = users.len();
                let make = move |i| {
                    let (n, id) = users.get(i).cloned().unwrap_or_default();
                    tokens.of_user(n).request("DELETE", format!("/Users/{id}"), Vec::new())
                };
                let watch = Watch::begin(self.pid);
                let limit = Limit { requests: all, time: Some(settings.seconds) };
                let tally = run_loop(
                    &self.endpoint,
                    settings.connections,
                    limit,
                    make,
                    Rc::new(|_, _| Ok(())),
                )
                .await;
                Ok(vec![watch.end(name, tally, 1.0)])
            }
            Phase::ListByCursor => Ok(vec![self.by_cursor(settings).await]),
            Phase::Sync => Ok(vec![self.sync(settings).await]),
            Phase::Bulk => Ok(vec![self.bulk(settings).await]),
            Phase::Group => self.group(settings).await,
        }
    }

    async fn create(&mut self, settings: &Settings) -> Figures {
        self.grow(settings.users, settings).await
    }

    /// Creates users until there are so many, and keeps their ids, by number.
    pub async fn grow(&mut self, users: usize, settings: &Settings) -> Figures {
        let first = self.users.len();
        let new = users.saturating_sub(first);
        let made = Rc::new(RefCell::new(vec![None; new]));
        let keep = Rc::clone(&made);
        let tokens = self.tokens.clone();
        let make = move |i| create(&tokens.of_user(first + i), first + i);
        let check = move |i: usize, body: &[u8]| {
            let id = id_of(body)?;
            *keep.borrow_mut().get_mut(i).context("a user too many")? = Some(id);
            Ok(())
        };
        let watch = Watch::begin(self.pid);
        let limit = Limit { requests: new, time: None };
        let tally =
            run_loop(&self.endpoint, settings.connections, limit, make, Rc::new(check)).await;
        let figures = watch.end(Phase::Create.name(), tally, 1.0);
        let made = made.take().into_iter().enumerate();
        let made = made.filter_map(|(n, id)| Some((first + n, id?)));
        self.users = Rc::new(self.users.iter().cloned().chain(made).collect());
        self.next.set(users.next_multiple_of(10));
        figures
    }

    async fn filter(
        &self,
        name: &str,
        settings: &Settings,
        some: impl Fn(usize) -> (usize, String) + Clone + 'static,
        text: &'static str,
        value: fn(usize) -> String,
    ) -> Figures {
        let picked = some.clone();
        let tokens = self.tokens.clone();
        let make = move |i| {
            let (n, _) = picked(i);
            let filter = format!("{text} \"{}\"", value(n));
            tokens.of_user(n).get(format!("/Users?filter={}", encode(&filter)))
        };
        let check = move |i, body: &[u8]| lists_users(body, &[user_name(some(i).0)]);
        self.timed(name, settings, make, Rc::new(check)).await
    }

    async fn timed(
        &self,
        name: &str,
        settings: &Settings,
        make: impl Fn(usize) -> Request + 'static,
        check: Check,
    ) -> Figures {
        let watch = Watch::begin(self.pid);
        let limit = Limit { requests: usize::MAX, time: Some(settings.seconds) };
        let tally = run_loop(&self.endpoint, settings.connections, limit, make, check).await;
        watch.end(name, tally, 1.0)
    }
}

/// A page of a list: of that many results, with that many resources.
fn is_page(body: &[u8], total: usize, resources: usize) -> Result<()> {
    let list: Value = serde_json::from_slice(body)?;
    let there = list.get("totalResults").and_then(Value::as_u64);
    ensure!(there >= Some(total as u64), "{there:?} results instead of {total}");
    let found = list.get("Resources").and_then(Value::as_array).map_or(0, Vec::len);
    ensure!(found == resources, "{found} resources instead of {resources}");
    Ok(())
}
