//! Errors as the API tells them: `application/problem+json` with a stable code (RFC 9457).

use scim_core::{Error, Kind};
use serde::Serialize;
use utoipa::ToSchema;

use super::Response;

/// What is wrong (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    /// Stable; programs may rely on it.
    code: String,
    /// What to do.
    detail: String,
    request_id: String,
}

/// The code of an error that has none of its own.
fn code(error: &Error) -> &'static str {
    if let Some(code) = error.code() {
        return code;
    }
    match error.kind() {
        Kind::Unauthorized => "unauthorized",
        Kind::Forbidden => "forbidden",
        Kind::NotFound => "not_found",
        Kind::MethodNotAllowed => "method_not_allowed",
        Kind::RequestTimeout => "request_timeout",
        Kind::Conflict | Kind::Uniqueness => "conflict",
        Kind::Gone => "gone",
        Kind::PreconditionFailed => "precondition_failed",
        Kind::PayloadTooLarge => "payload_too_large",
        Kind::UnsupportedMediaType => "unsupported_media_type",
        Kind::Unprocessable => "unprocessable",
        Kind::TooManyRequests => "rate_limited",
        Kind::HeadTooLarge => "head_too_large",
        Kind::Internal => "internal",
        Kind::Busy => "busy",
        Kind::NotImplemented => "not_implemented",
        _ => "invalid_request",
    }
}

fn title(status: u16) -> &'static str {
    match status {
        401 => "Not signed in",
        403 => "Not allowed",
        404 => "Not found",
        405 => "No such method",
        409 => "In conflict with how things are",
        410 => "Over",
        412 => "Changed meanwhile",
        422 => "Not acceptable",
        429 => "Too many tries",
        503 => "Busy",
        500 => "Failed",
        _ => "Not understood",
    }
}

/// An error as an answer.
#[must_use]
pub fn response(error: Error, request_id: &str) -> Response {
    let status = error.kind().status();
    let problem = Problem {
        kind: "about:blank".to_owned(),
        title: title(status).to_owned(),
        status,
        code: code(&error).to_owned(),
        detail: error.detail().to_owned(),
        request_id: request_id.to_owned(),
    };
    let mut headers = Vec::new();
    if let Some(seconds) = error.retry_after() {
        headers.push(("Retry-After", seconds.to_string()));
    }
    match error.kind() {
        Kind::Unauthorized => headers.push(("WWW-Authenticate", "Bearer".to_owned())),
        Kind::MethodNotAllowed => {
            let allowed = error.detail().rsplit(" has ").next().unwrap_or_default().to_owned();
            headers.push(("Allow", allowed));
        }
        _ => {}
    }
    Response {
        status,
        headers,
        body: Some(serde_json::to_vec(&problem).unwrap_or_default()),
        content_type: "application/problem+json",
        error: Some(error),
    }
}
