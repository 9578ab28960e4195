//! The program. Exit codes: 0 done, 1 failed (one sentence on standard error), 2 not understood, 3 a dry
//! run that found changes.

use std::process::ExitCode;

use clap::Parser as _;

/// What Rust allocates by. SQLite keeps C's `malloc`: replaced there too, it hangs under libraries that take
/// the place of the clock, which the tests of deadlines need.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match scim_server::cli::Cli::parse().run() {
        Ok(code) => match scim_server::out::failure() {
            None => code,
            Some(failure) => {
                eprintln!("scim-server: {failure}");
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            eprintln!("scim-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}
