//! Other servers than Tidegate.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};
use client::ServerUrl;
use serde::{Deserialize, Serialize};

use super::Scenario;

/// Which server is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriverName {
    /// Tidegate
    Tidegate,
    /// Centrifugo, by its client protocol; --secret is its token.hmac_secret_key
    Centrifugo,
    /// `loadtest rawserver`, which does nothing but WebSocket
    Raw,
}

impl DriverName {
    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tidegate => "tidegate",
            Self::Centrifugo => "centrifugo",
            Self::Raw => "raw",
        }
    }

    /// Where its sockets are when the address does not say: that of Tidegate stands in addresses without a path.
    pub fn url(self, url: ServerUrl) -> ServerUrl {
        match self {
            Self::Centrifugo if url.path == "/ws" => {
                ServerUrl { path: "/connection/websocket".to_owned(), ..url }
            }
            _ => url,
        }
    }
}

impl Scenario {
    /// Whether several processes can run it together.
    pub fn suits_many_processes(&self) -> bool {
        match self {
            Self::Sync(_) | Self::Endure(_) | Self::Verify(_) => false,
            // What all must know before the first message, none of them can measure alone.
            Self::Overload(overload) => overload.peak.is_some(),
            _ => true,
        }
    }

    /// Whether it needs nothing that only Tidegate does.
    pub fn suits_any_server(&self) -> bool {
        matches!(self, Self::Idle(_) | Self::Storm(_) | Self::Dm(_) | Self::Group(_) | Self::Overload(_))
    }
}

/// Settings of `rawserver`.
#[derive(Args, Clone, Debug)]
pub struct Rawserver {
    /// Where it listens
    #[arg(long, default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,
    /// When it writes
    #[arg(long, value_enum, default_value = "turn")]
    pub write: WriteMode,
}

/// When a server writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WriteMode {
    /// Once for each socket and turn of the event loop
    Turn,
    /// For each message
    Message,
}
