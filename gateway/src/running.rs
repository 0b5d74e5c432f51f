//! Starting a gateway, and what is known of one that runs.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use bus::Bus;
use lifecycle::Tasks;
use thiserror::Error;
use tokio::sync::{Barrier, oneshot};

use crate::admission::Admission;
use crate::authenticator::Authenticator;
use crate::config::{GatewayConfig, TlsPort};
use crate::fallback::HttpFallback;
use crate::handover::{Estate, Handover, Inherited};
use crate::listener;
use crate::presence::PresenceSink;
use crate::shard::{self, Balance, DrainReport, Start};

/// Starts gateways.
pub struct Gateway;

/// A gateway that listens. It ends when its [`Tasks`] drain.
pub struct Running {
    address: SocketAddr,
    tls: Option<SocketAddr>,
    /// One from each shard, when it has drained.
    reports: Vec<oneshot::Receiver<DrainReport>>,
    handover: Handover,
    /// One from each shard, when it has its sessions.
    begun: Vec<oneshot::Receiver<()>>,
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
        let listen = config.listen;
        let (address, listeners) = listener::bind(listen, config.shards.max(1))
            .map_err(|source| StartError::Listen { address: listen, source })?;
        let places = listeners.into_iter().map(|listener| (listener, None)).collect();
        let parts = Parts { bus, authenticator, presence, fallback, tasks };
        parts.start(config, address, places)
    }

    /// The same with the listeners and sessions of another process's gateway. There are as many shards as that had.
    ///
    /// # Errors
    /// Like [`Self::start`]; then the sessions of shards that did not start are closed.
    pub fn inherit(
        inherited: Inherited,
        mut config: GatewayConfig,
        bus: &Bus,
        authenticator: &Authenticator,
        presence: &PresenceSink,
        fallback: &HttpFallback,
        tasks: &Tasks,
    ) -> Result<Running, StartError> {
        let address = config.listen;
        let address = inherited.address().map_err(|source| StartError::Listen { address, source })?;
        config.shards = inherited.shards.len();
        config.admission.connections_max = config.admission.connections_max.max(inherited.sockets());
        let places = inherited.shards.into_iter().map(|shard| (shard.listener, Some(shard.estate)));
        let parts = Parts { bus, authenticator, presence, fallback, tasks };
        parts.start(config, address, places.collect())
    }
}

/// What all shards share.
struct Parts<'a> {
    bus: &'a Bus,
    authenticator: &'a Authenticator,
    presence: &'a PresenceSink,
    fallback: &'a HttpFallback,
    tasks: &'a Tasks,
}

impl Parts<'_> {
    fn start(
        self,
        config: GatewayConfig,
        address: SocketAddr,
        places: Vec<(TcpListener, Option<Estate>)>,
    ) -> Result<Running, StartError> {
        let shards = places.len();
        let (tls, tls_listeners) = tls_ports(&config, address, shards)?;
        let admission = Admission::new(config.admission);
        let config = Arc::new(config);
        let mut reports = Vec::with_capacity(shards);
        let (handover, orders) = Handover::new(shards);
        let mut begun = Vec::with_capacity(shards);
        let together = Arc::new(Barrier::new(shards));
        let places = places.into_iter().zip(tls_listeners).zip(orders).zip(Balance::among(shards));
        for (number, ((((listener, estate), tls_listener), orders), balance)) in places.enumerate() {
            let (report, told) = oneshot::channel();
            reports.push(told);
            let (begins, has_begun) = oneshot::channel();
            begun.push(has_begun);
            let start = Start {
                config: Arc::clone(&config),
                bus: self.bus.clone(),
                authenticator: self.authenticator.clone(),
                presence: Arc::clone(self.presence),
                fallback: Arc::clone(self.fallback),
                admission: Arc::clone(&admission),
                balance,
                tasks: self.tasks.clone(),
                listener,
                tls_listener,
                estate,
                orders,
                begins,
                together: Arc::clone(&together),
                report,
            };
            self.tasks
                .thread_that_gathers(&format!("gateway-{number}"), config.batch_window, move || {
                    shard::run(start)
                })
                .map_err(StartError::Thread)?;
        }
        tracing::info!(%address, tls = tls.map(tracing::field::display), shards, "gateway listens");
        Ok(Running { address, tls, reports, handover, begun })
    }
}

/// Where TLS is spoken, if it is, and the listeners for it when that is a port of its own: one for each shard.
fn tls_ports(
    config: &GatewayConfig,
    public: SocketAddr,
    shards: usize,
) -> Result<(Option<SocketAddr>, Vec<Option<TcpListener>>), StartError> {
    let nothing = || std::iter::repeat_with(|| None).take(shards).collect();
    match &config.tls {
        None => Ok((None, nothing())),
        Some(TlsPort { listen: None, .. }) => Ok((Some(public), nothing())),
        Some(TlsPort { listen: Some(listen), .. }) => {
            let (address, listeners) = listener::bind(*listen, shards)
                .map_err(|source| StartError::Listen { address: *listen, source })?;
            Ok((Some(address), listeners.into_iter().map(Some).collect()))
        }
    }
}

impl Running {
    /// Where it listens, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it speaks TLS; the same as [`Self::address`] when that is the only port.
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.tls
    }

    /// Waits until every session that was inherited has its subscriptions, as far as they are made at once.
    pub async fn begun(&mut self) {
        for begun in self.begun.drain(..) {
            // A shard that failed has ended the process.
            let _ = begun.await;
        }
    }

    /// To give its sockets to another process.
    pub fn handover(&self) -> Handover {
        self.handover.clone()
    }

    /// Waits until all shards have drained; gives what they did, together.
    pub async fn drained(self) -> DrainReport {
        let (mut sum, mut drained) = (DrainReport::default(), 0);
        for report in self.reports {
            // A shard that gave itself away, or failed, has nothing to report.
            let Ok(report) = report.await else { continue };
            drained += 1;
            sum.told += report.told;
            sum.closed += report.closed;
            sum.abandoned += report.abandoned;
        }
        if drained == 0 {
            return sum;
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
