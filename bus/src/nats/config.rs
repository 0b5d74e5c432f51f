//! How to reach NATS; the same for every connection of a process.

use std::path::PathBuf;
use std::time::Duration;

/// Which servers, who we are there, and what stands in front of our subjects.
#[derive(Clone, Debug)]
pub struct NatsConfig {
    /// `nats://host:port` or `tls://host:port`, without user or password; at least one. Others of the cluster are learnt
    /// from the server.
    pub urls: Vec<String>,
    /// In front of every subject, see [`crate::subject::Subjects::new`]; empty for none.
    pub prefix: String,
    /// Who we are.
    pub auth: NatsAuth,
    /// How connections are encrypted. A `tls://` address and a server that asks for it are always encrypted.
    pub tls: NatsTls,
    /// For one attempt: TCP, TLS and the handshake together.
    pub connect_timeout: Duration,
    /// Between two pings of a connection. Two without an answer: it is given up, and another is made.
    pub ping_interval: Duration,
    /// The longest pause between two attempts; pauses begin at a few milliseconds, double, and are jittered.
    pub reconnect_pause_max: Duration,
    /// Changes of the interest of one node that the server is told a second; the others wait for their turn. Bounds what
    /// a node with many users asks of a server after a reconnect.
    pub subscribes_per_second: u32,
}

/// Who we are for a NATS server.
#[derive(Clone, Debug)]
pub enum NatsAuth {
    /// Nobody in particular.
    None,
    /// A user with a password.
    UserPassword(String, Secret),
    /// A token.
    Token(Secret),
    /// The seed of an NKey (`SU…`); the server has its public half.
    NKey(Secret),
    /// The content of a credentials file: a JWT and the seed that signs for it.
    Credentials(Secret),
}

/// How connections are encrypted.
#[derive(Clone, Debug, Default)]
pub struct NatsTls {
    /// Whether a server that does not encrypt is refused.
    pub required: bool,
    /// A PEM file of authorities to trust instead of those of the system.
    pub roots_file: Option<PathBuf>,
    /// PEM files with the certificate that we show, and its key.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
}

/// A text that no log shows.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[hidden]")
    }
}
