//! Standard output: what can't be written there is told at the end, instead of ending the program halfway.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};

static FAILED: Mutex<Option<io::ErrorKind>> = Mutex::new(None);

/// Writes a line.
macro_rules! say {
    ($($text:tt)*) => { $crate::out::line(&format_args!($($text)*)) };
}
pub(crate) use say;

pub(crate) fn line(text: &dyn Display) {
    let mut out = io::stdout().lock();
    if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush()) {
        *FAILED.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.kind());
    }
}

/// Why not all could be written, if so.
#[must_use]
pub fn failure() -> Option<String> {
    let failed = *FAILED.lock().unwrap_or_else(PoisonError::into_inner);
    failed.map(|kind| format!("standard output can't be written: {kind}"))
}
