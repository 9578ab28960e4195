//! Names: of organizations and teams, and the two that are matched, a group's and a SCIM Name.

use super::Refusal;
use crate::error::Result;
use crate::text;

/// The longest name, in characters.
const LONGEST: usize = 256;

/// A name for people: trimmed, 1 to 256 characters, something to be seen among them, and none that controls
/// anything, the direction of text included.
///
/// # Errors
/// [`Refusal::InvalidName`], naming `what` it is the name of.
pub fn plain_name(what: &str, typed: &str) -> Result<String> {
    checked(&format!("The name of {what}"), typed)
}

fn checked(subject: &str, typed: &str) -> Result<String> {
    let name = typed.trim();
    let odd = text::disturbs_text;
    let fits = (1..=LONGEST).contains(&name.chars().count())
        && !name.chars().any(odd)
        && !group_key(name).is_empty();
    if fits {
        return Ok(name.to_owned());
    }
    Err(Refusal::InvalidName.because(format!(
        "{subject} must have 1 to {LONGEST} characters besides spaces around it, something to be seen among \
         them, and none that controls anything or turns the direction of text"
    )))
}

/// The key that a group's name and a SCIM Name are matched by: without what can't be seen, trimmed, folded.
#[must_use]
pub fn group_key(name: &str) -> String {
    if name.is_ascii() {
        return text::fold(name.trim());
    }
    let seen: String = name.chars().filter(|c| !text::is_invisible(*c)).collect();
    text::fold(seen.trim())
}

/// The name by which an Admin Organization's groups find a linked organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScimName {
    name: String,
    key: String,
}

impl ScimName {
    /// Takes a name as typed; its spelling is kept.
    ///
    /// # Errors
    /// [`Refusal::InvalidName`]
    pub fn parse(text: &str) -> Result<Self> {
        let name = checked("A SCIM Name", text)?;
        let key = group_key(&name);
        Ok(Self { name, key })
    }

    /// The name as typed, without spaces around it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// What it is matched by.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_without_case_spaces_or_form() {
        let name = ScimName::parse("  Café Zürich ").unwrap();
        assert_eq!(name.as_str(), "Café Zürich");
        assert_eq!(name.key(), group_key("CAFE\u{301} ZU\u{308}RICH\u{a0}"));
        assert_eq!(
            name.key(),
            group_key("\u{feff}Ca\u{200b}f\u{ad}e\u{200c}\u{301} Zürich \u{2060}")
        );
    }

    #[test]
    fn blank_long_and_odd_names_are_refused() {
        let long = "x".repeat(257);
        for bad in ["", " \u{2003}", "a\u{0}b", "a\nb", &long, "\u{200b} \u{ad}", "a\u{202e}b"] {
            let error = ScimName::parse(bad).unwrap_err();
            assert_eq!(error.code(), Some("invalid_name"), "{bad:?}");
        }
        assert!(ScimName::parse(&"é".repeat(256)).is_ok());
    }
}
