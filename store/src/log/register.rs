//! The register of a conversation: the one row that says what of its log counts (FENCE S4).

use proto::{ConversationId, Epoch, Seq};

use super::Bucket;
use crate::call::{Call, Op};
use crate::engine::key::{KeyParts, Kind};
use crate::engine::view::{Direction, after_prefix};
use crate::engine::{Key, Reader, Table, Tx, View, Writer};
use crate::mutation::{self, Mutation};
use crate::store::Engine;
use crate::{Store, StoreError};

/// Names the last segment of a log: entries at `seq >= start` count only with `epoch`; all below are settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// Grows by one with each change.
    pub version: u64,
    /// Of the owner that moved it last.
    pub epoch: Epoch,
    /// The first seq of the segment.
    pub start: Seq,
    /// Where the owner appends.
    pub bucket: Bucket,
    /// The first seq in that bucket.
    pub bucket_first: Seq,
    /// FENCE W: the most entries that can be unverified.
    pub window: u16,
    /// Countable entries below `start`.
    pub counted: u64,
}

/// How a conditional write ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Cas<T> {
    /// It took place; this is the row now.
    Applied(T),
    /// The condition did not hold; this is the row that was found, if there is one.
    Refused(Option<T>),
    /// It took place, or will later, or never: nothing may be concluded. (Also when it certainly did not:
    /// [`StoreError::Unavailable`].)
    Unknown(StoreError),
}

/// How a row that conditional writes change is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Plain; may miss a conditional write whose outcome was unknown.
    Quorum,
    /// Completes such a write first. "Not there yet" still never means "never".
    Serial,
}

impl<T> Cas<T> {
    /// From what a transaction answered.
    pub(crate) fn of(outcome: Result<Result<T, Option<T>>, StoreError>) -> Self {
        match outcome {
            Ok(Ok(row)) => Self::Applied(row),
            Ok(Err(row)) => Self::Refused(row),
            Err(error) => Self::Unknown(error),
        }
    }
}

impl Store {
    /// The register of a conversation; `None` when nothing was ever written there.
    pub async fn register(
        &self,
        conversation: &ConversationId,
        level: Level,
    ) -> Result<Option<Register>, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.register(conversation, level).await,
            Engine::Tables(tables) => tables,
        };
        let wanted = conversation.clone();
        let call = Call::on(Op::Register, conversation);
        tables.read_at(level, call, move |view| read_register(view, &wanted)).await
    }

    /// S4: sets the register to `new`, if its version is `expected` (`None`: if there is none). `new.version` is
    /// ignored: the store counts.
    pub async fn move_register(
        &self,
        conversation: &ConversationId,
        expected: Option<u64>,
        new: Register,
    ) -> Cas<Register> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.move_register(conversation, expected, new).await,
            Engine::Tables(tables) => tables,
        };
        let wanted = conversation.clone();
        let call = Call::on(Op::MoveRegister, conversation);
        tables.swap(call, move |tx| move_register(tx, &wanted, expected, new)).await
    }

    /// R1: records the first seq of a bucket that is being left. Write-once.
    pub async fn write_index(
        &self,
        conversation: &ConversationId,
        bucket: Bucket,
        first: Seq,
    ) -> Result<(), StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.write_index(conversation, bucket, first).await,
            Engine::Tables(tables) => tables,
        };
        let key = index_key(conversation, bucket);
        tables
            .write(Call::on(Op::WriteIndex, conversation), move |tx| {
                tx.put(Table::State, key, Writer::default().number(first.0).finish());
                Ok(())
            })
            .await
    }

    /// The buckets that were left, with their first seqs, newest first. D1: read the register before this.
    pub async fn index(&self, conversation: &ConversationId) -> Result<Vec<(Bucket, Seq)>, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.index(conversation).await,
            Engine::Tables(tables) => tables,
        };
        let wanted = conversation.clone();
        tables.read(Call::on(Op::Index, conversation), move |view| read_index(view, &wanted)).await
    }
}

/// The register of a conversation.
pub(super) fn read_register(
    view: &dyn View,
    conversation: &ConversationId,
) -> Result<Option<Register>, StoreError> {
    view.get(Table::State, &register_key(conversation))?.map(decode).transpose()
}

/// The buckets that were left, newest first.
pub(super) fn read_index(
    view: &dyn View,
    conversation: &ConversationId,
) -> Result<Vec<(Bucket, Seq)>, StoreError> {
    let prefix = index_prefix(conversation);
    let mut index = Vec::new();
    view.scan(Table::State, &prefix, &after_prefix(&prefix), Direction::Forward, &mut |key, value| {
        let bucket = KeyParts::after(key, prefix.len()).u32().ok_or_else(|| StoreError::corrupt("index"))?;
        index.push((Bucket(!bucket), Seq(Reader::new("index", value.clone()).number()?)));
        Ok(std::ops::ControlFlow::Continue(()))
    })?;
    Ok(index)
}

fn move_register(
    tx: &mut Tx<'_>,
    conversation: &ConversationId,
    expected: Option<u64>,
    new: Register,
) -> Result<Result<Register, Option<Register>>, StoreError> {
    let key = register_key(conversation);
    let now = tx.get(Table::State, &key)?.map(decode).transpose()?;
    if now.map(|register| register.version) != expected && !mutation::is(Mutation::NoVersionCheck) {
        return Ok(Err(now));
    }
    let moved = Register { version: now.map_or(1, |register| register.version + 1), ..new };
    tx.put(Table::State, key, encode(&moved));
    Ok(Ok(moved))
}

fn encode(register: &Register) -> bytes::Bytes {
    Writer::default()
        .number(register.version)
        .number(register.epoch.0)
        .number(register.start.0)
        .number(u64::from(register.bucket.0))
        .number(register.bucket_first.0)
        .number(u64::from(register.window))
        .number(register.counted)
        .finish()
}

/// Reads the value of a row.
pub(crate) fn decode(value: bytes::Bytes) -> Result<Register, StoreError> {
    let mut value = Reader::new("register", value);
    Ok(Register {
        version: value.number()?,
        epoch: Epoch(value.number()?),
        start: Seq(value.number()?),
        bucket: Bucket(value.small()?),
        bucket_first: Seq(value.number()?),
        window: value.small()?,
        counted: value.number()?,
    })
}

pub(crate) fn register_key(conversation: &ConversationId) -> Key {
    Key::of(Kind::Register).text(conversation.as_str())
}

/// The index row of a bucket.
pub(super) fn index_key(conversation: &ConversationId, bucket: Bucket) -> Key {
    index_prefix(conversation).raw(&(!bucket.0).to_be_bytes())
}

fn index_prefix(conversation: &ConversationId) -> Key {
    Key::of(Kind::Index).text(conversation.as_str())
}
