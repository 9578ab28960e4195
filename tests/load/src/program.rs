//! What the programs have in common that start servers themselves.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::running::Running;

/// Where servers are, and where what is measured goes.
#[derive(Debug, Args)]
pub struct Place {
    /// The folder for the databases: what is measured is its disk, too
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    /// The document to write the table into
    #[arg(long)]
    pub document: Option<PathBuf>,
    /// The server [default: the scim-server beside this program]
    #[arg(long)]
    server: Option<PathBuf>,
}

impl Place {
    /// The server's program.
    ///
    /// # Errors
    /// If it isn't known where this program is.
    pub fn server_binary(&self) -> Result<PathBuf> {
        self.server.clone().map_or_else(|| beside("scim-server"), Ok)
    }

    /// Starts a server on a new database.
    ///
    /// # Errors
    /// If it doesn't come up.
    pub fn server(&self) -> Result<Running> {
        Running::server(&self.server_binary()?, self.made()?)
    }

    /// Starts a ceiling on a new database.
    ///
    /// # Errors
    /// If it doesn't come up.
    pub fn ceiling(&self) -> Result<Running> {
        Running::ceiling(&beside("ceiling")?, self.made()?)
    }

    fn made(&self) -> Result<&Path> {
        std::fs::create_dir_all(&self.folder)?;
        Ok(&self.folder)
    }

    /// Prints a table, and puts it between the marks of the document, if there is one.
    ///
    /// # Errors
    /// If the marks aren't there.
    pub fn write(&self, mark: &str, table: &str) -> Result<()> {
        println!("\n{table}");
        let Some(document) = &self.document else { return Ok(()) };
        write_between_marks(document, mark, table)?;
        println!("written to {}", document.display());
        Ok(())
    }
}

/// The program of that name in this one's folder.
fn beside(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    Ok(own.parent().context("no folder to look in")?.join(name))
}

/// Runs what sends requests, on this thread alone.
///
/// # Errors
/// What comes of it.
pub fn run<T>(measuring: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, measuring)
}

/// Puts a table between the marks of a document.
///
/// # Errors
/// If the marks aren't there.
fn write_between_marks(document: &Path, mark: &str, table: &str) -> Result<()> {
    let text = std::fs::read_to_string(document)?;
    let (begin, end) = (format!("<!-- {mark} -->"), format!("<!-- /{mark} -->"));
    let (before, rest) = text.split_once(&begin).with_context(|| format!("no {begin}"))?;
    let (_, after) = rest.split_once(&end).with_context(|| format!("no {end}"))?;
    std::fs::write(document, format!("{before}{begin}\n\n{}\n\n{end}{after}", table.trim_end()))?;
    Ok(())
}
