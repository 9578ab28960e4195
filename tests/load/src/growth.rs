//! How the server does as an organization grows: figures at some sizes, as a table and a plot.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use crate::figures::{self, Figures};
use crate::plot;
use crate::running::Running;
use crate::table;
use crate::workload::{Phase, Settings, Subject};

/// What is measured at each size, and how it is called.
const LINES: [(&str, &str); 6] = [
    ("create", "create /s, on the way there"),
    ("get", "get by id /s"),
    ("filter-user-name", "`userName eq` /s"),
    ("filter-email", "`emails.value eq` /s"),
    ("list-by-cursor", "page of 100 by cursor /s"),
    ("group.add-member@1000", "add one member of 1,000 /s, one connection"),
];

/// Members of the group that is changed.
const MEMBERS: usize = 1000;

/// The figures at one size.
struct Point {
    users: usize,
    figures: Vec<Figures>,
    start_ms: f64,
    memory_mib: f64,
    database_mib: f64,
}

/// Fills one organization to each of the sizes, measures, and gives table and plot.
///
/// # Errors
/// If the server fails, a request does, or an answer is wrong.
pub async fn measure(
    binary: &Path,
    mut server: Running,
    sizes: &[usize],
    settings: &Settings,
) -> Result<(String, String)> {
    let mut subject = Subject::new(server.endpoint.clone(), &server.token, Some(server.pid()));
    let mut points = Vec::new();
    let settings = Settings { members: vec![MEMBERS], ..settings.clone() };
    for &users in sizes {
        let mut figures = vec![subject.grow(users, &settings).await];
        let memory_mib = server.peak_memory_mib();
        let start_ms = server.restart(binary)?.as_secs_f64() * 1000.0;
        subject.move_to(server.endpoint.clone(), server.pid());
        for phase in [
            Phase::Get,
            Phase::FilterUserName,
            Phase::FilterEmail,
            Phase::ListByCursor,
            Phase::Group,
        ] {
            figures.extend(subject.run(phase, &settings).await?);
        }
        for figures in &figures {
            println!("{users:<9}{}", table::line(figures));
        }
        figures::require_good(&figures)?;
        let database_mib = server.database_mib()?;
        points.push(Point { users, figures, start_ms, memory_mib, database_mib });
    }
    Ok((in_markdown(&points), plot(&points)?))
}

impl Point {
    fn per_second(&self, phase: &str) -> f64 {
        self.figures.iter().find(|f| f.phase == phase).map_or(0.0, |f| f.per_second)
    }
}

fn in_markdown(points: &[Point]) -> String {
    let mut text = "|".to_owned();
    let mut row = |label: &str, cells: Vec<String>| {
        let _ = write!(text, " {label} |");
        for cell in cells {
            let _ = write!(text, " {cell} |");
        }
        text.push_str("\n|");
    };
    row("users", points.iter().map(|p| p.users.to_string()).collect());
    row("---", points.iter().map(|_| "---".to_owned()).collect());
    for (phase, label) in LINES {
        let cell = |point: &Point| format!("{:.0}", point.per_second(phase));
        row(label, points.iter().map(cell).collect());
    }
    row("start, ms", points.iter().map(|p| format!("{:.0}", p.start_ms)).collect());
    row(
        "peak memory while creating, MiB",
        points.iter().map(|p| format!("{:.0}", p.memory_mib)).collect(),
    );
    row("database, MiB", points.iter().map(|p| format!("{:.0}", p.database_mib)).collect());
    text.trim_end_matches('|').to_owned()
}

/// Each figure as a part of what it was at the first size: flat is good.
fn plot(points: &[Point]) -> Result<String> {
    let users: Vec<usize> = points.iter().map(|point| point.users).collect();
    let lines = LINES.map(|(phase, label)| {
        let first = points.first().map_or(1.0, |point| point.per_second(phase)).max(1e-9);
        let ratios = points.iter().map(|point| point.per_second(phase) / first).collect();
        (label.replace('`', ""), ratios)
    });
    plot::lines(&users, &lines)
}
