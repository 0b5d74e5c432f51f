//! What lead and parts say to each other, as bytes: a kind, and JSON or what was found.

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use super::{Found, Share};
use crate::arguments::{DriverName, EncodingName, Scenario, SourceAddresses, TrustArguments};
use crate::clock::Nanos;
use crate::latency::Outline;

/// What a part is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Assignment {
    /// Of the program that leads; a part of another refuses.
    pub version: String,
    /// Which part.
    pub share: Share,
    /// The run's mark.
    pub run: u32,
    /// When the run began.
    pub started_ms: u64,
    /// The zero of the run's clock, on the part's machine.
    pub zero: i64,
    /// What is run.
    pub scenario: Scenario,
    /// Against what.
    pub terms: Terms,
}

/// What a part has to know of the command line that the lead was started with; never a secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Terms {
    /// The servers.
    pub urls: Vec<String>,
    /// Whom to believe to be one of them, where they speak TLS.
    pub trust: TrustArguments,
    /// Their kind.
    pub driver: DriverName,
    /// How frames are written.
    pub encoding: EncodingName,
    /// The users' prefix, if it was given.
    pub users: Option<String>,
    /// Connections being opened at the same time, by this part.
    pub opening: u16,
    /// Connections from one address.
    pub sockets_per_address: u16,
    /// Where connections come from, unless the part's own command line says so.
    pub source_addresses: Option<SourceAddresses>,
}

/// To a part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ToPart {
    /// Say what time it is.
    Clock(u64),
    /// This is to be done.
    Assignment(Box<Assignment>),
    /// Connections may be opened; the course of the run counts from `at`.
    Open {
        /// On the run's clock.
        at: Nanos,
    },
    /// What follows begins.
    Start {
        /// On the run's clock.
        at: Nanos,
    },
    /// It is over.
    Finish,
}

/// From a part.
#[derive(Debug)]
pub enum ToLead {
    /// Anything but what was found.
    Word(Word),
    /// What it found.
    Found(Box<Found>),
}

/// From a part, in short.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Word {
    /// The answer to [`ToPart::Clock`], with the same number: nanoseconds on the machine's monotonic clock.
    Clock {
        /// As asked.
        number: u64,
        /// What time it is.
        at: i64,
    },
    /// All connections are ready.
    Ready,
    /// How it goes.
    Tick(Tick),
    /// It cannot go on.
    Failed(String),
}

/// How a part is doing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tick {
    /// Connections that are there.
    pub connections: u64,
    /// Messages sent.
    pub sent: u64,
    /// Messages acknowledged or refused.
    pub settled: u64,
    /// Deliveries to this part.
    pub delivered: u64,
    /// Deliveries, to whichever part, that the messages acknowledged to this part should come to.
    pub expected: u64,
    /// Refusals.
    pub refused: u64,
    /// Sockets that the server closed.
    pub closed: u64,
    /// Deliveries of the last second.
    pub delivery: Outline,
    /// Whether its last message has left.
    pub all_sent: bool,
    /// Whether something beside messages is not done.
    pub busy: bool,
    /// Whether it misses nothing that it knows of.
    pub complete: bool,
}

const WORD: u8 = b'w';
const FOUND: u8 = b'f';

impl ToPart {
    /// As bytes.
    pub fn encode(&self) -> anyhow::Result<Vec<u8>> {
        serde_json::to_vec(self).context("words")
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> anyhow::Result<Self> {
        serde_json::from_slice(bytes)
            .context("the lead speaks another language: is it another version of this program?")
    }
}

impl ToLead {
    /// As bytes.
    pub fn encode(&self) -> anyhow::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self {
            Self::Word(word) => {
                bytes.push(WORD);
                serde_json::to_writer(&mut bytes, word).context("words")?;
            }
            Self::Found(found) => {
                bytes.push(FOUND);
                found.encode(&mut bytes)?;
            }
        }
        Ok(bytes)
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> anyhow::Result<Self> {
        match bytes.split_first() {
            Some((&WORD, rest)) => {
                let word = serde_json::from_slice(rest);
                Ok(Self::Word(
                    word.context("a part speaks another language: is it another version of this program?")?,
                ))
            }
            Some((&FOUND, rest)) => Ok(Self::Found(Box::new(Found::decode(rest)?))),
            _ => bail!("a part said something that is no word"),
        }
    }
}
