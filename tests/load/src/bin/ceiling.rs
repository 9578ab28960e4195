//! Serves the ceiling: `ceiling FILE`, a database that doesn't exist yet.

use anyhow::{Context as _, Result};

fn main() -> Result<()> {
    let file = std::env::args().nth(1).context("usage: ceiling FILE")?;
    scim_load::ceiling::run(std::path::Path::new(&file))
}
