//! The command line.

mod approval;
mod audit;
mod copy;
mod desk;
mod directory;
mod domain;
mod input;
mod linking;
mod operator;
mod org;
mod output;
mod people;
mod sso;
mod transfer;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use scim_core::caller::Scopes;
use scim_core::dialect::Preset;
use scim_core::resource::Id;

use crate::config::{Common, Config, Serving};
use crate::serve;
use crate::store::{Indexed, parse_scopes};
use output::Output;

/// A SCIM 2.0 provisioning server. Without a command it serves.
#[derive(Debug, Parser)]
#[command(name = "scim-server", version, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    serving: Serving,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve SCIM (the default)
    Serve(Box<Serving>),
    /// Bring the database's schema up to date, and end
    Migrate(Output),
    /// Organizations: the tenants
    #[command(subcommand)]
    Org(org::Org),
    /// Linking codes: what an Admin Organization hands out
    #[command(subcommand)]
    LinkCode(linking::LinkCode),
    /// Requests to be linked, where an Admin Organization approves each link
    #[command(subcommand)]
    LinkRequest(approval::LinkRequest),
    /// SCIM Names: what groups find linked organizations by
    #[command(subcommand)]
    ScimName(linking::ScimName),
    /// Claimed domains
    #[command(subcommand)]
    Domain(domain::Domain),
    /// Single sign-on settings
    #[command(subcommand)]
    Sso(sso::Sso),
    /// Members of an organization
    #[command(subcommand)]
    Member(people::Member),
    /// Accounts: the people
    #[command(subcommand)]
    Account(people::Account),
    /// Owners
    #[command(subcommand)]
    Owner(people::Owner),
    /// Tell why somebody is in an organization
    Explain(people::Explain),
    /// The audit log
    #[command(subcommand)]
    Audit(audit::Audit),
    /// The operator's tokens, for the administrative API
    #[command(subcommand)]
    Operator(operator::Operator),
    /// Tokens: what identity providers sign in with
    #[command(subcommand)]
    Token(Token),
    /// Bring in users and groups from a file of JSON lines or CSV
    Import(Import),
    /// Write users and groups as JSON lines
    Export(Export),
    /// Copy a whole database into an empty one, such as from SQLite to PostgreSQL
    Copy(copy::Copy),
}

#[derive(Debug, Subcommand)]
enum Token {
    /// Make a token; its secret is shown once
    Create {
        #[command(flatten)]
        spec: Spec,
        #[command(flatten)]
        output: Output,
    },
    /// List the tokens of an organization
    List {
        /// The organization's id
        #[arg(long)]
        org: String,
        #[command(flatten)]
        output: Output,
    },
    /// Revoke a token; it stops working within a second
    Revoke {
        /// The organization's id
        #[arg(long)]
        org: String,
        /// The token's id, tok_…
        id: String,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Args)]
struct Spec {
    /// The organization's id
    #[arg(long)]
    org: String,
    /// How strictly the client is taken: lenient, okta, entra or strict
    #[arg(long, default_value = "lenient")]
    preset: Preset,
    /// How long it lives: like 365d, 12h, 30m, or never
    #[arg(long, default_value = "365d", value_parser = lifetime)]
    expires_in: Lifetime,
    /// What it may do: read, users, groups, bulk
    #[arg(long, default_value = "read,users,groups,bulk", value_parser = parse_scopes)]
    scopes: Scopes,
    /// The user that it is bound to, for /Me
    #[arg(long, value_parser = id)]
    user: Option<Id>,
}

fn id(text: &str) -> std::result::Result<Id, String> {
    Id::parse(text).ok_or_else(|| format!("\"{text}\" is no id; GET /Users gives those of users"))
}

#[derive(Debug, Clone, Copy)]
struct Lifetime(Option<Duration>);

fn lifetime(text: &str) -> std::result::Result<Lifetime, String> {
    if text == "never" {
        return Ok(Lifetime(None));
    }
    let expected =
        || format!("\"{text}\" is no length of time; use one like 365d, 12h, 30m, or never");
    let unit = text.chars().last().ok_or_else(expected)?;
    let seconds: u64 = match unit {
        'd' => 86_400,
        'h' => 3_600,
        'm' => 60,
        's' => 1,
        _ => return Err(expected()),
    };
    let number: u64 = text.trim_end_matches(unit).parse().map_err(|_| expected())?;
    // A hundred years are for ever.
    match number.checked_mul(seconds) {
        Some(seconds @ 1..=3_153_600_000) => Ok(Lifetime(Some(Duration::from_secs(seconds)))),
        _ => Err(expected()),
    }
}

#[derive(Debug, Args)]
struct Import {
    /// The organization's id
    #[arg(long)]
    org: String,
    /// A file of JSON lines (.jsonl), or CSV (.csv) with SCIM paths as its header
    file: PathBuf,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
struct Export {
    /// The organization's id
    #[arg(long)]
    org: String,
    /// The file to write [default: standard output]
    #[arg(long)]
    file: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

impl Command {
    /// Whether it makes sense without a database, and makes one then. All others would find nothing in it:
    /// where there is none, its name is mistyped.
    const fn may_begin(&self) -> bool {
        matches!(self, Self::Serve(_) | Self::Migrate(_) | Self::Org(org::Org::Create { .. }))
    }
}

impl Cli {
    /// Does what it says. What it gives is the exit code: 0, or 3 for a plan that has changes.
    ///
    /// # Errors
    /// What went wrong, in a sentence for whoever typed it.
    pub fn run(self) -> Result<ExitCode> {
        let Self { common, serving, command } = self;
        let command = match command {
            None => {
                serve::run(Config::new(&common, serving)?)?;
                return Ok(ExitCode::SUCCESS);
            }
            Some(Command::Serve(own)) => {
                serve::run(Config::new(&common, serving.or(*own))?)?;
                return Ok(ExitCode::SUCCESS);
            }
            Some(command) => command,
        };
        let mut config = Config::new(&common, serving)?;
        config.store.create = command.may_begin();
        if !matches!(command, Command::Migrate(_)) {
            config.store.indexed = Indexed::AsStored;
        }
        match command {
            Command::Serve(_) => {}
            Command::Migrate(output) => directory::migrate(&config, output)?,
            Command::Token(token) => directory::token(&config, token)?,
            Command::Import(import) => transfer::import(&config, &import)?,
            Command::Export(export) => transfer::export(&config, &export)?,
            Command::Copy(copy) => copy.run(&config)?,
            Command::Org(org) => return org.run(&config),
            Command::LinkCode(code) => return code.run(&config),
            Command::LinkRequest(request) => return request.run(&config),
            Command::ScimName(name) => return name.run(&config),
            Command::Domain(domain) => return domain.run(&config),
            Command::Sso(sso) => return sso.run(&config),
            Command::Member(member) => return member.run(&config),
            Command::Account(account) => return account.run(&config),
            Command::Owner(owner) => return owner.run(&config),
            Command::Explain(explain) => return explain.run(&config),
            Command::Audit(audit) => audit.run(&config)?,
            Command::Operator(operator) => operator.run(&config)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
