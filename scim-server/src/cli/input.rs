//! What commands read from standard input: secrets, which arguments would show to everybody on the machine.

use std::ffi::OsStr;
use std::io::Read as _;

use anyhow::{Context as _, Result, bail};
use clap::builder::TypedValueParser;
use clap::error::ErrorKind;

/// The argument `-`. Anything else is a secret that should not be there, and isn't repeated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stdin;

impl Stdin {
    /// Reads all of it.
    pub(super) fn read(self, what: &str) -> Result<String> {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("standard input can't be read")?;
        match text.trim() {
            "" => bail!("standard input is empty: give the {what} there"),
            text => Ok(text.to_owned()),
        }
    }
}

/// Takes nothing but [`Stdin`].
#[derive(Debug, Clone, Copy)]
pub(super) struct StdinOnly;

impl TypedValueParser for StdinOnly {
    type Value = Stdin;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> std::result::Result<Stdin, clap::Error> {
        if value == "-" {
            return Ok(Stdin);
        }
        let name = argument.map(ToString::to_string).unwrap_or_default();
        let detail = format!(
            "{name}: only - goes there, and the secret on standard input, because others see arguments. \
             If this was one, change it.\n"
        );
        Err(clap::Error::raw(ErrorKind::ValueValidation, detail).with_cmd(command))
    }
}
