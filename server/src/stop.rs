//! The end of the process: waits for a reason to stop, then drains stage by stage within one deadline.
//!
//! ```text
//! front: gateway, HTTP ──► core: routers ──► base: store, admin port
//! ```
//!
//! A later stage serves the earlier one, so it hears of the drain only when that one has ended.

use std::time::Duration;

use lifecycle::{Phase, Phases, StopSignal, StopSignals, Stragglers, Tasks, UpgradeSignals};
use tokio::time::Instant;

use crate::addresses::Addresses;
use crate::exit::Exit;
use crate::upgrade::{Ended, Estate, Program, Progress, Upgrade};

/// Everything that runs, in the order in which it ends.
#[derive(Clone, Default)]
pub(crate) struct Stages {
    /// What clients talk to.
    pub(crate) front: Tasks,
    /// What decides.
    pub(crate) core: Tasks,
    /// What the others stand on, and what shows how far the drain is.
    pub(crate) base: Tasks,
}

/// A server that runs.
pub(crate) struct Server {
    pub(crate) stages: Stages,
    pub(crate) addresses: Addresses,
    /// For a person at the terminal.
    pub(crate) greeting: Option<String>,
    /// For a successor.
    pub(crate) estate: Estate,
    pub(crate) program: Program,
    pub(crate) progress: Progress,
    /// It has taken over from a process that was asked to.
    pub(crate) asked_to_stop: bool,
}

/// The least that a stage gets even when the earlier ones used up the time: enough to hear of the drain and end.
const STAGE_TIMEOUT_MIN: Duration = Duration::from_millis(500);

impl Server {
    /// Serves until there is a reason to stop, or another process goes on; afterwards nobody finds addresses where nobody
    /// listens.
    pub(crate) async fn run_until_stopped(
        self,
        phases: &Phases,
        signals: &mut StopSignals,
        upgrades: &mut UpgradeSignals,
        timeout: Duration,
    ) -> Exit {
        let Self { stages, addresses, mut estate, program, progress, asked_to_stop, .. } = self;
        let asked = loop {
            if asked_to_stop {
                // A service manager asks every process it knows: that was one word, not two.
                let _: Option<StopSignal> = signals.waiting().await;
                tracing::info!("draining, as the process before was asked to");
                break true;
            }
            tokio::select! {
                asked = stages.until_stopped(signals) => break asked,
                () = upgrades.next() => {}
            }
            let upgrade =
                Upgrade { stages: &stages, program: &program, progress: &progress, drain_timeout: timeout };
            match upgrade.run(estate, signals).await {
                Ended::Kept(kept) => estate = *kept,
                // The addresses are the other process's.
                Ended::Moved => return Exit::Done,
                Ended::Lost => {
                    addresses.remove();
                    return Exit::Failed;
                }
                Ended::Stop => break true,
            }
        };
        let exit = stages.stop(asked, phases, signals, timeout).await;
        addresses.remove();
        exit
    }
}

impl Stages {
    /// Waits for a signal or a failed part. Tells whether it was a signal.
    async fn until_stopped(&self, signals: &mut StopSignals) -> bool {
        tokio::select! {
            signal = signals.next() => {
                tracing::info!(signal = signal.name(), "draining");
                true
            }
            () = self.failed() => {
                tracing::error!("a part failed, draining");
                false
            }
        }
    }

    /// Stops everything in order. A signal ends it at once.
    async fn stop(&self, asked: bool, phases: &Phases, signals: &mut StopSignals, timeout: Duration) -> Exit {
        enter(phases, Phase::Draining);
        tokio::select! {
            in_time = self.drain(timeout) => {
                enter(phases, Phase::Stopped);
                match (asked, in_time) {
                    (false, _) => Exit::Failed,
                    (true, true) => Exit::Done,
                    (true, false) => Exit::Straggled,
                }
            }
            signal = signals.next() => {
                tracing::warn!(signal = signal.name(), "second signal, stopping at once");
                Exit::Forced
            }
        }
    }

    /// A panic in a task begins the drain of its stage.
    async fn failed(&self) {
        tokio::select! {
            () = self.front.draining() => {}
            () = self.core.draining() => {}
            () = self.base.draining() => {}
        }
    }

    async fn drain(&self, timeout: Duration) -> bool {
        let (began, mut in_time) = (Instant::now(), true);
        for (stage, tasks) in [("front", &self.front), ("core", &self.core), ("base", &self.base)] {
            let left = timeout.saturating_sub(began.elapsed()).max(STAGE_TIMEOUT_MIN);
            if let Err(Stragglers(names)) = tasks.close(left).await {
                tracing::error!(stage, stragglers = ?names, "drain took too long, not waiting for these");
                in_time = false;
            }
        }
        let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(milliseconds, "drained");
        in_time
    }
}

/// Moves to a phase and shows it in the metrics.
pub(crate) fn enter(phases: &Phases, phase: Phase) {
    phases.advance(phase);
    metrics::gauge!("server_phase").set(f64::from(phase as u8));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn stages_end_in_order() {
        let stages = Stages::default();
        let (front, core) = (stages.front.clone(), stages.core.clone());
        let core_while_front = core.clone();
        stages.front.spawn("socket", async move {
            front.draining().await;
            tokio::time::sleep(Duration::from_secs(2)).await;
            assert!(!core_while_front.is_draining(), "the router serves until the sockets are closed");
        });
        stages.core.spawn("worker", async move { core.draining().await });
        assert!(stages.drain(Duration::from_secs(10)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stage_that_hangs_does_not_stop_the_next_from_ending() {
        let stages = Stages::default();
        stages.front.spawn("deaf", std::future::pending());
        let base = stages.base.clone();
        let (ended, heard) = tokio::sync::oneshot::channel();
        stages.base.spawn("store", async move {
            base.draining().await;
            let _ = ended.send(());
        });
        assert!(!stages.drain(Duration::from_secs(1)).await);
        assert_eq!(heard.await, Ok(()));
    }

    #[tokio::test]
    async fn a_part_that_panics_stops_the_process() {
        let stages = Stages::default();
        let phases = Phases::default();
        let mut signals = StopSignals::install().unwrap();
        stages.core.spawn("worker", async { panic!("on purpose") });
        let asked = stages.until_stopped(&mut signals).await;
        let exit = stages.stop(asked, &phases, &mut signals, Duration::from_secs(5)).await;
        assert_eq!((exit, phases.now()), (Exit::Failed, Phase::Stopped));
    }
}
