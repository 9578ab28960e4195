//! A clock that tests set, for the program under test: libfaketime.

use std::path::PathBuf;

use tempfile::NamedTempFile;

/// The clock of one server. It stands still until it is set.
pub struct Clock {
    file: NamedTempFile,
}

impl Clock {
    /// A clock that shows `time`, like `2026-12-01 00:00:00` (UTC).
    pub fn at(time: &str) -> Self {
        let clock = Self { file: NamedTempFile::new().unwrap() };
        clock.set(time);
        clock
    }

    /// Sets it.
    pub fn set(&self, time: &str) {
        std::fs::write(self.file.path(), time).unwrap();
    }

    /// What a server that goes by it needs in its environment.
    pub fn environment(&self) -> Vec<(String, String)> {
        let path = self.file.path().display().to_string();
        [
            ("LD_PRELOAD", library().display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", path),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            ("DONT_FAKE_MONOTONIC", "1".into()),
            ("TZ", "UTC".into()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

/// Where Debian and others put it.
fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path());
    let places = folders.chain([PathBuf::from("/usr/lib")]);
    let found =
        places.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|p| p.exists());
    found.expect("libfaketime: install it, e.g. with: sudo apt-get install faketime")
}
