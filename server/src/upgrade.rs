//! A new version of the program goes on with the live sockets of this process.
//!
//! ```text
//! asked ─► start the new one ─► freeze ─► drain all but the sockets ─► give everything ─► it is ready ─► go ─► end
//!              │ refused            │ it has ended      nothing is left here but sockets:
//!              ▼                    ▼                   if it fails now, this program's own image goes on
//!          as if nothing had been
//! ```
//!
//! **Guarantees** (decision 8). Until the new program has read its configuration, nothing changes here. After that every plain
//! socket lives on, under the new program or, if that fails, under the one that ran. What clients send meanwhile waits in the
//! kernel.
//!
//! Whoever asks to stop once the sockets are on their way is heard too: the process that goes on does it.
//!
//! **Does not** move TLS sockets or HTTP connections: those end as by a drain.

mod ask;
mod line;
mod predecessor;
mod progress;
mod successor;
mod words;

pub(crate) use ask::ask;
pub(crate) use line::MAILBOX_CARRIED_MAX;
pub(crate) use predecessor::{Inheritance, Predecessor, still_at};
pub(crate) use progress::{Progress, State};
pub(crate) use successor::Program;

use std::net::TcpListener;
use std::time::Duration;

use gateway::{Handover, Outside};
use lifecycle::StopSignals;
use tokio::time::Instant;

use crate::service_manager;
use crate::stop::Stages;
use successor::{Cargo, Refusal, Successor, Then};

/// What this process would give.
pub(crate) struct Estate {
    pub(crate) admin: TcpListener,
    /// Of the public port, where no gateway has it.
    pub(crate) http: Option<TcpListener>,
    pub(crate) gateway: Option<Handover>,
}

/// How an upgrade ended.
pub(crate) enum Ended {
    /// This process goes on.
    Kept(Box<Estate>),
    /// Another one goes on.
    Moved,
    /// Nobody does: neither the new program nor this one could be started once this process had stopped.
    Lost,
    /// Asked to stop before anything had changed.
    Stop,
}

/// Who does it.
pub(crate) struct Upgrade<'a> {
    pub(crate) stages: &'a Stages,
    pub(crate) program: &'a Program,
    pub(crate) progress: &'a Progress,
    /// For each stage.
    pub(crate) drain_timeout: Duration,
}

impl Upgrade<'_> {
    /// Gives everything to what is at the program's path now.
    pub(crate) async fn run(self, estate: Estate, signals: &mut StopSignals) -> Ended {
        let began = Instant::now();
        if std::process::id() == 1 {
            let words =
                "this is the first process of a container, which ends with it; start a new container instead";
            return self.keep(estate, &Refusal(words.to_owned()));
        }
        tracing::info!(program = %self.program.path.display(), "upgrade: starting the new program");
        self.progress.tell(&State::Starting);
        let starting = start(self.program, Successor::start);
        let started = tokio::select! {
            started = starting => started,
            _ = signals.next() => return Ended::Stop,
        };
        let mut successor = match started {
            Ok(successor) => successor,
            Err(refusal) => return self.keep(estate, &refusal),
        };
        let paused = Instant::now();
        if let Some(gateway) = &estate.gateway {
            let unsettled = gateway.freeze().await;
            if !successor.is_there() {
                gateway.thaw().await;
                let words = "the new process ended before it was given anything; its log says why";
                return self.keep(estate, &Refusal(words.to_owned()));
            }
            tracing::info!(unsettled, "upgrade: sockets wait");
        }
        let cargo = self.stop(estate).await;
        let sockets = cargo.handed.sockets();
        self.progress.tell(&State::Moving { sockets });
        let (successor, refused) = match give(successor, cargo, signals).await {
            Ok(successor) => (successor, None),
            Err((refusal, cargo)) => match self.fall_back(&refusal, cargo, signals).await {
                Ok(successor) => (successor, Some(refusal.0)),
                Err(ended) => return ended,
            },
        };
        let moved = State::Moved {
            sockets,
            pid: successor.pid(),
            program: successor.program().to_owned(),
            paused: paused.elapsed(),
            took: began.elapsed(),
            refused,
        };
        self.progress.tell(&moved);
        tracing::info!(
            sockets,
            pid = successor.pid(),
            paused_ms = u64::try_from(paused.elapsed().as_millis()).unwrap_or(u64::MAX),
            "upgrade: moved"
        );
        service_manager::tell(&format!("MAINPID={}", successor.pid()));
        Ended::Moved
    }

    fn keep(&self, estate: Estate, refusal: &Refusal) -> Ended {
        tracing::warn!(why = %refusal, "upgrade refused, going on");
        self.progress.tell(&State::Kept { why: refusal.to_string() });
        Ended::Kept(Box::new(estate))
    }

    /// Ends everything but the sockets, in the order of a drain; what is published until the end still goes to them.
    async fn stop(&self, estate: Estate) -> Cargo {
        self.stages.front.drain();
        let outside = self.close("core", &self.stages.core).await;
        let handed = match &estate.gateway {
            Some(gateway) => gateway.take(outside).await,
            None => gateway::Handed { pieces: Vec::new() },
        };
        self.close("front", &self.stages.front).await;
        self.close("base", &self.stages.base).await;
        Cargo { admin: estate.admin, http: estate.http, handed }
    }

    /// What has not ended may still publish.
    async fn close(&self, stage: &str, tasks: &lifecycle::Tasks) -> Outside {
        match tasks.close(self.drain_timeout).await {
            Ok(()) => Outside::Silent,
            Err(stragglers) => {
                tracing::error!(stage, ?stragglers, "upgrade: not waiting for these");
                Outside::Publishes
            }
        }
    }

    /// There is no way back into this process, but to its image.
    async fn fall_back(
        &self,
        refusal: &Refusal,
        cargo: Cargo,
        signals: &mut StopSignals,
    ) -> Result<Successor, Ended> {
        tracing::error!(why = %refusal, "upgrade failed, starting this program again");
        let given = match start(self.program, Successor::start_own).await {
            Ok(successor) => give(successor, cargo, signals).await.map_err(|(refusal, _)| refusal),
            Err(refusal) => Err(refusal),
        };
        given.map_err(|refusal| {
            tracing::error!(why = %refusal, "and this program cannot be started either, sockets are lost");
            self.progress.tell(&State::Lost { why: refusal.to_string() });
            Ended::Lost
        })
    }
}

async fn start(
    program: &Program,
    how: impl FnOnce(&Program) -> Result<Successor, Refusal> + Send + 'static,
) -> Result<Successor, Refusal> {
    let program = program.clone();
    let started = tokio::task::spawn_blocking(move || how(&program)).await;
    started.unwrap_or_else(|error| Err(Refusal(error.to_string())))
}

/// The cargo comes back when it was not taken.
async fn give(
    successor: Successor,
    cargo: Cargo,
    signals: &mut StopSignals,
) -> Result<Successor, (Refusal, Cargo)> {
    let (successor, cargo) = step(successor, cargo, |successor, cargo| successor.bring(cargo)).await?;
    let then = match signals.waiting().await {
        None => Then::Serve,
        Some(signal) => {
            tracing::info!(signal = signal.name(), "upgrade: the new process is to stop");
            Then::Stop
        }
    };
    let given = step(successor, cargo, move |successor, _| successor.go(then)).await;
    given.map(|(successor, _)| successor)
}

/// Something that blocks.
async fn step(
    mut successor: Successor,
    cargo: Cargo,
    take: impl FnOnce(&mut Successor, &Cargo) -> Result<(), Refusal> + Send + 'static,
) -> Result<(Successor, Cargo), (Refusal, Cargo)> {
    let taken = tokio::task::spawn_blocking(move || match take(&mut successor, &cargo) {
        Ok(()) => Ok((successor, cargo)),
        // The successor is dropped first, and so has ended before another one begins.
        Err(refusal) => {
            drop(successor);
            Err((refusal, cargo))
        }
    });
    taken.await.unwrap_or_else(|error| unreachable!("sending does not panic: {error}"))
}
