//! Files for their owner alone: they hold people's data, and what secrets are checked by.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Makes a file that isn't there.
///
/// # Errors
/// From the system; also if there is one.
pub(crate) fn make(path: &Path) -> io::Result<File> {
    options().create_new(true).open(path)
}

/// Opens a file to be written anew. One that is there keeps its permissions.
///
/// # Errors
/// From the system.
pub(crate) fn rewrite(path: &Path) -> io::Result<File> {
    options().create(true).truncate(true).open(path)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
