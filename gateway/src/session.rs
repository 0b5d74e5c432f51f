//! One socket after its handshake: what the shard keeps of it in its slab.
//!
//! ```text
//! AwaitingHello ──proof──► Open ──close()──► Closing ──peer's close, or time──► gone
//!       └──────────no proof in time: 4401────────┘
//! ```
//!
//! **Limits.** A session is at most 240 bytes; what an idle one points to is nothing but its place in the interest
//! tables.

mod slab;

pub(crate) use slab::{SessionKey, Sessions};

use std::task::Waker;

use proto::client_frame::Sync;
use proto::{DeviceId, Encoding, LoginId, UserId};

use crate::admission::Admitted;
use crate::mailbox::{Mailbox, Taking};
use crate::rate::RateMeter;
use crate::socket::Socket;
use crate::websocket::Decoder;
use crate::wheel::Tick;

/// See the module.
pub(crate) struct Session {
    pub(crate) stream: Socket,
    /// Of the connection's task: woken when the delivery loop leaves something to it.
    pub(crate) waker: Option<Waker>,
    pub(crate) decoder: Decoder,
    pub(crate) mailbox: Mailbox,
    /// `None` until there was a proof.
    pub(crate) user: Option<UserId>,
    /// Boxed: many issuers name none.
    pub(crate) login: Option<Box<LoginId>>,
    pub(crate) device: DeviceId,
    pub(crate) admitted: Admitted,
    /// Until the session is interested: what waits for that.
    pub(crate) pending: Option<Box<Pending>>,
    /// Bytes that were read while the session was paused.
    #[expect(clippy::box_collection, reason = "one word in every idle session")]
    pub(crate) unread: Option<Box<Vec<u8>>>,
    pub(crate) rate: RateMeter,
    pub(crate) phase: Phase,
    /// When the token ends.
    pub(crate) expires: Tick,
    /// When the peer was last heard.
    pub(crate) heard: Tick,
    /// Since when a message is unfinished; [`Tick::NEVER`] while none is.
    pub(crate) unfinished_since: Tick,
    /// The earliest tick at which the wheel holds this session.
    pub(crate) timer: Tick,
    /// When the last answer came, or the first command after all were answered went out.
    pub(crate) unanswered_since: Tick,
    pub(crate) unanswered: u16,
    pub(crate) bad_frames: u8,
    pub(crate) encoding: Encoding,
    pub(crate) flags: Flags,
}

/// Where a session is in its life, with the tick at which that must have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No proof yet.
    AwaitingHello(Tick),
    /// In use.
    Open,
    /// A close frame was sent or waits in the mailbox.
    Closing(Tick),
}

/// Facts about a session, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(u8);

impl Flags {
    /// It is in the list of sessions to flush.
    pub(crate) const DIRTY: Self = Self(1);
    /// The socket took no more; its task waits until it does.
    pub(crate) const BLOCKED: Self = Self(2);
    /// A ping went out and nothing was heard since.
    pub(crate) const PINGED: Self = Self(4);
    /// `auth_expiring` went out for the present token.
    pub(crate) const WARNED: Self = Self(8);
    /// The peer's close frame is there, or nothing it sends can be understood any more.
    pub(crate) const PEER_DONE: Self = Self(16);
    /// Reading waits for replies.
    pub(crate) const PAUSED: Self = Self(32);
    /// `Connected` was sent, so `Disconnected` is owed.
    pub(crate) const CONNECTED: Self = Self(64);
    /// Its messages may be compressed.
    pub(crate) const DEFLATE: Self = Self(128);

    pub(crate) fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    pub(crate) fn set(&mut self, flag: Self) {
        self.0 |= flag.0;
    }

    pub(crate) fn clear(&mut self, flag: Self) {
        self.0 &= !flag.0;
    }
}

/// What waits until a session is interested.
pub(crate) struct Pending {
    /// Who the client said it is, before the proof.
    pub(crate) claimed: Option<UserId>,
    /// When `Connected` is sent again.
    pub(crate) retry: Tick,
    /// `sync`s to be carried out then.
    pub(crate) syncs: Vec<Sync>,
}

impl Session {
    /// Whether it may be read: not while too many commands are unanswered, or too many replies wait to be taken.
    pub(crate) fn may_read(&self, unanswered_max: u16, mailbox_bytes_max: u32) -> bool {
        matches!(self.phase, Phase::Closing(_))
            || (self.unanswered < unanswered_max && self.mailbox.bytes() <= mailbox_bytes_max)
    }

    /// Lets the connection's task look at the session.
    pub(crate) fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    /// What the socket did when it was last written to.
    pub(crate) fn taking(&self) -> Taking {
        if self.flags.has(Flags::BLOCKED) { Taking::Nothing } else { Taking::All }
    }

    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_small() {
        assert!(size_of::<Session>() <= 240, "{} bytes", size_of::<Session>());
        assert!(size_of::<Pending>() <= 64, "{} bytes", size_of::<Pending>());
    }
}
