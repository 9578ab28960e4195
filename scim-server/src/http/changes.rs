//! Changes that share a commit, made one after the other on a thread of their own: no write waits for a change
//! of threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use scim_core::http::Response;
use scim_core::{Error, Handler, Result};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::PATIENCE;

/// The most changes that share a commit.
const MOST: usize = 128;
/// How long the first of them waits for others at the most.
const LONGEST: Duration = Duration::from_millis(5);

/// A change that has been prepared.
pub(super) type Change = Box<dyn FnMut() -> Response + Send>;

/// Where changes are handed in.
pub(super) struct Changes {
    queue: mpsc::Sender<Waiting>,
}

struct Waiting {
    change: Change,
    since: Instant,
    /// What it answered, once it was made.
    response: Option<Response>,
    answer: oneshot::Sender<Response>,
    _permit: OwnedSemaphorePermit,
}

impl Waiting {
    fn make(&mut self) {
        self.response = Some(if self.since.elapsed() > PATIENCE {
            Response::from(Error::busy("The server is too busy to write now; try again"))
        } else {
            catch_unwind(AssertUnwindSafe(&mut self.change)).unwrap_or_else(|_| {
                Response::from(Error::internal("the change failed with a panic"))
            })
        });
    }
}

impl Changes {
    /// Starts the thread; it ends with this.
    pub(super) fn new(handler: Arc<dyn Handler>) -> std::io::Result<Self> {
        let (queue, waiting) = mpsc::channel();
        let thread = std::thread::Builder::new().name("changes".into());
        thread.spawn(move || make_all(&*handler, &waiting))?;
        Ok(Self { queue })
    }

    /// Makes a change; answers once it is durable.
    pub(super) async fn make(
        &self,
        change: Change,
        permit: OwnedSemaphorePermit,
    ) -> Result<Response> {
        let (answer, answered) = oneshot::channel();
        let stopping = || Error::busy("The server is stopping; try again");
        let waiting =
            Waiting { change, since: Instant::now(), response: None, answer, _permit: permit };
        self.queue.send(waiting).map_err(|_| stopping())?;
        answered.await.map_err(|_| stopping())
    }
}

fn make_all(handler: &dyn Handler, queue: &mpsc::Receiver<Waiting>) {
    while let Ok(first) = queue.recv() {
        let mut group = vec![first];
        let began = Instant::now();
        let stored = handler.together(&mut || {
            // It may be run again, with those that are in the group by then.
            let mut made = 0;
            loop {
                if let Some(waiting) = group.get_mut(made) {
                    waiting.make();
                    made += 1;
                    continue;
                }
                if made >= MOST || began.elapsed() >= LONGEST {
                    return;
                }
                let Ok(next) = queue.try_recv() else { return };
                group.push(next);
            }
        });
        let not_stored = || {
            let error = Error::busy("The change could not be stored; try again");
            let Err(why) = &stored else { return Response::from(error) };
            let why =
                std::error::Error::source(why).map_or_else(|| why.to_string(), ToString::to_string);
            Response::from(error.with_source(why))
        };
        for Waiting { answer, response, _permit, .. } in group {
            let response = match (&stored, response) {
                (Ok(()), Some(response)) => response,
                // Refusals too: what they rest on may be gone with the rest.
                _ => not_stored(),
            };
            // Whoever asked may have gone.
            let _ = answer.send(response);
        }
    }
}
