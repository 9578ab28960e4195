//! `If-Match` and `If-None-Match` (RFC 7644 §3.14, RFC 9110 §13).

use crate::error::{Error, Kind, Result};
use crate::http::Request;
use crate::resource::Version;

/// What a request says of the version that it means.
#[derive(Debug, Clone, Default)]
pub(super) struct Precondition {
    if_match: Option<String>,
    if_none_match: Option<String>,
}

impl Precondition {
    pub(super) fn of(request: &Request<'_>) -> Self {
        Self {
            if_match: request.if_match.map(str::to_owned),
            if_none_match: request.if_none_match.map(str::to_owned),
        }
    }

    /// As the `version` of a bulk operation.
    pub(super) fn version(version: &str) -> Self {
        Self { if_match: Some(version.to_owned()), if_none_match: None }
    }

    /// Whether a read may be answered with 304.
    pub(super) fn is_unmodified(&self, version: Version) -> bool {
        self.if_none_match.as_deref().is_some_and(|tags| names(tags, version))
    }

    /// # Errors
    /// [`Kind::PreconditionFailed`] if `If-Match` names other versions only.
    pub(super) fn check_match(&self, version: Version) -> Result<()> {
        match self.if_match.as_deref() {
            Some(tags) if !names(tags, version) => Err(Error::new(
                Kind::PreconditionFailed,
                format!("The resource has changed: its version is {version}; read it again"),
            )),
            _ => Ok(()),
        }
    }

    /// # Errors
    /// [`Kind::PreconditionFailed`] if the state of the resource isn't the one that the client means.
    pub(super) fn check_write(&self, version: Version) -> Result<()> {
        self.check_match(version)?;
        if self.is_unmodified(version) {
            let detail = format!("The resource is still at version {version} (If-None-Match)");
            return Err(Error::new(Kind::PreconditionFailed, detail));
        }
        Ok(())
    }
}

/// Weak comparison: `W/"3"` and `"3"` are the same (RFC 9110 §8.8.3.2).
fn names(tags: &str, version: Version) -> bool {
    let number = version.0.to_string();
    tags.split(',').map(str::trim).any(|tag| {
        let bare = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
        tag == "*" || bare == number
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_compare_weakly() {
        for tags in ["W/\"3\"", "\"3\"", "*", "W/\"1\", W/\"3\""] {
            assert!(names(tags, Version(3)), "{tags}");
        }
        for tags in ["W/\"31\"", "\"\"", "", "W/\"1\",W/\"2\"", "x"] {
            assert!(!names(tags, Version(3)), "{tags}");
        }
    }
}
