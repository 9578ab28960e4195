//! [`Attribute`]s with all their characteristics, and the [`Schema`]s that hold them (RFC 7643 §2.2, §7).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::text::same_name;

/// A data type (RFC 7643 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Type {
    /// Unicode text.
    #[default]
    String,
    /// `true` or `false`.
    Boolean,
    /// A real number.
    Decimal,
    /// A whole number.
    Integer,
    /// An instant as `xsd:dateTime`, with an offset.
    DateTime,
    /// Octets in base64.
    Binary,
    /// A URI.
    Reference,
    /// An object of sub-attributes.
    Complex,
}

impl Type {
    /// The name that the RFC gives it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Decimal => "decimal",
            Self::Integer => "integer",
            Self::DateTime => "dateTime",
            Self::Binary => "binary",
            Self::Reference => "reference",
            Self::Complex => "complex",
        }
    }
}

/// Who may write an attribute, and when (RFC 7643 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mutability {
    /// Set by the service only.
    ReadOnly,
    /// Free to change.
    #[default]
    ReadWrite,
    /// Set once, at creation or when first assigned.
    Immutable,
    /// Can be written, never read.
    WriteOnly,
}

/// When an attribute is part of a response (RFC 7643 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Returned {
    /// Whatever the request asks for.
    Always,
    /// In no response; nor may it be filtered by.
    Never,
    /// Unless the request excludes it.
    #[default]
    Default,
    /// Only when the request names it.
    Request,
}

/// How far a value must differ from others' (RFC 7643 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Uniqueness {
    /// Not at all.
    #[default]
    None,
    /// Within the organization; enforced by the store.
    Server,
    /// Everywhere; this crate enforces it as [`Uniqueness::Server`].
    Global,
}

/// One attribute or sub-attribute (RFC 7643 §7). The defaults are those of RFC 7643 §2.2.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Attribute {
    /// The name; compared without regard to case.
    pub name: String,
    /// The data type.
    #[serde(rename = "type")]
    pub kind: Type,
    /// Whether it holds a list.
    pub multi_valued: bool,
    /// For people.
    pub description: String,
    /// Whether a resource must have it.
    pub required: bool,
    /// Suggested values; others are accepted (RFC 7643 §2.3.1 leaves it to the service).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub canonical_values: Vec<String>,
    /// Whether case matters in comparisons.
    pub case_exact: bool,
    /// Who may write it.
    pub mutability: Mutability,
    /// When it is returned.
    pub returned: Returned,
    /// Whether others may hold the same value.
    pub uniqueness: Uniqueness,
    /// What a reference may point at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reference_types: Vec<String>,
    /// The parts of a complex attribute.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sub_attributes: Vec<Arc<Attribute>>,
}

impl Attribute {
    /// The sub-attribute of that name, in any case.
    #[must_use]
    pub fn sub(&self, name: &str) -> Option<&Arc<Self>> {
        self.sub_attributes.iter().find(|sub| same_name(&sub.name, name))
    }

    /// Whether comparisons look at case. Binary data is always exact (RFC 7643 §2.3.6).
    #[must_use]
    pub fn is_case_exact(&self) -> bool {
        self.case_exact || self.kind == Type::Binary
    }

    /// Whether the value must be unique within the organization.
    #[must_use]
    pub fn is_unique(&self) -> bool {
        self.uniqueness != Uniqueness::None
    }
}

/// A schema: a URN and its attributes (RFC 7643 §7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// The URN; compared without regard to case.
    pub id: String,
    /// A name for people.
    #[serde(default)]
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// The attributes.
    pub attributes: Vec<Arc<Attribute>>,
}

impl Schema {
    /// The attribute of that name, in any case.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Arc<Attribute>> {
        self.attributes.iter().find(|attribute| same_name(&attribute.name, name))
    }
}
