//! `loadtest rawserver`: WebSocket and nothing else, the least that a server can do. What is measured against it is what
//! the kernel, the sockets and this program allow.
//!
//! ```text
//! the path says who and what    GET /dm/<connection>  or  GET /group/<connection>
//! to the server                 to (u32) · run (u32) · number (u64) · padding
//! from the server, an event     1 · seq (u64) · run (u32) · number (u64) · padding
//! from the server, an ack       0 · seq (u64) · run (u32) · number (u64)
//! ```
//!
//! All numbers are big-endian, all frames binary.

use anyhow::Context as _;
use client::ServerUrl;
use client::handshake::Upgrade;
use proto::{ClientFrame, UserId};

use super::masked::{BINARY, Masked};
use super::{Driver, Opening, Terms};
use crate::stamp::Stamp;
use crate::wire::heard::{AckHeard, Heard};
use crate::wire::outgoing::To;

/// The recipient of what goes to everybody.
pub const GROUP: u32 = u32::MAX;

/// See the module.
#[derive(Debug)]
pub struct Raw {
    terms: Terms,
    masked: Masked,
}

impl Raw {
    /// For one run.
    pub fn new(terms: Terms) -> Self {
        Self { terms, masked: Masked::new() }
    }
}

impl Driver for Raw {
    fn urls(&self) -> &[ServerUrl] {
        &self.terms.urls
    }

    fn request(&mut self, who: usize, _user: &UserId) -> (Upgrade, Vec<u8>) {
        let upgrade = Upgrade::offering(None);
        let what = if self.terms.group.is_some() { "group" } else { "dm" };
        let url = ServerUrl { path: format!("/{what}/{who}"), ..self.terms.url_of(who).clone() };
        let request = upgrade.request_with(&url, &[]);
        (upgrade, request)
    }

    fn opening(&mut self, _who: usize, _user: &UserId, _heard: Option<&Heard>) -> Opening<'_> {
        Opening::Ready
    }

    fn scan(&mut self, payload: &[u8]) -> anyhow::Result<(Heard, usize)> {
        let heard = read(payload).context("not a message of a rawserver")?;
        Ok((heard, payload.len()))
    }

    fn send(&mut self, number: u64, to: To<'_>) -> &[u8] {
        let to = match to {
            To::User(_, who) => u32::try_from(who).unwrap_or(GROUP),
            To::Conversation(_) => GROUP,
        };
        let padding = self.terms.padding();
        let out = &mut self.masked.payload;
        out.clear();
        out.extend_from_slice(&to.to_be_bytes());
        out.extend_from_slice(&self.terms.run.to_be_bytes());
        out.extend_from_slice(&number.to_be_bytes());
        // The mark as text has 18 bytes, here it has 12: texts are as long either way.
        out.resize(out.len() + padding + crate::stamp::STAMP_BYTES - 12, b'.');
        self.masked.frame(BINARY)
    }

    fn frame(&mut self, _frame: &ClientFrame) -> Option<&[u8]> {
        None
    }

    fn answer(&mut self) -> &[u8] {
        self.masked.pong(&[])
    }

    fn pong(&mut self, payload: &[u8]) -> &[u8] {
        self.masked.pong(payload)
    }

    fn close(&mut self) -> &[u8] {
        self.masked.close()
    }
}

fn read(payload: &[u8]) -> Option<Heard> {
    let (kind, rest) = payload.split_first()?;
    let (seq, rest) = rest.split_first_chunk()?;
    let (run, rest) = rest.split_first_chunk()?;
    let seq = u64::from_be_bytes(*seq);
    let stamp =
        Some(Stamp { run: u32::from_be_bytes(*run), number: u64::from_be_bytes(*rest.first_chunk()?) });
    match kind {
        0 => Some(Heard::Ack(AckHeard { stamp, seq, message_id: 0 })),
        1 => Some(Heard::Event { seq, stamp }),
        _ => None,
    }
}
