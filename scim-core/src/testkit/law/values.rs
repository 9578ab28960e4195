//! Random values that databases trip over, and that resources and queries have a chance to share.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::resource;
use crate::testkit::fixture::{DAWN, at};

/// Pieces that databases, collations and case mappings trip over.
pub(super) const PIECES: &[&str] = &[
    "a",
    "A",
    "b",
    "ab",
    "Z",
    "z",
    "0",
    "1",
    "10",
    "%",
    "_",
    "\\",
    "\\%",
    "'",
    "\"",
    "''",
    "--",
    "*",
    "?",
    "[",
    "]",
    " ",
    "~",
    "ß",
    "ẞ",
    "ss",
    "SS",
    "İ",
    "ı",
    "i",
    "I",
    "i\u{307}",
    "K",
    "k",
    "\u{212A}",
    "é",
    "É",
    "e\u{301}",
    "E\u{301}",
    "\u{301}",
    "Å",
    "\u{212B}",
    "Σ",
    "ς",
    "σ",
    "ſ",
    "s",
    "ﬁ",
    "fi",
    "Ǆ",
    "ǅ",
    "ǆ",
    "😀",
    "👩\u{200d}👧",
    "한",
    "\u{1112}\u{1161}\u{11ab}",
    "\u{d7ff}",
    "\u{e000}",
    "\u{ffff}",
    "\u{10000}",
    "\u{10ffff}",
    "null",
    "true",
    "a@b.example",
    "A@B.Example",
];

pub(super) fn text() -> impl Strategy<Value = String> + Clone {
    vec(select(PIECES), 1..4).prop_map(|pieces| pieces.concat())
}

pub(super) const TYPES: &[&str] = &["work", "WORK", "home", "direct", "Indirect", "User", "group"];

pub(super) fn ids() -> impl Strategy<Value = String> {
    (select(&["", "-", "_", "A", "a"][..]), select(&["u", "g"][..]), 0..12_u8)
        .prop_map(|(prefix, sort, number)| format!("{prefix}{sort}{number}"))
}

pub(super) fn integer() -> impl Strategy<Value = i64> {
    prop_oneof![-3..12_i64, select(&[i64::MIN, 1 << 53, (1 << 53) + 1, i64::MAX][..])]
}

pub(super) fn decimal() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-6..30_i32).prop_map(|quarters| f64::from(quarters) / 4.0),
        select(&[0.1, 0.1 + 0.2, 0.3, 1e300, -1e300, 5e-324, 9_007_199_254_740_993.0][..]),
    ]
}

pub(super) fn instant() -> impl Strategy<Value = String> {
    let fixed = select(
        &[
            "2020-01-01T00:00:00Z",
            "2020-01-01T02:00:00+02:00",
            "2019-12-31T19:00:00.000-05:00",
            "2020-01-01T00:00:00.001Z",
            "2020-01-01T00:00:00.0005Z",
            "2020-01-01T00:00:00.000000001Z",
            "1969-12-31T23:59:59.999Z",
            "0001-01-01T00:00:00Z",
            "9999-12-30T22:00:00.999999999Z",
        ][..],
    );
    let near = (-3..4_i64, select(&["Z", "5Z"][..]))
        .prop_map(|(offset, end)| resource::instant(at(DAWN + offset)).replace('Z', end));
    prop_oneof![fixed.prop_map(str::to_owned), near]
}

pub(super) fn octets() -> impl Strategy<Value = String> {
    select(&["AAAA", "aaaa", "AA==", "AQID", "_-8=", "/+8="][..]).prop_map(str::to_owned)
}
