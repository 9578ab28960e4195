//! Drives the workload against one SCIM server.

use anyhow::{Result, ensure};
use clap::Parser;
use scim_load::connection::{Endpoint, Token};
use scim_load::program;
use scim_load::table;
use scim_load::workload::{Phase, Settings, Subject};

/// Measures a SCIM server.
#[derive(Debug, Parser)]
struct Options {
    /// The base URL, like http://127.0.0.1:8080/scim/v2
    #[arg(long)]
    base_url: String,
    /// The bearer token
    #[arg(long, env = "SCIM_LOAD_TOKEN", default_value = "")]
    token: String,
    /// The server's process id: its CPU time and memory are told
    #[arg(long)]
    pid: Option<u32>,
    #[command(flatten)]
    settings: Settings,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let (endpoint, token) = (Endpoint::new(&options.base_url)?, Token::new(&options.token));
    let mut subject = Subject::new(endpoint, &token, options.pid);
    let failed = program::run(async {
        let mut failed = 0;
        println!("{}", table::HEAD);
        for phase in Phase::ALL.into_iter().filter(|p| options.settings.runs(*p)) {
            for figures in subject.run(phase, &options.settings).await? {
                println!("{}", table::line(&figures));
                failed += figures.errors + figures.failed_checks;
            }
        }
        Ok(failed)
    })?;
    ensure!(failed == 0, "{failed} requests failed or were answered wrongly");
    Ok(())
}
