//! What a filter may look at beyond the stored document: `members` and `groups` as JSON.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{Member, Membership, Transaction};
use crate::error::Result;
use crate::filter::Needs;
use crate::resource::{Id, Resource};

/// Members read at once.
const PAGE: usize = 5000;

/// The representations of resources of a type with whatever a predicate needs of them.
///
/// # Errors
/// From the storage.
pub fn hydrate<T: Transaction>(
    tx: &mut T,
    resources: &[Resource],
    needs: Needs,
) -> Result<Vec<Map<String, Value>>> {
    let mut groups = groups_of(tx, resources, needs)?;
    let mut found = Vec::with_capacity(resources.len());
    for resource in resources {
        let mut all = resource.representation()?;
        if needs.members && resource.kind().has_members() {
            let list = members_of(tx, resource.id())?;
            if !list.is_empty() {
                all.insert("members".into(), Value::Array(list));
            }
        }
        if let Some(list) = groups.remove(resource.id()) {
            all.insert("groups".into(), Value::Array(list));
        }
        found.push(all);
    }
    Ok(found)
}

/// A group as a user has it among its `groups`.
#[must_use]
pub fn held_json(group: &str, display: Option<&str>, direct: bool) -> Value {
    let kind = if direct { "direct" } else { "indirect" };
    object([("value", Some(group)), ("display", display), ("type", Some(kind))])
}

fn groups_of<T: Transaction>(
    tx: &mut T,
    resources: &[Resource],
    needs: Needs,
) -> Result<HashMap<Id, Vec<Value>>> {
    let mut groups: HashMap<Id, Vec<Value>> = HashMap::new();
    let held = resources.iter().filter(|resource| resource.kind().has_groups());
    let ids: Vec<Id> = held.map(|resource| resource.id().clone()).collect();
    if needs.groups && !ids.is_empty() {
        for Membership { member, group, display, direct } in tx.groups_of(&ids)? {
            let json = held_json(group.as_str(), display.as_deref(), direct);
            groups.entry(member).or_default().push(json);
        }
    }
    Ok(groups)
}

fn members_of<T: Transaction>(tx: &mut T, group: &Id) -> Result<Vec<Value>> {
    let (mut list, mut after) = (Vec::new(), None);
    loop {
        let page = tx.members(group, after.as_ref(), PAGE)?;
        list.extend(page.iter().map(member_json));
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.id.clone()),
            _ => return Ok(list),
        }
    }
}

fn object(facts: [(&str, Option<&str>); 3]) -> Value {
    let facts =
        facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
    Value::Object(facts.collect())
}

fn member_json(member: &Member) -> Value {
    object([
        ("value", Some(member.id.as_str())),
        ("display", member.display.as_deref()),
        ("type", Some(&member.kind)),
    ])
}
