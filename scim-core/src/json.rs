//! JSON as clients may send it: no duplicate names (in any case: SCIM names have none), no U+0000, no
//! deep nesting (S24, S25).

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::error::{Error, Result};

/// The deepest nesting of objects and lists.
const MAX_DEPTH: usize = 64;
/// Objects with more names than this are checked for duplicates by hash.
const FEW: usize = 12;

/// Parses a request body.
///
/// # Errors
/// [`crate::Kind::InvalidSyntax`] with what is wrong and where.
#[cfg(test)]
pub(crate) fn parse(body: &[u8]) -> Result<Value> {
    parse_watched(body, &mut Unwatched)
}

fn parse_watched(body: &[u8], watch: &mut impl Watch) -> Result<Value> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = Reader { left: MAX_DEPTH, watch }.deserialize(&mut deserializer);
    value
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|e| Error::invalid_syntax(format!("the body is not acceptable JSON: {e}")))
}

/// Parses a request body that must be an object.
///
/// # Errors
/// [`crate::Kind::InvalidSyntax`] with what is wrong and where.
pub fn parse_object(body: &[u8]) -> Result<Map<String, Value>> {
    parse_object_watched(body, &mut Unwatched)
}

/// As [`parse_object`], with somebody who watches and may take elements of lists.
///
/// # Errors
/// [`crate::Kind::InvalidSyntax`] with what is wrong and where.
pub(crate) fn parse_object_watched(
    body: &[u8],
    watch: &mut impl Watch,
) -> Result<Map<String, Value>> {
    if body.is_empty() {
        return Err(Error::invalid_syntax("the request has no body; a JSON object is expected"));
    }
    match parse_watched(body, watch)? {
        Value::Object(object) => Ok(object),
        _ => Err(Error::invalid_syntax("the body must be a JSON object")),
    }
}

/// Sees values as they are parsed. A `level` is the nesting of the object or list: 0 for the outermost.
pub(crate) trait Watch {
    /// An element of a list begins.
    fn element(&mut self, _level: usize) {}
    /// An object has this name; its value is next.
    fn name(&mut self, _level: usize, _name: &str) {}
    /// The value of the name that came last in that object.
    fn value(&mut self, _level: usize, _value: &Value) {}
    /// Whether the elements of the list that begins are taken rather than kept in it.
    fn takes(&mut self, _level: usize) -> bool {
        false
    }
    /// An element of a list that is taken.
    fn take(&mut self, _element: Value) {}
}

/// Nobody watches.
struct Unwatched;

impl Watch for Unwatched {}

struct Reader<'w, W> {
    /// How much deeper the value may go.
    left: usize,
    watch: &'w mut W,
}

/// The level of what begins where that much is left, and what is left within it.
fn down<E: serde::de::Error>(left: usize) -> std::result::Result<(usize, usize), E> {
    match left.checked_sub(1) {
        Some(within) => Ok((MAX_DEPTH.saturating_sub(left), within)),
        None => Err(E::custom(format!("nested more than {MAX_DEPTH} deep"))),
    }
}

impl<'de, W: Watch> DeserializeSeed<'de> for Reader<'_, W> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

fn text<E: serde::de::Error>(text: &str) -> std::result::Result<(), E> {
    if text.contains('\0') { Err(E::custom("a string holds U+0000")) } else { Ok(()) }
}

impl<'de, W: Watch> Visitor<'de> for Reader<'_, W> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> std::result::Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> std::result::Result<Value, E> {
        text(value)?;
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> std::result::Result<Value, E> {
        text(&value)?;
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Value, A::Error> {
        let Self { left, watch } = self;
        let (level, left) = down(left)?;
        let mut list = Vec::new();
        if watch.takes(level) {
            while let Some(value) = seq.next_element_seed(Reader { left, watch: &mut Unwatched })? {
                watch.take(value);
            }
            return Ok(Value::Array(list));
        }
        loop {
            watch.element(level);
            let Some(value) = seq.next_element_seed(Reader { left, watch: &mut *watch })? else {
                break;
            };
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Value, A::Error> {
        let Self { left, watch } = self;
        let (level, left) = down(left)?;
        let mut object = Map::new();
        let mut seen: HashSet<String> = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            text(&name)?;
            let twice = if object.len() < FEW {
                object.keys().any(|k: &String| k.eq_ignore_ascii_case(&name))
            } else {
                if seen.is_empty() {
                    seen.extend(object.keys().map(|k: &String| k.to_ascii_lowercase()));
                }
                !seen.insert(name.to_ascii_lowercase())
            };
            if twice {
                return Err(A::Error::custom(format!(
                    "the name \"{name}\" occurs twice in an object"
                )));
            }
            watch.name(level, &name);
            let value = map.next_value_seed(Reader { left, watch: &mut *watch })?;
            watch.value(level, &value);
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        for body in [
            r#"{"userName":"a","userName":"b"}"#,
            r#"{"userName":"a","USERNAME":"b"}"#,
            r#"{"a":{"b":1,"B":2}}"#,
            r#"{"a":"x\u0000y"}"#,
            r#"{"a\u0000":1}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":1} x"#,
            "{\"a\":1e999}",
            "",
        ] {
            let error = parse(body.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), crate::Kind::InvalidSyntax, "{body}");
        }
        let many: String = (0..100).map(|i| format!("\"k{i}\":1,")).collect();
        assert!(parse(format!("{{{many}\"x\":1}}").as_bytes()).is_ok());
        assert!(parse(format!("{{{many}\"K7\":1}}").as_bytes()).is_err());
    }

    #[test]
    fn s24_depth() {
        let nested = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(parse(nested(MAX_DEPTH + 1).as_bytes()).is_err());
        assert!(parse("[".repeat(1_000_000).as_bytes()).is_err());
    }
}
