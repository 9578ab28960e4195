//! The program. Exit codes: 0 done, 1 failed (one sentence on standard error), 2 not understood.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match scim_server::cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("scim-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}
