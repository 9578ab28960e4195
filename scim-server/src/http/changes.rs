//! Changes that share a commit, made one after the other on a thread of their own: no write waits for a change
//! of threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use scim_core::http::Response;
use scim_core::{Error, Handler, Result};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::scim::PATIENCE;

/// The most changes that share a commit.
const MOST: usize = 128;
/// How long the first of them waits for others at the most.
const LONGEST: Duration = Duration::from_millis(5);

/// A change that has been prepared.
pub(super) type Change = Box<dyn FnOnce() -> Response + Send>;

/// Where changes are handed in.
pub(super) struct Changes {
    queue: mpsc::Sender<Waiting>,
}

struct Waiting {
    change: Change,
    since: Instant,
    answer: oneshot::Sender<Response>,
    _permit: OwnedSemaphorePermit,
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
        let waiting = Waiting { change, since: Instant::now(), answer, _permit: permit };
        self.queue.send(waiting).map_err(|_| stopping())?;
        answered.await.map_err(|_| stopping())
    }
}

fn make_all(handler: &dyn Handler, queue: &mpsc::Receiver<Waiting>) {
    while let Ok(first) = queue.recv() {
        let (mut next, mut made) = (Some(first), Vec::new());
        let began = Instant::now();
        let stored = handler.together(&mut || {
            while let Some(Waiting { change, since, answer, _permit }) = next.take() {
                let response = if since.elapsed() > PATIENCE {
                    Response::from(Error::busy("The server is too busy to write now; try again"))
                } else {
                    catch_unwind(AssertUnwindSafe(change)).unwrap_or_else(|_| {
                        Response::from(Error::internal("the change failed with a panic"))
                    })
                };
                made.push((answer, response, _permit));
                if made.len() < MOST && began.elapsed() < LONGEST {
                    next = queue.try_recv().ok();
                }
            }
        });
        let not_stored = |error: &Error| {
            let why = std::error::Error::source(error)
                .map_or_else(|| error.to_string(), ToString::to_string);
            Response::from(
                Error::busy("The change could not be stored; try again").with_source(why),
            )
        };
        if let (Err(error), Some(Waiting { answer, .. })) = (&stored, next) {
            // Nothing was begun. Whoever asked may have gone, here and below.
            let _ = answer.send(not_stored(error));
        }
        for (answer, response, _permit) in made {
            let response = match &stored {
                Ok(()) => response,
                // Refusals too: what they rest on may be gone with the rest.
                Err(error) => not_stored(error),
            };
            let _ = answer.send(response);
        }
    }
}
