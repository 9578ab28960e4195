//! Random queries over what the population may hold.

use std::fmt;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Number;

use super::values::{PIECES, TYPES, decimal, ids, instant, integer, octets, text};
use crate::dialect::Dialect;
use crate::filter::{Filter, Literal, Op, Predicate};
use crate::query::{Query, Sort, Window};
use crate::resource::Resource;
use crate::schema::ResourceType;
use crate::testkit::fixture::{attr_path, attribute};

/// A query to be: places become positions once the resources are known.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    filter: Option<Filter>,
    sort: Option<(&'static str, bool)>,
    part: Part,
}

#[derive(Debug, Clone)]
enum Part {
    Offset(usize, usize),
    /// After the place that has the key of one resource and the id of another.
    After(Index, Option<Index>, usize),
    Before(Index, Option<Index>, usize),
}

impl Wish {
    pub(super) fn query(&self, kind: &Arc<ResourceType>, resources: &[Resource]) -> Query {
        let resolve = |filter: &Filter| {
            Predicate::resolve(filter, kind, &mut Dialect::default())
                .unwrap_or_else(|error| panic!("{error}: {filter}"))
        };
        let sort = self.sort.map(|(path, descending)| {
            let attr = attribute(kind, path);
            Sort { attr, descending }
        });
        let mut query = Query {
            predicate: self.filter.as_ref().map(resolve),
            sort,
            window: Window::Offset { offset: 0, count: 0 },
        };
        let position = |key: &Index, named: &Option<Index>| {
            let mut position = query.position(key.get(resources)).unwrap();
            if let Some(named) = named {
                position.id = named.get(resources).id().clone();
            }
            position
        };
        query.window = match &self.part {
            Part::Offset(offset, count) => Window::Offset { offset: *offset, count: *count },
            Part::After(key, named, count) => {
                Window::After { position: position(key, named), count: *count }
            }
            Part::Before(key, named, count) => {
                Window::Before { position: position(key, named), count: *count }
            }
        };
        query
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let filter = self.filter.as_ref().map_or_else(|| "no filter".into(), ToString::to_string);
        write!(f, "{filter}, sorted by {:?}, {:?}", self.sort, self.part)
    }
}

/// Queries for users.
pub(super) fn of_users(count: usize) -> impl Strategy<Value = Vec<Wish>> {
    vec(wish(USER_PATHS), count)
}

/// Queries for groups.
pub(super) fn of_groups(count: usize) -> impl Strategy<Value = Vec<Wish>> {
    vec(wish(GROUP_PATHS), count)
}

/// What may be compared with the attribute at a path.
#[derive(Debug, Clone, Copy)]
enum Class {
    Text,
    Identifier,
    Choice,
    Truth,
    Number,
    Instant,
    Octets,
}

/// A multi-valued or single complex attribute with its parts, or a simple one without.
type Path = (&'static str, Class, &'static [(&'static str, Class)]);

const VALUED: &[(&str, Class)] = &[
    ("value", Class::Text),
    ("type", Class::Choice),
    ("display", Class::Text),
    ("primary", Class::Truth),
];

const USER_PATHS: &[Path] = &[
    ("id", Class::Identifier, &[]),
    ("externalId", Class::Text, &[]),
    ("userName", Class::Text, &[]),
    ("userName", Class::Text, &[]),
    ("displayName", Class::Text, &[]),
    ("title", Class::Text, &[]),
    ("profileUrl", Class::Text, &[]),
    ("active", Class::Truth, &[]),
    ("name", Class::Text, &[("familyName", Class::Text), ("givenName", Class::Text)]),
    ("emails", Class::Text, VALUED),
    ("emails", Class::Text, VALUED),
    ("phoneNumbers", Class::Text, VALUED),
    ("groups", Class::Identifier, HELD),
    ("groups", Class::Identifier, HELD),
    ("meta", Class::Text, META),
    ("employeeNumber", Class::Text, &[]),
    ("department", Class::Text, &[]),
    ("manager", Class::Identifier, &[("value", Class::Identifier)]),
    ("rank", Class::Number, &[]),
    ("score", Class::Number, &[]),
    ("since", Class::Instant, &[]),
    ("print", Class::Octets, &[]),
    ("tags", Class::Text, &[]),
    ("codes", Class::Text, &[]),
    ("levels", Class::Number, &[]),
    ("schemas", Class::Text, &[]),
];

const GROUP_PATHS: &[Path] = &[
    ("id", Class::Identifier, &[]),
    ("externalId", Class::Text, &[]),
    ("displayName", Class::Text, &[]),
    ("members", Class::Identifier, HELD),
    ("members", Class::Identifier, HELD),
    ("members", Class::Identifier, HELD),
    ("meta", Class::Text, META),
];

const HELD: &[(&str, Class)] =
    &[("value", Class::Identifier), ("type", Class::Choice), ("display", Class::Text)];

const META: &[(&str, Class)] =
    &[("created", Class::Instant), ("lastModified", Class::Instant), ("version", Class::Text)];

fn wish(paths: &'static [Path]) -> impl Strategy<Value = Wish> {
    let sorts: Vec<&'static str> = SORTS
        .iter()
        .copied()
        .filter(|path| paths.iter().any(|(name, ..)| path.split('.').next() == Some(name)))
        .collect();
    let part = prop_oneof![
        3 => Just(Part::Offset(0, 100)),
        2 => (0..12_usize, 0..8_usize).prop_map(|(offset, count)| Part::Offset(offset, count)),
        2 => (any::<Index>(), of(any::<Index>()), 0..8_usize)
            .prop_map(|(key, id, count)| Part::After(key, id, count)),
        2 => (any::<Index>(), of(any::<Index>()), 0..8_usize)
            .prop_map(|(key, id, count)| Part::Before(key, id, count)),
    ];
    (weighted(0.85, filter(paths)), of((select(sorts), any::<bool>())), part)
        .prop_map(|(filter, sort, part)| Wish { filter, sort, part })
}

const SORTS: &[&str] = &[
    "id",
    "externalId",
    "userName",
    "displayName",
    "title",
    "active",
    "name.familyName",
    "emails.value",
    "emails.type",
    "emails.primary",
    "meta.created",
    "meta.lastModified",
    "meta.version",
    "department",
    "manager.value",
    "rank",
    "score",
    "since",
    "print",
    "tags",
    "codes",
    "levels",
];

fn filter(paths: &'static [Path]) -> impl Strategy<Value = Filter> {
    let leaf = select(paths).prop_flat_map(|(name, class, parts)| {
        let whole = comparison(name, class).boxed();
        if parts.is_empty() {
            return whole;
        }
        let part = select(parts);
        let dotted = part
            .clone()
            .prop_flat_map(move |(sub, class)| comparison(&format!("{name}.{sub}"), class));
        let inner = logic(part.prop_flat_map(|(sub, class)| comparison(sub, class)).boxed(), 2);
        let within = inner.prop_map(move |inner| Filter::Within(attr_path(name), Box::new(inner)));
        // What has no `value` can't be compared itself.
        let comparable = parts.iter().any(|(sub, _)| *sub == "value");
        let whole = if comparable { whole } else { Just(Filter::Present(attr_path(name))).boxed() };
        prop_oneof![1 => whole, 3 => dotted, 3 => within].boxed()
    });
    logic(leaf.boxed(), 3)
}

fn logic(leaf: BoxedStrategy<Filter>, depth: u32) -> impl Strategy<Value = Filter> {
    leaf.prop_recursive(depth, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Filter::all),
            vec(inner.clone(), 2..4).prop_map(Filter::any),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

fn comparison(path: &str, class: Class) -> BoxedStrategy<Filter> {
    const ORDER: &[Op] = &[Op::Eq, Op::Ne, Op::Gt, Op::Ge, Op::Lt, Op::Le];
    const EQUAL: &[Op] = &[Op::Eq, Op::Ne];
    const TEXT: &[Op] = &[
        Op::Eq,
        Op::Ne,
        Op::Co,
        Op::Co,
        Op::Sw,
        Op::Sw,
        Op::Ew,
        Op::Ew,
        Op::Gt,
        Op::Ge,
        Op::Lt,
        Op::Le,
    ];
    let literal = match class {
        Class::Text => {
            // Short ones find more; whole names find one.
            let part = vec(select(PIECES), 0..2).prop_map(|pieces| pieces.concat());
            let name = (text(), 0..6_u8).prop_map(|(text, number)| format!("{text}~{number}"));
            prop_oneof![4 => part, 2 => text(), 1 => name].prop_map(Literal::String).boxed()
        }
        Class::Identifier => ids().prop_map(Literal::String).boxed(),
        Class::Choice => select(TYPES).prop_map(|text| Literal::String(text.into())).boxed(),
        Class::Truth => any::<bool>().prop_map(Literal::Bool).boxed(),
        Class::Number => prop_oneof![
            integer().prop_map(|n| Literal::Number(n.into())),
            decimal().prop_map(|n| Literal::Number(Number::from_f64(n).unwrap())),
        ]
        .boxed(),
        Class::Instant => instant().prop_map(Literal::String).boxed(),
        Class::Octets => octets().prop_map(Literal::String).boxed(),
    };
    let ops = match class {
        Class::Text | Class::Identifier | Class::Choice => TEXT,
        Class::Number | Class::Instant => ORDER,
        Class::Truth | Class::Octets => EQUAL,
    };
    let path = attr_path(path);
    let (present, null) = (path.clone(), path.clone());
    prop_oneof![
        8 => (select(ops), literal)
            .prop_map(move |(op, literal)| Filter::Compare(path.clone(), op, literal)),
        1 => Just(Filter::Present(present)),
        1 => select(EQUAL).prop_map(move |op| Filter::Compare(null.clone(), op, Literal::Null)),
    ]
    .boxed()
}
