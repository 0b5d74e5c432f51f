//! Message ids (snowflakes, made by the router) and client message ids (UUIDs, made by clients).

use uuid::Uuid;

use crate::{IdError, Timestamp};

/// A snowflake: 42 bits of milliseconds since [`MessageId::EPOCH_MS`], 10 bits of worker, 12 bits of sequence.
///
/// A global handle with a time in it; it never orders anything (`seq` does).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MessageId(pub u64);

impl MessageId {
    /// 2025-01-01T00:00:00Z in Unix milliseconds; 42 bits last until 2164.
    pub const EPOCH_MS: u64 = 1_735_689_600_000;
    /// Worker numbers are below this.
    pub const WORKERS: u16 = 1 << 10;
    /// Ids of one worker in one millisecond.
    pub const SEQUENCES: u16 = 1 << 12;

    /// Puts the three parts together. `worker` and `sequence` must be in range; excess bits are cut off.
    pub fn from_parts(time: Timestamp, worker: u16, sequence: u16) -> Self {
        let millis = time.0.saturating_sub(Self::EPOCH_MS) & ((1 << 42) - 1);
        let worker = u64::from(worker % Self::WORKERS);
        let sequence = u64::from(sequence % Self::SEQUENCES);
        Self(millis << 22 | worker << 12 | sequence)
    }

    /// When it was made.
    pub fn time(self) -> Timestamp {
        Timestamp((self.0 >> 22) + Self::EPOCH_MS)
    }
}

impl std::fmt::Display for MessageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A UUID made by the client (version 7 advised): the idempotency key of a send.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientMessageId(pub [u8; 16]);

impl ClientMessageId {
    /// Reads the hyphenated form (or any other that RFC 9562 readers accept).
    pub fn parse(text: &str) -> Result<Self, IdError> {
        Uuid::try_parse(text).map(|id| Self(id.into_bytes())).map_err(|_| IdError::ClientMessage)
    }

    /// A fresh version 7 id.
    pub fn now() -> Self {
        Self(Uuid::now_v7().into_bytes())
    }

    /// The version 7 id of a time and of random bits.
    pub fn at(time: Timestamp, random: u128) -> Self {
        let mut bits = [0; 10];
        bits.copy_from_slice(&random.to_be_bytes()[..10]);
        Self(uuid::Builder::from_unix_timestamp_millis(time.0, &bits).into_uuid().into_bytes())
    }

    /// Writes the hyphenated lower-case form, 36 bytes, without allocating.
    pub fn hyphenated(self, buffer: &mut [u8; 36]) -> &str {
        Uuid::from_bytes(self.0).hyphenated().encode_lower(buffer)
    }
}

impl std::fmt::Display for ClientMessageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.hyphenated(&mut [0; 36]))
    }
}

impl std::fmt::Debug for ClientMessageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}
