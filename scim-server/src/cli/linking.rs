//! `link-code` and `scim-name`: what links organizations, and what groups find them by.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use serde_json::json;

use super::desk::{Desk, Plan, path};
use super::output::{Format, Output};
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum LinkCode {
    /// Issue a code; it is shown once, and good for three days
    Issue {
        /// The Admin Organization's id
        #[arg(long)]
        org: String,
        /// The only organization that may redeem it
        #[arg(long = "for")]
        intended: Option<String>,
        /// What it is for
        #[arg(long)]
        note: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// List the codes
    List {
        /// The Admin Organization's id
        #[arg(long)]
        org: String,
        #[command(flatten)]
        output: Output,
    },
    /// Revoke a code
    Revoke {
        /// The Admin Organization's id
        #[arg(long)]
        org: String,
        /// The code's id, code_…
        id: String,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ScimName {
    /// Set the SCIM Name of a linked organization
    Set {
        /// The linked organization's id
        org: String,
        /// The name
        name: String,
        #[command(flatten)]
        plan: Plan,
    },
    /// Clear it: no group matches any more
    Clear {
        /// The linked organization's id
        org: String,
        #[command(flatten)]
        plan: Plan,
    },
}

impl LinkCode {
    pub(super) fn run(self, config: &Config) -> Result<ExitCode> {
        let desk = Desk::open(config)?;
        match self {
            Self::Issue { org, intended, note, output } => {
                let body = json!({"intended_organization": intended, "note": note});
                let path = path(&["organizations", &org, "link-codes"]);
                let made = desk.call("POST", &path, "", Some(&body))?;
                output.one(&made);
                if output.format == Format::Table {
                    eprintln!(
                        "The code is shown this once, and is good for three days and one link. Whoever \
                         administers the organization redeems it: scim-server org link ORG --code -"
                    );
                }
                Ok(ExitCode::SUCCESS)
            }
            Self::List { org, output } => {
                output.list(&desk.list(&path(&["organizations", &org, "link-codes"]), "")?);
                Ok(ExitCode::SUCCESS)
            }
            Self::Revoke { org, id, output } => {
                let path = path(&["organizations", &org, "link-codes", &id]);
                desk.show(output, &desk.call("DELETE", &path, "", None)?)
            }
        }
    }
}

impl ScimName {
    pub(super) fn run(self, config: &Config) -> Result<ExitCode> {
        let desk = Desk::open(config)?;
        let (org, name, plan) = match self {
            Self::Set { org, name, plan } => (org, Some(name), plan),
            Self::Clear { org, plan } => (org, None, plan),
        };
        let admin = desk.admin_of(&org)?;
        let path = path(&["organizations", &admin, "linked-organizations", &org]);
        desk.change(&plan, "PATCH", &path, Some(&json!({"scim_name": name})))
    }
}
