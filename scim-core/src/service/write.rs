//! POST, PUT, PATCH and DELETE (RFC 7644 §3.3, §3.5, §3.6), prepared as far as can be outside a
//! transaction. What they do inside one is in `execute.rs`.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::params::Params;
use super::precondition::Precondition;
use super::read::one;
use super::render::location;
use super::secrets::{hash_secret, hash_secrets};
use super::{Call, Inner, Service, body};
use crate::dialect::Dialect;
use crate::directory::Directory;
use crate::error::{Error, Kind, Result};
use crate::http::{Body, Request, Response};
use crate::patch::Patch;
use crate::projection::Projection;
use crate::resource::{Id, Resource};
use crate::schema::{Checked, Intent, ResourceType};
use crate::store::Store;

/// A change of one resource, prepared as far as it can be outside a transaction.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) kind: Arc<ResourceType>,
    pub(super) id: Id,
    pub(super) action: Action,
    pub(super) precondition: Precondition,
}

#[derive(Debug)]
pub(super) enum Action {
    Create(Checked),
    Replace(Map<String, Value>),
    Patch(Patch),
    Delete,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The resource as it is now; as it was, if it is gone.
    pub(super) resource: Resource,
}

impl<S: Store, D> Service<S, D>
where
    D: for<'a> Directory<S::Tx<'a>>,
{
    pub(super) fn create(
        &self,
        call: Call<'_>,
        request: &Request<'_>,
        kind: &Arc<ResourceType>,
        params: &Params,
        dialect: &mut Dialect,
    ) -> Result<Response> {
        may_write(call, kind)?;
        let action = self.0.prepare_create(kind, body(request)?, dialect)?;
        let id = self.0.env.ids.next();
        let write =
            Write { kind: Arc::clone(kind), id, action, precondition: Precondition::default() };
        self.write(call, &write, params, Some(201), dialect)
    }

    pub(super) fn replace(
        &self,
        call: Call<'_>,
        request: &Request<'_>,
        kind: &Arc<ResourceType>,
        id: Id,
        params: &Params,
        dialect: &mut Dialect,
    ) -> Result<Response> {
        may_write(call, kind)?;
        let action = self.0.prepare_replace(kind, body(request)?)?;
        let precondition = Precondition::of(request);
        let write = Write { kind: Arc::clone(kind), id, action, precondition };
        self.write(call, &write, params, Some(200), dialect)
    }

    pub(super) fn patch(
        &self,
        call: Call<'_>,
        request: &Request<'_>,
        kind: &Arc<ResourceType>,
        id: Id,
        params: &Params,
        dialect: &mut Dialect,
    ) -> Result<Response> {
        may_write(call, kind)?;
        let action = self.0.prepare_patch(kind, body(request)?, dialect)?;
        let precondition = Precondition::of(request);
        let write = Write { kind: Arc::clone(kind), id, action, precondition };
        // RFC 7644 §3.5.2: 204 "if … the client did not specify attributes". A group may be huge, so
        // its clients get 204; a user's get what they changed.
        let status = (!kind.has_members() || params.projects()).then_some(200);
        self.write(call, &write, params, status, dialect)
    }

    pub(super) fn delete(
        &self,
        call: Call<'_>,
        request: &Request<'_>,
        kind: &Arc<ResourceType>,
        id: Id,
        dialect: &mut Dialect,
    ) -> Result<Response> {
        may_write(call, kind)?;
        let (action, precondition) = (Action::Delete, Precondition::of(request));
        let write = Write { kind: Arc::clone(kind), id, action, precondition };
        self.change(call.caller, |tx| self.0.execute(tx, call, &write, dialect))?;
        Ok(Response::empty(204))
    }

    /// Runs one write in a transaction of its own. With a status the resource is sent back.
    fn write(
        &self,
        call: Call<'_>,
        write: &Write,
        params: &Params,
        status: Option<u16>,
        dialect: &mut Dialect,
    ) -> Result<Response> {
        let projection = Projection::new(&write.kind, &params.attributes, &params.excluded);
        let (version, location, output) = self.change(call.caller, |tx| {
            let Outcome { resource } = self.0.execute(tx, call, write, dialect)?;
            let (version, location) =
                (resource.version(), location(call.links.base_url, &resource));
            let output = match status {
                Some(_) => Some(one(tx, call, resource, &projection)?),
                None => None,
            };
            Ok((version, location, output))
        })?;
        let response = match (status, output) {
            (Some(status), Some(output)) => {
                let body = self.0.body(&call.caller.tenant, call.links.base_url, output);
                Response { body, ..Response::message(status, Vec::new()) }
            }
            _ => Response { body: Body::Empty, ..Response::empty(204) },
        };
        let response = response.with_header("ETag", version.to_string());
        Ok(match write.action {
            Action::Create(_) => response.with_header("Location", location),
            _ => response,
        })
    }
}

/// # Errors
/// [`Kind::Forbidden`] if the token's scopes don't reach that far (S16).
pub(super) fn may_write(call: Call<'_>, kind: &ResourceType) -> Result<()> {
    let scopes = call.caller.scopes;
    let (may, scope) =
        if kind.has_members() { (scopes.groups, "groups") } else { (scopes.users, "users") };
    if may {
        return Ok(());
    }
    let detail = format!("This token may not write {}s; its scopes lack \"{scope}\"", kind.name);
    Err(Error::new(Kind::Forbidden, detail))
}

impl<S, D> Inner<S, D> {
    pub(super) fn prepare_create(
        &self,
        kind: &ResourceType,
        mut input: Map<String, Value>,
        dialect: &mut Dialect,
    ) -> Result<Action> {
        hash_secrets(&self.env, kind, &mut input)?;
        Ok(Action::Create(kind.check(input, Intent::Create, dialect)?))
    }

    pub(super) fn prepare_replace(
        &self,
        kind: &ResourceType,
        mut input: Map<String, Value>,
    ) -> Result<Action> {
        hash_secrets(&self.env, kind, &mut input)?;
        Ok(Action::Replace(input))
    }

    pub(super) fn prepare_patch(
        &self,
        kind: &ResourceType,
        input: Map<String, Value>,
        dialect: &mut Dialect,
    ) -> Result<Action> {
        let mut patch = Patch::parse(Value::Object(input), kind, dialect)?;
        for secret in patch.secrets_mut() {
            *secret = hash_secret(&self.env, secret)?;
        }
        Ok(Action::Patch(patch))
    }
}
