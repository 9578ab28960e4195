//! The server and the ceiling, side by side on new databases, phase by phase in turns: what else the machine
//! does meets both.

use anyhow::Result;

use crate::figures::{self, Figures};
use crate::process;
use crate::running::Running;
use crate::table;
use crate::workload::{Phase, Settings, Subject};

/// One of the two, and its figures.
struct Side {
    name: &'static str,
    running: Running,
    subject: Subject,
    figures: Vec<Figures>,
}

impl Side {
    fn new(name: &'static str, running: Running) -> Self {
        let subject = Subject::new(running.endpoint.clone(), &running.token, Some(running.pid()));
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
    figures::require_good(&server.figures)?;
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
pub(crate) fn median(mut runs: Vec<Vec<Figures>>) -> Vec<Figures> {
    let rate = |run: &Vec<Figures>| run.first().map_or(0.0, |figures| figures.per_second);
    runs.sort_by(|a, b| rate(a).total_cmp(&rate(b)));
    let middle = runs.len() / 2;
    runs.into_iter().nth(middle).unwrap_or_default()
}
