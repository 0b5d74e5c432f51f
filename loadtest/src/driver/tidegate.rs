//! Tidegate itself: `welcome`, `sync`, and the last `delta` makes a connection ready. A `sync` that is refused for now is repeated.

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
}

impl Driver for Tidegate {
    fn urls(&self) -> &[ServerUrl] {
        &self.terms.urls
    }

    fn request(&mut self, who: usize, user: &UserId) -> (Upgrade, Vec<u8>) {
        let upgrade = Upgrade::new(self.terms.encoding);
        let request = upgrade.request(self.terms.url_of(who), &self.terms.token(user));
        (upgrade, request)
    }

    fn opening(&mut self, _who: usize, _user: &UserId, heard: Option<&Heard>) -> Opening<'_> {
        let Some(Heard::Other(frame)) = heard else { return Opening::Wait };
        let cursor = match &**frame {
            ServerFrame::Welcome(_) | ServerFrame::TooLong => String::new(),
            ServerFrame::Delta(delta) if delta.more => delta.cursor.clone(),
            ServerFrame::Delta(_) => return Opening::Ready,
            ServerFrame::Nack(nack) if nack.frame == "sync" => {
                return match nack.code.temporary() {
                    true => Opening::Again(nack.retry_after_ms),
                    false => Opening::Refused(nack.code.name()),
                };
            }
            _ => return Opening::Wait,
        };
        Opening::Say(self.builder.frame(&ClientFrame::Sync(Sync { cursor, open: Vec::new() })))
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
