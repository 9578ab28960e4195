//! What the administrative API offers, for whoever runs the server: the same endpoints, called in the same
//! process as the operator. Secrets are read from standard input, never from arguments.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::{Args, Subcommand, ValueEnum};
use scim_core::org::DomainPolicy;
use serde_json::{Value, json};

use super::output::{Format, Output};
use crate::config::Config;
use crate::serve;

/// What a dry run that found changes ends with.
const PLAN_HAS_CHANGES: u8 = 3;

/// How a command prints, and whether it only tells what it would do.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Plan {
    /// Tell who would gain and lose what, and change nothing; ends with 3 if anybody would
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: Output,
}

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
        plan: Option<String>,
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
    /// Delete an organization with its directory
    Delete {
        /// Its id
        org: String,
        #[command(flatten)]
        plan: Plan,
    },
    /// Link an organization to the Admin Organization that issued a code
    Link {
        /// Its id
        org: String,
        /// The code: - reads it from standard input
        #[arg(long)]
        code: String,
        /// The SCIM Name to begin with
        #[arg(long)]
        scim_name: Option<String>,
        #[command(flatten)]
        plan: Plan,
    },
    /// Unlink an organization; its own settings count again
    Unlink {
        /// Its id
        org: String,
        /// What becomes of members by a group
        #[arg(long, value_enum)]
        members: Members,
        #[command(flatten)]
        plan: Plan,
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
        output: Output,
    },
    /// Remove disabled settings for good
    Remove {
        /// The organization's id
        #[arg(long)]
        org: String,
    },
    /// Tell how somebody signs in
    Resolve {
        /// The person's address
        email: String,
        #[command(flatten)]
        output: Output,
    },
}

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
        role: String,
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
        role: String,
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
        #[arg(long)]
        password: Option<String>,
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

/// The administrative API, as the operator.
pub(super) struct Desk(serve::Opened);

impl Desk {
    pub(super) fn open(config: &Config) -> Result<Self> {
        Ok(Self(serve::open(config)?))
    }

    fn call(&self, method: &str, path: &str, query: &str, body: Option<Value>) -> Result<Value> {
        let done = self.0.api.operate(method, path, query, body.as_ref());
        done.map_err(|error| match (error.code(), std::error::Error::source(&error)) {
            // There is no log to look into: what went wrong inside is told here.
            (_, Some(source)) => anyhow!("{source}"),
            (Some(code), None) => anyhow!("{} ({code})", error.detail()),
            (None, None) => anyhow!("{}", error.detail()),
        })
    }

    fn get(&self, path: &str) -> Result<Value> {
        self.call("GET", path, "", None)
    }

    /// All entries of a list.
    pub(super) fn list(&self, path: &str, query: &str) -> Result<Vec<Value>> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.call("GET", path, &format!("limit=200{query}{cursor}"), None)?;
            all.extend(page["items"].as_array().into_iter().flatten().cloned());
            match page["next_cursor"].as_str() {
                None => return Ok(all),
                Some(next) => cursor = format!("&cursor={next}"),
            }
        }
    }

    fn show(&self, output: Output, value: &Value) -> Result<ExitCode> {
        output.one(value);
        Ok(ExitCode::SUCCESS)
    }

    /// Does what moves people, or tells what it would do.
    fn change(
        &self,
        plan: Plan,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<ExitCode> {
        let query = if plan.dry_run { "dry_run=true" } else { "" };
        let done = self.call(method, path, query, body)?;
        let effects = &done["effects"];
        if plan.output.format == Format::Json {
            println!("{done}");
        } else {
            let (gains, losses) = (&effects["gains"], &effects["losses"]);
            println!(
                "{}: +{gains} -{losses}",
                if plan.dry_run { "Would change" } else { "Changed" }
            );
            for change in effects["changes"].as_array().into_iter().flatten() {
                let text = |name: &str| change[name].as_str().unwrap_or("-").to_owned();
                let (what, who) = (text("change"), text("email"));
                let (org, source) = (text("organization"), text("source"));
                println!("  {what}  {who}  in {org} ({source})");
            }
            if effects["truncated"] == true {
                println!("  … and more");
            }
        }
        let changes = effects["changes"].as_array().is_some_and(|changes| !changes.is_empty());
        Ok(if plan.dry_run && changes {
            ExitCode::from(PLAN_HAS_CHANGES)
        } else {
            ExitCode::SUCCESS
        })
    }

    /// The Admin Organization of a linked one.
    fn admin_of(&self, org: &str) -> Result<String> {
        let organization = self.get(&path(&["organizations", org]))?;
        let admin = organization["link"]["admin_organization"].as_str();
        admin.map(str::to_owned).with_context(|| {
            format!("{org} is not linked to an Admin Organization; scim-server org link does that")
        })
    }

    /// A member's account, by address or id.
    fn account(&self, org: &str, person: &str) -> Result<String> {
        if !person.contains('@') {
            return Ok(person.to_owned());
        }
        let found = self.call(
            "GET",
            &path(&["organizations", org, "explain"]),
            &format!("email={}", encode(person)),
            None,
        )?;
        let account = found["account"].as_str().map(str::to_owned);
        account.with_context(|| format!("{person} is not a member of {org}"))
    }

    /// A claim's id, by its domain or id.
    fn claim(&self, org: &str, domain: &str) -> Result<String> {
        let claims = self.list(&path(&["organizations", org, "domains"]), "")?;
        let is = |claim: &&Value| claim["domain"] == domain || claim["id"] == domain;
        let found = claims.iter().find(is).and_then(|claim| claim["id"].as_str());
        found.map(str::to_owned).with_context(|| format!("{org} does not claim {domain}"))
    }
}

/// A path out of segments.
fn path(segments: &[&str]) -> String {
    segments.iter().map(|segment| format!("/{}", encode(segment))).collect()
}

fn encode(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~:".contains(&b);
    text.bytes()
        .map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// A secret from standard input.
fn secret(argument: &str, name: &str) -> Result<String> {
    if argument != "-" {
        bail!("--{name} takes -, and the {name} on standard input: arguments are seen by others");
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("standard input can't be read")?;
    match text.trim() {
        "" => bail!("there is no {name} on standard input"),
        text => Ok(text.to_owned()),
    }
}

impl Org {
    pub(super) fn run(self, config: &Config) -> Result<ExitCode> {
        let desk = Desk::open(config)?;
        match self {
            Self::Create { name, admin, owner, domains, plan, output } => {
                let mut body = json!({"name": name, "scim_domains": domains.to_string()});
                if admin {
                    body["kind"] = "admin".into();
                }
                for (key, value) in [("owner", owner), ("plan", plan)] {
                    if let Some(value) = value {
                        body[key] = value.into();
                    }
                }
                desk.show(output, &desk.call("POST", "/organizations", "", Some(body))?)
            }
            Self::List { output } => {
                output.list(&desk.list("/organizations", "")?);
                Ok(ExitCode::SUCCESS)
            }
            Self::Show { org, output } => {
                desk.show(output, &desk.get(&path(&["organizations", &org]))?)
            }
            Self::Delete { org, plan } => {
                desk.change(plan, "DELETE", &path(&["organizations", &org]), None)
            }
            Self::Link { org, code, scim_name, plan } => {
                let mut body = json!({"code": secret(&code, "code")?});
                if let Some(name) = scim_name {
                    body["scim_name"] = name.into();
                }
                desk.change(plan, "POST", &path(&["organizations", &org, "link"]), Some(body))
            }
            Self::Unlink { org, members, plan } => {
                let how = match members {
                    Members::Keep => "keep",
                    Members::Remove => "remove",
                };
                let body = json!({"members": how});
                desk.change(plan, "POST", &path(&["organizations", &org, "unlink"]), Some(body))
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

impl LinkCode {
    pub(super) fn run(self, config: &Config) -> Result<ExitCode> {
        let desk = Desk::open(config)?;
        match self {
            Self::Issue { org, intended, note, output } => {
                let body = json!({"intended_organization": intended, "note": note});
                let path = path(&["organizations", &org, "link-codes"]);
                let made = desk.call("POST", &path, "", Some(body))?;
                output.one(&made);
                if output.format == Format::Table {
                    eprintln!("The code is shown this once, and is good for three days.");
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
        desk.change(plan, "PATCH", &path, Some(json!({"scim_name": name})))
    }
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
                let made = desk.call("POST", &path, "", Some(json!({"domain": domain})))?;
                desk.show(output, &made)
            }
            Self::List { org, output } => {
                output.list(&desk.list(&path(&["organizations", &org, "domains"]), "")?);
                Ok(ExitCode::SUCCESS)
            }
            Self::Verify(ClaimedDomain { org, domain, output }) => {
                desk.show(output, &desk.call("POST", &claim(&org, &domain, ":verify")?, "", None)?)
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

impl Sso {
    pub(super) fn run(self, config: &Config) -> Result<ExitCode> {
        let desk = Desk::open(config)?;
        match self {
            Self::Show { org, output } => {
                let effective = desk.get(&path(&["organizations", &org, "sso", "effective"]))?;
                // Without settings of its own there are still those that count.
                let own = desk.get(&path(&["organizations", &org, "sso"])).unwrap_or(Value::Null);
                desk.show(output, &json!({"own": own, "effective": effective}))
            }
            Self::Set { org, file, output } => {
                let text = if file.as_os_str() == "-" {
                    secret("-", "settings")?
                } else {
                    std::fs::read_to_string(&file)
                        .with_context(|| format!("{} can't be read", file.display()))?
                };
                let body: Value =
                    serde_json::from_str(&text).context("the settings are not JSON")?;
                let path = path(&["organizations", &org, "sso"]);
                desk.show(output, &desk.call("PUT", &path, "", Some(body))?)
            }
            Self::Remove { org } => {
                desk.call("DELETE", &path(&["organizations", &org, "sso"]), "", None)?;
                println!("Removed the single sign-on settings of {org}.");
                Ok(ExitCode::SUCCESS)
            }
            Self::Resolve { email, output } => {
                let query = format!("email={}", encode(&email));
                desk.show(output, &desk.call("GET", "/sso/resolve", &query, None)?)
            }
        }
    }
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
                let body = json!({"email": email, "role": role});
                desk.change(plan, "POST", &path(&["organizations", &org, "members"]), Some(body))
            }
            Self::Remove { org, person, plan } => {
                desk.change(plan, "DELETE", &one(&org, &person)?, None)
            }
            Self::Role { org, person, role, plan } => {
                desk.change(plan, "PATCH", &one(&org, &person)?, Some(json!({"role": role})))
            }
        }
    }
}

/// A member's grants as words, for a table.
fn in_short(member: &mut Value) {
    let grants = member["grants"].as_array().into_iter().flatten();
    let words: Vec<String> = grants
        .map(|grant| {
            let source = grant["source"].as_str().unwrap_or_default();
            match grant["group_name"].as_str() {
                Some(name) => format!("{source} \"{name}\""),
                None => source.to_owned(),
            }
        })
        .collect();
    member["grants"] = words.join(", ").into();
}

impl Account {
    pub(super) fn run(self, config: &Config) -> Result<ExitCode> {
        let Self::Create { email, name, password, output } = self;
        let desk = Desk::open(config)?;
        let mut body = json!({"email": email, "name": name});
        if let Some(password) = password {
            body["password"] = secret(&password, "password")?.into();
        }
        desk.show(output, &desk.call("POST", "/accounts", "", Some(body))?)
    }
}

impl Owner {
    pub(super) fn run(self, config: &Config) -> Result<ExitCode> {
        let Self::Recover { org, email, plan } = self;
        let desk = Desk::open(config)?;
        let path = format!("{}:recover", path(&["organizations", &org, "owners"]));
        desk.change(plan, "POST", &path, Some(json!({"email": email})))
    }
}

impl Explain {
    pub(super) fn run(self, config: &Config) -> Result<ExitCode> {
        let desk = Desk::open(config)?;
        let query = format!("email={}", encode(&self.email));
        let path = path(&["organizations", &self.org, "explain"]);
        let told = desk.call("GET", &path, &query, None)?;
        if self.output.format == Format::Json {
            println!("{told}");
            return Ok(ExitCode::SUCCESS);
        }
        println!("{}", told["summary"].as_str().unwrap_or_default());
        for reason in told["reasons"].as_array().into_iter().flatten() {
            let text = |name: &str| reason[name].as_str().unwrap_or("-").to_owned();
            let (source, by) = (reason["grant"]["source"].as_str().unwrap_or("-"), text("by"));
            let (at, cause, request) = (text("at"), text("cause"), text("request_id"));
            println!("  {source}: by {by} at {at}, {cause}, request {request}");
        }
        Ok(ExitCode::SUCCESS)
    }
}
