//! [`Patch`]: a PATCH message (RFC 7644 §3.5.2), parsed and typed before any resource is touched.
//!
//! Each operation becomes one or more edits of attributes that the schema knows, with values of their
//! type. Operations on the members of a group come out apart, as [`MemberChange`]s: they are made on
//! rows of the store, and a patch that has nothing else never loads a document.

mod apply;
mod listed;
mod members;
mod parse;

pub use members::{MemberChange, MemberRef};

use serde_json::{Map, Value};

use crate::filter::Predicate;
use crate::schema::{AttrRef, Returned};

/// A PATCH message for one resource type.
#[derive(Debug)]
pub struct Patch {
    edits: Vec<Edit>,
    members: Vec<MemberChange>,
}

/// One change of one attribute.
#[derive(Debug)]
struct Edit {
    /// The number of its operation, from 1, for messages.
    number: usize,
    verb: Verb,
    /// The attribute, or the sub-attribute.
    attr: AttrRef,
    /// Which elements of the attribute; all without it.
    within: Option<Selection>,
    /// The value, conformed; `None` unassigns.
    value: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Add,
    Replace,
    /// `remove`; with a value only the elements that it lists.
    Remove,
}

/// The brackets of a value path.
#[derive(Debug)]
struct Selection {
    predicate: Predicate,
    /// An element that satisfies it, if it is made of equations.
    template: Option<Map<String, Value>>,
}

impl Patch {
    /// The changes of a group's members, in order.
    #[must_use]
    pub fn member_changes(&self) -> &[MemberChange] {
        &self.members
    }

    /// Whether it changes nothing but members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// The values for attributes that are never returned, in clear: they are to be hashed before the
    /// patch is applied.
    pub fn secrets_mut(&mut self) -> impl Iterator<Item = &mut String> {
        self.edits.iter_mut().filter_map(|edit| match &mut edit.value {
            Some(Value::String(text)) if edit.attr.attribute.returned == Returned::Never => {
                Some(text)
            }
            _ => None,
        })
    }
}
