//! Appending: entries and their dedupe rows, all or nothing, the same bytes however often.

use std::sync::Arc;

use proto::{ConversationId, Entry, Epoch, Partition};

use super::entry_row::{dedupe_prefix, encode_entry, entries_prefix};
use super::{Bucket, Durable, IncarnationId, Verified};
use crate::engine::Writer;
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
    /// Mark the conversation in this partition: its projections may be behind. Durable when the append is.
    pub touched: Option<Partition>,
}

impl Store {
    /// Writes entries, their dedupe rows and the touched mark in one atomic batch. Idempotent: writing the same batch
    /// again changes nothing. After any error only the very same batch may follow, or giving everything up.
    pub async fn append(&self, batch: Arc<Batch>) -> Result<Durable, StoreError> {
        match self {
            Self::Memory(memory) => memory.append(batch).await,
            Self::Embedded(embedded) => {
                let durable = embedded.append(Arc::clone(&batch)).await?;
                embedded.cache().appended(&batch);
                Ok(durable)
            }
            Self::Cql(cql) => {
                let durable = cql.append(Arc::clone(&batch)).await?;
                cql.cache().appended(&batch);
                Ok(durable)
            }
            #[cfg(feature = "sim")]
            Self::Replicated(replicated) => replicated.append(batch).await,
        }
    }

    /// A3: reads the fence of `me`, after all of `durable` became so, and says what may be told.
    pub async fn verify(&self, me: IncarnationId, durable: Vec<Durable>) -> Result<Verified, VerifyError> {
        let checked = match self {
            Self::Memory(memory) => memory.verify(me, durable).await,
            Self::Embedded(embedded) => embedded.verify(me, durable),
            Self::Cql(cql) => cql.verify(me, durable).await,
            #[cfg(feature = "sim")]
            Self::Replicated(replicated) => replicated.verify(me, durable).await,
        };
        match (&checked, self.cache()) {
            (Ok(verified), Some(cache)) => cache.verified(verified),
            (Err(VerifyError::Fenced), Some(cache)) => cache.fenced(),
            _ => {}
        }
        checked
    }
}

/// Gives every entry and dedupe row of a batch to `put`, for `Table::Log`. `value` is only room that is used again.
pub(crate) fn write_batch(batch: &Batch, value: &mut Writer, mut put: impl FnMut(&[u8], &[u8])) {
    let mut entries: Vec<u8> = entries_prefix(&batch.conversation, batch.bucket).into();
    let mut dedupe: Vec<u8> = dedupe_prefix(&batch.conversation, batch.bucket).into();
    let prefix_bytes = entries.len();
    for entry in &batch.entries {
        entries.truncate(prefix_bytes);
        entries.extend_from_slice(&entry.seq.0.to_be_bytes());
        entries.extend_from_slice(&(!batch.epoch.0).to_be_bytes());
        value.clear();
        encode_entry(entry, value);
        put(&entries, value.written());

        dedupe.truncate(prefix_bytes);
        dedupe.extend_from_slice(&entry.client_message_id.0);
        dedupe.extend_from_slice(&batch.epoch.0.to_be_bytes());
        value.clear();
        value.number(entry.seq.0);
        put(&dedupe, value.written());
    }
}
