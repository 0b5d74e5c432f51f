//! What was measured, against what was promised.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::ladder::{Climb, Outcome, Step};
use super::page;
use crate::crash_rounds::Series;
use crate::programs::Figures;

/// User memory of an idle connection, bytes.
const IDLE_BYTES_MAX: f64 = 1536.0;
/// Durable direct messages a second.
const DM_RATE_MIN: u32 = 25_000;
/// Processor time of the server for one of them, seconds.
const DM_CPU_MAX: f64 = 30e-6;
/// Deliveries a second in one group.
const GROUP_RATE_MIN: u32 = 500_000;
/// Kills.
const KILLS_MIN: u32 = 100;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Summary {
    /// What was typed.
    pub command: String,
    /// Too short and too small to be held against a target.
    pub quick: bool,
    /// `/proc/loadavg` before the first step.
    pub load_before: String,
    /// `rustc --version`.
    pub compiler: String,
    pub idle: Option<Figures>,
    pub dm: Option<Climb>,
    pub group: Option<Climb>,
    pub crash: Option<Series>,
}

/// One promise and what became of it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub what: String,
    pub target: String,
    pub measured: String,
    pub met: bool,
}

impl Summary {
    /// Nothing was measured yet.
    pub(super) fn begin(command: String, quick: bool) -> Self {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let compiler = Command::new(rustc).arg("--version").output();
        let compiler = compiler.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        Self {
            command,
            quick,
            load_before: load.split(' ').next().unwrap_or_default().to_owned(),
            compiler: compiler.unwrap_or_default(),
            idle: None,
            dm: None,
            group: None,
            crash: None,
        }
    }

    /// Machine and commit, as the first report has them.
    pub(super) fn machine(&self) -> Value {
        let climbs = [&self.dm, &self.group].into_iter().flatten();
        let steps = climbs.flat_map(|climb| climb.steps.iter().map(|step| &step.figures.report));
        let reports = self.idle.iter().map(|figures| &figures.report).chain(steps);
        let mut reports = reports.chain(self.crash.iter().map(|series| &series.report));
        reports.next().map(|report| report["machine"].clone()).unwrap_or_default()
    }

    /// Every promise of a part that was measured.
    pub(super) fn targets(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        if let Some(figures) = &self.idle {
            let bytes = figures.get("idle.server.bytes_per_connection").unwrap_or(f64::INFINITY);
            let connections = figures.get("idle.connections").unwrap_or_default();
            targets.push(Target {
                what: format!("user memory per idle, authenticated connection, {connections} connections"),
                target: format!("≤ {IDLE_BYTES_MAX} bytes"),
                measured: format!("{bytes:.0} bytes"),
                met: bytes <= IDLE_BYTES_MAX && figures.code == 0,
            });
        }
        if let Some(climb) = &self.dm {
            let what = "durable direct messages a second, p99 of ack and delivery < 50 ms";
            targets.push(rate_target(what, climb, DM_RATE_MIN));
            targets.push(cpu_target(climb.best()));
        }
        if let Some(climb) = &self.group {
            let what = "deliveries a second in one group, p99 < 500 ms";
            targets.push(rate_target(what, climb, GROUP_RATE_MIN));
        }
        if let Some(series) = &self.crash {
            let total = series.total;
            targets.push(Target {
                what: "kills under load: acknowledged messages lost, duplicated, reordered".to_owned(),
                target: format!("{KILLS_MIN} kills: 0, 0, 0"),
                measured: format!(
                    "{} kills, {} acknowledged: {}, {}, {}",
                    series.rounds, total.acknowledged, total.lost, total.duplicated, total.reordered
                ),
                met: total.is_clean() && series.rounds >= KILLS_MIN,
            });
        }
        targets
    }

    /// Whether nothing is wrong: no audit failed and, unless quick, every target was met.
    pub(super) fn is_good(&self) -> bool {
        let climbs = [&self.dm, &self.group];
        let faults = climbs.into_iter().flatten().any(Climb::has_faults)
            || self.crash.as_ref().is_some_and(|series| !series.total.is_clean())
            || self.idle.as_ref().is_some_and(|figures| figures.code != 0);
        !faults && (self.quick || self.targets().iter().all(|target| target.met))
    }

    /// Writes `README.md` and `record.json` into `folder`.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let json = serde_json::to_string_pretty(&self.to_json())? + "\n";
        for (name, text) in [("README.md", page::whole(self)), ("record.json", json)] {
            let path = folder.join(name);
            std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        }
        Ok(())
    }

    fn to_json(&self) -> Value {
        let targets: Vec<Value> = self
            .targets()
            .into_iter()
            .map(|Target { what, target, measured, met }| {
                json!({ "what": what, "target": target, "measured": measured, "met": met })
            })
            .collect();
        json!({
            "command": self.command,
            "quick": self.quick,
            "machine": self.machine(),
            "compiler": self.compiler,
            "load_average_before": self.load_before,
            "targets": targets,
            "dm": self.dm.as_ref().map(steps),
            "group": self.group.as_ref().map(steps),
        })
    }
}

fn steps(climb: &Climb) -> Vec<Value> {
    let step = |step: &Step| {
        let outcome = match &step.outcome {
            Outcome::Held => "held",
            Outcome::Missed(why) => why,
            Outcome::Faults => "audit failed",
        };
        json!({ "rate": step.rate, "outcome": outcome, "command": step.figures.report["command"] })
    };
    climb.steps.iter().map(step).collect()
}

fn rate_target(what: &str, climb: &Climb, least: u32) -> Target {
    let best = climb.best();
    let ladder = &climb.ladder;
    Target {
        what: what.to_owned(),
        target: format!("≥ {}", page::grouped(least)),
        measured: best.map_or_else(
            || "no rate held".to_owned(),
            |step| {
                let p99 = |name| ladder.milliseconds(&step.figures, name);
                let rate = page::grouped(step.rate);
                format!("{rate} (ack p99 {}, delivery p99 {})", p99("ack.p99"), p99("delivery.p99"))
            },
        ),
        met: best.is_some_and(|step| step.rate >= least) && !climb.has_faults(),
    }
}

fn cpu_target(best: Option<&Step>) -> Target {
    let cpu = best.and_then(|step| step.figures.get("dm.server.cpu_per_message"));
    Target {
        what: "processor time of the server per direct message at that rate".to_owned(),
        target: format!("≤ {:.0} µs", DM_CPU_MAX * 1e6),
        measured: best.map_or_else(|| "–".to_owned(), |step| page::processor(&step.figures, "dm.server", 1)),
        met: cpu.is_some_and(|seconds| seconds <= DM_CPU_MAX),
    }
}
