//! A process: started so that it outlives this program, found again later, ended.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, WaitOptions};
use serde::{Deserialize, Serialize};

use crate::stopwatch::Stopwatch;

/// Between two looks at a process that shall end.
const PAUSE: Duration = Duration::from_millis(10);

/// How late the timers of a service may be, nanoseconds. Request threads of Cassandra that have nothing to do look again
/// every few microseconds, and in a virtual machine each such timer is dear
/// (`bench-results/2026-11-23-cluster-fitted`).
#[cfg(target_os = "linux")]
const TIMER_SLACK_NS: u64 = 500_000;

/// How a service is started; it can be started again in the same way, on the same data.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Recipe {
    /// What is run.
    pub program: PathBuf,
    /// With which words.
    pub arguments: Vec<String>,
    /// Variables that it gets besides those of this program.
    pub environment: BTreeMap<String, String>,
    /// Its working folder, where its data and its `out.log` are.
    pub folder: PathBuf,
}

/// A process, and what tells it from a later one of the same number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    pid: i32,
    born: String,
}

impl Recipe {
    /// Starts it in a process group of its own, so that a Ctrl-C here does not reach it.
    pub fn start(&self) -> anyhow::Result<Running> {
        std::fs::create_dir_all(&self.folder).with_context(|| self.folder.display().to_string())?;
        let log = OpenOptions::new().create(true).append(true).open(self.log())?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .envs(&self.environment)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        let child =
            with_late_timers(|| command.spawn()).with_context(|| self.program.display().to_string())?;
        let pid = i32::try_from(child.id()).context("a process id")?;
        Ok(Running { pid, born: birth(pid).unwrap_or_default() })
    }

    /// Where it writes what it has to say.
    pub fn log(&self) -> PathBuf {
        self.folder.join("out.log")
    }
}

/// What is started meanwhile has timers that may be late (prctl(2), `PR_SET_TIMERSLACK`).
fn with_late_timers<T>(start: impl FnOnce() -> T) -> T {
    #[cfg(target_os = "linux")]
    let set = |slack| {
        // Where it may not be set, timers are on time.
        let _ = rustix::thread::set_current_timer_slack(slack);
    };
    #[cfg(target_os = "linux")]
    set(std::num::NonZeroU64::new(TIMER_SLACK_NS));
    let started = start();
    #[cfg(target_os = "linux")]
    set(None);
    started
}

impl Running {
    /// This program itself.
    pub fn of_this_process() -> anyhow::Result<Self> {
        let pid = i32::try_from(std::process::id()).context("a process id")?;
        Ok(Self { pid, born: birth(pid).context("this process cannot be seen")? })
    }

    /// Its number.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Whether it is still there, and the same.
    pub fn is_alive(&self) -> bool {
        if let Some(pid) = Pid::from_raw(self.pid) {
            // If it was a child of this very process and has ended, its entry goes now; if not, nothing happens.
            let _ = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG);
        }
        birth(self.pid).is_some_and(|born| born == self.born)
    }

    /// Sends it a signal; nothing happens when it is gone.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.pid).filter(|_| self.is_alive()) {
            // It may end in between, and then there is nobody to tell.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// SIGTERM, and after `patience` SIGKILL; returns when it is gone.
    pub fn end(&self, patience: Duration) {
        self.signal(Signal::TERM);
        if !self.wait_until_gone(patience) {
            self.kill();
        }
    }

    /// SIGKILL; returns when it is gone.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
        self.wait_until_gone(Duration::from_secs(10));
    }

    /// Waits for its end at most for `patience`; says whether it is gone.
    pub fn wait_until_gone(&self, patience: Duration) -> bool {
        let began = Stopwatch::start();
        while self.is_alive() {
            if began.elapsed() > patience {
                return false;
            }
            std::thread::sleep(PAUSE);
        }
        true
    }
}

/// When a living process was started, as the system spells it; `None` if there is none, or only a zombie.
fn birth(pid: i32) -> Option<String> {
    if Path::new("/proc/self/stat").exists() {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        return birth_in_stat(&stat);
    }
    let output = Command::new("ps").args(["-o", "stat=,lstart=", "-p", &pid.to_string()]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (state, born) = text.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| born.trim().to_owned())
}

/// Field 22 of proc_pid_stat(5), unless field 3 says zombie or dead. The name before them may contain anything.
fn birth_in_stat(stat: &str) -> Option<String> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    (!matches!(*fields.first()?, "Z" | "X")).then(|| fields.get(19).map(|born| (*born).to_owned()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(program: &str, argument: &str, folder: &Path) -> Recipe {
        Recipe {
            program: program.into(),
            arguments: vec![argument.to_owned()],
            environment: BTreeMap::new(),
            folder: folder.to_owned(),
        }
    }

    #[test]
    fn a_name_with_brackets_does_not_hide_the_time_of_birth() {
        let fields = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20";
        assert_eq!(birth_in_stat(&format!("12 (a) b) {fields}")).as_deref(), Some("777"));
        assert_eq!(birth_in_stat(&format!("12 (a) {}", fields.replacen('S', "Z", 1))), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_service_has_late_timers_and_who_starts_it_has_not() {
        let own = || rustix::thread::current_timer_slack().unwrap();
        let before = own();
        let folder = tempfile::tempdir().unwrap();
        let recipe = recipe("cat", "/proc/self/timerslack_ns", folder.path());
        let running = recipe.start().unwrap();
        assert!(running.wait_until_gone(Duration::from_secs(10)));
        let theirs = std::fs::read_to_string(recipe.log()).unwrap();
        assert_eq!((theirs.trim(), own()), ("500000", before));
    }

    #[test]
    fn a_process_is_known_until_it_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let recipe = recipe("sleep", "600", folder.path());
        let first = recipe.start().unwrap();
        assert!(first.is_alive());
        assert!(
            !Running { born: "another".to_owned(), ..first.clone() }.is_alive(),
            "the number alone is not enough"
        );
        first.end(Duration::from_secs(10));
        assert!(!first.is_alive());
    }
}
