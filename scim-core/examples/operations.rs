//! Runs an operation of the benches a number of times, to be counted: `operations NAME TIMES`. Without
//! arguments it tells the names. See `scripts/instructions`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a bench"
)]

#[path = "../benches/operations/mod.rs"]
mod operations;

use operations::{NAMES, Operations};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        println!("{}", NAMES.join("\n"));
        return;
    };
    let times: usize = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(1);
    let operations = Operations::new();
    for _ in 0..times {
        operations.run(&name);
    }
}
