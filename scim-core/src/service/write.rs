//! POST, PUT, PATCH and DELETE (RFC 7644 §3.3, §3.5, §3.6), prepared as far as can be outside a
//! transaction. What they do inside one is in `execute.rs`.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::params::Params;
use super::precondition::Precondition;
use super::render::{Loaded, Output, load_fresh, load_one, location};
use super::route::RESOURCE_METHODS;
use super::secrets::{NoTime, hash_secret, hash_secrets};
use super::{Call, Inner, Service, body, json_of, no_method};
use crate::dialect::Dialect;
use crate::directory::Directory;
use crate::env::Passwords;
use crate::error::{Error, Kind, Result};
use crate::http::{Request, Response};
use crate::patch::{MemberChange, MemberRef, Patch};
use crate::projection::Projection;
use crate::resource::{Id, Resource, Version};
use crate::schema::{Checked, Intent, ResourceType};
use crate::store::{Foresight, Store};

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
    /// A new resource, and who is in it, if that is said of it.
    Create(Resource, Option<Vec<Value>>),
    Replace(Map<String, Value>),
    Patch(Patch),
    Delete,
}

impl Write {
    /// Who is named by a change of a group's members alone.
    fn members(&self) -> Vec<Id> {
        let Action::Patch(patch) = &self.action else { return Vec::new() };
        match patch.member_changes() {
            [MemberChange::Add(refs)] if patch.is_empty() => {
                refs.iter().filter_map(MemberRef::id).cloned().collect()
            }
            [MemberChange::Remove(ids)] if patch.is_empty() => {
                ids.iter().filter_map(|id| Id::parse(id)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// What the change is going to ask for. One that has to be alone looks at nothing before it is.
    fn foresight<'a>(&'a self, members: &'a [Id]) -> Option<Foresight<'a>> {
        let Self { kind, id, action, .. } = self;
        match action {
            Action::Patch(_) if kind.has_members() && !members.is_empty() => {
                Some(Foresight::Members { kind, group: id, members })
            }
            _ if kind.has_members() => None,
            Action::Create(new, _) => {
                new.document().ok().map(|document| Foresight::New { kind, document })
            }
            Action::Replace(_) | Action::Patch(_) => {
                Some(Foresight::Resource { kind, id, groups: false })
            }
            Action::Delete => None,
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The resource as it is now; as it was, if it is gone.
    pub(super) resource: Resource,
    /// It wasn't there before, so no group holds it.
    pub(super) fresh: bool,
}

/// What came of a change of one resource, and what its answer shows of it.
#[derive(Debug)]
pub(super) struct Made {
    resource: Resource,
    loaded: Option<Loaded>,
}

/// A write, and how it is answered: all that there is to a change but the transaction.
#[derive(Debug)]
pub(super) struct Change {
    write: Write,
    projection: Projection,
    answer: Answer,
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    /// With the resource, and this status.
    Resource(u16),
    /// Done, and its new version.
    Version,
    /// Gone.
    Nothing,
}

impl<S: Store, D> Service<S, D>
where
    D: for<'a> Directory<S::Tx<'a>>,
{
    /// Prepares what a POST to a type, or a PUT, PATCH or DELETE of a resource, changes.
    pub(super) fn prepare(
        &self,
        call: Call<'_>,
        request: &Request<'_>,
        kind: &Arc<ResourceType>,
        id: Option<Id>,
        params: &Params,
        dialect: &mut Dialect,
    ) -> Result<Change> {
        let inner = &self.0;
        let passwords = inner.passwords(call);
        let created = id.is_none();
        if !created && !matches!(request.method, "PUT" | "PATCH" | "DELETE") {
            return Err(no_method(request.method, RESOURCE_METHODS));
        }
        may_write(call, kind)?;
        let id = id.unwrap_or_else(|| inner.env.ids.next());
        let (action, answer) = match request.method {
            _ if created => {
                let named = (id.clone(), call.now);
                let action = prepare_create(passwords, kind, named, body(request)?, dialect)?;
                (action, Answer::Resource(201))
            }
            "PUT" => (prepare_replace(passwords, kind, body(request)?)?, Answer::Resource(200)),
            "PATCH" => {
                let action =
                    prepare_patch(passwords, Patch::read(json_of(request)?, kind, dialect)?)?;
                // RFC 7644 §3.5.2: 204 "if … the client did not specify attributes". A group may be huge, so
                // its clients get 204; a user's get what they changed.
                let shown = !kind.has_members() || params.projects();
                (action, if shown { Answer::Resource(200) } else { Answer::Version })
            }
            _ => (Action::Delete, Answer::Nothing),
        };
        let precondition =
            if created { Precondition::default() } else { Precondition::of(request) };
        let write = Write { kind: Arc::clone(kind), id, action, precondition };
        let projection = Projection::new(kind, &params.attributes, &params.excluded);
        Ok(Change { write, projection, answer })
    }

    /// Runs a change in a transaction of its own.
    pub(super) fn make(
        &self,
        call: Call<'_>,
        change: &Change,
        dialect: &mut Dialect,
    ) -> Result<Made> {
        let Change { write, projection, answer } = change;
        let members = write.members();
        let foresight = write.foresight(&members);
        self.change(call.caller, foresight, |tx| {
            let Outcome { resource, fresh } = self.0.execute(tx, call, write, dialect)?;
            let load = if fresh { load_fresh } else { load_one };
            let loaded = match answer {
                Answer::Resource(_) => Some(load(tx, resource.clone(), projection, call.links)?),
                Answer::Version | Answer::Nothing => None,
            };
            Ok(Made { resource, loaded })
        })
    }

    /// Answers a change that was made: without the store, and not where others wait to make theirs.
    pub(super) fn answer(&self, call: Call<'_>, change: &Change, made: Made) -> Result<Response> {
        let Change { write, projection, answer } = change;
        let Made { resource, loaded } = made;
        let response = match (answer, loaded) {
            (Answer::Resource(status), Some(loaded)) => {
                let mut output = Output::default();
                output.resource(&loaded, projection, call.links)?;
                let body = self.0.body(&call.caller.tenant, call.links.base_url, output);
                Response { body, ..Response::message(*status, Vec::new()) }
            }
            (Answer::Nothing, _) => return Ok(Response::empty(204)),
            _ => Response::empty(204),
        };
        let response = response.with_header("ETag", resource.version().to_string());
        Ok(match write.action {
            Action::Create(..) => {
                response.with_header("Location", location(call.links.base_url, &resource))
            }
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
    /// What hashes passwords, if there is time.
    pub(super) fn passwords(&self, call: Call<'_>) -> &dyn Passwords {
        if call.brief { &NoTime } else { &*self.env.passwords }
    }
}

/// The largest resource that is stored, in bytes of JSON: pages of them are held in memory.
const LARGEST: usize = 256 << 10;

/// # Errors
/// [`Kind::InvalidValue`] for a resource that is too large to be stored.
pub(super) fn require_not_too_large(resource: &Resource) -> Result<()> {
    let size = resource.text().len();
    if size <= LARGEST {
        return Ok(());
    }
    let name = &resource.kind().name;
    let detail = format!("The {name} would be {size} bytes large; at most {LARGEST} are kept");
    Err(Error::invalid_value(detail))
}

pub(super) fn prepare_create(
    passwords: &dyn Passwords,
    kind: &Arc<ResourceType>,
    (id, now): (Id, Timestamp),
    mut input: Map<String, Value>,
    dialect: &mut Dialect,
) -> Result<Action> {
    hash_secrets(passwords, kind, &mut input)?;
    let Checked { document, secrets, members } = kind.check(input, Intent::Create, dialect)?;
    let (kind, version, times) = (Arc::clone(kind), Version::FIRST, (now, now));
    let new = Resource::new(kind, id, version, times, document, secrets)?;
    require_not_too_large(&new)?;
    Ok(Action::Create(new, members))
}

pub(super) fn prepare_replace(
    passwords: &dyn Passwords,
    kind: &ResourceType,
    mut input: Map<String, Value>,
) -> Result<Action> {
    hash_secrets(passwords, kind, &mut input)?;
    Ok(Action::Replace(input))
}

pub(super) fn prepare_patch(passwords: &dyn Passwords, mut patch: Patch) -> Result<Action> {
    for secret in patch.secrets_mut() {
        *secret = hash_secret(passwords, secret)?;
    }
    Ok(Action::Patch(patch))
}
