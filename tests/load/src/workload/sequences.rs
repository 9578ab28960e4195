//! Phases in which one request follows from another, or does many things.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::Value;

use super::{Phase, Settings, Subject, exchange, is_page, join};
use crate::connection::{Connection, Request};
use crate::figures::{Figures, Tally, Watch};
use crate::messages::{bulk, encode, lists_users, user, user_name};

impl Subject {
    /// Each connection walks through all users by cursor (RFC 9865), again and again.
    pub(super) async fn by_cursor(&self, settings: &Settings) -> Figures {
        let (page, there) = (settings.page, self.users.len());
        let watch = Watch::begin(self.pid);
        let end = Instant::now() + Duration::from_secs_f64(settings.seconds);
        let tasks: Vec<_> = (0..settings.connections)
            .map(|_| {
                let mut connection = Connection::new(&self.endpoint);
                tokio::task::spawn_local(async move {
                    let (mut tally, mut cursor, mut i) = (Tally::default(), String::new(), 0_usize);
                    while Instant::now() < end && !tally.is_hopeless() {
                        let path = format!("/Users?count={page}&cursor={}", encode(&cursor));
                        let body = exchange(&mut connection, &Request::get(path), &mut tally).await;
                        let body = body.unwrap_or_default();
                        cursor = next_cursor(&body).unwrap_or_default().to_owned();
                        i += 1;
                        if i.is_multiple_of(super::CHECK_EVERY) && !cursor.is_empty() {
                            tally.checked(is_page(&body, there, page));
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
                tokio::task::spawn_local(async move {
                    // The look-ups are counted apart: what is told of is users.
                    let (mut users, mut looks) = (Tally::default(), Tally::default());
                    while Instant::now() < end && !users.is_hopeless() && !looks.is_hopeless() {
                        let n = next.replace(next.get() + 1);
                        let filter = encode(&format!("userName eq \"{}\"", user_name(n)));
                        let look = Request::get(format!("/Users?filter={filter}"));
                        let Some(body) = exchange(&mut connection, &look, &mut looks).await else {
                            continue;
                        };
                        users.checked(lists_users(&body, &[]));
                        exchange(&mut connection, &create(n), &mut users).await;
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
        for body in bodies {
            let request = Request { method: "POST", path: "/Bulk".into(), body };
            if let Some(body) = exchange(&mut connection, &request, &mut tally).await {
                tally.checked(all_created(&body, settings.bulk));
            }
        }
        watch.end(Phase::Bulk.name(), tally, settings.bulk as f64)
    }
}

fn create(n: usize) -> Request {
    Request { method: "POST", path: "/Users".into(), body: user(n).to_string().into_bytes() }
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
