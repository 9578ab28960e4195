//! The closed loop: connections, each of which sends its next request once the last is answered.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::connection::{Connection, Endpoint, Request};
use crate::figures::Tally;

/// What looks into an answer.
pub(super) type Check = Rc<dyn Fn(usize, &[u8]) -> Result<()>>;

/// One answer in so many is looked into.
pub(super) const CHECK_EVERY: usize = 20;

/// When a loop ends.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    pub(super) requests: usize,
    /// Seconds.
    pub(super) time: Option<f64>,
}

/// Each connection takes the next number until they or the time are used up.
pub(super) async fn run_loop(
    endpoint: &Endpoint,
    connections: usize,
    limit: Limit,
    make: impl Fn(usize) -> Request + 'static,
    check: Check,
) -> Tally {
    let (make, next) = (Rc::new(make), Rc::new(Cell::new(0_usize)));
    let check_every = if limit.time.is_none() { 1 } else { CHECK_EVERY };
    let end = limit.time.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds));
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            let (make, next, check) = (Rc::clone(&make), Rc::clone(&next), Rc::clone(&check));
            let mut connection = Connection::new(endpoint);
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

/// Waits for all and adds up.
pub(super) async fn join(tasks: Vec<tokio::task::JoinHandle<Tally>>) -> Tally {
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
pub(super) async fn exchange(
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

/// A number from 0 to `among`, which jumps from one `i` to the next: nothing is met twice in a row.
pub(super) fn spread(i: usize, among: usize) -> usize {
    (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20) % among.max(1)
}
