//! Reads request bodies within a size and a time; actix-web has no time-out for them.

use std::time::Duration;

use actix_web::http::header::CONTENT_LENGTH;
use actix_web::{HttpRequest, web};
use futures_util::StreamExt as _;
use scim_core::{Error, Kind, Result};

pub(super) async fn read(
    request: &HttpRequest,
    payload: web::Payload,
    limit: usize,
    patience: Duration,
) -> Result<Vec<u8>> {
    let too_large = || {
        let detail = format!("The body of such a request may be {limit} bytes large");
        Error::new(Kind::PayloadTooLarge, detail)
    };
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|n| n.to_str().ok());
    if announced.and_then(|n| n.parse::<u64>().ok()).is_some_and(|n| n > limit as u64) {
        return Err(too_large());
    }
    let collect = async {
        let mut payload = payload.into_inner();
        let mut body = Vec::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|e| {
                Error::new(Kind::BadRequest, "The body ended before its time")
                    .with_source(e.to_string())
            })?;
            if body.len().saturating_add(chunk.len()) > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    };
    tokio::time::timeout(patience, collect).await.unwrap_or_else(|_| {
        let detail = format!("The body did not arrive within {} seconds", patience.as_secs());
        Err(Error::new(Kind::RequestTimeout, detail))
    })
}
