//! The members of an organization, page by page.

use std::collections::BTreeSet;

use super::{Membership, matching_group, memberships};
use crate::error::Result;
use crate::org::graph::groups_below;
use crate::org::{Binding, Organization, Records};
use crate::resource::Id;

/// How far a list of members has come: through the stored grants first, then through the directory or
/// the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// Behind this account, among those with stored grants.
    Stored(Id),
    /// Behind this user, among those who are members by a directory or a group.
    User(Option<Id>),
}

/// A page of the members of an organization, and where the next begins. Walks by key: a page costs the
/// same wherever it is.
///
/// # Errors
/// From the storage.
pub fn members<R: Records>(
    tx: &mut R,
    organization: &Organization,
    after: Option<After>,
    limit: usize,
) -> Result<(Vec<Membership>, Option<After>)> {
    let org = &organization.id;
    let mut found: Vec<Membership> = Vec::new();
    let mut users_after = match after {
        Some(After::User(user)) => user,
        stored => {
            let mut after = match stored {
                Some(After::Stored(account)) => Some(account),
                _ => None,
            };
            loop {
                let grants = tx.grants_after(org, after.as_ref(), limit - found.len())?;
                let accounts: BTreeSet<Id> = grants.into_iter().map(|g| g.account).collect();
                let Some(last) = accounts.last().cloned() else { break };
                let accounts: Vec<Id> = accounts.into_iter().collect();
                found.extend(memberships(tx, organization, &accounts)?);
                after = Some(last.clone());
                if found.len() >= limit {
                    return Ok((found, Some(After::Stored(last))));
                }
            }
            None
        }
    };
    while found.len() < limit {
        let wanted = limit - found.len();
        let bindings = users_page(tx, organization, users_after.as_ref(), wanted)?;
        let Some((last, _)) = bindings.last().cloned() else { return Ok((found, None)) };
        users_after = Some(last);
        // A person is listed once: those with stored grants came before, and those whom both the own
        // directory and the group have come as users of the group's.
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for (_, binding) in bindings {
            let Some(binding) = binding else { continue };
            if tx.grants(org, &binding.account)?.is_empty() {
                let list = if binding.org == *org { &mut own } else { &mut others };
                list.push(binding.account);
            }
        }
        let own = memberships(tx, organization, &own)?;
        found.extend(own.into_iter().filter(|m| m.group().is_none()));
        found.extend(memberships(tx, organization, &others)?);
    }
    Ok((found, Some(After::User(users_after))))
}

/// The next users, in the order of their ids, who may be members by their directory or their group.
fn users_page<R: Records>(
    tx: &mut R,
    organization: &Organization,
    after: Option<&Id>,
    limit: usize,
) -> Result<Vec<(Id, Option<Binding>)>> {
    let org = &organization.id;
    let own = tx.within(org, |tx| tx.bindings_after(after, limit))?;
    let mut page: Vec<(Id, Option<Binding>)> = own
        .into_iter()
        .map(|b| if b.detached { (b.user, None) } else { (b.user.clone(), Some(b)) })
        .collect();
    if let (Some(group), Some(link)) = (matching_group(tx, organization)?, &organization.link) {
        let through_group = tx.within(&link.admin, |tx| {
            let mut users = BTreeSet::new();
            for group in groups_below(tx, &group)? {
                users.extend(tx.users_in(&group, after, limit)?);
            }
            let users: Vec<Id> = users.into_iter().take(limit).collect();
            let bindings = tx.bindings(&users)?;
            let of = |user: &Id| bindings.iter().find(|b| b.user == *user).cloned();
            Ok(users.into_iter().map(|user| (user.clone(), of(&user))).collect::<Vec<_>>())
        })?;
        page.extend(through_group);
    }
    page.sort_by(|(a, _), (b, _)| a.cmp(b));
    page.truncate(limit);
    Ok(page)
}
