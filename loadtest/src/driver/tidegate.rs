//! Tidegate itself: the handshake asks for a `sync`, and after `welcome` the last `delta` makes a connection ready. A `sync` that
//! is refused for now is repeated.

use client::ServerUrl;
use client::handshake::Upgrade;
use proto::client_frame::Sync;
use proto::{ClientFrame, ServerFrame, UserId};

use super::{Driver, Opening, Terms};
use crate::wire::heard::{Heard, Scanner};
use crate::wire::outgoing::{Builder, To};

/// See the module.
#[derive(Debug)]
pub struct Tidegate {
    terms: Terms,
    scanner: Scanner,
    builder: Builder,
}

impl Tidegate {
    /// For one run.
    pub fn new(terms: Terms) -> Self {
        let builder = Builder::new(terms.encoding, terms.run, terms.started_ms, terms.text_bytes);
        Self { scanner: Scanner::new(terms.encoding), builder, terms }
    }

    fn sync(&mut self, cursor: String) -> &[u8] {
        self.builder.frame(&ClientFrame::Sync(Sync { cursor, open: Vec::new() }))
    }
}

impl Driver for Tidegate {
    fn urls(&self) -> &[ServerUrl] {
        &self.terms.urls
    }

    fn request(&mut self, who: usize, user: &UserId) -> (Upgrade, Vec<u8>) {
        let upgrade = Upgrade::new(self.terms.encoding);
        let request = upgrade.request(self.terms.url_of(who), &self.terms.token(user), Some(""));
        (upgrade, request)
    }

    fn opening(&mut self, _who: usize, _user: &UserId, heard: Option<&Heard>) -> Opening<'_> {
        let Some(Heard::Other(frame)) = heard else { return Opening::Wait };
        match &**frame {
            ServerFrame::TooLong => Opening::Say(self.sync(String::new())),
            ServerFrame::Delta(delta) if delta.more => Opening::Say(self.sync(delta.cursor.clone())),
            ServerFrame::Delta(_) => Opening::Ready,
            // What had come before is told again.
            ServerFrame::Nack(nack) if nack.frame == "sync" => match nack.code.temporary() {
                true => Opening::SayLater(nack.retry_after_ms, self.sync(String::new())),
                false => Opening::Refused(nack.code.name()),
            },
            _ => Opening::Wait,
        }
    }

    fn scan(&mut self, payload: &[u8]) -> anyhow::Result<(Heard, usize)> {
        Ok((self.scanner.scan(payload)?, payload.len()))
    }

    fn send(&mut self, number: u64, to: To<'_>) -> &[u8] {
        self.builder.send(number, to)
    }

    fn resend(&mut self, number: u64, to: To<'_>) -> &[u8] {
        self.builder.resend(number, to)
    }

    fn frame(&mut self, frame: &ClientFrame) -> Option<&[u8]> {
        Some(self.builder.frame(frame))
    }

    fn answer(&mut self) -> &[u8] {
        // Its heartbeats are those of WebSocket.
        self.builder.pong(&[])
    }

    fn pong(&mut self, payload: &[u8]) -> &[u8] {
        self.builder.pong(payload)
    }

    fn close(&mut self) -> &[u8] {
        self.builder.close()
    }
}
