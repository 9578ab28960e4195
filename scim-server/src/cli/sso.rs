//! `sso`: single sign-on settings.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use serde_json::{Value, json};

use super::desk::{Desk, Plan, encode, path};
use super::input::Stdin;
use super::output::Output;
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum Sso {
    /// Show the settings of an organization, and which count for it
    Show {
        /// The organization's id
        #[arg(long)]
        org: String,
        #[command(flatten)]
        output: Output,
    },
    /// Store settings, as JSON like the API takes
    Set {
        /// The organization's id
        #[arg(long)]
        org: String,
        /// The file with the settings: - reads standard input
        #[arg(long)]
        file: PathBuf,
        #[command(flatten)]
        plan: Plan,
    },
    /// Remove disabled settings for good
    Remove {
        /// The organization's id
        #[arg(long)]
        org: String,
        #[command(flatten)]
        output: Output,
    },
    /// Tell how somebody signs in
    Resolve {
        /// The person's address
        email: String,
        #[command(flatten)]
        output: Output,
    },
}

impl Sso {
    pub(super) fn run(self, config: &Config) -> Result<ExitCode> {
        let desk = Desk::open(config)?;
        match self {
            Self::Show { org, output } => {
                let effective = desk.get(&path(&["organizations", &org, "sso", "effective"]))?;
                // Without settings of its own there are still those that count.
                let own = desk.find(&path(&["organizations", &org, "sso"]))?;
                let own = own.map(|own| reachable(&desk, own));
                desk.show(output, &json!({"own": own, "effective": effective}))
            }
            Self::Set { org, file, plan } => {
                let text = if file.as_os_str() == "-" {
                    Stdin.read("settings")?
                } else {
                    std::fs::read_to_string(&file)
                        .with_context(|| format!("{} can't be read", file.display()))?
                };
                let body: Value =
                    serde_json::from_str(&text).context("the settings are not JSON; scim-server sso show -o json shows what they look like")?;
                let path = path(&["organizations", &org, "sso"]);
                desk.make(&plan, "PUT", &path, Some(&body), |stored| {
                    plan.output.one(&reachable(&desk, stored));
                })
            }
            Self::Remove { org, output } => {
                desk.call("DELETE", &path(&["organizations", &org, "sso"]), "", None)?;
                let sentence = format!("Removed the single sign-on settings of {org}.");
                output.done(&sentence, &json!({"removed": org}));
                Ok(ExitCode::SUCCESS)
            }
            Self::Resolve { email, output } => {
                let query = format!("email={}", encode(&email));
                desk.show(output, &desk.call("GET", "/sso/resolve", &query, None)?)
            }
        }
    }
}

/// Settings with what the identity provider needs to know, or a word about what is missing for that.
fn reachable(desk: &Desk, mut settings: Value) -> Value {
    if desk.public_url.is_none() {
        if let Some(relative) = settings.get_mut("service_provider") {
            relative.take();
        }
        eprintln!(
            "What the identity provider needs to know (entity id, assertion consumer service, redirect URI) \
             begins with the URL that the server is reached by: repeat this with --public-url \
             https://scim.example.com, or set SCIM_PUBLIC_URL."
        );
    }
    settings
}
