//! GET of a resource (RFC 7644 §3.4.1).

use std::sync::Arc;

use super::params::Params;
use super::precondition::Precondition;
use super::render::{Output, load_one};
use super::route::no_such;
use super::{Call, Service};
use crate::caller::Caller;
use crate::directory::Directory;
use crate::error::{Error, Kind, Result};
use crate::http::{Request, Response};
use crate::projection::Projection;
use crate::resource::Id;
use crate::schema::ResourceType;
use crate::store::{Foresight, Store, Transaction as _};

impl<S: Store, D> Service<S, D>
where
    D: for<'a> Directory<S::Tx<'a>>,
{
    pub(super) fn get(
        &self,
        call: Call<'_>,
        request: &Request<'_>,
        kind: &Arc<ResourceType>,
        id: &Id,
        params: &Params,
    ) -> Result<Response> {
        may_read(call.caller)?;
        let projection = Projection::new(kind, &params.attributes, &params.excluded);
        let precondition = Precondition::of(request);
        let shows = |part| projection.part_named(kind, part).is_shown();
        // Members are many, and are asked for by themselves: of the same snapshot as their group.
        let few = !(kind.has_members() && shows("members"));
        let groups = kind.has_groups() && shows("groups");
        let foresight = few.then_some(Foresight::Resource { kind, id, groups });
        let found = self.read(call, foresight, |tx| {
            let resource = tx.find(kind, id)?.ok_or_else(|| no_such(kind))?;
            precondition.check_match(resource.version())?;
            let version = resource.version();
            if precondition.is_unmodified(version) {
                return Ok((version, None));
            }
            let mut output = Output::default();
            let loaded = load_one(tx, resource, &projection, call.links)?;
            output.resource(&loaded, &projection, call.links)?;
            Ok((version, Some(output)))
        })?;
        let (version, output) = found;
        let response = match output {
            None => Response::empty(304),
            Some(output) => {
                let body = self.0.body(&call.caller.tenant, call.links.base_url, output);
                Response { body, ..Response::message(200, Vec::new()) }
            }
        };
        Ok(response.with_header("ETag", version.to_string()))
    }
}

pub(super) fn may_read(caller: &Caller) -> Result<()> {
    if caller.scopes.read {
        return Ok(());
    }
    Err(Error::new(Kind::Forbidden, "This token may not read; its scopes lack \"read\""))
}
