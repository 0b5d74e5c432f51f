//! What can go wrong, and whose fault it is.

use proto::{CloseCode, Code};
use thiserror::Error;

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The URL cannot be used; fix it.
    #[error("{url:?} is not the address of a server: {problem}")]
    Url {
        /// As given.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Nobody can be trusted to be the server; fix what is trusted, or the URL.
    #[error("no encrypted connection can be tried")]
    Trust(#[from] crate::tls::TrustError),
    /// The server is not the one that is trusted, or does not speak TLS.
    #[error("the server did not prove who it is")]
    Tls(#[source] std::io::Error),
    /// The network said no; trying again may help.
    #[error("the network failed")]
    Io(#[from] std::io::Error),
    /// Nothing was heard in time; trying again may help.
    #[error("no answer in time while waiting for {0}")]
    Timeout(&'static str),
    /// The other side does not speak WebSocket as RFC 6455 §4 says.
    #[error("the answer is not a WebSocket handshake: {0}")]
    Handshake(String),
    /// The server answered the handshake with an HTTP error.
    #[error("the server refused the handshake with HTTP status {0}")]
    Status(u16),
    /// The server closed the socket before it was usable.
    #[error("the server closed the socket: {}", .0.map_or("no reason given", CloseCode::name))]
    Closed(Option<CloseCode>),
    /// No token could be had.
    #[error("no token: {0}")]
    Token(String),
    /// The server does not accept the tokens; trying again does not help.
    #[error("the server does not accept the token")]
    Unauthenticated,
    /// The client was closed.
    #[error("the client was closed")]
    Ended,
}

impl ConnectError {
    /// Whether the proof of identity was the reason.
    pub(crate) fn is_auth(&self) -> bool {
        matches!(self, Self::Status(401 | 403) | Self::Closed(Some(CloseCode::Auth)) | Self::Unauthenticated)
    }

    /// Whether trying again cannot help.
    pub(crate) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Url { .. }
                | Self::Trust(_)
                | Self::Unauthenticated
                | Self::Ended
                | Self::Closed(Some(CloseCode::Forbidden | CloseCode::Replaced))
        )
    }
}

/// Why a command has no good answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// The server refused it for good.
    #[error("{}: {message}", code.name())]
    Code {
        /// Why.
        code: Code,
        /// What was wrong and what is allowed.
        message: String,
    },
    /// The client ended before it was answered: it may or may not have happened.
    #[error("the client ended before the server answered")]
    Ended,
}
