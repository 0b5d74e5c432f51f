//! The cluster that runs, remembered in a file, so that another command can end it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::local::Cluster;
use super::node::Node;
use crate::services::{Running, target_folder};

/// The longest that an orderly end of all processes takes.
const END_MAX: Duration = Duration::from_secs(120);

#[derive(Debug, Serialize, Deserialize)]
struct Content {
    /// The command that runs the cluster.
    chore: Running,
    nodes: Vec<Running>,
}

/// The file, removed when the command ends.
#[derive(Debug)]
pub(super) struct Remembered(PathBuf);

fn path() -> anyhow::Result<PathBuf> {
    Ok(target_folder()?.join("cluster.json"))
}

fn read() -> anyhow::Result<Option<Content>> {
    let text = std::fs::read_to_string(path()?).unwrap_or_default();
    Ok(serde_json::from_str(&text).ok())
}

/// Says that this process runs the cluster from now on.
pub(super) fn begin() -> anyhow::Result<Remembered> {
    if read()?.is_some_and(|content| content.chore.is_alive()) {
        bail!("a cluster runs already; cargo xtask cluster --down ends it");
    }
    end()?;
    let remembered = Remembered(path()?);
    remembered.write(Vec::new())?;
    Ok(remembered)
}

/// Ends the one that runs, and says what was done.
pub(super) fn end() -> anyhow::Result<String> {
    let Some(content) = read()? else { return Ok("no cluster runs".to_owned()) };
    let was_there = content.chore.is_alive();
    content.chore.signal(Signal::TERM);
    content.chore.wait_until_gone(END_MAX);
    // Where the command itself was killed, its processes are still there.
    content.nodes.iter().for_each(|node| node.end(END_MAX));
    let _ = std::fs::remove_file(path()?);
    Ok(if was_there { "the cluster has ended" } else { "no cluster runs" }.to_owned())
}

impl Remembered {
    /// Notes its processes.
    pub(super) fn note(&self, cluster: &Cluster) -> anyhow::Result<()> {
        self.write(cluster.nodes().iter().filter_map(Node::running).cloned().collect())
    }

    fn write(&self, nodes: Vec<Running>) -> anyhow::Result<()> {
        let content = Content { chore: Running::of_this_process()?, nodes };
        // With --programs nothing was built here, perhaps never.
        if let Some(folder) = self.0.parent() {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        std::fs::write(&self.0, serde_json::to_string(&content)?)
            .with_context(|| self.0.display().to_string())
    }
}

impl Drop for Remembered {
    fn drop(&mut self) {
        // If it is gone already, all the better.
        let _ = std::fs::remove_file(&self.0);
    }
}
