//! Makes a value conform to its attribute: type, case of names, limits, and what dialects allow.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::attribute::{Attribute, Mutability, Type};
use crate::dialect::{Dialect, Normalizer, Preset};
use crate::error::{Error, Kind, Result};
use crate::json;
use crate::text::{disturbs_text, is_invisible, same_name};

/// The longest string, in bytes (S24).
const MAX_STRING: usize = 8 * 1024;
/// The longest base64 text, in bytes.
const MAX_BINARY: usize = 64 * 1024;
/// The most values of a multi-valued attribute other than `members` (S24).
const MAX_VALUES: usize = 100;

/// A value for the whole attribute, with names spelled as the schema does; `None` if it is unassigned
/// (`null`, `[]`, and what is left empty: RFC 7643 §2.5). `path` is for messages.
pub(crate) fn conform(
    path: &str,
    attribute: &Attribute,
    value: Value,
    dialect: &mut Dialect,
) -> Result<Option<Value>> {
    if !attribute.multi_valued {
        return match value {
            Value::Array(mut list)
                if list.len() == 1
                    && attribute.kind == Type::Complex
                    && dialect.allows(Normalizer::ScalarAsComplex) =>
            {
                conform_one(path, attribute, list.pop().unwrap_or_default(), dialect)
            }
            single => conform_one(path, attribute, single, dialect),
        };
    }
    let list = match value {
        Value::Null => return Ok(None),
        Value::Array(list) => list,
        single if dialect.allows(Normalizer::ScalarAsComplex) => vec![single],
        other => {
            return Err(wrong_type(path, &format!("a list of {}s", attribute.kind.name()), &other));
        }
    };
    if list.len() > MAX_VALUES {
        let detail = format!("\"{path}\" has {} values; at most {MAX_VALUES} are kept", list.len());
        return Err(Error::new(Kind::TooMany, detail));
    }
    let mut values: Vec<Value> = Vec::with_capacity(list.len());
    for (i, element) in list.into_iter().enumerate() {
        let value = conform_element(&format!("{path}[{i}]"), attribute, element, dialect)?;
        // RFC 7643 §2.4: the same value twice is one.
        values.extend(value.filter(|value| !values.contains(value)));
    }
    one_primary(path, &values)?;
    Ok(if values.is_empty() { None } else { Some(Value::Array(values)) })
}

/// One element of a multi-valued attribute. RFC 7643 §2.5 knows null in place of the whole list only.
fn conform_element(
    path: &str,
    attribute: &Attribute,
    element: Value,
    dialect: &mut Dialect,
) -> Result<Option<Value>> {
    if element.is_null() && !dialect.allows(Normalizer::EmptyUnassigns) {
        return Err(wrong_type(path, &format!("a {}", attribute.kind.name()), &element));
    }
    conform_one(path, attribute, element, dialect)
}

/// One value: of a single-valued attribute, or one element of a multi-valued one.
pub(crate) fn conform_one(
    path: &str,
    attribute: &Attribute,
    value: Value,
    dialect: &mut Dialect,
) -> Result<Option<Value>> {
    match (attribute.kind, value) {
        (_, Value::Null) => Ok(None),
        (Type::Complex, Value::Object(object)) => conform_complex(path, attribute, object, dialect),
        (Type::Complex, Value::String(s))
            if s.is_empty() && dialect.allows(Normalizer::EmptyUnassigns) =>
        {
            Ok(None)
        }
        (Type::Complex, scalar @ (Value::String(_) | Value::Number(_)))
            if attribute.sub("value").is_some() && dialect.allows(Normalizer::ScalarAsComplex) =>
        {
            let object = Map::from_iter([("value".to_owned(), scalar)]);
            conform_complex(path, attribute, object, dialect)
        }
        (Type::Complex, other) => Err(wrong_type(path, "an object", &other)),
        (Type::Boolean, Value::Bool(b)) => Ok(Some(Value::Bool(b))),
        (Type::Boolean, Value::String(s)) => boolean_string(path, s, dialect),
        (Type::Integer, Value::Number(n)) if n.is_i64() || n.is_u64() => Ok(Some(Value::Number(n))),
        (Type::Decimal, Value::Number(n)) => Ok(Some(Value::Number(n))),
        (Type::Integer | Type::Decimal, Value::String(s)) => {
            number_string(path, attribute.kind, s, dialect)
        }
        (Type::String | Type::Reference | Type::DateTime | Type::Binary, Value::String(s)) => {
            conform_string(path, attribute, s, dialect)
        }
        (kind, other) => Err(wrong_type(path, &format!("a {}", kind.name()), &other)),
    }
}

/// An element of `members`, `None` if it is empty. One that says something but not who is meant is an error: left
/// out, a list of them would empty a group.
pub(crate) fn conform_member(
    attribute: &Attribute,
    element: Value,
    dialect: &mut Dialect,
) -> Result<Option<Value>> {
    let says_something = element.as_object().is_some_and(|o| o.values().any(|v| !v.is_null()));
    let conformed = conform_element("members", attribute, element, dialect)?;
    if conformed.is_none() && says_something {
        return Err(no_member_named());
    }
    Ok(conformed)
}

/// A single value where the list of members belongs.
pub(crate) fn in_a_list(single: Value, dialect: &mut Dialect) -> Result<Vec<Value>> {
    if dialect.allows(Normalizer::ScalarAsComplex) {
        return Ok(vec![single]);
    }
    Err(wrong_type("members", "a list", &single))
}

pub(crate) fn no_member_named() -> Error {
    Error::invalid_value("\"members.value\" is required: the id of the member")
}

fn conform_string(
    path: &str,
    attribute: &Attribute,
    text: String,
    dialect: &mut Dialect,
) -> Result<Option<Value>> {
    if text.is_empty() && dialect.allows(Normalizer::EmptyUnassigns) {
        return Ok(None);
    }
    let limit = if attribute.kind == Type::Binary { MAX_BINARY } else { MAX_STRING };
    if text.len() > limit {
        let detail = format!("\"{path}\" is {} bytes long; at most {limit} are kept", text.len());
        return Err(Error::invalid_value(detail));
    }
    match attribute.kind {
        // RFC 7643 §2.3.5: "A DateTime attribute value MUST be encoded as a valid xsd:dateTime"
        Type::DateTime if text.parse::<Timestamp>().is_err() => Err(Error::invalid_value(format!(
            "\"{path}\" must be a date and time with an offset, like 2011-05-13T04:42:34Z"
        ))),
        Type::Binary if !is_base64(&text) => {
            Err(Error::invalid_value(format!("\"{path}\" must be base64")))
        }
        // RFC 7643 §2.3.7: "A reference … MUST be a URI"
        Type::Reference if dialect.preset() == Preset::Strict && !is_uri(&text) => Err(
            Error::invalid_value(format!("\"{path}\" must be a URI, like https://example.com/a")),
        ),
        _ => {
            if attribute.is_unique() {
                printable(path, attribute, &text)?;
            }
            if dialect.preset() == Preset::Strict {
                canonical(path, attribute, &text)?;
            }
            Ok(Some(Value::String(text)))
        }
    }
}

/// Unique strings are names that people tell apart by eye: no control characters, no direction marks,
/// not blank (S26). In the name of a user nothing at all is hidden; that of a group may hold what joins emoji,
/// and is compared without it where it matters (`org::group_key`).
fn printable(path: &str, attribute: &Attribute, text: &str) -> Result<()> {
    let of_user = attribute.name == "userName";
    let hidden = |c: char| disturbs_text(c) || (of_user && is_invisible(c));
    if let Some(c) = text.chars().find(|c| hidden(*c)) {
        let detail = format!("\"{path}\" holds the invisible character U+{:04X}", u32::from(c));
        return Err(Error::invalid_value(detail));
    }
    if text.trim().is_empty() {
        return Err(Error::invalid_value(format!("\"{path}\" is blank")));
    }
    Ok(())
}

fn canonical(path: &str, attribute: &Attribute, text: &str) -> Result<()> {
    let known = &attribute.canonical_values;
    if known.is_empty() || known.iter().any(|value| same_name(value, text)) {
        return Ok(());
    }
    Err(Error::invalid_value(format!("\"{path}\" must be one of {}", known.join(", "))))
}

/// Whether it has only what RFC 3986 lets stand in a URI or in a relative reference.
fn is_uri(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => [bytes.next(), bytes.next()]
                .iter()
                .all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit())),
            byte => byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(&byte),
        };
        if !fits {
            return false;
        }
    }
    !text.is_empty()
}

fn is_base64(text: &str) -> bool {
    [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD]
        .iter()
        .any(|engine| engine.decode(text).is_ok())
}

fn boolean_string(path: &str, text: String, dialect: &mut Dialect) -> Result<Option<Value>> {
    if text.is_empty() && dialect.allows(Normalizer::EmptyUnassigns) {
        return Ok(None);
    }
    let value = ["false", "true"].iter().position(|word| text.eq_ignore_ascii_case(word));
    match value {
        Some(value) if dialect.allows(Normalizer::BooleanStrings) => {
            Ok(Some(Value::Bool(value == 1)))
        }
        _ => Err(wrong_type(path, "true or false", &Value::String(text))),
    }
}

fn number_string(
    path: &str,
    kind: Type,
    text: String,
    dialect: &mut Dialect,
) -> Result<Option<Value>> {
    if text.is_empty() && dialect.allows(Normalizer::EmptyUnassigns) {
        return Ok(None);
    }
    let number = match kind {
        Type::Integer => text.parse::<i64>().ok().map(Value::from),
        _ => text.parse::<f64>().ok().filter(|n| n.is_finite()).map(Value::from),
    };
    match number {
        Some(number) if dialect.allows(Normalizer::NumberStrings) => Ok(Some(number)),
        _ => Err(wrong_type(path, &format!("a {}", kind.name()), &Value::String(text))),
    }
}

fn conform_complex(
    path: &str,
    attribute: &Attribute,
    object: Map<String, Value>,
    dialect: &mut Dialect,
) -> Result<Option<Value>> {
    let object = json_in_value(path, attribute, object, dialect)?;
    let mut found: Vec<(usize, Value)> = Vec::with_capacity(object.len());
    for (name, value) in object {
        let position = attribute.sub_attributes.iter().position(|sub| same_name(&sub.name, &name));
        let Some((position, sub)) =
            position.and_then(|i| Some((i, attribute.sub_attributes.get(i)?)))
        else {
            unknown(&format!("{path}.{name}"), dialect)?;
            continue;
        };
        // RFC 7643 §7: readOnly values in a request are ignored.
        if sub.mutability == Mutability::ReadOnly && attribute.mutability != Mutability::ReadOnly {
            continue;
        }
        if let Some(value) = conform(&format!("{path}.{}", sub.name), sub, value, dialect)? {
            found.push((position, value));
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    found.sort_by_key(|(position, _)| *position);
    let object = found.into_iter().filter_map(|(position, value)| {
        Some((attribute.sub_attributes.get(position)?.name.clone(), value))
    });
    Ok(Some(Value::Object(object.collect())))
}

/// `{"value": "{\"value\":\"admin\",\"type\":\"x\"}"}` → `{"value": "admin", "type": "x"}`.
fn json_in_value(
    path: &str,
    attribute: &Attribute,
    mut object: Map<String, Value>,
    dialect: &mut Dialect,
) -> Result<Map<String, Value>> {
    let text = match object.get("value") {
        Some(Value::String(text)) if attribute.multi_valued && text.starts_with('{') => text,
        _ => return Ok(object),
    };
    let Ok(inner) = serde_json::from_str::<Map<String, Value>>(text) else { return Ok(object) };
    let known = inner.keys().all(|name| attribute.sub(name).is_some());
    if !known || !dialect.allows(Normalizer::JsonInValue) {
        return Ok(object);
    }
    // What a body may not hold can't come in by this door.
    let inner = json::parse_object(text.as_bytes()).map_err(|e| {
        Error::invalid_syntax(format!("\"{path}.value\" holds JSON, but {}", e.detail()))
    })?;
    object.remove("value");
    for (name, value) in inner {
        object.entry(name).or_insert(value);
    }
    Ok(object)
}

/// What to do with a name that no schema knows.
///
/// # Errors
/// [`Kind::InvalidSyntax`] unless the dialect ignores it.
pub(crate) fn unknown(path: &str, dialect: &mut Dialect) -> Result<()> {
    if dialect.allows(Normalizer::IgnoreUnknown) {
        return Ok(());
    }
    Err(Error::invalid_syntax(format!("no schema has an attribute \"{path}\"")))
}

/// RFC 7643 §2.4: "The primary attribute value 'true' MUST appear no more than once."
pub(crate) fn one_primary(path: &str, list: &[Value]) -> Result<()> {
    let primaries = list.iter().filter(|e| e.get("primary") == Some(&Value::Bool(true))).count();
    if primaries > 1 {
        let detail = format!("\"{path}\" has {primaries} values with primary true; one may be");
        return Err(Error::invalid_value(detail));
    }
    Ok(())
}

fn wrong_type(path: &str, expected: &str, found: &Value) -> Error {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Error::invalid_value(format!("\"{path}\" must be {expected}, not {found}"))
}
