//! The attributes that every resource has without any schema naming them (RFC 7643 §3.1).

use std::sync::{Arc, LazyLock};

use super::attribute::{Attribute, Mutability, Returned, Type, Uniqueness};

/// `schemas`, `id`, `externalId` and `meta`.
pub(crate) fn common_attributes() -> &'static [Arc<Attribute>] {
    static COMMON: LazyLock<Vec<Arc<Attribute>>> = LazyLock::new(|| {
        let read_only = |name: &str, kind, case_exact| Attribute {
            name: name.into(),
            kind,
            case_exact,
            mutability: Mutability::ReadOnly,
            ..Attribute::default()
        };
        vec![
            Arc::new(Attribute {
                name: "schemas".into(),
                kind: Type::Reference,
                multi_valued: true,
                required: true,
                case_exact: false,
                returned: Returned::Always,
                ..Attribute::default()
            }),
            Arc::new(Attribute {
                returned: Returned::Always,
                uniqueness: Uniqueness::Server,
                ..read_only("id", Type::String, true)
            }),
            Arc::new(Attribute {
                name: "externalId".into(),
                case_exact: true,
                ..Attribute::default()
            }),
            Arc::new(Attribute {
                sub_attributes: vec![
                    Arc::new(read_only("resourceType", Type::String, true)),
                    Arc::new(read_only("created", Type::DateTime, false)),
                    Arc::new(read_only("lastModified", Type::DateTime, false)),
                    Arc::new(read_only("location", Type::Reference, true)),
                    Arc::new(read_only("version", Type::String, true)),
                ],
                ..read_only("meta", Type::Complex, false)
            }),
        ]
    });
    &COMMON
}
