//! Starting a gateway, and what is known of one that runs.

use std::net::SocketAddr;
use std::sync::Arc;

use bus::Bus;
use lifecycle::Tasks;
use thiserror::Error;
use tokio::sync::oneshot;

use crate::admission::Admission;
use crate::authenticator::Authenticator;
use crate::config::GatewayConfig;
use crate::fallback::HttpFallback;
use crate::listener;
use crate::presence::PresenceSink;
use crate::shard::{self, DrainReport, Start};

/// Starts gateways.
pub struct Gateway;

/// A gateway that listens. It ends when its [`Tasks`] drain.
pub struct Running {
    address: SocketAddr,
    /// One from each shard, when it has drained.
    reports: Vec<oneshot::Receiver<DrainReport>>,
}

/// Why a gateway did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The address is taken, or not ours. Free it or configure another.
    #[error("cannot listen on {address}")]
    Listen {
        /// What was configured.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// No thread or no descriptors for one.
    #[error("cannot start the thread of a shard")]
    Thread(#[source] std::io::Error),
}

impl Gateway {
    /// Binds the port and starts the shards. When it returns, connections are accepted or wait in the kernel.
    ///
    /// # Errors
    /// Nothing is left running then but shards that were started before the failure, which end with `tasks`.
    pub fn start(
        config: GatewayConfig,
        bus: &Bus,
        authenticator: &Authenticator,
        presence: &PresenceSink,
        fallback: &HttpFallback,
        tasks: &Tasks,
    ) -> Result<Running, StartError> {
        let shards = config.shards.max(1);
        let address = config.listen;
        let (address, listeners) =
            listener::bind(address, shards).map_err(|source| StartError::Listen { address, source })?;
        let admission = Admission::new(config.admission);
        let config = Arc::new(config);
        let mut reports = Vec::with_capacity(shards);
        for (number, listener) in listeners.into_iter().enumerate() {
            let (report, told) = oneshot::channel();
            reports.push(told);
            let start = Start {
                config: Arc::clone(&config),
                bus: bus.clone(),
                authenticator: authenticator.clone(),
                presence: Arc::clone(presence),
                fallback: Arc::clone(fallback),
                admission: Arc::clone(&admission),
                tasks: tasks.clone(),
                listener,
                report,
            };
            tasks
                .thread_with_runtime(&format!("gateway-{number}"), move || shard::run(start))
                .map_err(StartError::Thread)?;
        }
        tracing::info!(%address, shards, "gateway listens");
        Ok(Running { address, reports })
    }
}

impl Running {
    /// Where it listens, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until all shards have drained; gives what they did, together.
    pub async fn drained(self) -> DrainReport {
        let mut sum = DrainReport::default();
        for report in self.reports {
            // A shard that ended in another way has nothing to report.
            let Ok(report) = report.await else { continue };
            sum.told += report.told;
            sum.closed += report.closed;
            sum.abandoned += report.abandoned;
        }
        tracing::info!(
            told = sum.told,
            closed = sum.closed,
            abandoned = sum.abandoned,
            "gateway has drained"
        );
        sum
    }
}
