//! The workload: phases of a closed loop over a few connections.

mod groups;
mod sequences;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde_json::Value;

use crate::connection::{Connection, Endpoint, Request};
use crate::figures::{Figures, Tally, Watch};
use crate::messages::{
    encode, external_id, id_of, lists_users, name_prefix, patch_active, user, user_name,
};

/// How much of what is sent.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Users to create
    #[arg(long, default_value_t = 12_000)]
    pub users: usize,
    /// Connections, each with one request at a time
    #[arg(long, default_value_t = 16)]
    pub connections: usize,
    /// Seconds that a timed phase takes
    #[arg(long, default_value_t = 3.0)]
    pub seconds: f64,
    /// Sizes of the group whose members are changed
    #[arg(long, value_delimiter = ',', default_value = "100,1000,10000")]
    pub members: Vec<usize>,
    /// Members added and removed, one at a time, at each size
    #[arg(long, default_value_t = 200)]
    pub samples: usize,
    /// Resources on a page
    #[arg(long, default_value_t = 100)]
    pub page: usize,
    /// Operations in a bulk request
    #[arg(long, default_value_t = 1000)]
    pub bulk: usize,
    /// Only these phases, by name; the users are created in any case
    #[arg(long, value_delimiter = ',')]
    pub phases: Vec<String>,
}

impl Settings {
    /// Whether a phase is asked for.
    #[must_use]
    pub fn runs(&self, phase: Phase) -> bool {
        phase == Phase::Create
            || self.phases.is_empty()
            || self.phases.iter().any(|name| name == phase.name())
    }
}

/// A part of the workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Phase {
    Create,
    Get,
    FilterUserName,
    FilterExternalId,
    FilterEmail,
    FilterPrefix,
    ListFirst,
    ListDeep,
    ListByCursor,
    PatchActive,
    Put,
    Sync,
    Group,
    Bulk,
    Delete,
}

impl Phase {
    /// All of them, in order.
    pub const ALL: [Self; 15] = [
        Self::Create,
        Self::Get,
        Self::FilterUserName,
        Self::FilterExternalId,
        Self::FilterEmail,
        Self::FilterPrefix,
        Self::ListFirst,
        Self::ListDeep,
        Self::ListByCursor,
        Self::PatchActive,
        Self::Put,
        Self::Sync,
        Self::Group,
        Self::Bulk,
        Self::Delete,
    ];

    /// Its name, in options and figures.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Get => "get",
            Self::FilterUserName => "filter-user-name",
            Self::FilterExternalId => "filter-external-id",
            Self::FilterEmail => "filter-email",
            Self::FilterPrefix => "filter-prefix",
            Self::ListFirst => "list-first",
            Self::ListDeep => "list-deep",
            Self::ListByCursor => "list-by-cursor",
            Self::PatchActive => "patch-active",
            Self::Put => "put",
            Self::Sync => "sync",
            Self::Group => "group",
            Self::Bulk => "bulk",
            Self::Delete => "delete",
        }
    }
}

/// A server under load, and what was made in it so far.
#[derive(Debug)]
pub struct Subject {
    endpoint: Endpoint,
    pid: Option<u32>,
    /// The users that are there: number and id.
    users: Rc<Vec<(usize, String)>>,
    /// Times that each user was patched and put, so that each request changes something.
    rounds: Rc<Cell<usize>>,
    /// The number of the next new user.
    next: Rc<Cell<usize>>,
}

/// What looks into an answer.
type Check = Rc<dyn Fn(usize, &[u8]) -> Result<()>>;

/// One answer in so many is looked into.
const CHECK_EVERY: usize = 20;

impl Subject {
    /// A server; with its process id its CPU time and memory are told.
    #[must_use]
    pub fn new(endpoint: Endpoint, pid: Option<u32>) -> Self {
        let (rounds, next) = (Rc::default(), Rc::default());
        Self { endpoint, pid, users: Rc::default(), rounds, next }
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
        let users = Rc::clone(&self.users);
        let some = move |i: usize| {
            let spread = (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20) % users.len().max(1);
            users.get(spread).cloned().unwrap_or_default()
        };
        match phase {
            Phase::Create => return Ok(vec![self.create(settings).await]),
            Phase::Get => {
                let picked = some.clone();
                let make = move |i| Request::get(format!("/Users/{}", picked(i).1));
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
                let make = move |i| {
                    let filter = format!("userName sw \"{}\"", name_prefix(picked(i).0));
                    Request::get(format!("/Users?count=20&filter={}", encode(&filter)))
                };
                let last = settings.users;
                let check = move |i, body: &[u8]| {
                    let first = some(i).0 / 10 * 10;
                    let names = (first..(first + 10).min(last)).map(user_name);
                    lists_users(body, &names.collect::<Vec<_>>())
                };
                Ok(vec![self.timed(name, settings, make, Rc::new(check)).await])
            }
            Phase::ListFirst | Phase::ListDeep => {
                let (page, there) = (settings.page, self.users.len());
                let deep = there.saturating_sub(page * 2).max(1);
                let start = if phase == Phase::ListDeep { deep } else { 1 };
                let make = move |_| Request::get(format!("/Users?startIndex={start}&count={page}"));
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
                    Request { method, path: format!("/Users/{id}"), body }
                };
                let check = |_, body: &[u8]| id_of(body).map(drop);
                Ok(vec![self.timed(name, settings, make, Rc::new(check)).await])
            }
            Phase::Delete => {
                let users = Rc::clone(&self.users);
                let all = users.len();
                let make = move |i| {
                    let (_, id) = users.get(i).cloned().unwrap_or_default();
                    Request { method: "DELETE", path: format!("/Users/{id}"), body: Vec::new() }
                };
                let watch = Watch::begin(self.pid);
                let limit = Limit { requests: all, time: Some(settings.seconds) };
                let tally = self.run_loop(settings, limit, make, Rc::new(|_, _| Ok(()))).await;
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
        let make = move |i| Request {
            method: "POST",
            path: "/Users".into(),
            body: user(first + i).to_string().into_bytes(),
        };
        let check = move |i: usize, body: &[u8]| {
            let id = id_of(body)?;
            *keep.borrow_mut().get_mut(i).context("a user too many")? = Some(id);
            Ok(())
        };
        let watch = Watch::begin(self.pid);
        let limit = Limit { requests: new, time: None };
        let tally = self.run_loop(settings, limit, make, Rc::new(check)).await;
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
        let make = move |i| {
            let filter = format!("{text} \"{}\"", value(picked(i).0));
            Request::get(format!("/Users?filter={}", encode(&filter)))
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
        let tally = self.run_loop(settings, limit, make, check).await;
        watch.end(name, tally, 1.0)
    }

    /// Each connection takes the next number until they or the time are used up.
    async fn run_loop(
        &self,
        settings: &Settings,
        limit: Limit,
        make: impl Fn(usize) -> Request + 'static,
        check: Check,
    ) -> Tally {
        let (make, next) = (Rc::new(make), Rc::new(Cell::new(0_usize)));
        let check_every = if limit.time.is_none() { 1 } else { CHECK_EVERY };
        let end = limit.time.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds));
        let tasks: Vec<_> = (0..settings.connections)
            .map(|_| {
                let (make, next, check) = (Rc::clone(&make), Rc::clone(&next), Rc::clone(&check));
                let mut connection = Connection::new(&self.endpoint);
                tokio::task::spawn_local(async move {
                    let mut tally = Tally::default();
                    if let Err(error) = connection.open().await {
                        tally.error(format!("{error:#}"));
                    }
                    while end.is_none_or(|end| Instant::now() < end) && !tally.is_hopeless() {
                        let i = next.get();
                        if i >= limit.requests {
                            break;
                        }
                        next.set(i + 1);
                        let request = make(i);
                        let body = exchange(&mut connection, &request, &mut tally).await;
                        if let Some(body) = body.filter(|_| i % check_every == 0) {
                            tally.checked(check(i, &body));
                        }
                    }
                    tally
                })
            })
            .collect();
        join(tasks).await
    }
}

#[derive(Clone, Copy)]
struct Limit {
    requests: usize,
    /// Seconds.
    time: Option<f64>,
}

/// Waits for all and adds up.
async fn join(tasks: Vec<tokio::task::JoinHandle<Tally>>) -> Tally {
    let mut all = Tally::default();
    for task in tasks {
        match task.await {
            Ok(tally) => all.merge(tally),
            Err(error) => all.error(error),
        }
    }
    all
}

/// Sends one request and counts its answer; gives the body of a good one.
async fn exchange(
    connection: &mut Connection,
    request: &Request,
    tally: &mut Tally,
) -> Option<Vec<u8>> {
    let began = Instant::now();
    match connection.send(request).await {
        Ok(answer) if (200..300).contains(&answer.status) => {
            tally.good(began.elapsed());
            Some(answer.body)
        }
        Ok(answer) => {
            let body = String::from_utf8_lossy(&answer.body);
            tally.error(format!("{} {}: {} {body}", request.method, request.path, answer.status));
            None
        }
        Err(error) => {
            tally.error(format!("{} {}: {error:#}", request.method, request.path));
            None
        }
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
