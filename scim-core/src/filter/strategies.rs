//! Random filters and paths for the laws of this crate.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::Number;

use super::{Filter, Literal, Op};
use crate::path::{AttrPath, Target};

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[$]?[a-zA-Z][a-zA-Z0-9_-]{0,6}",
        proptest::sample::select(vec!["not", "and", "or", "pr", "eq", "true", "value", "type"])
            .prop_map(str::to_owned),
    ]
}

pub(crate) fn attr_path() -> impl Strategy<Value = AttrPath> {
    let urn = prop_oneof!["urn:[a-z0-9.:-]{0,12}", "[a-z]{1,4}:[a-zA-Z0-9._/+%~@$-]{0,8}"];
    (option::of(urn), name(), option::of(name())).prop_map(|(urn, name, sub)| AttrPath {
        urn,
        name,
        sub,
    })
}

fn literal() -> impl Strategy<Value = Literal> {
    let text = prop_oneof![
        any::<String>(),
        "[ -~]{0,12}",
        "[\"\\\\/%_\u{1}-\u{1f}\u{7f}é\u{10ffff}\u{e000}]{0,6}",
    ];
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Bool),
        any::<i64>().prop_map(|n| Literal::Number(n.into())),
        any::<u64>().prop_map(|n| Literal::Number(n.into())),
        any::<f64>().prop_filter_map("finite", Number::from_f64).prop_map(Literal::Number),
        text.prop_map(|text| Literal::String(text.replace('\0', ""))),
    ]
}

/// A canonical filter. Value paths don't stand in each other.
fn logic(leaf: BoxedStrategy<Filter>) -> impl Strategy<Value = Filter> {
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..4).prop_map(Filter::all),
            vec(inner.clone(), 1..4).prop_map(Filter::any),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

fn comparison() -> impl Strategy<Value = Filter> {
    prop_oneof![
        (attr_path(), proptest::sample::select(Op::ALL.to_vec()), literal())
            .prop_map(|(path, op, value)| Filter::Compare(path, op, value)),
        attr_path().prop_map(Filter::Present),
    ]
}

fn value_filter() -> impl Strategy<Value = Filter> {
    logic(comparison().boxed())
}

pub(crate) fn filter() -> impl Strategy<Value = Filter> {
    let within = (attr_path(), value_filter())
        .prop_map(|(path, inner)| Filter::Within(AttrPath { sub: None, ..path }, Box::new(inner)));
    logic(prop_oneof![3 => comparison(), 1 => within].boxed()).prop_filter(
        "at most 100 comparisons and 8 KiB",
        |filter| {
            let text = filter.to_string();
            text.len() <= 8 * 1024 && size(filter) <= 100
        },
    )
}

fn size(filter: &Filter) -> usize {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().map(size).sum(),
        Filter::Not(inner) | Filter::Within(_, inner) => size(inner),
        Filter::Compare(..) | Filter::Present(_) => 1,
    }
}

pub(crate) fn target() -> impl Strategy<Value = Target> {
    (attr_path(), option::of(value_filter()), option::of(name()))
        .prop_map(|(path, filter, sub)| match filter {
            None => Target { path, filter, sub: None },
            Some(_) => Target { path: AttrPath { sub: None, ..path }, filter, sub },
        })
        .prop_filter("at most 8 KiB", |target| target.to_string().len() <= 8 * 1024)
}

/// Text that looks like a filter now and then.
pub(crate) fn noise() -> impl Strategy<Value = String> {
    let words = vec![
        "a", "emails", "not", "and", "or", "(", ")", "[", "]", ".", ":", "urn:x", "eq", "pr", "co",
        " ", "  ", "\"", "\"x\"", "\\", "\\u", "d800", "1", "-", "1e9", "true", "null", "$", "é",
    ];
    prop_oneof![
        any::<String>(),
        vec(proptest::sample::select(words), 0..24).prop_map(|words| words.concat()),
        filter().prop_map(|filter| filter.to_string()),
    ]
}
