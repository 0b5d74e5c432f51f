//! Holds sockets: handshake, sessions, mailboxes, fan-out, drain. Everything about messages is decided elsewhere.
//!
//! ```text
//!            ┌ shard (one thread, one listener, one bus node) ─────────────────────────┐
//! client ──► │ connection task ─► frames ─► commands ──────────────────────────────► bus │
//!        ◄── │ socket ◄─ write  ◄─ mailbox ◄─ interest (user, group → sessions) ◄─── bus │
//!            └─────────────────────────────────────────────────────────────────────────┘
//!                 every other request on the port ──► the HTTP handler that was given
//! ```
//!
//! **Guarantees.**
//! - Frames of one conversation reach a session in the order the bus brought them.
//! - No event is dropped silently. When a mailbox is full, signals are dropped, and events become a `head` of their
//!   conversation (or one `resync` for too many), sent when the mailbox has drained; when it does not drain in time
//!   the socket is closed with 4408. A reply that does not fit is dropped and `resync` is owed: commands are safe to
//!   repeat, and clients repeat what is not answered.
//! - A slow client costs its own mailbox and nothing else: nobody waits for it.
//! - A command carries the identity of its session, never anything the client wrote about itself.
//! - A `sync` is carried out after the session's interest is in force, so nothing falls between the two.
//! - Every session's begin is told to the presence sink, and later its end.
//! - Nobody is told of a user's presence whom the router did not say may see it.
//! - Every socket ends with a close frame that says why, as far as the peer takes one.
//!
//! **Does not** decide, store or order anything, know of other shards more than how many connections they have, or look at bodies.
//!
//! **Limits.** All in [`GatewayConfig`], all with an action: connections and handshakes (the kernel's backlog waits),
//! sockets per address and user (429), message size (1009), commands a second (`nack RATE`, then 4429), unanswered
//! commands (the socket is not read), frames that do not parse (`nack BAD_FRAME`, then 1007), mailbox bytes and
//! frames (above), silence (4408).

mod admission;
mod authenticator;
mod broadcasts;
mod budget;
mod config;
mod connection;
mod fallback;
mod handover;
mod handshake;
mod interest;
mod listener;
mod mailbox;
pub mod metrics;
mod presence;
pub mod proxy;
mod rate;
mod running;
mod session;
mod shard;
mod socket;
pub mod tls;
mod watches;
pub mod websocket;
mod wheel;

pub use authenticator::{Authenticator, TicketFuture, TicketRedeemer, TicketRefusal};
pub use config::{
    AdmissionLimits, Compression, DrainPlan, GatewayConfig, LoginPolicy, MailboxLimits, Origins, RateLimit,
    SessionLimits, Timeouts, TlsPort, UserRateLimits,
};
pub use fallback::{FallbackFuture, HttpFallback, Peer, ResponseBody};
pub use handover::{
    FREEZE_PATIENCE, Handed, Handover, Inherited, Malformed, Outside, Piece, VERSION as HANDOVER_VERSION,
};
pub use handshake::SOCKET_PATHS;
pub use mailbox::REPLY_SHARE;
pub use presence::{Attendance, PresenceSink};
pub use running::{Gateway, Running, StartError};
pub use shard::DrainReport;
