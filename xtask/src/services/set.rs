//! The services of one folder: brought up, looked at, taken down.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;

use super::downloads::Downloads;
use super::kind::Kind;
use super::obtain::Obtaining;
use super::process::{Recipe, Running};
use super::ready::{self, answers};
use super::state::{Entry, Life, Starter, State, StateFile};
use super::{Origin, Terms};
use crate::machine::on_path;
use crate::tree;

/// The longest that a service may take to answer after its start; a CQL server on a busy machine takes longest.
const START_MAX: Duration = Duration::from_secs(120);
/// The longest that a service may take to end by itself.
const END_MAX: Duration = Duration::from_secs(3);

/// NATS, Redis and a CQL server, remembered in one folder.
#[derive(Debug)]
pub struct Services {
    file: StateFile,
    downloads: PathBuf,
}

/// A service that could not be had.
#[derive(Debug)]
pub struct Failure {
    /// Which.
    pub kind: Kind,
    /// What was tried, and what came of it.
    pub reasons: Vec<String>,
}

/// A service as people see it.
#[derive(Debug)]
pub struct Shown {
    kind: Kind,
    text: String,
}

impl Services {
    /// Those of this checkout, remembered under cargo's target folder.
    pub fn of_this_checkout() -> anyhow::Result<Self> {
        let folder = target_folder()?.join("services");
        Ok(Self { file: StateFile::in_folder(&folder)?, downloads: folder })
    }

    /// Others, remembered in `folder`, with the downloads of this checkout.
    pub fn in_folder(folder: &Path) -> anyhow::Result<Self> {
        let downloads = target_folder()?.join("services");
        Ok(Self { file: StateFile::in_folder(folder)?, downloads })
    }

    /// Brings up what does not run. What could not be had is returned; the rest runs all the same.
    pub fn up(&self, terms: &Terms) -> anyhow::Result<Vec<Failure>> {
        let downloads = Downloads::new(self.downloads.clone(), terms.installing);
        self.file.edit(|state| -> anyhow::Result<Vec<Failure>> {
            let folder = data_folder(state)?;
            let mut failures = Vec::new();
            for &kind in terms.kinds {
                let found = state.services.remove(&kind).and_then(|entry| keep(kind, entry, terms));
                let obtaining = Obtaining { kind, terms, downloads: &downloads, folder: &folder };
                match found.map_or_else(|| obtaining.entry(), Ok) {
                    Ok(entry) => {
                        state.services.insert(kind, entry);
                    }
                    Err(failure) => failures.push(failure),
                }
            }
            state.nats_server = nats_server(state, &downloads);
            Ok(failures)
        })?
    }

    /// Takes down what `starter` started, and what any lesser one did; removes the data with the last.
    pub fn down(&self, starter: Starter) -> anyhow::Result<()> {
        self.file.edit(|state| {
            state.services.retain(|_, entry| {
                let stays = entry.starter > starter;
                if !stays {
                    end(entry);
                }
                stays
            });
            if state.services.is_empty() {
                state.nats_server = None;
                if let Some(folder) = state.folder.take() {
                    // If something is left there, the system clears its temporary folder some day.
                    let _ = std::fs::remove_dir_all(folder);
                }
            }
        })
    }

    /// What is known of each, and whether it answers now.
    pub fn shown(&self) -> Vec<Shown> {
        let state = self.file.read();
        let show = |kind| {
            let text = match state.services.get(&kind) {
                None => "does not run".to_owned(),
                Some(entry) => {
                    let now = answers(kind, &entry.url).map_or("DOES NOT ANSWER", |()| "answers");
                    let number = match &entry.life {
                        Life::Process { running, .. } => format!(", process {}", running.pid()),
                        Life::Elsewhere | Life::Container(_) => String::new(),
                    };
                    format!("{now} at {} ({}{number})", entry.url, entry.means)
                }
            };
            Shown { kind, text }
        };
        Kind::ALL.into_iter().map(show).collect()
    }

    /// The variables of the environment that lead tests to what runs.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let state = self.file.read();
        let urls = state.services.iter().map(|(kind, entry)| (kind.variable(), entry.url.clone()));
        let program = state.nats_server.iter();
        urls.chain(program.map(|path| (NATS_SERVER, path.display().to_string()))).collect()
    }

    /// Where `kind` is.
    pub fn url(&self, kind: Kind) -> anyhow::Result<String> {
        let entry = self.file.read().services.remove(&kind);
        entry.map(|entry| entry.url).with_context(|| format!("no {kind} server runs"))
    }

    /// How `kind` is started, if it is a process that was started here.
    pub fn recipe(&self, kind: Kind) -> anyhow::Result<Recipe> {
        match self.file.read().services.remove(&kind).map(|entry| entry.life) {
            Some(Life::Process { recipe, .. }) => Ok(recipe),
            _ => anyhow::bail!("no {kind} server was started here as a process"),
        }
    }

    /// The process of `kind`, if it is one that was started here.
    pub fn process(&self, kind: Kind) -> anyhow::Result<Running> {
        match self.file.read().services.remove(&kind).map(|entry| entry.life) {
            Some(Life::Process { running, .. }) => Ok(running),
            _ => anyhow::bail!("no {kind} server was started here as a process"),
        }
    }
}

/// The variable of the environment that names the `nats-server` program.
pub(super) const NATS_SERVER: &str = "TIDEGATE_TEST_NATS_SERVER";

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no {} server: {}", self.kind, self.reasons.join("; "))
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Padded as text: the name's own formatting knows no width.
        let name = self.kind.to_string();
        write!(f, "{name:<5} {}", self.text)
    }
}

/// An entry that is still good, or good again; `None` where a new one is needed.
fn keep(kind: Kind, mut entry: Entry, terms: &Terms) -> Option<Entry> {
    let given = std::env::var(kind.variable()).ok().filter(|url| !url.is_empty());
    let wanted = match (&entry.life, terms.origin, given) {
        // What is given goes first, and a new one replaces what is remembered.
        (_, Origin::Any, Some(given)) => given == entry.url,
        (Life::Elsewhere, _, _) => false,
        _ => true,
    };
    if !wanted {
        end(&entry);
        return None;
    }
    entry.starter = entry.starter.max(terms.starter);
    if is_alive(&entry) && answers(kind, &entry.url).is_ok() {
        return Some(entry);
    }
    eprintln!("services: {kind} does not answer at {}; starting it again", entry.url);
    end(&entry);
    match start_again(kind, &mut entry) {
        Ok(()) => Some(entry),
        Err(error) => {
            eprintln!("services: {kind} did not start on its old data: {error:#}");
            end(&entry);
            None
        }
    }
}

fn start_again(kind: Kind, entry: &mut Entry) -> anyhow::Result<()> {
    match &mut entry.life {
        Life::Elsewhere => anyhow::bail!("it was not started here"),
        Life::Process { recipe, running } => *running = recipe.start()?,
        Life::Container(container) => container.start()?,
    }
    wait(kind, entry)
}

/// Waits until the service of `entry` answers.
pub(super) fn wait(kind: Kind, entry: &Entry) -> anyhow::Result<()> {
    ready::wait(kind, &entry.url, START_MAX, || is_alive(entry)).map_err(|error| match &entry.life {
        Life::Process { recipe, .. } => error.context(crate::programs::tail(&recipe.log())),
        Life::Elsewhere | Life::Container(_) => error,
    })
}

fn is_alive(entry: &Entry) -> bool {
    match &entry.life {
        Life::Elsewhere => true,
        Life::Process { running, .. } => running.is_alive(),
        Life::Container(container) => container.is_alive(),
    }
}

/// Ends what was started here.
pub(super) fn end(entry: &Entry) {
    match &entry.life {
        Life::Elsewhere => {}
        Life::Process { running, .. } => running.end(END_MAX),
        Life::Container(container) => container.end(),
    }
}

/// The temporary folder of all data; when the system cleared it, whatever had data there is forgotten.
fn data_folder(state: &mut State) -> anyhow::Result<PathBuf> {
    if let Some(folder) = state.folder.as_ref().filter(|folder| folder.is_dir()) {
        return Ok(folder.clone());
    }
    state.services.values().for_each(end);
    state.services.clear();
    let folder = tempfile::Builder::new().prefix("tidegate-services-").tempdir()?.keep();
    state.folder = Some(folder.clone());
    Ok(folder)
}

/// The program for tests that start NATS servers of their own: the one that runs, or any other that can be had.
fn nats_server(state: &State, downloads: &Downloads) -> Option<PathBuf> {
    if let Some(given) = std::env::var_os(NATS_SERVER) {
        return Some(given.into());
    }
    if let Some(Life::Process { recipe, .. }) = state.services.get(&Kind::Nats).map(|entry| &entry.life) {
        return Some(recipe.program.clone());
    }
    on_path("nats-server").or_else(|| {
        let got = downloads.nats_server();
        got.inspect_err(|error| eprintln!("services: no nats-server program: {error:#}")).ok()
    })
}

/// Where cargo puts what it builds.
pub fn target_folder() -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--no-deps", "--format-version", "1", "--offline"]);
    let output = command.current_dir(tree::root()).output().context("cargo metadata")?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let folder = metadata["target_directory"].as_str().context("cargo names no target directory")?;
    Ok(PathBuf::from(folder))
}
