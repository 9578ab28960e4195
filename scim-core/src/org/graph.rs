//! Groups in groups: who is below a group, and which groups are above.

use std::collections::BTreeSet;

use super::Records;
use crate::error::Result;
use crate::resource::Id;
use crate::schema::GROUP_TYPE;

/// Members read at a time.
const PAGE: usize = 1_000;

/// The users of a group and of the groups in it, each once.
pub(super) fn users_below<T: Records>(tx: &mut T, groups: &[Id]) -> Result<BTreeSet<Id>> {
    let mut users = BTreeSet::new();
    let mut seen: BTreeSet<Id> = groups.iter().cloned().collect();
    let mut open: Vec<Id> = groups.to_vec();
    while let Some(group) = open.pop() {
        let mut after: Option<Id> = None;
        loop {
            let page = tx.members(&group, after.as_ref(), PAGE)?;
            let full = page.len() == PAGE;
            after = page.last().map(|member| member.id.clone());
            for member in page {
                if member.kind != GROUP_TYPE {
                    users.insert(member.id);
                } else if seen.insert(member.id.clone()) {
                    open.push(member.id);
                }
            }
            if !full {
                break;
            }
        }
    }
    Ok(users)
}

/// A group and the groups in it.
pub(super) fn groups_below<T: Records>(tx: &mut T, group: &Id) -> Result<BTreeSet<Id>> {
    let mut seen = BTreeSet::from([group.clone()]);
    let mut open = vec![group.clone()];
    while let Some(group) = open.pop() {
        for inner in tx.groups_in(&group)? {
            if seen.insert(inner.clone()) {
                open.push(inner);
            }
        }
    }
    Ok(seen)
}

/// The groups above any of these, and these.
pub(super) fn groups_above<T: Records>(tx: &mut T, groups: &[Id]) -> Result<BTreeSet<Id>> {
    let above = tx.groups_of(groups)?.into_iter().map(|membership| membership.group);
    Ok(groups.iter().cloned().chain(above).collect())
}

/// Which of `users` are below any of `targets` without the edges by which `group` holds `without` (`None`:
/// all that it holds): by another way, that is.
pub(super) fn still_below<T: Records>(
    tx: &mut T,
    users: &BTreeSet<Id>,
    targets: &BTreeSet<Id>,
    group: &Id,
    without: Option<&BTreeSet<Id>>,
) -> Result<BTreeSet<Id>> {
    let cut = |holder: &Id, member: &Id| {
        holder == group && without.is_none_or(|without| without.contains(member))
    };
    let users: Vec<Id> = users.iter().cloned().collect();
    let direct: Vec<(Id, Id)> = tx
        .groups_of(&users)?
        .into_iter()
        .filter(|m| m.direct && !cut(&m.group, &m.member))
        .map(|m| (m.member, m.group))
        .collect();
    // Upwards level by level, so that the edges left out are left out everywhere.
    let mut reaches: BTreeSet<Id> = targets.clone();
    let mut known: BTreeSet<Id> = direct.iter().map(|(_, group)| group.clone()).collect();
    let mut edges: Vec<(Id, Id)> = Vec::new();
    let mut level: Vec<Id> = known.iter().cloned().collect();
    while !level.is_empty() {
        let mut next = Vec::new();
        for m in tx.groups_of(&level)? {
            if !m.direct || cut(&m.group, &m.member) {
                continue;
            }
            if known.insert(m.group.clone()) {
                next.push(m.group.clone());
            }
            edges.push((m.member, m.group));
        }
        level = next;
    }
    loop {
        let more: Vec<Id> = edges
            .iter()
            .filter(|(below, above)| reaches.contains(above) && !reaches.contains(below))
            .map(|(below, _)| below.clone())
            .collect();
        if more.is_empty() {
            break;
        }
        reaches.extend(more);
    }
    Ok(direct
        .into_iter()
        .filter(|(_, group)| reaches.contains(group))
        .map(|(user, _)| user)
        .collect())
}
