//! How each service is started as a process: small, on this machine's loopback only, its data in a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use super::address::free_port;
use super::downloads::committed;
use super::process::Recipe;

/// The first port that is tried for what the nodes of a CQL cluster say to each other.
const STORAGE_PORT: u16 = 27_000;
/// Files of a node, in its folder.
const YAML: &str = "cassandra.yaml";
const LOGBACK: &str = "logback.xml";
const TEMPORARY: &str = "tmp";
/// Versions of Java that Cassandra 5.0 runs on.
const JAVA_VERSIONS: &[u32] = &[17, 11];
/// Java's doors that Cassandra goes through.
const JAVA_OPENS: &[&str] = &[
    "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
    "--add-exports=java.base/jdk.internal.misc=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
];

/// Settings of Cassandra: names and values of one line each in its configuration.
pub type Settings = BTreeMap<&'static str, String>;

fn recipe(program: PathBuf, arguments: Vec<String>, folder: PathBuf) -> Recipe {
    Recipe { program, arguments, environment: BTreeMap::new(), folder }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

pub(super) fn nats(program: PathBuf, port: u16, folder: PathBuf) -> Recipe {
    recipe(program, words(&["--addr", "127.0.0.1", "--port", &port.to_string()]), folder)
}

/// Keeps nothing on disk: what is in it may be lost.
pub(super) fn redis(program: PathBuf, port: u16, folder: PathBuf) -> Recipe {
    let port = port.to_string();
    let arguments = ["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"];
    recipe(program, words(&arguments), folder)
}

pub(super) fn scylla(program: PathBuf, port: u16, folder: PathBuf) -> anyhow::Result<Recipe> {
    let data = folder.join("data");
    std::fs::create_dir_all(&data)?;
    let (port, storage) = (port.to_string(), free_port(STORAGE_PORT)?.to_string());
    let mut arguments =
        words(&["--smp", "1", "--memory", "1G", "--overprovisioned", "--developer-mode", "1"]);
    arguments.extend(words(&["--listen-address", "127.0.0.1", "--rpc-address", "127.0.0.1"]));
    arguments.extend(words(&["--native-transport-port", &port, "--storage-port", &storage]));
    // As the log needs it; conditional writes do not work on tablets.
    arguments.extend(words(&["--commitlog-sync", "batch", "--enable-tablets", "false"]));
    arguments.extend(["--workdir".to_owned(), data.display().to_string()]);
    Ok(recipe(program, arguments, folder))
}

/// Apache Cassandra from its jars.
pub(super) fn cassandra_jars(
    java: PathBuf,
    jars: &Path,
    (heap_mib, settings): (u32, &Settings),
    port: u16,
    folder: PathBuf,
) -> anyhow::Result<Recipe> {
    let mut arguments = words(&["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
    arguments.push(format!("-Xmx{heap_mib}m"));
    arguments.extend(words(JAVA_OPENS));
    arguments.extend(cassandra_files(port, settings, &folder)?);
    arguments.extend(["-cp".to_owned(), format!("{}/*", jars.display())]);
    arguments.push("org.apache.cassandra.service.CassandraDaemon".to_owned());
    Ok(recipe(java, arguments, folder))
}

/// Apache Cassandra as it is installed, by its own script.
pub(super) fn cassandra_program(
    program: PathBuf,
    (heap_mib, settings): (u32, &Settings),
    port: u16,
    folder: PathBuf,
) -> anyhow::Result<Recipe> {
    // -R: as root too, which its script refuses otherwise.
    let mut arguments = words(&["-f", "-R"]);
    arguments.extend(cassandra_files(port, settings, &folder)?);
    let mut recipe = recipe(program, arguments, folder);
    recipe.environment.insert("MAX_HEAP_SIZE".to_owned(), format!("{heap_mib}M"));
    recipe.environment.insert("HEAP_NEWSIZE".to_owned(), format!("{}M", heap_mib / 4));
    Ok(recipe)
}

/// A node of Cassandra like `first`, but for some settings, with a folder of its own.
pub fn cassandra_like(first: &Recipe, settings: &Settings, folder: PathBuf) -> anyhow::Result<Recipe> {
    let text = std::fs::read_to_string(first.folder.join(YAML)).context("the first node is no Cassandra")?;
    write_files(&with_settings(&text, settings), &folder)?;
    let (theirs, own) = (first.folder.display().to_string(), folder.display().to_string());
    let arguments = first.arguments.iter().map(|word| word.replace(&theirs, &own)).collect();
    Ok(Recipe { arguments, folder, ..first.clone() })
}

/// Writes the configuration of one node into `folder`; gives the properties that lead there.
fn cassandra_files(port: u16, settings: &Settings, folder: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(committed("cassandra/cassandra.yaml"))?;
    let text = text
        .replace("@CQL_PORT@", &port.to_string())
        .replace("@STORAGE_PORT@", &free_port(STORAGE_PORT)?.to_string());
    write_files(&with_settings(&text, settings), folder)?;
    Ok(vec![
        format!("-Dcassandra.config=file://{}", folder.join(YAML).display()),
        format!("-Dcassandra.storagedir={}", folder.join("data").display()),
        format!("-Dlogback.configurationFile={}", folder.join(LOGBACK).display()),
        // Native libraries are unpacked there, and go with the folder.
        format!("-Djava.io.tmpdir={}", folder.join(TEMPORARY).display()),
        "-Dcassandra-foreground=yes".to_owned(),
        // Where there are logins, the first one is made at once, not after ten seconds.
        "-Dcassandra.superuser_setup_delay_ms=0".to_owned(),
    ])
}

fn write_files(yaml: &str, folder: &Path) -> anyhow::Result<()> {
    let temporary = folder.join(TEMPORARY);
    std::fs::create_dir_all(&temporary).with_context(|| temporary.display().to_string())?;
    std::fs::write(folder.join(YAML), yaml)?;
    std::fs::copy(committed("cassandra/logback.xml"), folder.join(LOGBACK))?;
    Ok(())
}

/// A configuration with other values, or more.
fn with_settings(yaml: &str, settings: &Settings) -> String {
    let stays = |line: &&str| line.split_once(':').is_none_or(|(name, _)| !settings.contains_key(name));
    let kept = yaml.lines().filter(stays).map(str::to_owned);
    kept.chain(settings.iter().map(|(name, value)| format!("{name}: {value}")))
        .map(|line| line + "\n")
        .collect()
}

/// A Java that Cassandra runs on: `JAVA_HOME`, `PATH`, or what Debian has installed beside it.
pub(super) fn java() -> anyhow::Result<PathBuf> {
    let home = std::env::var_os("JAVA_HOME").map(|home| PathBuf::from(home).join("bin/java"));
    let installed = std::fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten();
    let candidates: Vec<PathBuf> = home
        .into_iter()
        .chain(crate::machine::on_path("java"))
        .chain(installed.map(|folder| folder.path().join("bin/java")))
        .collect();
    let versions: Vec<Option<u32>> = candidates.iter().map(|java| java_version(java)).collect();
    for wanted in JAVA_VERSIONS {
        if let Some(index) = versions.iter().position(|version| *version == Some(*wanted)) {
            return Ok(candidates[index].clone());
        }
    }
    let seen: Vec<String> = versions.iter().flatten().map(u32::to_string).collect();
    bail!(
        "Cassandra 5.0 needs Java 17 or 11, and here is {}: install it (Debian: apt-get install openjdk-17-jre-headless), or set JAVA_HOME",
        if seen.is_empty() { "none".to_owned() } else { format!("only {}", seen.join(", ")) }
    )
}

fn java_version(java: &Path) -> Option<u32> {
    let output = Command::new(java).arg("-version").output().ok()?;
    major(&String::from_utf8_lossy(&output.stderr))
}

/// The major version in the first line of `java -version`.
fn major(text: &str) -> Option<u32> {
    let (_, version) = text.split_once("version \"")?;
    version.split(['.', '"', '-']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_java_are_read() {
        assert_eq!(major("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK"), Some(17));
        assert_eq!(major("openjdk version \"21-ea\" 2023"), Some(21));
        assert_eq!(major("java version \"1.8.0_1\""), Some(1));
        assert_eq!(major("command not found"), None);
    }

    #[test]
    fn the_committed_configuration_is_filled_in() {
        let folder = tempfile::tempdir().unwrap();
        let words = cassandra_files(19_999, &Settings::new(), folder.path()).unwrap();
        let yaml = std::fs::read_to_string(folder.path().join(YAML)).unwrap();
        assert!(yaml.contains("native_transport_port: 19999") && !yaml.contains("_PORT@"), "{yaml}");
        assert!(yaml.contains("commitlog_sync: batch"), "{yaml}");
        assert!(words.iter().any(|word| word.contains(YAML)));
    }

    #[test]
    fn a_node_like_another_has_its_ports_and_what_differs() {
        let folder = tempfile::tempdir().unwrap();
        let (java, jars) = (PathBuf::from("java"), Path::new("/jars"));
        let one = folder.path().join("one");
        let first = cassandra_jars(java, jars, (512, &Settings::new()), 19_999, one).unwrap();
        let settings = Settings::from([("rpc_address", "127.0.0.2".to_owned()), ("more", "yes".to_owned())]);
        let second = cassandra_like(&first, &settings, folder.path().join("two")).unwrap();
        let yaml = std::fs::read_to_string(second.folder.join(YAML)).unwrap();
        assert!(yaml.contains("native_transport_port: 19999") && yaml.contains("more: yes"), "{yaml}");
        assert_eq!(yaml.matches("rpc_address").count(), 1, "{yaml}");
        assert!(yaml.contains("rpc_address: 127.0.0.2\n"), "{yaml}");
        let of_first = first.folder.display().to_string();
        assert!(!second.arguments.iter().any(|word| word.contains(&of_first)), "{:?}", second.arguments);
        assert_eq!(second.arguments.len(), first.arguments.len());
    }
}
