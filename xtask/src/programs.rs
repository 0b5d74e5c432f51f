//! The two programs that measurements need, built and found: `tidegate` and `loadtest`.

mod generator;
pub(crate) mod key;
pub(crate) mod server;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::tree;

pub use generator::{Figures, Generator};
pub use server::Server;

/// How the programs are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// As they are shipped.
    Release,
    /// As the tests have them.
    Dev,
}

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    tidegate: PathBuf,
    loadtest: PathBuf,
    /// How far servers stand back for who measures them: the niceness they run at.
    server_nice: u8,
}

impl Programs {
    /// The program `tidegate`.
    pub fn tidegate(&self) -> &Path {
        &self.tidegate
    }

    /// The program `loadtest`.
    pub fn loadtest(&self) -> &Path {
        &self.loadtest
    }

    /// Those in `folder`; without one, builds them.
    pub fn find_or_build(folder: Option<&Path>, profile: Profile) -> anyhow::Result<Self> {
        let Some(folder) = folder else {
            eprintln!("building tidegate and loadtest");
            return Self::build(profile);
        };
        let find = |name: &str| {
            let program = folder.join(name).canonicalize();
            program.with_context(|| format!("{} has no {name}", folder.display()))
        };
        Ok(Self { tidegate: find("tidegate")?, loadtest: find("loadtest")?, server_nice: 0 })
    }

    /// The same, whose servers run at this niceness: nice(1), 0 to 19.
    #[must_use]
    pub fn with_server_nice(&self, server_nice: u8) -> Self {
        Self { server_nice, ..self.clone() }
    }

    /// A command that runs a server.
    pub(crate) fn server_command(&self, program: &Path) -> Command {
        if self.server_nice == 0 {
            return Command::new(program);
        }
        let mut command = Command::new("nice");
        command.args(["-n", &self.server_nice.to_string()]).arg(program);
        command
    }

    /// Builds both, if they are not up to date.
    ///
    /// For [`Profile::Dev`] this is the whole of what `cargo test --workspace` builds: with it, there is nothing left to
    /// do. Anything less has other features, and would build every dependency a second time.
    pub fn build(profile: Profile) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        match profile {
            Profile::Release => {
                command.args(["build", "--release", "--package", "server", "--package", "loadtest", "--bins"])
            }
            Profile::Dev => command.args(["test", "--workspace", "--no-run"]),
        };
        command.args(["--locked", "--message-format=json-render-diagnostics"]);
        let output =
            command.current_dir(tree::root()).stderr(Stdio::inherit()).output().context("cargo build")?;
        if !output.status.success() {
            bail!("cargo build failed");
        }
        let text = String::from_utf8(output.stdout).context("cargo's messages")?;
        Ok(Self { tidegate: find(&text, "tidegate")?, loadtest: find(&text, "loadtest")?, server_nice: 0 })
    }
}

/// The program `name`, not its unit tests, in what cargo says about a build.
fn find(messages: &str, name: &str) -> anyhow::Result<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut programs = messages.filter(|message| {
        message["target"]["name"] == name
            && message["target"]["kind"][0] == "bin"
            && message["profile"]["test"] == false
    });
    let path = programs.find_map(|message| message["executable"].as_str().map(PathBuf::from));
    path.with_context(|| format!("cargo built no program {name}"))
}

/// The end of a log, for a message about a failure.
pub(crate) fn tail(log: &Path) -> String {
    let mut text = String::new();
    if let Ok(mut file) = std::fs::File::open(log) {
        // A log that cannot be read says nothing.
        let _ = file.read_to_string(&mut text);
    }
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_told_from_its_unit_tests_and_from_libraries() {
        let message = |kind: &str, test: bool, executable: &str| {
            format!(
                r#"{{"target":{{"name":"loadtest","kind":["{kind}"]}},"profile":{{"test":{test}}},"executable":{executable}}}"#
            )
        };
        let messages = [
            message("lib", false, "null"),
            message("bin", true, r#""/deps/loadtest-0""#),
            "not a message".to_owned(),
            message("bin", false, r#""/loadtest""#),
        ]
        .join("\n");
        assert_eq!(find(&messages, "loadtest").expect("there"), Path::new("/loadtest"));
        assert!(find(&messages, "tidegate").is_err());
    }
}
