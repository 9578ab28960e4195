//! Schemas: what a resource may hold (RFC 7643 §2, §6, §7).
//!
//! A [`Registry`] holds the [`ResourceType`]s of a service; each joins a main [`Schema`] with its
//! extensions. Schemas are data: they are read from JSON in the form of RFC 7643 §7, so that an
//! embedder's own extension or resource type needs no Rust.

mod attribute;
mod check;
mod common;
mod conform;
mod registry;
mod resource_type;

pub use attribute::{Attribute, Mutability, Returned, Schema, Type, Uniqueness};
pub use check::{Checked, Intent};
pub(crate) use conform::{
    conform, conform_member, conform_one, in_a_list, no_member_named, unknown,
};
pub use registry::Registry;
pub use resource_type::{AttrRef, Extension, ResourceType};

/// URN of the User schema (RFC 7643 §4.1).
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// URN of the Group schema (RFC 7643 §4.2).
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The name of the resource type whose schema is [`USER`].
pub const USER_TYPE: &str = "User";
/// The name of the resource type whose schema is [`GROUP`].
pub const GROUP_TYPE: &str = "Group";
/// URN of the enterprise extension of User (RFC 7643 §4.3).
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
