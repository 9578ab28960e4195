//! The parameters of reads, from the query of a URL or the body of `/.search` (RFC 7644 §3.4.2, §3.4.3).

use serde_json::{Map, Value};

use crate::error::{Error, Kind, Result};
use crate::text::same_name;

/// The schema URN of a search request (RFC 7644 §3.4.3).
const SEARCH_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// What a request asks for. Numbers are clamped as the RFC says; unknown parameters are ignored, since
/// clients append their own (Entra's `aadOptscim062020`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Params {
    pub(super) filter: Option<String>,
    pub(super) sort_by: Option<String>,
    pub(super) descending: bool,
    /// 1-based; less than 1 means 1.
    pub(super) start_index: Option<usize>,
    pub(super) count: Option<Count>,
    /// `Some("")` asks for the first page by cursor (RFC 9865 §2.1).
    pub(super) cursor: Option<String>,
    pub(super) attributes: Vec<String>,
    pub(super) excluded: Vec<String>,
}

/// `count` as sent: it is judged when it is known how the results are paged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Count {
    Number(i64),
    Other(String),
}

impl Params {
    pub(super) fn from_query(query: &str) -> Result<Self> {
        let mut params = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name, true)?;
            params.set(&name, Value::String(decode(value, true)?))?;
        }
        Ok(params)
    }

    pub(super) fn from_body(body: Map<String, Value>, strict: bool) -> Result<Self> {
        let listed = body.get("schemas").and_then(Value::as_array);
        let named = listed.is_some_and(|list| {
            list.iter().filter_map(Value::as_str).any(|urn| same_name(urn, SEARCH_REQUEST))
        });
        if strict && !named {
            return Err(Error::invalid_syntax(format!(
                "\"schemas\" must list \"{SEARCH_REQUEST}\""
            )));
        }
        let mut params = Self::default();
        for (name, value) in body {
            params.set(&name, value)?;
        }
        Ok(params)
    }

    /// Whether the request names attributes to show or to leave out.
    pub(super) fn projects(&self) -> bool {
        !self.attributes.is_empty() || !self.excluded.is_empty()
    }

    fn set(&mut self, name: &str, value: Value) -> Result<()> {
        if value.is_null() {
            return Ok(());
        }
        let is = |known: &str| same_name(name, known);
        if is("filter") {
            // An empty filter is one left out: some clients always send the parameter.
            self.filter = Some(string(name, value)?).filter(|text| !text.trim().is_empty());
        } else if is("sortBy") {
            self.sort_by = Some(string(name, value)?).filter(|text| !text.is_empty());
        } else if is("sortOrder") {
            let order = string(name, value)?;
            self.descending = match order.to_ascii_lowercase().as_str() {
                "" | "ascending" => false,
                "descending" => true,
                _ => {
                    let detail =
                        format!("sortOrder must be ascending or descending, not \"{order}\"");
                    return Err(Error::invalid_value(detail));
                }
            };
        } else if is("startIndex") {
            let start = number(value);
            let Count::Number(start) = start else {
                return Err(Error::invalid_value("startIndex must be a whole number"));
            };
            // RFC 7644 §3.4.2.4: "A value less than 1 SHALL be interpreted as 1."
            self.start_index = Some(usize::try_from(start.max(1)).unwrap_or(usize::MAX));
        } else if is("count") {
            self.count = Some(number(value));
        } else if is("cursor") {
            self.cursor = Some(string(name, value)?);
        } else if is("attributes") {
            self.attributes = names(name, value)?;
        } else if is("excludedAttributes") {
            self.excluded = names(name, value)?;
        }
        Ok(())
    }
}

fn string(name: &str, value: Value) -> Result<String> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(Error::invalid_value(format!("{name} must be a string"))),
    }
}

fn number(value: Value) -> Count {
    match value {
        Value::Number(n) => match n.as_i64() {
            Some(n) => Count::Number(n),
            None if n.as_u64().is_some() => Count::Number(i64::MAX),
            None => Count::Other(n.to_string()),
        },
        Value::String(text) => match text.trim().parse::<i128>() {
            Ok(n) => {
                Count::Number(i64::try_from(n).unwrap_or(if n < 0 { i64::MIN } else { i64::MAX }))
            }
            Err(_) => Count::Other(text),
        },
        other => Count::Other(other.to_string()),
    }
}

/// A comma-separated list, or a JSON list of strings. Commas within a value path don't separate.
fn names(name: &str, value: Value) -> Result<Vec<String>> {
    let list = match value {
        Value::String(text) => text.split(',').map(str::to_owned).collect(),
        Value::Array(list) => {
            list.into_iter().map(|value| string(name, value)).collect::<Result<Vec<_>>>()?
        }
        _ => return Err(Error::invalid_value(format!("{name} must be a list of attribute names"))),
    };
    let list: Vec<String> =
        list.into_iter().map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()).collect();
    if list.len() > 200 {
        return Err(Error::new(Kind::TooMany, format!("{name} lists more than 200 attributes")));
    }
    Ok(list)
}

/// Undoes percent-encoding, and `+` for a blank in queries.
pub(super) fn decode(text: &str, plus_is_blank: bool) -> Result<String> {
    let malformed = || Error::new(Kind::BadRequest, "the URL holds a malformed percent-encoding");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' if plus_is_blank => b' ',
            b'%' => {
                let mut digit = || {
                    let digit = char::from(rest.next().ok_or_else(malformed)?);
                    digit.to_digit(16).and_then(|d| u8::try_from(d).ok()).ok_or_else(malformed)
                };
                digit()? * 16 + digit()?
            }
            other => other,
        });
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::new(Kind::BadRequest, "the URL is not UTF-8 when decoded"))?;
    if text.contains('\0') {
        return Err(Error::new(Kind::BadRequest, "the URL holds U+0000"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_clients_send() {
        let params = Params::from_query(
            "filter=userName+eq+%22a%40b%22&startIndex=0&count=-3&sortOrder=Descending&&x=1&",
        )
        .unwrap();
        assert_eq!(params.filter.as_deref(), Some("userName eq \"a@b\""));
        assert_eq!(params.start_index, Some(1));
        assert_eq!(params.count, Some(Count::Number(-3)));
        assert!(params.descending);
        assert_eq!(Params::from_query("attributes=a,%20b,,c").unwrap().attributes, ["a", "b", "c"]);
        assert_eq!(Params::from_query("filter=").unwrap().filter, None);
        let huge = Params::from_query("startIndex=99999999999999999999999").unwrap();
        assert!(huge.start_index.unwrap() > 1 << 40);
    }

    #[test]
    fn refuses_what_means_nothing() {
        for query in
            ["startIndex=abc", "sortOrder=up", "filter=%zz", "filter=%ff", "filter=%00", "a=%4"]
        {
            assert!(Params::from_query(query).is_err(), "{query}");
        }
    }
}
