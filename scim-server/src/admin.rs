//! The administrative API: what people and programs do with organizations, apart from SCIM.
//!
//! [`Api::answer`] takes a request and gives a response; it knows nothing of the web server. The table of
//! endpoints (`table`) says for each who may call it and what it takes and gives: routing, permissions and
//! the OpenAPI document all come from it. The command line calls the same endpoints as the operator.

mod accounts;
mod approvals;
mod audit;
mod call;
mod certificates;
mod codes;
mod domains;
mod effects;
mod endpoint;
mod explain;
mod glass;
mod idempotency;
mod linked;
mod links;
mod members;
mod openapi;
mod organizations;
mod person;
mod personal_tokens;
mod plan;
mod problem;
mod questions;
mod reply;
mod scim;
mod seal;
mod sessions;
mod sso;
mod sso_effective;
mod table;
mod teams;

pub use openapi::document as openapi;
pub use person::Person;
pub use problem::response as refusal;
pub(crate) use questions::MOST as QUESTIONS;

use std::collections::BTreeMap;

use scim_core::env::Env;
use scim_core::org::Cause;
use scim_core::{Error, Kind, Result};
use serde_json::Value;

use crate::dns::SharedVerifier;
use crate::store::DieselStore;
use call::{Call, Incoming};
use endpoint::{Access, Endpoint, Fresh};
use reply::Reply;

/// The administrative API over a store.
pub struct Api {
    store: DieselStore,
    env: Env,
    verifier: SharedVerifier,
    questions: questions::Questions,
    /// What linking codes are hashed with.
    code_key: Vec<u8>,
    seal: seal::Seal,
    /// Requests with a bad credential from one address in a minute.
    failure_limit: u32,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Api")
    }
}

/// A request, as the web server or the command line has it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET`, `POST` …
    pub method: String,
    /// The path behind the base path of the API, percent-encoded.
    pub path: String,
    /// The query, percent-encoded.
    pub query: String,
    /// The type of the body.
    pub content_type: Option<String>,
    /// The body.
    pub body: Vec<u8>,
    /// `If-Match`.
    pub if_match: Option<String>,
    /// `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// Where the server is reached, without a path.
    pub base_url: String,
    /// Names the request in the log.
    pub request_id: String,
    /// Where it comes from.
    pub address: String,
}

/// What a request holds while it is worked on, and others wait for.
pub trait Turn {
    /// Runs `f`, which waits for the outside world, while others have their turn.
    ///
    /// # Errors
    /// [`Kind::Busy`] if there is no turn to be had again.
    fn aside(&self, f: &mut dyn FnMut()) -> Result<()>;
}

/// The turn of somebody who is alone.
struct Alone;

impl Turn for Alone {
    fn aside(&self, f: &mut dyn FnMut()) -> Result<()> {
        f();
        Ok(())
    }
}

/// A response.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Headers besides the type of the body.
    pub headers: Vec<(&'static str, String)>,
    /// The body; none with 204.
    pub body: Option<Vec<u8>>,
    /// The type of the body.
    pub content_type: &'static str,
    /// The error that it tells of, for the log.
    pub error: Option<Error>,
}

impl Api {
    /// The API. Its keys are kept with the data.
    ///
    /// # Errors
    /// From the database.
    pub fn new(
        store: DieselStore,
        env: Env,
        verifier: SharedVerifier,
        failure_limit: u32,
    ) -> Result<Self> {
        let code_key = store.setting_or("link_code_key", &crate::secrets::random_secret()?)?;
        let seal_key = store.setting_or("seal_key", &crate::secrets::random_secret()?)?;
        let (code_key, seal) = (code_key.into_bytes(), seal::Seal::new(&seal_key));
        let questions = questions::Questions::default();
        Ok(Self { store, env, verifier, questions, code_key, seal, failure_limit })
    }

    /// Answers a request by whoever has shown `secret`.
    pub fn answer(&self, secret: Option<&str>, request: &Request, turn: &dyn Turn) -> Response {
        let answered = self.try_answer(secret, request, turn);
        answered.unwrap_or_else(|error| problem::response(error, &request.request_id))
    }

    /// Whether a request may have a large body: what everybody may call has a small one.
    ///
    /// # Errors
    /// As answering it would end, if there is no such endpoint, or nobody known asks.
    pub fn takes_large(
        &self,
        secret: Option<&str>,
        method: &str,
        path: &str,
        address: &str,
    ) -> Result<bool> {
        let (endpoint, ..) = self.recognize(secret, method, path, address)?;
        Ok(endpoint.access != Access::Public)
    }

    /// What a request asks for, and who asks.
    fn recognize(
        &self,
        secret: Option<&str>,
        method: &str,
        path: &str,
        address: &str,
    ) -> Result<(&'static Endpoint, BTreeMap<&'static str, String>, Person)> {
        let (endpoint, params) = table::route(method, path)?;
        let person = if endpoint.access == Access::Public {
            Person::Nobody
        } else {
            self.authenticate(secret, address)?
        };
        Ok((endpoint, params, person))
    }

    fn try_answer(
        &self,
        secret: Option<&str>,
        request: &Request,
        turn: &dyn Turn,
    ) -> Result<Response> {
        let (endpoint, params, person) =
            self.recognize(secret, &request.method, &request.path, &request.address)?;
        self.respond(&person, (endpoint, &params), request, turn)
    }

    /// Does as the operator what a request says: the command line's way in.
    ///
    /// # Errors
    /// What the API would answer with.
    pub fn operate(&self, request: Request) -> Result<Value> {
        let (endpoint, params) = table::route(&request.method, &request.path)?;
        let request = Request { request_id: self.env.ids.next().as_str().to_owned(), ..request };
        let response = self.respond(&Person::Operator, (endpoint, &params), &request, &Alone)?;
        match response.body {
            None => Ok(Value::Null),
            Some(body) => serde_json::from_slice(&body).map_err(Error::internal),
        }
    }

    fn respond(
        &self,
        person: &Person,
        (endpoint, params): (&'static Endpoint, &BTreeMap<&'static str, String>),
        request: &Request,
        turn: &dyn Turn,
    ) -> Result<Response> {
        let query = endpoint.query(&request.query)?;
        let body = endpoint.body(request)?;
        let now = self.env.clock.now();
        let cause =
            Cause { env: &self.env, actor: person.actor(), request_id: &request.request_id, now };
        let incoming = Incoming {
            api: self,
            request,
            turn,
            person,
            cause: &cause,
            params,
            query: &query,
            body: &body,
        };
        let dry_run = incoming.is_dry_run();
        if endpoint.fresh == Fresh::Always {
            person.require_fresh(now)?;
        }
        glass::note(&incoming)?;
        let prepared = match endpoint.before {
            None => Value::Null,
            Some(before) => {
                self.store.read_records(|tx| {
                    Call::new(tx, incoming, Value::Null).admit(endpoint.access).map(drop)
                })?;
                before(&incoming)?
            }
        };
        let run = |tx: &mut crate::store::DieselTransaction<'_>| {
            let mut call = Call::new(tx, incoming, prepared.clone());
            call.admit(endpoint.access)?;
            if let Some(tag) = &request.if_match {
                let current = current_etag(&mut call, endpoint)?;
                if current.as_deref().is_some_and(|current| tag != "*" && tag != current) {
                    return Err(Error::new(
                        Kind::PreconditionFailed,
                        "It has changed since you read it; read it again",
                    )
                    .with_code("precondition_failed"));
                }
            }
            if let Some(kept) = idempotency::kept(&mut call)? {
                return Ok(kept);
            }
            let mut reply = (endpoint.run)(&mut call)?;
            if endpoint.moves {
                let movements = call.movements.clone();
                let effects = effects::of(&mut call)?;
                let plan = plan::token(&call, &movements, &effects, reply.state())?;
                plan::check(&call, &plan)?;
                reply.add_effects(
                    effects,
                    dry_run.then_some(plan).filter(|_| plan::has(endpoint)),
                    dry_run,
                )?;
            }
            if !dry_run {
                idempotency::keep(&mut call, &reply)?;
            }
            Ok(reply)
        };
        let done = if endpoint.method == "GET" {
            self.store.read_records(run)
        } else if dry_run {
            self.dry_run(run)
        } else {
            self.store.write_records(run)
        };
        if let Some(after) = endpoint.after {
            after(&incoming, done.as_ref().err())?;
        }
        Ok(done?.into_response(endpoint.method == "GET"))
    }

    /// Does everything, and undoes it: what a dry run tells is what the real one does.
    fn dry_run(
        &self,
        mut run: impl FnMut(&mut crate::store::DieselTransaction<'_>) -> Result<Reply>,
    ) -> Result<Reply> {
        let mut outcome = None;
        let undone = self.store.write_records(|tx| {
            outcome = None;
            outcome = Some(run(tx)?);
            Err::<(), _>(Error::new(Kind::Conflict, "This was a dry run").with_code("dry_run"))
        });
        match (undone, outcome) {
            (_, Some(reply)) => Ok(reply),
            (Err(error), None) => Err(error),
            (Ok(()), None) => Err(Error::internal("a dry run without an outcome")),
        }
    }
}

/// The entity tag of what an endpoint changes, if there is an endpoint that reads it.
fn current_etag(call: &mut Call<'_, '_>, endpoint: &Endpoint) -> Result<Option<String>> {
    let Some(reader) = table::reader(endpoint.path) else { return Ok(None) };
    Ok(Some((reader.run)(call)?.etag()))
}
