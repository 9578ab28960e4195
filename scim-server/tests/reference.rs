//! The reference tells of every code that the administrative API answers with, and of no other.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests fail by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Codes that no client of the API sees: a dry run's end, and what only SCIM says (which has no codes).
const INSIDE: [&str; 2] = ["dry_run", "directory_dormant"];

/// Where a code is handed on rather than named, in the functions that the others call.
const HANDED_ON: [(&str, &str); 4] = [
    ("endpoint.rs", "code"),
    ("refusal.rs", "code"),
    ("error.rs", "mut self"),
    ("error.rs", "NOT_BRIEF"),
];

/// All source files below a folder, by name.
fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The string literal that a text begins with.
fn literal(text: &str) -> Option<&str> {
    text.trim_start().strip_prefix('"')?.split('"').next()
}

/// What the program can answer with, and, where it stands beside it, the kind of error.
fn answered() -> BTreeMap<String, Option<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    sources(&root.join("../scim-core/src"), &mut files);
    let mut codes = BTreeMap::new();
    for (name, text) in &files {
        for call in ["with_code(", "bad("] {
            for (at, _) in text.match_indices(call) {
                let in_word = |c: char| c.is_alphanumeric() || c == '_';
                if text[..at].ends_with(in_word) {
                    continue;
                }
                let after = &text[at + call.len()..];
                let Some(code) = literal(after) else {
                    let argument = after.split([')', ',', ':']).next().unwrap();
                    let known = HANDED_ON.contains(&(name.as_str(), argument));
                    assert!(known, "{name}: name the code where the error is made: {argument}");
                    continue;
                };
                codes.insert(code.to_owned(), None);
            }
        }
        match name.as_str() {
            // Self::LastOwner => ("last_owner", Conflict),
            "refusal.rs" => {
                for line in text.split("(\"").skip(1) {
                    let (code, rest) = line.split_once("\", ").unwrap();
                    let kind = rest.split(')').next().unwrap();
                    codes.insert(code.to_owned(), Some(kind.to_owned()));
                }
            }
            // Kind::Gone => "gone",
            "problem.rs" => {
                let (_, of_kinds) = text.split_once("match error.kind()").unwrap();
                let (of_kinds, _) = of_kinds.split_once("\n    }\n").unwrap();
                for after in of_kinds.split("=>").skip(1) {
                    codes.insert(literal(after).unwrap().to_owned(), None);
                }
            }
            _ => {}
        }
    }
    for code in INSIDE {
        assert!(codes.remove(code).is_some(), "{code} is no code any more");
    }
    codes
}

/// The codes of the table in the reference, by status.
fn told() -> BTreeMap<String, BTreeSet<String>> {
    let reference =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/reference/administration.md");
    let text = std::fs::read_to_string(reference).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| "));
    let mut table: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in rows {
        let Some((status, codes)) = row.split_once(" | ") else { continue };
        if status.len() == 3 && status.bytes().all(|b| b.is_ascii_digit()) {
            let words = codes.split('`').skip(1).step_by(2);
            let codes =
                words.filter(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
            table.entry(status.to_owned()).or_default().extend(codes.map(str::to_owned));
        }
    }
    table
}

#[test]
fn every_code_is_in_the_reference() {
    let (answered, told) = (answered(), told());
    assert!(answered.len() > 60, "{answered:?}");
    let all: BTreeSet<&String> = told.values().flatten().collect();
    let untold: Vec<_> = answered.keys().filter(|code| !all.contains(code)).collect();
    assert!(untold.is_empty(), "docs/src/reference/administration.md says nothing of {untold:?}");
    let unknown: Vec<_> = all.iter().filter(|code| !answered.contains_key(**code)).collect();
    assert!(unknown.is_empty(), "docs/src/reference/administration.md tells of {unknown:?}");
    for (code, kind) in &answered {
        let Some(kind) = kind else { continue };
        let status = match kind.as_str() {
            "Forbidden" => "403",
            "NotFound" => "404",
            "Conflict" => "409",
            "Gone" => "410",
            "Unprocessable" => "422",
            other => panic!("{code} is {other}: say here which status that is"),
        };
        assert!(told.get(status).is_some_and(|codes| codes.contains(code)), "{code} is {status}");
    }
}
