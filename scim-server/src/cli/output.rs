//! How commands print: tables for people, JSON for programs.

use clap::{Args, ValueEnum};
use serde_json::Value;

#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Output {
    /// How to print
    #[arg(short = 'o', long = "output", value_enum, default_value = "table")]
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
    pub(super) fn one(self, value: &Value) {
        match self.format {
            Format::Json => println!("{value}"),
            Format::Table => {
                let facts: Vec<_> = value.as_object().into_iter().flatten().collect();
                let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
                for (name, value) in facts.into_iter().filter(|(_, value)| !value.is_null()) {
                    println!("{name:width$}  {}", plain(value));
                }
            }
        }
    }

    pub(super) fn list(self, values: &[Value]) {
        if self.format == Format::Json {
            println!("{}", Value::from(values.to_vec()));
            return;
        }
        let Some(Value::Object(first)) = values.first() else {
            println!("None.");
            return;
        };
        let names: Vec<&String> = first.keys().collect();
        let cell = |value: &Value, name: &str| value.get(name).map(plain).unwrap_or_default();
        let widths: Vec<usize> = names
            .iter()
            .map(|name| {
                let cells = values.iter().map(|value| cell(value, name).chars().count());
                cells.chain([name.len()]).max().unwrap_or_default()
            })
            .collect();
        let line = |cells: Vec<String>| {
            let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
        };
        line(names.iter().map(|name| (*name).clone()).collect());
        for value in values {
            line(names.iter().map(|name| cell(value, name)).collect());
        }
    }
}

/// The text at a JSON pointer (RFC 6901).
pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer).and_then(Value::as_str)
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(list) if list.iter().all(Value::is_string) => {
            list.iter().map(plain).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}
