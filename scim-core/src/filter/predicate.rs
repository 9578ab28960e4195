//! [`Predicate`]: a filter resolved against a resource type. Every path has found its attribute, every
//! value has the attribute's type.

use jiff::Timestamp;

use super::Op;
use crate::schema::AttrRef;

/// A typed filter. What it means is [`Predicate::matches`]; a store must answer the same.
#[derive(Debug, Clone, PartialEq)]
pub enum Predicate {
    /// All of them.
    And(Vec<Predicate>),
    /// Any of them.
    Or(Vec<Predicate>),
    /// Not this one.
    Not(Box<Predicate>),
    /// Some value of the attribute stands in this relation to the operand.
    Compare(Compare),
    /// The attribute has a value.
    Present(AttrRef),
    /// One element of the multi-valued (or the single) complex attribute satisfies the predicate. The
    /// references within name the sub-attributes as `sub`, with the same `attribute`.
    Within(AttrRef, Box<Predicate>),
}

/// `attr op operand`. `attr` is never complex: `emails eq "x"` was resolved to `emails.value`.
#[derive(Debug, Clone, PartialEq)]
pub struct Compare {
    /// What is compared.
    pub attr: AttrRef,
    /// How. [`Op::Ne`] is "present, and no value equals".
    pub op: Op,
    /// With what.
    pub operand: Operand,
}

/// A comparison value of the attribute's type. `eq null` was resolved to "not present".
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// For booleans; `eq` and `ne` only.
    Bool(bool),
    /// For integers and decimals.
    Number(f64),
    /// For strings, references and binary: the key to compare, folded unless the attribute is case
    /// exact (see [`crate::text::key`]). Ordered by code point.
    Text(String),
    /// For dates.
    Instant(Timestamp),
}

/// What a predicate looks at beyond the stored document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// It mentions `members` of a group.
    pub members: bool,
    /// It mentions `groups` of a user.
    pub groups: bool,
}
