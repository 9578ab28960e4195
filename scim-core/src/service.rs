//! [`Service`]: the operations of SCIM over a [`Store`] and a [`Directory`]. Transactions begin and end
//! here.

mod anchors;
mod bulk;
mod cursor;
mod discovery;
mod execute;
mod handler;
mod member_pages;
mod members;
mod params;
mod precondition;
mod read;
mod render;
mod route;
mod search;
mod secrets;
mod settings;
mod stream;
mod tell;
mod write;

pub use settings::Settings;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::caller::Caller;
use crate::dialect::Dialect;
use crate::directory::{Directory, Open};
use crate::env::Env;
use crate::error::{Error, Kind, Result};
use crate::http::{MEDIA_TYPE, Request, Response};
use crate::json;
use crate::resource::Id;
use crate::schema::{Registry, ResourceType};
use crate::store::{Foresight, Store, Transaction as _};
use anchors::Anchors;
use cursor::Cursors;
use params::Params;
use render::{Links, place};
use route::{Route, no_such};

/// A SCIM service. Cheap to clone; all clones are the same service.
pub struct Service<S, D = Open>(Arc<Inner<S, D>>);

/// What the parts of a service share.
struct Inner<S, D> {
    registry: Registry,
    store: S,
    directory: D,
    env: Env,
    settings: Settings,
    cursors: Cursors,
    anchors: Anchors,
}

/// One request at work.
#[derive(Clone, Copy)]
struct Call<'a> {
    caller: &'a Caller,
    links: Links<'a>,
    request_id: &'a str,
    now: Timestamp,
    /// It runs on a thread that must not be kept.
    brief: bool,
}

impl<S: Store, D> Service<S, D>
where
    D: for<'a> Directory<S::Tx<'a>>,
{
    /// A service for the resource types of `registry`.
    pub fn new(registry: Registry, store: S, directory: D, env: Env, settings: Settings) -> Self {
        let cursors = Cursors::new(settings.cursor_key, settings.cursor_timeout);
        let anchors = Anchors::default();
        Self(Arc::new(Inner { registry, store, directory, env, settings, cursors, anchors }))
    }

    /// The store, for whoever shares it.
    pub fn store(&self) -> &S {
        &self.0.store
    }

    /// Reads in a transaction that the directory admits the caller to.
    fn read<R>(
        &self,
        call: Call<'_>,
        foresight: Option<Foresight<'_>>,
        f: impl FnOnce(&mut S::Tx<'_>) -> Result<R>,
    ) -> Result<R> {
        let Inner { store, directory, .. } = &*self.0;
        let admitted = |tx: &mut S::Tx<'_>| {
            foresight.iter().try_for_each(|foresight| tx.foresee(foresight))?;
            directory.admit(call.caller, tx)?;
            f(tx)
        };
        if call.brief {
            let done = store.read_briefly(&call.caller.tenant, admitted)?;
            return done.ok_or_else(Error::not_brief);
        }
        store.read(&call.caller.tenant, admitted)
    }

    /// Writes in a transaction that the directory admits the caller to.
    fn change<R>(
        &self,
        caller: &Caller,
        foresight: Option<Foresight<'_>>,
        mut f: impl FnMut(&mut S::Tx<'_>) -> Result<R>,
    ) -> Result<R> {
        self.0.store.write(&caller.tenant, |tx| {
            foresight.iter().try_for_each(|foresight| tx.foresee(foresight))?;
            self.0.directory.admit(caller, tx)?;
            f(tx)
        })
    }

    fn call<'a>(
        &'a self,
        caller: &'a Caller,
        base_url: &'a str,
        request_id: &'a str,
        now: Timestamp,
    ) -> Call<'a> {
        let links = Links { base_url, registry: &self.0.registry };
        Call { caller, links, request_id, now, brief: false }
    }

    fn dispatch(
        &self,
        caller: &Caller,
        request: &Request<'_>,
        route: Result<Route>,
        brief: bool,
        dialect: &mut Dialect,
    ) -> Result<Response> {
        let inner = &self.0;
        let now = inner.env.clock.now();
        let Request { base_url, request_id, .. } = *request;
        let call = Call { brief, ..self.call(caller, base_url, request_id, now) };
        let route = route?;
        let params = Params::from_query(request.query)?;
        let get = matches!(request.method, "GET" | "HEAD");
        if get && !request.body.is_empty() {
            return Err(Error::invalid_syntax(
                "A GET has no body; send the parameters in the URL, or POST them to /.search",
            ));
        }
        if get && route.is_discovery() {
            self.read(call, None, |_| Ok(()))?;
        }
        let json = |value: Value| Response::message(200, value.to_string().into_bytes());
        match (request.method, route) {
            (_, Route::ServiceProviderConfig) if get => {
                discovery::refuse_filter(&params)?;
                Ok(json(discovery::service_provider_config(&inner.settings, base_url)))
            }
            (_, Route::ResourceTypes(name)) if get => {
                discovery::refuse_filter(&params)?;
                Ok(json(discovery::resource_types(&inner.registry, name.as_deref(), base_url)?))
            }
            (_, Route::Schemas(urn)) if get => {
                discovery::refuse_filter(&params)?;
                Ok(json(discovery::schemas(&inner.registry, urn.as_deref(), base_url)?))
            }
            (_, Route::Root) if get => self.search(call, inner.registry.types(), &params, dialect),
            (_, Route::Resources(kind)) if get => self.search(call, &[kind], &params, dialect),
            ("POST", Route::RootSearch) => {
                let params = search_request(request, dialect)?;
                self.search(call, inner.registry.types(), &params, dialect)
            }
            ("POST", Route::Search(kind)) => {
                let params = search_request(request, dialect)?;
                self.search(call, &[kind], &params, dialect)
            }
            ("POST", Route::Bulk) => self.bulk(call, request, dialect),
            ("POST", Route::Resources(kind)) => {
                self.change_now(call, request, &kind, None, &params, dialect)
            }
            (_, Route::Resource(kind, id)) => {
                self.resource(call, request, &kind, id, &params, dialect)
            }
            (_, Route::Members(kind, id)) if get => self.member_page(call, &kind, &id, &params),
            (_, Route::Me) => self.me(call, request, &params, dialect),
            (_, route) => Err(no_method(request.method, route.methods())),
        }
    }

    /// A change of one resource, made and answered.
    fn change_now(
        &self,
        call: Call<'_>,
        request: &Request<'_>,
        kind: &Arc<ResourceType>,
        id: Option<Id>,
        params: &Params,
        dialect: &mut Dialect,
    ) -> Result<Response> {
        let change = self.prepare(call, request, kind, id, params, dialect)?;
        let made = self.make(call, &change, dialect)?;
        self.answer(call, &change, made)
    }

    /// `/Users/{id}`
    fn resource(
        &self,
        call: Call<'_>,
        request: &Request<'_>,
        kind: &Arc<ResourceType>,
        id: Id,
        params: &Params,
        dialect: &mut Dialect,
    ) -> Result<Response> {
        match request.method {
            "GET" | "HEAD" => self.get(call, request, kind, &id, params),
            _ => self.change_now(call, request, kind, Some(id), params, dialect),
        }
    }

    /// `/Me`: the user that the token is bound to (RFC 7644 §3.11).
    fn me(
        &self,
        call: Call<'_>,
        request: &Request<'_>,
        params: &Params,
        dialect: &mut Dialect,
    ) -> Result<Response> {
        let user = self.0.registry.types().iter().find(|kind| kind.has_groups());
        let (Some(kind), Some(id)) = (user, &call.caller.user) else {
            let detail = "This token is bound to no user, so there is no /Me for it; use a token that is bound to one";
            return Err(Error::new(Kind::NotImplemented, detail));
        };
        if request.method == "POST" {
            self.read(call, None, |tx| tx.find(kind, id)?.ok_or_else(|| no_such(kind)))?;
            let detail = "The user that this token is bound to exists already; use PUT or PATCH";
            return Err(Error::new(Kind::Conflict, detail));
        }
        let response = self.resource(call, request, kind, id.clone(), params, dialect)?;
        // RFC 7644 §3.11: "In any response, the HTTP "Location" header MUST be the permanent location"
        Ok(response.with_header("Location", place(call.links.base_url, kind, id)))
    }
}

impl<S, D> Clone for Service<S, D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, D> fmt::Debug for Service<S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Service")
    }
}

fn no_method(method: &str, allowed: &str) -> Error {
    let detail = format!("This endpoint has no {method}; it has {allowed}");
    Error::new(Kind::MethodNotAllowed, detail)
}

/// The body of a request that writes: a JSON object of a type that says so.
fn body(request: &Request<'_>) -> Result<Map<String, Value>> {
    json::parse_object(json_of(request)?)
}

/// The body of a request that writes, which says that it is JSON.
fn json_of<'a>(request: &Request<'a>) -> Result<&'a [u8]> {
    if let Some(content_type) = request.content_type {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if ![MEDIA_TYPE, "application/json"].iter().any(|t| essence.eq_ignore_ascii_case(t)) {
            let detail = format!(
                "The body must be {MEDIA_TYPE} or application/json; Content-Type says \"{essence}\""
            );
            return Err(Error::new(Kind::UnsupportedMediaType, detail));
        }
    }
    Ok(request.body)
}

fn search_request(request: &Request<'_>, dialect: &Dialect) -> Result<Params> {
    Params::from_body(body(request)?, dialect.preset().refuses_unknown())
}
