//! Measures the server as an organization grows.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Parser;
use scim_load::bench::{Running, write_between_marks};
use scim_load::growth;
use scim_load::workload::Settings;

/// Measures the server as an organization grows.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    settings: Settings,
    /// Users in the organization
    #[arg(long, value_delimiter = ',', default_value = "10000,100000,1000000")]
    sizes: Vec<usize>,
    /// The folder for the database
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    /// The document to write the table into; the plot goes beside it
    #[arg(long)]
    document: Option<PathBuf>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    std::fs::create_dir_all(&options.folder)?;
    let own = std::env::current_exe()?;
    let binary = own.parent().context("no folder to look in")?.join("scim-server");
    let server = Running::server(&binary, &options.folder)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let measured = growth::measure(&binary, server, &options.sizes, &options.settings);
    let (table, plot) = tokio::task::LocalSet::new().block_on(&runtime, measured)?;
    println!("\n{table}");
    if let Some(document) = options.document {
        write_between_marks(&document, "growth", &table)?;
        std::fs::write(document.with_file_name("growth.svg"), plot)?;
    }
    Ok(())
}
