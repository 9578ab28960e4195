//! Measures the server against the ceiling, in one run.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Parser;
use scim_load::bench::{Running, compare, write_between_marks};
use scim_load::workload::Settings;

/// Measures the server against the ceiling: target, figure and ratio, phase by phase.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    settings: Settings,
    /// Times that each phase is run in turns; the median counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The folder for the databases: what is measured is its disk, too
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    /// The document to write the table into
    #[arg(long)]
    document: Option<PathBuf>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    std::fs::create_dir_all(&options.folder)?;
    let own = std::env::current_exe()?;
    let beside = own.parent().context("no folder to look in")?;
    let server = Running::server(&beside.join("scim-server"), &options.folder)?;
    let ceiling = Running::ceiling(&beside.join("ceiling"), &options.folder)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let compared = compare(server, ceiling, &options.settings, options.rounds);
    let table = tokio::task::LocalSet::new().block_on(&runtime, compared)?;
    println!("\n{table}");
    if let Some(document) = options.document {
        let mark = format!("{} users", options.settings.users);
        write_between_marks(&document, &mark, &table)?;
        println!("written to {}", document.display());
    }
    Ok(())
}
