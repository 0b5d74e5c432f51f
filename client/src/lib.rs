//! The reference client: connect, send, resume, resync.
//!
//! ```text
//! Client ──asks──► driver task ──► Session (Outbox + Order, no io) ──► socket
//! Notices ◄─bounded─ driver task ◄──────────────────────────────────── socket
//! ```
//!
//! **Guarantees.**
//! - A [`Client::send`] ends with the server's acknowledgement, or with its refusal for good. In between it is sent
//!   again as often as needed, over as many sockets as needed, under one client message id.
//! - Sends to one conversation are appended in the order in which they were asked for.
//! - [`Notices`] has every event of every conversation once, in rising `seq`, from where [`StartAt`] says. Whoever applies
//!   changes in that order, and overlays where they come, has every message as it is now.
//!
//! **Does not** keep anything on disk, or log a token or a body.
//!
//! **Limits.** [`ClientConfig::unacknowledged_max`] sends, [`ClientConfig::held_max`] events; a reader of [`Notices`]
//! that is too slow makes the client let go of events and fetch them later.

mod backoff;
mod client;
mod config;
mod driver;
mod error;
pub mod handshake;
mod order;
mod outbox;
mod rooms;
mod session;
mod socket;
pub mod tls;
mod url;
mod watched;

pub use backoff::Backoff;
pub use client::{Client, Notice, Notices, State};
pub use config::{ClientConfig, StartAt, TokenSource};
pub use error::{ConnectError, Refused};
pub use url::ServerUrl;

/// The state machine of a client, without its socket. Only with the feature `sim`.
#[cfg(feature = "sim")]
pub mod machine {
    pub use crate::outbox::Outgoing;
    pub use crate::session::{Ask, Reaction, Session};
}
