//! Operations made ready before any runs: with their ids, and with references resolved.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use super::message::Operation;
use super::references::{REFERENCE, refer, resolve_references};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::patch::Patch;
use crate::resource::Id;
use crate::schema::ResourceType;
use crate::service::precondition::Precondition;
use crate::service::render::place;
use crate::service::route::no_such;
use crate::service::write::{
    Action, Write, may_write, prepare_create, prepare_patch, prepare_replace,
};
use crate::service::{Call, Inner};

/// One operation, ready to run or already refused.
pub(super) struct Prepared {
    pub(super) write: Result<Write>,
    pub(super) bulk_id: Option<String>,
    /// The bulkIds that it refers to.
    pub(super) references: Vec<String>,
}

impl Prepared {
    pub(super) fn is_of_group(&self) -> bool {
        self.write.as_ref().is_ok_and(|write| write.kind.has_members())
    }
}

impl<S, D> Inner<S, D> {
    /// The ids that POSTs will get, by bulkId.
    pub(super) fn preassign(&self, operations: &[Operation]) -> HashMap<String, Id> {
        let mut ids = HashMap::new();
        for operation in operations.iter().filter(|op| op.method == "POST") {
            if let Some(bulk_id) = &operation.bulk_id {
                ids.insert(bulk_id.clone(), self.env.ids.next());
            }
        }
        ids
    }

    /// Takes the data out of the operation: of a large request there is one copy.
    pub(super) fn prepare(
        &self,
        call: Call<'_>,
        operation: &mut Operation,
        ids: &HashMap<String, Id>,
        dialect: &mut Dialect,
    ) -> Prepared {
        let mut references = Vec::new();
        let write = self.prepare_write(call, operation, ids, &mut references, dialect);
        Prepared { write, bulk_id: operation.bulk_id.clone(), references }
    }

    fn prepare_write(
        &self,
        call: Call<'_>,
        operation: &mut Operation,
        ids: &HashMap<String, Id>,
        references: &mut Vec<String>,
        dialect: &mut Dialect,
    ) -> Result<Write> {
        let Operation { method, path, bulk_id, version, data } = operation;
        let (kind, id) = self.target(path, ids, references)?;
        may_write(call, &kind)?;
        let mut data = std::mem::take(data);
        resolve_references(&mut data, ids, references)?;
        let data = |expected: &str| match data {
            Value::Object(object) => Ok(object),
            _ => Err(Error::invalid_syntax(format!("\"data\" must be {expected}"))),
        };
        let (id, action) = match (method.as_str(), id) {
            ("POST", None) => {
                // RFC 7644 §3.7: "bulkId … REQUIRED when 'method' is 'POST'."
                let id =
                    bulk_id.as_ref().and_then(|bulk_id| ids.get(bulk_id)).ok_or_else(|| {
                        Error::invalid_syntax("\"bulkId\" is missing; a POST needs one")
                    })?;
                let action = prepare_create(
                    &*self.env.passwords,
                    &kind,
                    (id.clone(), call.now),
                    data("the new resource")?,
                    dialect,
                )?;
                (id.clone(), action)
            }
            ("PUT", Some(id)) => {
                (id, prepare_replace(&*self.env.passwords, &kind, data("the resource")?)?)
            }
            ("PATCH", Some(id)) => {
                let message = Value::Object(data("a PATCH message")?);
                let patch = Patch::parse(message, &kind, dialect)?;
                (id, prepare_patch(&*self.env.passwords, patch)?)
            }
            ("DELETE", Some(id)) => (id, Action::Delete),
            ("POST" | "PUT" | "PATCH" | "DELETE", _) => {
                let detail = format!("{method} doesn't go with the path \"{path}\"");
                return Err(Error::invalid_value(detail));
            }
            _ => {
                let detail =
                    format!("\"method\" must be POST, PUT, PATCH or DELETE, not \"{method}\"");
                return Err(Error::invalid_syntax(detail));
            }
        };
        let precondition = version.as_deref().map(Precondition::version).unwrap_or_default();
        Ok(Write { kind, id, action, precondition })
    }

    /// Where the resource is that an operation is to change, unless the one that was to make it failed.
    pub(super) fn place_of(
        &self,
        call: Call<'_>,
        operation: &Operation,
        ids: &HashMap<String, Id>,
        failed: &HashSet<String>,
    ) -> Option<String> {
        if operation.method == "POST" {
            return None;
        }
        let mut references = Vec::new();
        let (kind, id) = self.target(&operation.path, ids, &mut references).ok()?;
        let made = !references.iter().any(|bulk_id| failed.contains(bulk_id));
        id.filter(|_| made).map(|id| place(call.links.base_url, &kind, &id))
    }

    /// `/Users`, `/Users/{id}` or `/Users/bulkId:{bulkId}`
    fn target(
        &self,
        path: &str,
        ids: &HashMap<String, Id>,
        references: &mut Vec<String>,
    ) -> Result<(Arc<ResourceType>, Option<Id>)> {
        let unknown = || Error::not_found(format!("There is no endpoint \"{path}\""));
        let mut segments = path.trim_start_matches('/').splitn(2, '/');
        let endpoint = segments.next().unwrap_or_default();
        let kind = self.registry.by_endpoint(endpoint).cloned().ok_or_else(unknown)?;
        let id = match segments.next() {
            None | Some("") => None,
            Some(segment) => match segment.strip_prefix(REFERENCE) {
                Some(bulk_id) => Some(refer(bulk_id, ids, references)?.clone()),
                None => Some(Id::parse(segment).ok_or_else(|| no_such(&kind))?),
            },
        };
        Ok((kind, id))
    }
}

/// RFC 7644 §3.7: a bulkId is "unique within a bulk request".
pub(super) fn refuse_twins(operations: &[Operation]) -> Result<()> {
    let mut seen = HashMap::new();
    for (i, operation) in operations.iter().enumerate() {
        if let Some(bulk_id) = &operation.bulk_id
            && let Some(first) = seen.insert(bulk_id, i)
        {
            let detail = format!(
                "Operations[{}] and Operations[{}] have the same bulkId; each needs its own. Nothing was done",
                first + 1,
                i + 1
            );
            return Err(Error::invalid_value(detail));
        }
    }
    Ok(())
}

/// Which operations each depends on.
pub(super) fn dependencies(operations: &[Operation], prepared: &[Prepared]) -> Vec<Vec<usize>> {
    let mut makers = HashMap::new();
    for (i, operation) in operations.iter().enumerate().filter(|(_, op)| op.method == "POST") {
        if let Some(bulk_id) = &operation.bulk_id {
            makers.insert(bulk_id.as_str(), i);
        }
    }
    let makers = &makers;
    prepared
        .iter()
        .map(|p| p.references.iter().filter_map(|id| makers.get(id.as_str()).copied()).collect())
        .collect()
}
