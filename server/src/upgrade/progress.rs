//! How far an upgrade is, in a file of the data directory, for whoever asked for it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

/// Name of the file.
const FILE: &str = "upgrade.json";

/// The file.
pub(crate) struct Progress {
    path: PathBuf,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The new program reads its configuration.
    Starting,
    /// Everything has stopped, and the sockets are on their way.
    Moving { sockets: usize },
    /// The sockets are another process's.
    Moved {
        sockets: usize,
        pid: u32,
        /// Its version.
        program: String,
        /// How long the sockets waited.
        paused: Duration,
        took: Duration,
        /// Why it is the old program again.
        refused: Option<String>,
    },
    /// The new program would not or could not; the old process has not noticed.
    Kept { why: String },
    /// Nobody has the sockets.
    Lost { why: String },
}

impl Progress {
    pub(crate) fn of(data_dir: &Path) -> Self {
        Self { path: data_dir.join(FILE) }
    }

    /// Writes the file whole. An upgrade does not fail for want of a reader.
    pub(crate) fn tell(&self, state: &State) {
        let beside = self.path.with_extension(format!("json.{}", std::process::id()));
        let written = std::fs::write(&beside, format!("{:#}\n", state.to_json()));
        if let Err(error) = written.and_then(|()| std::fs::rename(&beside, &self.path)) {
            tracing::warn!(%error, "the progress of the upgrade cannot be written");
        }
    }

    /// Forgets an earlier one.
    pub(crate) fn forget(&self) {
        // There may be none.
        let _ = std::fs::remove_file(&self.path);
    }

    /// How far it is; `None` before it has begun.
    pub(crate) fn read(&self) -> Option<State> {
        let text = std::fs::read_to_string(&self.path).ok()?;
        State::from_json(&serde_json::from_str(&text).ok()?)
    }
}

impl State {
    fn to_json(&self) -> Value {
        let ms = |time: &Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        match self {
            Self::Starting => json!({ "state": "starting" }),
            Self::Moving { sockets } => json!({ "state": "moving", "sockets": sockets }),
            Self::Moved { sockets, pid, program, paused, took, refused } => json!({
                "state": "moved", "sockets": sockets, "pid": pid, "program": program,
                "paused_ms": ms(paused), "took_ms": ms(took), "refused": refused,
            }),
            Self::Kept { why } => json!({ "state": "kept", "why": why }),
            Self::Lost { why } => json!({ "state": "lost", "why": why }),
        }
    }

    fn from_json(json: &Value) -> Option<Self> {
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        let time = |name: &str| json[name].as_u64().map(Duration::from_millis);
        let sockets = || json["sockets"].as_u64().and_then(|sockets| usize::try_from(sockets).ok());
        match json["state"].as_str()? {
            "starting" => Some(Self::Starting),
            "moving" => Some(Self::Moving { sockets: sockets()? }),
            "moved" => Some(Self::Moved {
                sockets: sockets()?,
                pid: u32::try_from(json["pid"].as_u64()?).ok()?,
                program: text("program")?,
                paused: time("paused_ms")?,
                took: time("took_ms")?,
                refused: text("refused"),
            }),
            "kept" => Some(Self::Kept { why: text("why")? }),
            "lost" => Some(Self::Lost { why: text("why")? }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let progress = Progress::of(folder.path());
        assert_eq!(progress.read(), None);
        let moved = State::Moved {
            sockets: 15_000,
            pid: 7,
            program: "0.2.0".to_owned(),
            paused: Duration::from_millis(300),
            took: Duration::from_millis(500),
            refused: None,
        };
        let why = || "because".to_owned();
        let all = [
            State::Starting,
            State::Moving { sockets: 3 },
            moved,
            State::Kept { why: why() },
            State::Lost { why: why() },
        ];
        for state in all {
            progress.tell(&state);
            assert_eq!(progress.read(), Some(state));
        }
        progress.forget();
        assert_eq!(progress.read(), None);
    }
}
