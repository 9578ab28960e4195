//! The server and the ceiling, side by side on new databases, phase by phase in turns: what else the machine
//! does meets both.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::connection::Endpoint;
use crate::figures::Figures;
use crate::process;
use crate::table;
use crate::workload::{Phase, Settings, Subject};

/// A server's process on a database of its own. Dropped, both are gone.
#[derive(Debug)]
pub struct Running {
    child: Child,
    folder: TempDir,
    /// Where it is.
    pub endpoint: Endpoint,
    token: String,
}

impl Running {
    /// Starts the server; the database is in a new folder within `within`.
    ///
    /// # Errors
    /// If it doesn't come up.
    pub fn server(binary: &Path, within: &Path) -> Result<Self> {
        let folder = tempfile::tempdir_in(within)?;
        let url = format!("sqlite:{}", folder.path().join("scim.db").display());
        let mut command = Command::new(binary);
        command.args(["--listen", "127.0.0.1:0", "--database-url", &url]);
        Self::start(command, folder, true)
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

    fn start(mut command: Command, folder: TempDir, with_token: bool) -> Result<Self> {
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
        let token =
            if with_token { after("Token:").context("it gave no token")? } else { String::new() };
        // What else it has to say must have somewhere to go.
        std::thread::spawn(move || said.for_each(drop));
        Ok(Self { endpoint: Endpoint::new(&url, &token)?, token, child, folder })
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
        let url = format!("sqlite:{}", self.folder().join("scim.db").display());
        let log = std::fs::File::create(self.folder().join("log"))?;
        let began = Instant::now();
        let mut command = Command::new(binary);
        command.args(["--listen", "127.0.0.1:0", "--database-url", &url]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        self.child = command.spawn()?;
        let out = self.child.stdout.take().context("no output to read")?;
        let mut said = BufReader::new(out).lines().map_while(|line| line.ok());
        let url =
            said.find_map(|line| line.strip_prefix("SCIM is at ").map(|url| url.trim().to_owned()));
        let took = began.elapsed();
        std::thread::spawn(move || said.for_each(drop));
        self.endpoint = Endpoint::new(&url.context("it did not say where it is")?, &self.token)?;
        Ok(took)
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The folder of its database.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One of the two, and its figures.
struct Side {
    name: &'static str,
    running: Running,
    subject: Subject,
    figures: Vec<Figures>,
}

impl Side {
    fn new(name: &'static str, running: Running) -> Self {
        let subject = Subject::new(running.endpoint.clone(), Some(running.pid()));
        Self { name, running, subject, figures: Vec::new() }
    }
}

/// Runs the workload on both and gives the comparison in Markdown. A phase that can be repeated runs `rounds`
/// times, in turns; of its figures the median by rate counts.
///
/// # Errors
/// If a server fails, a request does, or an answer is wrong.
pub async fn compare(
    server: Running,
    ceiling: Running,
    settings: &Settings,
    rounds: usize,
) -> Result<String> {
    let mut sides = [Side::new("ceiling", ceiling), Side::new("server", server)];
    for phase in Phase::ALL.into_iter().filter(|phase| settings.runs(*phase)) {
        let once = matches!(phase, Phase::Create | Phase::Delete | Phase::Group);
        let mut runs = [Vec::new(), Vec::new()];
        for _ in 0..if once { 1 } else { rounds } {
            for (side, runs) in sides.iter_mut().zip(&mut runs) {
                runs.push(side.subject.run(phase, settings).await?);
            }
        }
        for (side, runs) in sides.iter_mut().zip(runs) {
            for figures in median(runs) {
                println!("{:<9}{}", side.name, table::line(&figures));
                side.figures.push(figures);
            }
        }
    }
    let [ceiling, server] = sides;
    let wrong: u64 = server.figures.iter().map(|f| f.errors + f.failed_checks).sum();
    ensure!(wrong == 0, "{wrong} requests failed or were answered wrongly");
    let peak = |side: &Side| process::memory_mib(side.running.pid()).map_or(0.0, |(_, peak)| peak);
    let mut table = table::comparison(&server.figures, &ceiling.figures);
    table.push_str(&format!(
        "| peak memory, MiB | {:.0} | {:.0} | | ≤ 300 | {} |\n",
        peak(&server),
        peak(&ceiling),
        if peak(&server) <= 300.0 { "met" } else { "**not met**" }
    ));
    Ok(table)
}

/// Of several runs of a phase the one in the middle by its first rate.
fn median(mut runs: Vec<Vec<Figures>>) -> Vec<Figures> {
    let rate = |run: &Vec<Figures>| run.first().map_or(0.0, |figures| figures.per_second);
    runs.sort_by(|a, b| rate(a).total_cmp(&rate(b)));
    let middle = runs.len() / 2;
    runs.into_iter().nth(middle).unwrap_or_default()
}

/// Puts a table between the marks of a document.
///
/// # Errors
/// If the marks aren't there.
pub fn write_between_marks(document: &Path, mark: &str, table: &str) -> Result<()> {
    let text = std::fs::read_to_string(document)?;
    let (begin, end) = (format!("<!-- {mark} -->"), format!("<!-- /{mark} -->"));
    let (before, rest) = text.split_once(&begin).with_context(|| format!("no {begin}"))?;
    let (_, after) = rest.split_once(&end).with_context(|| format!("no {end}"))?;
    std::fs::write(document, format!("{before}{begin}\n\n{}\n\n{end}{after}", table.trim_end()))?;
    Ok(())
}
