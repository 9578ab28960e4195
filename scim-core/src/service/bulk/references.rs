//! `bulkId:x`: references to what an operation of the same request makes.

use std::collections::HashMap;

use serde_json::Value;

use crate::error::{Error, Kind, Result};
use crate::resource::Id;

pub(super) const REFERENCE: &str = "bulkId:";

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

fn resolve_text(
    text: &str,
    ids: &HashMap<String, Id>,
    references: &mut Vec<String>,
) -> Result<Option<String>> {
    if let Some(bulk_id) = text.strip_prefix(REFERENCE) {
        return refer(bulk_id, ids, references).map(|id| Some(id.to_string()));
    }
    for quote in ["\"", "/"] {
        let opening = format!("{quote}{REFERENCE}");
        let Some((before, rest)) = text.split_once(&opening) else { continue };
        let (bulk_id, after) =
            if quote == "/" { (rest, "") } else { rest.split_once('"').unwrap_or((rest, "")) };
        // Other text may hold such words by chance; only a known bulkId makes it a reference.
        if ids.contains_key(bulk_id) {
            let id = refer(bulk_id, ids, references)?;
            let (close, after) =
                if quote == "/" { ("", String::new()) } else { ("\"", after.to_owned()) };
            let resolved = format!("{before}{quote}{id}{close}{after}");
            return Ok(Some(resolve_text(&resolved, ids, references)?.unwrap_or(resolved)));
        }
    }
    Ok(None)
}
