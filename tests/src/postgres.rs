//! A PostgreSQL of the test's own, to be stopped and started as it likes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use tempfile::TempDir;

use crate::Database;

/// Dropped, it stops and is gone.
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
}

impl Postgres {
    pub fn start() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let offset = u16::try_from(std::process::id() % 1000).unwrap() * 20;
        let port = 30_000 + (offset + NEXT.fetch_add(1, Ordering::Relaxed)) % 2_000;
        let folder = tempfile::tempdir().unwrap();
        let postgres = Self { folder, programs: programs(), port };
        if is_root() {
            let path = postgres.folder.path();
            assert!(Command::new("chown").arg("postgres:").arg(path).status().unwrap().success());
        }
        postgres.run("initdb", &["-U", "scim", "-A", "trust", "-E", "UTF8", "--no-sync"]);
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\n\
             max_connections = 200\n",
            postgres.folder.path().display()
        );
        let file = postgres.data().join("postgresql.conf");
        let old = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, old + &settings).unwrap();
        postgres.up();
        postgres
    }

    /// A new database on it.
    pub fn database(&self) -> Arc<Database> {
        Arc::new(Database::fresh_postgres(self.url()))
    }

    /// The URL of the database that others are made from.
    pub fn url(&self) -> String {
        format!("postgres://scim@127.0.0.1:{}/postgres", self.port)
    }

    pub fn up(&self) {
        let log = self.folder.path().join("log");
        self.run("pg_ctl", &["-w", "-t", "30", "-l", &log.display().to_string(), "start"]);
    }

    /// Stops it as a crash would.
    pub fn crash(&self) {
        self.run("pg_ctl", &["-w", "-t", "30", "-m", "immediate", "stop"]);
    }

    /// Starts again as a standby, which repeats what a primary does and takes no changes.
    pub fn into_standby(&self) {
        std::fs::write(self.data().join("standby.signal"), "").unwrap();
        self.crash();
        self.up();
    }

    /// Starts again as a primary.
    pub fn into_primary(&self) {
        std::fs::remove_file(self.data().join("standby.signal")).unwrap();
        self.crash();
        self.up();
    }

    /// Takes TLS from now on, with a certificate that it has signed itself: the path of that.
    pub fn secure(&self) -> PathBuf {
        let (certificate, key) = (self.data().join("server.crt"), self.data().join("server.key"));
        let made = as_postgres("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let file = self.data().join("postgresql.conf");
        let old = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, old + "ssl = on\n").unwrap();
        self.crash();
        self.up();
        // Where whoever runs the tests can read it.
        let copy = self.folder.path().join("root.crt");
        std::fs::copy(certificate, &copy).unwrap();
        copy
    }

    /// Its processes stand still, with all connections open, until what this gives is dropped.
    pub fn hang(&self) -> impl Drop {
        struct Hanging<'a>(&'a Postgres);
        impl Drop for Hanging<'_> {
            fn drop(&mut self) {
                self.0.signal("CONT");
            }
        }
        self.signal("STOP");
        Hanging(self)
    }

    fn signal(&self, signal: &str) {
        for pid in self.pids() {
            Command::new("kill").args(["-s", signal, &pid]).output().unwrap();
        }
    }

    fn pids(&self) -> Vec<String> {
        let postmaster = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let postmaster = postmaster.lines().next().unwrap();
        let children = Command::new("pgrep").args(["-P", postmaster]).output().unwrap();
        let children = String::from_utf8(children.stdout).unwrap();
        std::iter::once(postmaster).chain(children.lines()).map(str::to_owned).collect()
    }

    /// No file of its may become longer than that from now on, as if its disk were full; `None`: any may.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let limit = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
        for pid in self.pids() {
            let done = as_postgres("prlimit")
                .args(["--pid", &pid, &format!("--fsize={limit}:")])
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&done.stderr);
            // A connection that has ended meanwhile has no limit any more.
            assert!(done.status.success() || said.contains("No such process"), "{said}");
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = as_postgres(self.programs.join(program));
        let output = std::fs::File::create(self.folder.path().join("out")).unwrap();
        let status = command
            .arg("-D")
            .arg(self.data())
            .args(arguments)
            .env("LC_ALL", "C.UTF-8")
            .current_dir(self.folder.path())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .status()
            .unwrap();
        let said = std::fs::read_to_string(self.folder.path().join("out")).unwrap_or_default();
        assert!(status.success(), "{command:?}: {said}");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.data().join("postmaster.pid").exists() {
            self.crash();
        }
    }
}

/// A program run as who PostgreSQL runs as: it refuses to run as root.
fn as_postgres(program: impl AsRef<std::ffi::OsStr>) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
    command
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim() == "0"
}

/// Where PostgreSQL's programs are: `PG_TMP_BIN`, or where Debian puts them.
fn programs() -> PathBuf {
    if let Some(folder) = std::env::var_os("PG_TMP_BIN") {
        return folder.into();
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    found.retain(|folder| Path::new(folder).join("initdb").exists());
    found.sort();
    found.pop().expect("these tests need PostgreSQL: sudo apt-get install postgresql")
}
