//! Random users and groups, full of odd strings, and who is in which group.

use std::fmt;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

use super::values::{TYPES, decimal, ids, instant, integer, octets, text};
use crate::resource::{Id, Resource, Version};
use crate::schema::{self, ResourceType};
use crate::store::Member;
use crate::testkit::fixture::{DAWN, EXTRA, at, build, group_type, id, member, user_type};
use crate::text::is_invisible;

/// What a store is filled with.
#[derive(Debug, Clone)]
pub(super) struct Population {
    pub(super) users: Vec<Resource>,
    pub(super) groups: Vec<Resource>,
    pub(super) members: Vec<(Id, Vec<Member>)>,
}

impl fmt::Display for Population {
    /// The content of the store, a line each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for resource in self.users.iter().chain(&self.groups) {
            let (id, version, text) = (resource.id(), resource.version(), resource.text());
            let (created, modified) = (resource.created(), resource.modified());
            writeln!(f, "{id} {version} created {created}, modified {modified}: {text}")?;
        }
        for (group, members) in &self.members {
            let members: Vec<&str> = members.iter().map(|member| member.id.as_str()).collect();
            writeln!(f, "members of {group}: {}", members.join(", "))?;
        }
        Ok(())
    }
}

/// Up to thirty users and ten groups.
pub(super) fn population() -> impl Strategy<Value = Population> {
    (vec(user(), 1..30), vec(group(), 1..10)).prop_map(|(users, groups)| {
        let users: Vec<Resource> = users
            .into_iter()
            .enumerate()
            .map(|(i, draft)| draft.build(&user_type(), 'u', i))
            .collect();
        let (groups, lists): (Vec<Resource>, Vec<Vec<Index>>) = groups
            .into_iter()
            .enumerate()
            .map(|(i, (draft, list))| (draft.build(&group_type(), 'g', i), list))
            .unzip();
        let everyone: Vec<&Resource> = users.iter().chain(&groups).collect();
        let members = groups
            .iter()
            .zip(lists)
            .map(|(group, list)| {
                let members = list
                    .iter()
                    .map(|index| member(everyone[index.index(everyone.len())]))
                    .collect();
                (group.id().clone(), members)
            })
            .collect();
        Population { users, groups, members }
    })
}

/// What a resource holds, before it has a name of its own.
#[derive(Debug, Clone)]
struct Draft {
    prefix: &'static str,
    label: String,
    version: u64,
    times: (i64, i64),
    document: Map<String, Value>,
}

impl Draft {
    fn build(self, kind: &Arc<ResourceType>, sort: char, number: usize) -> Resource {
        let mut document = self.document;
        let naming = if sort == 'u' { "userName" } else { "displayName" };
        // The name of a user hides nothing.
        let hidden = |c: char| sort == 'u' && is_invisible(c);
        let label: String = self.label.chars().filter(|c| !hidden(*c)).collect();
        document.insert(naming.into(), format!("{label}~{number}").into());
        let id = id(&format!("{}{sort}{number}", self.prefix));
        let times = (at(DAWN + self.times.0), at(DAWN + self.times.1));
        build(kind, id, Version(self.version), times, Value::Object(document))
    }
}

fn draft(document: impl Strategy<Value = Map<String, Value>>) -> impl Strategy<Value = Draft> {
    let times = (-2..3_i64, prop_oneof![-2..3_i64, Just(86_400_000)]);
    (select(&["", "-", "_", "A", "a"][..]), text(), 1..4_u64, times, document).prop_map(
        |(prefix, label, version, times, document)| Draft {
            prefix,
            label,
            version,
            times,
            document,
        },
    )
}

fn group() -> impl Strategy<Value = (Draft, Vec<Index>)> {
    let document = object(vec![("externalId", weighted(0.5, string()).boxed())]);
    (draft(document), vec(any::<Index>(), 0..8))
}

fn user() -> impl Strategy<Value = Draft> {
    let name = object(vec![
        ("familyName", of(string()).boxed()),
        ("givenName", weighted(0.3, string()).boxed()),
    ]);
    let enterprise = object(vec![
        ("employeeNumber", of(string()).boxed()),
        ("department", weighted(0.3, string()).boxed()),
        ("manager", of(ids().prop_map(|id| json!({"value": id}))).boxed()),
    ]);
    let document = object(vec![
        ("externalId", of(string()).boxed()),
        ("displayName", weighted(0.3, string()).boxed()),
        ("title", of(string()).boxed()),
        ("profileUrl", weighted(0.2, string()).boxed()),
        ("active", of(any::<bool>().prop_map(Value::from)).boxed()),
        ("name", weighted(0.6, name.prop_map(Value::Object)).boxed()),
        ("emails", weighted(0.7, elements()).boxed()),
        ("phoneNumbers", weighted(0.2, elements()).boxed()),
        (schema::ENTERPRISE_USER, weighted(0.5, enterprise.prop_map(Value::Object)).boxed()),
        (EXTRA, weighted(0.7, extra().prop_map(Value::Object)).boxed()),
    ]);
    draft(document)
}

fn extra() -> impl Strategy<Value = Map<String, Value>> {
    let list = |element: BoxedStrategy<Value>| {
        weighted(0.4, vec(element, 1..4).prop_map(Value::Array)).boxed()
    };
    object(vec![
        ("rank", of(integer().prop_map(Value::from)).boxed()),
        ("score", of(decimal().prop_map(Value::from)).boxed()),
        ("since", of(instant().prop_map(Value::from)).boxed()),
        ("print", weighted(0.3, octets().prop_map(Value::from)).boxed()),
        ("tags", list(string().boxed())),
        ("codes", list(string().boxed())),
        ("levels", list(integer().prop_map(Value::from).boxed())),
    ])
}

/// Elements of a multi-valued complex attribute, one of them primary at most.
fn elements() -> impl Strategy<Value = Value> {
    let element = object(vec![
        ("value", weighted(0.9, string()).boxed()),
        ("type", of(select(TYPES).prop_map(Value::from)).boxed()),
        ("display", weighted(0.2, string()).boxed()),
    ]);
    (vec(element, 1..4), of(any::<Index>()), any::<bool>()).prop_map(|(list, chosen, others)| {
        let mut list = list;
        let chosen = chosen.map(|index| index.index(list.len()));
        for (i, element) in list.iter_mut().enumerate() {
            if chosen == Some(i) || others {
                element.insert("primary".into(), (chosen == Some(i)).into());
            }
        }
        list.into_iter().map(Value::Object).collect()
    })
}

fn object(
    fields: Vec<(&'static str, BoxedStrategy<Option<Value>>)>,
) -> impl Strategy<Value = Map<String, Value>> {
    let (names, values): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    values.prop_map(move |values| {
        let fields = names.iter().zip(values);
        fields.filter_map(|(name, value)| Some(((*name).to_owned(), value?))).collect()
    })
}

fn string() -> impl Strategy<Value = Value> + Clone {
    text().prop_map(Value::from)
}
