//! [`Query`]: which resources, in which order, which of them on this page (RFC 7644 §3.4.2, RFC 9865).

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::error::Result;
use crate::filter::Predicate;
use crate::resource::{Id, Resource};
use crate::schema::{AttrRef, Type};
use crate::text;

/// A search, resolved against a resource type.
#[derive(Debug, Clone)]
pub struct Query {
    /// Which; all without one.
    pub predicate: Option<Predicate>,
    /// In which order; by id without one.
    pub sort: Option<Sort>,
    /// Which of them.
    pub window: Window,
}

/// An order: by the key of an attribute, then by id. Resources without the attribute come last when
/// ascending, first when descending (RFC 7644 §3.4.2.3).
#[derive(Debug, Clone, PartialEq)]
pub struct Sort {
    /// The attribute; never complex.
    pub attr: AttrRef,
    /// Whether the whole order (ids included) is reversed.
    pub descending: bool,
}

/// A part of the ordered results.
#[derive(Debug, Clone, PartialEq)]
pub enum Window {
    /// `count` of them after leaving out `offset`.
    Offset {
        /// How many to leave out.
        offset: usize,
        /// How many at most; 0 asks for the total only.
        count: usize,
    },
    /// `count` of them after a position, in order.
    After {
        /// Where the last page ended.
        position: Position,
        /// How many at most.
        count: usize,
    },
    /// The `count` of them just before a position, in order.
    Before {
        /// Where the page to go back from began.
        position: Position,
        /// How many at most.
        count: usize,
    },
}

impl Window {
    /// How many resources at most.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::Offset { count, .. } | Self::After { count, .. } | Self::Before { count, .. } => {
                *count
            }
        }
    }
}

/// A place in an order: a resource's sort key and id. It stays meaningful when that resource is gone.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    /// The sort key; `None` without a sort, and where the attribute is missing.
    pub key: Option<SortKey>,
    /// The id.
    pub id: Id,
}

/// What a resource is ordered by.
#[derive(Debug, Clone, PartialEq)]
pub enum SortKey {
    /// `false` before `true`.
    Bool(bool),
    /// By value.
    Number(f64),
    /// By code point of the folded (or exact) text.
    Text(String),
    /// By instant.
    Instant(Timestamp),
}

/// What a search found.
#[derive(Debug, Clone)]
pub struct Page {
    /// How many match, on this page or not.
    pub total: usize,
    /// Those on this page.
    pub resources: Vec<Resource>,
    /// Whether others come beyond, in the window's direction.
    pub more: bool,
}

impl SortKey {
    /// A total order within one kind of key.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Instant(a), Self::Instant(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::Number(_) => 1,
            Self::Text(_) => 2,
            Self::Instant(_) => 3,
        }
    }
}

impl Sort {
    /// The key of a resource: of the primary element of a multi-valued attribute, else of its first
    /// (RFC 7644 §3.4.2.3).
    #[must_use]
    pub fn key(&self, representation: &Map<String, Value>) -> Option<SortKey> {
        let holder = match self.attr.extension.as_deref() {
            None => representation,
            Some(urn) => representation.get(urn)?.as_object()?,
        };
        let value = holder.get(&self.attr.attribute.name)?;
        let value = match value {
            Value::Array(elements) => elements
                .iter()
                .find(|element| element.get("primary") == Some(&Value::Bool(true)))
                .or_else(|| elements.first())?,
            single => single,
        };
        let value = match &self.attr.sub {
            Some(sub) => value.get(&sub.name)?,
            None => value,
        };
        let leaf = self.attr.leaf();
        match (leaf.kind, value) {
            (Type::Boolean, Value::Bool(b)) => Some(SortKey::Bool(*b)),
            (Type::Integer | Type::Decimal, Value::Number(n)) => {
                // -0.0 and 0.0 are one number.
                n.as_f64().map(|n| SortKey::Number(n + 0.0))
            }
            (Type::DateTime, Value::String(s)) => s.parse().ok().map(SortKey::Instant),
            (_, Value::String(s)) => {
                Some(SortKey::Text(text::key(s, leaf.is_case_exact()).into_owned()))
            }
            _ => None,
        }
    }
}

impl Query {
    /// Where a resource stands in the order of this query.
    ///
    /// # Errors
    /// As [`Resource::document`].
    pub fn position(&self, resource: &Resource) -> Result<Position> {
        let key = match &self.sort {
            None => None,
            Some(sort) => sort.key(&resource.representation()?),
        };
        Ok(Position { key, id: resource.id().clone() })
    }

    /// The order of two places.
    #[must_use]
    pub fn compare(&self, a: &Position, b: &Position) -> Ordering {
        let keys = match (&a.key, &b.key) {
            (Some(a), Some(b)) => a.compare(b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        let ascending = keys.then_with(|| a.id.cmp(&b.id));
        match &self.sort {
            Some(sort) if sort.descending => ascending.reverse(),
            _ => ascending,
        }
    }

    /// Orders matching resources and cuts the window out of them: the meaning of a search, for stores
    /// that hold the candidates in memory.
    ///
    /// # Errors
    /// As [`Resource::document`].
    pub fn page(&self, matching: Vec<Resource>) -> Result<Page> {
        let total = matching.len();
        let placed = matching
            .into_iter()
            .map(|resource| Ok((self.position(&resource)?, resource)))
            .collect::<Result<Vec<_>>>()?;
        let (resources, more) = self.cut(placed);
        Ok(Page { total, resources, more })
    }

    /// As [`Self::page`], of whatever stands in those places: those in the window, in order, and whether others
    /// come beyond.
    #[must_use]
    pub fn cut<T>(&self, mut placed: Vec<(Position, T)>) -> (Vec<T>, bool) {
        let total = placed.len();
        placed.sort_by(|(a, _), (b, _)| self.compare(a, b));
        let after = |position: &Position| {
            placed.partition_point(|(p, _)| self.compare(p, position) != Ordering::Greater)
        };
        let (from, to, more) = match &self.window {
            Window::Offset { offset, count } => {
                let from = (*offset).min(total);
                let to = from.saturating_add(*count).min(total);
                (from, to, to < total)
            }
            Window::After { position, count } => {
                let from = after(position);
                let to = from.saturating_add(*count).min(total);
                (from, to, to < total)
            }
            Window::Before { position, count } => {
                let to =
                    placed.partition_point(|(p, _)| self.compare(p, position) == Ordering::Less);
                let from = to.saturating_sub(*count);
                (from, to, from > 0)
            }
        };
        let cut = placed.drain(..).skip(from).take(to - from).map(|(_, what)| what).collect();
        (cut, more)
    }
}
