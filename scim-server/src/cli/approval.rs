//! `link-request`: links that an Admin Organization approves first.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use serde_json::json;

use super::desk::{Desk, Plan, path};
use super::output::Output;
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum LinkRequest {
    /// List the organizations that wait to be linked
    List {
        /// The Admin Organization's id
        #[arg(long)]
        org: String,
        #[command(flatten)]
        output: Output,
    },
    /// Show what an organization has asked
    Show {
        /// The id of the organization that asks
        org: String,
        #[command(flatten)]
        output: Output,
    },
    /// Link the organization that asks
    Approve {
        /// The Admin Organization's id
        #[arg(long)]
        org: String,
        /// The request's id, req_…
        id: String,
        #[command(flatten)]
        plan: Plan,
    },
    /// Refuse to link it
    Refuse {
        /// The Admin Organization's id
        #[arg(long)]
        org: String,
        /// The request's id, req_…
        id: String,
        #[command(flatten)]
        output: Output,
    },
    /// Take back what an organization has asked
    Withdraw {
        /// The id of the organization that asks
        org: String,
        #[command(flatten)]
        output: Output,
    },
}

impl LinkRequest {
    pub(super) fn run(self, config: &Config) -> Result<ExitCode> {
        let desk = Desk::open(config)?;
        let of = |org: &str, id: &str, action: &str| {
            path(&["organizations", org, "link-requests", &format!("{id}:{action}")])
        };
        match self {
            Self::List { org, output } => {
                output.list(&desk.list(&path(&["organizations", &org, "link-requests"]), "")?);
                Ok(ExitCode::SUCCESS)
            }
            Self::Show { org, output } => {
                desk.show(output, &desk.get(&path(&["organizations", &org, "link-request"]))?)
            }
            Self::Approve { org, id, plan } => {
                desk.change(&plan, "POST", &of(&org, &id, "approve"), None)
            }
            Self::Refuse { org, id, output } => {
                desk.call("POST", &of(&org, &id, "refuse"), "", None)?;
                output.done(&format!("Refused {id}."), &json!({"refused": id}));
                Ok(ExitCode::SUCCESS)
            }
            Self::Withdraw { org, output } => {
                desk.call("DELETE", &path(&["organizations", &org, "link-request"]), "", None)?;
                let sentence = format!("Took back the request of {org} to be linked.");
                output.done(&sentence, &json!({"withdrawn": org}));
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}
