//! A wall clock that can be set wrong for one process: libfaketime, preloaded, reads the offset from a file.
//!
//! It changes what the process is told by the C library, and so what `SystemTime::now` says; monotonic time goes on as it
//! is, as with a real step of the system's clock.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::machine::apt_install;

/// Where Debian puts the library; the folder between is the machine's architecture.
const FOLDER: &str = "/usr/lib";
const LIBRARY: &str = "faketime/libfaketime.so.1";

/// The clock of one process.
#[derive(Debug)]
pub struct FakeClock {
    library: PathBuf,
    offset: PathBuf,
}

impl FakeClock {
    /// Right, so far. `folder` is for its offset. What is missing is installed.
    pub fn in_folder(folder: &Path) -> anyhow::Result<Self> {
        if let Some(clock) = Self::if_installed(folder)? {
            return Ok(clock);
        }
        apt_install(&["libfaketime"])
            .context("libfaketime is missing (Debian: apt-get install libfaketime)")?;
        Self::if_installed(folder)?.context("libfaketime is installed, and not where it should be")
    }

    /// The same; `None` where libfaketime is missing.
    pub fn if_installed(folder: &Path) -> anyhow::Result<Option<Self>> {
        let Some(library) = find() else { return Ok(None) };
        let clock = Self { library, offset: folder.join("clock-offset") };
        clock.step(0)?;
        Ok(Some(clock))
    }

    /// What the process must be started with.
    pub fn environment(&self) -> BTreeMap<String, String> {
        let variables = [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.offset.display().to_string()),
            // The file is read again each second.
            ("FAKETIME_CACHE_DURATION", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        variables.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// Sets it that many seconds wrong.
    pub fn step(&self, seconds: i64) -> anyhow::Result<()> {
        // Whole or not at all: the process may read it at any moment.
        let beside = self.offset.with_extension("new");
        std::fs::write(&beside, format!("{seconds:+}\n"))?;
        std::fs::rename(&beside, &self.offset).context("the clock's offset")
    }
}

fn find() -> Option<PathBuf> {
    let folders = std::fs::read_dir(FOLDER).ok()?.flatten();
    folders.map(|folder| folder.path().join(LIBRARY)).find(|library| library.is_file())
}
