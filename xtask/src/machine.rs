//! What this machine has: programs on `PATH`, Debian's packages, whether it is CI.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

/// Whether this run is one that must not skip anything.
pub fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value != "false" && !value.is_empty())
}

/// The program `name`, where `PATH` has it.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}

/// Installs packages with apt-get, as root or through a sudo that asks for no password; says so where neither is possible.
pub fn apt_install(packages: &[&str]) -> anyhow::Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    apt_get(&["update", "--quiet=2"])?;
    apt_get(&[&["install", "--yes", "--quiet=2", "--no-install-recommends"], packages].concat())
        .with_context(|| format!("installing {}", packages.join(" ")))
}

fn apt_get(arguments: &[&str]) -> anyhow::Result<()> {
    let status = elevated("apt-get")?
        .args(arguments)
        // What apt-get says is progress: it must not mix with what the chore prints.
        .stdout(std::io::stderr())
        .status()
        .context("apt-get could not be started")?;
    anyhow::ensure!(status.success(), "apt-get {} failed", arguments.join(" "));
    Ok(())
}

/// `program` with the rights to install. A package's own service is not started: runlevel 1 forbids it.
fn elevated(program: &str) -> anyhow::Result<Command> {
    if on_path(program).is_none() {
        bail!("there is no {program} on this machine");
    }
    let environment = ["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"];
    let mut command = if rustix::process::geteuid().is_root() {
        Command::new("env")
    } else {
        let silent = Command::new("sudo").args(["-n", "true"]).stderr(Stdio::null()).status();
        if !silent.is_ok_and(|status| status.success()) {
            bail!("{program} needs root, or a sudo without a password");
        }
        let mut command = Command::new("sudo");
        command.args(["-n", "env"]);
        command
    };
    command.args(environment).arg(program);
    Ok(command)
}
