//! Servers as processes, each on a new database.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::connection::{Endpoint, Token};
use crate::process;

/// A server's process on a database of its own. Dropped, both are gone.
#[derive(Debug)]
pub struct Running {
    child: Child,
    folder: TempDir,
    /// Where it is.
    pub endpoint: Endpoint,
    /// The token of the organization that is there from the start.
    pub token: Token,
    /// The token for the administrative API.
    pub operator: Token,
}

impl Running {
    /// Starts the server; the database is in a new folder within `within`.
    ///
    /// # Errors
    /// If it doesn't come up.
    pub fn server(binary: &Path, within: &Path) -> Result<Self> {
        let folder = tempfile::tempdir_in(within)?;
        Self::start(serving(binary, &folder), folder, true)
    }

    /// Starts the ceiling.
    ///
    /// # Errors
    /// If it doesn't come up.
    pub fn ceiling(binary: &Path, within: &Path) -> Result<Self> {
        let folder = tempfile::tempdir_in(within)?;
        let mut command = Command::new(binary);
        command.arg(folder.path().join("ceiling.db"));
        Self::start(command, folder, false)
    }

    fn start(mut command: Command, folder: TempDir, with_tokens: bool) -> Result<Self> {
        let name = command.get_program().display().to_string();
        let log = std::fs::File::create(folder.path().join("log"))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().with_context(|| format!("can't start {name}"))?;
        let out = child.stdout.take().context("no output to read")?;
        let mut said = BufReader::new(out).lines();
        let mut after = |mark: &str| {
            said.by_ref()
                .map_while(|line| line.ok())
                .find_map(|line| line.split_once(mark).map(|(_, text)| text.trim().to_owned()))
        };
        let url = after("Base URL:").with_context(|| format!("{name} did not say where it is"))?;
        let mut token = |mark| match with_tokens {
            true => {
                Ok(Token::new(&after(mark).with_context(|| format!("no \"{mark}\" was said"))?))
            }
            false => anyhow::Ok(Token::default()),
        };
        let (token, operator) = (token("Token:")?, token("Operator:")?);
        // What else it has to say must have somewhere to go.
        std::thread::spawn(move || said.for_each(drop));
        Ok(Self { endpoint: Endpoint::new(&url)?, token, operator, child, folder })
    }

    /// Stops the server as its operator would, starts it on the same database, and tells how long it took from
    /// the start to its word.
    ///
    /// # Errors
    /// If it doesn't come up.
    pub fn restart(&mut self, binary: &Path) -> Result<Duration> {
        let pid = self.pid().to_string();
        ensure!(Command::new("kill").arg(&pid).status()?.success(), "it can't be stopped");
        self.child.wait()?;
        let log = std::fs::File::create(self.folder.path().join("log"))?;
        let began = Instant::now();
        let mut command = serving(binary, &self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        self.child = command.spawn()?;
        let out = self.child.stdout.take().context("no output to read")?;
        let mut said = BufReader::new(out).lines().map_while(|line| line.ok());
        let url =
            said.find_map(|line| line.strip_prefix("SCIM is at ").map(|url| url.trim().to_owned()));
        let took = began.elapsed();
        std::thread::spawn(move || said.for_each(drop));
        self.endpoint = Endpoint::new(&url.context("it did not say where it is")?)?;
        Ok(took)
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// MiB of its database.
    ///
    /// # Errors
    /// If there is none.
    pub fn database_mib(&self) -> Result<f64> {
        let bytes = std::fs::metadata(self.folder.path().join("scim.db"))?.len();
        Ok(bytes as f64 / f64::from(1 << 20))
    }

    /// MiB of memory that it took at the most since it was started.
    #[must_use]
    pub fn peak_memory_mib(&self) -> f64 {
        process::memory_mib(self.pid()).map_or(0.0, |(_, peak)| peak)
    }
}

/// The server on the database of a folder.
fn serving(binary: &Path, folder: &TempDir) -> Command {
    let url = format!("sqlite:{}", folder.path().join("scim.db").display());
    let mut command = Command::new(binary);
    command.args(["--listen", "127.0.0.1:0", "--database-url", &url]);
    command
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
