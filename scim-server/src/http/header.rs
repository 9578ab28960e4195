//! Headers that a request has once or not at all.

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use scim_core::{Error, Kind, Result};

/// The value of a header. What can't be read is refused: a condition that is left out is one that holds.
pub(super) fn one(request: &HttpRequest, name: &HeaderName) -> Result<Option<String>> {
    let mut values = request.headers().get_all(name);
    let Some(value) = values.next() else { return Ok(None) };
    let refuse =
        |what: &str| Err(Error::new(Kind::BadRequest, format!("The header {name} {what}")));
    match (value.to_str(), values.next()) {
        (_, Some(_)) => refuse("is there more than once; send one"),
        (Err(_), None) => refuse("holds characters other than printable ASCII"),
        (Ok(value), None) => Ok(Some(value.to_owned())),
    }
}
