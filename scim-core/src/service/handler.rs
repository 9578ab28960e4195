//! What a web framework mounts: requests that are handled, and changes that are begun, made and answered.

use jiff::Timestamp;

use super::params::Params;
use super::route::Route;
use super::write::{Change, Made};
use super::{Call, Service};
use crate::caller::Caller;
use crate::dialect::Dialect;
use crate::directory::Directory;
use crate::error::{Error, Kind, Result};
use crate::http::{self, Begun, Handler, Request, Response};
use crate::store::Store;

/// The largest body, in bytes, that is looked into on a thread that must not be kept.
const BRIEF_BODY: usize = 32 << 10;

impl<S: Store, D> Service<S, D>
where
    D: for<'a> Directory<S::Tx<'a>>,
{
    /// A change of one resource, as far as it can be prepared without waiting.
    fn begin_change(
        &self,
        caller: &Caller,
        request: &Request<'_>,
        route: Result<Route>,
        dialect: &mut Dialect,
    ) -> Result<(Change, Timestamp)> {
        let now = self.0.env.clock.now();
        let call = self.call(caller, request.base_url, request.request_id, now);
        let call = Call { brief: true, ..call };
        let params = Params::from_query(request.query)?;
        let (kind, id) = match route? {
            Route::Resource(kind, id) => (kind, Some(id)),
            Route::Resources(kind) => (kind, None),
            _ => return Err(Error::not_brief()),
        };
        let change = self.prepare(call, request, &kind, id, &params, dialect)?;
        Ok((change, now))
    }
}

impl<S: Store, D> Handler for Service<S, D>
where
    D: for<'a> Directory<S::Tx<'a>>,
{
    fn handle(&self, caller: &Caller, request: &Request<'_>) -> Response {
        let mut dialect = Dialect::new(caller.preset);
        let route = Route::parse(&self.0.registry, request.path);
        let methods = route.as_ref().ok().map(Route::methods);
        let response = self.dispatch(caller, request, route, false, &mut dialect);
        answered(response, methods, &dialect)
    }

    fn begin(&self, caller: &Caller, request: &Request<'_>) -> Begun {
        let get = matches!(request.method, "GET" | "HEAD");
        let route = Route::parse(&self.0.registry, request.path);
        let change = match &route {
            _ if request.body.len() > BRIEF_BODY => return Begun::Long,
            Ok(Route::Resource(..)) => !get,
            Ok(Route::Resources(_)) => request.method == "POST",
            Ok(Route::Members(..)) if get => false,
            _ => return Begun::Long,
        };
        let store = &self.0.store;
        if !(if change { store.joins_writes() } else { store.reads_briefly() }) {
            return Begun::Long;
        }
        let mut dialect = Dialect::new(caller.preset);
        let methods = route.as_ref().ok().map(Route::methods);
        if !change {
            let response = self.dispatch(caller, request, route, true, &mut dialect);
            return match response {
                Err(error) if error.is_not_brief() => Begun::Long,
                response => Begun::Answered(answered(response, methods, &dialect)),
            };
        }
        match self.begin_change(caller, request, route, &mut dialect) {
            Err(error) if error.is_not_brief() => Begun::Long,
            Err(error) => Begun::Answered(answered(Err(error), methods, &dialect)),
            Ok((change, now)) => Begun::Change(Box::new(Pending {
                service: self.clone(),
                caller: caller.clone(),
                base_url: request.base_url.to_owned(),
                request_id: request.request_id.to_owned(),
                now,
                change,
                dialect,
                methods,
                made: None,
            })),
        }
    }

    fn together(&self, f: &mut dyn FnMut()) -> Result<()> {
        self.0.store.together(f)
    }
}

/// A change of one resource that waits to be made, or to be answered.
struct Pending<S, D> {
    service: Service<S, D>,
    caller: Caller,
    base_url: String,
    request_id: String,
    now: Timestamp,
    change: Change,
    /// What happened while it was prepared.
    dialect: Dialect,
    methods: Option<&'static str>,
    /// What came of it, and what happened until then.
    made: Option<(Result<Made>, Dialect)>,
}

impl<S: Store, D> Pending<S, D>
where
    D: for<'a> Directory<S::Tx<'a>>,
{
    fn call(&self) -> Call<'_> {
        self.service.call(&self.caller, &self.base_url, &self.request_id, self.now)
    }
}

impl<S: Store, D> http::Change for Pending<S, D>
where
    D: for<'a> Directory<S::Tx<'a>>,
{
    fn make(&mut self) {
        let mut dialect = self.dialect.clone();
        let made = self.service.make(self.call(), &self.change, &mut dialect);
        self.made = Some((made, dialect));
    }

    fn answer(mut self: Box<Self>) -> Response {
        let Some((made, dialect)) = self.made.take() else {
            return Response::from(Error::internal("a change that was not made"));
        };
        let response = made.and_then(|made| self.service.answer(self.call(), &self.change, made));
        answered(response, self.methods, &dialect)
    }
}

/// The answer with what the log wants, and with the methods that there are where the one used isn't.
fn answered(
    response: Result<Response>,
    methods: Option<&'static str>,
    dialect: &Dialect,
) -> Response {
    let mut response = response.unwrap_or_else(|error| {
        let wrong_method = error.kind() == Kind::MethodNotAllowed;
        let response = Response::from(error);
        match methods.filter(|_| wrong_method) {
            Some(methods) => response.with_header("Allow", methods),
            None => response,
        }
    });
    response.normalized = dialect.fired().iter().map(|n| n.name()).collect();
    response
}
