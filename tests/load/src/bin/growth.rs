//! Measures the server as an organization grows.

use anyhow::Result;
use clap::Parser;
use scim_load::growth;
use scim_load::program::{self, Place};
use scim_load::workload::Settings;

/// Measures the server as an organization grows. The plot goes beside the document.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    settings: Settings,
    /// Users in the organization
    #[arg(long, value_delimiter = ',', default_value = "10000,100000,1000000")]
    sizes: Vec<usize>,
    #[command(flatten)]
    place: Place,
}

fn main() -> Result<()> {
    let Options { settings, sizes, place } = Options::parse();
    let binary = place.server_binary()?;
    let measured = growth::measure(&binary, place.server()?, &sizes, &settings);
    let (table, plot) = program::run(measured)?;
    place.write("growth", &table)?;
    if let Some(document) = &place.document {
        std::fs::write(document.with_file_name("growth.svg"), plot)?;
    }
    Ok(())
}
