//! Centrifugo, by its client protocol (github.com/centrifugal/protocol, definitions/client.proto), in JSON or protobuf.
//!
//! ```text
//! direct   connect · subscribe user:<own user>   publish user:<the other user>
//! group    connect · subscribe group:<group>     publish group:<group>
//! ```
//!
//! The namespaces need history, whose offsets are the seqs of the audit: an event without one is refused here, because a
//! run without offsets could not tell lost from late. `docs/BENCHMARKS.md` has the configuration.
//!
//! **Limits.** Numbers of messages are ids of commands, 32 bits. There is no heal: what is not pushed counts as lost.

mod json;
mod protobuf;

use client::ServerUrl;
use client::handshake::Upgrade;
use proto::{ClientFrame, Encoding, UserId};

use super::masked::{BINARY, Masked, TEXT};
use super::{Driver, Opening, Terms};
use crate::wire::heard::Heard;
use crate::wire::outgoing::To;

/// The ids of the first two commands; those of messages begin behind them.
const CONNECT: u64 = 1;
const SUBSCRIBE: u64 = 2;
const FIRST_MESSAGE: u64 = 3;

/// See the module.
#[derive(Debug)]
pub struct Centrifugo {
    terms: Terms,
    masked: Masked,
    json: json::Scanner,
}

impl Centrifugo {
    /// For one run.
    pub fn new(terms: Terms) -> Self {
        Self { terms, masked: Masked::new(), json: json::Scanner::new() }
    }

    fn opcode(&self) -> u8 {
        match self.terms.encoding {
            Encoding::Json => TEXT,
            Encoding::Proto => BINARY,
        }
    }

    fn finish(&mut self) -> &[u8] {
        let opcode = self.opcode();
        self.masked.frame(opcode)
    }
}

impl Driver for Centrifugo {
    fn urls(&self) -> &[ServerUrl] {
        &self.terms.urls
    }

    fn request(&mut self, who: usize, _user: &UserId) -> (Upgrade, Vec<u8>) {
        let subprotocol = match self.terms.encoding {
            Encoding::Json => None,
            Encoding::Proto => Some("centrifuge-protobuf"),
        };
        let upgrade = Upgrade::offering(subprotocol);
        let request = upgrade.request_with(self.terms.url_of(who), &[]);
        (upgrade, request)
    }

    fn opening(&mut self, _who: usize, user: &UserId, heard: Option<&Heard>) -> Opening<'_> {
        match heard {
            None => {
                let channel = match &self.terms.group {
                    Some(group) => format!("group:{group}"),
                    None => format!("user:{user}"),
                };
                let token = self.terms.token(user);
                self.masked.payload.clear();
                match self.terms.encoding {
                    Encoding::Json => json::open(&mut self.masked.payload, &token, &channel),
                    Encoding::Proto => protobuf::open(&mut self.masked.payload, &token, &channel),
                }
                Opening::Say(self.finish())
            }
            Some(Heard::Ready) => Opening::Ready,
            Some(_) => Opening::Wait,
        }
    }

    fn scan(&mut self, payload: &[u8]) -> anyhow::Result<(Heard, usize)> {
        match self.terms.encoding {
            Encoding::Json => self.json.scan(payload, self.terms.run),
            Encoding::Proto => protobuf::scan(payload, self.terms.run),
        }
    }

    fn send(&mut self, number: u64, to: To<'_>) -> &[u8] {
        let (kind, name) = match to {
            To::User(user, _) => ("user:", user),
            To::Conversation(conversation) => ("group:", self.terms.group.as_deref().unwrap_or(conversation)),
        };
        let (stamp, padding) = (self.terms.stamp(number), self.terms.padding());
        let out = &mut self.masked.payload;
        out.clear();
        match self.terms.encoding {
            Encoding::Json => json::publish(out, stamp, (kind, name), padding),
            Encoding::Proto => protobuf::publish(out, stamp, (kind, name), padding),
        }
        self.finish()
    }

    fn frame(&mut self, _frame: &ClientFrame) -> Option<&[u8]> {
        None
    }

    /// An empty command: `{}`, or a length of zero.
    fn answer(&mut self) -> &[u8] {
        self.masked.payload.clear();
        match self.terms.encoding {
            Encoding::Json => self.masked.payload.extend_from_slice(b"{}"),
            Encoding::Proto => self.masked.payload.push(0),
        }
        self.finish()
    }

    fn pong(&mut self, payload: &[u8]) -> &[u8] {
        self.masked.pong(payload)
    }

    fn close(&mut self) -> &[u8] {
        self.masked.close()
    }

    fn echoes(&self) -> bool {
        true
    }
}

/// Why an event cannot be audited.
const NO_OFFSET: &str =
    "an event without offset cannot be audited: the channel's namespace needs history_size and history_ttl";

/// The name of an error's code, from Centrifugo's documentation of its errors.
fn code(number: u64) -> &'static str {
    match number {
        100 => "INTERNAL",
        101 => "UNAUTHORIZED",
        102 => "UNKNOWN_CHANNEL",
        103 => "PERMISSION_DENIED",
        104 => "METHOD_NOT_FOUND",
        105 => "ALREADY_SUBSCRIBED",
        106 => "LIMIT_EXCEEDED",
        107 => "BAD_REQUEST",
        108 => "NOT_AVAILABLE",
        109 => "TOKEN_EXPIRED",
        111 => "TOO_MANY_REQUESTS",
        _ => "OTHER",
    }
}
