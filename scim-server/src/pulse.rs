//! [`Pulse`]: whether the database answers at all.
//!
//! A PostgreSQL that is gone refuses connections, and each request notices. One that hangs (its machine
//! stopped, its disk stuck, the network swallowing packets) says nothing, and who waits for it waits without
//! end, since its own time limits hang with it. So one thread asks it once a second, on a connection of its
//! own. If it hears nothing for long, those who wait are answered, and nobody else begins to wait. The
//! threads that then hang are at most as many as there are connections.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use scim_core::{Error, Result};
use tokio::sync::watch;

use crate::store::{DieselStore, Heart};

/// How often it is asked.
const EVERY: Duration = Duration::from_secs(1);
/// A connection that fails in that time was refused: an answer too. One that takes longer was not answered.
const REFUSED: Duration = Duration::from_secs(1);
/// How often is looked whether it was heard.
const LOOK: Duration = Duration::from_millis(250);

/// Whether the database answers. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Pulse(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    heard: Mutex<Instant>,
    limit: Duration,
    hangs: watch::Sender<bool>,
}

impl Pulse {
    /// Asks the database of a store from now on, if it is one that can hang; `limit` is how long it may say
    /// nothing.
    ///
    /// # Errors
    /// If there can be no thread.
    pub(crate) fn of(store: &DieselStore, limit: Duration) -> std::io::Result<Self> {
        let inner = Inner {
            heard: Mutex::new(Instant::now()),
            limit: limit.max(Duration::from_secs(2)) + EVERY,
            hangs: watch::Sender::new(false),
        };
        let this = Self(Arc::new(inner));
        if let Some(heart) = store.heart() {
            let pulse = this.clone();
            std::thread::Builder::new()
                .name("pulse".to_owned())
                .spawn(move || pulse.listen(heart))?;
        }
        Ok(this)
    }

    fn listen(&self, mut heart: Heart) {
        loop {
            let asked = Instant::now();
            if heart.beat().is_ok() || asked.elapsed() < REFUSED {
                *self.0.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            }
            std::thread::sleep(EVERY);
        }
    }

    /// Tells those who wait, as long as it is awaited.
    pub(crate) async fn watch(&self, store: &DieselStore) {
        if !store.can_hang() {
            return;
        }
        loop {
            tokio::time::sleep(LOOK).await;
            let heard = *self.0.heard.lock().unwrap_or_else(PoisonError::into_inner);
            let silent = heard.elapsed() > self.0.limit;
            self.0.hangs.send_if_modified(|hangs| {
                let changed = *hangs != silent;
                if changed && silent {
                    log::error!("the database says nothing: requests get 503 until it does");
                } else if changed {
                    log::info!("the database answers again");
                }
                *hangs = silent;
                changed
            });
        }
    }

    /// Whether it hangs.
    pub(crate) fn hangs(&self) -> bool {
        *self.0.hangs.borrow()
    }

    /// Waits for what a thread does, but not for a database that hangs. What the thread has begun may
    /// happen nonetheless, later.
    ///
    /// # Errors
    /// [`scim_core::Kind::Busy`] if it hangs.
    pub(crate) async fn outlive<R>(&self, work: impl Future<Output = R>) -> Result<R> {
        let mut hangs = self.0.hangs.subscribe();
        if *hangs.borrow_and_update() {
            return Err(hanging());
        }
        tokio::select! {
            biased;
            done = work => Ok(done),
            Ok(_) = hangs.wait_for(|hangs| *hangs) => Err(hanging()),
        }
    }
}

fn hanging() -> Error {
    Error::busy("The database does not answer; try again")
}
