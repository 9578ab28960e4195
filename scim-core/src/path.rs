//! Paths: `[urn:]name[.sub]` ([`AttrPath`]), and what a PATCH operation points at ([`Target`]).

use std::fmt;

use crate::error::{Error, Kind, Result};
use crate::filter::{Filter, FilterParser, Options, attr_name};

/// `attrPath = [URI ":"] ATTRNAME *1subAttr` (RFC 7644 fig. 1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AttrPath {
    /// The schema URN in front of the name.
    pub urn: Option<String>,
    /// The attribute's name as written.
    pub name: String,
    /// The sub-attribute's name as written.
    pub sub: Option<String>,
}

impl AttrPath {
    /// Parses a path. A URN alone parses too, its last part as the name.
    ///
    /// # Errors
    /// [`Kind::InvalidPath`].
    pub fn parse(text: &str) -> Result<Self> {
        Self::split(text.trim()).ok_or_else(|| {
            let detail = format!("\"{}\" is no attribute path", text.escape_debug());
            Error::new(Kind::InvalidPath, detail)
        })
    }

    /// URNs hold dots and colons themselves: the attribute is behind the last colon.
    pub(crate) fn split(text: &str) -> Option<Self> {
        let (urn, rest) = match text.rsplit_once(':') {
            Some((urn, rest)) if is_urn(urn) => (Some(urn), rest),
            Some(_) => return None,
            None => (None, text),
        };
        let (rest, name) = attr_name(rest).ok()?;
        let sub = match rest.strip_prefix('.') {
            None if rest.is_empty() => None,
            None => return None,
            Some(sub) => match attr_name(sub) {
                Ok(("", sub)) => Some(sub.to_owned()),
                _ => return None,
            },
        };
        Some(Self { urn: urn.map(str::to_owned), name: name.to_owned(), sub })
    }
}

/// A schema URI as it may stand before an attribute name.
fn is_urn(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:/+%~@$".contains(c);
    text.contains(':') && !text.starts_with(':') && text.chars().all(allowed)
}

impl fmt::Display for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = &self.urn {
            write!(f, "{urn}:")?;
        }
        f.write_str(&self.name)?;
        if let Some(sub) = &self.sub {
            write!(f, ".{sub}")?;
        }
        Ok(())
    }
}

/// What a PATCH operation points at: `PATH = attrPath / valuePath [subAttr]` (RFC 7644 §3.5.2).
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The attribute. Its own `sub` is set only without a filter.
    pub path: AttrPath,
    /// Which elements.
    pub filter: Option<Filter>,
    /// The sub-attribute of those elements.
    pub sub: Option<String>,
}

impl Target {
    /// Parses a path.
    ///
    /// # Errors
    /// [`Kind::InvalidPath`] that says what was expected and at which character.
    pub fn parse(text: &str, options: Options) -> Result<Self> {
        let text = text.trim();
        if text.len() > 8 * 1024 {
            return Err(Error::new(Kind::InvalidPath, "path: longer than 8192 bytes"));
        }
        let (path, filter, rest) = FilterParser::value_path(text, options)
            .map_err(|wrong| wrong.into_error("path", Kind::InvalidPath))?;
        let junk = || {
            let at = text.chars().count() - rest.chars().count() + 1;
            let detail = format!("path: expected a sub-attribute or the end at character {at}");
            Error::new(Kind::InvalidPath, detail)
        };
        let sub = match rest.strip_prefix('.') {
            None if rest.is_empty() => None,
            Some(name) if filter.is_some() => match attr_name(name) {
                Ok(("", name)) => Some(name.to_owned()),
                _ => return Err(junk()),
            },
            _ => return Err(junk()),
        };
        if filter.is_some() && path.sub.is_some() {
            let detail = format!(
                "path: \"{path}[…]\": brackets go behind an attribute, not a sub-attribute"
            );
            return Err(Error::new(Kind::InvalidPath, detail));
        }
        Ok(Self { path, filter, sub })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)?;
        if let Some(filter) = &self.filter {
            write!(f, "[{filter}]")?;
        }
        if let Some(sub) = &self.sub {
            write!(f, ".{sub}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_round_trip() {
        for text in [
            "userName",
            "name.familyName",
            "$ref",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        ] {
            assert_eq!(AttrPath::parse(text).unwrap().to_string(), text);
        }
        for text in ["", ".", "a.", "a.b.c", "1a", "a b", ":a", "x:a", "a[", "é"] {
            assert_eq!(AttrPath::parse(text).unwrap_err().kind(), Kind::InvalidPath, "{text}");
        }
    }

    #[test]
    fn targets_round_trip() {
        for text in [
            "members",
            "emails[type eq \"work\"].value",
            "addresses[type eq \"work\" and primary eq true]",
            "urn:example:Thing:parts[value eq \"]\"].$ref",
        ] {
            assert_eq!(Target::parse(text, Options::default()).unwrap().to_string(), text);
        }
        for text in [
            "emails[",
            "emails[type]",
            "emails[type pr]x",
            "name.given[x pr]",
            "a[b pr].",
            "[a pr]",
        ] {
            let error = Target::parse(text, Options::default()).unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidPath, "{text}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn law_targets_round_trip(target in crate::filter::strategies::target()) {
            let parsed = Target::parse(&target.to_string(), Options::default());
            proptest::prop_assert_eq!(parsed.ok(), Some(target));
        }

        #[test]
        fn law_no_text_breaks_the_parser(text in crate::filter::strategies::noise()) {
            let _ = Target::parse(&text, Options::default());
            let _ = AttrPath::parse(&text);
        }
    }
}
