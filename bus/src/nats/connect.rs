//! Connections of async-nats, made from a [`NatsConfig`].

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectOptions, Event, ServerAddr};

use super::config::{NatsAuth, NatsConfig};
use crate::metrics::ConnectionMeters;
use crate::subject::PrefixError;

/// Why there is no bus over NATS. Except for [`ConnectError::Unreachable`] it is ours to fix in the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Not an address of a server.
    #[error("{url:?} is not the address of a NATS server; write nats://host:4222, or tls://host:4222")]
    Address {
        /// What was given.
        url: String,
    },
    /// Addresses are logged, and passwords must not be.
    #[error("the address of the NATS server at {host} has a user or password in it; set them apart")]
    PasswordInAddress {
        /// The host of the address.
        host: String,
    },
    /// No address at all.
    #[error("no address of a NATS server is given")]
    NoAddress,
    /// The prefix cannot stand in front of subjects.
    #[error(transparent)]
    Prefix(#[from] PrefixError),
    /// The seed or the credentials do not parse.
    #[error("the {what} of the NATS server cannot be used")]
    Secret {
        /// Which of them.
        what: &'static str,
    },
    /// No server answered, or one refused us.
    #[error("no NATS server took the connection")]
    Unreachable(#[source] async_nats::ConnectError),
    /// The connection ended at once.
    #[error("the connection to the NATS server ended at once")]
    Subscribe(#[source] async_nats::SubscribeError),
}

/// The first pause between two attempts; the next ones are twice as long each.
const RECONNECT_PAUSE_MIN: Duration = Duration::from_millis(10);

/// Connects once; afterwards async-nats reconnects by itself, for ever. `capacity`: messages that wait to be written.
pub(crate) async fn connect(
    config: &NatsConfig,
    connection: &'static str,
    capacity: usize,
) -> Result<Client, ConnectError> {
    let addresses = addresses(config)?;
    let watch = Arc::new(Watch::new(connection));
    let options = options(config)?.name(format!("tidegate {connection}")).client_capacity(capacity);
    let options = options.event_callback(move |event| {
        let watch = Arc::clone(&watch);
        async move { watch.on_event(&event) }
    });
    // Connecting needs kilobytes of state, and only now.
    Box::pin(options.connect(addresses)).await.map_err(ConnectError::Unreachable)
}

/// Whether messages go out now. Between a break and its discovery this is `true`.
pub(crate) fn is_connected(client: &Client) -> bool {
    client.connection_state() == State::Connected
}

/// Makes visible what happens to a connection.
struct Watch {
    connection: &'static str,
    connected_before: AtomicBool,
    meters: ConnectionMeters,
}

impl Watch {
    fn new(connection: &'static str) -> Self {
        let meters = ConnectionMeters::of(connection);
        Self { connection, connected_before: AtomicBool::new(false), meters }
    }

    fn on_event(&self, event: &Event) {
        let connection = self.connection;
        match event {
            Event::Connected => {
                self.meters.connected.set(1.0);
                if self.connected_before.swap(true, Ordering::Relaxed) {
                    self.meters.reconnects.increment(1);
                    tracing::info!(connection, "connected to nats again");
                }
            }
            Event::Disconnected => {
                self.meters.connected.set(0.0);
                tracing::warn!(connection, "connection to nats lost, connecting again");
            }
            Event::SlowConsumer(_) => self.meters.slow_consumers.increment(1),
            Event::LameDuckMode => tracing::info!(connection, "the nats server is about to stop"),
            Event::ServerError(error) => tracing::warn!(connection, %error, "the nats server complains"),
            Event::ClientError(error) => tracing::debug!(connection, %error, "no connection to nats yet"),
            Event::Draining | Event::Closed => {}
        }
    }
}

/// The servers of the configuration.
pub(crate) fn addresses(config: &NatsConfig) -> Result<Vec<ServerAddr>, ConnectError> {
    if config.urls.is_empty() {
        return Err(ConnectError::NoAddress);
    }
    config.urls.iter().map(|url| address(url)).collect()
}

fn address(url: &str) -> Result<ServerAddr, ConnectError> {
    let address: Option<ServerAddr> = url.parse().ok();
    let is_ours =
        |address: &ServerAddr| matches!(address.scheme(), "nats" | "tls") && !address.host().is_empty();
    let address = address.filter(is_ours);
    let address = address.ok_or_else(|| ConnectError::Address {
        // What stands before an @ may be a password.
        url: url.rsplit('@').next().unwrap_or_default().to_owned(),
    })?;
    if address.username().is_some() || address.password().is_some() {
        return Err(ConnectError::PasswordInAddress { host: address.host().to_owned() });
    }
    Ok(address)
}

fn options(config: &NatsConfig) -> Result<ConnectOptions, ConnectError> {
    // async-nats asks rustls for the process's own; with several compiled in there is none until one is chosen.
    // Somebody may have chosen before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let pause_max = config.reconnect_pause_max;
    let mut options = ConnectOptions::new()
        .connection_timeout(config.connect_timeout)
        .ping_interval(config.ping_interval)
        .reconnect_delay_callback(move |attempts| pause(attempts, pause_max))
        // Subjects are spelled in one file, from ids that cannot break a line.
        .skip_subject_validation(true)
        .require_tls(config.tls.required);
    options = match &config.auth {
        NatsAuth::None => options,
        NatsAuth::UserPassword(user, password) => {
            options.user_and_password(user.clone(), password.reveal().to_owned())
        }
        NatsAuth::Token(token) => options.token(token.reveal().to_owned()),
        NatsAuth::NKey(seed) => {
            // async-nats would panic when it connects.
            nkeys::KeyPair::from_seed(seed.reveal().trim())
                .map_err(|_| ConnectError::Secret { what: "seed" })?;
            options.nkey(seed.reveal().trim().to_owned())
        }
        NatsAuth::Credentials(content) => options
            .credentials(content.reveal())
            .map_err(|_| ConnectError::Secret { what: "credentials file" })?,
    };
    if let Some(roots) = &config.tls.roots_file {
        options = options.add_root_certificates(roots.clone());
    }
    if let Some((certificate, key)) = &config.tls.client_certificate {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    Ok(options)
}

/// Before the given attempt, counted from one since the last success: at once, then doubling, each time half of it by
/// chance, so that many do not come at once.
fn pause(attempts: usize, max: Duration) -> Duration {
    if attempts <= 1 {
        return Duration::ZERO;
    }
    let doublings = u32::try_from(attempts - 2).unwrap_or(u32::MAX).min(20);
    let pause = RECONNECT_PAUSE_MIN.saturating_mul(1 << doublings).min(max);
    pause / 2 + pause.mul_f64(rand::random::<f64>() / 2.0)
}
