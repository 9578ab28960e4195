//! A filter on resources of several types: what it says of those of one of them (RFC 7644 §3.4.2.1).

use std::sync::Arc;

use super::{Filter, Literal, Op, Predicate};
use crate::dialect::Dialect;
use crate::error::{Kind, Result};
use crate::path::AttrPath;
use crate::schema::ResourceType;

/// Which resources of a type a filter lets through.
#[derive(Debug, Clone, PartialEq)]
pub enum Selection {
    /// All of them.
    All,
    /// None of them.
    None,
    /// Those that satisfy it.
    Those(Predicate),
}

impl Selection {
    /// Checks a filter against one of the types that are searched. To a resource whose type lacks an attribute
    /// that another of them has, it is one "without a value" (RFC 7644 §3.4.2.1).
    ///
    /// # Errors
    /// As [`Predicate::resolve`]; for a path that names no attribute of any of them.
    pub fn resolve(
        filter: &Filter,
        kind: &ResourceType,
        kinds: &[Arc<ResourceType>],
        dialect: &mut Dialect,
    ) -> Result<Self> {
        let each = |parts: &[Filter], dialect: &mut Dialect| {
            let parts = parts.iter().map(|part| Self::resolve(part, kind, kinds, dialect));
            parts.collect::<Result<Vec<_>>>()
        };
        let path = match filter {
            Filter::And(parts) => {
                return Ok(Self::join(each(parts, dialect)?, &Self::None, Predicate::And));
            }
            Filter::Or(parts) => {
                return Ok(Self::join(each(parts, dialect)?, &Self::All, Predicate::Or));
            }
            Filter::Not(inner) => return Ok(Self::resolve(inner, kind, kinds, dialect)?.not()),
            Filter::Compare(path, ..) | Filter::Present(path) | Filter::Within(path, _) => path,
        };
        if !has(kind, path) && kinds.iter().any(|kind| has(kind, path)) {
            let of_lacking = matches!(filter, Filter::Compare(_, Op::Eq, Literal::Null));
            return Ok(if of_lacking { Self::All } else { Self::None });
        }
        Predicate::resolve(filter, kind, dialect).map(Self::Those)
    }

    /// Parts of which one that is `decisive` decides, and one of the opposite says nothing.
    fn join(parts: Vec<Self>, decisive: &Self, with: fn(Vec<Predicate>) -> Predicate) -> Self {
        if parts.contains(decisive) {
            return decisive.clone();
        }
        let mut those: Vec<_> = parts
            .into_iter()
            .filter_map(|part| match part {
                Self::Those(predicate) => Some(predicate),
                Self::All | Self::None => None,
            })
            .collect();
        match (those.pop(), those.is_empty()) {
            (None, _) => decisive.clone().not(),
            (Some(only), true) => Self::Those(only),
            (Some(last), false) => {
                those.push(last);
                Self::Those(with(those))
            }
        }
    }

    fn not(self) -> Self {
        match self {
            Self::All => Self::None,
            Self::None => Self::All,
            Self::Those(predicate) => Self::Those(Predicate::Not(Box::new(predicate))),
        }
    }
}

fn has(kind: &ResourceType, path: &AttrPath) -> bool {
    kind.resolve(path, Kind::InvalidFilter).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Registry;

    /// What a filter says of users, and of groups.
    fn of_both(text: &str) -> [Selection; 2] {
        let registry = Registry::standard().unwrap();
        let filter = text.parse().unwrap();
        ["User", "Group"].map(|name| {
            let kind = registry.by_name(name).unwrap();
            Selection::resolve(&filter, kind, registry.types(), &mut Dialect::default()).unwrap()
        })
    }

    #[test]
    fn what_a_type_lacks_has_no_value() {
        use Selection::{All, None};
        let those = |name: &str, text: &str| {
            let registry = Registry::standard().unwrap();
            let kind = registry.by_name(name).unwrap();
            let filter = text.parse().unwrap();
            let predicate = Predicate::resolve(&filter, kind, &mut Dialect::default()).unwrap();
            Selection::Those(predicate)
        };
        let (user, name) = ("userName eq \"a\"", "displayName eq \"g\"");
        assert_eq!(of_both(user), [those("User", user), None]);
        assert_eq!(
            of_both(&format!("{user} or {name}")),
            [those("User", &format!("{user} or {name}")), those("Group", name)]
        );
        assert_eq!(of_both(&format!("{user} and {name}"))[1], None);
        assert_eq!(of_both("not (userName pr)"), [those("User", "not (userName pr)"), All]);
        assert_eq!(of_both("userName eq null")[1], All);
        assert_eq!(of_both("userName ne null")[1], None);
        assert_eq!(of_both("members[type eq \"User\"]")[0], None);
        assert_eq!(
            of_both("members pr or groups pr"),
            [those("User", "groups pr"), those("Group", "members pr")]
        );
        assert_eq!(of_both("not (userName pr and members pr)"), [All, All]);
    }

    #[test]
    fn what_all_lack_is_an_error() {
        let registry = Registry::standard().unwrap();
        for text in ["nosuch pr", "userName pr or nosuch pr", "userName pr and userName gt null"] {
            let filter = text.parse().unwrap();
            let resolved = registry.types().iter().map(|kind| {
                Selection::resolve(&filter, kind, registry.types(), &mut Dialect::default())
            });
            let resolved: Result<Vec<_>> = resolved.collect();
            assert_eq!(resolved.unwrap_err().kind(), Kind::InvalidFilter, "{text}");
        }
    }
}
