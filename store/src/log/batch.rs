//! Appending: entries and their dedupe rows, all or nothing, the same bytes however often.

use std::sync::Arc;

use proto::{ConversationId, Entry, Epoch, Partition};

use super::entry_row::{bucket_prefix, encode_entry};
use super::{Bucket, Durable, IncarnationId, Verified};
use crate::engine::{Table, Writer};
use crate::{Store, StoreError, VerifyError};

/// Entries for one bucket of one conversation, in rising contiguous seq (FENCE S5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Whose log.
    pub conversation: ConversationId,
    /// Where in it.
    pub bucket: Bucket,
    /// Part of every row's key, so that no two owners ever write the same one.
    pub epoch: Epoch,
    /// What to append; at least one.
    pub entries: Vec<Entry>,
    /// Mark the conversation in this partition: its projections may be behind. The mark is part of the same write.
    pub touched: Option<Partition>,
}

impl Store {
    /// Writes entries, their dedupe rows and the touched mark in one atomic batch. Idempotent: writing the same batch
    /// again changes nothing. After any error only the very same batch may follow, or giving everything up.
    pub async fn append(&self, batch: Arc<Batch>) -> Result<Durable, StoreError> {
        match self {
            Self::Memory(memory) => memory.append(batch).await,
            Self::Embedded(embedded) => embedded.append(batch).await,
        }
    }

    /// A3: reads the fence of `me`, after all of `durable` became so, and says what may be told.
    pub async fn verify(&self, me: IncarnationId, durable: Vec<Durable>) -> Result<Verified, VerifyError> {
        match self {
            Self::Memory(memory) => memory.verify(me, durable).await,
            Self::Embedded(embedded) => embedded.verify(me, durable),
        }
    }
}

/// Gives every entry and dedupe row of a batch to `put`. `key` and `value` are only room that is used again.
pub(crate) fn write_batch(batch: &Batch, value: &mut Writer, mut put: impl FnMut(Table, &[u8], &[u8])) {
    let prefix = bucket_prefix(&batch.conversation, batch.bucket);
    let mut key: Vec<u8> = prefix.into();
    let prefix_bytes = key.len();
    for entry in &batch.entries {
        key.truncate(prefix_bytes);
        key.extend_from_slice(&entry.seq.0.to_be_bytes());
        key.extend_from_slice(&(!batch.epoch.0).to_be_bytes());
        value.clear();
        encode_entry(entry, value);
        put(Table::Log, &key, value.written());

        key.truncate(prefix_bytes);
        key.extend_from_slice(&entry.client_message_id.0);
        key.extend_from_slice(&batch.epoch.0.to_be_bytes());
        value.clear();
        value.number(entry.seq.0);
        put(Table::Dedupe, &key, value.written());
    }
}
