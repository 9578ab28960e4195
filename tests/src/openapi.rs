//! Answers held against the OpenAPI document: whether it tells of their status, and of what is in them.

use serde_json::Value;

use crate::Operation;
use crate::{Answer, Person};

/// The document that the server gives.
pub struct OpenApi(Value);

impl OpenApi {
    pub fn of(person: &Person) -> Self {
        Self(person.get("/openapi.json").is(200).json())
    }

    /// Checks an answer to an operation.
    #[track_caller]
    pub fn check(&self, operation: &Operation, answer: &Answer) {
        let method = operation.method.to_lowercase();
        let responses = &self.0["paths"][&operation.path][&method]["responses"];
        let response = &responses[answer.status.to_string()];
        let at = format!("{} {}", operation.name, answer.status);
        assert!(!response.is_null(), "{at} is not documented");
        let schema = &response["content"]["application/json"]["schema"];
        if schema.is_null() {
            assert!(answer.text.is_empty(), "{at}: {}", answer.text);
        } else if let Err(why) = self.fits(schema, &answer.json()) {
            panic!("{at}: {why}: {}", answer.text);
        }
    }

    /// As far as schemas of the document go.
    fn fits(&self, schema: &Value, value: &Value) -> Result<(), String> {
        for (word, said) in schema.as_object().unwrap() {
            match word.as_str() {
                "$ref" => {
                    let path = said.as_str().unwrap().trim_start_matches('#');
                    self.fits(self.0.pointer(path).unwrap(), value)?;
                }
                "allOf" => list(said).try_for_each(|schema| self.fits(schema, value))?,
                "anyOf" | "oneOf" => {
                    let fits = list(said).filter(|s| self.fits(s, value).is_ok()).count();
                    if fits == 0 || (word == "oneOf" && fits > 1) {
                        return Err(format!("{fits} of {word} fit {value}"));
                    }
                }
                "type" => {
                    let types: Vec<&str> = match said.as_str() {
                        Some(one) => vec![one],
                        None => list(said).map(|kind| kind.as_str().unwrap()).collect(),
                    };
                    if !types.iter().any(|kind| is(kind, value)) {
                        return Err(format!("{value} is no {types:?}"));
                    }
                }
                "required" => {
                    let missing =
                        list(said).find(|name| value.get(name.as_str().unwrap()).is_none());
                    if let Some(name) = missing {
                        return Err(format!("{name} is missing"));
                    }
                }
                "properties" => {
                    for (name, schema) in said.as_object().unwrap() {
                        value.get(name).map_or(Ok(()), |value| self.fits(schema, value))?;
                    }
                }
                "items" => {
                    list(value).try_for_each(|item| self.fits(said, item))?;
                }
                "enum" => {
                    if !list(said).any(|known| known == value) {
                        return Err(format!("{value} is none of {said}"));
                    }
                }
                "description" | "format" | "minimum" | "additionalProperties" => {}
                _ => return Err(format!("{word} is not known to this test")),
            }
        }
        Ok(())
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        _ => false,
    }
}
