//! Request ids, the log line of each request, and whether the server is well.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage as _, HttpResponse, web};
use scim_core::{Caller, Error, Kind};

use super::{State, admin, refusal};
use crate::secrets::request_id;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest request line with headers, in bytes (S24).
const LONGEST_HEAD: usize = 16 * 1024;

/// The id of a request, in its extensions.
#[derive(Debug, Clone)]
pub(super) struct RequestId(pub(super) String);

/// What a handler wants in the log line, in the response's extensions.
#[derive(Debug, Clone)]
pub(super) struct Normalized(pub(super) Vec<&'static str>);

/// Names each request, and logs one line of it: never a token, a query or a body.
pub(super) async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let began = Instant::now();
    let id = given_id(&request).or_else(|| request_id().ok()).unwrap_or_default();
    request.extensions_mut().insert(RequestId(id.clone()));
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let mut response = if head_size(&request) > LONGEST_HEAD {
        let detail = format!(
            "The request's line and headers may be {LONGEST_HEAD} bytes long; a long filter can be POSTed \
             to /.search"
        );
        let error = Error::new(Kind::HeadTooLarge, detail);
        let administrative = path.starts_with(admin::BASE_PATH);
        let refused = if administrative { admin::refusal(error, &id) } else { refusal(error) };
        request.into_response(refused).map_into_boxed_body()
    } else {
        next.call(request).await?.map_into_boxed_body()
    };
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let organization = {
        let extensions = response.request().extensions();
        extensions.get::<Caller>().map(|caller| caller.tenant.to_string()).unwrap_or_default()
    };
    let normalized = {
        let extensions = response.response().extensions();
        extensions.get::<Normalized>().map(|n| n.0.join(",")).unwrap_or_default()
    };
    let (status, ms) = (response.status().as_u16(), began.elapsed().as_secs_f64() * 1000.0);
    let ms = (ms * 1000.0).round() / 1000.0;
    log::info!(id, org = organization, method, path, status, ms, normalized; "request");
    Ok(response)
}

/// How long the head of a request was, as sent: a colon, a space and an end of line come with each header.
fn head_size(request: &ServiceRequest) -> usize {
    let headers = request.headers().iter();
    let headers: usize = headers.map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let uri = request.uri();
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    let scheme = uri.scheme_str().map_or(0, |scheme| scheme.len() + 3);
    scheme + uri.authority().map_or(0, |authority| authority.as_str().len()) + path + headers
}

fn given_id(request: &ServiceRequest) -> Option<String> {
    let id = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    ((1..=64).contains(&id.len()) && id.bytes().all(plain)).then(|| id.to_owned())
}

/// The process answers.
pub(super) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

/// The database answers too.
pub(super) async fn readyz(state: web::Data<State>) -> HttpResponse {
    let store = state.store.clone();
    match state.blocking(move || store.ping()).await.flatten() {
        Ok(()) => HttpResponse::Ok().content_type("text/plain").body("ready\n"),
        Err(error) => {
            log::error!("not ready: {}", super::scim::chain(&error));
            refusal(Error::busy("The database does not answer, or takes no changes"))
        }
    }
}
