//! What a filter may look at beyond the stored document: `members` and `groups` as JSON.

use serde_json::{Map, Value};

use super::{Member, Membership, Transaction};
use crate::error::Result;
use crate::filter::Needs;
use crate::resource::Resource;

/// Members read at once.
const PAGE: usize = 5000;

/// The representation of a resource with whatever a predicate needs of it.
///
/// # Errors
/// From the storage.
pub fn hydrate<T: Transaction>(
    tx: &mut T,
    resource: &Resource,
    needs: Needs,
) -> Result<Map<String, Value>> {
    let mut all = resource.representation()?;
    if needs.members && resource.kind().has_members() {
        let mut list = Vec::new();
        let mut after = None;
        loop {
            let page = tx.members(resource.id(), after.as_ref(), PAGE)?;
            list.extend(page.iter().map(member_json));
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.id.clone()),
                _ => break,
            }
        }
        if !list.is_empty() {
            all.insert("members".into(), Value::Array(list));
        }
    }
    if needs.groups && resource.kind().has_groups() {
        let groups = tx.groups_of(std::slice::from_ref(resource.id()))?;
        let list: Vec<Value> = groups.iter().map(membership_json).collect();
        if !list.is_empty() {
            all.insert("groups".into(), Value::Array(list));
        }
    }
    Ok(all)
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

fn membership_json(membership: &Membership) -> Value {
    object([
        ("value", Some(membership.group.as_str())),
        ("display", membership.display.as_deref()),
        ("type", Some(if membership.direct { "direct" } else { "indirect" })),
    ])
}
