//! `domain`: claimed domains.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::desk::{Desk, path};
use super::output::Output;
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum Domain {
    /// Claim a domain; prints the TXT record to publish
    Add {
        /// The organization's id
        #[arg(long)]
        org: String,
        /// The domain
        domain: String,
        #[command(flatten)]
        output: Output,
    },
    /// List the claims of an organization
    List {
        /// The organization's id
        #[arg(long)]
        org: String,
        #[command(flatten)]
        output: Output,
    },
    /// Look for the TXT record now
    Verify(ClaimedDomain),
    /// Move a linked organization's claim to its Admin Organization
    Transfer(ClaimedDomain),
    /// Give up a claim
    Withdraw(ClaimedDomain),
}

#[derive(Debug, Args)]
pub(super) struct ClaimedDomain {
    /// The organization's id
    #[arg(long)]
    org: String,
    /// The domain, or the claim's id
    domain: String,
    #[command(flatten)]
    output: Output,
}

impl Domain {
    pub(super) fn run(self, config: &Config) -> Result<ExitCode> {
        let desk = Desk::open(config)?;
        let (claimed, method, action) = match self {
            Self::Add { org, domain, output } => {
                let path = path(&["organizations", &org, "domains"]);
                let made = desk.call("POST", &path, "", Some(&json!({"domain": domain})))?;
                return desk.show(output, &made);
            }
            Self::List { org, output } => {
                output.list(&desk.list(&path(&["organizations", &org, "domains"]), "")?);
                return Ok(ExitCode::SUCCESS);
            }
            Self::Verify(claimed) => (claimed, "POST", ":verify"),
            Self::Transfer(claimed) => (claimed, "POST", ":transfer"),
            Self::Withdraw(claimed) => (claimed, "DELETE", ""),
        };
        let id = desk.claim(&claimed.org, &claimed.domain)?;
        let path = format!("{}{action}", path(&["organizations", &claimed.org, "domains", &id]));
        match desk.call(method, &path, "", None)? {
            Value::Null => {
                println!("Withdrawn: {}.", claimed.domain);
                Ok(ExitCode::SUCCESS)
            }
            done => desk.show(claimed.output, &done),
        }
    }
}
