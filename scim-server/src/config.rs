//! Settings: a flag counts before an environment variable, that before the file, that before the
//! default.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use serde::Deserialize;

use crate::logging::LogFormat;
use crate::store::{self, Indexed};

/// What every command takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Common {
    /// Where the data is: sqlite:PATH, or postgres://USER@HOST/DATABASE with libpq's parameters, such as
    /// ?sslmode=verify-full [default: sqlite:scim.db]
    #[arg(
        long,
        global = true,
        env = "SCIM_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub database_url: Option<String>,
    /// A TOML file with settings; keys are the long options with underscores
    #[arg(long, global = true, env = "SCIM_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The URL that clients reach the server by, for locations in answers, like `https://scim.example.com`
    /// [default: the Host of each request]
    #[arg(long, global = true, env = "SCIM_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// How log lines are written to standard error [default: text]
    #[arg(long, global = true, env = "SCIM_LOG_FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,
    /// SCIM tokens that an organization may have at the same time [default: 2]
    #[arg(long, global = true, env = "SCIM_TOKEN_LIMIT", value_name = "N")]
    pub token_limit: Option<usize>,
    /// The DNS server that is asked about claimed domains, like 9.9.9.9:53 [default: the system's]
    #[arg(long, global = true, env = "SCIM_DNS_SERVER", value_name = "ADDRESS")]
    pub dns_server: Option<SocketAddr>,
    /// Seconds that PostgreSQL has to accept a connection, and to give a sign of life [default: 5]
    #[arg(long, global = true, env = "SCIM_CONNECT_TIMEOUT", value_name = "SECONDS")]
    pub connect_timeout: Option<u64>,
    /// Seconds that PostgreSQL has for a statement; 0: no limit [default: 10]
    #[arg(long, global = true, env = "SCIM_STATEMENT_TIMEOUT", value_name = "SECONDS")]
    pub statement_timeout: Option<u64>,
    /// Seconds that a write waits for what another has locked in PostgreSQL; 0: no limit [default: 5]
    #[arg(long, global = true, env = "SCIM_LOCK_TIMEOUT", value_name = "SECONDS")]
    pub lock_timeout: Option<u64>,
    /// Seconds until PostgreSQL ends a transaction in which nothing happens; 0: no limit [default: 30]
    #[arg(long, global = true, env = "SCIM_IDLE_TIMEOUT", value_name = "SECONDS")]
    pub idle_timeout: Option<u64>,
    /// Seconds that a request waits for a connection to the database, then gets 503; at least 1 [default: 2]
    #[arg(long, global = true, env = "SCIM_POOL_WAIT", value_name = "SECONDS")]
    pub pool_wait: Option<u64>,
}

/// What serving takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Serving {
    /// The address to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "SCIM_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// The path that SCIM is served under [default: /scim/v2]
    #[arg(long, env = "SCIM_BASE_PATH", value_name = "PATH")]
    pub base_path: Option<String>,
    /// Believe X-Forwarded-For (the last address), -Proto and -Host: only behind a proxy that sets all three
    #[arg(long, env = "SCIM_BEHIND_PROXY", num_args = 0..=1, default_missing_value = "true")]
    pub behind_proxy: Option<bool>,
    /// The largest body of a request, in bytes [default: 1048576]
    #[arg(long, env = "SCIM_MAX_BODY", value_name = "BYTES")]
    pub max_body: Option<usize>,
    /// The largest body of a bulk request or of a write to a group, in bytes [default: 8388608]
    #[arg(long, env = "SCIM_MAX_LARGE_BODY", value_name = "BYTES")]
    pub max_large_body: Option<usize>,
    /// Seconds that a client has to send a body [default: 15]
    #[arg(long, env = "SCIM_BODY_TIMEOUT", value_name = "SECONDS")]
    pub body_timeout: Option<u64>,
    /// Seconds that a client has to send the head of a request [default: 5]
    #[arg(long, env = "SCIM_HEAD_TIMEOUT", value_name = "SECONDS")]
    pub head_timeout: Option<u64>,
    /// Requests worked on at the same time; more wait, then get 503 [default: 64]
    #[arg(long, env = "SCIM_CONCURRENCY", value_name = "N")]
    pub concurrency: Option<usize>,
    /// Database connections that read at the same time [default: 4; on PostgreSQL: 8]
    #[arg(long, env = "SCIM_READERS", value_name = "N")]
    pub readers: Option<u32>,
    /// Database connections that write at the same time; SQLite has one [default on PostgreSQL: 16]
    #[arg(long, env = "SCIM_WRITERS", value_name = "N")]
    pub writers: Option<u32>,
    /// Attributes to index beyond the standard ones, as Type:path, e.g. User:title; kept in the database,
    /// for all instances [default: what it has]
    #[arg(long, env = "SCIM_INDEXED", value_name = "TYPE:PATH", value_delimiter = ',')]
    pub indexed: Option<Vec<String>>,
    /// Requests with a bad token from one address in a minute; more get 429 [default: 100]
    #[arg(long, env = "SCIM_FAILURE_LIMIT", value_name = "N")]
    pub failure_limit: Option<u32>,
    /// Seconds between two checks of a claimed domain's DNS record [default: 21600]
    #[arg(long, env = "SCIM_DOMAIN_CHECK_INTERVAL", value_name = "SECONDS")]
    pub domain_check_interval: Option<u64>,
    /// A URL of your documentation, shown in ServiceProviderConfig
    #[arg(long, env = "SCIM_DOCUMENTATION_URI", value_name = "URL")]
    pub documentation_uri: Option<String>,
}

/// The same, from a file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    database_url: Option<String>,
    log_format: Option<LogFormat>,
    token_limit: Option<usize>,
    dns_server: Option<SocketAddr>,
    domain_check_interval: Option<u64>,
    failure_limit: Option<u32>,
    listen: Option<SocketAddr>,
    public_url: Option<String>,
    base_path: Option<String>,
    behind_proxy: Option<bool>,
    max_body: Option<usize>,
    max_large_body: Option<usize>,
    body_timeout: Option<u64>,
    head_timeout: Option<u64>,
    concurrency: Option<usize>,
    readers: Option<u32>,
    writers: Option<u32>,
    connect_timeout: Option<u64>,
    statement_timeout: Option<u64>,
    lock_timeout: Option<u64>,
    idle_timeout: Option<u64>,
    pool_wait: Option<u64>,
    indexed: Option<Vec<String>>,
    documentation_uri: Option<String>,
}

/// The settings of a server, all decided.
#[derive(Debug, Clone)]
pub struct Config {
    /// The database.
    pub store: store::Options,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The URL that clients reach the server by, without the base path or a slash at its end.
    pub public_url: Option<String>,
    /// The path that SCIM is served under, with a slash at its beginning and none at its end.
    pub base_path: String,
    /// Whether forwarded headers are believed.
    pub behind_proxy: bool,
    /// The largest body, in bytes.
    pub max_body: usize,
    /// The largest body of a bulk request or of a write to a group, in bytes.
    pub max_large_body: usize,
    /// How long a body may take.
    pub body_timeout: Duration,
    /// How long the head of a request may take.
    pub head_timeout: Duration,
    /// Requests worked on at the same time.
    pub concurrency: usize,
    /// The DNS server that is asked about claimed domains; the system's, if none is named.
    pub dns_server: Option<SocketAddr>,
    /// Requests with a bad token from one address in a minute.
    pub failure_limit: u32,
    /// How often a claimed domain is checked.
    pub domain_check_interval: Duration,
    /// For ServiceProviderConfig.
    pub documentation_uri: Option<String>,
}

impl Config {
    /// Decides all settings.
    ///
    /// # Errors
    /// A file that can't be read, a key that isn't known, a value that can't be.
    pub fn new(common: &Common, serving: Serving) -> Result<Self> {
        let file = match &common.config {
            Some(path) => File::read(path)?,
            None => File::default(),
        };
        let url = common.database_url.clone().or(file.database_url);
        let mut store = store::Options::new(url.as_deref().unwrap_or("sqlite:scim.db"));
        store.readers = serving.readers.or(file.readers).unwrap_or(store.readers);
        store.writers = serving.writers.or(file.writers).unwrap_or(store.writers);
        let limit = |flag: Option<u64>, file: Option<u64>, default| {
            flag.or(file).map_or(default, Duration::from_secs)
        };
        let default = store.limits;
        store.limits = store::TimeLimits {
            connect: limit(common.connect_timeout, file.connect_timeout, default.connect),
            statement: limit(common.statement_timeout, file.statement_timeout, default.statement),
            lock: limit(common.lock_timeout, file.lock_timeout, default.lock),
            idle: limit(common.idle_timeout, file.idle_timeout, default.idle),
        };
        store.wait = limit(common.pool_wait, file.pool_wait, store.wait);
        store.token_limit = common.token_limit.or(file.token_limit).unwrap_or(store.token_limit);
        store.indexed = serving.indexed.or(file.indexed).map_or(Indexed::Kept, |list| {
            // An empty value is a list of one empty text.
            Indexed::These(list.into_iter().filter(|entry| !entry.is_empty()).collect())
        });
        let base_path = serving.base_path.or(file.base_path).unwrap_or("/scim/v2".into());
        let seconds = |flag: Option<u64>, file: Option<u64>, default| {
            Duration::from_secs(flag.or(file).unwrap_or(default).max(1))
        };
        let max_body = at_least(1, "max-body", serving.max_body.or(file.max_body))?;
        let max_large_body =
            at_least(1, "max-large-body", serving.max_large_body.or(file.max_large_body))?;
        let concurrency = at_least(1, "concurrency", serving.concurrency.or(file.concurrency))?;
        at_least(1, "readers", serving.readers.or(file.readers))?;
        at_least(1, "writers", serving.writers.or(file.writers))?;
        at_least(1, "token-limit", common.token_limit.or(file.token_limit))?;
        at_least(1, "pool-wait", common.pool_wait.or(file.pool_wait))?;
        at_least(2, "connect-timeout", common.connect_timeout.or(file.connect_timeout))?;
        Ok(Self {
            store,
            log_format: common.log_format.or(file.log_format).unwrap_or_default(),
            listen: serving
                .listen
                .or(file.listen)
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))),
            public_url: public_url(common.public_url.clone().or(file.public_url))?,
            base_path: path_to_serve(&base_path)?,
            behind_proxy: serving.behind_proxy.or(file.behind_proxy).unwrap_or(false),
            max_body: max_body.unwrap_or(1 << 20),
            max_large_body: max_large_body.unwrap_or(8 << 20),
            body_timeout: seconds(serving.body_timeout, file.body_timeout, 15),
            head_timeout: seconds(serving.head_timeout, file.head_timeout, 5),
            concurrency: concurrency.unwrap_or(64),
            dns_server: common.dns_server.or(file.dns_server),
            failure_limit: serving.failure_limit.or(file.failure_limit).unwrap_or(100),
            domain_check_interval: seconds(
                serving.domain_check_interval,
                file.domain_check_interval,
                6 * 3600,
            ),
            documentation_uri: serving.documentation_uri.or(file.documentation_uri),
        })
    }
}

impl Serving {
    /// What is set here, else what is set there: options may stand before or behind `serve`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            listen: self.listen.or(other.listen),
            base_path: self.base_path.or(other.base_path),
            behind_proxy: self.behind_proxy.or(other.behind_proxy),
            max_body: self.max_body.or(other.max_body),
            max_large_body: self.max_large_body.or(other.max_large_body),
            body_timeout: self.body_timeout.or(other.body_timeout),
            head_timeout: self.head_timeout.or(other.head_timeout),
            concurrency: self.concurrency.or(other.concurrency),
            readers: self.readers.or(other.readers),
            writers: self.writers.or(other.writers),
            indexed: self.indexed.or(other.indexed),
            failure_limit: self.failure_limit.or(other.failure_limit),
            domain_check_interval: self.domain_check_interval.or(other.domain_check_interval),
            documentation_uri: self.documentation_uri.or(other.documentation_uri),
        }
    }
}

impl File {
    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the settings file {} can't be read", path.display()))?;
        toml::from_str(&text).map_err(|error| {
            // Not the line itself: it may hold the database's password.
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(0, |before| before.matches('\n').count()) + 1;
            let why = error.message();
            anyhow!("the settings file {} is not right in line {line}: {why}", path.display())
        })
    }
}

/// A setting that has to be so large.
fn at_least<N: Copy + PartialOrd + Display>(
    least: N,
    name: &str,
    value: Option<N>,
) -> Result<Option<N>> {
    match value {
        Some(value) if value < least => bail!("--{name} must be at least {least}, not {value}"),
        value => Ok(value),
    }
}

/// The path that SCIM is served under, with a slash at its beginning and none at its end.
fn path_to_serve(path: &str) -> Result<String> {
    let path = format!("/{}", path.trim_matches('/'));
    let plain = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
    };
    let taken = ["/api", "/healthz", "/readyz"];
    let is_taken = taken.iter().any(|own| path == *own || path.starts_with(&format!("{own}/")));
    if is_taken || !path.split('/').skip(1).all(plain) {
        bail!(
            "SCIM can't be served under \"{path}\"; choose a --base-path like /scim/v2, of letters, digits, \
             - . _ ~ and not below /api, /healthz or /readyz"
        );
    }
    Ok(path)
}

fn public_url(url: Option<String>) -> Result<Option<String>> {
    let Some(url) = url else { return Ok(None) };
    let trimmed = url.trim_end_matches('/');
    let rest = trimmed.strip_prefix("https://").or_else(|| trimmed.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.contains([' ', '"', '?', '#', '\\']) => {
            Ok(Some(trimmed.to_owned()))
        }
        _ => bail!("the public URL \"{url}\" must be like https://scim.example.com"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_count_before_the_file_and_the_file_before_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scim.toml");
        std::fs::write(&path, "listen = \"127.0.0.1:9\"\nbase_path = \"scim/\"\nmax_body = 5")
            .unwrap();
        let common = Common { config: Some(path.clone()), ..Common::default() };
        let serving = Serving { max_body: Some(7), ..Serving::default() };
        let config = Config::new(&common, serving).unwrap();
        assert_eq!(config.listen.port(), 9);
        for (base, path) in [
            ("/scim", Some("/scim")),
            ("a/b/", Some("/a/b")),
            ("/", None),
            ("/api/v1", None),
            ("/a/../b", None),
            ("/healthz", None),
            ("/a b", None),
        ] {
            let serving = Serving { base_path: Some(base.into()), ..Serving::default() };
            let config = Config::new(&Common::default(), serving).ok();
            assert_eq!(config.map(|c| c.base_path).as_deref(), path, "{base}");
        }
        let nothing = Serving { concurrency: Some(0), ..Serving::default() };
        assert!(Config::new(&Common::default(), nothing).is_err());
        assert_eq!(config.base_path, "/scim");
        assert_eq!(config.max_body, 7);
        assert_eq!(config.store.url, "sqlite:scim.db");
        std::fs::write(&path, "lisen = 1").unwrap();
        let error = format!("{:#}", Config::new(&common, Serving::default()).unwrap_err());
        assert!(error.contains("lisen"), "{error}");
        let common = Common { public_url: Some("scim.example.com".into()), ..Common::default() };
        assert!(Config::new(&common, Serving::default()).is_err());
    }
}
