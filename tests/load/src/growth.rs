//! How the server does as an organization grows: figures at some sizes, as a table and a plot.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Result, ensure};

use crate::bench::Running;
use crate::figures::Figures;
use crate::process;
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
    let mut subject = Subject::new(server.endpoint.clone(), Some(server.pid()));
    let mut points = Vec::new();
    let settings = Settings { members: vec![MEMBERS], ..settings.clone() };
    for &users in sizes {
        let mut figures = vec![subject.grow(users, &settings).await];
        let memory_mib = process::memory_mib(server.pid()).map_or(0.0, |(_, peak)| peak);
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
            let wrong = figures.errors + figures.failed_checks;
            ensure!(wrong == 0, "{wrong} requests failed or were answered wrongly");
        }
        let database = std::fs::metadata(server.folder().join("scim.db"))?.len();
        let database_mib = database as f64 / f64::from(1 << 20);
        points.push(Point { users, figures, start_ms, memory_mib, database_mib });
    }
    Ok((in_markdown(&points), plot(&points)))
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
fn plot(points: &[Point]) -> String {
    const COLORS: [&str; 6] = ["#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#a463f2"];
    let (left, top, width, height) = (60.0, 20.0, 420.0, 240.0);
    let x = |i: usize| left + width * i as f64 / points.len().saturating_sub(1).max(1) as f64;
    let y = |ratio: f64| top + height * (1.0 - (ratio / 1.5).clamp(0.0, 1.0));
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 300\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"760\" height=\"300\" fill=\"#fff\"/>\n",
    );
    for ratio in [0.0, 0.5, 1.0, 1.5] {
        let at = y(ratio);
        let _ = writeln!(
            svg,
            "<path d=\"M{left} {at:.1}H{:.1}\" stroke=\"#ddd\"/><text x=\"50\" y=\"{:.1}\" \
             text-anchor=\"end\">{ratio:.1}</text>",
            left + width,
            at + 4.0
        );
    }
    for (i, point) in points.iter().enumerate() {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"280\" text-anchor=\"middle\">{} users</text>",
            x(i),
            point.users
        );
    }
    for (line, ((phase, label), color)) in LINES.iter().zip(COLORS).enumerate() {
        let first = points.first().map_or(1.0, |point| point.per_second(phase)).max(1e-9);
        let mut path = String::new();
        for (i, point) in points.iter().enumerate() {
            let step = if i == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{step}{:.1} {:.1}", x(i), y(point.per_second(phase) / first));
        }
        let _ = writeln!(
            svg,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/><text x=\"500\" \
             y=\"{}\" fill=\"{color}\">{}</text>",
            40 + 20 * line,
            label.replace('`', "")
        );
    }
    svg.push_str("</svg>\n");
    svg
}
