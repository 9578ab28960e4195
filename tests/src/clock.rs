//! A clock that tests set, for the program under test: libfaketime.

use std::path::PathBuf;

use tempfile::NamedTempFile;

/// The clock of one server. It stands still until it is set.
pub struct Clock {
    file: NamedTempFile,
    environment: Vec<(&'static str, String)>,
}

impl Clock {
    /// A clock that shows `time`, like `2026-12-01 00:00:00` (UTC).
    pub fn at(time: &str) -> Self {
        let file = NamedTempFile::new().unwrap();
        let environment = vec![
            ("LD_PRELOAD", library().display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", file.path().display().to_string()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            ("DONT_FAKE_MONOTONIC", "1".into()),
            ("TZ", "UTC".into()),
        ];
        let clock = Self { file, environment };
        clock.set(time);
        clock
    }

    /// Sets it.
    pub fn set(&self, time: &str) {
        std::fs::write(self.file.path(), time).unwrap();
    }

    /// What a server that goes by it needs in its environment.
    pub fn environment(&self) -> Vec<(&str, &str)> {
        self.environment.iter().map(|(name, value)| (*name, value.as_str())).collect()
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
