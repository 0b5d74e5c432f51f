//! TLS on the public port, by rustls with ring: who the server is, when handshakes get their turn, and the encrypted stream.
//!
//! ```text
//! files ──► Identity ◄── reload()          one configuration for all connections, the certificate exchanged within it
//!              │
//! connection ──► accept ──(Pace: turns)──► TlsStream ──► HTTP, sockets
//! ```
//!
//! **Guarantees.**
//! - A reload changes what later handshakes show, and nothing for connections that are there. Files that cannot be used
//!   change nothing at all.
//! - A connection that its address has no place for costs no handshake; one that does not finish its own in time is closed.
//! - An idle connection keeps the keys and nothing else: buffers are those of the thread.
//!
//! **Does not** ask clients for certificates, accept early data (it can be replayed), or speak HTTP/2 (decision 7).
//!
//! **Limits.** TLS 1.2 and 1.3. Handshakes take [`Pace`]'s share of a thread. [`RECORD_BYTES_MAX`] wait on each side of a
//! connection for the rest of a record. Tickets are sealed with keys of this process, replaced every six hours: they are of
//! use only to who comes back to the same process.

mod accept;
mod certificate;
mod identity;
mod kept;
mod pace;
mod stream;

pub use identity::{TlsError, TlsFiles};
pub(crate) use kept::{connections, kept_bytes};
pub use pace::Pace;
pub(crate) use stream::STATE_BYTES;
pub use stream::{RECORD_BYTES_MAX, TlsStream};

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::NoServerSessionStorage;

use identity::Identity;

/// What the public port may be asked to speak; HTTP/1.1 carries the sockets too.
const PROTOCOLS: [&[u8]; 1] = [b"http/1.1"];

/// A server's side of TLS. Clones are the same one.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    identity: Arc<Identity>,
}

impl Tls {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// When they cannot be used; the words say which file, and what to do.
    pub fn open(files: TlsFiles) -> Result<Self, TlsError> {
        let identity = Arc::new(Identity::open(files)?);
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(TlsError::Unusable)?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::clone(&identity) as _);
        config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
        config.ticketer = ring::Ticketer::new().map_err(TlsError::Unusable)?;
        // Tickets carry the session; nothing of it is kept here.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        identity.tell();
        Ok(Self { config: Arc::new(config), identity })
    }

    /// Reads the files again, if they have changed; tells whether they had. Reads from the disk: not for an async worker.
    ///
    /// # Errors
    /// When they have, and cannot be used: what was served before still is.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let reloaded = self.identity.reload();
        let outcome = match reloaded {
            Ok(true) => "changed",
            Ok(false) => return Ok(false),
            Err(_) => "failed",
        };
        metrics::counter!("gateway_tls_reloads_total", "outcome" => outcome).increment(1);
        self.identity.tell();
        reloaded
    }

    /// When the certificate ends, Unix time in seconds.
    pub fn expires(&self) -> u64 {
        self.identity.expires()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", self.identity.files()).finish_non_exhaustive()
    }
}
