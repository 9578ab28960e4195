//! PostgreSQL: connections with time limits, prepared the same way each time.

use std::fmt;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use diesel::{Connection as _, PgConnection};
use scim_core::Result;

use super::postgres_url::PostgresUrl;
use super::{Conn, Role};
use crate::store::error::OpenError;
use crate::store::statement::statement;
use crate::store::{Options, TimeLimits};

/// The oldest PostgreSQL that is still maintained. The tests run on 15.
const OLDEST: i64 = 14;

/// A database and how long it may take.
#[derive(Clone)]
pub(in crate::store) struct Place {
    url: PostgresUrl,
    limits: TimeLimits,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.shown())
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
}

impl Place {
    pub(super) fn new(options: &Options) -> std::result::Result<Self, OpenError> {
        let url = PostgresUrl::parse(&options.url)
            .map_err(|why| OpenError::new(format!("The database URL is not understood: {why}")))?;
        let limits = options.limits;
        // libpq takes whole seconds, and one as two.
        let connect = limits.connect.as_secs().max(2).to_string();
        let mut url = url.or("connect_timeout", &connect).or("application_name", "scim-server");
        // A machine or a network that is gone is noticed in a quarter of a minute; the system's own defaults
        // are hours while an answer is awaited, and a quarter of an hour after something was sent.
        for (name, value) in [
            ("keepalives_idle", "5"),
            ("keepalives_interval", "3"),
            ("keepalives_count", "3"),
            ("tcp_user_timeout", "15000"),
        ] {
            url = url.or(name, value);
        }
        Ok(Self { url, limits })
    }

    /// Opens and prepares a connection, or says why it can't.
    pub(super) fn open(&self, role: Role) -> std::result::Result<PgConnection, String> {
        // Else OpenSSL cleans up when the program ends, under threads that are still connecting.
        openssl_sys::init();
        let mut conn = PgConnection::establish(&self.url.for_libpq())
            .map_err(|error| one_line(&error.to_string()))?;
        let milliseconds = |limit: Duration| limit.as_millis();
        let TimeLimits { statement, lock, idle, .. } = self.limits;
        // What writes look for, they look for by whole keys: any plan for that is as good as the first.
        let (access, plans) = match role {
            Role::Writer | Role::Copier | Role::Alone => ("off", "force_generic_plan"),
            Role::Reader { .. } => ("on", "auto"),
        };
        // Statements are planned once. What is planned while a table is small would read all of it then, and go
        // on doing so when it is large.
        let prepare = format!(
            "SET statement_timeout = {}; SET lock_timeout = {}; \
             SET idle_in_transaction_session_timeout = {}; SET default_transaction_read_only = {access}; \
             SET client_min_messages = warning; SET standard_conforming_strings = on; \
             SET enable_seqscan = off; SET jit = off; SET plan_cache_mode = {plans}",
            milliseconds(statement),
            milliseconds(lock),
            milliseconds(idle),
        );
        conn.batch_execute(&prepare).map_err(|error| one_line(&error.to_string()))?;
        Ok(conn)
    }
}

/// libpq's messages have a line for each address that it tried.
fn one_line(text: &str) -> String {
    text.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

/// Checks what the store stands on, and says it; or says what is missing.
pub(super) fn facts(conn: &mut Conn) -> Result<std::result::Result<String, String>> {
    let mut show = |sql: &'static str| -> Result<String> {
        Ok(statement(sql).rows::<Text, String>(conn)?.concat())
    };
    // Its advisory locks were long stubs that always succeed: two writers would both believe to be alone.
    if show("SELECT version()")?.contains("CockroachDB") {
        return Ok(Err("is CockroachDB, whose advisory locks can't be relied on".to_owned()));
    }
    let number = show("SELECT current_setting('server_version_num')")?;
    let major = number.parse::<i64>().unwrap_or_default() / 10_000;
    if major < OLDEST {
        return Ok(Err(format!("is PostgreSQL {major}; {OLDEST} or newer is needed")));
    }
    if show("SELECT current_setting('server_encoding')")? != "UTF8" {
        return Ok(Err(
            "has another encoding than UTF8; create it with: createdb -E UTF8 -T template0"
                .to_owned(),
        ));
    }
    // Errors are told apart by their texts where libpq's binding gives nothing else.
    let language = show("SELECT current_setting('lc_messages')")?;
    if !(matches!(language.as_str(), "" | "C" | "POSIX" | "C.UTF-8") || language.starts_with("en"))
    {
        log::warn!(
            "PostgreSQL speaks {language}: deadlocks and time-outs are not recognized, and answered with \
             500 instead of 503; ALTER ROLE … SET lc_messages = 'C' (as a superuser) helps"
        );
    }
    let (fsync, commit) = (
        show("SELECT current_setting('fsync')")?,
        show("SELECT current_setting('synchronous_commit')")?,
    );
    if fsync == "off" || commit == "off" {
        log::warn!(
            "PostgreSQL has fsync={fsync} and synchronous_commit={commit}: what was acknowledged may be \
             lost when its machine fails"
        );
    }
    let version = show("SELECT current_setting('server_version')")?;
    Ok(Ok(format!("PostgreSQL {version}, fsync {fsync}, synchronous_commit {commit}")))
}
