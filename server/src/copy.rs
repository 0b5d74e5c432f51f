//! `tidegate copy`: a store of one process becomes that of a cluster.
//!
//! What moves and how is `store::copy`'s business; here are the words of the command line, the progress for whoever
//! watches, and what to do next.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use lifecycle::{StopSignals, Tasks};
use store::{Compared, CopyError, CopyProgress, CopyReport, Cql, CqlConfig, Step};
use tokio::time::Instant;

use crate::config::Config;
use crate::main_runtime;

/// How often a line says how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// Where from: `embedded:DIR`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CopyFrom(PathBuf);

/// Where to: `cql://HOST:PORT[,HOST:PORT]/KEYSPACE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CopyTo {
    nodes: Vec<String>,
    keyspace: String,
}

impl FromStr for CopyFrom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("embedded:") {
            Some(dir) if !dir.is_empty() => Ok(Self(dir.into())),
            _ => Err("write embedded:DIR, with the data directory of the server that is to move".to_owned()),
        }
    }
}

impl FromStr for CopyTo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let advice = || "write cql://HOST:PORT/KEYSPACE; several nodes with commas between them".to_owned();
        let (nodes, keyspace) =
            text.strip_prefix("cql://").and_then(|rest| rest.split_once('/')).ok_or_else(advice)?;
        let nodes: Vec<String> = nodes.split(',').map(str::to_owned).collect();
        let is_node = |node: &String| {
            node.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        if keyspace.is_empty() || keyspace.contains('/') || !nodes.iter().all(is_node) {
            return Err(advice());
        }
        Ok(Self { nodes, keyspace: keyspace.to_owned() })
    }
}

/// Copies, or goes on with a copy that was interrupted; gives what to tell at the end.
pub(crate) fn copy(config: Config, from: &CopyFrom, to: CopyTo) -> anyhow::Result<String> {
    config.log.install()?;
    let runtime = main_runtime(&config)?;
    let cluster = CqlConfig { nodes: to.nodes, keyspace: to.keyspace, ..config.cluster };
    let dir = store_in(&from.0);
    let report = runtime.block_on(run(&dir, &cluster));
    match report {
        Ok(report) => Ok(words(&report, &cluster)),
        Err(error) => Err(error.context(format!("{} was not copied", dir.display()))),
    }
}

/// The store of a data directory; the directory itself, if it is one.
fn store_in(dir: &Path) -> PathBuf {
    let inner = dir.join("store");
    if inner.is_dir() { inner } else { dir.to_owned() }
}

async fn run(dir: &Path, cluster: &CqlConfig) -> anyhow::Result<CopyReport> {
    let mut signals = StopSignals::install()?;
    let cluster_words = || format!("keyspace {} at {}", cluster.keyspace, cluster.nodes.join(", "));
    let tasks = Tasks::default();
    Box::pin(Cql::migrate(cluster)).await.with_context(cluster_words)?;
    let cql = Box::pin(Cql::connect_to_copy(cluster, &tasks)).await.with_context(cluster_words)?;
    let stopping = AtomicBool::new(false);
    let mut told = Told::new();
    let mut copying = Box::pin(store::copy(dir, &cql, &tasks, |progress| {
        told.watch(progress);
        if stopping.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }));
    let outcome = tokio::select! {
        outcome = &mut copying => outcome,
        _ = signals.next() => {
            eprintln!("stopping after what is being written");
            stopping.store(true, Ordering::Relaxed);
            tokio::select! {
                outcome = copying => outcome,
                _ = signals.next() => Err(CopyError::Stopped),
            }
        }
    };
    cql.close().await;
    Ok(outcome?)
}

/// Lines on standard error, not too many.
struct Told {
    begun: Instant,
    last: Instant,
    step: Option<Step>,
    /// Of this step, before this run.
    earlier: u64,
}

impl Told {
    fn new() -> Self {
        let now = Instant::now();
        Self { begun: now, last: now, step: None, earlier: 0 }
    }

    fn watch(&mut self, progress: CopyProgress) {
        let CopyProgress { step, rows, done } = progress;
        let now = Instant::now();
        if self.step != Some(step) {
            (self.step, self.begun, self.earlier) = (Some(step), now, done);
        } else if now - self.last < PROGRESS_EVERY {
            return;
        }
        self.last = now;
        let doing = match step {
            Step::Copy => "copied",
            Step::ReadSource => "comparing: read from the directory",
            Step::ReadTarget => "comparing: read from the cluster",
        };
        let seconds = (now - self.begun).as_secs();
        let rate = (done - self.earlier).checked_div(seconds);
        let rate = rate.map(|rate| format!(", {rate} a second")).unwrap_or_default();
        eprintln!("{doing} {done} rows{rate}; now {rows}");
    }
}

fn words(report: &CopyReport, cluster: &CqlConfig) -> String {
    let mut words = String::from("copied and compared, by count and checksum:\n");
    for Compared { rows, source, .. } in &report.compared {
        let _ = writeln!(words, "{source:>12} {rows}");
    }
    let (nodes, keyspace) = (&cluster.nodes, &cluster.keyspace);
    let _ = write!(
        words,
        "Now give every process of the cluster store.kind = \"cql\", store.cql.nodes = {nodes:?}, \
         store.cql.keyspace = \"{keyspace}\" and the signing key of the old server, and do not start that one again."
    );
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_spelled_out() {
        assert_eq!("embedded:./data".parse(), Ok(CopyFrom("./data".into())));
        let to = CopyTo { nodes: vec!["a:9042".into(), "[::1]:1".into()], keyspace: "chat".into() };
        assert_eq!("cql://a:9042,[::1]:1/chat".parse(), Ok(to));
        for wrong in ["./data", "embedded:", "cql://a:1/k"] {
            assert!(wrong.parse::<CopyFrom>().is_err(), "{wrong}");
        }
        for wrong in
            ["a:9042/chat", "cql://a/chat", "cql://a:9042", "cql://a:9042/", "cql://a:9042,/c", "cql://:1/c"]
        {
            assert!(wrong.parse::<CopyTo>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_store_is_found_in_the_data_directory() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(store_in(dir.path()), dir.path());
        std::fs::create_dir(dir.path().join("store")).unwrap();
        assert_eq!(store_in(dir.path()), dir.path().join("store"));
    }
}
