//! [`Desk`]: the administrative API for whoever runs the server: the same endpoints, called in the same
//! process as the operator.

use crate::out::say;
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};
use clap::Args;
use scim_core::{Error, Kind};
use serde_json::{Map, Value};

use super::output::{Format, Output, text};
use crate::admin::Request;
use crate::config::Config;
use crate::serve;

/// What a dry run that found changes ends with.
const PLAN_HAS_CHANGES: u8 = 3;

/// How a command prints, and whether it only tells what it would do.
#[derive(Debug, Clone, Args)]
pub(super) struct Plan {
    /// Tell who would gain and lose what, and change nothing; ends with 3 if anybody would
    #[arg(long)]
    dry_run: bool,
    /// Do what a dry run planned, and nothing if it would be something else by now
    #[arg(long, value_name = "PLAN", conflicts_with = "dry_run")]
    planned: Option<String>,
    #[command(flatten)]
    pub(super) output: Output,
}

impl Plan {
    fn query(&self) -> String {
        match &self.planned {
            _ if self.dry_run => "dry_run=true".to_owned(),
            Some(planned) => format!("plan={}", encode(planned)),
            None => String::new(),
        }
    }
}

/// The administrative API, as the operator.
pub(super) struct Desk {
    opened: serve::Opened,
    /// Where the server is reached, if that is said.
    pub(super) public_url: Option<String>,
}

impl Desk {
    pub(super) fn open(config: &Config) -> Result<Self> {
        Ok(Self { opened: serve::open(config)?, public_url: config.public_url.clone() })
    }

    fn ask(
        &self,
        method: &str,
        path: &str,
        query: &str,
        body: Option<&Value>,
    ) -> scim_core::Result<Value> {
        self.opened.api.operate(Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
            base_url: self.public_url.clone().unwrap_or_default(),
            ..Request::default()
        })
    }

    pub(super) fn call(
        &self,
        method: &str,
        path: &str,
        query: &str,
        body: Option<&Value>,
    ) -> Result<Value> {
        self.ask(method, path, query, body).map_err(|error| told(&error))
    }

    pub(super) fn get(&self, path: &str) -> Result<Value> {
        self.call("GET", path, "", None)
    }

    /// What a path names, if there is something.
    pub(super) fn find(&self, path: &str) -> Result<Option<Value>> {
        match self.ask("GET", path, "", None) {
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            found => found.map(Some).map_err(|error| told(&error)),
        }
    }

    /// All entries of a list.
    pub(super) fn list(&self, path: &str, query: &str) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        self.each(path, query, |entry| {
            all.push(entry.clone());
            Ok(())
        })?;
        Ok(all)
    }

    /// Does something with each entry of a list, of which a page at a time is in memory.
    pub(super) fn each(
        &self,
        path: &str,
        query: &str,
        mut f: impl FnMut(&Value) -> Result<()>,
    ) -> Result<()> {
        let mut cursor = String::new();
        loop {
            let page = self.call("GET", path, &format!("limit=200{query}{cursor}"), None)?;
            page.get("items")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .try_for_each(&mut f)?;
            match text(&page, "/next_cursor") {
                None => return Ok(()),
                Some(next) => cursor = format!("&cursor={next}"),
            }
        }
    }

    pub(super) fn show(&self, output: Output, value: &Value) -> Result<ExitCode> {
        output.one(value);
        Ok(ExitCode::SUCCESS)
    }

    /// Makes something and has it shown, or tells whom that would concern.
    pub(super) fn make(
        &self,
        plan: &Plan,
        method: &str,
        path: &str,
        body: Option<&Value>,
        show: impl FnOnce(Value),
    ) -> Result<ExitCode> {
        if plan.dry_run {
            return self.change(plan, method, path, body);
        }
        let mut made = self.call(method, path, &plan.query(), body)?;
        if let (Format::Table, Some(made)) = (plan.output.format, made.as_object_mut()) {
            made.remove("effects");
        }
        show(made);
        Ok(ExitCode::SUCCESS)
    }

    /// Does what moves people, or tells what it would do.
    pub(super) fn change(
        &self,
        plan: &Plan,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<ExitCode> {
        let done = self.call(method, path, &plan.query(), body)?;
        let effects = done.get("effects").unwrap_or(&Value::Null);
        let changes = effects.get("changes").and_then(Value::as_array);
        if plan.output.format == Format::Json {
            say!("{done}");
        } else {
            let count = |name: &str| effects.get(name).and_then(Value::as_u64).unwrap_or_default();
            let (gains, losses) = (count("gains"), count("losses"));
            let people = match (count("people_gaining"), count("people_losing")) {
                same if same == (gains, losses) => String::new(),
                (gaining, losing) => format!(" (people: +{gaining} -{losing})"),
            };
            let is_sign_in = |change: &&Value| text(change, "/change") == Some("sign_in_changed");
            let sign_ins = match changes.into_iter().flatten().filter(is_sign_in).count() {
                0 => String::new(),
                others => format!(", {others} sign in in another way"),
            };
            let verb = if plan.dry_run { "Would change" } else { "Changed" };
            say!("{verb}: +{gains} -{losses}{people}{sign_ins}");
            for change in changes.into_iter().flatten() {
                let word = |pointer: &str| text(change, pointer).unwrap_or("-");
                let (what, who) = (word("/change"), word("/email"));
                let (org, source) = (word("/organization"), word("/source"));
                let step = ["sign_in", "role"].into_iter().find_map(|of| {
                    let side = |side: &str| text(change, &format!("/{of}_{side}"));
                    Some(format!(": {} -> {}", side("before")?, side("after")?))
                });
                say!("  {what}  {who}  in {org} ({source}){}", step.unwrap_or_default());
            }
            if effects.get("truncated") == Some(&Value::Bool(true)) {
                say!("  … and more");
            }
        }
        if plan.output.format == Format::Table && text(&done, "/state") == Some("awaiting_approval")
        {
            say!("The Admin Organization has to approve; until then nothing changes.");
        }
        let planned = text(&done, "/plan").filter(|_| plan.dry_run);
        if let (Format::Table, Some(planned)) = (plan.output.format, planned) {
            say!("Plan: {planned}");
        }
        let any = changes.is_some_and(|changes| !changes.is_empty());
        Ok(if plan.dry_run && any { ExitCode::from(PLAN_HAS_CHANGES) } else { ExitCode::SUCCESS })
    }

    /// The Admin Organization of a linked one.
    pub(super) fn admin_of(&self, org: &str) -> Result<String> {
        let organization = self.get(&path(&["organizations", org]))?;
        let admin = text(&organization, "/link/admin_organization");
        admin.map(str::to_owned).with_context(|| {
            format!("{org} is not linked to an Admin Organization; scim-server org link does that")
        })
    }

    /// A member's account, by address or id.
    pub(super) fn account(&self, org: &str, person: &str) -> Result<String> {
        if !person.contains('@') {
            return Ok(person.to_owned());
        }
        let found = self.call(
            "GET",
            &path(&["organizations", org, "explain"]),
            &format!("email={}", encode(person)),
            None,
        )?;
        let account = text(&found, "/account").map(str::to_owned);
        account.with_context(|| format!("{person} is not a member of {org}; scim-server member list --org {org} shows who is"))
    }

    /// A claim's id, by its domain or id.
    pub(super) fn claim(&self, org: &str, domain: &str) -> Result<String> {
        let claims = self.list(&path(&["organizations", org, "domains"]), "")?;
        let is =
            |claim: &&Value| [text(claim, "/domain"), text(claim, "/id")].contains(&Some(domain));
        let found = claims.iter().find(is).and_then(|claim| text(claim, "/id"));
        found.map(str::to_owned).with_context(|| format!("{org} does not claim {domain}; scim-server domain list --org {org} shows what it does"))
    }
}

/// An error of the API, for whoever typed the command.
fn told(error: &Error) -> anyhow::Error {
    match (error.code(), std::error::Error::source(error)) {
        // There is no log to look into: what went wrong inside is told here.
        (_, Some(source)) => anyhow!("{source}"),
        (Some(code), None) => anyhow!("{} ({code})", error.detail()),
        (None, None) => anyhow!("{}", error.detail()),
    }
}

/// A body with what was given.
pub(super) fn object<const N: usize>(fields: [(&str, Option<String>); N]) -> Value {
    let given = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
    given.map(|(name, value)| (name.to_owned(), Value::from(value))).collect::<Map<_, _>>().into()
}

/// A path out of segments.
pub(super) fn path(segments: &[&str]) -> String {
    segments.iter().map(|segment| format!("/{}", encode(segment))).collect()
}

pub(super) fn encode(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~:".contains(&b);
    text.bytes()
        .map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
