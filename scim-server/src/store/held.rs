//! Filters on `groups`, which no document holds: for the set of all users at once. The groups that a part of a
//! filter speaks of are found first, among all there are, and then it is a condition on rows of members.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use diesel::sql_types::{Nullable, Text};
use scim_core::filter::{Compare, Op, Predicate};
use scim_core::schema::{AttrRef, ResourceType};
use scim_core::store::{Tenant, held_json};
use scim_core::{Error, Kind, Result};
use serde_json::{Map, Value};

use super::later::{GROUPS, MEMBERSHIPS};
use super::narrow::Condition;
use super::statement::integer;
use super::statement::statement;
use super::transaction::DieselTransaction;

/// What a part of a filter says of `groups`: of one element of them, or of none.
#[derive(Debug)]
pub(super) struct Meant {
    part: Predicate,
    /// Those who are listed in one of these have such an element; all who are listed anywhere, without them.
    groups: Option<Vec<String>>,
    /// Whether nobody else has.
    exact: bool,
}

impl Meant {
    fn new(part: Predicate, all: &[Held], inner: &HashMap<String, Vec<String>>) -> Self {
        let (mut groups, mut only_indirect) = (HashSet::new(), false);
        let mut left = Vec::new();
        for held in all {
            let direct = part.matches(&held.direct);
            if direct {
                groups.insert(held.id.as_str());
            }
            if part.matches(&held.indirect)
                && let Some(inner) = inner.get(&held.id)
            {
                // Who is in it both ways has it directly.
                only_indirect |= !direct;
                left.extend(inner);
            }
        }
        let mut reached: HashSet<&str> = HashSet::new();
        while let Some(group) = left.pop() {
            if reached.insert(group) {
                left.extend(inner.get(group).into_iter().flatten());
            }
        }
        groups.extend(reached);
        let some = groups.len() < all.len();
        let groups = some.then(|| groups.into_iter().map(str::to_owned).collect());
        Self { part, groups, exact: !only_indirect }
    }

    /// Those who have such an element.
    fn condition(&self, tenant: &Tenant) -> Condition {
        let listed = statement("r.id IN (SELECT m.member_id FROM members m WHERE m.org = ")
            .text(tenant.as_str());
        let sql = match self.groups.as_deref() {
            None => listed.sql(")"),
            Some([]) => statement("1 = 0"),
            Some(groups) => {
                let groups = groups.iter().map(String::as_str);
                listed.sql(" AND m.group_id ").among(groups).sql(")")
            }
        };
        Condition { sql, exact: self.exact }
    }
}

/// The condition that a part of a filter is, if it is about `groups`.
pub(super) fn condition(meant: &[Meant], tenant: &Tenant, part: &Predicate) -> Option<Condition> {
    let of = |part: &Predicate| Some(meant.iter().find(|m| m.part == *part)?.condition(tenant));
    match part {
        Predicate::Compare(compare) if is_groups(&compare.attr) && compare.op == Op::Ne => {
            let (any, equal) = (of(&present(compare))?, of(&equals(compare))?);
            if !equal.exact {
                return Some(Condition { exact: false, ..any });
            }
            let sql = statement("(").then(&any.sql).sql(" AND NOT ").then(&equal.sql).sql(")");
            Some(Condition { sql, exact: any.exact })
        }
        part => of(part),
    }
}

fn is_groups(attr: &AttrRef) -> bool {
    attr.extension.is_none() && attr.attribute.name == "groups"
}

fn present(compare: &Compare) -> Predicate {
    Predicate::Present(compare.attr.clone())
}

fn equals(compare: &Compare) -> Predicate {
    Predicate::Compare(Compare { op: Op::Eq, ..compare.clone() })
}

/// The parts that are about one element of `groups`.
fn parts(predicate: &Predicate, found: &mut Vec<Predicate>) {
    match predicate {
        Predicate::And(inner) | Predicate::Or(inner) => {
            inner.iter().for_each(|part| parts(part, found));
        }
        Predicate::Not(inner) => parts(inner, found),
        // `ne` is of all elements: some are there, and none equals.
        Predicate::Compare(compare) if is_groups(&compare.attr) && compare.op == Op::Ne => {
            found.extend([present(compare), equals(compare)]);
        }
        Predicate::Compare(Compare { attr, .. })
        | Predicate::Present(attr)
        | Predicate::Within(attr, _) => {
            if is_groups(attr) {
                found.push(predicate.clone());
            }
        }
    }
}

impl DieselTransaction<'_> {
    /// The groups that the parts of a filter speak of.
    pub(super) fn groups_meant(
        &mut self,
        kind: &Arc<ResourceType>,
        predicate: Option<&Predicate>,
    ) -> Result<Vec<Meant>> {
        let mut found = Vec::new();
        if let Some(predicate) = predicate
            && kind.has_groups()
        {
            parts(predicate, &mut found);
        }
        if found.is_empty() {
            return Ok(Vec::new());
        }
        self.no_time_for_more()?;
        let all = self.all_groups(found.len())?;
        let inner = self.groups_in_groups()?;
        Ok(found.into_iter().map(|part| Meant::new(part, &all, &inner)).collect())
    }

    /// All groups, each as an element of `groups`: held by it directly, and through others.
    fn all_groups(&mut self, parts: usize) -> Result<Vec<Held>> {
        let most = self.store.budget.min(self.store.budget.saturating_mul(10) / parts.max(1));
        let group_kind = self.group_kind();
        let sql = statement("SELECT r.id, r.label FROM resources r WHERE r.org = ")
            .text(self.tenant.as_str())
            .sql(" AND r.kind = ")
            .text(&group_kind)
            .limit(integer(most.saturating_add(1)));
        let rows: Vec<(String, Option<String>)> =
            sql.rows::<(Text, Nullable<Text>), _>(self.conn_to_read(&[GROUPS])?)?;
        if rows.len() > most {
            return Err(too_many());
        }
        let held = |(id, label): (String, Option<String>)| {
            let element = |direct| {
                let groups = Value::Array(vec![held_json(&id, label.as_deref(), direct)]);
                Map::from_iter([("groups".to_owned(), groups)])
            };
            Held { direct: element(true), indirect: element(false), id }
        };
        Ok(rows.into_iter().map(held).collect())
    }

    /// The groups that each group lists.
    fn groups_in_groups(&mut self) -> Result<HashMap<String, Vec<String>>> {
        let mut inner: HashMap<String, Vec<String>> = HashMap::new();
        // 'Group' is spelled out for the sake of the index that has only those.
        let sql = statement("SELECT m.group_id, m.member_id FROM members m WHERE m.org = ")
            .text(self.tenant.as_str())
            .sql(" AND m.kind = 'Group'")
            .limit(integer(self.store.budget.saturating_add(1)));
        let rows: Vec<(String, String)> =
            sql.rows::<(Text, Text), _>(self.conn_to_read(&MEMBERSHIPS)?)?;
        if rows.len() > self.store.budget {
            return Err(too_many());
        }
        for (group, member) in rows {
            inner.entry(group).or_default().push(member);
        }
        Ok(inner)
    }
}

fn too_many() -> Error {
    let detail =
        "There are too many groups to search users by; ask for the members of a group instead";
    Error::new(Kind::TooMany, detail)
}

/// A group as users have it among theirs.
#[derive(Debug)]
struct Held {
    id: String,
    direct: Map<String, Value>,
    indirect: Map<String, Value>,
}
