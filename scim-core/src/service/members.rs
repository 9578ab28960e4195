//! Members of a group: rows of the store, changed without loading those that stay.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::{Map, Value};

use super::Inner;
use super::render::MEMBER_PAGE;
use crate::dialect::{Dialect, Normalizer};
use crate::error::{Error, Kind, Result};
use crate::filter::Predicate;
use crate::patch::{MemberChange, MemberRef};
use crate::resource::Id;
use crate::store::{Member, Transaction};

/// Members that are looked up, and made members, together.
const AT_ONCE: usize = 1_000;

/// Members that one event names.
const TOLD: usize = 500;

/// Who came and who went, on balance.
#[derive(Debug, Default)]
pub(super) struct Delta {
    pub(super) added: BTreeSet<Id>,
    pub(super) removed: BTreeSet<Id>,
}

impl Delta {
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }

    /// Who came and who went, as the details of events say it, some in each.
    pub(super) fn details(&self) -> impl Iterator<Item = Map<String, Value>> {
        let (added, removed) = (self.added.iter(), self.removed.iter());
        let added = added.map(|id| ("added", id));
        let mut rest = added.chain(removed.map(|id| ("removed", id))).peekable();
        std::iter::from_fn(move || {
            rest.peek()?;
            let mut detail = Map::new();
            for (name, id) in rest.by_ref().take(TOLD) {
                let ids = detail.entry(name).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(ids) = ids {
                    ids.push(id.as_str().into());
                }
            }
            Some(detail)
        })
    }

    pub(super) fn came(&mut self, ids: Vec<Id>) {
        for id in ids {
            if !self.removed.remove(&id) {
                self.added.insert(id);
            }
        }
    }

    fn went(&mut self, ids: Vec<Id>) {
        for id in ids {
            if !self.added.remove(&id) {
                self.removed.insert(id);
            }
        }
    }
}

impl<S, D> Inner<S, D> {
    /// Who is named by the elements of a `members` list.
    pub(super) fn listed(&self, elements: &[Value]) -> Result<Vec<MemberRef>> {
        self.require_not_too_many(elements.len())?;
        elements.iter().map(MemberRef::of).collect()
    }

    /// Makes members of those that `refs` name, some at a time: what the store tells of a hundred thousand isn't
    /// held at once. Tells who wasn't one.
    pub(super) fn add<T: Transaction>(
        &self,
        tx: &mut T,
        group: &Id,
        refs: &[MemberRef],
        dialect: &mut Dialect,
    ) -> Result<Vec<Id>> {
        let mut holders = None;
        let mut came = Vec::new();
        for refs in refs.chunks(AT_ONCE) {
            let members = self.resolve(tx, refs, dialect)?;
            self.refuse_cycle(tx, group, &members, &mut holders)?;
            if !members.is_empty() {
                came.extend(tx.add_members(group, &members)?);
            }
        }
        Ok(came)
    }

    /// A request may name so many members, all its operations together.
    fn require_not_too_many(&self, named: usize) -> Result<()> {
        let most = self.settings.max_members;
        if named <= most {
            return Ok(());
        }
        let detail = format!("The request names {named} members; at most {most} may come in one");
        Err(Error::new(Kind::TooMany, detail))
    }

    fn resolve<T: Transaction>(
        &self,
        tx: &mut T,
        refs: &[MemberRef],
        dialect: &mut Dialect,
    ) -> Result<Vec<Member>> {
        let mut seen = HashSet::with_capacity(refs.len());
        let ids: Vec<Id> =
            refs.iter().filter_map(MemberRef::id).filter(|id| seen.insert(*id)).cloned().collect();
        let mut known: HashMap<Id, _> = if ids.is_empty() {
            HashMap::new()
        } else {
            tx.identify(&ids)?.into_iter().map(|i| (i.id, (i.kind, i.label))).collect()
        };
        for r in refs {
            let kind = r.id().and_then(|id| known.get(id)).map(|(kind, _)| kind);
            let fits = kind.is_some_and(|kind| self.may_be_member(kind));
            if !fits && !dialect.allows(Normalizer::SkipUnknownMembers) {
                let detail =
                    format!("members: there is no user or group with the id \"{}\"", r.as_str());
                return Err(Error::invalid_value(detail));
            }
        }
        let members = ids.into_iter().filter_map(|id| {
            let (kind, display) = known.remove(&id)?;
            self.may_be_member(&kind).then_some(Member { id, kind, display })
        });
        Ok(members.collect())
    }

    fn may_be_member(&self, kind: &str) -> bool {
        self.registry.by_name(kind).is_some_and(|k| k.has_groups() || k.has_members())
    }

    /// A group may not hold itself, directly or through others. `holders` are the groups that hold it, once they
    /// were asked for.
    fn refuse_cycle<T: Transaction>(
        &self,
        tx: &mut T,
        group: &Id,
        members: &[Member],
        holders: &mut Option<HashSet<Id>>,
    ) -> Result<()> {
        let mut nested = members
            .iter()
            .filter(|m| self.registry.by_name(&m.kind).is_some_and(|k| k.has_members()))
            .peekable();
        if nested.peek().is_none() {
            return Ok(());
        }
        let holders = match holders {
            Some(holders) => holders,
            None => {
                let found = tx.groups_of(std::slice::from_ref(group))?;
                holders.insert(found.into_iter().map(|m| m.group).collect())
            }
        };
        match nested.find(|m| m.id == *group || holders.contains(&m.id)) {
            None => Ok(()),
            Some(member) => Err(Error::invalid_value(format!(
                "members: the group \"{}\" can't be a member: a group may not hold itself, directly or \
                 through other groups",
                member.id
            ))),
        }
    }

    /// Makes those that `refs` name the members of the group. Who may not be one is refused before anybody goes.
    pub(super) fn replace<T: Transaction>(
        &self,
        tx: &mut T,
        group: &Id,
        refs: &[MemberRef],
        delta: &mut Delta,
        dialect: &mut Dialect,
    ) -> Result<()> {
        delta.came(self.add(tx, group, refs, dialect)?);
        let wanted: HashSet<&Id> = refs.iter().filter_map(MemberRef::id).collect();
        delta.went(remove_where(tx, group, |member| Ok(!wanted.contains(&member.id)))?);
        Ok(())
    }

    /// Makes the changes of a PATCH, in their order.
    pub(super) fn change_members<T: Transaction>(
        &self,
        tx: &mut T,
        group: &Id,
        changes: &[MemberChange],
        dialect: &mut Dialect,
    ) -> Result<Delta> {
        self.require_not_too_many(changes.iter().map(MemberChange::named).sum())?;
        let mut delta = Delta::default();
        if !changes.iter().all(MemberChange::is_of_named) {
            tx.alone()?;
        }
        for change in changes {
            match change {
                MemberChange::Add(refs) => delta.came(self.add(tx, group, refs, dialect)?),
                MemberChange::Remove(ids) => {
                    let ids: Vec<Id> = ids.iter().filter_map(|id| Id::parse(id)).collect();
                    delta.went(tx.remove_members(group, &ids)?);
                }
                MemberChange::RemoveAll => delta.went(remove_where(tx, group, |_| Ok(true))?),
                MemberChange::RemoveWhere(predicate) => {
                    let went = remove_where(tx, group, |member| Ok(satisfies(member, predicate)))?;
                    delta.went(went);
                }
                MemberChange::Replace(refs) => {
                    self.replace(tx, group, refs, &mut delta, dialect)?;
                }
            }
        }
        Ok(delta)
    }
}

/// Removes the members that `goes` names, page by page.
fn remove_where<T: Transaction>(
    tx: &mut T,
    group: &Id,
    goes: impl Fn(&Member) -> Result<bool>,
) -> Result<Vec<Id>> {
    let (mut gone, mut after) = (Vec::new(), None);
    loop {
        let page = tx.members(group, after.as_ref(), MEMBER_PAGE)?;
        let Some(last) = page.last() else { return Ok(gone) };
        after = Some(last.id.clone());
        let mut ids = Vec::new();
        for member in &page {
            if goes(member)? {
                ids.push(member.id.clone());
            }
        }
        if !ids.is_empty() {
            gone.extend(tx.remove_members(group, &ids)?);
        }
        if page.len() < MEMBER_PAGE {
            return Ok(gone);
        }
    }
}

fn satisfies(member: &Member, predicate: &Predicate) -> bool {
    let mut element = Map::new();
    element.insert("value".into(), member.id.as_str().into());
    element.insert("type".into(), member.kind.as_str().into());
    if let Some(display) = &member.display {
        element.insert("display".into(), display.as_str().into());
    }
    predicate.matches_element(&Value::Object(element))
}
