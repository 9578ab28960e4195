//! What a membership is, and how it is worked out: from stored grants, the organization's own directory, and
//! the group that its SCIM Name matches.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::org::graph::{groups_below, users_below};
use crate::org::{Binding, Grant, Organization, Records, Role, Source};
use crate::resource::Id;
use crate::store::Tenant;

/// A person's membership of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The organization.
    pub org: Tenant,
    /// The person.
    pub account: Id,
    /// As what.
    pub role: Role,
    /// Why; never empty.
    pub grants: Vec<Grant>,
    /// The directory that governs the organization says that the person is inactive.
    pub inactive: bool,
}

impl Membership {
    /// Whether it counts now.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.inactive && self.grants.iter().any(|grant| !grant.suspended)
    }

    /// Whether all of it rests until people bring it back: its person was deleted from the directory.
    #[must_use]
    pub fn is_let_go(&self) -> bool {
        self.grants.iter().all(|grant| grant.suspended && grant.source.is_stored())
    }

    /// The group that it comes from, if one.
    #[must_use]
    pub fn group(&self) -> Option<&Id> {
        self.grants.iter().find_map(|grant| match &grant.source {
            Source::Group(group) => Some(group),
            _ => None,
        })
    }
}

/// The membership of one person in one organization: stored grants, the organization's own directory, and
/// the group that its SCIM Name matches.
///
/// # Errors
/// From the storage.
pub fn membership<R: Records>(
    tx: &mut R,
    org: &Tenant,
    account: &Id,
) -> Result<Option<Membership>> {
    let Some(organization) = tx.organization(org)? else { return Ok(None) };
    memberships(tx, &organization, std::slice::from_ref(account)).map(|mut all| all.pop())
}

/// The memberships of these people, of those who are members, in their order.
///
/// # Errors
/// From the storage.
pub fn memberships<R: Records>(
    tx: &mut R,
    organization: &Organization,
    accounts: &[Id],
) -> Result<Vec<Membership>> {
    let org = &organization.id;
    let group = matching_group(tx, organization)?;
    let tree = match (&group, &organization.link) {
        (Some(group), Some(link)) => tx.within(&link.admin, |tx| groups_below(tx, group))?,
        _ => BTreeSet::new(),
    };
    let governing = organization.governed_by().clone();
    let mut found = Vec::new();
    for account in accounts {
        let mut grants = tx.grants(org, account)?;
        let bindings = tx.bindings_of(account)?;
        if let Some(own) = bindings.iter().find(|b| b.org == *org && !b.detached) {
            grants.push(derived(organization, own, Source::Directory));
        }
        let governed = bindings.iter().find(|b| b.org == governing);
        if let (Some(binding), Some(group)) = (governed, &group) {
            let user = std::slice::from_ref(&binding.user);
            let holds = tx
                .within(&governing, |tx| tx.groups_of(user))?
                .iter()
                .any(|m| m.direct && tree.contains(&m.group));
            if holds {
                grants.push(derived(organization, binding, Source::Group(group.clone())));
            }
        }
        if grants.is_empty() {
            continue;
        }
        found.push(Membership {
            org: org.clone(),
            account: account.clone(),
            role: tx.role(org, account)?.unwrap_or(Role::Member),
            grants,
            inactive: governed.is_some_and(|binding| !binding.active),
        });
    }
    Ok(found)
}

fn derived(organization: &Organization, binding: &Binding, source: Source) -> Grant {
    Grant {
        org: organization.id.clone(),
        account: binding.account.clone(),
        source,
        note: None,
        suspended: !binding.active,
        since: None,
    }
}

/// The organizations that a person is a member of.
///
/// # Errors
/// From the storage.
pub fn memberships_of<R: Records>(tx: &mut R, account: &Id) -> Result<Vec<Membership>> {
    let mut orgs: BTreeSet<Tenant> =
        tx.grants_of(account)?.into_iter().map(|grant| grant.org).collect();
    for binding in tx.bindings_of(account)? {
        let user = std::slice::from_ref(&binding.user);
        let matched = tx.within(&binding.org, |tx| {
            let groups: Vec<Id> = tx.groups_of(user)?.into_iter().map(|m| m.group).collect();
            tx.matched(&groups)
        })?;
        orgs.extend(matched.into_iter().map(|(_, organization)| organization.id));
        orgs.insert(binding.org);
    }
    let mut all = Vec::new();
    for org in orgs {
        all.extend(membership(tx, &org, account)?);
    }
    Ok(all)
}

/// The group that gives membership of a linked organization.
///
/// # Errors
/// From the storage.
pub fn matching_group<R: Records>(tx: &mut R, organization: &Organization) -> Result<Option<Id>> {
    let Some(link) = &organization.link else { return Ok(None) };
    let Some(name) = &link.scim_name else { return Ok(None) };
    tx.within(&link.admin, |tx| tx.group_named(name.key()))
}

/// The people in the groups' trees, as accounts.
pub(crate) fn accounts_below<R: Records>(tx: &mut R, group: &Id) -> Result<Vec<Binding>> {
    let users: Vec<Id> = users_below(tx, std::slice::from_ref(group))?.into_iter().collect();
    tx.bindings(&users)
}

/// The name of a group of the directory that governs an organization, if there is such a group.
///
/// # Errors
/// From the storage.
pub fn group_name<R: Records>(
    tx: &mut R,
    organization: &Organization,
    group: &Id,
) -> Result<Option<String>> {
    let found =
        tx.within(organization.governed_by(), |tx| tx.identify(std::slice::from_ref(group)))?;
    Ok(found.into_iter().next().and_then(|g| g.label))
}

/// By which groups a person is in the group that gives membership of a linked organization: from one that
/// lists the person to that one, by a shortest way. Empty if the person isn't in it.
///
/// # Errors
/// From the storage.
pub fn way_through<R: Records>(
    tx: &mut R,
    organization: &Organization,
    account: &Id,
    group: &Id,
) -> Result<Vec<Id>> {
    let governing = organization.governed_by().clone();
    let bindings = tx.bindings_of(account)?;
    let Some(binding) = bindings.into_iter().find(|b| b.org == governing) else {
        return Ok(Vec::new());
    };
    tx.within(&governing, |tx| {
        let tree = groups_below(tx, group)?;
        // Upwards level by level: what is reached first is reached by a shortest way.
        let mut from: BTreeMap<Id, Option<Id>> = BTreeMap::new();
        let mut level = vec![binding.user];
        while !level.is_empty() && !from.contains_key(group) {
            let mut next = Vec::new();
            for m in tx.groups_of(&level)? {
                if m.direct && tree.contains(&m.group) && !from.contains_key(&m.group) {
                    let below = from.contains_key(&m.member).then_some(m.member);
                    from.insert(m.group.clone(), below);
                    next.push(m.group);
                }
            }
            level = next;
        }
        let mut way = Vec::new();
        let mut at = from.contains_key(group).then(|| group.clone());
        while let Some(group) = at {
            at = from.get(&group).cloned().flatten();
            way.push(group);
        }
        way.reverse();
        Ok(way)
    })
}
