//! What a request is going to ask for, found at once: on PostgreSQL each statement is a way there and back, on
//! SQLite the fewer the faster.

mod embedded;
#[cfg(feature = "postgres")]
mod look;
#[cfg(feature = "postgres")]
mod person;

use scim_core::Result;
use scim_core::org::{Account, Binding, ClaimedDomain, Grant, Role};
use scim_core::query::Page;
use scim_core::resource::{Id, Resource};
use scim_core::schema::ResourceType;
use scim_core::store::{Foresight, Identity, Membership, Tenant, UniqueKey};

use super::transaction::DieselTransaction;

/// What was found before it was asked for. It is told as long as the transaction hasn't changed it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) resource: Option<(String, Id, Option<Resource>)>,
    pub(super) page: Option<(String, Page)>,
    /// Who is asked for, and the groups that hold them.
    pub(super) groups: Vec<(Tenant, Id, Vec<Membership>)>,
    /// A group, those who were asked for, what they are, and whether the group lists them.
    pub(super) members: Option<SeenMembers>,
    /// A resource type, and unique values that nobody has.
    pub(super) free: Option<(String, Vec<UniqueKey>)>,
    /// The claims on a domain.
    pub(super) claims: Vec<(String, Vec<ClaimedDomain>)>,
    pub(super) person: Option<Person>,
}

pub(super) type SeenMembers = (Id, Vec<Id>, Vec<(Identity, bool)>);

/// A person in all organizations.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) account: Account,
    pub(super) bindings: Vec<Binding>,
    pub(super) grants: Vec<Grant>,
    /// The roles in the organizations of these bindings and grants.
    pub(super) roles: Vec<(Tenant, Role)>,
}

impl Seen {
    pub(super) fn take_resource(
        &mut self,
        kind: &ResourceType,
        id: &Id,
    ) -> Option<Option<Resource>> {
        let is_it = |(k, i, _): &mut (String, Id, _)| *k == kind.name && i == id;
        self.resource.take_if(is_it).map(|(_, _, found)| found)
    }

    pub(super) fn take_page(&mut self, kind: &ResourceType) -> Option<Page> {
        self.page.take_if(|(k, _)| *k == kind.name).map(|(_, page)| page)
    }

    pub(super) fn groups_of(&self, org: &Tenant, members: &[Id]) -> Option<Vec<Membership>> {
        let of = |id: &Id| self.groups.iter().find(|(o, i, _)| o == org && i == id);
        let mut found = Vec::new();
        for member in members {
            found.extend(of(member)?.2.iter().cloned());
        }
        (!members.is_empty()).then_some(found)
    }

    pub(super) fn identities(&self, ids: &[Id]) -> Option<Vec<Identity>> {
        let (_, asked, found) = self.members.as_ref()?;
        if !ids.iter().all(|id| asked.contains(id)) {
            return None;
        }
        let wanted = found.iter().filter(|(identity, _)| ids.contains(&identity.id));
        Some(wanted.map(|(identity, _)| identity.clone()).collect())
    }

    /// The types of those who come or go.
    pub(super) fn kinds_of_members(&self) -> Vec<String> {
        let found = self.members.iter().flat_map(|(_, _, found)| found);
        found.map(|(identity, _)| identity.kind.clone()).collect()
    }

    /// Those of them that the group lists.
    pub(super) fn members_there<'i>(
        &self,
        group: &Id,
        mut ids: impl Iterator<Item = &'i Id> + Clone,
    ) -> Option<Vec<Id>> {
        let (of, asked, found) = self.members.as_ref()?;
        let known = ids.clone().all(|id| asked.contains(id));
        if of != group || !known || found.len() != asked.len() {
            return None;
        }
        let listed = |id: &&Id| found.iter().any(|(i, there)| *there && i.id == **id);
        Some(ids.by_ref().filter(listed).cloned().collect())
    }

    /// Members come or go.
    pub(super) fn forget_members(&mut self) {
        self.members = None;
        self.groups.clear();
    }

    /// Whether nobody has that value. It is about to be taken, so this is told once.
    pub(super) fn take_free(&mut self, kind: &ResourceType, key: &UniqueKey) -> bool {
        let Some((of, free)) = &mut self.free else { return false };
        let found = free.iter().position(|k| *of == kind.name && k == key);
        found.map(|i| free.swap_remove(i)).is_some()
    }

    pub(super) fn person_of(&self, account: &Id) -> Option<&Person> {
        self.person.as_ref().filter(|person| person.account.id == *account)
    }

    /// A binding of the person changes; another's is none of ours.
    pub(super) fn put_binding(&mut self, binding: &Binding) {
        let Some(person) = &mut self.person else { return };
        let is_it = |b: &&mut Binding| b.org == binding.org && b.user == binding.user;
        match person.bindings.iter_mut().find(is_it) {
            Some(own) if own.account == binding.account => *own = binding.clone(),
            None if person.account.id != binding.account => {}
            _ => self.person = None,
        }
    }

    pub(super) fn claims_on(&self, name: &str) -> Option<Vec<ClaimedDomain>> {
        self.claims.iter().find(|(n, _)| n == name).map(|(_, claims)| claims.clone())
    }
}

impl Person {
    /// As the records are told: by organization, then by user or source.
    fn in_order(mut self) -> Self {
        self.bindings.sort_by(|a, b| (&a.org, &a.user).cmp(&(&b.org, &b.user)));
        self.grants.sort_by(|a, b| (&a.org, a.source.word()).cmp(&(&b.org, b.source.word())));
        self
    }

    /// Whether its role in that organization was looked for.
    pub(super) fn knows(&self, org: &Tenant) -> bool {
        self.bindings.iter().any(|b| b.org == *org) || self.grants.iter().any(|g| g.org == *org)
    }
}

impl DieselTransaction<'_> {
    #[cfg(not(feature = "postgres"))]
    pub(super) fn look_ahead(&mut self, _: &Foresight<'_>) -> Result<()> {
        Ok(())
    }

    #[cfg(feature = "postgres")]
    pub(super) fn look_ahead(&mut self, foresight: &Foresight<'_>) -> Result<()> {
        if !self.link.is_far() {
            return Ok(());
        }
        match *foresight {
            Foresight::Resource { kind, id, groups } => self.look_for_resource(kind, id, groups),
            Foresight::Search { kind, query, groups } => self.look_for_page(kind, query, groups),
            Foresight::Members { kind, group, members } => {
                self.look_for_members(kind, group, members)
            }
            Foresight::New { kind, document } => self.look_for_free_names(kind, document),
        }
    }
}
