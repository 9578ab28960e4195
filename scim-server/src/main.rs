//! The program. Exit codes: 0 done, 1 failed (one sentence on standard error), 2 not understood, 3 a dry
//! run that found changes.

use std::process::ExitCode;

use clap::Parser as _;

/// Also what SQLite allocates by: with its feature `override` it takes the place of C's `malloc`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match scim_server::cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("scim-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}
