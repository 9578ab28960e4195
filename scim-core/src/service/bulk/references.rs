//! `bulkId:x`: references to what an operation of the same request makes.

use std::collections::HashMap;

use serde_json::Value;

use crate::error::{Error, Kind, Result};
use crate::resource::Id;

pub(super) const REFERENCE: &str = "bulkId:";

/// The longest bulkId, in bytes, that is looked for at the end of a URI.
const LONGEST_IN_URI: usize = 1024;

pub(super) fn refer<'a>(
    bulk_id: &str,
    ids: &'a HashMap<String, Id>,
    references: &mut Vec<String>,
) -> Result<&'a Id> {
    let id = ids.get(bulk_id).ok_or_else(|| {
        // RFC 7644 §3.7.1 names 409 for references that can't be resolved.
        let detail = format!("No POST of this request has the bulkId \"{bulk_id}\"");
        Error::new(Kind::Conflict, detail)
    })?;
    if !references.iter().any(|known| known == bulk_id) {
        references.push(bulk_id.to_owned());
    }
    Ok(id)
}

/// Replaces `bulkId:x` by the id that x will get: as a whole string, at the end of a URI
/// (`../Users/bulkId:x`), and as a quoted value in the filter of a PATCH path.
pub(super) fn resolve_references(
    value: &mut Value,
    ids: &HashMap<String, Id>,
    references: &mut Vec<String>,
) -> Result<()> {
    match value {
        Value::String(text) => {
            if let Some(resolved) = resolve_text(text, ids, references)? {
                *text = resolved;
            }
            Ok(())
        }
        Value::Array(list) => {
            list.iter_mut().try_for_each(|value| resolve_references(value, ids, references))
        }
        Value::Object(object) => {
            object.values_mut().try_for_each(|value| resolve_references(value, ids, references))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// The text with the ids in place of the references in it, if there are any.
fn resolve_text(
    text: &str,
    ids: &HashMap<String, Id>,
    references: &mut Vec<String>,
) -> Result<Option<String>> {
    if let Some(bulk_id) = text.strip_prefix(REFERENCE) {
        return refer(bulk_id, ids, references).map(|id| Some(id.to_string()));
    }
    let (mut resolved, mut rest, mut found) = (String::new(), text, false);
    while let Some((before, after)) = rest.split_once(REFERENCE) {
        resolved.push_str(before);
        // In quotes up to the next one, behind a slash up to the end.
        let bulk_id = match before.as_bytes().last() {
            Some(b'"') => after.split('"').next(),
            Some(b'/') => Some(after).filter(|bulk_id| bulk_id.len() <= LONGEST_IN_URI),
            _ => None,
        };
        // Other text may hold such words by chance; only a known bulkId makes it a reference.
        rest = match bulk_id.filter(|bulk_id| ids.contains_key(*bulk_id)) {
            Some(bulk_id) => {
                found = true;
                resolved.push_str(refer(bulk_id, ids, references)?.as_str());
                after.strip_prefix(bulk_id).unwrap_or_default()
            }
            None => {
                resolved.push_str(REFERENCE);
                after
            }
        };
    }
    resolved.push_str(rest);
    Ok(found.then_some(resolved))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str) -> Option<String> {
        let id = |id: &str| Id::parse(id).unwrap();
        let ids = HashMap::from([("a".into(), id("1")), ("b".into(), id("2"))]);
        resolve_text(text, &ids, &mut Vec::new()).unwrap()
    }

    #[test]
    fn references_are_found_where_they_may_stand() {
        for (text, expected) in [
            ("bulkId:a", "1"),
            ("../Users/bulkId:a", "../Users/1"),
            ("members[value eq \"bulkId:a\"]", "members[value eq \"1\"]"),
            (
                "members[value eq \"bulkId:x\" or value eq \"bulkId:b\" or value eq \"bulkId:a\"]",
                "members[value eq \"bulkId:x\" or value eq \"2\" or value eq \"1\"]",
            ),
        ] {
            assert_eq!(resolved(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "a bulkId:a", "\"bulkId:ab\"", "x/bulkId:a/b", "bulkid:a"] {
            assert_eq!(resolved(text), None, "{text}");
        }
    }

    #[test]
    fn a_text_full_of_them_takes_one_walk() {
        let text = "\"bulkId:a\"".repeat(300_000);
        assert_eq!(resolved(&text).unwrap(), "\"1\"".repeat(300_000));
        assert_eq!(resolved(&"/bulkId:".repeat(300_000)), None);
    }
}
