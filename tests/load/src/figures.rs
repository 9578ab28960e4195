//! What is counted in a phase, and the figures that come of it.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::process;

/// The answers of a phase.
#[derive(Debug, Default)]
pub struct Tally {
    latencies_us: Vec<f64>,
    errors: u64,
    failed_checks: u64,
    first_trouble: Option<String>,
}

impl Tally {
    /// An answer that was good.
    pub fn good(&mut self, took: Duration) {
        self.latencies_us.push(took.as_secs_f64() * 1e6);
    }

    /// A request that failed.
    pub fn error(&mut self, why: impl std::fmt::Display) {
        self.errors += 1;
        self.first_trouble.get_or_insert_with(|| why.to_string());
    }

    /// What came of looking into an answer.
    pub fn checked(&mut self, outcome: anyhow::Result<()>) {
        if let Err(why) = outcome {
            self.failed_checks += 1;
            self.first_trouble.get_or_insert_with(|| format!("{why:#}"));
        }
    }

    /// Good answers so far.
    #[must_use]
    pub fn done(&self) -> usize {
        self.latencies_us.len()
    }

    /// Whether nothing but errors came, many of them.
    #[must_use]
    pub fn is_hopeless(&self) -> bool {
        self.latencies_us.is_empty() && self.errors > 100
    }

    /// # Errors
    /// If a request failed, or an answer was wrong: how many, and why the first did.
    pub fn require_good(&self) -> anyhow::Result<()> {
        let wrong = self.errors + self.failed_checks;
        let why = self.first_trouble.as_deref().unwrap_or_default();
        anyhow::ensure!(wrong == 0, "{wrong} requests failed or were answered wrongly: {why}");
        Ok(())
    }

    /// Takes another's answers in.
    pub fn merge(&mut self, other: Self) {
        self.latencies_us.extend(other.latencies_us);
        self.errors += other.errors;
        self.failed_checks += other.failed_checks;
        self.first_trouble = self.first_trouble.take().or(other.first_trouble);
    }
}

/// Watches a server during a phase.
#[derive(Debug)]
pub struct Watch {
    pid: Option<u32>,
    cpu_us: Option<f64>,
    began: Instant,
}

impl Watch {
    /// Begins to watch a process, if it is known.
    #[must_use]
    pub fn begin(pid: Option<u32>) -> Self {
        Self { pid, cpu_us: pid.and_then(process::cpu_us), began: Instant::now() }
    }

    /// The figures; each request did `units` of what is counted.
    #[must_use]
    pub fn end(&self, phase: &str, tally: Tally, units: f64) -> Figures {
        self.figures(phase, tally, units, self.began.elapsed().as_secs_f64())
    }

    /// The figures of one connection's requests, among which others were sent.
    #[must_use]
    pub fn end_of_part(&self, phase: &str, tally: Tally) -> Figures {
        let took = tally.latencies_us.iter().sum::<f64>() / 1e6;
        self.figures(phase, tally, 1.0, took)
    }

    fn figures(&self, phase: &str, mut tally: Tally, units: f64, took: f64) -> Figures {
        let done = tally.latencies_us.len() as f64 * units;
        tally.latencies_us.sort_by(f64::total_cmp);
        let at = |part: f64| {
            let last = tally.latencies_us.len().saturating_sub(1) as f64;
            tally.latencies_us.get((last * part).round() as usize).map_or(0.0, |us| us / 1000.0)
        };
        let cpu = self.pid.and_then(process::cpu_us).zip(self.cpu_us);
        Figures {
            phase: phase.to_owned(),
            done,
            errors: tally.errors,
            failed_checks: tally.failed_checks,
            per_second: done / took.max(1e-9),
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            cpu_us: cpu.filter(|_| done > 0.0).map(|(after, before)| (after - before) / done),
            memory_mib: self.pid.and_then(process::memory_mib).map(|(now, _)| now),
            trouble: tally.first_trouble,
        }
    }
}

/// The figures of one phase.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Which phase.
    pub phase: String,
    /// What was done: requests, or operations in them.
    pub done: f64,
    /// Requests that failed.
    pub errors: u64,
    /// Answers that were looked into and were wrong.
    pub failed_checks: u64,
    /// Done in a second.
    pub per_second: f64,
    /// Half of the requests took at most this long, in milliseconds.
    pub p50_ms: f64,
    /// 99 of 100 requests took at most this long, in milliseconds.
    pub p99_ms: f64,
    /// The server's CPU time for each, in microseconds.
    pub cpu_us: Option<f64>,
    /// The server's resident memory at the end, in MiB.
    pub memory_mib: Option<f64>,
    /// The first error or failed check.
    pub trouble: Option<String>,
}

/// # Errors
/// If a request failed, or an answer was wrong.
pub fn require_good(figures: &[Figures]) -> anyhow::Result<()> {
    let wrong: u64 = figures.iter().map(|f| f.errors + f.failed_checks).sum();
    anyhow::ensure!(wrong == 0, "{wrong} requests failed or were answered wrongly");
    Ok(())
}
