//! What the server uses: processor time and memory, from `/proc` or from its metrics page.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{ArgAction, Args};
use serde::{Deserialize, Serialize};

use crate::http;

/// Where to look.
#[derive(Args, Clone, Debug)]
pub struct ServerArguments {
    /// The server's process, when it runs on this machine: for its processor time and memory; or several, with commas,
    /// which are added up
    #[arg(long, global = true, value_name = "PID", value_delimiter = ',', action = ArgAction::Set)]
    pub server_pid: Vec<u32>,
    /// The server's admin address instead: the same figures from its /metrics
    #[arg(long, global = true, value_name = "URL", conflicts_with = "server_pid")]
    pub admin: Option<String>,
}

/// A process to look at.
#[derive(Clone, Debug)]
pub enum Watched {
    /// Each `/proc/<pid>`.
    Processes(Vec<PathBuf>),
    /// A metrics page.
    Page(String),
    /// Nobody said which.
    Nothing,
}

/// Figures of one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// User and system time, seconds.
    pub cpu_seconds: f64,
    /// Of these, user time; 0 where it is not told apart.
    pub user_seconds: f64,
    /// Anonymous resident memory, bytes.
    pub anonymous_bytes: u64,
}

impl Usage {
    /// What was used since `before`; the memory is that of now.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            cpu_seconds: self.cpu_seconds - before.cpu_seconds,
            user_seconds: self.user_seconds - before.user_seconds,
            anonymous_bytes: self.anonymous_bytes,
        }
    }
}

impl Usage {
    /// What two processes used.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            cpu_seconds: self.cpu_seconds + other.cpu_seconds,
            user_seconds: self.user_seconds + other.user_seconds,
            anonymous_bytes: self.anonymous_bytes + other.anonymous_bytes,
        }
    }
}

impl Watched {
    /// As the arguments say; fails when there is nothing there.
    pub fn new(arguments: &ServerArguments) -> anyhow::Result<Self> {
        let folders = arguments.server_pid.iter().map(|pid| format!("/proc/{pid}").into());
        let watched = match &arguments.admin {
            _ if !arguments.server_pid.is_empty() => Self::Processes(folders.collect()),
            Some(url) => Self::Page(url.clone()),
            None => Self::Nothing,
        };
        watched.usage()?;
        Ok(watched)
    }

    /// The process that asks.
    pub fn this_process() -> Self {
        Self::Processes(vec!["/proc/self".into()])
    }

    /// Now; `None` when nobody said what to watch.
    pub fn usage(&self) -> anyhow::Result<Option<Usage>> {
        match self {
            Self::Processes(folders) => {
                let mut all = Usage::default();
                for folder in folders {
                    let read = |name| {
                        let path = folder.join(name);
                        std::fs::read_to_string(&path).with_context(|| path.display().to_string())
                    };
                    all = all.and(&of_proc(&read("stat")?, &read("status")?)?);
                }
                Ok(Some(all))
            }
            Self::Page(url) => of_page(&http::get((url, None), "/metrics")?).map(Some),
            Self::Nothing => Ok(None),
        }
    }
}

/// Fields 14 and 15 of proc_pid_stat(5), in ticks of 10 ms, and `RssAnon` of proc_pid_status(5).
fn of_proc(stat: &str, status: &str) -> anyhow::Result<Usage> {
    let after_name = stat.rfind(')').map(|at| &stat[at + 1..]).context("/proc/…/stat is not as expected")?;
    let mut fields = after_name.split_whitespace().skip(11);
    let mut ticks = || fields.next().and_then(|field| field.parse::<f64>().ok());
    let (Some(user), Some(system)) = (ticks(), ticks()) else { bail!("/proc/…/stat is not as expected") };
    let anonymous = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        .context("/proc/…/status has no RssAnon")?;
    Ok(Usage {
        cpu_seconds: (user + system) / 100.0,
        user_seconds: user / 100.0,
        anonymous_bytes: anonymous * 1024,
    })
}

fn of_page(page: &str) -> anyhow::Result<Usage> {
    let figure = |name: &str| {
        page.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse::<f64>().ok())
            .with_context(|| format!("the metrics page has no {name}"))
    };
    Ok(Usage {
        cpu_seconds: figure("process_cpu_seconds")?,
        user_seconds: 0.0,
        anonymous_bytes: figure("process_anonymous_memory_bytes")? as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sources_are_understood() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 1 0";
        let usage = of_proc(stat, "VmRSS:\t99 kB\nRssAnon:\t    2048 kB\n").expect("good");
        let expected = Usage { cpu_seconds: 2.0, user_seconds: 1.5, anonymous_bytes: 2 << 20 };
        assert_eq!(usage, expected);
        let page = "# HELP x\nprocess_cpu_seconds 2\nprocess_anonymous_memory_bytes 2097152\n";
        assert_eq!(of_page(page).expect("good"), Usage { user_seconds: 0.0, ..expected });
        assert!(of_page("nothing 1\n").is_err());
    }

    #[test]
    fn this_process_uses_memory() {
        let usage = Watched::this_process().usage().expect("read").expect("watched");
        assert!(usage.anonymous_bytes > 0);
        let itself = vec![std::process::id(); 2];
        let twice = Watched::new(&ServerArguments { server_pid: itself, admin: None }).expect("there");
        let both = twice.usage().expect("read").expect("watched");
        assert!(both.anonymous_bytes > usage.anonymous_bytes * 3 / 2, "several are added up");
    }
}
