//! One round: load, kill, start again, look.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::{Found, Settings};
use crate::programs::{Generator, Programs, Server};
use crate::stopwatch::Stopwatch;

/// The longest that the first acknowledgement may take, connections included.
const FIRST_ACK_MAX: Duration = Duration::from_secs(20);
/// The longest that the generator may take to notice that the server is gone.
const END_MAX: Duration = Duration::from_secs(30);
/// The longest that looking for all messages may take.
const VERIFY_MAX: Duration = Duration::from_secs(600);

/// One round.
#[derive(Debug)]
pub(super) struct Round<'a> {
    pub programs: &'a Programs,
    pub settings: &'a Settings,
    pub folder: &'a Path,
    /// How long the server works before it is killed.
    pub load: Duration,
}

/// The journal of one generation of users: what they were told to be stored.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    users: String,
}

impl Journal {
    pub(super) fn of_generation(folder: &Path, generation: u32) -> Self {
        Self { path: folder.join(format!("journal.{generation}")), users: format!("crash-{generation}") }
    }

    /// Messages noted so far.
    fn messages(&self) -> u64 {
        let text = std::fs::read_to_string(&self.path).unwrap_or_default();
        text.lines().filter(|line| !line.starts_with('#')).count() as u64
    }
}

impl Round<'_> {
    /// What was acknowledged in this round, what is wrong with the whole generation's history after it, and the report
    /// that says so.
    pub(super) fn run(&self, journal: &Journal) -> anyhow::Result<(Found, Value)> {
        let before = journal.messages();
        let server = self.programs.server(self.folder, &[])?;
        let mut generator = self.load(&server, journal)?;
        wait_for_load(journal, before, &mut generator)?;
        std::thread::sleep(self.load);
        server.kill()?;
        // It ends by itself when all sockets are gone, and its audit fails: what was on its way is not there.
        let code = generator.wait(END_MAX).context("loadtest dm, after the kill")?.code;
        if !matches!(code, 0 | 2 | 3) {
            bail!("loadtest dm ended with code {code}: {}", generator.last_words());
        }
        let acknowledged = journal.messages() - before;
        let server = self.programs.server(self.folder, &[])?;
        let (found, report) = self.verify(&server, journal)?;
        Ok((Found { acknowledged, ..found }, report))
    }

    fn load(&self, server: &Server, journal: &Journal) -> anyhow::Result<Generator> {
        let Settings { connections, rate, .. } = self.settings;
        let (connections, rate) = (connections.to_string(), rate.to_string());
        let path = journal.path.display().to_string();
        let arguments = [
            "dm",
            "--quiet",
            "--connections",
            &connections,
            "--rate",
            &rate,
            "--seconds",
            "5m",
            "--warm-up",
            "0s",
            "--users",
            &journal.users,
            "--journal",
            &path,
        ];
        self.programs.generator(server, self.folder, "dm", &arguments)
    }

    fn verify(&self, server: &Server, journal: &Journal) -> anyhow::Result<(Found, Value)> {
        let path = journal.path.display().to_string();
        let arguments = ["verify", "--quiet", "--journal", &path];
        let mut generator = self.programs.generator(server, self.folder, "verify", &arguments)?;
        let figures = generator.wait(VERIFY_MAX)?;
        let found = Found {
            acknowledged: 0,
            lost: figures.count("verify.lost")?,
            duplicated: figures.count("verify.duplicated")?,
            reordered: figures.count("verify.reordered")?,
        };
        let whole = figures.count("verify.acknowledged")? == journal.messages();
        let code = if found.is_clean() { 0 } else { 3 };
        if !whole || figures.code != code {
            bail!("loadtest verify did not look at the whole journal: {}", generator.last_words());
        }
        Ok((found, figures.report))
    }
}

/// The random time counts from the first acknowledgement: a kill before it would show nothing.
fn wait_for_load(journal: &Journal, before: u64, generator: &mut Generator) -> anyhow::Result<()> {
    let began = Stopwatch::start();
    while journal.messages() == before {
        if !generator.is_running()? || began.elapsed() > FIRST_ACK_MAX {
            bail!("nothing was acknowledged: {}", generator.last_words());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
