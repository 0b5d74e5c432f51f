//! A run of `loadtest` against a server, and what it wrote down.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::{Programs, Server, tail};
use crate::stopwatch::Stopwatch;
use crate::tree;

/// A generator that runs. Dropping it ends it.
#[derive(Debug)]
pub struct Generator {
    process: Child,
    log: PathBuf,
    report: PathBuf,
    command: String,
}

/// What a generator wrote down when it ended.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Its exit code: 0 good, 1 a requirement was missed, 2 it could not keep its schedule, 3 the audit failed.
    pub code: i32,
    /// The whole report.
    pub report: Value,
}

impl Programs {
    /// Starts `loadtest` with `arguments` against `server`; its log and its report are `name.log` and `name.json` in
    /// `folder`.
    pub fn generator(
        &self,
        server: &Server,
        folder: &Path,
        name: &str,
        arguments: &[&str],
    ) -> anyhow::Result<Generator> {
        let pid = server.id().to_string();
        let arguments = [arguments, &["--server-pid", &pid]].concat();
        self.generator_at(&server.url(), &server.key_file(), folder, name, &arguments)
    }

    /// As [`Self::generator`], against whatever listens at `url` and takes tokens of the key in `key_file`.
    pub fn generator_at(
        &self,
        url: &str,
        key_file: &Path,
        folder: &Path,
        name: &str,
        arguments: &[&str],
    ) -> anyhow::Result<Generator> {
        let (log, report) = (folder.join(format!("{name}.log")), folder.join(format!("{name}.json")));
        // What an earlier run left there says nothing about this one.
        let _ = std::fs::remove_file(&report);
        // Without what only this run has.
        let shown: Vec<&str> = arguments.iter().copied().take_while(|word| *word != "--server-pid").collect();
        let process = Command::new(&self.loadtest)
            // Its report names the commit that is checked out here.
            .current_dir(tree::root())
            .args(arguments)
            .args(["--url", url, "--key-file"])
            .arg(key_file)
            .arg("--json")
            .arg(&report)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).with_context(|| log.display().to_string())?)
            .spawn()
            .with_context(|| self.loadtest.display().to_string())?;
        Ok(Generator { process, log, report, command: format!("loadtest {}", shown.join(" ")) })
    }
}

impl Generator {
    /// Whether it goes on.
    pub fn is_running(&mut self) -> anyhow::Result<bool> {
        Ok(self.process.try_wait()?.is_none())
    }

    /// Waits for its end, at most for `patience`.
    pub fn wait(&mut self, patience: Duration) -> anyhow::Result<Figures> {
        let began = Stopwatch::start();
        loop {
            if let Some(status) = self.process.try_wait()? {
                return self.figures(status);
            }
            if began.elapsed() > patience {
                bail!("loadtest did not end within {} s: {}", patience.as_secs(), self.last_words());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        tail(&self.log)
    }

    fn figures(&self, status: ExitStatus) -> anyhow::Result<Figures> {
        let report = std::fs::read_to_string(&self.report);
        match (status.code(), report) {
            (Some(code), Ok(report)) => {
                let mut report: Value = serde_json::from_str(&report)?;
                // Without the paths and ports of this one run.
                report["command"] = Value::from(self.command.as_str());
                Ok(Figures { code, report })
            }
            _ => bail!("loadtest: {status}: {}", self.last_words()),
        }
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        // It may have ended already; there is nobody to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Figures {
    /// The figure `name`, in seconds, bytes, a second or pieces; `None` when this run has no such figure.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.report["figures"][name]["value"].as_f64()
    }

    /// The count `name`, which must be there.
    pub fn count(&self, name: &str) -> anyhow::Result<u64> {
        let value = self.report["figures"][name]["value"].as_u64();
        value.with_context(|| format!("the report has no {name}"))
    }
}
