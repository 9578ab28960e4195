//! How strings are compared. One folding serves filters, sorting and uniqueness on every store, so
//! that no database's collation decides who is who.

use std::borrow::Cow;

use icu_properties::CodePointSetData;
use icu_properties::props::{BidiControl, DefaultIgnorableCodePoint};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// The key under which a `caseExact: false` string is compared: NFC, Unicode simple case folding, NFC.
///
/// Simple folding maps one character to one: `ß` stays apart from `ss`, `ı` from `i`, while the Kelvin
/// sign equals `k` and `ς` equals `σ`.
#[must_use]
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mapper = icu_casemap::CaseMapper::new();
    text.nfc().map(|c| mapper.simple_fold(c)).nfc().collect()
}

/// Whether a character leaves no trace where it is shown (Unicode's `Default_Ignorable_Code_Point`): text with
/// it looks like text without it.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    !c.is_ascii() && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Whether a character turns the direction of the text around it (Unicode's `Bidi_Control`): what is read
/// then isn't what is stored.
#[must_use]
pub fn turns_text(c: char) -> bool {
    !c.is_ascii() && CodePointSetData::new::<BidiControl>().contains(c)
}

/// Whether a character has no place in a line of text: a control character, one that turns its direction, one that
/// ends a line or a paragraph, one that marks an annotation of it.
#[must_use]
pub fn disturbs_text(c: char) -> bool {
    c.is_control()
        || turns_text(c)
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FFF9}'..='\u{FFFB}')
}

/// The key under which a string is compared: folded, or as it is where case matters.
#[must_use]
pub fn key(text: &str, case_exact: bool) -> Cow<'_, str> {
    if case_exact { Cow::Borrowed(text) } else { Cow::Owned(fold(text)) }
}

/// Compares two SCIM names (attribute names, URNs, operators): ASCII, in any case (RFC 7643 §2.1).
#[must_use]
pub fn same_name(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// Whether the text is in NFC, cheaply for ASCII.
#[must_use]
pub fn is_nfc(text: &str) -> bool {
    matches!(is_nfc_quick(text.chars()), IsNormalized::Yes) || unicode_normalization::is_nfc(text)
}

/// The least string greater than every string that begins with `prefix`, in code point order; `None`
/// where there is none. With it "begins with" is a range of an ordered index.
#[must_use]
pub fn after_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = match last {
            '\u{10FFFF}' => continue,
            '\u{D7FF}' => Some('\u{E000}'),
            c => char::from_u32(u32::from(c) + 1),
        };
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_equates_case_and_form_and_nothing_more() {
        assert_eq!(fold("Ann@Example.COM"), "ann@example.com");
        assert_eq!(fold("\u{212A}elvin"), "kelvin");
        assert_eq!(fold("ΣΑΣ"), fold("σας"));
        assert_eq!(fold("E\u{301}"), fold("é"));
        assert_ne!(fold("straße"), fold("strasse"));
        assert_ne!(fold("ı"), fold("i"));
    }

    #[test]
    fn names_are_lines_of_text() {
        for c in ['\n', '\u{7f}', '\u{85}', '\u{202e}', '\u{2028}', '\u{2029}', '\u{fff9}'] {
            assert!(disturbs_text(c), "{c:?}");
        }
        for c in [' ', 'a', '\u{e9}', '\u{200d}', '\u{1f600}', '\u{3000}'] {
            assert!(!disturbs_text(c), "{c:?}");
        }
    }

    #[test]
    fn prefix_ranges_skip_surrogates_and_end() {
        assert_eq!(after_prefix("ab").as_deref(), Some("ac"));
        assert_eq!(after_prefix("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(after_prefix("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{10FFFF}"), None);
        assert_eq!(after_prefix(""), None);
    }
}
