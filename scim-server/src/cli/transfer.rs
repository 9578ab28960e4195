//! `import` and `export`: through the same service as requests, so that the same rules hold.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};
use scim_core::Caller;
use scim_core::caller::Scopes;
use scim_core::dialect::Preset;
use scim_core::http::{Request, Response};
use scim_core::store::Tenant;
use serde_json::{Map, Value, json};

use super::directory::known;
use super::{Export, Import};
use crate::config::Config;
use crate::private_file;
use crate::serve::{self, Opened};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

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

    fn send(&self, method: &str, path: &str, query: &str, body: &str) -> Result<(u16, Value)> {
        let response = self.ask(method, path, query, body);
        let body = response.body.collect()?;
        let value = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? };
        Ok((response.status, value))
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
    /// Ids in the file → ids here, for the members of groups.
    ids: HashMap<String, String>,
}

pub(super) fn import(config: &Config, import: &Import) -> Result<()> {
    let client = Client::new(config, &import.org, "import")?;
    let rows = read(&import.file)?;
    let bar = progress(rows.len());
    let mut tally = Tally::default();
    // Users first: groups refer to them.
    let (groups, users): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|(_, row)| row.as_ref().is_ok_and(is_group));
    for (line, row) in users.into_iter().chain(groups) {
        if let Err(error) = row.and_then(|row| bring_in(&client, row, &mut tally)) {
            tally.failed += 1;
            bar.suspend(|| eprintln!("line {line}: {error:#}"));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let Tally { created, updated, failed, .. } = tally;
    let sentence = format!("{created} created, {updated} updated, {failed} failed");
    let told = json!({"created": created, "updated": updated, "failed": failed});
    import.output.done(&sentence, &told);
    if failed > 0 {
        bail!(
            "{failed} lines were not brought in, for the reasons above; mend them and import the file again"
        );
    }
    Ok(())
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

fn bring_in(client: &Client, mut row: Map<String, Value>, tally: &mut Tally) -> Result<()> {
    let (endpoint, name) =
        if is_group(&row) { ("/Groups", "displayName") } else { ("/Users", "userName") };
    let old_id = row.remove("id").and_then(|id| id.as_str().map(str::to_owned));
    for member in row.get_mut("members").and_then(Value::as_array_mut).into_iter().flatten() {
        let new = member.get("value").and_then(Value::as_str).and_then(|id| tally.ids.get(id));
        if let Some(new) = new.cloned() {
            *member = json!({"value": new});
        }
    }
    let body = Value::Object(row.clone()).to_string();
    let (status, answer) = client.send("POST", endpoint, "", &body)?;
    let answer = match status {
        201 => {
            tally.created += 1;
            answer
        }
        409 => {
            let wanted = row.get(name).cloned().unwrap_or_default();
            let search = json!({"filter": format!("{name} eq {wanted}"), "attributes": ["id"]});
            let path = format!("{endpoint}/.search");
            let (_, found) = client.send("POST", &path, "", &search.to_string())?;
            let id = found.pointer("/Resources/0/id").and_then(Value::as_str);
            let id = id.ok_or_else(|| refused(&answer))?;
            let (status, answer) = client.send("PUT", &format!("{endpoint}/{id}"), "", &body)?;
            if status != 200 {
                return Err(refused(&answer));
            }
            tally.updated += 1;
            answer
        }
        _ => return Err(refused(&answer)),
    };
    if let (Some(old), Some(new)) = (old_id, answer.get("id").and_then(Value::as_str)) {
        tally.ids.insert(old, new.to_owned());
    }
    Ok(())
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
            let (status, page) = client.send("GET", endpoint, &query, "")?;
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
