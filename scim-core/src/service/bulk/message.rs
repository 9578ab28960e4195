//! What a bulk request says, and what is said to it.

use serde_json::{Map, Value, json};

use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::resource::Version;
use crate::text::same_name;

const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

/// One operation as sent.
pub(super) struct Operation {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) bulk_id: Option<String>,
    pub(super) version: Option<String>,
    pub(super) data: Value,
}

pub(super) fn parse(
    body: Map<String, Value>,
    dialect: &Dialect,
) -> Result<(Vec<Operation>, Option<usize>)> {
    let (mut list, mut stop_after, mut named) = (None, None, false);
    for (name, value) in body {
        if same_name(&name, "Operations") {
            list = Some(value);
        } else if same_name(&name, "failOnErrors") {
            stop_after = match value {
                Value::Null => None,
                value => match value.as_u64().and_then(|n| usize::try_from(n).ok()) {
                    Some(0) | None => {
                        return Err(Error::invalid_value(
                            "failOnErrors must be a whole number of at least 1",
                        ));
                    }
                    some => some,
                },
            };
        } else if same_name(&name, "schemas") {
            let urns = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            named = urns.into_iter().any(|urn| same_name(urn, BULK_REQUEST));
        }
    }
    if !named && dialect.preset().refuses_unknown() {
        return Err(Error::invalid_syntax(format!("\"schemas\" must list \"{BULK_REQUEST}\"")));
    }
    let Some(Value::Array(list)) = list else {
        return Err(Error::invalid_syntax("\"Operations\" must be a list of operations"));
    };
    let operations = list.into_iter().enumerate().map(|(i, value)| {
        Operation::parse(value)
            .map_err(|e| Error::new(e.kind(), format!("Operations[{}]: {}", i + 1, e.detail())))
    });
    Ok((operations.collect::<Result<_>>()?, stop_after))
}

impl Operation {
    fn parse(value: Value) -> Result<Self> {
        let Value::Object(object) = value else {
            return Err(Error::invalid_syntax("an operation must be an object"));
        };
        let (mut method, mut path, mut bulk_id, mut version, mut data) =
            (None, None, None, None, Value::Null);
        for (name, value) in object {
            let place = match name.to_ascii_lowercase().as_str() {
                "method" => &mut method,
                "path" => &mut path,
                "bulkid" => &mut bulk_id,
                "version" => &mut version,
                "data" => {
                    data = value;
                    continue;
                }
                _ => continue,
            };
            *place = match value {
                Value::Null => None,
                Value::String(text) => Some(text),
                _ => return Err(Error::invalid_syntax(format!("\"{name}\" must be a string"))),
            };
        }
        let missing = |name: &str| Error::invalid_syntax(format!("\"{name}\" is missing"));
        Ok(Self {
            method: method.ok_or_else(|| missing("method"))?.to_ascii_uppercase(),
            path: path.ok_or_else(|| missing("path"))?,
            bulk_id,
            version,
            data,
        })
    }
}

/// What is said of one operation.
pub(super) struct Answer {
    pub(super) result: std::result::Result<Done, Error>,
}

pub(super) struct Done {
    pub(super) status: u16,
    pub(super) location: String,
    pub(super) version: Option<Version>,
}

impl Answer {
    fn to_json(&self, operation: &Operation, target: Option<String>) -> Value {
        let mut answer = Map::new();
        answer.insert("method".into(), operation.method.as_str().into());
        if let Some(bulk_id) = &operation.bulk_id {
            answer.insert("bulkId".into(), bulk_id.as_str().into());
        }
        match &self.result {
            Ok(Done { status, location, version }) => {
                if let Some(version) = version {
                    answer.insert("version".into(), version.to_string().into());
                }
                answer.insert("location".into(), location.as_str().into());
                answer.insert("status".into(), status.to_string().into());
            }
            Err(error) => {
                // RFC 7644 §3.7: location is "REQUIRED in a response, except in the event of a POST failure".
                if let Some(target) = target {
                    answer.insert("location".into(), target.into());
                }
                answer.insert("status".into(), error.kind().status().to_string().into());
                answer.insert("response".into(), error.to_json());
            }
        }
        Value::Object(answer)
    }
}

/// The message that answers the request. `target` is where the resource is that an operation was to change.
pub(super) fn response(
    answers: &[(&Operation, Answer)],
    target: impl Fn(&Operation) -> Option<String>,
) -> Value {
    let said: Vec<_> = answers.iter().map(|(op, answer)| answer.to_json(op, target(op))).collect();
    json!({"schemas": [BULK_RESPONSE], "Operations": said})
}
