//! `org`: organizations, and how they are linked.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Subcommand, ValueEnum};
use scim_core::org::{Adoption, DomainPolicy, MembershipPolicy, Plan};
use serde_json::json;

use super::desk::{Desk, Plan as Planned, object, path};
use super::input::{Stdin, StdinOnly};
use super::output::{Format, Output};
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum Org {
    /// Make an organization
    Create {
        /// Its name
        #[arg(long)]
        name: String,
        /// Make an Admin Organization
        #[arg(long)]
        admin: bool,
        /// The address of its owner
        #[arg(long)]
        owner: Option<String>,
        /// Whose users it takes: those of any e-mail domain, or of claimed ones
        #[arg(long, default_value = "claimed")]
        domains: DomainPolicy,
        /// What was bought: enterprise or other
        #[arg(long)]
        plan: Option<Plan>,
        #[command(flatten)]
        output: Output,
    },
    /// List the organizations
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Show an organization
    Show {
        /// Its id
        org: String,
        #[command(flatten)]
        output: Output,
    },
    /// Change what an organization is called, or its options; what is left out stays
    Set {
        /// Its id
        org: String,
        /// Its name
        #[arg(long)]
        name: Option<String>,
        /// What was bought: enterprise or other
        #[arg(long)]
        plan: Option<Plan>,
        /// Whose users it takes: those of any e-mail domain, or of claimed ones
        #[arg(long)]
        domains: Option<DomainPolicy>,
        /// Which accounts that are there its directory takes over: by_verified_domain or invited_only
        #[arg(long)]
        adoption: Option<Adoption>,
        /// Whether an Admin Organization approves each link
        #[arg(long)]
        require_approval: Option<bool>,
        #[command(flatten)]
        output: Output,
    },
    /// Delete an organization with its directory
    Delete {
        /// Its id
        org: String,
        #[command(flatten)]
        plan: Planned,
    },
    /// Link an organization to the Admin Organization that issued a code
    Link {
        /// Its id
        org: String,
        /// The code: - reads it from standard input
        #[arg(long, value_name = "-", value_parser = StdinOnly)]
        code: Stdin,
        /// The SCIM Name to begin with
        #[arg(long)]
        scim_name: Option<String>,
        #[command(flatten)]
        plan: Planned,
    },
    /// Unlink an organization; its own settings count again
    Unlink {
        /// Its id
        org: String,
        /// What becomes of members by a group
        #[arg(long, value_enum)]
        members: Members,
        #[command(flatten)]
        plan: Planned,
    },
    /// Say how people of the Admin Organization's domains become members of a linked organization
    Membership {
        /// The linked organization's id
        org: String,
        /// additive: by a group, and by hand; authoritative: by a group only
        policy: MembershipPolicy,
        #[command(flatten)]
        plan: Planned,
    },
    /// List the organizations linked to an Admin Organization
    Linked {
        /// The Admin Organization's id
        org: String,
        #[command(flatten)]
        output: Output,
    },
    /// List the groups of an organization's directory, and what they match
    Groups {
        /// Its id
        org: String,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Members {
    /// They stay, as if added by hand
    Keep,
    /// They go, unless they are members for another reason
    Remove,
}

impl Org {
    pub(super) fn run(self, config: &Config) -> Result<ExitCode> {
        let desk = Desk::open(config)?;
        match self {
            Self::Create { name, admin, owner, domains, plan, output } => {
                let kind = admin.then(|| "admin".to_owned());
                let domains = Some(domains.to_string());
                let body = object([
                    ("name", Some(name)),
                    ("scim_domains", domains),
                    ("kind", kind),
                    ("owner", owner),
                    ("plan", plan.map(|plan| plan.to_string())),
                ]);
                let mut made = desk.call("POST", "/organizations", "", Some(&body))?;
                // The owner gains what was asked for: nothing that a person has to be told.
                if let Some(made) = made.as_object_mut().filter(|_| output.format == Format::Table)
                {
                    made.remove("effects");
                }
                desk.show(output, &made)
            }
            Self::List { output } => {
                output.list(&desk.list("/organizations", "")?);
                Ok(ExitCode::SUCCESS)
            }
            Self::Show { org, output } => {
                desk.show(output, &desk.get(&path(&["organizations", &org]))?)
            }
            Self::Set { org, name, plan, domains, adoption, require_approval, output } => {
                let mut body = object([
                    ("name", name),
                    ("plan", plan.map(|plan| plan.to_string())),
                    ("scim_domains", domains.map(|domains| domains.to_string())),
                    ("adoption", adoption.map(|adoption| adoption.to_string())),
                ]);
                if let (Some(body), Some(wanted)) = (body.as_object_mut(), require_approval) {
                    body.insert("require_approval".into(), wanted.into());
                }
                let path = path(&["organizations", &org]);
                desk.show(output, &desk.call("PATCH", &path, "", Some(&body))?)
            }
            Self::Delete { org, plan } => {
                desk.change(&plan, "DELETE", &path(&["organizations", &org]), None)
            }
            Self::Link { org, code, scim_name, plan } => {
                let code = code.read("linking code")?;
                let body = object([("code", Some(code)), ("scim_name", scim_name)]);
                desk.change(&plan, "POST", &path(&["organizations", &org, "link"]), Some(&body))
            }
            Self::Unlink { org, members, plan } => {
                let how = match members {
                    Members::Keep => "keep",
                    Members::Remove => "remove",
                };
                let body = json!({"members": how});
                desk.change(&plan, "POST", &path(&["organizations", &org, "unlink"]), Some(&body))
            }
            Self::Membership { org, policy, plan } => {
                let admin = desk.admin_of(&org)?;
                let linked = ["organizations", &admin, "linked-organizations", &org, "membership"];
                let body = json!({"membership": policy.to_string()});
                desk.change(&plan, "PUT", &path(&linked), Some(&body))
            }
            Self::Linked { org, output } => {
                let path = path(&["organizations", &org, "linked-organizations"]);
                output.list(&desk.list(&path, "")?);
                Ok(ExitCode::SUCCESS)
            }
            Self::Groups { org, output } => {
                output.list(&desk.list(&path(&["organizations", &org, "scim", "groups"]), "")?);
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}
