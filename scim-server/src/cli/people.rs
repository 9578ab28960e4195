//! `member`, `account`, `owner`, `explain`: who is in an organization, and why.

use crate::out::say;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use scim_core::org::Role;
use serde_json::{Value, json};

use super::desk::{Desk, Plan, encode, object, path};
use super::input::{Stdin, StdinOnly};
use super::output::{Format, Output, text};
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum Member {
    /// List the members with their grants
    List {
        /// The organization's id
        #[arg(long)]
        org: String,
        #[command(flatten)]
        output: Output,
    },
    /// Add a person by hand
    Add {
        /// The organization's id
        #[arg(long)]
        org: String,
        /// The person's address
        email: String,
        /// member, admin or owner
        #[arg(long, default_value = "member")]
        role: Role,
        #[command(flatten)]
        plan: Plan,
    },
    /// Remove a person who was added by hand
    Remove {
        /// The organization's id
        #[arg(long)]
        org: String,
        /// The person's address, or the account's id
        person: String,
        #[command(flatten)]
        plan: Plan,
    },
    /// Change a member's role
    Role {
        /// The organization's id
        #[arg(long)]
        org: String,
        /// The person's address, or the account's id
        person: String,
        /// member, admin or owner
        role: Role,
        #[command(flatten)]
        plan: Plan,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Account {
    /// Make an account
    Create {
        /// The person's address
        email: String,
        /// What to show for the person
        #[arg(long)]
        name: Option<String>,
        /// The password: - reads it from standard input
        #[arg(long, value_name = "-", value_parser = StdinOnly)]
        password: Option<Stdin>,
        #[command(flatten)]
        output: Output,
    },
    /// List the accounts
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Show an account, and what it is a member of
    Show {
        /// The person's address, or the account's id
        person: String,
        #[command(flatten)]
        output: Output,
    },
    /// Set a password; ends the sessions and personal tokens that there are
    SetPassword {
        /// The person's address, or the account's id
        person: String,
        /// The password: - reads it from standard input
        #[arg(long, value_name = "-", value_parser = StdinOnly)]
        password: Stdin,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Owner {
    /// Give an organization without an active owner one
    Recover {
        /// The organization's id
        #[arg(long)]
        org: String,
        /// The person's address
        email: String,
        #[command(flatten)]
        plan: Plan,
    },
}

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The organization's id
    #[arg(long)]
    org: String,
    /// The person's address
    email: String,
    #[command(flatten)]
    output: Output,
}

impl Member {
    pub(super) fn run(self, config: &Config) -> Result<ExitCode> {
        let desk = Desk::open(config)?;
        let one = |org: &str, person: &str| -> Result<String> {
            Ok(path(&["organizations", org, "members", &desk.account(org, person)?]))
        };
        match self {
            Self::List { org, output } => {
                let mut members = desk.list(&path(&["organizations", &org, "members"]), "")?;
                if output.format == Format::Table {
                    members.iter_mut().for_each(in_short);
                }
                output.list(&members);
                Ok(ExitCode::SUCCESS)
            }
            Self::Add { org, email, role, plan } => {
                let body = json!({"email": email, "role": role.to_string()});
                desk.change(&plan, "POST", &path(&["organizations", &org, "members"]), Some(&body))
            }
            Self::Remove { org, person, plan } => {
                desk.change(&plan, "DELETE", &one(&org, &person)?, None)
            }
            Self::Role { org, person, role, plan } => desk.change(
                &plan,
                "PATCH",
                &one(&org, &person)?,
                Some(&json!({"role": role.to_string()})),
            ),
        }
    }
}

/// A member's grants as words, for a table.
fn in_short(member: &mut Value) {
    let Some(member) = member.as_object_mut() else { return };
    let grants = member.get("grants").and_then(Value::as_array).into_iter().flatten();
    let words: Vec<String> = grants
        .map(|grant| {
            let source = text(grant, "/source").unwrap_or_default();
            match text(grant, "/group_name") {
                Some(name) => format!("{source} \"{name}\""),
                None => source.to_owned(),
            }
        })
        .collect();
    member.insert("grants".into(), words.join(", ").into());
}

impl Account {
    pub(super) fn run(self, config: &Config) -> Result<ExitCode> {
        let desk = Desk::open(config)?;
        match self {
            Self::Create { email, name, password, output } => {
                let password = password.map(|stdin| stdin.read("password")).transpose()?;
                let body = object([("email", Some(email)), ("name", name), ("password", password)]);
                let mut made = desk.call("POST", "/accounts", "", Some(&body))?;
                in_words(&mut made, output);
                desk.show(output, &made)
            }
            Self::List { output } => {
                let mut accounts = desk.list("/accounts", "")?;
                accounts.iter_mut().for_each(|account| in_words(account, output));
                output.list(&accounts);
                Ok(ExitCode::SUCCESS)
            }
            Self::Show { person, output } => {
                let mut account = find(&desk, &person)?;
                in_words(&mut account, output);
                desk.show(output, &account)
            }
            Self::SetPassword { person, password, output } => {
                let password = json!({"password": password.read("password")?});
                let account = find(&desk, &person)?;
                let id = text(&account, "/id").unwrap_or_default();
                desk.call("PUT", &path(&["accounts", id, "password"]), "", Some(&password))?;
                let sentence = format!(
                    "Set the password of {person}; what was signed in with it is signed out."
                );
                output.done(&sentence, &json!({"id": id, "has_password": true}));
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// An account, by its address or id.
fn find(desk: &Desk, person: &str) -> Result<Value> {
    if !person.contains('@') {
        return desk.get(&path(&["accounts", person]));
    }
    let found = desk.list("/accounts", &format!("&email={}", encode(person)))?;
    found.into_iter().next().with_context(|| {
        format!(
            "there is no account with the address {person}; scim-server account create {person} makes one"
        )
    })
}

/// An account's memberships as words, for a table.
fn in_words(account: &mut Value, output: Output) {
    let Some(account) = account.as_object_mut().filter(|_| output.format == Format::Table) else {
        return;
    };
    let memberships = account.get("memberships").and_then(Value::as_array).into_iter().flatten();
    let words: Vec<String> = memberships
        .map(|membership| {
            let word = |pointer: &str| text(membership, pointer).unwrap_or_default();
            let rests = if word("/state") == "suspended" { " (suspended)" } else { "" };
            format!("{} of \"{}\"{rests}", word("/role"), word("/organization_name"))
        })
        .collect();
    account.insert("memberships".into(), words.join(", ").into());
}

impl Owner {
    pub(super) fn run(self, config: &Config) -> Result<ExitCode> {
        let Self::Recover { org, email, plan } = self;
        let desk = Desk::open(config)?;
        let path = format!("{}:recover", path(&["organizations", &org, "owners"]));
        desk.change(&plan, "POST", &path, Some(&json!({"email": email})))
    }
}

impl Explain {
    pub(super) fn run(self, config: &Config) -> Result<ExitCode> {
        let desk = Desk::open(config)?;
        let query = format!("email={}", encode(&self.email));
        let path = path(&["organizations", &self.org, "explain"]);
        let told = desk.call("GET", &path, &query, None)?;
        if self.output.format == Format::Json {
            say!("{told}");
            return Ok(ExitCode::SUCCESS);
        }
        say!("{}", text(&told, "/summary").unwrap_or_default());
        for reason in told.get("reasons").and_then(Value::as_array).into_iter().flatten() {
            let word = |pointer: &str| text(reason, pointer).unwrap_or("-");
            let (source, by) = (word("/grant/source"), word("/by"));
            let (at, cause, request) = (word("/at"), word("/cause"), word("/request_id"));
            say!("  {source}: by {by} at {at}, {cause}, request {request}");
            let groups = reason.get("through").and_then(Value::as_array).into_iter().flatten();
            let names: Vec<&str> = groups.filter_map(|group| text(group, "/name")).collect();
            if names.len() > 1 {
                say!("    through the groups {}", names.join(" < "));
            }
            if let Some(why) = text(reason, "/suspended_because") {
                say!("    suspended: {why}");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
