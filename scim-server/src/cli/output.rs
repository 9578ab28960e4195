//! How commands print: tables for people, JSON for programs.

use crate::out::say;
use clap::{Args, ValueEnum};
use comfy_table::{Table, presets};
use serde_json::Value;

#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Output {
    /// How to print
    #[arg(id = "output", short = 'o', long = "output", value_enum, default_value = "table")]
    pub(super) format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

impl Output {
    /// One thing: a line for each of its facts.
    pub(super) fn one(self, value: &Value) {
        match self.format {
            Format::Json => say!("{value}"),
            Format::Table => {
                let mut facts = Vec::new();
                collect_facts(String::new(), value, &mut facts);
                say!("{}", table(facts));
            }
        }
    }

    /// Several of a kind: a line for each.
    pub(super) fn list(self, values: &[Value]) {
        match (self.format, values.first().and_then(Value::as_object)) {
            (Format::Json, _) => say!("{}", Value::from(values.to_vec())),
            (Format::Table, None) => say!("None."),
            (Format::Table, Some(first)) => {
                let empty = |value: &Value| value.is_null() || value == &Value::from("");
                let told = |name: &&String| {
                    values.iter().filter_map(|value| value.get(*name)).any(|value| !empty(value))
                };
                let names: Vec<&String> = first.keys().filter(told).collect();
                let row = |value: &Value| {
                    names
                        .iter()
                        .map(|name| value.get(*name).map(plain).unwrap_or_default())
                        .collect()
                };
                let header = names.iter().map(|name| (*name).clone()).collect();
                say!("{}", table(std::iter::once(header).chain(values.iter().map(row))));
            }
        }
    }

    /// What was done: a sentence, or the same as JSON.
    pub(super) fn done(self, sentence: &str, value: &Value) {
        say!("{}", self.told(sentence, value));
    }

    /// What was done, where standard output may hold something else already.
    pub(super) fn done_beside(self, data_is_printed: bool, sentence: &str, value: &Value) {
        if data_is_printed {
            eprintln!("{}", self.told(sentence, value));
        } else {
            self.done(sentence, value);
        }
    }

    /// What to do next, for people.
    pub(super) fn hint(self, sentence: &str) {
        if self.format == Format::Table {
            eprintln!("{sentence}");
        }
    }

    fn told(self, sentence: &str, value: &Value) -> String {
        match self.format {
            Format::Json => value.to_string(),
            Format::Table => sentence.to_owned(),
        }
    }
}

/// The text at a JSON pointer (RFC 6901).
pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// Columns without lines around them, so that what is printed can be cut and searched.
fn table(rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).add_rows(rows);
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    table.trim_fmt()
}

/// The facts of a value, each with the way to it: `own.certificates.1.subject`.
fn collect_facts(name: String, value: &Value, facts: &mut Vec<Vec<String>>) {
    let inside = |part: &str| {
        if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") }
    };
    match value {
        Value::Null => {}
        Value::Array(list) if list.is_empty() => {}
        Value::Object(object) => {
            object.iter().for_each(|(part, value)| collect_facts(inside(part), value, facts));
        }
        Value::Array(list) if list.iter().any(Value::is_object) => {
            let numbered = (1..).zip(list);
            numbered.for_each(|(n, value)| collect_facts(inside(&format!("{n}")), value, facts));
        }
        // A certificate in PEM: what it says stands beside it.
        Value::String(text) if text.contains('\n') => {}
        value => facts.push(vec![name, plain(value)]),
    }
}

/// A value in a cell. Control characters would be orders to the terminal.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(object) => {
            let facts = object.iter().filter(|(_, value)| !value.is_null());
            facts
                .map(|(name, value)| format!("{name} {}", plain(value)))
                .collect::<Vec<_>>()
                .join(" ")
        }
        other => other.to_string(),
    }
}
