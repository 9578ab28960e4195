//! What each write does inside a transaction: check the precondition, write, ask the directory, append
//! the event. Single requests and bulk requests come here.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::members::Delta;
use super::precondition::Precondition;
use super::route::no_such;
use super::tell::{MEMBERS_CHANGED, changed_names, names, verb};
use super::write::{Action, Outcome, Write, require_not_too_large};
use super::{Call, Inner};
use crate::dialect::{Dialect, Normalizer};
use crate::directory::{Change, Directory, Occasion};
use crate::error::{Kind, Result};
use crate::filter::{Compare, Op, Operand, Predicate};
use crate::patch::Patch;
use crate::path::AttrPath;
use crate::query::{Query, Window};
use crate::resource::{Resource, Stored};
use crate::schema::{AttrRef, Checked, Intent, ResourceType};
use crate::store::Transaction;
use crate::text;

impl<S, D> Inner<S, D> {
    /// Makes a prepared change inside a transaction: checks the precondition, writes, asks the
    /// directory, appends the event.
    pub(super) fn execute<T: Transaction>(
        &self,
        tx: &mut T,
        call: Call<'_>,
        write: &Write,
        dialect: &mut Dialect,
    ) -> Result<Outcome>
    where
        D: Directory<T>,
    {
        let Write { kind, action, precondition, .. } = write;
        match action {
            Action::Create(new, members) => {
                self.execute_create(tx, call, new, members.as_deref(), dialect)
            }
            Action::Delete => {
                let old = found(tx, write, true)?;
                self.execute_delete(tx, call, old)
            }
            Action::Replace(input) => {
                // Its name, or all of its members.
                let old = found(tx, write, kind.has_members())?;
                let checked = kind.check(input.clone(), Intent::Replace(&old), dialect)?;
                self.execute_replace(tx, call, (old, precondition), checked, dialect)
            }
            Action::Patch(patch) => {
                let old = found(tx, write, kind.has_members() && !patch.is_empty())?;
                self.execute_patch(tx, call, (old, precondition), patch, dialect)
            }
        }
    }

    fn execute_create<T: Transaction>(
        &self,
        tx: &mut T,
        call: Call<'_>,
        new: &Resource,
        members: Option<&[Value]>,
        dialect: &mut Dialect,
    ) -> Result<Outcome>
    where
        D: Directory<T>,
    {
        if new.kind().has_members() {
            // Its name may match an organization, and it may hold groups.
            tx.alone()?;
        }
        if let Err(error) = tx.insert(new) {
            if error.kind() == Kind::Uniqueness
                && let Some(old) = returning(tx, new.kind(), new, dialect)?
            {
                let (document, secrets) = (new.document()?.clone(), new.secrets().clone());
                let checked = Checked { document, secrets, members: members.map(<[_]>::to_vec) };
                let old = (old, &Precondition::default());
                return self.execute_replace(tx, call, old, checked, dialect);
            }
            return Err(error);
        }
        let members = self.listed(members.unwrap_or_default())?;
        let members = self.add(tx, new.id(), &members, dialect)?;
        self.review(tx, call, &Change::Create { new, members: &members })?;
        let detail = json!({"attributes": names(new.document()?)});
        let mut delta = Delta::default();
        delta.came(members);
        self.tell_with_members(tx, call, (new, "created"), detail, &delta, dialect)?;
        Ok(Outcome { resource: new.clone(), fresh: true })
    }

    fn execute_replace<T: Transaction>(
        &self,
        tx: &mut T,
        call: Call<'_>,
        old: (Resource, &Precondition),
        checked: Checked,
        dialect: &mut Dialect,
    ) -> Result<Outcome>
    where
        D: Directory<T>,
    {
        let Checked { document, secrets, members } = checked;
        let members = members.unwrap_or_default();
        self.store_change(tx, call, old, (document, secrets), dialect, |tx, old, dialect| {
            let mut delta = Delta::default();
            if old.kind().has_members() {
                let members = self.listed(&members)?;
                self.replace(tx, old.id(), &members, &mut delta, dialect)?;
            }
            Ok(delta)
        })
    }

    fn execute_patch<T: Transaction>(
        &self,
        tx: &mut T,
        call: Call<'_>,
        (old, precondition): (Resource, &Precondition),
        patch: &Patch,
        dialect: &mut Dialect,
    ) -> Result<Outcome>
    where
        D: Directory<T>,
    {
        let change_members = |tx: &mut T, old: &Resource, dialect: &mut Dialect| {
            self.change_members(tx, old.id(), patch.member_changes(), dialect)
        };
        if patch.is_empty() {
            let delta = change_members(tx, &old, dialect)?;
            return self.store_members_change(tx, call, (old, precondition), &delta, dialect);
        }
        let kind = Arc::clone(old.kind());
        let (mut document, mut secrets) = (old.document()?.clone(), old.secrets().clone());
        patch.apply(&mut document, &mut secrets, dialect)?;
        let checked = kind.check(document, Intent::Patch(&old), dialect)?;
        let old = (old, precondition);
        self.store_change(tx, call, old, (checked.document, secrets), dialect, change_members)
    }

    /// Stores a new state if it differs from the old one: a write that changes nothing leaves version
    /// and time as they are. Members change last, so that the directory reviews one step after the other:
    /// a renamed group with the members that it had, then the members that come and go.
    fn store_change<T: Transaction>(
        &self,
        tx: &mut T,
        call: Call<'_>,
        (old, precondition): (Resource, &Precondition),
        (document, secrets): (Map<String, Value>, Map<String, Value>),
        dialect: &mut Dialect,
        change_members: impl FnOnce(&mut T, &Resource, &mut Dialect) -> Result<Delta>,
    ) -> Result<Outcome>
    where
        D: Directory<T>,
    {
        let changed = changed_names(old.document()?, &document);
        if changed.is_empty() && secrets == *old.secrets() {
            let delta = change_members(tx, &old, dialect)?;
            return self.store_members_change(tx, call, (old, precondition), &delta, dialect);
        }
        let new = Resource::new(
            Arc::clone(old.kind()),
            old.id().clone(),
            old.version().next(),
            (old.created(), call.now.max(old.modified())),
            document,
            secrets,
        )?;
        require_not_too_large(&new)?;
        tx.update(&old, &new)?;
        self.review(tx, call, &Change::Replace { old: &old, new: &new })?;
        let delta = change_members(tx, &new, dialect)?;
        self.review_members(tx, call, &new, &delta)?;
        let detail = json!({"changed": changed});
        let what = (&new, verb(&old, &new)?);
        self.tell_with_members(tx, call, what, detail, &delta, dialect)?;
        Ok(Outcome { resource: new, fresh: false })
    }

    /// The version is raised last: whoever changes other members of the same group waits from there to
    /// the commit only.
    fn store_members_change<T: Transaction>(
        &self,
        tx: &mut T,
        call: Call<'_>,
        (old, precondition): (Resource, &Precondition),
        delta: &Delta,
        dialect: &mut Dialect,
    ) -> Result<Outcome>
    where
        D: Directory<T>,
    {
        if delta.is_empty() {
            return Ok(Outcome { resource: old, fresh: false });
        }
        self.review_members(tx, call, &old, delta)?;
        let what = (&old, MEMBERS_CHANGED);
        self.tell_with_members(tx, call, what, json!({}), delta, dialect)?;
        let version = tx.touch(old.kind(), old.id(), call.now)?;
        // Others may have raised it since it was looked at.
        precondition.check_write(version.previous())?;
        let stored = Stored {
            id: old.id().clone(),
            version,
            created: old.created(),
            modified: call.now.max(old.modified()),
            text: old.text().to_owned(),
            secrets: old.secrets().clone(),
        };
        let resource = Resource::from_stored(Arc::clone(old.kind()), stored);
        Ok(Outcome { resource, fresh: false })
    }

    fn review<T: Transaction>(&self, tx: &mut T, call: Call<'_>, change: &Change<'_>) -> Result<()>
    where
        D: Directory<T>,
    {
        let Call { caller, request_id, now, .. } = call;
        self.directory.review(change, &Occasion { caller, request_id, now }, tx)
    }

    fn review_members<T: Transaction>(
        &self,
        tx: &mut T,
        call: Call<'_>,
        group: &Resource,
        delta: &Delta,
    ) -> Result<()>
    where
        D: Directory<T>,
    {
        if delta.is_empty() {
            return Ok(());
        }
        let (added, removed): (Vec<_>, Vec<_>) =
            (delta.added.iter().cloned().collect(), delta.removed.iter().cloned().collect());
        let change = Change::Members { group: group.id(), added: &added, removed: &removed };
        self.review(tx, call, &change)
    }

    fn execute_delete<T: Transaction>(
        &self,
        tx: &mut T,
        call: Call<'_>,
        old: Resource,
    ) -> Result<Outcome>
    where
        D: Directory<T>,
    {
        let groups = tx.groups_of(std::slice::from_ref(old.id()))?;
        self.review(tx, call, &Change::Delete { old: &old })?;
        tx.delete(&old)?;
        // Its memberships went with it, so the groups that listed it have changed.
        if let Some(kind) = self.registry.types().iter().find(|kind| kind.has_members()) {
            for membership in groups.iter().filter(|m| m.direct) {
                tx.touch(kind, &membership.group, call.now)?;
            }
        }
        let left: Vec<_> = groups.iter().filter(|m| m.direct).map(|m| m.group.as_str()).collect();
        let detail = if left.is_empty() { json!({}) } else { json!({"left": left}) };
        self.tell(tx, call, &old, "deleted", detail, &Dialect::default())?;
        Ok(Outcome { resource: old, fresh: false })
    }
}

/// What is to be changed, if it has the version that the change rests on; alone, where that rests on more.
fn found<T: Transaction>(tx: &mut T, write: &Write, alone: bool) -> Result<Resource> {
    if alone {
        tx.alone()?;
    }
    let old = tx.find(&write.kind, &write.id)?.ok_or_else(|| no_such(&write.kind))?;
    write.precondition.check_write(old.version())?;
    Ok(old)
}

/// The inactive user that a POST means to bring back: the same `userName` and the same `externalId`.
fn returning<T: Transaction>(
    tx: &mut T,
    kind: &Arc<ResourceType>,
    new: &Resource,
    dialect: &mut Dialect,
) -> Result<Option<Resource>> {
    if !kind.has_groups() {
        return Ok(None);
    }
    let document = new.document()?;
    let (Some(name), Some(external)) = (
        document.get("userName").and_then(Value::as_str),
        document.get("externalId").filter(|id| id.is_string()),
    ) else {
        return Ok(None);
    };
    let path = AttrPath { urn: None, name: "userName".into(), sub: None };
    let attr: AttrRef = kind.resolve(&path, Kind::Internal)?;
    let operand = Operand::Text(text::key(name, attr.leaf().is_case_exact()).into_owned());
    let query = Query {
        predicate: Some(Predicate::Compare(Compare { attr, op: Op::Eq, operand })),
        sort: None,
        window: Window::Offset { offset: 0, count: 1 },
    };
    let Some(old) = tx.search(kind, &query)?.resources.into_iter().next() else {
        return Ok(None);
    };
    let there = old.document()?;
    let returns = there.get("active") == Some(&Value::Bool(false))
        && there.get("externalId") == Some(external)
        && dialect.allows(Normalizer::ReactivateOnCreate);
    Ok(returns.then_some(old))
}
