//! What was started, remembered between two commands in a file under cargo's target folder.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::container::Container;
use super::kind::Kind;
use super::process::{Recipe, Running};

/// Who started a service, and so who ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Starter {
    /// `cargo xtask test`, for as long as it runs.
    Test,
    /// A person, until `cargo xtask services down`.
    Person,
}

/// Everything remembered.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    /// The temporary folder that has the data of all.
    pub folder: Option<PathBuf>,
    /// The `nats-server` program, for tests that start servers of their own.
    pub nats_server: Option<PathBuf>,
    pub services: BTreeMap<Kind, Entry>,
}

/// One service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub url: String,
    pub starter: Starter,
    /// How it was got, for people.
    pub means: String,
    pub life: Life,
}

/// What keeps it alive.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Life {
    /// Somebody else: its URL was given.
    Elsewhere,
    Process {
        recipe: Recipe,
        running: Running,
    },
    Container(Container),
}

/// The file. Two commands at a time take turns.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
}

impl StateFile {
    /// `state.json` in `folder`, which is made if it is not there.
    pub(super) fn in_folder(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        Ok(Self { path: folder.join("state.json") })
    }

    /// What it says now.
    pub(super) fn read(&self) -> State {
        let text = std::fs::read_to_string(&self.path).unwrap_or_default();
        // Missing, or of another version of this program: nothing is known.
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Changes what it says, with nobody else doing so at the same time. It is written even if `change` fails half-way.
    pub(super) fn edit<T>(&self, change: impl FnOnce(&mut State) -> T) -> anyhow::Result<T> {
        let lock = File::create(self.path.with_extension("lock"))?;
        lock.lock().context("waiting for another services command")?;
        let mut state = self.read();
        let result = change(&mut state);
        let text = serde_json::to_string_pretty(&state)? + "\n";
        std::fs::write(&self.path, text).with_context(|| self.path.display().to_string())?;
        Ok(result)
    }
}
