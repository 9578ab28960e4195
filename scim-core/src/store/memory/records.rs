//! Organizations in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use jiff::Timestamp;

use super::{MemoryTransaction, Undo};
use crate::error::{Error, Result};
use crate::org::{
    Account, Binding, ClaimedDomain, DomainName, DomainRecords, Grant, GrantRecords, GroupRecords,
    LinkRecords, LinkRequest, LinkingCode, Organization, OrganizationRecords, PersonRecords, Place,
    Role, ScimName, Source, SsoSettings, Team, TeamRecords,
};
use crate::resource::Id;
use crate::schema::GROUP_TYPE;
use crate::store::{Tenant, Transaction as _};

/// The records of all organizations, each under its primary key.
#[derive(Debug, Default)]
pub(super) struct Tables {
    organizations: BTreeMap<Tenant, Organization>,
    group_names: BTreeMap<(Tenant, String), Id>,
    accounts: BTreeMap<Id, Account>,
    bindings: BTreeMap<(Tenant, Id), Binding>,
    grants: BTreeMap<(Tenant, Id, Source), Grant>,
    roles: BTreeMap<(Tenant, Id), Role>,
    codes: BTreeMap<(Tenant, Id), LinkingCode>,
    link_requests: BTreeMap<Tenant, LinkRequest>,
    domains: BTreeMap<(Tenant, Id), ClaimedDomain>,
    sso: BTreeMap<Tenant, SsoSettings>,
    teams: BTreeMap<(Tenant, Id), Team>,
    team_members: BTreeMap<(Tenant, Id, Id), Place>,
}

type Table<K, V> = fn(&mut Tables) -> &mut BTreeMap<K, V>;

impl MemoryTransaction<'_> {
    fn tables(&self) -> &Tables {
        &self.world().tables
    }

    /// Sets or removes a record, and notes how to take that back.
    fn set<K, V>(&mut self, table: Table<K, V>, key: K, value: Option<V>) -> Result<Option<V>>
    where
        K: Ord + Clone + 'static,
        V: Clone + 'static,
    {
        let records = table(&mut self.world_mut()?.tables);
        let before = match value {
            Some(value) => records.insert(key.clone(), value),
            None => records.remove(&key),
        };
        let old = before.clone();
        self.note(Undo::Record(Box::new(move |tables| {
            super::restore(table(tables), key, old);
        })));
        Ok(before)
    }

    fn forget<K, V>(&mut self, table: Table<K, V>, is_its_own: impl Fn(&K) -> bool) -> Result<()>
    where
        K: Ord + Clone + 'static,
        V: Clone + 'static,
    {
        let keys: Vec<K> = table(&mut self.world_mut()?.tables)
            .keys()
            .filter(|key| is_its_own(key))
            .cloned()
            .collect();
        for key in keys {
            self.set(table, key, None)?;
        }
        Ok(())
    }
}

fn beyond<K: Clone>(after: Option<&K>) -> (Bound<K>, Bound<K>) {
    (after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.clone())), Bound::Unbounded)
}

fn link_of<'a>(organization: &'a Organization, admin: &Tenant) -> Option<&'a crate::org::Link> {
    organization.link.as_ref().filter(|link| link.admin == *admin)
}

impl OrganizationRecords for MemoryTransaction<'_> {
    fn within<R>(&mut self, org: &Tenant, f: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        let before = std::mem::replace(&mut self.tenant, org.clone());
        let done = f(self);
        self.tenant = before;
        done
    }

    fn organization(&mut self, id: &Tenant) -> Result<Option<Organization>> {
        Ok(self.tables().organizations.get(id).cloned())
    }

    fn organizations(&mut self, after: Option<&Tenant>, limit: usize) -> Result<Vec<Organization>> {
        let all = self.tables().organizations.range(beyond(after));
        Ok(all.take(limit).map(|(_, organization)| organization.clone()).collect())
    }

    fn put_organization(&mut self, organization: &Organization) -> Result<()> {
        if let Some(link) = &organization.link
            && let Some(name) = &link.scim_name
            && let Some(other) = self.linked_by_name(&link.admin, name.key())?
            && other.id != organization.id
        {
            return Err(Error::internal("two linked organizations with one SCIM Name"));
        }
        self.set(|t| &mut t.organizations, organization.id.clone(), Some(organization.clone()))?;
        Ok(())
    }

    fn remove_organization(&mut self, id: &Tenant) -> Result<()> {
        self.forget(|t| &mut t.organizations, |key| key == id)?;
        self.forget(|t| &mut t.group_names, |key| key.0 == *id)?;
        self.forget(|t| &mut t.bindings, |key| key.0 == *id)?;
        self.forget(|t| &mut t.grants, |key| key.0 == *id)?;
        self.forget(|t| &mut t.roles, |key| key.0 == *id)?;
        self.forget(|t| &mut t.codes, |key| key.0 == *id)?;
        self.forget(|t| &mut t.link_requests, |key| key == id)?;
        self.forget(|t| &mut t.domains, |key| key.0 == *id)?;
        self.forget(|t| &mut t.sso, |key| key == id)?;
        self.forget(|t| &mut t.teams, |key| key.0 == *id)?;
        self.forget(|t| &mut t.team_members, |key| key.0 == *id)?;
        self.within(id, |tx| {
            let resources: Vec<_> = tx.directory().resources.values().cloned().collect();
            resources.iter().try_for_each(|resource| tx.delete(resource))
        })
    }

    fn linked(
        &mut self,
        admin: &Tenant,
        after: Option<&Tenant>,
        limit: usize,
    ) -> Result<Vec<Organization>> {
        let all = self.tables().organizations.range(beyond(after)).map(|(_, o)| o);
        Ok(all.filter(|o| link_of(o, admin).is_some()).take(limit).cloned().collect())
    }

    fn linked_by_name(&mut self, admin: &Tenant, key: &str) -> Result<Option<Organization>> {
        let named = |organization: &&Organization| {
            let name = link_of(organization, admin).and_then(|link| link.scim_name.as_ref());
            name.map(ScimName::key) == Some(key)
        };
        Ok(self.tables().organizations.values().find(named).cloned())
    }
}

impl GroupRecords for MemoryTransaction<'_> {
    fn name_group(&mut self, group: &Id, key: Option<&str>) -> Result<bool> {
        let org = self.tenant.clone();
        if let Some(key) = key
            && self.group_named(key)?.is_some_and(|holder| holder != *group)
        {
            return Ok(false);
        }
        let own: Vec<_> = self
            .tables()
            .group_names
            .iter()
            .filter(|((o, _), id)| *o == org && *id == group)
            .map(|(key, _)| key.clone())
            .collect();
        for key in own {
            self.set(|t| &mut t.group_names, key, None)?;
        }
        if let Some(key) = key {
            self.set(|t| &mut t.group_names, (org, key.to_owned()), Some(group.clone()))?;
        }
        Ok(true)
    }

    fn group_named(&mut self, key: &str) -> Result<Option<Id>> {
        let key = (self.tenant.clone(), key.to_owned());
        Ok(self.tables().group_names.get(&key).cloned())
    }

    fn groups_in(&mut self, group: &Id) -> Result<Vec<Id>> {
        let members = self.directory().members.get(group);
        let groups =
            members.into_iter().flat_map(BTreeMap::values).filter(|m| m.kind == GROUP_TYPE);
        Ok(groups.map(|member| member.id.clone()).collect())
    }

    fn users_in(&mut self, group: &Id, after: Option<&Id>, limit: usize) -> Result<Vec<Id>> {
        let Some(members) = self.directory().members.get(group) else { return Ok(Vec::new()) };
        let users = members.range(beyond(after)).filter(|(_, member)| member.kind != GROUP_TYPE);
        Ok(users.take(limit).map(|(id, _)| id.clone()).collect())
    }

    fn matched(&mut self, groups: &[Id]) -> Result<Vec<(Id, Organization)>> {
        let org = self.tenant.clone();
        let wanted: BTreeSet<&Id> = groups.iter().collect();
        let names: Vec<(String, Id)> = self
            .tables()
            .group_names
            .iter()
            .filter(|((o, _), id)| *o == org && wanted.contains(id))
            .map(|((_, key), id)| (key.clone(), id.clone()))
            .collect();
        let mut found = Vec::new();
        for (key, id) in names {
            found.extend(self.linked_by_name(&org, &key)?.map(|organization| (id, organization)));
        }
        Ok(found)
    }
}

impl PersonRecords for MemoryTransaction<'_> {
    fn account(&mut self, id: &Id) -> Result<Option<Account>> {
        Ok(self.tables().accounts.get(id).cloned())
    }

    fn account_known_by(&mut self, key: &str) -> Result<Option<Account>> {
        Ok(self.tables().accounts.values().find(|a| a.key.as_deref() == Some(key)).cloned())
    }

    fn put_account(&mut self, account: &Account) -> Result<()> {
        if let Some(key) = &account.key
            && self.account_known_by(key)?.is_some_and(|other| other.id != account.id)
        {
            return Err(Error::internal("two accounts with one address"));
        }
        self.set(|t| &mut t.accounts, account.id.clone(), Some(account.clone())).map(drop)
    }

    fn end_sessions(&mut self, _: &Id, _: Timestamp) -> Result<()> {
        // There are none in memory.
        Ok(())
    }

    fn bindings(&mut self, users: &[Id]) -> Result<Vec<Binding>> {
        let key = |user: &Id| (self.tenant.clone(), user.clone());
        let found = users.iter().filter_map(|user| self.tables().bindings.get(&key(user)));
        Ok(found.cloned().collect())
    }

    fn bindings_after(&mut self, after: Option<&Id>, limit: usize) -> Result<Vec<Binding>> {
        let org = self.tenant.clone();
        let all = self.tables().bindings.values().filter(|binding| binding.org == org);
        let beyond = all.filter(|binding| after.is_none_or(|after| binding.user > *after));
        Ok(beyond.take(limit).cloned().collect())
    }

    fn bindings_of(&mut self, account: &Id) -> Result<Vec<Binding>> {
        let all = self.tables().bindings.values();
        Ok(all.filter(|binding| binding.account == *account).cloned().collect())
    }

    fn put_binding(&mut self, binding: &Binding) -> Result<()> {
        let key = (binding.org.clone(), binding.user.clone());
        self.set(|t| &mut t.bindings, key, Some(binding.clone())).map(drop)
    }

    fn remove_binding(&mut self, user: &Id) -> Result<()> {
        let key = (self.tenant.clone(), user.clone());
        self.set(|t| &mut t.bindings, key, None).map(drop)
    }
}

impl GrantRecords for MemoryTransaction<'_> {
    fn grants(&mut self, org: &Tenant, account: &Id) -> Result<Vec<Grant>> {
        let all = self.tables().grants.values();
        Ok(all.filter(|g| g.org == *org && g.account == *account).cloned().collect())
    }

    fn grants_after(
        &mut self,
        org: &Tenant,
        after: Option<&Id>,
        limit: usize,
    ) -> Result<Vec<Grant>> {
        let all = self.tables().grants.values().filter(|grant| grant.org == *org);
        let beyond: Vec<&Grant> =
            all.filter(|grant| after.is_none_or(|after| grant.account > *after)).collect();
        let accounts: BTreeSet<&Id> = beyond.iter().map(|grant| &grant.account).collect();
        let accounts: BTreeSet<&Id> = accounts.into_iter().take(limit).collect();
        Ok(beyond.into_iter().filter(|grant| accounts.contains(&grant.account)).cloned().collect())
    }

    fn grants_of(&mut self, account: &Id) -> Result<Vec<Grant>> {
        let all = self.tables().grants.values();
        Ok(all.filter(|grant| grant.account == *account).cloned().collect())
    }

    fn put_grant(&mut self, grant: &Grant) -> Result<()> {
        let key = (grant.org.clone(), grant.account.clone(), grant.source.clone());
        self.set(|t| &mut t.grants, key, Some(grant.clone())).map(drop)
    }

    fn remove_grant(&mut self, org: &Tenant, account: &Id, source: &Source) -> Result<()> {
        let key = (org.clone(), account.clone(), source.clone());
        self.set(|t| &mut t.grants, key, None).map(drop)
    }

    fn role(&mut self, org: &Tenant, account: &Id) -> Result<Option<Role>> {
        Ok(self.tables().roles.get(&(org.clone(), account.clone())).copied())
    }

    fn roles(&mut self, org: &Tenant) -> Result<Vec<(Id, Role)>> {
        let all = self.tables().roles.iter().filter(|((o, _), _)| o == org);
        Ok(all.map(|((_, account), role)| (account.clone(), *role)).collect())
    }

    fn put_role(&mut self, org: &Tenant, account: &Id, role: Role) -> Result<()> {
        let role = (role != Role::Member).then_some(role);
        self.set(|t| &mut t.roles, (org.clone(), account.clone()), role).map(drop)
    }
}

impl LinkRecords for MemoryTransaction<'_> {
    fn code_by_digest(&mut self, digest: &str) -> Result<Option<LinkingCode>> {
        Ok(self.tables().codes.values().find(|code| code.digest == digest).cloned())
    }

    fn codes(&mut self, org: &Tenant) -> Result<Vec<LinkingCode>> {
        Ok(self.tables().codes.values().filter(|code| code.org == *org).cloned().collect())
    }

    fn put_code(&mut self, code: &LinkingCode) -> Result<()> {
        let key = (code.org.clone(), code.id.clone());
        self.set(|t| &mut t.codes, key, Some(code.clone())).map(drop)
    }

    fn link_request(&mut self, org: &Tenant) -> Result<Option<LinkRequest>> {
        Ok(self.tables().link_requests.get(org).cloned())
    }

    fn link_requests(&mut self, admin: &Tenant) -> Result<Vec<LinkRequest>> {
        let all = self.tables().link_requests.values();
        Ok(all.filter(|request| request.admin == *admin).cloned().collect())
    }

    fn put_link_request(&mut self, request: &LinkRequest) -> Result<()> {
        let key = request.org.clone();
        self.set(|t| &mut t.link_requests, key, Some(request.clone())).map(drop)
    }

    fn remove_link_request(&mut self, org: &Tenant) -> Result<()> {
        self.set(|t| &mut t.link_requests, org.clone(), None).map(drop)
    }
}

impl DomainRecords for MemoryTransaction<'_> {
    fn domains(&mut self, org: &Tenant) -> Result<Vec<ClaimedDomain>> {
        Ok(self.tables().domains.values().filter(|d| d.org == *org).cloned().collect())
    }

    fn claims_on(&mut self, name: &DomainName) -> Result<Vec<ClaimedDomain>> {
        Ok(self.tables().domains.values().filter(|d| d.name == *name).cloned().collect())
    }

    fn put_domain(&mut self, domain: &ClaimedDomain) -> Result<()> {
        let key = (domain.org.clone(), domain.id.clone());
        self.set(|t| &mut t.domains, key, Some(domain.clone())).map(drop)
    }

    fn remove_domain(&mut self, org: &Tenant, id: &Id) -> Result<()> {
        self.set(|t| &mut t.domains, (org.clone(), id.clone()), None).map(drop)
    }

    fn sso(&mut self, org: &Tenant) -> Result<Option<SsoSettings>> {
        Ok(self.tables().sso.get(org).cloned())
    }

    fn put_sso(&mut self, org: &Tenant, settings: Option<&SsoSettings>) -> Result<()> {
        self.set(|t| &mut t.sso, org.clone(), settings.cloned()).map(drop)
    }
}

impl TeamRecords for MemoryTransaction<'_> {
    fn teams(&mut self, org: &Tenant) -> Result<Vec<Team>> {
        Ok(self.tables().teams.values().filter(|team| team.org == *org).cloned().collect())
    }

    fn team_named(&mut self, org: &Tenant, key: &str) -> Result<Option<Team>> {
        Ok(self.teams(org)?.into_iter().find(|team| team.key == key))
    }

    fn team_of(&mut self, org: &Tenant, group: &Id) -> Result<Option<Team>> {
        Ok(self.teams(org)?.into_iter().find(|team| team.group.as_ref() == Some(group)))
    }

    fn put_team(&mut self, team: &Team) -> Result<()> {
        let key = (team.org.clone(), team.id.clone());
        self.set(|t| &mut t.teams, key, Some(team.clone())).map(drop)
    }

    fn remove_team(&mut self, org: &Tenant, id: &Id) -> Result<()> {
        self.forget(|t| &mut t.team_members, |key| key.0 == *org && key.1 == *id)?;
        self.set(|t| &mut t.teams, (org.clone(), id.clone()), None).map(drop)
    }

    fn team_members(&mut self, org: &Tenant, team: &Id) -> Result<Vec<(Id, Place)>> {
        let own = self.tables().team_members.iter().filter(|((o, t, _), _)| o == org && t == team);
        Ok(own.map(|((_, _, account), place)| (account.clone(), *place)).collect())
    }

    fn set_team_member(
        &mut self,
        org: &Tenant,
        team: &Id,
        account: &Id,
        place: Option<Place>,
    ) -> Result<()> {
        let key = (org.clone(), team.clone(), account.clone());
        self.set(|t| &mut t.team_members, key, place).map(drop)
    }
}
