//! Phases in which one request follows from another, or does many things.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::Value;

use super::closed_loop::{CHECK_EVERY, exchange, join, spread};
use super::{Phase, Settings, Subject, is_page};
use crate::connection::{Connection, Request, Token};
use crate::figures::{Figures, Tally, Watch};
use crate::messages::{bulk, encode, lists_users, user, user_name};

impl Subject {
    /// Each connection walks through all users of an organization by cursor (RFC 9865), then of another one.
    pub(super) async fn by_cursor(&self, settings: &Settings) -> Figures {
        let (page, there) = (settings.page, self.users_each());
        let watch = Watch::begin(self.pid);
        let end = Instant::now() + Duration::from_secs_f64(settings.seconds);
        let walks = Rc::new(Cell::new(0_usize));
        let tasks: Vec<_> = (0..settings.connections)
            .map(|_| {
                let mut connection = Connection::new(&self.endpoint);
                let (tokens, walks) = (self.tokens.clone(), Rc::clone(&walks));
                tokio::task::spawn_local(async move {
                    let (mut tally, mut cursor, mut i) = (Tally::default(), String::new(), 0_usize);
                    let mut token = Token::default();
                    while Instant::now() < end && !tally.is_hopeless() {
                        if cursor.is_empty() {
                            let walk = walks.replace(walks.get() + 1);
                            token = tokens.of(spread(walk, tokens.len()));
                        }
                        let path = format!("/Users?count={page}&cursor={}", encode(&cursor));
                        let body = exchange(&mut connection, &token.get(path), &mut tally).await;
                        let body = body.unwrap_or_default();
                        cursor = next_cursor(&body).unwrap_or_default().to_owned();
                        i += 1;
                        // The last page of several may be shorter.
                        let is_full = !cursor.is_empty() || there <= page;
                        if i.is_multiple_of(CHECK_EVERY) && is_full {
                            tally.checked(is_page(&body, there, page.min(there)));
                        }
                    }
                    tally
                })
            })
            .collect();
        watch.end(Phase::ListByCursor.name(), join(tasks).await, 1.0)
    }

    /// What an identity provider does for a new user: it looks for it, finds nothing, and creates it.
    pub(super) async fn sync(&self, settings: &Settings) -> Figures {
        let watch = Watch::begin(self.pid);
        let end = Instant::now() + Duration::from_secs_f64(settings.seconds);
        let tasks: Vec<_> = (0..settings.connections)
            .map(|_| {
                let (mut connection, next) =
                    (Connection::new(&self.endpoint), Rc::clone(&self.next));
                let tokens = self.tokens.clone();
                tokio::task::spawn_local(async move {
                    // The look-ups are counted apart: what is told of is users.
                    let (mut users, mut looks) = (Tally::default(), Tally::default());
                    while Instant::now() < end && !users.is_hopeless() && !looks.is_hopeless() {
                        let n = next.replace(next.get() + 1);
                        let filter = encode(&format!("userName eq \"{}\"", user_name(n)));
                        let token = tokens.of_user(n);
                        let look = token.get(format!("/Users?filter={filter}"));
                        let Some(body) = exchange(&mut connection, &look, &mut looks).await else {
                            continue;
                        };
                        users.checked(lists_users(&body, &[]));
                        exchange(&mut connection, &create(&token, n), &mut users).await;
                    }
                    if looks.done() == 0 {
                        users.merge(looks);
                    }
                    users
                })
            })
            .collect();
        watch.end(Phase::Sync.name(), join(tasks).await, 1.0)
    }

    /// Bulk requests, one after another; what is told of is operations.
    pub(super) async fn bulk(&self, settings: &Settings) -> Figures {
        let bodies: Vec<_> = (0..5)
            .map(|_| {
                let first = self.next.replace(self.next.get() + settings.bulk);
                bulk(first..first + settings.bulk)
            })
            .collect();
        let mut connection = Connection::new(&self.endpoint);
        let (watch, mut tally) = (Watch::begin(self.pid), Tally::default());
        for (i, body) in bodies.into_iter().enumerate() {
            let request = self.tokens.of(i).request("POST", "/Bulk".into(), body);
            if let Some(body) = exchange(&mut connection, &request, &mut tally).await {
                tally.checked(all_created(&body, settings.bulk));
            }
        }
        watch.end(Phase::Bulk.name(), tally, settings.bulk as f64)
    }
}

/// Creates user `n`.
pub(super) fn create(token: &Token, n: usize) -> Request {
    token.request("POST", "/Users".into(), user(n).to_string().into_bytes())
}

/// The `nextCursor`, looked for in the text: parsing each page would cost more than serving it. Where a server
/// puts it behind the resources, it is found there.
fn next_cursor(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("\"nextCursor\":\"")?;
    rest.split('"').next()
}

fn all_created(body: &[u8], operations: usize) -> Result<()> {
    let answer: Value = serde_json::from_slice(body)?;
    let done = answer.get("Operations").and_then(Value::as_array);
    let done = done.map(Vec::as_slice).unwrap_or_default().iter();
    let created = done.filter(|o| o.get("status").and_then(Value::as_str) == Some("201")).count();
    ensure!(created == operations, "{created} of {operations} operations were done");
    Ok(())
}
