//! Live sockets on their way from one process to the next: what a gateway is taken apart into, and put together from.
//!
//! ```text
//! Ready ──freeze──► Frozen ──take──► pieces: bytes, most with a descriptor ══► the next process: Inherited ─► Gateway::start
//!   ▲                 │
//!   └─────thaw────────┘
//! ```
//!
//! A frozen gateway accepts and reads nothing: what clients send waits in the kernel. It still delivers, and waits until
//! every command that was read is answered. What it is then taken apart into is all that a session is: the socket, the bytes
//! that were read but are no whole message yet, the bytes that were not written yet, who it is, what it wants.
//!
//! **Guarantees.** A session goes on at the byte where it stopped, in both directions, under the same session id. Nothing
//! here writes to a socket or reads from one, so until the next process runs, the pieces are as good for another.
//!
//! **Does not** carry pieces between processes, know what else of a process must end before the next one begins, or move
//! connections that still speak HTTP: they are answered and closed.
//!
//! **Limits.** [`FREEZE_PATIENCE`] for what is under way. Not moved, and as if new: what a session has used of its rates, the
//! heads in `pong`, the count of sockets of an address that a proxy told.

mod carried;
mod control;
mod pieces;
mod told;
mod wire;

pub(crate) use carried::{Carried, CarriedMailbox, Stage};
pub use control::{Handed, Handover, Outside};
pub(crate) use control::{Order, Orders, Settled};
pub(crate) use pieces::{Estate, OfPresence, OfShard, OfUser};
pub use pieces::{Inherited, Piece};
pub(crate) use told::OfBroadcast;
pub(crate) use wire::{In, Out};

use std::time::Duration;

use thiserror::Error;

/// The layout of the pieces. Another number is another layout.
pub const VERSION: u16 = 4;

/// How long a freeze waits for answers to commands, and for requests under way.
pub const FREEZE_PATIENCE: Duration = Duration::from_secs(2);

/// Pieces that no process of this version wrote. Ours to fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the state that was handed over cannot be read: {0}")]
pub struct Malformed(pub(crate) &'static str);
