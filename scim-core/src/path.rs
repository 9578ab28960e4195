//! Attribute paths: `[urn:]name[.sub]` (RFC 7644 §3.5.2, `attrPath`).

use std::fmt;

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
