//! `import` and `export`: through the same service as requests, so that the same rules hold.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};
use scim_core::Caller;
use scim_core::caller::Scopes;
use scim_core::dialect::{Normalizer, Preset};
use scim_core::http::{Request, Response};
use scim_core::schema::{ENTERPRISE_USER, GROUP};
use scim_core::store::Tenant;
use serde_json::{Map, Value, json};

use super::directory::known;
use super::{Export, Import};
use crate::config::Config;
use crate::private_file;
use crate::serve::{self, Opened};

/// What a request came to.
struct Answer {
    status: u16,
    body: Value,
    /// What had to be put right in it.
    normalized: Vec<&'static str>,
}

struct Client {
    opened: Opened,
    caller: Caller,
}

impl Client {
    fn new(config: &Config, organization: &str, actor: &str) -> Result<Self> {
        let opened = serve::open(config)?;
        known(&opened.store, organization)?;
        let caller = Caller {
            tenant: Tenant::new(organization),
            actor: actor.to_owned(),
            preset: Preset::Lenient,
            scopes: Scopes::ALL,
            user: None,
        };
        Ok(Self { opened, caller })
    }

    fn send(&self, method: &str, path: &str, query: &str, body: &str) -> Result<Answer> {
        let response = self.ask(method, path, query, body);
        let (status, normalized) = (response.status, response.normalized);
        let body = response.body.collect()?;
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? };
        Ok(Answer { status, body, normalized })
    }

    /// Writes a resource as a line; says whether it is still there.
    fn write_whole(&self, path: &str, out: &mut impl Write) -> Result<bool> {
        let response = self.ask("GET", path, "", "");
        match response.status {
            200 => {}
            404 => return Ok(false),
            _ => return Err(refused(&serde_json::from_slice(&response.body.collect()?)?)),
        }
        for chunk in response.body.chunks() {
            out.write_all(&chunk?)?;
        }
        writeln!(out)?;
        Ok(true)
    }

    fn ask(&self, method: &str, path: &str, query: &str, body: &str) -> Response {
        self.opened.handler.handle(
            &self.caller,
            &Request {
                method,
                path,
                query,
                content_type: Some("application/scim+json"),
                body: body.as_bytes(),
                request_id: &self.caller.actor,
                ..Request::default()
            },
        )
    }
}

#[derive(Default)]
struct Tally {
    created: usize,
    updated: usize,
    failed: usize,
    /// Brought in, but for something.
    incomplete: usize,
    /// Ids in the file → ids here, for the members of groups and for managers.
    ids: HashMap<String, String>,
    /// Users here, and who manages them by the file.
    managed: Vec<(usize, String, String)>,
}

pub(super) fn import(config: &Config, import: &Import) -> Result<()> {
    let client = Client::new(config, &import.org, "import")?;
    let rows = read(&import.file)?;
    let bar = progress(rows.len());
    let mut tally = Tally::default();
    // Users first, and groups before those that list them.
    let (groups, users): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|(_, row)| row.as_ref().is_ok_and(is_group));
    for (line, row) in users.into_iter().chain(inner_first(groups)) {
        match row.and_then(|row| bring_in(&client, line, row, &mut tally)) {
            Ok(None) => {}
            Ok(Some(lacks)) => {
                tally.incomplete += 1;
                bar.suspend(|| eprintln!("line {line}: brought in without {lacks}"));
            }
            Err(error) => {
                tally.failed += 1;
                bar.suspend(|| eprintln!("line {line}: {error:#}"));
            }
        }
        bar.inc(1);
    }
    for (line, user, manager) in std::mem::take(&mut tally.managed) {
        let Some(manager) = tally.ids.get(&manager).filter(|new| **new != manager) else {
            continue;
        };
        if let Err(error) = set_manager(&client, &user, manager) {
            tally.incomplete += 1;
            bar.suspend(|| eprintln!("line {line}: brought in without the manager: {error:#}"));
        }
    }
    bar.finish_and_clear();
    let Tally { created, updated, failed, incomplete, .. } = tally;
    let mut sentence = format!("{created} created, {updated} updated, {failed} failed");
    if incomplete > 0 {
        sentence = format!("{sentence}; {incomplete} of them lack something");
    }
    let told = json!({"created": created, "updated": updated, "failed": failed,
        "incomplete": incomplete});
    import.output.done(&sentence, &told);
    if failed + incomplete > 0 {
        bail!(
            "{} lines were not brought in whole, for the reasons above; mend them and import the file again",
            failed + incomplete
        );
    }
    Ok(())
}

/// Groups in an order in which each comes after those that it lists.
fn inner_first(groups: Vec<Row>) -> Vec<Row> {
    let place = |(n, (_, row)): (usize, &Row)| {
        let id = row.as_ref().ok()?.get("id")?.as_str()?;
        Some((id.to_owned(), n))
    };
    let places: HashMap<String, usize> = groups.iter().enumerate().filter_map(place).collect();
    let inner: Vec<Vec<usize>> = groups
        .iter()
        .map(|(_, row)| {
            let listed = row.as_ref().map(|row| listed(row)).unwrap_or_default();
            listed.iter().filter_map(|id| places.get(*id).copied()).collect()
        })
        .collect();
    let (mut order, mut begun) = (Vec::new(), vec![false; groups.len()]);
    for first in 0..groups.len() {
        // A group, and whether those in it have had their turn.
        let mut stack = vec![(first, false)];
        while let Some((n, done)) = stack.pop() {
            if done {
                order.push(n);
            } else if begun.get_mut(n).is_some_and(|begun| !std::mem::replace(begun, true)) {
                stack.push((n, true));
                stack.extend(inner.get(n).into_iter().flatten().map(|inner| (*inner, false)));
            }
        }
    }
    let mut groups: Vec<Option<Row>> = groups.into_iter().map(Some).collect();
    order.into_iter().filter_map(|n| groups.get_mut(n)?.take()).collect()
}

/// The members that a row lists.
fn listed(row: &Map<String, Value>) -> Vec<&str> {
    let members = row.get("members").and_then(Value::as_array).into_iter().flatten();
    members.filter_map(|member| member.get("value")?.as_str()).collect()
}

fn set_manager(client: &Client, user: &str, manager: &str) -> Result<()> {
    let operation = json!({"op": "replace", "path": format!("{ENTERPRISE_USER}:manager"),
        "value": {"value": manager}});
    let patch = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [operation]});
    let answer = client.send("PATCH", &format!("/Users/{user}"), "", &patch.to_string())?;
    if answer.status == 200 { Ok(()) } else { Err(refused(&answer.body)) }
}

type Row = (usize, Result<Map<String, Value>>);

fn read(path: &Path) -> Result<Vec<Row>> {
    let file = File::open(path).with_context(|| format!("{} can't be read", path.display()))?;
    match path.extension().and_then(|e| e.to_str()) {
        Some("csv") => read_csv(file),
        Some("jsonl" | "ndjson" | "json") => {
            let lines = BufReader::new(file).lines().enumerate();
            let lines = lines.map(|(i, line)| Ok((i + 1, line?))).collect::<Result<Vec<_>>>()?;
            let rows = lines.into_iter().filter(|(_, line)| !line.trim().is_empty());
            Ok(rows.map(|(i, line)| (i, serde_json::from_str(&line).map_err(Into::into))).collect())
        }
        _ => bail!("{} must end in .jsonl or .csv", path.display()),
    }
}

/// The header names SCIM paths; `emails` and other lists take one value each.
fn read_csv(file: File) -> Result<Vec<Row>> {
    let mut reader = csv::Reader::from_reader(file);
    let header = reader.headers().context("the CSV file has no header")?.clone();
    let rows = reader.records().enumerate().map(|(i, record)| {
        let row = record.map_err(Into::into).map(|record| {
            let mut row = Map::new();
            for (path, value) in header.iter().zip(record.iter()).filter(|(_, v)| !v.is_empty()) {
                match path.split_once('.') {
                    Some((name, sub)) if !name.contains(':') => {
                        let object = row.entry(name).or_insert_with(|| json!({}));
                        if let Some(object) = object.as_object_mut() {
                            object.insert(sub.to_owned(), value.into());
                        }
                    }
                    _ if matches!(path, "emails" | "phoneNumbers") => {
                        row.insert(path.to_owned(), json!([{"value": value, "primary": true}]));
                    }
                    _ => {
                        row.insert(path.to_owned(), value.into());
                    }
                }
            }
            row
        });
        (i + 2, row)
    });
    Ok(rows.collect())
}

fn is_group(row: &Map<String, Value>) -> bool {
    row.get("schemas").and_then(Value::as_array).is_some_and(|s| s.contains(&GROUP.into()))
}

/// Brings a row in; tells what it lacks, if anything.
fn bring_in(
    client: &Client,
    line: usize,
    mut row: Map<String, Value>,
    tally: &mut Tally,
) -> Result<Option<String>> {
    let (endpoint, name) =
        if is_group(&row) { ("/Groups", "displayName") } else { ("/Users", "userName") };
    let old_id = row.remove("id").and_then(|id| id.as_str().map(str::to_owned));
    let strangers: Vec<String> = listed(&row)
        .into_iter()
        .filter(|id| !tally.ids.contains_key(*id))
        .map(str::to_owned)
        .collect();
    for member in row.get_mut("members").and_then(Value::as_array_mut).into_iter().flatten() {
        let new = member.get("value").and_then(Value::as_str).and_then(|id| tally.ids.get(id));
        if let Some(new) = new.cloned() {
            *member = json!({"value": new});
        }
    }
    let manager = row.get(ENTERPRISE_USER).and_then(|e| e.pointer("/manager/value"));
    let manager = manager.and_then(Value::as_str).map(str::to_owned);
    let body = Value::Object(row.clone()).to_string();
    let made = client.send("POST", endpoint, "", &body)?;
    let answer = match made.status {
        201 => {
            tally.created += 1;
            made
        }
        409 => {
            let wanted = row.get(name).cloned().unwrap_or_default();
            let search = json!({"filter": format!("{name} eq {wanted}"), "attributes": ["id"]});
            let path = format!("{endpoint}/.search");
            let found = client.send("POST", &path, "", &search.to_string())?.body;
            let id = found.pointer("/Resources/0/id").and_then(Value::as_str);
            let id = id.ok_or_else(|| refused(&made.body))?;
            let put = client.send("PUT", &format!("{endpoint}/{id}"), "", &body)?;
            if put.status != 200 {
                return Err(refused(&put.body));
            }
            tally.updated += 1;
            put
        }
        _ => return Err(refused(&made.body)),
    };
    if let Some(new) = answer.body.get("id").and_then(Value::as_str) {
        tally.managed.extend(manager.map(|manager| (line, new.to_owned(), manager)));
        tally.ids.extend(old_id.map(|old| (old, new.to_owned())));
    }
    Ok(lacks(&answer.normalized, &strangers))
}

/// What was left out of a row.
fn lacks(normalized: &[&str], strangers: &[String]) -> Option<String> {
    const NAMED: usize = 5;
    let mut lacks = Vec::new();
    if normalized.contains(&Normalizer::SkipUnknownMembers.name()) {
        let more = if strangers.len() > NAMED { ", …" } else { "" };
        let some: Vec<_> = strangers.iter().take(NAMED).map(String::as_str).collect();
        lacks.push(format!(
            "members that are neither in the file nor in the organization ({}{more})",
            some.join(", ")
        ));
    }
    if normalized.contains(&Normalizer::IgnoreUnknown.name()) {
        lacks.push("attributes that no schema has; /Schemas tells their names".to_owned());
    }
    (!lacks.is_empty()).then(|| lacks.join(", and without "))
}

fn refused(answer: &Value) -> anyhow::Error {
    anyhow!("{}", answer.get("detail").and_then(Value::as_str).unwrap_or("refused"))
}

pub(super) fn export(config: &Config, export: &Export) -> Result<()> {
    let client = Client::new(config, &export.org, "export")?;
    let mut out: Box<dyn Write> = match &export.file {
        None => Box::new(BufWriter::new(std::io::stdout())),
        Some(path) => {
            let file = private_file::rewrite(path)
                .with_context(|| format!("{} can't be written", path.display()))?;
            Box::new(BufWriter::new(file))
        }
    };
    let mut written = 0;
    // A group may be huge: it is written as it is read, and its page has nothing but its id.
    for (endpoint, asked) in [("/Users", ""), ("/Groups", "&attributes=id")] {
        let mut cursor = String::new();
        let mut bar: Option<ProgressBar> = None;
        loop {
            let query = format!("count=500&cursor={cursor}{asked}");
            let Answer { status, body: page, .. } = client.send("GET", endpoint, &query, "")?;
            if status != 200 {
                return Err(refused(&page));
            }
            let total = page.get("totalResults").and_then(Value::as_u64).unwrap_or_default();
            let bar =
                bar.get_or_insert_with(|| progress(usize::try_from(total).unwrap_or_default()));
            for resource in page.get("Resources").and_then(Value::as_array).into_iter().flatten() {
                if asked.is_empty() {
                    writeln!(out, "{resource}")?;
                } else {
                    let id = resource.get("id").and_then(Value::as_str).unwrap_or_default();
                    if !client.write_whole(&format!("{endpoint}/{id}"), &mut out)? {
                        continue;
                    }
                }
                written += 1;
                bar.inc(1);
            }
            match page.get("nextCursor").and_then(Value::as_str) {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    }
    out.flush().context("the end of the file could not be written")?;
    drop(out);
    let told = json!({"written": written, "file": export.file});
    let (printed, sentence) = (export.file.is_none(), format!("{written} resources written"));
    export.output.done_beside(printed, &sentence, &told);
    Ok(())
}

/// On standard error; hidden where that is no terminal.
fn progress(length: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or_default());
    match ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
