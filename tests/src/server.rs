//! The program under test: one process and one database for each test.

use std::fs::File;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::{Client, Database, Person};

/// The binary: `SCIM_SERVER_BIN`, or what cargo built beside these tests.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("SCIM_SERVER_BIN") {
        return path.into();
    }
    let own = std::env::current_exe().unwrap();
    let folder = own.parent().unwrap().parent().unwrap();
    let path = folder.join("scim-server");
    assert!(path.exists(), "build the server first: cargo build -p scim-server");
    path
}

/// Runs a command of the binary to its end.
pub fn run(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// The same, with something to read on standard input.
pub fn run_with(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(binary())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that doesn't want to read it may be gone.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// SIGTERM; gives the exit code, `None` if it had to be killed.
pub fn terminate(mut child: Child) -> Option<i32> {
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    let until = Instant::now() + Duration::from_secs(12);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() > until {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A running server. Dropped, it is asked to stop, and made to after ten seconds.
pub struct Server {
    child: Option<Child>,
    folder: TempDir,
    database: Arc<Database>,
    address: SocketAddr,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    /// What the first start printed.
    pub welcome: String,
}

impl Server {
    pub fn start() -> Self {
        Self::with(&[])
    }

    pub fn with(arguments: &[&str]) -> Self {
        Self::with_environment(arguments, &[])
    }

    pub fn with_environment(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::on(Arc::new(Database::fresh()), arguments, environment)
    }

    /// Another instance on the same database.
    pub fn beside(&self) -> Self {
        let environment: Vec<_> =
            self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let arguments: Vec<_> = self.arguments.iter().map(String::as_str).collect();
        Self::on(Arc::clone(&self.database), &arguments, &environment)
    }

    /// An instance on that database.
    pub fn on(database: Arc<Database>, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut server = Self {
            environment: environment.iter().map(owned).collect(),
            child: None,
            folder: tempfile::tempdir().unwrap(),
            database,
            address: free_address(),
            arguments: arguments.iter().map(|a| (*a).to_owned()).collect(),
            welcome: String::new(),
        };
        server.restart();
        server
    }

    /// Starts the program on the same database and address.
    pub fn restart(&mut self) {
        let (out, log) = (self.folder.path().join("out"), self.folder.path().join("log"));
        let log = File::options().create(true).append(true).open(log).unwrap();
        let child = Command::new(binary())
            .args(["--listen", &self.address.to_string(), "--database-url", &self.url()])
            .args(&self.arguments)
            // Tests make more tokens and more mistakes than anybody else.
            .envs([("SCIM_TOKEN_LIMIT", "100"), ("SCIM_FAILURE_LIMIT", "100000")])
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(File::create(&out).unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let until = Instant::now() + Duration::from_secs(20);
        while Client::anonymous(self).try_get("/readyz").is_none_or(|a| a.status != 200) {
            assert!(Instant::now() < until, "not ready: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        self.welcome = std::fs::read_to_string(out).unwrap();
    }

    pub fn url(&self) -> String {
        self.database.url().to_owned()
    }

    pub fn database(&self) -> &Database {
        &self.database
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn base(&self) -> String {
        format!("http://{}/scim/v2", self.address)
    }

    /// The log, with the lines of all that was answered: they are written a moment later, in their order.
    pub fn log(&self) -> String {
        static READ: AtomicU16 = AtomicU16::new(0);
        let read = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let mark = format!("log-is-read-{}", READ.fetch_add(1, Ordering::Relaxed));
        let headers = [("X-Request-Id", mark.as_str())];
        let marked = Client::anonymous(self).attempt("GET", "/healthz", &headers, None);
        let until = Instant::now() + Duration::from_secs(2);
        while marked.is_ok() && Instant::now() < until && !read().contains(&mark) {
            std::thread::sleep(Duration::from_millis(1));
        }
        read()
    }

    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }

    /// The token that the first start printed.
    pub fn first_token(&self) -> String {
        let line =
            self.welcome.lines().find(|line| line.contains("Token:")).expect("a first start");
        line.split_whitespace().last().unwrap().to_owned()
    }

    /// The operator, by the token that the first start printed.
    pub fn operator(&self) -> Person {
        let line = self.welcome.lines().find(|line| line.contains("Operator:"));
        let line = line.expect("a first start");
        Person::new(self, line.split_whitespace().last().unwrap())
    }

    /// The caller with the first token.
    pub fn provisioner(&self) -> Client {
        Client::new(self, &self.first_token())
    }

    /// A command of the binary on this server's database, in JSON.
    pub fn command(&self, arguments: &[&str]) -> Value {
        let url = self.url();
        let limit = ["--token-limit", "100", "--database-url", &url];
        let output = run(&[arguments, &limit].concat());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }

    /// The id of the organization that the first start made.
    pub fn first_organization(&self) -> String {
        let organizations = self.command(&["org", "list", "-o", "json"]);
        let mut organizations = organizations.as_array().unwrap().iter();
        let first = organizations.find(|organization| organization["name"] == "Default").unwrap();
        first["id"].as_str().unwrap().to_owned()
    }

    /// A token of the first organization.
    pub fn token(&self, arguments: &[&str]) -> Value {
        let organization = self.first_organization();
        let fixed = ["token", "create", "-o", "json", "--org", &organization];
        self.command(&[&fixed, arguments].concat())
    }

    /// A caller with a token of the first organization.
    pub fn caller(&self, arguments: &[&str]) -> Client {
        Client::new(self, self.token(arguments)["token"].as_str().unwrap())
    }

    /// A caller of another organization.
    pub fn other_tenant(&self) -> Client {
        let made = ["org", "create", "--name", "Other", "--domains", "any", "-o", "json"];
        let id = self.command(&made)["id"].as_str().unwrap().to_owned();
        let token = self.command(&["token", "create", "--org", &id, "-o", "json"]);
        Client::new(self, token["token"].as_str().unwrap())
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// SIGKILL.
    pub fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// As [`terminate`].
    pub fn stop(&mut self) -> Option<i32> {
        self.child.take().and_then(terminate)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            eprintln!(
                "the server's log ends:\n{}",
                lines[lines.len().saturating_sub(15)..].join("\n")
            );
        }
    }
}

/// An address that nobody else listens on. Ports below the range that the system gives to clients, each
/// process of tests from a place of its own.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 1000).unwrap() * 20;
    loop {
        let port = 10_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
