//! Bulk requests (RFC 7644 §3.7).
//!
//! Each POST gets its id before anything runs, so that `bulkId` references become ids at once, in any
//! order and in circles. Each operation is atomic; those that refer to each other in a circle are so
//! together. Operations are committed in batches, before the answer is sent.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::bulk_graph::units;
use super::precondition::Precondition;
use super::render::location;
use super::write::{Action, Write, may_write, prepare_create, prepare_patch, prepare_replace};
use super::{Call, Inner, Service, body};
use crate::dialect::Dialect;
use crate::directory::Directory;
use crate::error::{Error, Kind, Result};
use crate::http::{Request, Response};
use crate::patch::Patch;
use crate::resource::{Id, Version};
use crate::schema::ResourceType;
use crate::store::{Store, Transaction};
use crate::text::same_name;

const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
const REFERENCE: &str = "bulkId:";
/// Operations in one transaction: other writers wait no longer than these take.
const BATCH: usize = 100;

/// One operation as sent.
struct Operation {
    method: String,
    path: String,
    bulk_id: Option<String>,
    version: Option<String>,
    data: Value,
}

/// One operation, ready to run or already refused.
struct Prepared {
    write: Result<Write>,
    bulk_id: Option<String>,
    /// The bulkIds that it refers to.
    references: Vec<String>,
}

impl Prepared {
    fn is_of_group(&self) -> bool {
        self.write.as_ref().is_ok_and(|write| write.kind.has_members())
    }
}

/// What is said of one operation.
struct Answer {
    result: std::result::Result<Done, Error>,
}

struct Done {
    status: u16,
    location: String,
    version: Option<Version>,
}

impl<S: Store, D> Service<S, D>
where
    D: for<'a> Directory<S::Tx<'a>>,
{
    pub(super) fn bulk(
        &self,
        call: Call<'_>,
        request: &Request<'_>,
        dialect: &mut Dialect,
    ) -> Result<Response> {
        if !call.caller.scopes.bulk {
            let detail = "This token may not send bulk requests; its scopes lack \"bulk\"";
            return Err(Error::new(Kind::Forbidden, detail));
        }
        let settings = &self.0.settings;
        if request.body.len() > settings.max_bulk_payload {
            let detail = format!(
                "A bulk request may be {} bytes large; this one is {}",
                settings.max_bulk_payload,
                request.body.len()
            );
            return Err(Error::new(Kind::PayloadTooLarge, detail));
        }
        let (mut operations, stop_after) = parse(body(request)?, dialect)?;
        if operations.len() > settings.max_bulk_operations {
            let detail = format!(
                "A bulk request may have {} operations; this one has {}",
                settings.max_bulk_operations,
                operations.len()
            );
            return Err(Error::new(Kind::PayloadTooLarge, detail));
        }
        refuse_twins(&operations)?;
        let ids = self.0.preassign(&operations);
        let prepared: Vec<_> =
            operations.iter_mut().map(|op| self.0.prepare(call, op, &ids, dialect)).collect();
        let units = units(&dependencies(&operations, &prepared));
        let mut answers: Vec<Option<Answer>> = operations.iter().map(|_| None).collect();
        let mut failed = HashSet::new();
        let mut errors = 0;
        let mut broken = None;
        for (n, batch) in units.chunks(BATCH).enumerate() {
            // The closure may run again: what it decides goes into fresh values each time.
            let done = self.change(call.caller, None, |tx| {
                // Two bulk requests with the same resources in another order would wait for each other.
                tx.alone()?;
                let (mut said, mut failures) = (Vec::new(), failed.clone());
                for unit in batch {
                    let so_far = errors + count_errors(&said);
                    if stop_after.is_some_and(|most| so_far >= most) {
                        break;
                    }
                    let results = self.0.run(tx, call, unit, &prepared, &failures, dialect);
                    for (i, answer) in results {
                        if let (Err(_), Some(Some(id))) =
                            (&answer.result, operations.get(i).map(|op| op.bulk_id.clone()))
                        {
                            failures.insert(id);
                        }
                        said.push((i, answer));
                    }
                }
                Ok((said, failures))
            });
            let (said, failures) = match done {
                Ok(done) => done,
                Err(error) if n == 0 => return Err(error),
                // What was committed before is told, and what was not reached.
                Err(error) => {
                    let here: HashSet<usize> = batch.iter().flatten().copied().collect();
                    for (i, place) in answers.iter_mut().enumerate().filter(|(_, a)| a.is_none()) {
                        let so =
                            if here.contains(&i) { "" } else { "; this operation was not reached" };
                        let said = Error::new(error.kind(), format!("{}{so}", error.detail()));
                        *place = Some(Answer { result: Err(said) });
                    }
                    broken = Some(error);
                    break;
                }
            };
            failed = failures;
            errors += count_errors(&said);
            for (i, answer) in said {
                if let Some(place) = answers.get_mut(i) {
                    *place = Some(answer);
                }
            }
            if stop_after.is_some_and(|most| errors >= most) {
                break;
            }
        }
        let answers: Vec<_> =
            operations.iter().zip(answers).filter_map(|(op, answer)| Some((op, answer?))).collect();
        let said: Vec<_> = answers.iter().map(|(op, answer)| answer.to_json(op)).collect();
        let message = json!({"schemas": [BULK_RESPONSE], "Operations": said});
        // The log is told of what went wrong on this side.
        let own =
            |(_, answer): (_, Answer)| answer.result.err().filter(|e| e.kind().status() >= 500);
        let error = broken.or_else(|| answers.into_iter().find_map(own));
        Ok(Response { error, ..Response::message(200, message.to_string().into_bytes()) })
    }
}

/// RFC 7644 §3.7: a bulkId is "unique within a bulk request".
fn refuse_twins(operations: &[Operation]) -> Result<()> {
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

fn count_errors(said: &[(usize, Answer)]) -> usize {
    said.iter().filter(|(_, answer)| answer.result.is_err()).count()
}

fn parse(body: Map<String, Value>, dialect: &Dialect) -> Result<(Vec<Operation>, Option<usize>)> {
    let (mut list, mut stop_after, mut named) = (None, None, false);
    for (name, value) in body {
        if same_name(&name, "Operations") {
            list = Some(value);
        } else if same_name(&name, "failOnErrors") {
            stop_after = match value {
                Value::Null => None,
                value => match value.as_u64().and_then(|n| usize::try_from(n).ok()) {
                    Some(0) | None => {
                        return Err(Error::invalid_value(
                            "failOnErrors must be a whole number of at least 1",
                        ));
                    }
                    some => some,
                },
            };
        } else if same_name(&name, "schemas") {
            let urns = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            named = urns.into_iter().any(|urn| same_name(urn, BULK_REQUEST));
        }
    }
    if !named && dialect.preset().refuses_unknown() {
        return Err(Error::invalid_syntax(format!("\"schemas\" must list \"{BULK_REQUEST}\"")));
    }
    let Some(Value::Array(list)) = list else {
        return Err(Error::invalid_syntax("\"Operations\" must be a list of operations"));
    };
    let operations = list.into_iter().enumerate().map(|(i, value)| {
        Operation::parse(value)
            .map_err(|e| Error::new(e.kind(), format!("Operations[{}]: {}", i + 1, e.detail())))
    });
    Ok((operations.collect::<Result<_>>()?, stop_after))
}

impl Operation {
    fn parse(value: Value) -> Result<Self> {
        let Value::Object(object) = value else {
            return Err(Error::invalid_syntax("an operation must be an object"));
        };
        let (mut method, mut path, mut bulk_id, mut version, mut data) =
            (None, None, None, None, Value::Null);
        for (name, value) in object {
            let place = match name.to_ascii_lowercase().as_str() {
                "method" => &mut method,
                "path" => &mut path,
                "bulkid" => &mut bulk_id,
                "version" => &mut version,
                "data" => {
                    data = value;
                    continue;
                }
                _ => continue,
            };
            *place = match value {
                Value::Null => None,
                Value::String(text) => Some(text),
                _ => return Err(Error::invalid_syntax(format!("\"{name}\" must be a string"))),
            };
        }
        let missing = |name: &str| Error::invalid_syntax(format!("\"{name}\" is missing"));
        Ok(Self {
            method: method.ok_or_else(|| missing("method"))?.to_ascii_uppercase(),
            path: path.ok_or_else(|| missing("path"))?,
            bulk_id,
            version,
            data,
        })
    }
}

impl<S, D> Inner<S, D> {
    /// The ids that POSTs will get, by bulkId.
    fn preassign(&self, operations: &[Operation]) -> HashMap<String, Id> {
        let mut ids = HashMap::new();
        for operation in operations.iter().filter(|op| op.method == "POST") {
            if let Some(bulk_id) = &operation.bulk_id {
                ids.insert(bulk_id.clone(), self.env.ids.next());
            }
        }
        ids
    }

    /// Takes the data out of the operation: of a large request there is one copy.
    fn prepare(
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
                None => Some(Id::parse(segment).ok_or_else(|| super::route::no_such(&kind))?),
            },
        };
        Ok((kind, id))
    }

    /// Runs one unit so that all of it happens or nothing.
    fn run<T: Transaction>(
        &self,
        tx: &mut T,
        call: Call<'_>,
        unit: &[usize],
        prepared: &[Prepared],
        failed: &HashSet<String>,
        dialect: &mut Dialect,
    ) -> Vec<(usize, Answer)>
    where
        D: Directory<T>,
    {
        let mut broken = None;
        let done = tx.nested(|tx| {
            refuse_circle_of_groups(unit, prepared)?;
            // Groups come last: their members must be there.
            let mut unit = unit.to_vec();
            unit.sort_by_key(|i| prepared.get(*i).is_some_and(Prepared::is_of_group));
            let mut done = Vec::with_capacity(unit.len());
            for i in &unit {
                match self.run_one(tx, call, prepared.get(*i), failed, dialect) {
                    Ok(one) => done.push((*i, Answer { result: Ok(one) })),
                    Err(error) => {
                        broken = Some(*i);
                        return Err(error);
                    }
                }
            }
            Ok(done)
        });
        let error = match done {
            Ok(done) => return done,
            Err(error) => error,
        };
        let (kind, detail) = (error.kind(), error.detail().to_owned());
        let mut first = Some(error);
        unit.iter()
            .map(|i| {
                let own = broken.is_none_or(|broken| broken == *i);
                let error = first.take_if(|_| own).unwrap_or_else(|| {
                    let status = kind.status();
                    Error::new(
                        Kind::Conflict,
                        format!("An operation in the same circle of references failed ({status}: {detail})"),
                    )
                });
                (*i, Answer { result: Err(error) })
            })
            .collect()
    }

    fn run_one<T: Transaction>(
        &self,
        tx: &mut T,
        call: Call<'_>,
        prepared: Option<&Prepared>,
        failed: &HashSet<String>,
        dialect: &mut Dialect,
    ) -> Result<Done>
    where
        D: Directory<T>,
    {
        let Some(Prepared { write, references, .. }) = prepared else {
            return Err(Error::internal("an operation that was not prepared"));
        };
        let write = match write {
            Ok(write) => write,
            Err(refused) => return Err(Error::new(refused.kind(), refused.detail())),
        };
        if let Some(bulk_id) = references.iter().find(|bulk_id| failed.contains(*bulk_id)) {
            let detail = format!(
                "The operation with bulkId \"{bulk_id}\", which this one refers to, failed"
            );
            return Err(Error::new(Kind::Conflict, detail));
        }
        let resource = self.execute(tx, call, write, dialect)?.resource;
        let status = match &write.action {
            Action::Create(_) => 201,
            Action::Replace(_) | Action::Patch(_) => 200,
            Action::Delete => 204,
        };
        let version = (status != 204).then(|| resource.version());
        Ok(Done { status, location: location(call.links.base_url, &resource), version })
    }
}

/// Groups that are to hold each other from the start.
fn refuse_circle_of_groups(unit: &[usize], prepared: &[Prepared]) -> Result<()> {
    if unit.len() < 2 {
        return Ok(());
    }
    let groups = || unit.iter().filter_map(|i| prepared.get(*i)).filter(|p| p.is_of_group());
    let names: HashSet<&String> = groups().filter_map(|p| p.bulk_id.as_ref()).collect();
    match groups().flat_map(|p| &p.references).find(|id| names.contains(id)) {
        None => Ok(()),
        Some(id) => Err(Error::invalid_value(format!(
            "members: the group with bulkId \"{id}\" can't be a member: a group may not hold itself, \
             directly or through other groups"
        ))),
    }
}

/// Which operations each depends on.
fn dependencies(operations: &[Operation], prepared: &[Prepared]) -> Vec<Vec<usize>> {
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

fn refer<'a>(
    bulk_id: &str,
    ids: &'a HashMap<String, Id>,
    references: &mut Vec<String>,
) -> Result<&'a Id> {
    let id = ids.get(bulk_id).ok_or_else(|| {
        // RFC 7644 §3.7.1 names 409 for references that can't be resolved.
        let detail = format!("No POST of this request has the bulkId \"{bulk_id}\"");
        Error::new(Kind::Conflict, detail)
    })?;
    if !references.iter().any(|known| known == bulk_id) {
        references.push(bulk_id.to_owned());
    }
    Ok(id)
}

/// Replaces `bulkId:x` by the id that x will get: as a whole string, at the end of a URI
/// (`../Users/bulkId:x`), and as a quoted value in the filter of a PATCH path.
fn resolve_references(
    value: &mut Value,
    ids: &HashMap<String, Id>,
    references: &mut Vec<String>,
) -> Result<()> {
    match value {
        Value::String(text) => {
            if let Some(resolved) = resolve_text(text, ids, references)? {
                *text = resolved;
            }
            Ok(())
        }
        Value::Array(list) => {
            list.iter_mut().try_for_each(|value| resolve_references(value, ids, references))
        }
        Value::Object(object) => {
            object.values_mut().try_for_each(|value| resolve_references(value, ids, references))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn resolve_text(
    text: &str,
    ids: &HashMap<String, Id>,
    references: &mut Vec<String>,
) -> Result<Option<String>> {
    if let Some(bulk_id) = text.strip_prefix(REFERENCE) {
        return refer(bulk_id, ids, references).map(|id| Some(id.to_string()));
    }
    for quote in ["\"", "/"] {
        let opening = format!("{quote}{REFERENCE}");
        let Some((before, rest)) = text.split_once(&opening) else { continue };
        let (bulk_id, after) =
            if quote == "/" { (rest, "") } else { rest.split_once('"').unwrap_or((rest, "")) };
        // Other text may hold such words by chance; only a known bulkId makes it a reference.
        if ids.contains_key(bulk_id) {
            let id = refer(bulk_id, ids, references)?;
            let (close, after) =
                if quote == "/" { ("", String::new()) } else { ("\"", after.to_owned()) };
            let resolved = format!("{before}{quote}{id}{close}{after}");
            return Ok(Some(resolve_text(&resolved, ids, references)?.unwrap_or(resolved)));
        }
    }
    Ok(None)
}

impl Answer {
    fn to_json(&self, operation: &Operation) -> Value {
        let mut answer = Map::new();
        answer.insert("method".into(), operation.method.as_str().into());
        if let Some(bulk_id) = &operation.bulk_id {
            answer.insert("bulkId".into(), bulk_id.as_str().into());
        }
        match &self.result {
            Ok(Done { status, location, version }) => {
                if let Some(version) = version {
                    answer.insert("version".into(), version.to_string().into());
                }
                answer.insert("location".into(), location.as_str().into());
                answer.insert("status".into(), status.to_string().into());
            }
            Err(error) => {
                // RFC 7644 §3.7: location is for all but failed POSTs; the path tells it.
                answer.insert("status".into(), error.kind().status().to_string().into());
                answer.insert("response".into(), error.to_json());
            }
        }
        Value::Object(answer)
    }
}
