//! Log lines: one a record, whatever a client put into it.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use env_logger::{Builder, Env};
use log::kv::{Error, Key, Value, VisitSource};
use serde_json::{Map, json};

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging to standard error. `RUST_LOG` chooses what; by default `info` and above.
pub fn init(format: LogFormat) {
    let mut builder = Builder::from_env(Env::default().default_filter_or("info,actix_server=warn"));
    builder.format(move |out, record| {
        let mut fields = Fields::default();
        record.key_values().visit(&mut fields).map_err(io::Error::other)?;
        let (time, message) = (out.timestamp_millis(), record.args().to_string());
        match format {
            LogFormat::Text => {
                let mut line = escape(&message);
                for (name, value) in &fields.0 {
                    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    let quote = value.is_empty() || value.contains([' ', '"']);
                    let value = if quote { format!("{value:?}") } else { escape(&value) };
                    let _ = write!(line, " {name}={value}");
                }
                writeln!(out, "{time} {:5} {line}", record.level())
            }
            LogFormat::Json => {
                let mut object = Map::new();
                object.insert("time".into(), time.to_string().into());
                object.insert("level".into(), record.level().as_str().into());
                object.insert("message".into(), message.into());
                object.extend(fields.0);
                writeln!(out, "{}", serde_json::Value::Object(object))
            }
        }
    });
    // A second call (tests) keeps the first logger.
    let _ = builder.try_init();
}

/// Control characters as escapes, so that one record is one line.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

#[derive(Default)]
struct Fields(Map<String, serde_json::Value>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let value = match (value.to_i64(), value.to_f64()) {
            (Some(n), _) => json!(n),
            (None, Some(n)) => json!(n),
            _ => json!(value.to_string()),
        };
        self.0.insert(key.as_str().to_owned(), value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn s28_a_record_is_one_line() {
        assert_eq!(super::escape("a\r\nINFO forged\u{1b}[0m"), "a\\r\\nINFO forged\\u{1b}[0m");
    }
}
