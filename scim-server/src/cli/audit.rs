//! `audit export`

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::desk::Desk;
use super::output::Output;
use crate::config::Config;
use crate::private_file;

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
        #[command(flatten)]
        output: Output,
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
        let Self::Export { org, format, file, output } = self;
        let desk = Desk::open(config)?;
        let export = format!("/organizations/{org}/audit-exports");
        desk.call("POST", &export, "", Some(&json!({"format": format.word()})))?;
        let mut writer: Box<dyn Write> = match &file {
            None => Box::new(std::io::stdout().lock()),
            Some(file) => {
                let made = private_file::rewrite(file);
                let made = made.with_context(|| format!("{} can't be written", file.display()))?;
                Box::new(BufWriter::new(made))
            }
        };
        let path = format!("/organizations/{org}/audit-events");
        let closed = "the export can't be written any further";
        let mut written = 0;
        match format {
            Format::Ndjson => desk.each(&path, "&order=oldest", |event| {
                written += 1;
                writeln!(writer, "{event}").context(closed)
            })?,
            Format::Csv => {
                let mut csv = csv::Writer::from_writer(&mut writer);
                csv.write_record(COLUMNS)?;
                desk.each(&path, "&order=oldest", |event| {
                    written += 1;
                    csv.write_record(
                        COLUMNS.map(|column| cell(event.get(column).unwrap_or(&Value::Null))),
                    )
                    .context(closed)
                })?;
                csv.flush().context(closed)?;
            }
        }
        writer.flush().context(closed)?;
        drop(writer);
        let told = json!({"written": written, "file": file});
        output.done_beside(file.is_none(), &format!("{written} entries written"), &told);
        Ok(())
    }
}

impl Format {
    const fn word(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }
}

/// A value as a cell. One that a spreadsheet would take for a formula is kept from being one.
fn cell(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text }
}
