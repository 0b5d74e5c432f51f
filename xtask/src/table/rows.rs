//! `bench-results/table.toml`: what the table shows, and how each row is measured.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use serde::Deserialize;

/// All rows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// In the order of the table.
    pub row: Vec<Row>,
}

/// One measurement of one or more servers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Of its records: `<name>.<server>.json`.
    pub name: String,
    /// For people.
    pub what: String,
    /// What `loadtest` is told, besides where the server is.
    pub loadtest: Option<String>,
    /// The chore that measures it, where `bench` does not.
    pub command: Option<String>,
    /// Variables of Tidegate's environment.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Whether clients come over TLS, with a certificate made for the run.
    #[serde(default)]
    pub tls: bool,
    /// The niceness of the server, where the generator on the same machine has to keep its schedule against a server that takes
    /// all it gets.
    #[serde(default)]
    pub server_nice: u8,
    /// What can be measured so.
    pub servers: Vec<Server>,
    /// What is shown of it.
    pub figures: Vec<Picked>,
    /// Its rate is a share of what another row found for the same server.
    pub rate_of: Option<RateOf>,
    /// Records of before there were names.
    #[serde(default)]
    pub records: BTreeMap<Server, String>,
}

/// One line of the table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picked {
    /// For people.
    pub label: String,
    /// In the record.
    pub name: String,
    /// Whether there are kept records of before it was measured.
    #[serde(default)]
    pub later: bool,
}

/// A rate that follows from another row.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateOf {
    /// Which; its figure is `find.rate`.
    pub row: String,
    /// Of it.
    pub share: f64,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Server {
    /// Tidegate
    Tidegate,
    /// `loadtest rawserver`
    Raw,
    /// Centrifugo, where it is installed
    Centrifugo,
}

impl Server {
    /// All, in the order of the table.
    pub const ALL: [Self; 3] = [Self::Tidegate, Self::Raw, Self::Centrifugo];

    /// As in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tidegate => "tidegate",
            Self::Raw => "raw",
            Self::Centrifugo => "centrifugo",
        }
    }
}

impl Manifest {
    /// Reads a file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    /// Of a text, if it makes sense.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let manifest: Self = toml::from_str(text)?;
        let mut names = BTreeSet::new();
        for row in &manifest.row {
            if row.loadtest.is_some() == row.command.is_some() {
                bail!("{}: one of loadtest and command is wanted", row.name);
            }
            if let Some(other) = row.rate_of.as_ref().filter(|other| !names.contains(&other.row)) {
                bail!("{}: its rate is that of {}, which is no row before it", row.name, other.row);
            }
            if !names.insert(row.name.clone()) {
                bail!("{} is there twice", row.name);
            }
        }
        Ok(manifest)
    }

    /// The row of that name.
    pub fn get(&self, name: &str) -> anyhow::Result<&Row> {
        let names = || self.row.iter().map(|row| row.name.as_str()).collect::<Vec<_>>().join(", ");
        let row = self.row.iter().find(|row| row.name == name);
        row.with_context(|| format!("there is no row {name:?}; rows are {}", names()))
    }
}

impl Row {
    /// What repeats it.
    pub fn repeated_by(&self) -> String {
        self.command.clone().unwrap_or_else(|| format!("cargo xtask bench {}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_make_no_sense_are_refused() {
        let row = |name: &str, more: &str| {
            format!("[[row]]\nname = {name:?}\nwhat = \"x\"\nservers = [\"raw\"]\nfigures = []\n{more}\n")
        };
        let wrong = |text: &str| format!("{:#}", Manifest::parse(text).expect_err(text));
        assert!(wrong(&row("a", "")).contains("one of loadtest and command"));
        let twice = row("a", "loadtest = \"dm\"") + &row("a", "loadtest = \"dm\"");
        assert!(wrong(&twice).contains("twice"));
        let rate = "loadtest = \"dm\"\nrate_of = { row = \"b\", share = 0.5 }";
        assert!(wrong(&row("a", rate)).contains("no row before it"));
        assert!(wrong(&row("a", "loadtest = \"dm\"\nsetings = {}")).contains("setings"));
        let good = Manifest::parse(&row("a", "command = \"cargo xtask million\"")).expect("good");
        assert_eq!(good.get("a").expect("there").repeated_by(), "cargo xtask million");
        assert!(good.get("b").expect_err("no such").to_string().contains("rows are a"));
    }
}
