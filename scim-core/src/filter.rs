//! Filters: [`Filter`] is the syntax (RFC 7644 §3.4.2.2), [`Predicate`] the meaning.
//!
//! A filter is parsed without knowing any schema; [`Predicate::resolve`] checks it against a resource
//! type. Only a predicate reaches a store, and [`Predicate::matches`] says what it means there.

mod among;
mod display;
mod matches;
mod parse;
mod predicate;
#[cfg(test)]
pub(crate) mod strategies;

pub use among::Selection;
pub use parse::Options;
pub(crate) use parse::{FilterParser, attr_name};
pub use predicate::{Compare, Needs, Operand, Predicate};

use serde_json::Number;

use crate::path::AttrPath;

/// A parsed filter. `And` and `Or` hold at least two parts, none of their own kind: `a and (b and c)`
/// and `a and b and c` are the same filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of them.
    And(Vec<Filter>),
    /// Any of them.
    Or(Vec<Filter>),
    /// Not this one.
    Not(Box<Filter>),
    /// `path op value`.
    Compare(AttrPath, Op, Literal),
    /// `path pr`.
    Present(AttrPath),
    /// `path[filter]`: one element of the attribute satisfies the whole filter. The paths within are
    /// sub-attributes.
    Within(AttrPath, Box<Filter>),
}

/// A comparison operator (RFC 7644 table 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// `eq`
    Eq,
    /// `ne`
    Ne,
    /// `co`
    Co,
    /// `sw`
    Sw,
    /// `ew`
    Ew,
    /// `gt`
    Gt,
    /// `ge`
    Ge,
    /// `lt`
    Lt,
    /// `le`
    Le,
}

/// A comparison value: JSON's scalars (RFC 7644 fig. 1, `compValue`).
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string, unescaped.
    String(String),
}
