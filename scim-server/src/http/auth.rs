//! Who asks: the bearer token, and nothing else. It wraps the whole scope, so what isn't let in here
//! reaches no route (S13, S14).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::middleware::Next;
use actix_web::{HttpMessage as _, HttpRequest, web};
use jiff::Timestamp;
use scim_core::env::Env;
use scim_core::store::Tenant;
use scim_core::{Caller, Error, Kind, Result};

use super::{State, refusal};
use crate::secrets::digest;
use crate::store::{DieselStore, Token};

/// How long a token is believed without asking the database: what a revocation takes at most (S16).
const BELIEVED: Duration = Duration::from_millis(900);
/// The time in which failures count.
const WINDOW: Duration = Duration::from_secs(60);
/// The most tokens remembered.
const MOST: usize = 10_000;
/// The most tokens whose use is written down in one go.
const AT_ONCE: usize = 100;

/// Looks tokens up, remembers them for a moment, and notes their use.
pub struct Tokens {
    store: DieselStore,
    known: Mutex<HashMap<String, (Option<Token>, Instant)>>,
    used: Mutex<HashMap<(String, String), Timestamp>>,
    failures: Mutex<HashMap<String, (u32, Instant)>>,
    failure_limit: u32,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

impl Tokens {
    /// Tokens of a store.
    #[must_use]
    pub fn new(store: DieselStore, failure_limit: u32) -> Self {
        Self {
            store,
            known: Mutex::default(),
            used: Mutex::default(),
            failures: Mutex::default(),
            failure_limit,
        }
    }

    /// Counts a request whose token is no good. Whoever sends many is told to wait; those with good tokens
    /// at the same address notice nothing (S19).
    fn count_failure(&self, address: String) -> Error {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MOST {
            failures.retain(|_, (_, since)| since.elapsed() < WINDOW);
        }
        let (count, since) = failures.entry(address).or_insert((0, Instant::now()));
        if since.elapsed() >= WINDOW {
            (*count, *since) = (0, Instant::now());
        }
        *count = count.saturating_add(1);
        if *count > self.failure_limit {
            let detail = "Too many requests with a token that is no good; wait a minute";
            return Error::new(Kind::TooManyRequests, detail).with_retry_after(60);
        }
        Error::new(Kind::Unauthorized, "The token is unknown, expired or revoked; use another")
    }

    /// Unknown and wrong secrets cost what right ones do: a hash and a look-up by it.
    fn remembered(&self, digest: &str) -> Option<Option<Token>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (token, since) = known.get(digest)?;
        (since.elapsed() < BELIEVED).then(|| token.clone())
    }

    /// With many organizations most requests look their token up: where that takes a moment, it isn't worth
    /// another thread.
    fn look_up_briefly(&self, digest: &str) -> Result<Option<Option<Token>>> {
        let found = self.store.find_token_briefly(digest)?;
        Ok(found.map(|token| self.remember(digest.to_owned(), token)))
    }

    fn look_up(&self, digest: String) -> Result<Option<Token>> {
        let token = self.store.find_token_by_digest(&digest)?;
        Ok(self.remember(digest, token))
    }

    fn remember(&self, digest: String, token: Option<Token>) -> Option<Token> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, (_, since)| since.elapsed() < BELIEVED);
            if known.len() >= MOST {
                known.clear();
            }
        }
        known.insert(digest, (token.clone(), Instant::now()));
        token
    }

    fn note_use(&self, token: &Token, now: Timestamp) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.insert((token.organization.clone(), token.id.clone()), now);
    }

    /// Writes the noted uses to the database.
    pub fn flush(&self, env: &Env) {
        let used = std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner));
        if used.is_empty() {
            return;
        }
        let used: Vec<_> = used.into_iter().map(|((org, id), when)| (org, id, when)).collect();
        // Requests that write get their turn in between.
        let noted = used.chunks(AT_ONCE).try_for_each(|some| self.store.touch_tokens(some, env));
        if let Err(error) = noted {
            log::warn!("when tokens were last used could not be written down: {error}");
        }
    }
}

/// Lets known callers through, with a [`Caller`] in the request's extensions.
pub(super) async fn authenticate(
    state: web::Data<State>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> std::result::Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    match caller(&state, request.request()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            Ok(next.call(request).await?.map_into_boxed_body())
        }
        Err(error) => {
            let response = refusal(error);
            Ok(request.into_response(response).map_into_boxed_body())
        }
    }
}

async fn caller(state: &web::Data<State>, request: &HttpRequest) -> Result<Caller> {
    let secret = bearer(request.headers())?;
    let digest = digest(secret);
    let token = match state.tokens.remembered(&digest) {
        Some(token) => token,
        None => match state.tokens.look_up_briefly(&digest)? {
            Some(token) => token,
            None => {
                let looking = state.clone();
                state.blocking(move || looking.tokens.look_up(digest)).await??
            }
        },
    };
    let now = state.env.clock.now();
    let token = token
        .filter(|token| token.admits(now))
        .ok_or_else(|| state.tokens.count_failure(address(state, request)))?;
    state.tokens.note_use(&token, now);
    Ok(Caller {
        tenant: Tenant::new(&token.organization),
        actor: token.id,
        preset: token.preset,
        scopes: token.scopes,
        user: token.user,
    })
}

pub(super) fn bearer(headers: &HeaderMap) -> Result<&str> {
    let refuse = |detail: &str| Err(Error::new(Kind::Unauthorized, detail));
    let mut values = headers.get_all(AUTHORIZATION);
    let value = match (values.next(), values.next()) {
        (Some(value), None) => value,
        (None, _) => return refuse("Send the token in a header: Authorization: Bearer <token>"),
        (Some(_), Some(_)) => return refuse("Send one Authorization header, not several"),
    };
    let Ok(value) = value.to_str() else {
        return refuse("The Authorization header holds characters that no token has");
    };
    match value.trim().split_once(' ') {
        Some((scheme, secret)) if scheme.eq_ignore_ascii_case("Bearer") => {
            let secret = secret.trim();
            if secret.is_empty() || secret.len() > 512 || secret.contains(char::is_whitespace) {
                return refuse("The token is unknown, expired or revoked; use another");
            }
            Ok(secret)
        }
        _ => refuse("The Authorization header must say: Bearer <token>"),
    }
}

/// Where a request comes from; behind a proxy, what the proxy says.
pub(super) fn address(state: &State, request: &HttpRequest) -> String {
    let forwarded = request.headers().get("x-forwarded-for").and_then(|value| value.to_str().ok());
    let last = forwarded.and_then(|list| list.rsplit(',').next()).map(str::trim);
    match last.filter(|last| state.config.behind_proxy && last.len() <= 45) {
        Some(last) => last.to_owned(),
        None => request.peer_addr().map(|peer| peer.ip().to_string()).unwrap_or_default(),
    }
}
