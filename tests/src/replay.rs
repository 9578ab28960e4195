//! Plays the scripts of `replays/`: what identity providers send, and what they expect (the format is in
//! `replays/README.md`).

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use serde_json::Value;

use crate::{Client, encode};

/// Plays a script; panics at the first step that isn't as expected.
pub fn play(client: &Client, base: &str, script: &str, run: u64) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("replays").join(script);
    let steps: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut variables: HashMap<String, Value> = HashMap::from([
        ("run".to_owned(), Value::String(run.to_string())),
        ("token".to_owned(), Value::String(client.token.clone().unwrap())),
        ("base".to_owned(), Value::String(base.to_owned())),
    ]);
    assert!(!steps.is_empty());
    for step in steps {
        let step = fill(&step, &variables);
        let name = step["name"].as_str().unwrap();
        let mut target = format!("/scim/v2{}", step["path"].as_str().unwrap());
        if let Some(raw) = step["rawQuery"].as_str() {
            target.push_str(&format!("?{raw}"));
        } else if let Some(query) = step["query"].as_object().filter(|query| !query.is_empty()) {
            let pairs = query.iter().map(|(k, v)| format!("{k}={}", encode(v.as_str().unwrap())));
            target.push_str(&format!("?{}", pairs.collect::<Vec<_>>().join("&")));
        }
        let headers: Vec<(String, String)> = step["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned()))
            .collect();
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let body = (!step["body"].is_null()).then(|| step["body"].to_string());
        let began = Instant::now();
        let answer =
            client.send(step["method"].as_str().unwrap(), &target, &headers, body.as_deref());
        let at = format!(
            "{script}: {name}: {target} {body:?} answered {} {}",
            answer.status, answer.text
        );
        let expect = &step["expect"];
        let expected = expect["status"].as_array().unwrap();
        assert!(expected.contains(&answer.status.into()), "{at}, not {expected:?}");
        if let Some(most) = expect["maxMillis"].as_u64() {
            assert!(began.elapsed().as_millis() <= u128::from(most), "{at}: too slow");
        }
        let json = answer.json();
        if answer.status != 204 && !answer.text.is_empty() {
            for assertion in expect["json"].as_array().into_iter().flatten() {
                check(&json, assertion, &at);
            }
        }
        for (variable, path) in step["save"].as_object().into_iter().flatten() {
            let value = find(&json, path.as_str().unwrap()).cloned();
            variables.insert(variable.clone(), value.unwrap_or_else(|| panic!("{at}: no {path}")));
        }
    }
}

fn fill(value: &Value, variables: &HashMap<String, Value>) -> Value {
    match value {
        Value::String(text) => {
            let whole = text.strip_prefix("{{").and_then(|t| t.strip_suffix("}}"));
            if let Some(value) = whole.and_then(|name| variables.get(name)) {
                return value.clone();
            }
            let mut text = text.clone();
            for (name, value) in variables {
                let plain = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                text = text.replace(&format!("{{{{{name}}}}}"), &plain);
            }
            Value::String(text)
        }
        Value::Array(list) => list.iter().map(|v| fill(v, variables)).collect(),
        Value::Object(object) => {
            object.iter().map(|(k, v)| (k.clone(), fill(v, variables))).collect()
        }
        other => other.clone(),
    }
}

fn check(json: &Value, assertion: &Value, at: &str) {
    let found = find(json, assertion["path"].as_str().unwrap()).filter(|v| !v.is_null());
    let mut checked = false;
    for (name, wanted) in assertion.as_object().unwrap().iter().filter(|(name, _)| *name != "path")
    {
        let holds = match name.as_str() {
            "equals" => found == Some(wanted),
            "exists" => Some(found.is_some()) == wanted.as_bool(),
            "contains" => found.and_then(Value::as_array).is_some_and(|list| list.contains(wanted)),
            "length" => {
                found.and_then(Value::as_array).map_or(0, Vec::len) as u64
                    == wanted.as_u64().unwrap()
            }
            "nonEmpty" => found.is_some_and(|v| !matches!(v.to_string().as_str(), "\"\"" | "[]")),
            "type" => found.is_some_and(|v| match wanted.as_str().unwrap() {
                "integer" => v.is_i64() || v.is_u64(),
                "string" => v.is_string(),
                "boolean" => v.is_boolean(),
                "array" => v.is_array(),
                "object" => v.is_object(),
                other => panic!("{at}: no type {other}"),
            }),
            other => panic!("{at}: no assertion {other}"),
        };
        assert!(holds, "{at}: {assertion} does not hold of {found:?}");
        checked = true;
    }
    assert!(checked, "{at}: {assertion} asserts nothing");
}

/// `$.name`, `$['name']`, `[n]`, `[?(@.k=='v')]`; of several matches the first.
fn find<'a>(json: &'a Value, path: &str) -> Option<&'a Value> {
    let mut rest = path.strip_prefix('$').unwrap();
    let mut value = json;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("['") {
            let (name, after) = after.split_once("']").unwrap();
            (value, rest) = (value.get(name)?, after);
        } else if let Some(after) = rest.strip_prefix("[?(@.") {
            let (condition, after) = after.split_once(")]").unwrap();
            let (name, wanted) = condition.split_once("==").unwrap();
            let wanted = wanted.trim_matches('\'');
            let list = value.as_array()?;
            value = list.iter().find(|e| e.get(name).and_then(Value::as_str) == Some(wanted))?;
            rest = after;
        } else if let Some(after) = rest.strip_prefix('[') {
            let (index, after) = after.split_once(']').unwrap();
            (value, rest) = (value.get(index.parse::<usize>().unwrap())?, after);
        } else {
            let after = rest.strip_prefix('.').unwrap();
            let end = after.find(['.', '[']).unwrap_or(after.len());
            (value, rest) = (value.get(&after[..end])?, &after[end..]);
        }
    }
    Some(value)
}
