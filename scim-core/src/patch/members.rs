//! Operations on the members of a group.

use std::sync::Arc;

use serde_json::Value;

use super::Verb;
use super::listed::Listed;
use crate::dialect::{Dialect, Normalizer};
use crate::error::{Error, Kind, Result};
use crate::filter::{Filter, Literal, Op, Predicate};
use crate::resource::Id;
use crate::schema::{AttrRef, Attribute, Mutability, conform_member, in_a_list, no_member_named};
use crate::text::same_name;

/// One change of a group's members.
#[derive(Debug, Clone, PartialEq)]
pub enum MemberChange {
    /// These join; those that are in already stay as they are.
    Add(Vec<MemberRef>),
    /// The members with these ids leave.
    Remove(Vec<String>),
    /// All leave.
    RemoveAll,
    /// Those leave for which the predicate holds (see [`Predicate::matches_element`]).
    RemoveWhere(Predicate),
    /// These are the members from now on.
    Replace(Vec<MemberRef>),
}

impl MemberChange {
    /// How many members it names.
    #[must_use]
    pub fn named(&self) -> usize {
        match self {
            Self::Add(refs) | Self::Replace(refs) => refs.len(),
            Self::Remove(ids) => ids.len(),
            Self::RemoveAll | Self::RemoveWhere(_) => 0,
        }
    }

    /// Whether it is about the members that it names, whoever else is in the group.
    #[must_use]
    pub fn is_of_named(&self) -> bool {
        matches!(self, Self::Add(_) | Self::Remove(_))
    }
}

/// A member as a client names it. What it is, the store knows better.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberRef {
    /// By what may be an id.
    Id(Id),
    /// By what can't be one.
    Other(Box<str>),
}

impl MemberRef {
    /// From an element of `members`, already conformed.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] without a `value`.
    pub fn of(element: &Value) -> Result<Self> {
        match element.get("value").and_then(Value::as_str) {
            Some(id) => Ok(Id::parse(id).map_or_else(|| Self::Other(id.into()), Self::Id)),
            None => Err(no_member_named()),
        }
    }

    /// The id, if it is one.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        match self {
            Self::Id(id) => Some(id),
            Self::Other(_) => None,
        }
    }

    /// As sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Id(id) => id.as_str(),
            Self::Other(text) => text,
        }
    }
}

/// The value of an operation.
pub(super) enum Given {
    Value(Option<Value>),
    /// A list, read already.
    Listed(Listed),
}

/// The brackets of a path, and the sub-attribute behind them.
pub(super) struct Where<'a> {
    pub(super) filter: Option<&'a Filter>,
    pub(super) sub: Option<Arc<Attribute>>,
}

pub(super) fn member_change(
    verb: Verb,
    attr: &AttrRef,
    at: &Where<'_>,
    value: Given,
    dialect: &mut Dialect,
) -> Result<Option<MemberChange>> {
    let is_value = at.sub.as_ref().is_none_or(|sub| sub.name == "value");
    match (verb, at.filter) {
        (Verb::Remove, None) if is_value => match value {
            Given::Value(None | Some(Value::Null)) if at.sub.is_none() => {
                Ok(Some(MemberChange::RemoveAll))
            }
            Given::Value(None | Some(Value::Null)) => Err(immutable()),
            value if dialect.allows(Normalizer::RemoveListed) => {
                let listed = refs(attr, value, dialect)?;
                let listed = listed.iter().map(|r| r.as_str().to_owned()).collect();
                Ok(Some(MemberChange::Remove(listed)))
            }
            _ => Err(Error::invalid_syntax(
                "a remove of \"members\" takes no value; name members as members[value eq \"…\"]",
            )),
        },
        (Verb::Remove, Some(filter)) if is_value => {
            if let Some(ids) = ids(filter) {
                return Ok(Some(MemberChange::Remove(ids)));
            }
            let whole = AttrRef { sub: None, ..attr.clone() };
            match Predicate::within(whole, filter, dialect)? {
                Predicate::Within(_, inner) => Ok(Some(MemberChange::RemoveWhere(*inner))),
                other => Ok(Some(MemberChange::RemoveWhere(other))),
            }
        }
        (Verb::Add, None) if at.sub.is_none() => {
            let refs = refs(attr, value, dialect)?;
            Ok(Some(MemberChange::Add(refs)))
        }
        (Verb::Replace, None) if at.sub.is_none() => {
            let refs = refs(attr, value, dialect)?;
            Ok(Some(MemberChange::Replace(refs)))
        }
        _ => {
            let read_only = at.sub.as_ref().is_some_and(|s| s.mutability == Mutability::ReadOnly);
            if read_only && dialect.allows(Normalizer::IgnoreReadOnly) {
                return Ok(None);
            }
            Err(immutable())
        }
    }
}

fn immutable() -> Error {
    let detail = "what a group says of a member is immutable; add and remove members instead";
    Error::new(Kind::Mutability, detail)
}

fn refs(attr: &AttrRef, value: Given, dialect: &mut Dialect) -> Result<Vec<MemberRef>> {
    let list = match value {
        Given::Listed(listed) => return listed.refs(dialect),
        Given::Value(None | Some(Value::Null)) => Vec::new(),
        Given::Value(Some(Value::Array(list))) => list,
        Given::Value(Some(one)) => in_a_list(one, dialect)?,
    };
    list.into_iter()
        .filter_map(|element| member_ref(&attr.attribute, element, dialect).transpose())
        .collect()
}

/// Who is meant by an element of the list; nobody by an empty one.
pub(super) fn member_ref(
    members: &Attribute,
    element: Value,
    dialect: &mut Dialect,
) -> Result<Option<MemberRef>> {
    let element = conform_member(members, element, dialect)?;
    element.as_ref().map(MemberRef::of).transpose()
}

/// The ids of `value eq "a" or value eq "b"`; `None` for any other filter.
fn ids(filter: &Filter) -> Option<Vec<String>> {
    match filter {
        Filter::Compare(path, Op::Eq, Literal::String(id))
            if path.urn.is_none() && path.sub.is_none() && same_name(&path.name, "value") =>
        {
            Some(vec![id.clone()])
        }
        Filter::Or(parts) => {
            parts.iter().map(ids).collect::<Option<Vec<_>>>().map(|ids| ids.concat())
        }
        _ => None,
    }
}
