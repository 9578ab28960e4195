//! The bridge from actix to the [`Handler`](scim_core::Handler). What takes a moment is answered where it
//! came in; changes go to the thread that makes them; for all else there is one permit and one blocking call.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use actix_web::http::header::{CONTENT_TYPE, HOST, HeaderName, IF_MATCH, IF_NONE_MATCH};
use actix_web::web::Bytes;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, web};
use futures_util::stream;
use scim_core::http::{Begun, Body, Request, Response};
use scim_core::{Caller, Error, Kind, Result};
use tokio::sync::Semaphore;

use super::body::Received;
use super::observe::{Normalized, RequestId};
use super::{State, body, header, status};
use crate::pulse::Pulse;

/// Answers everything below the base path.
pub(super) async fn answer(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let response = match respond(&state, &request, payload).await {
        Ok(response) => response,
        Err(error) => Response::from(error),
    };
    if let Some(error) = response.error.as_ref().filter(|e| e.kind().is_of_the_server()) {
        let id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
        log::error!(id = id.unwrap_or_default(); "{}", chain(error));
    }
    note_failure(&state, &request, &response);
    let timed_out = response.status == Kind::RequestTimeout.status();
    let mut answer = HttpResponse::build(status(response.status));
    for (name, value) in response.headers {
        answer.insert_header((name, value));
    }
    if timed_out {
        answer.force_close();
    }
    let mut answer = match response.body {
        Body::Empty => answer.finish(),
        Body::Full(bytes) => answer.body(bytes),
        Body::Chunks(chunks) => {
            let (pulse, pieces) = (state.pulse.clone(), Arc::clone(&state.pieces));
            answer.streaming(stream_of(chunks, pulse, pieces))
        }
    };
    answer.extensions_mut().insert(Normalized(response.normalized));
    answer
}

/// What is refused to a client is told in the log of its organization.
fn note_failure(state: &State, request: &HttpRequest, response: &Response) {
    let extensions = request.extensions();
    let (caller, id) = (extensions.get::<Caller>(), extensions.get::<RequestId>());
    let (Some(caller), Some(id)) = (caller, id) else { return };
    let path = request.uri().path();
    let path = path.strip_prefix(state.config.base_path.as_str()).unwrap_or_default();
    let answer = (response.status, response.error.as_ref());
    state.failures.note(caller, (request.method().as_str(), path), answer, &id.0);
}

async fn respond(
    state: &web::Data<State>,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<Response> {
    let missing = || Error::internal("a request without its caller or id");
    let caller = request.extensions().get::<Caller>().cloned().ok_or_else(missing)?;
    let id = request.extensions().get::<RequestId>().cloned().ok_or_else(missing)?;
    // The path as sent: an encoded base path was routed here too, and names nothing (S14).
    let path = request.uri().path();
    let Some(path) = path.strip_prefix(state.config.base_path.as_str()).map(str::to_owned) else {
        return Err(Error::not_found("There is no such endpoint"));
    };
    let large = path.starts_with("/Bulk") || path.starts_with("/Groups");
    let limit = if large { state.config.max_large_body } else { state.config.max_body };
    let content_type = header::one(request, &CONTENT_TYPE)?;
    let if_match = header::one(request, &IF_MATCH)?;
    let if_none_match = header::one(request, &IF_NONE_MATCH)?;
    let patience = state.config.body_timeout;
    let body = body::read(request, payload, limit, patience, &state.room).await?;
    let base_url = base_url(state, request);
    let (method, query) = (request.method().to_string(), request.query_string().to_owned());
    let asked = Asked {
        caller,
        method,
        path,
        query,
        content_type,
        if_match,
        if_none_match,
        body,
        base_url,
        id,
    };
    let begun =
        catch_unwind(AssertUnwindSafe(|| state.handler.begin(&asked.caller, &asked.request())));
    let begun = begun.map_err(|_| Error::internal("the request failed with a panic"))?;
    if let Begun::Answered(response) = begun {
        return Ok(response);
    }
    let permit = state.permit().await?;
    if let Begun::Change(change) = begun {
        return state.changes.make(change, permit).await;
    }
    let handler = Arc::clone(&state.handler);
    let work = move || {
        let _permit = permit;
        handler.handle(&asked.caller, &asked.request())
    };
    state.blocking(work).await
}

/// A request out of actix's hands.
struct Asked {
    caller: Caller,
    method: String,
    path: String,
    query: String,
    content_type: Option<String>,
    if_match: Option<String>,
    if_none_match: Option<String>,
    body: Received,
    base_url: String,
    id: RequestId,
}

impl Asked {
    fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            content_type: self.content_type.as_deref(),
            if_match: self.if_match.as_deref(),
            if_none_match: self.if_none_match.as_deref(),
            body: &self.body,
            base_url: &self.base_url,
            request_id: &self.id.0,
        }
    }
}

/// The base URL as the client reaches it: as configured, else as it says itself. A Host that is none is
/// not repeated (S33).
fn base_url(state: &State, request: &HttpRequest) -> String {
    let path = &state.config.base_path;
    if let Some(url) = &state.config.public_url {
        return if url.ends_with(path.as_str()) { url.clone() } else { format!("{url}{path}") };
    }
    let (scheme, host) = origin(state, request);
    format!("{scheme}://{host}{path}")
}

/// Scheme and host by which the client reaches the server, as far as it may be believed (S33).
pub(super) fn origin(state: &State, request: &HttpRequest) -> (String, String) {
    let header = |name: HeaderName| {
        let value = request.headers().get(name)?.to_str().ok()?;
        let value = value.split(',').next().unwrap_or_default().trim();
        let plain =
            |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
        ((1..=255).contains(&value.len()) && value.bytes().all(plain)).then(|| value.to_owned())
    };
    let forwarded = |name: &'static str| {
        state.config.behind_proxy.then(|| header(HeaderName::from_static(name))).flatten()
    };
    let scheme = forwarded("x-forwarded-proto").filter(|s| s == "https" || s == "http");
    let host = forwarded("x-forwarded-host").or_else(|| header(HOST));
    let host = host.unwrap_or_else(|| state.address.to_string());
    (scheme.unwrap_or_else(|| "http".to_owned()), host)
}

type Chunks = Box<dyn Iterator<Item = Result<Vec<u8>>> + Send>;

/// The pieces, each made in its turn while the client takes the one before. Between them no thread waits for the
/// client.
fn stream_of(
    chunks: Chunks,
    pulse: Pulse,
    turns: Arc<Semaphore>,
) -> impl futures_util::Stream<Item = std::result::Result<Bytes, std::io::Error>> {
    let make = move |mut chunks: Chunks| {
        let turns = Arc::clone(&turns);
        actix_web::rt::spawn(async move {
            let _turn = turns.acquire_owned().await;
            actix_web::rt::task::spawn_blocking(move || {
                let chunk = chunks.next();
                (chunks, chunk)
            })
            .await
        })
    };
    let cut_short = |error: &Error| {
        log::error!("a body was cut short: {}", chain(error));
        std::io::Error::other("the body was cut short")
    };
    let first = make(chunks);
    stream::unfold((Some(first), pulse, make), move |(making, pulse, make)| async move {
        let stopped = |e: &dyn std::fmt::Display| Error::internal(e.to_string());
        let made = pulse.outlive(making?).await.and_then(|made| {
            made.map_err(|e| stopped(&e)).and_then(|made| made.map_err(|e| stopped(&e)))
        });
        // What is ended by an error is seen to be cut short.
        match made {
            Ok((_, None)) => None,
            Ok((chunks, Some(Ok(chunk)))) => {
                let next = make(chunks);
                Some((Ok(Bytes::from(chunk)), (Some(next), pulse, make)))
            }
            Ok((_, Some(Err(error)))) | Err(error) => {
                Some((Err(cut_short(&error)), (None, pulse, make)))
            }
        }
    })
}

/// An error with its causes, for the log.
pub(super) fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}
