//! Measures the server with many organizations.

use anyhow::Result;
use clap::Parser;
use scim_load::organizations;
use scim_load::program::{self, Place};
use scim_load::workload::{Settings, Size};

/// Measures the server with many organizations beside the same server with one, of as many users as --users says.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    settings: Settings,
    /// Organizations
    #[arg(long, default_value_t = 10_000)]
    organizations: usize,
    /// Users in each of them
    #[arg(long, default_value_t = 100)]
    users_each: usize,
    /// Times that each phase is run in turns; the median counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[command(flatten)]
    place: Place,
}

fn main() -> Result<()> {
    let Options { settings, organizations, users_each, rounds, place } = Options::parse();
    let binary = place.server_binary()?;
    let sizes =
        [Size { organizations: 1, users_each: settings.users }, Size { organizations, users_each }];
    let servers = [place.server()?, place.server()?];
    let measured = organizations::measure(&binary, servers, sizes, &settings, rounds);
    place.write("organizations", &program::run(measured)?)
}
