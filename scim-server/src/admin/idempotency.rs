//! `Idempotency-Key`: a POST that is sent again is answered as before, and does nothing again.

use scim_core::{Error, Kind, Result};
use serde_json::Value;

use super::call::Call;
use super::endpoint::bad;
use super::person::Person;
use super::reply::Reply;

fn key<'c>(call: &Call<'c, '_>) -> Result<Option<&'c str>> {
    let Some(key) = &call.incoming.request.idempotency_key else { return Ok(None) };
    if !(1..=255).contains(&key.len()) || !key.bytes().all(|b| (0x21..0x7f).contains(&b)) {
        let detail = "An Idempotency-Key must have 1 to 255 visible ASCII characters".to_owned();
        return Err(bad("invalid_idempotency_key", detail));
    }
    // Whoever isn't signed in shares the name with everybody.
    let known = *call.incoming.person != Person::Nobody;
    Ok(Some(key.as_str()).filter(|_| known && call.incoming.request.method == "POST"))
}

/// What is asked, so that a key isn't used for two different requests. Keyed: there are passwords in
/// requests, and a plain hash would tell them to whoever guesses.
fn digest(call: &Call<'_, '_>) -> Result<String> {
    let request = call.request;
    let body = call.body.to_string();
    call.api.keyed(&[&request.method, &request.path, &request.query, &body])
}

/// The answer that was given to the same request.
pub(super) fn kept(call: &mut Call<'_, '_>) -> Result<Option<Reply>> {
    let Some(key) = key(call)? else { return Ok(None) };
    let caller = call.person.actor().to_owned();
    let Some((request, status, body)) = call.tx.kept_answer(&caller, key)? else { return Ok(None) };
    if request != digest(call)? {
        let detail = "This Idempotency-Key was used for another request; use a new one";
        return Err(Error::new(Kind::Unprocessable, detail).with_code("idempotency_key_reused"));
    }
    let body = serde_json::from_str(&body).map_err(Error::internal)?;
    let status = u16::try_from(status).map_err(Error::internal)?;
    Ok(Some(Reply { status, body, secret: None }))
}

/// Keeps an answer, without what is shown once.
pub(super) fn keep(call: &mut Call<'_, '_>, reply: &Reply) -> Result<()> {
    let Some(key) = key(call)? else { return Ok(()) };
    let mut body = reply.body.clone();
    if let (Some(secret), Some(body)) = (reply.secret, body.as_object_mut()) {
        body.insert(secret.to_owned(), Value::Null);
    }
    let (caller, now) = (call.person.actor().to_owned(), call.cause.now);
    let request = digest(call)?;
    call.tx.keep_answer((&caller, key), (&request, i64::from(reply.status), &body.to_string()), now)
}
