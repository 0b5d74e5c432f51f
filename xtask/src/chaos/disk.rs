//! A disk that fills up under the embedded store: one process on a small file system of its own, under load.
//!
//! ```text
//! mount a small tmpfs ─► tidegate on it ◄─ front ◄─ loadtest endure ─► a file takes what is free ─► it goes ─► audit
//! ```
//!
//! The server may refuse, or end by itself; then it is started again, as a supervisor would, until it stays.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use crate::programs::{Programs, Server};
use crate::proxy::{Front, Proxy, Route};
use crate::stop::Stop;
use crate::stopwatch::Stopwatch;

/// Its name among the sorts of faults.
pub(super) const SORT: &str = "fill the disk of the embedded store";
/// Journals and tables of the store at its smallest, and room for a minute of messages.
const SIZE: &str = "size=192m";
const BEFORE: Duration = Duration::from_secs(8);
const FULL: Duration = Duration::from_secs(10);
const LENGTH: Duration = Duration::from_secs(40);
const END_MAX: Duration = Duration::from_secs(300);
/// Between two looks at a server that may have ended.
const LOOK: Duration = Duration::from_millis(250);
/// The least that keeps within the file system.
const SETTINGS: &[(&str, &str)] = &[
    ("TIDEGATE_STORE__MEMTABLE_BYTES", "8MiB"),
    ("TIDEGATE_STORE__JOURNAL_BYTES_MAX", "64MiB"),
    ("TIDEGATE_STORE__CACHE_BYTES", "8MiB"),
];

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    pub code: i32,
    pub report: Value,
    /// How often the server had to be started again.
    pub restarts: u32,
}

/// A mounted file system; dropping it takes it away.
#[derive(Debug)]
struct Small(PathBuf);

impl Small {
    fn mount(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let output =
            Command::new("mount").args(["-t", "tmpfs", "-o", SIZE, "tidegate-chaos"]).arg(folder).output();
        let output = output.context("mount")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "a small file system needs root to be mounted: {}", said.trim());
        Ok(Self(folder.to_owned()))
    }

    /// Takes everything that is free.
    fn fill(&self) -> anyhow::Result<PathBuf> {
        let path = self.0.join("filler");
        let mut file = std::fs::File::create(&path)?;
        let block = vec![0_u8; 64 * 1024];
        for size in [block.len(), 512] {
            while file.write_all(&block[..size]).is_ok() {}
        }
        Ok(path)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily: a process that is just ending may still have files there.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Runs it, in a folder of its own in `scratch`.
pub(super) fn run(programs: &Programs, scratch: &Path, stop: &mut Stop) -> anyhow::Result<Found> {
    println!("chaos: a disk fills up under the embedded store");
    let small = Small::mount(&scratch.join("small-disk"))?;
    let mut host = Host { programs, folder: &small.0, server: None, public: None, restarts: 0 };
    let first = host.keep_alive()?;
    let front = Front::new(vec![first], vec![first]);
    let front = Proxy::start(SocketAddr::from(([127, 0, 0, 1], 0)), Route::Front(front))?;
    let url = format!("ws://{}/ws", front.address());
    let key = host.server.as_ref().map(Server::key_file).context("no server")?;
    let seconds = format!("{}s", LENGTH.as_secs());
    let words = ["endure", "--clients", "40", "--rate", "100", "--seconds", &seconds, "--grace", "60s"];
    let mut generator = programs.generator_at(&url, &key, scratch, "disk-full", &words)?;
    let began = Stopwatch::start();
    let mut filler = None;
    while generator.is_running()? {
        let now = began.elapsed();
        if now > LENGTH + END_MAX {
            bail!("loadtest does not end: {}", generator.last_words());
        }
        if filler.is_none() && now > BEFORE && now < BEFORE + FULL {
            filler = Some(small.fill()?);
        }
        if now > BEFORE + FULL
            && let Some(filler) = filler.take_if(|path| path.exists())
        {
            std::fs::remove_file(filler)?;
        }
        let is_full = filler.as_ref().is_some_and(|path| path.exists());
        // While it is full a server that has ended may be unable to start.
        if let Err(error) = host.keep_alive()
            && !is_full
        {
            return Err(error);
        }
        stop.sleep(LOOK)?;
    }
    let figures = generator.wait(END_MAX)?;
    Ok(Found { code: figures.code, report: figures.report, restarts: host.restarts })
}

/// The supervisor of one server.
struct Host<'a> {
    programs: &'a Programs,
    folder: &'a Path,
    server: Option<Server>,
    public: Option<SocketAddr>,
    restarts: u32,
}

impl Host<'_> {
    /// Starts the server if it is not there, always at the same address.
    fn keep_alive(&mut self) -> anyhow::Result<SocketAddr> {
        if let (Some(server), Some(public)) = (&mut self.server, self.public) {
            if server.is_running()? {
                return Ok(public);
            }
            self.restarts += 1;
        }
        self.server = None;
        let server = self.programs.server_at(self.folder, SETTINGS, self.public)?;
        self.public = Some(server.public());
        let public = server.public();
        self.server = Some(server);
        Ok(public)
    }
}
