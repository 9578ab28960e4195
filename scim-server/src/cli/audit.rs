//! `audit export`

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Subcommand, ValueEnum};
use serde_json::Value;

use super::administration::Desk;
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Write the audit log of an organization, the oldest entry first
    Export {
        /// The organization's id
        #[arg(long)]
        org: String,
        /// How to write it
        #[arg(long, value_enum, default_value = "ndjson")]
        format: Format,
        /// The file to write [default: standard output]
        #[arg(long)]
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Comma-separated values with a header
    Csv,
    /// A JSON object a line
    Ndjson,
}

const COLUMNS: [&str; 8] =
    ["id", "at", "name", "actor", "organization", "target", "request_id", "detail"];

impl Audit {
    pub(super) fn run(self, config: &Config) -> Result<()> {
        let Self::Export { org, format, file } = self;
        let desk = Desk::open(config)?;
        let path = format!("/organizations/{org}/audit-events");
        let events = desk.list(&path, "&order=oldest")?;
        let mut bytes = Vec::new();
        match format {
            Format::Ndjson => {
                for event in &events {
                    writeln!(bytes, "{event}")?;
                }
            }
            Format::Csv => {
                let mut csv = csv::Writer::from_writer(&mut bytes);
                csv.write_record(COLUMNS)?;
                for event in &events {
                    csv.write_record(COLUMNS.map(|column| cell(&event[column])))?;
                }
                csv.flush()?;
            }
        }
        match file {
            None => std::io::stdout().write_all(&bytes).context("standard output is closed"),
            Some(file) => std::fs::write(&file, bytes)
                .with_context(|| format!("{} can't be written", file.display())),
        }
    }
}

/// A value as a cell. One that a spreadsheet would take for a formula is kept from being one.
fn cell(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text }
}
