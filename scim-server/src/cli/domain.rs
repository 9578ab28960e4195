//! `domain`: claimed domains.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use super::desk::{Desk, Plan, path};
use super::output::{Output, text};
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
        plan: Plan,
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
    plan: Plan,
}

impl Domain {
    pub(super) fn run(self, config: &Config) -> Result<ExitCode> {
        let desk = Desk::open(config)?;
        let claim = |org: &str, domain: &str, action: &str| -> Result<String> {
            let id = desk.claim(org, domain)?;
            Ok(format!("{}{action}", path(&["organizations", org, "domains", &id])))
        };
        match self {
            Self::Add { org, domain, plan } => {
                let path = path(&["organizations", &org, "domains"]);
                desk.make(&plan, "POST", &path, Some(&json!({"domain": domain})), |made| {
                    plan.output.one(&made);
                    plan.output.hint(&format!(
                        "Publish record_value as a TXT record at one of record_names, then: scim-server domain \
                         verify --org {org} {domain}"
                    ));
                })
            }
            Self::List { org, output } => {
                output.list(&desk.list(&path(&["organizations", &org, "domains"]), "")?);
                Ok(ExitCode::SUCCESS)
            }
            Self::Verify(ClaimedDomain { org, domain, plan }) => {
                desk.make(&plan, "POST", &claim(&org, &domain, ":verify")?, None, |looked| {
                    plan.output.one(&looked);
                    match text(&looked, "/finding") {
                        Some("absent") => plan.output.hint(
                            "DNS has no such record, or not yet: publish record_value as a TXT record at one of \
                             record_names, and try again in some minutes.",
                        ),
                        Some("unknown") => {
                            plan.output.hint("DNS gave no answer; try again in some minutes.");
                        }
                        _ => {}
                    }
                })
            }
            Self::Transfer(ClaimedDomain { org, domain, plan }) => {
                desk.change(&plan, "POST", &claim(&org, &domain, ":transfer")?, None)
            }
            Self::Withdraw(ClaimedDomain { org, domain, plan }) => {
                desk.change(&plan, "DELETE", &claim(&org, &domain, "")?, None)
            }
        }
    }
}
