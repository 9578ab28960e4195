//! What a [`Predicate`] means: whether it holds for the JSON of a resource.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Compare, Op, Operand, Predicate};
use crate::schema::{AttrRef, Attribute};
use crate::text;

impl Predicate {
    /// Whether it holds for a resource: its whole representation, with `id` and `meta`, and with
    /// `members` or `groups` where [`Predicate::needs`] says so.
    #[must_use]
    pub fn matches(&self, representation: &Map<String, Value>) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(representation)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(representation)),
            Self::Not(inner) => !inner.matches(representation),
            Self::Compare(compare) => compare.holds(leaves(&compare.attr, representation)),
            Self::Present(attr) => match &attr.sub {
                None => elements(attr, representation).any(is_value),
                Some(_) => leaves(attr, representation).any(is_value),
            },
            Self::Within(attr, inner) => {
                elements(attr, representation).any(|element| inner.matches_element(element))
            }
        }
    }

    /// Whether the inner predicate of a value path holds for one element.
    #[must_use]
    pub fn matches_element(&self, element: &Value) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches_element(element)),
            Self::Or(parts) => parts.iter().any(|part| part.matches_element(element)),
            Self::Not(inner) => !inner.matches_element(element),
            Self::Compare(compare) => compare.holds(below(&compare.attr, element)),
            Self::Present(attr) => below(attr, element).any(is_value),
            Self::Within(..) => false,
        }
    }
}

impl Compare {
    /// Any value may satisfy a comparison (RFC 7644 §3.4.2.2); `ne` is "present, and none equals".
    fn holds<'a>(&self, values: impl Iterator<Item = &'a Value>) -> bool {
        let leaf = self.attr.leaf();
        let mut values = values.filter(|value| is_value(value));
        if self.op == Op::Ne {
            let mut present = false;
            for value in values {
                present = true;
                if self.operand.relates(Op::Eq, leaf, value) {
                    return false;
                }
            }
            return present;
        }
        values.any(|value| self.operand.relates(self.op, leaf, value))
    }
}

impl Operand {
    /// Whether `value op self`.
    fn relates(&self, op: Op, leaf: &Attribute, value: &Value) -> bool {
        let ordering = match (self, value) {
            (Self::Bool(own), Value::Bool(value)) => Some(value.cmp(own)),
            (Self::Number(own), Value::Number(value)) => {
                value.as_f64().map(|value| (value + 0.0).total_cmp(&(own + 0.0)))
            }
            (Self::Instant(own), Value::String(value)) => {
                value.parse::<Timestamp>().ok().map(|value| value.cmp(own))
            }
            (Self::Text(own), Value::String(value)) => {
                let value = text::key(value, leaf.is_case_exact());
                match op {
                    Op::Co => return value.contains(own.as_str()),
                    Op::Sw => return value.starts_with(own.as_str()),
                    Op::Ew => return value.ends_with(own.as_str()),
                    _ => Some(value.as_ref().cmp(own.as_str())),
                }
            }
            _ => None,
        };
        let Some(ordering) = ordering else { return false };
        match op {
            Op::Eq => ordering == Ordering::Equal,
            Op::Gt => ordering == Ordering::Greater,
            Op::Ge => ordering != Ordering::Less,
            Op::Lt => ordering == Ordering::Less,
            Op::Le => ordering != Ordering::Greater,
            Op::Ne | Op::Co | Op::Sw | Op::Ew => false,
        }
    }
}

/// RFC 7643 §2.5: null and an empty list are unassigned; so are, for a filter, other empty values.
fn is_value(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(object) => !object.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

impl AttrRef {
    /// The values of the attribute, or of its sub-attribute in each element.
    pub fn values<'a>(
        &self,
        representation: &'a Map<String, Value>,
    ) -> impl Iterator<Item = &'a Value> {
        leaves(self, representation)
    }

    /// The whole value of the attribute that this is, or is a sub-attribute of.
    #[must_use]
    pub fn whole<'a>(&self, representation: &'a Map<String, Value>) -> Option<&'a Value> {
        let holder = match self.extension.as_deref() {
            None => representation,
            Some(urn) => representation.get(urn)?.as_object()?,
        };
        holder.get(&self.attribute.name)
    }
}

/// The elements of a multi-valued attribute; the one value of another.
fn elements<'a>(
    attr: &AttrRef,
    representation: &'a Map<String, Value>,
) -> impl Iterator<Item = &'a Value> + use<'a> {
    flat(attr.whole(representation))
}

/// The values that a comparison is about.
fn leaves<'a>(
    attr: &AttrRef,
    representation: &'a Map<String, Value>,
) -> impl Iterator<Item = &'a Value> {
    elements(attr, representation).flat_map(|element| below(attr, element))
}

/// The value of the sub-attribute, or the element itself where there is none.
fn below<'a>(attr: &AttrRef, element: &'a Value) -> impl Iterator<Item = &'a Value> + use<'a> {
    flat(match &attr.sub {
        Some(sub) => element.get(&sub.name),
        None => Some(element),
    })
}

fn flat(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let (list, one) = match value {
        Some(Value::Array(list)) => (list.as_slice(), None),
        one => (Default::default(), one),
    };
    list.iter().chain(one)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dialect::Dialect;
    use crate::schema::Registry;

    fn matches(text: &str) -> bool {
        let registry = Registry::standard().unwrap();
        let user = json!({
            "id": "2819c223",
            "userName": "Bjensen@Example.com",
            "externalId": "Ab1",
            "active": true,
            "name": {"familyName": "Jensen"},
            "emails": [
                {"value": "bjensen@example.com", "type": "work", "primary": true},
                {"value": "babs@jensen.org", "type": "home"},
            ],
            "meta": {"created": "2010-01-23T04:56:22Z"},
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": {"value": "26"}},
        });
        let filter = text.parse().unwrap();
        let kind = registry.by_name("User").unwrap();
        let predicate = Predicate::resolve(&filter, kind, &mut Dialect::default()).unwrap();
        predicate.matches(user.as_object().unwrap())
    }

    #[test]
    fn holds() {
        for text in [
            "userName eq \"BJENSEN@example.COM\"",
            "externalId eq \"Ab1\"",
            "emails.type eq \"home\"",
            "emails eq \"babs@jensen.org\"",
            "emails[type eq \"work\" and value co \"@example.com\"]",
            "emails[not (type eq \"work\")].value ew \".org\"",
            "name pr and not (title pr)",
            "title eq null",
            "userName ne \"x\"",
            "meta.created lt \"2010-01-23T05:56:22.001+01:00\"",
            "meta.created eq \"2010-01-23T05:56:22+01:00\"",
            "manager eq \"26\"",
            "active eq \"True\"",
            "name.familyName gt \"Jens\"",
            "id sw \"28\"",
        ] {
            assert!(matches(text), "{text}");
        }
    }

    #[test]
    fn does_not_hold() {
        for text in [
            "externalId eq \"ab1\"",
            "emails[type eq \"home\" and value co \"@example.com\"]",
            "title ne \"x\"",
            "emails.type ne \"work\"",
            "groups pr",
            "active eq false",
            "title sw \"\"",
            "manager eq \"2\"",
        ] {
            assert!(!matches(text), "{text}");
        }
    }
}
