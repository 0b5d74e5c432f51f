//! A run of the program that leaves a report, and what came of it.

use std::process::{Command, Output};

/// Signs the tokens of every run.
pub const SECRET: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9-loadtest";

/// What came of a run.
pub struct Run {
    pub output: Output,
    pub report: serde_json::Value,
}

/// The program with these arguments, for the server at `url`.
pub fn loadtest(url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.args(arguments).args(["--url", url, "--secret", SECRET]);
    command
}

impl Run {
    /// Runs it to its end.
    pub fn of(mut command: Command) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let json = folder.path().join("report.json");
        let output = command.args(["--quiet", "--json"]).arg(&json).output().expect("started");
        let text = std::fs::read_to_string(&json).unwrap_or_default();
        Self { output, report: serde_json::from_str(&text).unwrap_or_default() }
    }

    /// The same beside a server that runs in this process.
    pub async fn beside(command: Command) -> Self {
        tokio::task::spawn_blocking(move || Self::of(command)).await.expect("run")
    }

    pub fn code(&self) -> Option<i32> {
        self.output.status.code()
    }

    pub fn figure(&self, name: &str) -> f64 {
        let value = self.report["figures"][name]["value"].as_f64();
        value.unwrap_or_else(|| panic!("no figure {name}: {}", self.text()))
    }

    /// Everything that it printed.
    pub fn text(&self) -> String {
        let (out, err) = (&self.output.stdout, &self.output.stderr);
        format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
    }
}
