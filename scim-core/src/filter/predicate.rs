//! [`Predicate`]: a filter resolved against a resource type. Every path has found its attribute, every
//! value has the attribute's type.

use jiff::Timestamp;

use super::{Filter, Literal, Op};
use crate::dialect::{Dialect, Normalizer};
use crate::error::{Error, Kind, Result};
use crate::path::AttrPath;
use crate::schema::{AttrRef, ResourceType, Type};
use crate::text;

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

impl Predicate {
    /// Checks a filter against a resource type: every path must name an attribute, every value and
    /// operator fit its type.
    ///
    /// # Errors
    /// [`Kind::InvalidFilter`] with a detail that names the attribute and what would fit.
    pub fn resolve(filter: &Filter, kind: &ResourceType, dialect: &mut Dialect) -> Result<Self> {
        let mut each = |parts: &[Filter]| {
            parts.iter().map(|part| Self::resolve(part, kind, dialect)).collect::<Result<Vec<_>>>()
        };
        match filter {
            Filter::And(parts) => Ok(Self::And(each(parts)?)),
            Filter::Or(parts) => Ok(Self::Or(each(parts)?)),
            Filter::Not(inner) => Ok(Self::Not(Box::new(Self::resolve(inner, kind, dialect)?))),
            Filter::Present(path) => {
                Ok(Self::Present(visible(kind.resolve(path, Kind::InvalidFilter)?)?))
            }
            Filter::Compare(path, op, value) => {
                compare(kind.resolve(path, Kind::InvalidFilter)?, *op, value, dialect)
            }
            Filter::Within(path, inner) => {
                let attr = visible(kind.resolve(path, Kind::InvalidFilter)?)?;
                Self::within(attr, inner, dialect)
            }
        }
    }

    /// A value path: what is in the brackets is about one element of `attr`.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub fn within(attr: AttrRef, inner: &Filter, dialect: &mut Dialect) -> Result<Self> {
        if attr.attribute.kind != Type::Complex || attr.sub.is_some() {
            let detail = format!("\"{attr}\" has no sub-attributes to filter by");
            return Err(Error::new(Kind::InvalidFilter, detail));
        }
        let inner = element(&attr, inner, dialect)?;
        Ok(Self::Within(attr, Box::new(inner)))
    }

    /// What it looks at beyond the stored document of such a resource.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let of = |attr: &AttrRef| Needs {
            members: attr.extension.is_none() && attr.attribute.name == "members",
            groups: attr.extension.is_none() && attr.attribute.name == "groups",
        };
        match self {
            Self::And(parts) | Self::Or(parts) => {
                parts.iter().map(Self::needs).fold(Needs::default(), |a, b| Needs {
                    members: a.members || b.members,
                    groups: a.groups || b.groups,
                })
            }
            Self::Not(inner) => inner.needs(),
            Self::Compare(compare) => of(&compare.attr),
            Self::Present(attr) | Self::Within(attr, _) => of(attr),
        }
    }
}

/// Resolves what is in the brackets of a value path: names are sub-attributes.
fn element(attr: &AttrRef, filter: &Filter, dialect: &mut Dialect) -> Result<Predicate> {
    let sub = |path: &AttrPath| {
        let name = match (&path.urn, &path.sub) {
            (None, None) => attr.attribute.sub(&path.name),
            _ => None,
        };
        let sub = name.cloned().ok_or_else(|| {
            let detail = format!("\"{}\" has no sub-attribute \"{path}\"", attr.attribute.name);
            Error::new(Kind::InvalidFilter, detail)
        })?;
        Ok(AttrRef { sub: Some(sub), ..attr.clone() })
    };
    let mut each = |parts: &[Filter]| {
        parts.iter().map(|part| element(attr, part, dialect)).collect::<Result<Vec<_>>>()
    };
    match filter {
        Filter::And(parts) => Ok(Predicate::And(each(parts)?)),
        Filter::Or(parts) => Ok(Predicate::Or(each(parts)?)),
        Filter::Not(inner) => Ok(Predicate::Not(Box::new(element(attr, inner, dialect)?))),
        Filter::Present(path) => Ok(Predicate::Present(visible(sub(path)?)?)),
        Filter::Compare(path, op, value) => compare(sub(path)?, *op, value, dialect),
        Filter::Within(path, _) => Err(Error::new(
            Kind::InvalidFilter,
            format!("\"{path}[…]\" can't stand within another value path"),
        )),
    }
}

/// What is never returned can't be asked about either: the answer would tell it (S23).
fn visible(attr: AttrRef) -> Result<AttrRef> {
    if attr.is_location() {
        let detail = format!("\"{attr}\" can't be used in a filter; compare the id");
        return Err(Error::new(Kind::InvalidFilter, detail));
    }
    if attr.is_secret() {
        let detail = format!("\"{attr}\" can't be used in a filter");
        return Err(Error::new(Kind::InvalidFilter, detail));
    }
    Ok(attr)
}

fn compare(attr: AttrRef, op: Op, value: &Literal, dialect: &mut Dialect) -> Result<Predicate> {
    let mut attr = visible(attr)?;
    if *value == Literal::Null {
        // RFC 7643 §2.5: null and unassigned are the same.
        return match op {
            Op::Eq => Ok(Predicate::Not(Box::new(Predicate::Present(attr)))),
            Op::Ne => Ok(Predicate::Present(attr)),
            _ => Err(misfit(&attr, op, "null")),
        };
    }
    if attr.leaf().kind == Type::Complex {
        attr.sub = attr.attribute.sub("value").cloned();
        if attr.sub.is_none() {
            let detail =
                format!("\"{attr}\" is complex: compare one of its sub-attributes, or use pr");
            return Err(Error::new(Kind::InvalidFilter, detail));
        }
    }
    let kind = attr.leaf().kind;
    let textual = matches!(op, Op::Co | Op::Sw | Op::Ew);
    let fits = match kind {
        Type::String | Type::Reference => true,
        Type::Boolean | Type::Binary => matches!(op, Op::Eq | Op::Ne),
        Type::Integer | Type::Decimal | Type::DateTime => !textual,
        Type::Complex => false,
    };
    if !fits {
        return Err(misfit(&attr, op, kind.name()));
    }
    let operand = operand(&attr, value, dialect).ok_or_else(|| {
        let detail = format!("\"{attr}\" is a {}; {value} is not", kind.name());
        Error::new(Kind::InvalidFilter, detail)
    })?;
    Ok(Predicate::Compare(Compare { attr, op, operand }))
}

fn operand(attr: &AttrRef, value: &Literal, dialect: &mut Dialect) -> Option<Operand> {
    let leaf = attr.leaf();
    match (leaf.kind, value) {
        (Type::Boolean, Literal::Bool(b)) => Some(Operand::Bool(*b)),
        (Type::Boolean, Literal::String(s)) => {
            let word = ["false", "true"].iter().position(|word| s.eq_ignore_ascii_case(word))?;
            dialect.allows(Normalizer::BooleanStrings).then_some(Operand::Bool(word == 1))
        }
        (Type::Integer | Type::Decimal, Literal::Number(n)) => n.as_f64().map(Operand::Number),
        (Type::Integer | Type::Decimal, Literal::String(s)) => {
            let number = s.parse::<f64>().ok().filter(|n| n.is_finite())?;
            dialect.allows(Normalizer::NumberStrings).then_some(Operand::Number(number))
        }
        (Type::DateTime, Literal::String(s)) => s.parse().ok().map(Operand::Instant),
        (Type::String | Type::Reference | Type::Binary, Literal::String(s)) => {
            Some(Operand::Text(text::key(s, leaf.is_case_exact()).into_owned()))
        }
        // Entra's samples print numbers without quotes where strings belong.
        (Type::String, Literal::Number(n))
            if dialect.preset().uses(Normalizer::BareFilterValues) =>
        {
            dialect.allows(Normalizer::BareFilterValues);
            Some(Operand::Text(text::key(&n.to_string(), leaf.is_case_exact()).into_owned()))
        }
        _ => None,
    }
}

fn misfit(attr: &AttrRef, op: Op, what: &str) -> Error {
    Error::new(Kind::InvalidFilter, format!("\"{attr}\": {op} doesn't go with {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Preset;
    use crate::schema::Registry;

    fn resolve(preset: Preset, text: &str) -> Result<Predicate> {
        let registry = Registry::standard().unwrap();
        let filter = text.parse().unwrap();
        Predicate::resolve(&filter, registry.by_name("User").unwrap(), &mut Dialect::new(preset))
    }

    #[test]
    fn what_fits() {
        for text in [
            "active eq true",
            "emails co \"a\"",
            "emails[primary eq true].value sw \"a\"",
            "manager eq \"1\"",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:MANAGER.value eq \"1\"",
            "meta.created gt \"2011-05-13T04:42:34+02:00\"",
            "title eq null",
            "groups pr",
            "externalId gt \"a\"",
        ] {
            assert!(resolve(Preset::Strict, text).is_ok(), "{text}");
        }
        assert!(resolve(Preset::Lenient, "active eq \"True\"").is_ok());
    }

    #[test]
    fn what_does_not() {
        for text in [
            "active gt true",
            "active co \"t\"",
            "active eq \"True\"",
            "meta.created sw \"2011\"",
            "meta.created gt \"yesterday\"",
            "meta.created gt \"2011-05-13T04:42:34\"",
            "userName eq true",
            "userName eq 1",
            "title gt null",
            "nosuch pr",
            "name eq \"x\"",
            "name.nosuch pr",
            "emails[nosuch pr]",
            "title[value pr]",
            "urn:x:title pr",
            "x509Certificates.value gt \"AA\"",
            "meta.location pr",
            "groups.$ref eq \"https://example.com/Groups/1\"",
            "groups[$ref pr]",
        ] {
            let error = resolve(Preset::Strict, text).unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidFilter, "{text}");
        }
    }

    #[test]
    fn s23_secrets_cannot_be_asked_about() {
        for text in ["password sw \"a\"", "password pr", "not (password eq null)"] {
            let error = resolve(Preset::Lenient, text).unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidFilter, "{text}");
        }
    }
}
