//! The bridge from actix to the administrative API: one permit, one blocking call.

use std::sync::{Arc, Mutex, PoisonError};

use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, IF_MATCH};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, web};
use scim_core::{Error, Result};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::observe::RequestId;
use super::{State, auth, body, header, scim, status};
use crate::admin::{self, Request, Turn};

/// Where the API is.
pub(super) const BASE_PATH: &str = "/api/v1";
/// The largest body, in bytes.
const LIMIT: usize = 1 << 20;

/// The OpenAPI document.
pub(super) async fn openapi() -> HttpResponse {
    match admin::openapi().to_pretty_json() {
        Ok(text) => HttpResponse::Ok().content_type("application/json").body(text),
        Err(error) => {
            log::error!("the OpenAPI document can't be written: {error}");
            HttpResponse::InternalServerError().finish()
        }
    }
}

/// Answers everything below [`BASE_PATH`].
pub(super) async fn answer(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let response = match respond(&state, &request, payload, &id).await {
        Ok(response) => response,
        Err(error) => admin::refusal(error, &id),
    };
    http_response(response, &id)
}

/// Refuses a request before anybody looks at what it asks for.
pub(super) fn refusal(error: Error, id: &str) -> HttpResponse {
    http_response(admin::refusal(error, id), id)
}

fn http_response(response: admin::Response, id: &str) -> HttpResponse {
    if let Some(error) = response.error.as_ref().filter(|e| e.kind().is_of_the_server()) {
        log::error!(id; "{}", scim::chain(error));
    }
    let mut answer = HttpResponse::build(status(response.status));
    for (name, value) in response.headers {
        answer.insert_header((name, value));
    }
    answer.insert_header(("Cache-Control", "no-store"));
    match response.body {
        None => answer.finish(),
        Some(body) => answer.content_type(response.content_type).body(body),
    }
}

async fn respond(
    state: &web::Data<State>,
    request: &HttpRequest,
    payload: web::Payload,
    id: &str,
) -> Result<admin::Response> {
    let path = request.uri().path().strip_prefix(BASE_PATH).map(str::to_owned);
    let path = path.ok_or_else(|| Error::not_found("There is no such endpoint"))?;
    let secret = match request.headers().contains_key(AUTHORIZATION) {
        false => None,
        true => Some(auth::bearer(request.headers())?.to_owned()),
    };
    let content_type = header::one(request, &CONTENT_TYPE)?;
    let if_match = header::one(request, &IF_MATCH)?;
    let idempotency_key = header::one(request, &HeaderName::from_static("idempotency-key"))
        .map_err(|error| error.with_code("invalid_idempotency_key"))?;
    let address = auth::address(state, request);
    let mut limit = LIMIT;
    if body::announced(request).is_none_or(|length| length > body::SMALL as u64) {
        // A large body is taken from who is somebody only.
        let asks = (request.method().to_string(), path.clone(), secret.clone(), address.clone());
        let (api, permit) = (Arc::clone(&state.api), state.permit().await?);
        let may = move || {
            let _permit = permit;
            let (method, path, secret, address) = asks;
            api.takes_large(secret.as_deref(), &method, &path, &address)
        };
        if !state.blocking(may).await?? {
            limit = body::SMALL;
        }
    }
    let patience = state.config.body_timeout;
    let body = body::read(request, payload, limit, patience, &state.room).await?;
    let (body, room) = body.into_parts();
    let (scheme, host) = scim::origin(state, request);
    let asked = Request {
        method: request.method().to_string(),
        path,
        query: request.query_string().to_owned(),
        content_type,
        body,
        if_match,
        idempotency_key,
        base_url: state.config.public_url.clone().unwrap_or(format!("{scheme}://{host}")),
        request_id: id.to_owned(),
        address,
    };
    let held = Mutex::new(Some(state.permit().await?));
    let (api, permits) = (Arc::clone(&state.api), Arc::clone(&state.permits));
    let work = move || {
        let _room = room;
        api.answer(secret.as_deref(), &asked, &Permit { permits, held })
    };
    state.blocking(work).await
}

/// The permit of a request, on its thread.
struct Permit {
    permits: Arc<Semaphore>,
    held: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Turn for Permit {
    fn aside(&self, f: &mut dyn FnMut()) -> Result<()> {
        let held = || self.held.lock().unwrap_or_else(PoisonError::into_inner);
        drop(held().take());
        f();
        *held() = Some(Handle::current().block_on(super::permit(&self.permits))?);
        Ok(())
    }
}
