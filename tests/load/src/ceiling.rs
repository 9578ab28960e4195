//! The ceiling: the fastest durable SCIM-shaped program that actix-web and SQLite allow, to measure the server
//! by. One thread writes, with group commit (write-ahead log, synced at each commit); reads run where the
//! request arrived, on a connection a thread; statements stay prepared; what was stored goes out as it is;
//! members are rows. It validates nothing, knows nobody, keeps no log and no versions.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use anyhow::{Context as _, Result};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::{Value, json};
use tokio::sync::oneshot;

const SCHEMA: &str = "
    PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536;
    CREATE TABLE users (id TEXT PRIMARY KEY, user_name TEXT, external_id TEXT, email TEXT, body TEXT);
    CREATE UNIQUE INDEX users_by_name ON users (user_name, id);
    CREATE INDEX users_by_external_id ON users (external_id, id);
    CREATE INDEX users_by_email ON users (email, id);
    CREATE TABLE counts (n INTEGER);
    INSERT INTO counts VALUES (0);
    CREATE TABLE groups (id TEXT PRIMARY KEY, body TEXT);
    CREATE TABLE members (group_id TEXT, member_id TEXT, PRIMARY KEY (group_id, member_id)) WITHOUT ROWID;
    CREATE INDEX members_by_member ON members (member_id, group_id);
";
const MEDIA_TYPE: &str = "application/scim+json";
/// The most writes that share a commit.
const MOST: usize = 256;

type Done = rusqlite::Result<(u16, String)>;
type Work = Box<dyn FnOnce(&Connection) -> Done + Send>;
type Job = (Work, oneshot::Sender<Option<(u16, String)>>);

struct State {
    database: PathBuf,
    writes: mpsc::Sender<Job>,
}

thread_local! {
    static READER: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

/// Serves a new database until it is killed; says its base URL on standard output.
///
/// # Errors
/// From the database or the network.
pub fn run(database: &Path) -> Result<()> {
    let connection = Connection::open(database)?;
    connection.execute_batch(SCHEMA).context("the database must be new")?;
    connection.set_prepared_statement_cache_capacity(64);
    let (writes, jobs) = mpsc::channel();
    std::thread::spawn(move || write_all(&connection, &jobs));
    let state = web::Data::new(State { database: database.to_owned(), writes });
    actix_web::rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            App::new()
                .app_data(state.clone())
                .app_data(web::PayloadConfig::new(64 << 20))
                .default_service(web::to(answer))
        });
        let server = server.workers(2).bind("127.0.0.1:0")?;
        for address in server.addrs() {
            println!("Base URL: http://{address}/scim/v2");
        }
        server.run().await
    })?;
    Ok(())
}

/// Runs what waits in one transaction, and answers once it is durable.
fn write_all(connection: &Connection, jobs: &mpsc::Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let batch: Vec<_> = std::iter::once(first).chain(jobs.try_iter().take(MOST)).collect();
        let execute = |sql| connection.prepare_cached(sql).and_then(|mut s| s.execute([]));
        let began = execute("BEGIN IMMEDIATE").is_ok();
        let done: Vec<_> =
            batch.into_iter().map(|(work, answer)| (work(connection), answer)).collect();
        let committed = began && execute("COMMIT").is_ok();
        for (outcome, answer) in done {
            // Whoever asked may have gone.
            let _ = answer.send(outcome.ok().filter(|_| committed));
        }
    }
}

async fn answer(state: web::Data<State>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let path = request.path().strip_prefix("/scim/v2").unwrap_or_default().to_owned();
    let mut parts = path.split('/').skip(1);
    let (kind, id) = (parts.next().unwrap_or_default(), parts.next().map(str::to_owned));
    let outcome = match (request.method().as_str(), kind, id) {
        ("GET", "Users", Some(id)) => read(&state, |c| body_of(c, &id)),
        ("GET", "Users", None) => {
            let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
            read(&state, |c| list(c, &query.map(web::Query::into_inner).unwrap_or_default()))
        }
        ("GET", "Groups", Some(id)) => {
            let members = request.query_string().is_empty();
            read(&state, |c| whole_group(c, &id, members))
        }
        ("POST", "Users", None) => write(&state, move |c| insert(c, &body)).await,
        ("PUT", "Users", Some(id)) => write(&state, move |c| update(c, &id, &body)).await,
        ("PATCH", "Users", Some(id)) => write(&state, move |c| patch_user(c, &id, &body)).await,
        ("DELETE", "Users", Some(id)) => write(&state, move |c| delete_user(c, &id)).await,
        ("POST", "Groups", None) => write(&state, move |c| insert_group(c, &body)).await,
        ("PATCH", "Groups", Some(id)) => write(&state, move |c| patch_members(c, &id, &body)).await,
        ("DELETE", "Groups", Some(id)) => write(&state, move |c| delete_group(c, &id)).await,
        ("POST", "Bulk", None) => write(&state, move |c| bulk(c, &body)).await,
        _ => None,
    };
    let Some((status, body)) = outcome else { return HttpResponse::NotFound().finish() };
    let status = actix_web::http::StatusCode::from_u16(status).unwrap_or_default();
    HttpResponse::build(status).content_type(MEDIA_TYPE).body(body)
}

fn read(state: &State, f: impl FnOnce(&Connection) -> Done) -> Option<(u16, String)> {
    READER.with_borrow_mut(|reader| {
        if reader.is_none() {
            *reader = Connection::open(&state.database).ok();
        }
        f(reader.as_ref()?).ok()
    })
}

async fn write(
    state: &State,
    work: impl FnOnce(&Connection) -> Done + Send + 'static,
) -> Option<(u16, String)> {
    let (sender, receiver) = oneshot::channel();
    state.writes.send((Box::new(work), sender)).ok()?;
    receiver.await.ok().flatten()
}

/// What of a user is looked up by.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Keys {
    user_name: String,
    #[serde(default)]
    external_id: String,
    #[serde(default)]
    emails: Vec<Email>,
}

#[derive(serde::Deserialize)]
struct Email {
    value: String,
}

impl Keys {
    fn email(&self) -> &str {
        self.emails.first().map(|email| email.value.as_str()).unwrap_or_default()
    }
}

fn wrong(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the ceiling has nothing that tests could make exact"
)]
fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// The document with its id: what is stored and what goes out.
fn with_id(id: &str, kind: &str, body: &[u8]) -> rusqlite::Result<String> {
    let text = std::str::from_utf8(body).map_err(wrong)?;
    let rest = text.trim_start().strip_prefix('{').unwrap_or_default();
    Ok(format!("{{\"id\":\"{id}\",\"meta\":{{\"resourceType\":\"{kind}\"}},{rest}"))
}

fn insert(c: &Connection, body: &[u8]) -> Done {
    let keys: Keys = serde_json::from_slice(body).map_err(wrong)?;
    let id = new_id();
    let document = with_id(&id, "User", body)?;
    c.prepare_cached("INSERT INTO users VALUES (?, ?, ?, ?, ?)")?.execute(params![
        id,
        keys.user_name,
        keys.external_id,
        keys.email(),
        document
    ])?;
    c.prepare_cached("UPDATE counts SET n = n + 1")?.execute([])?;
    Ok((201, document))
}

fn update(c: &Connection, id: &str, body: &[u8]) -> Done {
    let keys: Keys = serde_json::from_slice(body).map_err(wrong)?;
    let document = with_id(id, "User", body)?;
    c.prepare_cached(
        "UPDATE users SET user_name = ?, external_id = ?, email = ?, body = ? WHERE id = ?",
    )?
    .execute(params![keys.user_name, keys.external_id, keys.email(), document, id])?;
    Ok((200, document))
}

/// Of all that a PATCH may say, `active` alone is understood.
fn patch_user(c: &Connection, id: &str, body: &[u8]) -> Done {
    let patch: Value = serde_json::from_slice(body).map_err(wrong)?;
    let (_, text) = body_of(c, id)?;
    let mut user: Value = serde_json::from_str(&text).map_err(wrong)?;
    if let (Some(value), Some(user)) = (patch.pointer("/Operations/0/value"), user.as_object_mut())
    {
        user.insert("active".into(), value.clone());
    }
    let document = user.to_string();
    c.prepare_cached("UPDATE users SET body = ? WHERE id = ?")?.execute(params![document, id])?;
    Ok((200, document))
}

fn delete_user(c: &Connection, id: &str) -> Done {
    c.prepare_cached("DELETE FROM users WHERE id = ?")?.execute([id])?;
    c.prepare_cached("DELETE FROM members WHERE member_id = ?")?.execute([id])?;
    c.prepare_cached("UPDATE counts SET n = n - 1")?.execute([])?;
    Ok((204, String::new()))
}

/// Each operation in a savepoint of its own, as one that fails must not take the others with it.
fn bulk(c: &Connection, body: &[u8]) -> Done {
    let bulk: Value = serde_json::from_slice(body).map_err(wrong)?;
    let mut done = Vec::new();
    for operation in bulk.get("Operations").and_then(Value::as_array).into_iter().flatten() {
        let data = operation.get("data").unwrap_or(&Value::Null).to_string();
        c.prepare_cached("SAVEPOINT one")?.execute([])?;
        let (status, document) = insert(c, data.as_bytes())?;
        c.prepare_cached("RELEASE one")?.execute([])?;
        done.push(json!({
            "method": operation.get("method"),
            "bulkId": operation.get("bulkId"),
            "location": format!("/Users/{}", id_in(&document).unwrap_or_default()),
            "status": status.to_string(),
        }));
    }
    Ok((200, json!({"Operations": done}).to_string()))
}

/// The id that a document begins with.
fn id_in(document: &str) -> Option<&str> {
    document.strip_prefix("{\"id\":\"")?.split('"').next()
}

fn body_of(c: &Connection, id: &str) -> Done {
    let body = c
        .prepare_cached("SELECT body FROM users WHERE id = ?")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    Ok(body.map_or((404, String::new()), |body| (200, body)))
}

fn list(c: &Connection, query: &[(String, String)]) -> Done {
    let param = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    let number = |name: &str, default| param(name).and_then(|n| n.parse().ok()).unwrap_or(default);
    let count: i64 = number("count", 100);
    let mut bodies: Vec<String> = Vec::new();
    let mut collect = |sql: &str, values: &[&dyn rusqlite::ToSql]| -> rusqlite::Result<()> {
        let mut statement = c.prepare_cached(sql)?;
        let rows = statement.query_map(values, |row| row.get(0))?;
        for row in rows {
            bodies.push(row?);
        }
        Ok(())
    };
    if let Some(filter) = param("filter") {
        let mut words = filter.splitn(3, ' ');
        let (attribute, op) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let value = words.next().unwrap_or_default().trim_matches('"').to_ascii_lowercase();
        let end = format!("{value}\u{10FFFF}");
        match (attribute, op) {
            ("userName", "sw") => collect(
                "SELECT body FROM users WHERE user_name >= ? AND user_name < ? LIMIT ?",
                &[&value, &end, &count],
            )?,
            ("userName", _) => collect("SELECT body FROM users WHERE user_name = ?", &[&value])?,
            ("externalId", _) => {
                collect("SELECT body FROM users WHERE external_id = ?", &[&value])?
            }
            _ => collect("SELECT body FROM users WHERE email = ?", &[&value])?,
        }
        return Ok((200, list_response(bodies.len() as i64, "", &bodies)));
    }
    let total = c.prepare_cached("SELECT n FROM counts")?.query_row([], |row| row.get(0))?;
    if let Some(after) = param("cursor") {
        let sql = "SELECT body FROM users WHERE id > ? ORDER BY id LIMIT ?";
        collect(sql, &[&after, &count])?;
        let last = bodies.last().filter(|_| bodies.len() as i64 == count);
        let id = last.and_then(|body| id_in(body));
        let next = id.map(|id| format!("\"nextCursor\":\"{id}\",")).unwrap_or_default();
        return Ok((200, list_response(total, &next, &bodies)));
    }
    let skipped = number("startIndex", 1) - 1;
    collect("SELECT body FROM users ORDER BY id LIMIT ? OFFSET ?", &[&count, &skipped])?;
    Ok((200, list_response(total, "", &bodies)))
}

fn list_response(total: i64, more: &str, bodies: &[String]) -> String {
    let mut text = format!("{{\"totalResults\":{total},{more}\"Resources\":[");
    for (i, body) in bodies.iter().enumerate() {
        text.push_str(if i > 0 { "," } else { "" });
        text.push_str(body);
    }
    text.push_str("]}");
    text
}

fn insert_group(c: &Connection, body: &[u8]) -> Done {
    let id = new_id();
    let document = with_id(&id, "Group", body)?;
    c.prepare_cached("INSERT INTO groups VALUES (?, ?)")?.execute(params![id, document])?;
    Ok((201, document))
}

/// One operation: an addition with a list of members, or the removal of one by its filter.
fn patch_members(c: &Connection, id: &str, body: &[u8]) -> Done {
    let patch: Value = serde_json::from_slice(body).map_err(wrong)?;
    let operation = patch.pointer("/Operations/0").cloned().unwrap_or_default();
    let mut add = c.prepare_cached("INSERT OR IGNORE INTO members VALUES (?, ?)")?;
    for member in operation.get("value").and_then(Value::as_array).into_iter().flatten() {
        add.execute(params![id, member.get("value").and_then(Value::as_str)])?;
    }
    let path = operation.get("path").and_then(Value::as_str).unwrap_or_default();
    if let Some((_, rest)) = path.split_once("[value eq \"") {
        let member = rest.trim_end_matches("\"]");
        c.prepare_cached("DELETE FROM members WHERE group_id = ? AND member_id = ?")?
            .execute(params![id, member])?;
    }
    Ok((204, String::new()))
}

fn whole_group(c: &Connection, id: &str, members: bool) -> Done {
    let mut body: String = c
        .prepare_cached("SELECT body FROM groups WHERE id = ?")?
        .query_row([id], |row| row.get(0))?;
    if members {
        let mut statement = c.prepare_cached(
            "SELECT member_id FROM members WHERE group_id = ? ORDER BY member_id",
        )?;
        let mut rows = statement.query([id])?;
        body.pop();
        body.push_str(",\"members\":[");
        let mut comma = "";
        while let Some(row) = rows.next()? {
            let member = row.get_ref(0)?.as_str()?;
            for piece in [
                comma,
                "{\"value\":\"",
                member,
                "\",\"$ref\":\"/Users/",
                member,
                "\",\"type\":\"User\"}",
            ] {
                body.push_str(piece);
            }
            comma = ",";
        }
        body.push_str("]}");
    }
    Ok((200, body))
}

fn delete_group(c: &Connection, id: &str) -> Done {
    c.prepare_cached("DELETE FROM members WHERE group_id = ?")?.execute([id])?;
    c.prepare_cached("DELETE FROM groups WHERE id = ?")?.execute([id])?;
    Ok((204, String::new()))
}
