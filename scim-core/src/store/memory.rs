//! [`MemoryStore`]: the reference semantics of a [`Store`]. Everything is lost with the process.

mod records;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;

use super::{Identity, Member, Membership, Store, Tenant, Transaction, hydrate};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::query::{Page, Query};
use crate::resource::{Id, Resource, Stored, Version};
use crate::schema::ResourceType;
use crate::store::unique::unique_keys;

/// A store in memory. Clones share it. Writes of all organizations run one after another.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore(Arc<RwLock<World>>);

/// All organizations.
#[derive(Debug, Default)]
struct World {
    directories: HashMap<Tenant, Directory>,
    tables: records::Tables,
}

/// What one organization holds.
#[derive(Debug, Clone, Default)]
struct Directory {
    resources: BTreeMap<(String, Id), Resource>,
    /// (resource type, attribute, key) → holder
    unique: BTreeMap<(String, String, String), Id>,
    members: BTreeMap<Id, BTreeMap<Id, Member>>,
    /// The same the other way round.
    held_by: BTreeMap<Id, BTreeSet<Id>>,
    events: Vec<Event>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The log of an organization.
    #[must_use]
    pub fn events(&self, tenant: &Tenant) -> Vec<Event> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.directories.get(tenant).map(|d| d.events.clone()).unwrap_or_default()
    }
}

impl Store for MemoryStore {
    type Tx<'a> = MemoryTransaction<'a>;

    fn read<R>(
        &self,
        tenant: &Tenant,
        f: impl FnOnce(&mut Self::Tx<'_>) -> Result<R>,
    ) -> Result<R> {
        let world = self.0.read().map_err(|_| poisoned())?;
        f(&mut MemoryTransaction::new(tenant, Access::Read(&world)))
    }

    fn write<R>(
        &self,
        tenant: &Tenant,
        mut f: impl FnMut(&mut Self::Tx<'_>) -> Result<R>,
    ) -> Result<R> {
        let mut world = self.0.write().map_err(|_| poisoned())?;
        let mut tx = MemoryTransaction::new(tenant, Access::Write(&mut world));
        let done = f(&mut tx);
        if done.is_err() {
            tx.roll_back(0)?;
        }
        done
    }
}

fn poisoned() -> Error {
    Error::internal("a thread failed while it was writing to the store")
}

#[derive(Debug)]
enum Access<'a> {
    Read(&'a World),
    Write(&'a mut World),
}

/// A transaction of a [`MemoryStore`].
#[derive(Debug)]
pub struct MemoryTransaction<'a> {
    tenant: Tenant,
    world: Access<'a>,
    /// For an organization that holds nothing.
    empty: Directory,
    undo: Vec<(Tenant, Undo)>,
}

/// How to take back one step.
enum Undo {
    Resource((String, Id), Option<Resource>),
    Unique((String, String, String), Option<Id>),
    Member(Id, Id, Option<Member>),
    Event,
    Record(Box<dyn FnOnce(&mut records::Tables)>),
}

impl std::fmt::Debug for Undo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Undo")
    }
}

impl Directory {
    fn set_member(&mut self, group: &Id, member: &Id, row: Option<Member>) -> Option<Member> {
        match row {
            Some(row) => {
                self.held_by.entry(member.clone()).or_default().insert(group.clone());
                self.members.entry(group.clone()).or_default().insert(member.clone(), row)
            }
            None => {
                if let Some(groups) = self.held_by.get_mut(member) {
                    groups.remove(group);
                }
                self.members.get_mut(group)?.remove(member)
            }
        }
    }
}

impl<'a> MemoryTransaction<'a> {
    fn new(tenant: &Tenant, world: Access<'a>) -> Self {
        let (tenant, empty) = (tenant.clone(), Directory::default());
        Self { tenant, world, empty, undo: Vec::new() }
    }
}

impl MemoryTransaction<'_> {
    fn world(&self) -> &World {
        match &self.world {
            Access::Read(world) => world,
            Access::Write(world) => world,
        }
    }

    fn world_mut(&mut self) -> Result<&mut World> {
        match &mut self.world {
            Access::Read(_) => Err(Error::internal("a write in a read transaction")),
            Access::Write(world) => Ok(world),
        }
    }

    fn directory(&self) -> &Directory {
        self.world().directories.get(&self.tenant).unwrap_or(&self.empty)
    }

    fn directory_mut(&mut self) -> Result<&mut Directory> {
        let tenant = self.tenant.clone();
        Ok(self.world_mut()?.directories.entry(tenant).or_default())
    }

    fn note(&mut self, undo: Undo) {
        self.undo.push((self.tenant.clone(), undo));
    }

    fn roll_back(&mut self, to: usize) -> Result<()> {
        while self.undo.len() > to {
            let Some((tenant, step)) = self.undo.pop() else { break };
            let world = self.world_mut()?;
            let directory = world.directories.entry(tenant).or_default();
            match step {
                Undo::Event => {
                    directory.events.pop();
                }
                Undo::Member(group, member, row) => {
                    directory.set_member(&group, &member, row);
                }
                Undo::Resource(key, before) => restore(&mut directory.resources, key, before),
                Undo::Unique(key, before) => restore(&mut directory.unique, key, before),
                Undo::Record(back) => back(&mut world.tables),
            }
        }
        Ok(())
    }

    fn put(&mut self, key: (String, Id), resource: Option<Resource>) -> Result<()> {
        let resources = &mut self.directory_mut()?.resources;
        let before = match resource {
            Some(resource) => resources.insert(key.clone(), resource),
            None => resources.remove(&key),
        };
        self.note(Undo::Resource(key, before));
        Ok(())
    }

    fn set_unique(&mut self, key: (String, String, String), id: Option<Id>) -> Result<()> {
        let unique = &mut self.directory_mut()?.unique;
        let before = match id {
            Some(id) => unique.insert(key.clone(), id),
            None => unique.remove(&key),
        };
        self.note(Undo::Unique(key, before));
        Ok(())
    }

    fn set_member(&mut self, group: &Id, member: &Id, row: Option<Member>) -> Result<bool> {
        let before = self.directory_mut()?.set_member(group, member, row);
        let was_there = before.is_some();
        self.note(Undo::Member(group.clone(), member.clone(), before));
        Ok(was_there)
    }

    /// Releases the unique values of `old` and takes those of `new`.
    fn exchange_unique(&mut self, old: Option<&Resource>, new: Option<&Resource>) -> Result<()> {
        let full = |resource: &Resource| {
            let kind = resource.kind().name.clone();
            let keys = unique_keys(resource)?.into_iter();
            Ok(keys.map(|k| (kind.clone(), k.path, k.key)).collect::<Vec<_>>())
        };
        if let Some(new) = new {
            for key in unique_keys(new)? {
                let full = (new.kind().name.clone(), key.path.clone(), key.key.clone());
                if self.directory().unique.get(&full).is_some_and(|holder| holder != new.id()) {
                    return Err(key.taken(&new.kind().name));
                }
            }
        }
        for key in old.map(full).transpose()?.into_iter().flatten() {
            self.set_unique(key, None)?;
        }
        for key in new.map(full).transpose()?.into_iter().flatten() {
            self.set_unique(key, new.map(|new| new.id().clone()))?;
        }
        Ok(())
    }

    fn check_version(&self, old: &Resource) -> Result<()> {
        let key = (old.kind().name.clone(), old.id().clone());
        match self.directory().resources.get(&key) {
            Some(there) if there.version() == old.version() => Ok(()),
            _ => Err(Error::new(Kind::PreconditionFailed, "The resource has changed meanwhile")),
        }
    }
}

fn restore<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, before: Option<V>) {
    match before {
        Some(before) => map.insert(key, before),
        None => map.remove(&key),
    };
}

impl Transaction for MemoryTransaction<'_> {
    fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    fn find(&mut self, kind: &Arc<ResourceType>, id: &Id) -> Result<Option<Resource>> {
        Ok(self.directory().resources.get(&(kind.name.clone(), id.clone())).cloned())
    }

    fn identify(&mut self, ids: &[Id]) -> Result<Vec<Identity>> {
        let wanted: BTreeSet<&Id> = ids.iter().collect();
        let found = self.directory().resources.values().filter(|r| wanted.contains(r.id()));
        found
            .map(|r| {
                Ok(Identity {
                    id: r.id().clone(),
                    kind: r.kind().name.clone(),
                    label: r.label()?.map(str::to_owned),
                })
            })
            .collect()
    }

    fn search(&mut self, kind: &Arc<ResourceType>, query: &Query) -> Result<Page> {
        let resources = self.directory().resources.values().filter(|r| r.kind().name == kind.name);
        let candidates: Vec<Resource> = resources.cloned().collect();
        let Some(predicate) = &query.predicate else { return query.page(candidates) };
        let whole = hydrate(self, &candidates, predicate.needs())?;
        let all = candidates.into_iter().zip(whole);
        query.page(all.filter(|(_, whole)| predicate.matches(whole)).map(|(r, _)| r).collect())
    }

    fn insert(&mut self, resource: &Resource) -> Result<()> {
        let key = (resource.kind().name.clone(), resource.id().clone());
        if self.directory().resources.contains_key(&key) {
            return Err(Error::internal("two resources with one id"));
        }
        self.exchange_unique(None, Some(resource))?;
        self.put(key, Some(resource.clone()))
    }

    fn update(&mut self, old: &Resource, new: &Resource) -> Result<()> {
        self.check_version(old)?;
        self.exchange_unique(Some(old), Some(new))?;
        self.put((new.kind().name.clone(), new.id().clone()), Some(new.clone()))?;
        if old.label()? != new.label()? {
            let groups = self.directory().held_by.get(new.id()).cloned().unwrap_or_default();
            for group in groups {
                let display = new.label()?.map(str::to_owned);
                let (id, kind) = (new.id().clone(), new.kind().name.clone());
                self.set_member(&group, new.id(), Some(Member { id, kind, display }))?;
            }
        }
        Ok(())
    }

    fn touch(&mut self, kind: &Arc<ResourceType>, id: &Id, now: Timestamp) -> Result<Version> {
        let Some(old) = self.find(kind, id)? else {
            return Err(Error::not_found(format!("There is no {} with that id", kind.name)));
        };
        let stored = Stored {
            id: id.clone(),
            version: old.version().next(),
            created: old.created(),
            modified: now.max(old.modified()),
            text: old.text().to_owned(),
            secrets: old.secrets().clone(),
        };
        let version = stored.version;
        let new = Resource::from_stored(Arc::clone(old.kind()), stored);
        self.put((kind.name.clone(), id.clone()), Some(new))?;
        Ok(version)
    }

    fn delete(&mut self, old: &Resource) -> Result<()> {
        self.check_version(old)?;
        self.exchange_unique(Some(old), None)?;
        self.put((old.kind().name.clone(), old.id().clone()), None)?;
        let members = self.directory().members.get(old.id());
        let members: Vec<Id> = members.map(|m| m.keys().cloned().collect()).unwrap_or_default();
        for member in members {
            self.set_member(old.id(), &member, None)?;
        }
        for group in self.directory().held_by.get(old.id()).cloned().unwrap_or_default() {
            self.set_member(&group, old.id(), None)?;
        }
        Ok(())
    }

    fn add_members(&mut self, group: &Id, members: &[Member]) -> Result<Vec<Id>> {
        let mut new = Vec::new();
        for member in members {
            let there =
                self.directory().members.get(group).is_some_and(|m| m.contains_key(&member.id));
            if !there {
                self.set_member(group, &member.id, Some(member.clone()))?;
                new.push(member.id.clone());
            }
        }
        Ok(new)
    }

    fn remove_members(&mut self, group: &Id, members: &[Id]) -> Result<Vec<Id>> {
        let mut gone = Vec::new();
        for member in members {
            if self.set_member(group, member, None)? {
                gone.push(member.clone());
            }
        }
        Ok(gone)
    }

    fn members(&mut self, group: &Id, after: Option<&Id>, limit: usize) -> Result<Vec<Member>> {
        let Some(members) = self.directory().members.get(group) else { return Ok(Vec::new()) };
        let beyond = members.values().filter(|m| after.is_none_or(|after| m.id > *after));
        Ok(beyond.take(limit).cloned().collect())
    }

    fn groups_of(&mut self, members: &[Id]) -> Result<Vec<Membership>> {
        let directory = self.directory();
        let mut found = Vec::new();
        for member in members.iter().collect::<BTreeSet<_>>() {
            let direct = directory.held_by.get(member).cloned().unwrap_or_default();
            let mut all: BTreeSet<Id> = direct.clone();
            let mut open: Vec<Id> = direct.iter().cloned().collect();
            while let Some(group) = open.pop() {
                for holder in directory.held_by.get(&group).into_iter().flatten() {
                    if all.insert(holder.clone()) {
                        open.push(holder.clone());
                    }
                }
            }
            for group in all {
                let resource = directory.resources.values().find(|r| *r.id() == group);
                found.push(Membership {
                    member: member.clone(),
                    display: resource
                        .map(Resource::label)
                        .transpose()?
                        .flatten()
                        .map(str::to_owned),
                    direct: direct.contains(&group),
                    group,
                });
            }
        }
        Ok(found)
    }

    fn append(&mut self, event: &Event) -> Result<()> {
        self.directory_mut()?.events.push(event.clone());
        self.note(Undo::Event);
        Ok(())
    }

    fn nested<R>(&mut self, f: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        let before = self.undo.len();
        let done = f(self);
        if done.is_err() {
            self.roll_back(before)?;
        }
        done
    }
}
