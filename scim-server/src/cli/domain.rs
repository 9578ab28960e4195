//! `domain`: claimed domains.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use super::desk::{Desk, Plan, path};
use super::output::{Format, Output, text};
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
    Transfer(MovedDomain),
    /// Give up a claim
    Withdraw(MovedDomain),
}

#[derive(Debug, Args)]
pub(super) struct MovedDomain {
    /// The organization's id
    #[arg(long)]
    org: String,
    /// The domain, or the claim's id
    domain: String,
    #[command(flatten)]
    plan: Plan,
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
        let claim = |org: &str, domain: &str, action: &str| -> Result<String> {
            let id = desk.claim(org, domain)?;
            Ok(format!("{}{action}", path(&["organizations", org, "domains", &id])))
        };
        match self {
            Self::Add { org, domain, output } => {
                let path = path(&["organizations", &org, "domains"]);
                let made = desk.call("POST", &path, "", Some(&json!({"domain": domain})))?;
                output.one(&made);
                if output.format == Format::Table {
                    eprintln!(
                        "Publish record_value as a TXT record at one of record_names, then: scim-server domain \
                         verify --org {org} {domain}"
                    );
                }
                Ok(ExitCode::SUCCESS)
            }
            Self::List { org, output } => {
                output.list(&desk.list(&path(&["organizations", &org, "domains"]), "")?);
                Ok(ExitCode::SUCCESS)
            }
            Self::Verify(ClaimedDomain { org, domain, output }) => {
                let looked = desk.call("POST", &claim(&org, &domain, ":verify")?, "", None)?;
                output.one(&looked);
                if output.format == Format::Table {
                    match text(&looked, "/finding") {
                        Some("absent") => eprintln!(
                            "DNS has no such record, or not yet: publish record_value as a TXT record at one of \
                             record_names, and try again in some minutes."
                        ),
                        Some("unknown") => {
                            eprintln!("DNS gave no answer; try again in some minutes.")
                        }
                        _ => {}
                    }
                }
                Ok(ExitCode::SUCCESS)
            }
            Self::Transfer(MovedDomain { org, domain, plan }) => {
                desk.change(plan, "POST", &claim(&org, &domain, ":transfer")?, None)
            }
            Self::Withdraw(MovedDomain { org, domain, plan }) => {
                desk.change(plan, "DELETE", &claim(&org, &domain, "")?, None)
            }
        }
    }
}
