//! What a client needs to know before it starts.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use proto::{DeviceId, Encoding};

use crate::Backoff;
use crate::tls::Trust;

type TokenFuture = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

/// Where access tokens come from: asked at each connect and when the server says that the present one runs out.
#[derive(Clone)]
pub struct TokenSource(Arc<dyn Fn() -> TokenFuture + Send + Sync>);

impl TokenSource {
    /// Always the same token.
    pub fn fixed(token: impl Into<String>) -> Self {
        let token = token.into();
        Self::from_fn(move || std::future::ready(Ok(token.clone())))
    }

    /// Asks `make` each time; its error is a sentence for people.
    pub fn from_fn<F, Fut>(make: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, String>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(make())))
    }

    pub(crate) fn get(&self) -> TokenFuture {
        (self.0)()
    }
}

impl std::fmt::Debug for TokenSource {
    /// Tokens are secret: never shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenSource")
    }
}

/// Which entries a client without positions wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// Only what comes after the first `sync`; for conversations that begin later, everything.
    Head,
    /// Everything that the user may see of every conversation.
    Beginning,
}

/// How one [`crate::Client`] behaves.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// `ws://host[:port][/path]`, or `wss://…`.
    pub url: String,
    /// Whom to believe to be the server of a `wss://` URL; `None`: whom the system trusts.
    pub trust: Option<Trust>,
    /// Proof of identity.
    pub tokens: TokenSource,
    /// The device that this is; `None` for the server's default.
    pub device: Option<DeviceId>,
    /// How frames are written.
    pub encoding: Encoding,
    /// Where to begin.
    pub start_at: StartAt,
    /// Local address to connect from; `None` lets the system choose.
    pub local_address: Option<IpAddr>,
    /// TCP connect, handshake and `welcome` together.
    pub connect_timeout: Duration,
    /// Between two connects, and between two tries of a refused command.
    pub backoff: Backoff,
    /// After this long without an answer a send leaves again.
    pub answer_timeout: Duration,
    /// After this long without an answer what is read is asked for again; then after up to twice as long, by chance, and so on up to
    /// [`Self::answer_timeout`].
    pub read_timeout: Duration,
    /// How long an event ahead of its turn waits for the missing ones before they are fetched.
    pub gap_wait: Duration,
    /// Sends not yet acknowledged; further ones wait in [`crate::Client::send`].
    pub unacknowledged_max: usize,
    /// Events held ahead of their turn or waiting to be received; beyond that, events are let go of and fetched
    /// later.
    pub held_max: usize,
}

impl ClientConfig {
    /// The usual settings for one server and one identity: JSON, events from now on, 10 s to connect and for a send
    /// to be answered, 2 s for a read, 0.5 s for a gap, tries 0.1 to 10 s apart.
    pub fn new(url: impl Into<String>, tokens: TokenSource) -> Self {
        Self {
            url: url.into(),
            trust: None,
            tokens,
            device: None,
            encoding: Encoding::Json,
            start_at: StartAt::Head,
            local_address: None,
            connect_timeout: Duration::from_secs(10),
            backoff: Backoff::USUAL,
            answer_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(2),
            gap_wait: Duration::from_millis(500),
            unacknowledged_max: 1024,
            held_max: 4096,
        }
    }
}
