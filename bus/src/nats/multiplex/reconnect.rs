//! The life of a connection's task: connect, serve, and again, with pauses that no two processes share.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use tokio::time::Instant;

use super::Shared;
use super::dial::{Dialled, dial};
use super::driver::{Driver, Ended};
use super::servers::{Server, Servers};

/// The first pause between two rounds over all servers; the next ones are twice as long each.
const PAUSE_MIN: Duration = Duration::from_millis(10);
/// Before the first round after a loss: many processes lost the same server.
const FIRST_PAUSE_MAX: Duration = Duration::from_millis(50);

/// Connects and serves until the handle is gone.
pub(super) async fn run(shared: Arc<Shared>, mut servers: Servers) {
    let mut pauses = Pauses::new(shared.config.nats.reconnect_pause_max);
    let mut left: Option<Server> = None;
    loop {
        let connecting = Box::pin(connect(&shared, &servers, &mut pauses, left.as_ref()));
        let dialled = tokio::select! {
            dialled = connecting => dialled,
            () = shared.closed() => return,
        };
        let since = Instant::now();
        servers.hear(&dialled.info.connect_urls, &dialled.server);
        tracing::info!(server = %dialled.server, version = dialled.info.version, "interest connection is up");
        shared.meters.connects.increment(1);
        shared.meters.connected.increment(1.0);
        let mut driver = Driver::new(&shared, &mut servers, dialled);
        let ended = Box::pin(driver.serve()).await;
        let server = driver.into_server();
        shared.meters.connected.decrement(1.0);
        match ended {
            Ended::Closed => return,
            Ended::Lost(lost) => {
                tracing::warn!(%server, reason = %lost, "interest connection is lost, what is published meanwhile too");
            }
        }
        shared.meters.lost.increment(1);
        shared.wishes().subscriptions.forget_told();
        pauses.lost(since.elapsed());
        left = Some(server);
    }
}

/// Goes round the servers until one accepts.
async fn connect(shared: &Shared, servers: &Servers, pauses: &mut Pauses, left: Option<&Server>) -> Dialled {
    let mut told = false;
    loop {
        tokio::time::sleep(pauses.next()).await;
        match try_all(shared, servers.shuffled(left), &mut told).await {
            ControlFlow::Break(dialled) => return dialled,
            ControlFlow::Continue(()) => {}
        }
    }
}

/// One round. The first failure of an outage is told aloud.
pub(super) async fn try_all(shared: &Shared, servers: Vec<Server>, told: &mut bool) -> ControlFlow<Dialled> {
    for server in servers {
        let name = server.to_string();
        match dial(&shared.config, server).await {
            Ok(dialled) => return ControlFlow::Break(dialled),
            Err(error) => {
                shared.meters.connect_failures.increment(1);
                match (std::mem::replace(told, true), error.is_ours()) {
                    (true, _) => tracing::debug!(server = name, %error, "still no interest connection"),
                    (false, true) => tracing::error!(server = name, %error, "no interest connection"),
                    (false, false) => tracing::warn!(server = name, %error, "no interest connection"),
                }
            }
        }
    }
    ControlFlow::Continue(())
}

/// How long to wait before each round.
pub(super) struct Pauses {
    max: Duration,
    /// Rounds since the last connection that lasted, and whether there was one.
    rounds: u32,
    lost: bool,
}

impl Pauses {
    pub(super) fn new(max: Duration) -> Self {
        Self { max, rounds: 0, lost: false }
    }

    /// A connection was lost. One that was lost soon does not end a row of failures.
    fn lost(&mut self, lasted: Duration) {
        self.lost = true;
        if lasted > self.max {
            self.rounds = 0;
        }
    }

    pub(super) fn next(&mut self) -> Duration {
        let round = self.rounds;
        self.rounds = self.rounds.saturating_add(1);
        let mut random = rand::rng();
        match round {
            0 if self.lost => random.random_range(Duration::ZERO..FIRST_PAUSE_MAX),
            0 => Duration::ZERO,
            _ => {
                let pause = PAUSE_MIN.saturating_mul(1 << (round - 1).min(20)).min(self.max);
                pause / 2 + pause.mul_f64(random.random_range(0.0..0.5))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_differ() {
        let max = Duration::from_secs(2);
        let mut pauses = Pauses::new(max);
        assert_eq!(pauses.next(), Duration::ZERO, "the first attempt of all is made at once");
        let mut longest = PAUSE_MIN;
        for _ in 0..40 {
            let pause = pauses.next();
            assert!(pause >= longest / 2 && pause <= longest, "{pause:?} of {longest:?}");
            longest = (longest * 2).min(max);
        }
        pauses.lost(max / 2);
        assert!(pauses.next() >= max / 2, "a connection that did not last changes nothing");
        pauses.lost(max * 2);
        assert!(pauses.next() < FIRST_PAUSE_MAX);
        let different: std::collections::BTreeSet<_> = (0..20)
            .map(|_| {
                pauses.lost(max * 2);
                pauses.next()
            })
            .collect();
        assert!(different.len() > 10);
    }
}
