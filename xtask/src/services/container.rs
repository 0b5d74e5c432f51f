//! Services as containers, where an engine (Docker or Podman) answers.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};

use super::kind::Kind;
use crate::machine::on_path;

const ENGINES: &[&str] = &["docker", "podman"];

/// A container and how it was made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Container {
    engine: PathBuf,
    name: String,
    /// Arguments of `docker run`.
    run: Vec<String>,
}

/// Image and arguments of the program in it.
fn image(kind: Kind) -> (&'static str, &'static [&'static str]) {
    match kind {
        Kind::Nats => ("nats:2.12.1-alpine", &[]),
        Kind::Redis => ("redis:7.4.1-alpine", &["redis-server", "--save", ""]),
        Kind::Cql => (
            "scylladb/scylla:6.2.0",
            // One core and little memory. Synced before it is acknowledged, as the log needs it; conditional writes do not
            // work on tablets.
            &[
                "--smp",
                "1",
                "--memory",
                "1G",
                "--overprovisioned",
                "1",
                "--developer-mode",
                "1",
                "--commitlog-sync",
                "batch",
                "--enable-tablets",
                "false",
            ],
        ),
    }
}

/// The engine that answers, if one does.
pub(super) fn engine() -> Option<PathBuf> {
    ENGINES.iter().filter_map(|name| on_path(name)).find(|engine| {
        let mut ask = Command::new(engine);
        ask.arg("info").stdout(Stdio::null()).stderr(Stdio::null());
        ask.status().is_ok_and(|status| status.success())
    })
}

impl Container {
    /// A container for `kind` that is reached at `port` of this machine.
    pub(super) fn plan(engine: PathBuf, kind: Kind, port: u16) -> Self {
        let name = format!("tidegate-{}-{port}", kind.scheme());
        let (image, arguments) = image(kind);
        let publish = format!("127.0.0.1:{port}:{}", kind.usual_port());
        let run = ["run", "--detach", "--rm", "--name", &name, "--publish", &publish, image];
        let run = run.iter().chain(arguments).map(|word| (*word).to_owned()).collect();
        Self { engine, name, run }
    }

    /// What it is, for people.
    pub(super) fn shown(&self, kind: Kind) -> String {
        format!("container {} of {}", self.name, image(kind).0)
    }

    /// Starts it, in the place of one of the same name; an image that is not here is fetched first.
    pub(super) fn start(&self) -> anyhow::Result<()> {
        self.end();
        let mut command = Command::new(&self.engine);
        let output = command.args(&self.run).stderr(Stdio::inherit()).output().context("docker run")?;
        ensure!(output.status.success(), "{} {} failed", self.engine.display(), self.run.join(" "));
        Ok(())
    }

    /// Whether it runs.
    pub(super) fn is_alive(&self) -> bool {
        let mut command = Command::new(&self.engine);
        command.args(["inspect", "--format", "{{.State.Running}}", &self.name]);
        command.output().is_ok_and(|output| output.stdout.starts_with(b"true"))
    }

    /// Ends and removes it, with its data.
    pub(super) fn end(&self) {
        let mut command = Command::new(&self.engine);
        command.args(["rm", "--force", "--volumes", &self.name]).stdout(Stdio::null()).stderr(Stdio::null());
        // It may have ended by itself; there is nobody to tell.
        let _ = command.status();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_listens_on_this_machine_only_and_its_tag_is_pinned() {
        for kind in Kind::ALL {
            let run = Container::plan("docker".into(), kind, 7).run.join(" ");
            assert!(run.contains(&format!("--publish 127.0.0.1:7:{} ", kind.usual_port())), "{run}");
            let (_, tag) = image(kind).0.split_once(':').expect("a tag");
            assert!(tag.starts_with(|first: char| first.is_ascii_digit()), "{tag}");
        }
    }
}
