//! How the server does with many organizations: figures beside those of one organization, as a table.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use crate::bench::median;
use crate::figures::{self, Figures};
use crate::running::Running;
use crate::table;
use crate::workload::{Grouping, Phase, Settings, Size, Subject};

/// What is measured, and how it is called.
const LINES: [(&str, &str); 7] = [
    ("create", "create /s, on the way there"),
    ("get", "get by id /s"),
    ("filter-user-name", "`userName eq` /s"),
    ("filter-email", "`emails.value eq` /s"),
    ("list-by-cursor", "page of 100 by cursor /s"),
    ("group.add-member", "add one member /s, one connection"),
    ("group.remove-member", "remove one member /s, one connection"),
];

/// The phases that are repeated, before members change.
const PHASES: [Phase; 4] =
    [Phase::Get, Phase::FilterUserName, Phase::FilterEmail, Phase::ListByCursor];

/// The part of the figures with one organization that is to be reached with many.
const WANTED: f64 = 1.0 / 1.5;

/// Members who are added and removed in a round.
const CHANGES: usize = 1000;

/// A server with that many organizations, and its figures.
struct Side {
    size: Size,
    running: Running,
    subject: Subject,
    figures: Vec<Figures>,
    start_ms: f64,
    /// While organizations and users were made, and while they were measured.
    memory_mib: [f64; 2],
    database_mib: f64,
}

/// Fills two servers, starts them anew, measures them in turns, and gives the table. `settings` say nothing of
/// how many users there are. On both, half of the users are in a group, and groups are of the same size: what is
/// answered is the same.
///
/// # Errors
/// If a server fails, a request does, or an answer is wrong.
pub async fn measure(
    binary: &Path,
    [one, many]: [Running; 2],
    sizes: [Size; 2],
    settings: &Settings,
    rounds: usize,
) -> Result<String> {
    let [base, size] = sizes;
    let every = base.users_each.min(size.users_each);
    let grouping = Grouping { members: every / 2, every };
    let settings = Settings { samples: CHANGES, ..settings.clone() };
    let mut sides = [
        Side::fill(binary, one, base, grouping, &settings).await?,
        Side::fill(binary, many, size, grouping, &settings).await?,
    ];
    // The last phase is the change of members.
    for phase in PHASES.into_iter().map(Some).chain([None]) {
        let mut runs = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (side, runs) in sides.iter_mut().zip(&mut runs) {
                let figures = match phase {
                    Some(phase) => side.subject.run(phase, &settings).await?,
                    None => side.subject.change_members(grouping, &settings).await?,
                };
                side.tell(&figures)?;
                runs.push(figures);
            }
        }
        for (side, runs) in sides.iter_mut().zip(runs) {
            side.figures.extend(median(runs));
        }
    }
    for side in &mut sides {
        side.memory_mib[1] = side.running.peak_memory_mib();
    }
    Ok(in_markdown(&sides, grouping.members))
}

impl Side {
    /// Makes organizations, users and groups, and starts the server anew.
    async fn fill(
        binary: &Path,
        mut running: Running,
        size: Size,
        grouping: Grouping,
        settings: &Settings,
    ) -> Result<Self> {
        let (endpoint, operator) = (running.endpoint.clone(), &running.operator);
        let mut subject = Subject::found(endpoint, operator, size, settings, running.pid()).await?;
        let users = size.organizations * size.users_each;
        let figures = vec![subject.grow(users, settings).await];
        subject.make_groups(grouping, settings).await?;
        let creating = running.peak_memory_mib();
        let start_ms = running.restart(binary)?.as_secs_f64() * 1000.0;
        subject.move_to(running.endpoint.clone(), running.pid());
        let database_mib = running.database_mib()?;
        let memory_mib = [creating, 0.0];
        let side = Self { size, running, subject, figures, start_ms, memory_mib, database_mib };
        side.tell(&side.figures)?;
        Ok(side)
    }

    fn tell(&self, figures: &[Figures]) -> Result<()> {
        for figures in figures {
            println!("{:<7}{}", self.size.organizations, table::line(figures));
        }
        figures::require_good(figures)
    }

    fn per_second(&self, phase: &str) -> f64 {
        let is_it = |f: &&Figures| f.phase.split('@').next() == Some(phase);
        self.figures.iter().find(is_it).map_or(0.0, |f| f.per_second)
    }
}

fn in_markdown(sides: &[Side; 2], members: usize) -> String {
    let mut text = "|".to_owned();
    for Size { organizations, users_each } in sides.iter().map(|side| side.size) {
        let plural = if organizations == 1 { "" } else { "s" };
        let _ = write!(text, " | {organizations} organization{plural} of {users_each} users");
    }
    text.push_str(" | ratio | |\n|---|---|---|---|---|\n");
    let mut row = |label: &str, figure: &dyn Fn(&Side) -> f64, is_wanted: bool| {
        let [one, many] = sides.each_ref().map(figure);
        let ratio = many / one.max(1e-9);
        let verdict = match (is_wanted, ratio >= WANTED) {
            (false, _) => String::new(),
            (true, true) => format!("≥ {WANTED:.2}: met"),
            (true, false) => format!("≥ {WANTED:.2}: **not met**"),
        };
        let _ = writeln!(text, "| {label} | {one:.0} | {many:.0} | {ratio:.2} | {verdict} |");
    };
    for (phase, label) in LINES {
        let label = match phase.starts_with("group.") {
            true => label.replace("one member", &format!("one member of {members}")),
            false => label.to_owned(),
        };
        row(&label, &|side| side.per_second(phase), phase != "create");
    }
    row("start, ms", &|side| side.start_ms, false);
    row("peak memory while creating, MiB", &|side| side.memory_mib[0], false);
    row("peak memory while measuring, MiB", &|side| side.memory_mib[1], false);
    row("database, MiB", &|side| side.database_mib, false);
    text
}
