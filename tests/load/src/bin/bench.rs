//! Measures the server against the ceiling, in one run.

use anyhow::Result;
use clap::Parser;
use scim_load::bench::compare;
use scim_load::program::{self, Place};
use scim_load::workload::Settings;

/// Measures the server against the ceiling: target, figure and ratio, phase by phase.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    settings: Settings,
    /// Times that each phase is run in turns; the median counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[command(flatten)]
    place: Place,
}

fn main() -> Result<()> {
    let Options { settings, rounds, place } = Options::parse();
    let compared = compare(place.server()?, place.ceiling()?, &settings, rounds);
    let table = program::run(compared)?;
    place.write(&format!("{} users", settings.users), &table)
}
