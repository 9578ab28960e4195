//! Figures as lines and tables, and the targets that they are held against.

use std::fmt::Write as _;

use crate::figures::Figures;

/// The head over [`line()`]s.
pub const HEAD: &str = "phase                               done   errors  wrong        /s   p50 ms   p99 ms   CPU us    MiB";

/// Figures as a line.
#[must_use]
pub fn line(figures: &Figures) -> String {
    let some = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:.0}"));
    let mut text = format!(
        "{:<32}{:>8}{:>9}{:>7}{:>10.0}{:>9.2}{:>9.2}{:>9}{:>7}",
        figures.phase,
        figures.done,
        figures.errors,
        figures.failed_checks,
        figures.per_second,
        figures.p50_ms,
        figures.p99_ms,
        some(figures.cpu_us),
        some(figures.memory_mib),
    );
    if let Some(trouble) = &figures.trouble {
        let short: String = trouble.chars().take(300).collect();
        let _ = write!(text, "\n    {short}");
    }
    text
}

/// What is measured of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    PerSecond,
    P50,
    P99,
    Cpu,
}

/// A row of the comparison: the server is to reach that part of the ceiling.
struct Target {
    label: &'static str,
    phase: &'static str,
    measure: Measure,
    /// Server to ceiling: at least this for rates, at most this for times.
    ratio: f64,
}

const fn target(
    label: &'static str,
    phase: &'static str,
    measure: Measure,
    (server, ceiling): (f64, f64),
) -> Target {
    Target { label, phase, measure, ratio: server / ceiling }
}

/// The targets, as figures of one machine: what the server should do where the ceiling does that.
const TARGETS: [Target; 23] = {
    use Measure::{Cpu, P50, P99, PerSecond};
    [
        target("create /s", "create", PerSecond, (7_000.0, 13_683.0)),
        target("get by id /s", "get", PerSecond, (33_000.0, 54_730.0)),
        target("`userName eq` /s", "filter-user-name", PerSecond, (30_000.0, 61_592.0)),
        target("`externalId eq` /s", "filter-external-id", PerSecond, (30_000.0, 61_592.0)),
        target("`emails.value eq` /s", "filter-email", PerSecond, (30_000.0, 61_592.0)),
        target("`userName sw` /s", "filter-prefix", PerSecond, (20_000.0, 44_963.0)),
        target("list, first page of 100 /s", "list-first", PerSecond, (5_000.0, 12_521.0)),
        target("list, deep page of 100 /s", "list-deep", PerSecond, (3_000.0, 6_224.0)),
        target("list, by cursor /s", "list-by-cursor", PerSecond, (5_000.0, 12_521.0)),
        target("PATCH active /s", "patch-active", PerSecond, (9_000.0, 19_591.0)),
        target("PUT /s", "put", PerSecond, (7_000.0, 16_001.0)),
        target("sync: filter miss + create, users/s", "sync", PerSecond, (4_000.0, 7_905.0)),
        target("bulk, operations/s", "bulk", PerSecond, (11_000.0, 21_197.0)),
        target("delete /s", "delete", PerSecond, (8_000.0, 15_956.0)),
        target("add one member, p50 ms", "group.add-member", P50, (1.0, 0.45)),
        target("add one member, p99 ms", "group.add-member", P99, (3.0, 1.4)),
        target("remove one member, p50 ms", "group.remove-member", P50, (1.0, 0.45)),
        target("remove one member, p99 ms", "group.remove-member", P99, (3.0, 1.4)),
        target("GET the group, p50 ms", "group.get", P50, (3.0, 1.5)),
        target("GET it without members, p50 ms", "group.get-without-members", P50, (0.4, 0.2)),
        target("CPU of a create, µs", "create", Cpu, (130.0, 58.0)),
        target("CPU of a get, µs", "get", Cpu, (35.0, 19.0)),
        target("CPU of a filter, µs", "filter-user-name", Cpu, (40.0, 16.0)),
    ]
};

/// The comparison as a table in Markdown.
#[must_use]
pub fn comparison(server: &[Figures], ceiling: &[Figures]) -> String {
    let mut text =
        "| | server | ceiling | ratio | target | |\n|---|---|---|---|---|---|\n".to_owned();
    for target in &TARGETS {
        for figures in server.iter().filter(|f| target.is_of(f)) {
            let Some(other) = ceiling.iter().find(|f| f.phase == figures.phase) else { continue };
            let (Some(own), Some(top)) = (target.measured(figures), target.measured(other)) else {
                continue;
            };
            let ratio = own / top.max(1e-9);
            let rate = target.measure == Measure::PerSecond;
            let (bound, met) = match rate {
                true => ("≥", ratio >= target.ratio),
                false => ("≤", ratio <= target.ratio),
            };
            let size = figures.phase.split_once('@').map(|(_, size)| format!(" at {size}"));
            let _ = writeln!(
                text,
                "| {}{} | {} | {} | {ratio:.2} | {bound} {:.2} | {} |",
                target.label,
                size.unwrap_or_default(),
                number(own),
                number(top),
                target.ratio,
                if met { "met" } else { "**not met**" },
            );
        }
    }
    text
}

impl Target {
    /// Groups are measured at several sizes.
    fn is_of(&self, figures: &Figures) -> bool {
        figures.phase.split('@').next() == Some(self.phase)
    }

    fn measured(&self, figures: &Figures) -> Option<f64> {
        match self.measure {
            Measure::PerSecond => Some(figures.per_second),
            Measure::P50 => Some(figures.p50_ms),
            Measure::P99 => Some(figures.p99_ms),
            Measure::Cpu => figures.cpu_us,
        }
    }
}

fn number(value: f64) -> String {
    if value >= 10.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
