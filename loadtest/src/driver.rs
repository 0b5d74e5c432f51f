//! What a run needs to know of a server's protocol: how a socket is opened, how a message is written, and what is heard.
//! Schedule, audit and figures are the same for all of them.
//!
//! | driver | direct messages | group | a message's seq |
//! |---|---|---|---|
//! | `tidegate` | to the other user | a group made before | in its conversation |
//! | `centrifugo` | published to the recipient's channel | one channel that all subscribe to | the publication's offset |
//! | `raw` | to the other connection | to all others | counted by `loadtest rawserver` |

mod centrifugo;
mod masked;
mod raw;
mod tidegate;

use std::fmt::Debug;

use client::ServerUrl;
use client::handshake::Upgrade;
use proto::{ClientFrame, Encoding, UserId};

use crate::stamp::Stamp;
use crate::tokens::Tokens;
use crate::wire::heard::Heard;
use crate::wire::outgoing::To;
pub use centrifugo::Centrifugo;
pub use raw::{GROUP, Raw};
pub use tidegate::Tidegate;

/// A server's protocol. Frames that methods return hold until the next call.
pub trait Driver: Debug {
    /// Where the servers are: connection after connection goes to the next.
    fn urls(&self) -> &[ServerUrl];

    /// The request that opens the socket of connection `who`, and who judges its answer.
    fn request(&mut self, who: usize, user: &UserId) -> (Upgrade, Vec<u8>);

    /// What follows while connection `who` is being opened; `heard` is `None` when its socket has just become one.
    fn opening(&mut self, who: usize, user: &UserId, heard: Option<&Heard>) -> Opening<'_>;

    /// What the first part of a message from the server says, and how many bytes it takes; more parts may follow.
    fn scan(&mut self, payload: &[u8]) -> anyhow::Result<(Heard, usize)>;

    /// Message `number`, from connection `who`.
    fn send(&mut self, number: u64, to: To<'_>) -> &[u8];

    /// The same message once more, on a new socket.
    fn resend(&mut self, number: u64, to: To<'_>) -> &[u8] {
        self.send(number, to)
    }

    /// One of Tidegate's frames; `None` where the server does not know them.
    fn frame(&mut self, frame: &ClientFrame) -> Option<&[u8]>;

    /// The answer to [`Heard::Call`].
    fn answer(&mut self) -> &[u8];

    /// The answer to a WebSocket ping.
    fn pong(&mut self, payload: &[u8]) -> &[u8];

    /// Goodbye.
    fn close(&mut self) -> &[u8];

    /// Whether who sends to a group receives it as well.
    fn echoes(&self) -> bool {
        false
    }
}

/// The next step of opening a connection.
#[derive(Debug)]
pub enum Opening<'a> {
    /// The server has to say more.
    Wait,
    /// This goes to the server.
    Say(&'a [u8]),
    /// It receives whatever is sent to it from now on.
    Ready,
    /// Something was refused for now: this goes to the server, not before so many milliseconds.
    SayLater(u32, &'a [u8]),
    /// It was refused for good, with this code.
    Refused(&'static str),
}

/// What all drivers are made from.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Where the servers are; one or more.
    pub urls: Vec<ServerUrl>,
    /// Proof of identity; `None` where nobody asks.
    pub tokens: Option<Tokens>,
    /// How frames are written, where there is a choice.
    pub encoding: Encoding,
    /// The run's mark.
    pub run: u32,
    /// When it began.
    pub started_ms: u64,
    /// Bytes of each text.
    pub text_bytes: usize,
    /// One group that everybody is in, if there is one.
    pub group: Option<String>,
}

impl Terms {
    /// The server of connection `who`.
    fn url_of(&self, who: usize) -> &ServerUrl {
        &self.urls[who % self.urls.len()]
    }

    fn token(&self, user: &UserId) -> String {
        self.tokens.as_ref().map(|tokens| tokens.issue(user)).unwrap_or_default()
    }

    fn stamp(&self, number: u64) -> Stamp {
        Stamp { run: self.run, number }
    }

    /// Bytes that follow the mark in each text.
    fn padding(&self) -> usize {
        self.text_bytes.saturating_sub(crate::stamp::STAMP_BYTES)
    }
}
