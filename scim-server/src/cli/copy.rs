//! `copy`: a whole database into an empty one.

use anyhow::Result;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::output::Output;
use crate::config::Config;
use crate::store::{self, Options, Step};

#[derive(Debug, Args)]
pub(super) struct Copy {
    /// The database to copy: sqlite:PATH or postgres://…; no server may write to it meanwhile
    #[arg(long, value_name = "URL")]
    from: String,
    /// The empty database to copy to, or one that has a part of the same copy
    #[arg(long, value_name = "URL")]
    to: String,
    #[command(flatten)]
    output: Output,
}

impl Copy {
    pub(super) fn run(&self, config: &Config) -> Result<()> {
        let at = |url: &str, create: bool| Options {
            url: url.to_owned(),
            create,
            ..config.store.clone()
        };
        let bar = ProgressBar::new(0);
        if let Ok(style) =
            ProgressStyle::with_template("{msg:9} {bar:40} {pos}/{len} {per_sec} {eta}")
        {
            bar.set_style(style);
        }
        let rows =
            store::copy(&at(&self.from, false), &at(&self.to, true), &mut |step| match step {
                Step::Begin(rows) | Step::Compare(rows) => {
                    let comparing = matches!(step, Step::Compare(_));
                    bar.set_message(if comparing { "comparing" } else { "copying" });
                    bar.set_length(rows);
                    bar.set_position(0);
                    bar.reset_eta();
                }
                Step::Copied(rows) | Step::Compared(rows) => bar.inc(rows),
            });
        bar.finish_and_clear();
        let rows = rows?;
        let sentence =
            format!("Copied {rows} rows; both databases have the same, to the last byte.");
        self.output.done(&sentence, &json!({"copied": rows}));
        Ok(())
    }
}
