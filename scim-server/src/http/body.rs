//! Reads request bodies within a size and a time, and all of them within a size together; actix-web has no time-out
//! for them.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use actix_web::{HttpRequest, web};
use futures_util::StreamExt as _;
use scim_core::{Error, Kind, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::PATIENCE;

/// What a body may have without asking for room, in bytes.
pub(super) const SMALL: usize = 32 << 10;
/// What room is counted in, in bytes.
const UNIT: usize = 1 << 10;

/// Room for the bodies that are not small, while they come in and are worked on.
#[derive(Clone)]
pub(super) struct Room(Arc<Semaphore>);

/// A body, and the room that it takes.
pub(super) struct Received {
    bytes: Vec<u8>,
    taken: Option<OwnedSemaphorePermit>,
}

impl Received {
    /// The bytes, and what holds their room until it is dropped.
    pub(super) fn into_parts(self) -> (Vec<u8>, impl Send) {
        (self.bytes, self.taken)
    }
}

impl Deref for Received {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Room {
    /// Room for so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new((bytes / UNIT).min(Semaphore::MAX_PERMITS))))
    }

    /// Takes the room that a body of that many bytes needs beyond what it has.
    async fn take(&self, received: &mut Received, bytes: usize) -> Result<()> {
        let has = received.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let needs = bytes.saturating_sub(SMALL).div_ceil(UNIT);
        let Some(more) = needs.checked_sub(has).filter(|more| *more > 0) else { return Ok(()) };
        let busy = || Error::busy("The server has no room for a large request now; try again");
        let more = u32::try_from(more).map_err(|_| busy())?;
        let more = tokio::time::timeout(PATIENCE, Arc::clone(&self.0).acquire_many_owned(more));
        let more = more.await.map_err(|_| busy())?.map_err(|_| busy())?;
        match &mut received.taken {
            Some(taken) => taken.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }
}

/// How long a body says that it is; nothing, if it doesn't say.
pub(super) fn announced(request: &HttpRequest) -> Option<u64> {
    let headers = request.headers();
    match headers.get(CONTENT_LENGTH) {
        Some(length) => length.to_str().ok()?.parse().ok(),
        None => (!headers.contains_key("transfer-encoding")).then_some(0),
    }
}

pub(super) async fn read(
    request: &HttpRequest,
    payload: web::Payload,
    limit: usize,
    patience: Duration,
    room: &Room,
) -> Result<Received> {
    let too_large = || {
        let detail = format!("The body of such a request may be {limit} bytes large");
        Error::new(Kind::PayloadTooLarge, detail)
    };
    if let Some(coding) = request.headers().get(CONTENT_ENCODING)
        && !coding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        let detail = format!(
            "The body is sent with Content-Encoding {}; send it as it is",
            String::from_utf8_lossy(coding.as_bytes()).escape_debug()
        );
        return Err(Error::new(Kind::UnsupportedMediaType, detail));
    }
    if announced(request).is_some_and(|n| n > limit as u64) {
        return Err(too_large());
    }
    let collect = async {
        let mut payload = payload.into_inner();
        let mut received = Received { bytes: Vec::new(), taken: None };
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|e| {
                Error::new(Kind::BadRequest, "The body ended before its time")
                    .with_source(e.to_string())
            })?;
            let length = received.len().saturating_add(chunk.len());
            if length > limit {
                return Err(too_large());
            }
            room.take(&mut received, length).await?;
            received.bytes.extend_from_slice(&chunk);
        }
        Ok(received)
    };
    tokio::time::timeout(patience, collect).await.unwrap_or_else(|_| {
        let detail = format!("The body did not arrive within {} seconds", patience.as_secs());
        Err(Error::new(Kind::RequestTimeout, detail))
    })
}
