//! Log lines: one a record, whatever a client put into it.

mod lines;

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::OnceLock;

use env_logger::{Builder, Env, Target};
use log::kv::{Error, Key, Value, VisitSource};
use log::{Level, Record};
use serde_json::{Map, json};

use lines::Lines;

/// Where lines go once logging has started.
static LINES: OnceLock<Lines> = OnceLock::new();

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

/// Starts logging to standard error; [`finish`] ends it. `RUST_LOG` chooses what; by default `info` and above.
pub fn init(format: LogFormat) {
    let mut builder = Builder::from_env(Env::default().default_filter_or("info,actix_server=warn"));
    // Without a thread of its own it is written by whoever has something to say.
    if LINES.get().is_none()
        && let Ok(lines) = Lines::start(io::stderr(), tell_lost)
    {
        builder.target(Target::Pipe(Box::new(LINES.get_or_init(|| lines).clone())));
    }
    builder.format(move |out, record| {
        let time = out.timestamp_millis();
        match format {
            LogFormat::Text => {
                let mut line = Line(String::with_capacity(256));
                match record.args().as_str() {
                    Some(message) => line.escaped(message),
                    None => line.escaped(&record.args().to_string()),
                }
                record.key_values().visit(&mut line).map_err(io::Error::other)?;
                writeln!(out, "{time} {:5} {}", level(record), line.0)
            }
            LogFormat::Json => {
                let mut fields = Fields::default();
                record.key_values().visit(&mut fields).map_err(io::Error::other)?;
                let message = record.args().to_string();
                let mut object = Map::new();
                object.insert("time".into(), time.to_string().into());
                object.insert("level".into(), level(record).as_str().into());
                object.insert("message".into(), message.into());
                object.extend(fields.0);
                writeln!(out, "{}", serde_json::Value::Object(object))
            }
        }
    });
    // A second call (tests) keeps the first logger.
    let _ = builder.try_init();
}

fn tell_lost(lines: usize) {
    log::warn!(lines; "standard error was not read for a while, and lines of the log were lost");
}

/// Waits until all that was logged is written, unless nobody reads it. To be called before the process ends.
pub fn finish() {
    if let Some(lines) = LINES.get() {
        lines.finish();
    }
}

/// How grave a record is. The web server calls it an error if a client sends what is no HTTP, such as a raw
/// quotation mark in a URL; nobody who runs this one has to look after that.
fn level(record: &Record<'_>) -> Level {
    let of_a_client = |message: &str| {
        message.starts_with("stream error") || message.starts_with("MAX_BUFFER_SIZE")
    };
    let is_one = record.level() == Level::Error
        && record.target().starts_with("actix_http::h1")
        && of_a_client(&record.args().to_string());
    if is_one { Level::Info } else { record.level() }
}

/// A line for people.
struct Line(String);

impl Line {
    /// Control characters as escapes, so that one record is one line.
    fn escaped(&mut self, text: &str) {
        if !text.contains(char::is_control) {
            self.0.push_str(text);
            return;
        }
        for c in text.chars() {
            if c.is_control() { self.0.extend(c.escape_default()) } else { self.0.push(c) }
        }
    }

    fn field(&mut self, text: &str) {
        if text.is_empty() || text.contains([' ', '"']) {
            let _ = write!(self.0, "{text:?}");
        } else {
            self.escaped(text);
        }
    }
}

impl<'kvs> VisitSource<'kvs> for Line {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let _ = write!(self.0, " {key}=");
        match (value.to_i64(), value.to_f64()) {
            (Some(n), _) => {
                let _ = write!(self.0, "{n}");
            }
            (None, Some(n)) => {
                let _ = write!(self.0, "{n:?}");
            }
            _ => match value.to_borrowed_str() {
                Some(text) => self.field(text),
                None => self.field(&value.to_string()),
            },
        }
        Ok(())
    }
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
        let mut line = super::Line(String::new());
        line.escaped("a\r\nINFO forged\u{1b}[0m");
        line.field(" \n");
        line.field("b\n");
        assert_eq!(line.0, "a\\r\\nINFO forged\\u{1b}[0m\" \\n\"b\\n");
    }
}
