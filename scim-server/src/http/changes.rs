//! Changes that share a commit, made one after the other on a thread of their own: no write waits for a change
//! of threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::time::Instant;

use scim_core::http::{Change, Response};
use scim_core::{Error, Handler, Result};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::PATIENCE;
use crate::store::{LONGEST, MOST};

/// Where changes are handed in.
pub(super) struct Changes {
    queue: mpsc::Sender<Waiting>,
}

struct Waiting {
    change: Box<dyn Change>,
    since: Instant,
    /// Whether it was made, once it was tried.
    made: Result<()>,
    answer: oneshot::Sender<Result<Box<dyn Change>>>,
    _permit: OwnedSemaphorePermit,
}

impl Waiting {
    fn make(&mut self) {
        self.made = if self.since.elapsed() > PATIENCE {
            Err(Error::busy("The server is too busy to write now; try again"))
        } else {
            catch_unwind(AssertUnwindSafe(|| self.change.make())).map_err(panicked)
        };
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

    /// Makes a change; answers once it is durable. What the answer takes is done here, not where others wait.
    pub(super) async fn make(
        &self,
        change: Box<dyn Change>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Response> {
        let (answer, answered) = oneshot::channel();
        let stopping = || Error::busy("The server is stopping; try again");
        let since = Instant::now();
        let waiting = Waiting { change, since, made: Ok(()), answer, _permit: permit };
        self.queue.send(waiting).map_err(|_| stopping())?;
        let change = answered.await.map_err(|_| stopping())??;
        catch_unwind(AssertUnwindSafe(|| change.answer())).map_err(panicked)
    }
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Error {
    Error::internal("the change failed with a panic")
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
            let Err(why) = &stored else { return error };
            let why =
                std::error::Error::source(why).map_or_else(|| why.to_string(), ToString::to_string);
            error.with_source(why)
        };
        for Waiting { answer, change, made, _permit, .. } in group {
            // Refusals are told once it is stored, too: what they rest on may be gone with the rest.
            let outcome = match &stored {
                Ok(()) => made.map(|()| change),
                Err(_) => Err(not_stored()),
            };
            // Whoever asked may have gone.
            let _ = answer.send(outcome);
        }
    }
}
