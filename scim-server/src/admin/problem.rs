//! Errors as the API tells them: `application/problem+json` with a stable code (RFC 9457).

use scim_core::{Error, Kind};
use serde_json::json;

use super::Response;

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
    let body = json!({
        "type": "about:blank",
        "title": title(status),
        "status": status,
        "code": code(&error),
        "detail": error.detail(),
        "request_id": request_id,
    });
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
        body: Some(body.to_string().into_bytes()),
        content_type: "application/problem+json",
        error: Some(error),
    }
}
