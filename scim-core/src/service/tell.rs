//! What the log says of a change.

use serde_json::{Map, Value};

use super::members::Delta;
use super::{Call, Inner};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::event::Event;
use crate::resource::Resource;
use crate::store::Transaction;

/// What happens to a group whose members change, and nothing else of it.
pub(super) const MEMBERS_CHANGED: &str = "members_changed";

impl<S, D> Inner<S, D> {
    /// As [`Self::tell`], and who came and went. Of more than one event can name, further ones tell.
    pub(super) fn tell_with_members<T: Transaction>(
        &self,
        tx: &mut T,
        call: Call<'_>,
        (target, verb): (&Resource, &str),
        mut detail: Value,
        delta: &Delta,
        dialect: &Dialect,
    ) -> Result<()> {
        let mut members = delta.details();
        if let (Some(first), Some(detail)) = (members.next(), detail.as_object_mut()) {
            detail.extend(first);
        }
        self.tell(tx, call, target, verb, detail, dialect)?;
        members.try_for_each(|more| {
            let more = Value::Object(more);
            self.tell(tx, call, target, MEMBERS_CHANGED, more, &Dialect::default())
        })
    }

    pub(super) fn tell<T: Transaction>(
        &self,
        tx: &mut T,
        call: Call<'_>,
        target: &Resource,
        verb: &str,
        mut detail: Value,
        dialect: &Dialect,
    ) -> Result<()> {
        if let (false, Some(detail)) = (dialect.fired().is_empty(), detail.as_object_mut()) {
            let fired: Vec<_> = dialect.fired().iter().map(|n| n.name()).collect();
            detail.insert("normalized".into(), fired.into());
        }
        tx.append(&Event {
            id: self.env.ids.next(),
            at: call.now,
            name: format!("scim_{}.{verb}", target.kind().name.to_ascii_lowercase()),
            actor: call.caller.actor.clone(),
            request_id: call.request_id.to_owned(),
            target: target.id().clone(),
            detail,
        })
    }
}

pub(super) fn names(document: &Map<String, Value>) -> Vec<&str> {
    document.keys().map(String::as_str).filter(|name| *name != "schemas").collect()
}

/// The top-level names whose values differ.
pub(super) fn changed_names(old: &Map<String, Value>, new: &Map<String, Value>) -> Vec<String> {
    let changed = new.iter().filter(|(name, value)| old.get(*name) != Some(value));
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    changed.map(|(name, _)| name).chain(gone).cloned().collect()
}

pub(super) fn verb(old: &Resource, new: &Resource) -> Result<&'static str> {
    let field = |resource: &Resource, name: &str| Ok(resource.document()?.get(name).cloned());
    if old.kind().has_groups() {
        return Ok(match (field(old, "active")?, field(new, "active")?) {
            (Some(Value::Bool(true)), Some(Value::Bool(false))) => "deactivated",
            (Some(Value::Bool(false)), Some(Value::Bool(true))) => "reactivated",
            _ => "updated",
        });
    }
    let renamed = field(old, "displayName")? != field(new, "displayName")?;
    Ok(if old.kind().has_members() && renamed { "renamed" } else { "updated" })
}
