//! Times and allocations of the hot paths: `cargo bench -p scim-core`. Times are noisy; `scripts/instructions`
//! counts instructions.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a bench"
)]

mod operations;

use divan::Bencher;
use operations::{NAMES, Operations};

#[global_allocator]
static ALLOCATIONS: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

#[divan::bench(args = NAMES)]
fn operation(bencher: Bencher<'_, '_>, name: &str) {
    let operations = Operations::new();
    bencher.bench_local(|| operations.run(name));
}
