//! Entry rows and dedupe rows as bytes.
//!
//! ```text
//! hash:4 conversation 0 bucket:4 'e' seq:8 !epoch:8               →  message id, sender, time, counted, client message id, body
//! hash:4 conversation 0 bucket:4 'd' client message id:16 epoch:8  →  seq
//! ```
//!
//! The hash of the conversation only makes keys differ early: the embedded engine keeps the first four bytes of a key
//! where it compares, and everything after them is a cache miss. Both rows of an entry are neighbours for the same reason: the
//! way to the second one was just gone.

use bytes::Bytes;
use proto::{
    Body, ClientMessageId, ConversationId, Entry, Epoch, MessageId, Seq, Timestamp, UserId, stable_hash,
};

use super::{Bucket, Row};
use crate::StoreError;
use crate::engine::key::KeyParts;
use crate::engine::{Key, Reader, Writer};

/// What tells an entry row's key from a dedupe row's.
pub(crate) const ENTRY: u8 = b'e';
/// What tells a dedupe row's key from an entry row's.
pub(crate) const DEDUPE: u8 = b'd';

/// What the entry rows of one bucket have in common.
pub(crate) fn entries_prefix(conversation: &ConversationId, bucket: Bucket) -> Key {
    bucket_prefix(conversation, bucket).raw(&[ENTRY])
}

/// What the dedupe rows of one bucket have in common.
pub(crate) fn dedupe_prefix(conversation: &ConversationId, bucket: Bucket) -> Key {
    bucket_prefix(conversation, bucket).raw(&[DEDUPE])
}

/// What all rows of one bucket have in common.
pub(crate) fn bucket_prefix(conversation: &ConversationId, bucket: Bucket) -> Key {
    let hash = stable_hash(conversation.as_str()).to_be_bytes();
    Key::bare().raw(&hash).text(conversation.as_str()).raw(&bucket.0.to_be_bytes())
}

/// Writes the value of an entry row.
pub(crate) fn encode_entry(entry: &Entry, value: &mut Writer) {
    value
        .number(entry.message_id.0)
        .text(entry.sender.as_str())
        .number(entry.time.0)
        .number(entry.counted)
        .raw(&entry.client_message_id.0)
        .bytes(entry.body.encoded());
}

/// Reads what [`encode_entry`] wrote.
pub(crate) fn decode_entry(seq: Seq, value: &mut Reader) -> Result<Entry, StoreError> {
    Ok(Entry {
        seq,
        message_id: MessageId(value.number()?),
        sender: value.id(UserId::parse)?,
        time: Timestamp(value.number()?),
        counted: value.number()?,
        client_message_id: ClientMessageId(value.raw()?),
        body: Body::from_encoded(value.bytes()?),
    })
}

/// Reads seq and epoch out of a log key, after `prefix_bytes` of prefix.
pub(crate) fn place(key: &[u8], prefix_bytes: usize) -> Result<(Seq, Epoch), StoreError> {
    let mut parts = KeyParts::after(key, prefix_bytes);
    match (parts.u64(), parts.u64()) {
        (Some(seq), Some(epoch)) => Ok((Seq(seq), Epoch(!epoch))),
        _ => Err(StoreError::corrupt("log key")),
    }
}

/// Reads a whole row.
pub(crate) fn decode_row(key: &[u8], prefix_bytes: usize, value: &Bytes) -> Result<Row, StoreError> {
    let (seq, epoch) = place(key, prefix_bytes)?;
    let entry = decode_entry(seq, &mut Reader::new("entry", value.clone()))?;
    Ok(Row { epoch, entry })
}
