//! The naive model: everything is worked out anew from what is stored, with loops.

use std::collections::{BTreeMap, BTreeSet};

use super::{GROUPS, ORGANIZATIONS, Step, USERS};

/// Who a person is: a user of the Admin Organization's directory and whoever has the same address, or a
/// user of an organization's own directory, whose address nothing proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    Person(usize),
    Own(usize, usize),
}

/// Grants by the word for their source, and whether each rests.
pub(super) type Grants = BTreeMap<&'static str, bool>;

/// By organization (the last is the Admin Organization) and person: grants, and whether it counts.
pub(super) type Memberships = BTreeMap<(usize, Who), (Grants, bool)>;

/// By person and organization: whether the membership counts.
pub(super) type Seen = BTreeMap<(Who, usize), bool>;

#[derive(Debug, Default)]
struct Group {
    name: usize,
    users: BTreeSet<usize>,
    groups: BTreeSet<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    users: BTreeMap<usize, bool>,
    groups: BTreeMap<usize, Group>,
    links: BTreeMap<usize, Option<usize>>,
    /// Stored grants, and whether each rests.
    manual: BTreeMap<(usize, usize), bool>,
    own: BTreeMap<(usize, usize), bool>,
    /// Who claims the contested domain, with its record in place.
    domain_of_first: bool,
    domain_of_admin: bool,
}

impl Model {
    /// Takes a step that was not refused.
    pub(super) fn take(&mut self, step: &Step) {
        match step.clone() {
            Step::PushUser(user, active) | Step::SetActive(user, active) => {
                self.users.insert(user, active);
            }
            Step::DeleteUser(user) => {
                self.users.remove(&user);
                for group in self.groups.values_mut() {
                    group.users.remove(&user);
                }
                for ((org, person), rests) in &mut self.manual {
                    *rests |= *person == user && self.links.contains_key(org);
                }
            }
            Step::PushGroup(group, name, users) => {
                let users = users.into_iter().filter(|u| self.users.contains_key(u)).collect();
                self.groups.insert(group, Group { name, users, groups: BTreeSet::new() });
            }
            Step::RenameGroup(group, name) => {
                if let Some(group) = self.groups.get_mut(&group) {
                    group.name = name;
                }
            }
            Step::DeleteGroup(group) => {
                self.groups.remove(&group);
                for other in self.groups.values_mut() {
                    other.groups.remove(&group);
                }
            }
            Step::AddUser(group, user) => {
                if let (Some(group), true) =
                    (self.groups.get_mut(&group), self.users.contains_key(&user))
                {
                    group.users.insert(user);
                }
            }
            Step::RemoveUser(group, user) => {
                if let Some(group) = self.groups.get_mut(&group) {
                    group.users.remove(&user);
                }
            }
            Step::AddGroup(group, inner) => {
                if let (true, Some(group)) =
                    (self.groups.contains_key(&inner), self.groups.get_mut(&group))
                {
                    group.groups.insert(inner);
                }
            }
            Step::RemoveGroup(group, inner) => {
                if let Some(group) = self.groups.get_mut(&group) {
                    group.groups.remove(&inner);
                }
            }
            Step::PutGroup(group, name, users) => {
                let users = users.into_iter().filter(|u| self.users.contains_key(u)).collect();
                if let Some(group) = self.groups.get_mut(&group) {
                    *group = Group { name, users, groups: BTreeSet::new() };
                }
            }
            Step::Link(org, name) => {
                self.links.insert(org, name);
            }
            Step::Unlink(org, keep) => {
                if keep {
                    for user in self.by_group(org) {
                        let rests = self.users.get(&user) == Some(&false);
                        self.manual.entry((org, user)).or_insert(rests);
                    }
                }
                self.links.remove(&org);
                // Nobody comes back to life by unlinking.
                for ((_, user), rests) in self.manual.iter_mut().filter(|((o, _), _)| *o == org) {
                    *rests |= self.users.get(user) == Some(&false);
                }
            }
            Step::SetName(org, name) => {
                self.links.insert(org, name);
            }
            Step::SwapNames(one, two) => {
                let names = (self.links.get(&one).copied(), self.links.get(&two).copied());
                if let (Some(first), Some(second)) = names {
                    self.links.insert(one, second);
                    self.links.insert(two, first);
                }
            }
            Step::SetPolicy(org, by_groups_only) => {
                // All people have an address in the Admin Organization's domain.
                if by_groups_only {
                    self.manual.retain(|(at, _), rests| *at != org || *rests);
                }
            }
            Step::AddManual(org, user) => {
                self.manual.insert((org, user), false);
            }
            Step::RemoveManual(org, user) => {
                self.manual.remove(&(org, user));
            }
            Step::PushOwn(org, user, active) => {
                self.own.insert((org, user), active);
            }
            Step::DeleteOwn(org, user) => {
                self.own.remove(&(org, user));
            }
            Step::TransferDomain => {
                self.domain_of_admin |= std::mem::take(&mut self.domain_of_first);
            }
            Step::WithdrawDomain(admin) => *self.claim(admin) = false,
            Step::ClaimDomain(admin) => *self.claim(admin) = true,
        }
    }

    fn claim(&mut self, admin: bool) -> &mut bool {
        if admin { &mut self.domain_of_admin } else { &mut self.domain_of_first }
    }

    /// The users whom the matching group, and the groups in it, have.
    fn by_group(&self, org: usize) -> BTreeSet<usize> {
        let Some(Some(name)) = self.links.get(&org) else { return BTreeSet::new() };
        let mut inside: BTreeSet<usize> =
            self.groups.iter().filter(|(_, g)| g.name == *name).map(|(id, _)| *id).collect();
        for _ in 0..GROUPS {
            for (id, group) in &self.groups {
                if inside.contains(id) {
                    inside.extend(&group.groups);
                }
            }
        }
        inside.iter().filter_map(|id| self.groups.get(id)).flat_map(|g| g.users.clone()).collect()
    }

    pub(super) fn memberships(&self) -> Memberships {
        let mut all = Memberships::new();
        for (user, active) in &self.users {
            let grants = Grants::from([("directory", !active)]);
            all.insert((ORGANIZATIONS, Who::Person(*user)), (grants, *active));
        }
        for org in 0..ORGANIZATIONS {
            for user in 0..USERS {
                let mut grants = Grants::new();
                if let Some(rests) = self.manual.get(&(org, user)) {
                    grants.insert("manual", *rests);
                }
                let inactive = self.users.get(&user) == Some(&false);
                if self.by_group(org).contains(&user) {
                    grants.insert("group", inactive);
                }
                let governed = self.links.contains_key(&org);
                let counts = !(governed && inactive) && grants.values().any(|rests| !rests);
                if !grants.is_empty() {
                    all.insert((org, Who::Person(user)), (grants, counts));
                }
                if let Some(active) = self.own.get(&(org, user)) {
                    let grants = Grants::from([("directory", !active)]);
                    all.insert((org, Who::Own(org, user)), (grants, *active));
                }
            }
        }
        all
    }

    /// The grants alone: what the log tells of.
    pub(super) fn grants(&self) -> BTreeMap<(usize, Who), BTreeSet<&'static str>> {
        let all = self.memberships().into_iter();
        all.map(|(who, (grants, _))| (who, grants.into_keys().collect())).collect()
    }

    pub(super) fn seen(&self) -> Seen {
        let all = self.memberships().into_iter();
        all.map(|((org, who), (_, counts))| ((who, org), counts)).collect()
    }

    /// The Admin Organization and the first one have settings of their own.
    pub(super) fn effective(&self) -> Vec<(usize, bool, bool)> {
        let of = |org: usize| match self.links.contains_key(&org) {
            true => (ORGANIZATIONS, true, org == 0),
            false => (org, org == 0, false),
        };
        (0..ORGANIZATIONS).map(of).chain([(ORGANIZATIONS, true, false)]).collect()
    }

    /// Whose single sign-on somebody of the contested domain is sent to.
    pub(super) fn sign_in(&self) -> Option<usize> {
        if self.domain_of_admin {
            return Some(ORGANIZATIONS);
        }
        let visible = self.domain_of_first && !self.links.contains_key(&0);
        visible.then_some(0)
    }
}
