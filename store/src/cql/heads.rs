//! Heads: one row for each conversation, written with its seq as the timestamp.
//!
//! A row is a function of one entry of the log, so two rows of one seq are the same row.

use std::sync::Arc;

use bytes::Bytes;
use proto::{ConversationId, Seq};
use scylla::statement::prepared::PreparedStatement;

use super::Cql;
use super::error::CqlError;
use super::session::Preparer;
use super::several::{self, partly};
use crate::call::{Call, Op};
use crate::directory::{decode_confirming, decode_retention, encode_confirming, encode_retention};
use crate::engine::{Reader, Writer};
use crate::log::{decode_entry, encode_entry};
use crate::{HeadRow, InboxRow, StoreError};

/// The statements of this family.
pub(super) struct HeadStatements {
    read: PreparedStatement,
    write: PreparedStatement,
    write_confirming: PreparedStatement,
    first: PreparedStatement,
    after: PreparedStatement,
}

/// `seq`, `counted`, `value`, `confirming`.
pub(super) type HeadColumns = (i64, i64, Vec<u8>, Option<Vec<u8>>);
/// The same behind the id.
type NamedColumns = (String, i64, i64, Vec<u8>, Option<Vec<u8>>);

impl HeadStatements {
    pub(super) async fn prepare(preparer: &Preparer<'_>) -> Result<Self, CqlError> {
        const WRITE: &str =
            "INSERT INTO head (conversation, seq, counted, value) VALUES (?, ?, ?, ?) USING TIMESTAMP ?";
        const WRITE_CONFIRMING: &str = "INSERT INTO head (conversation, seq, counted, value, confirming) \
            VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?";
        const ALL: &str = "SELECT conversation, seq, counted, value, confirming FROM head";
        Ok(Self {
            read: preparer
                .read("SELECT seq, counted, value, confirming FROM head WHERE conversation = ?")
                .await?,
            write: preparer.write(WRITE).await?,
            write_confirming: preparer.write(WRITE_CONFIRMING).await?,
            first: preparer.read(&format!("{ALL} LIMIT ?")).await?,
            after: preparer.read(&format!("{ALL} WHERE token(conversation) > token(?) LIMIT ?")).await?,
        })
    }
}

impl Cql {
    /// The rows of inboxes before the heads: a head says which entries have been projected, so whoever finds an old one
    /// projects them again, rows of inboxes included.
    pub(crate) async fn write_projection(
        self: &Arc<Self>,
        heads: Vec<HeadRow>,
        inbox: Vec<InboxRow>,
    ) -> Result<(), StoreError> {
        self.write(Call::new(Op::WriteProjection), move |cql| async move {
            several::writes(inbox.iter().map(|row| cql.send_inbox_row(row)).collect()).await?;
            several::writes(heads.iter().map(|head| cql.send_head(head)).collect()).await.map_err(partly)
        })
        .await
    }

    pub(super) async fn send_head(&self, head: &HeadRow) -> Result<(), StoreError> {
        let seq = head.seq.0.cast_signed();
        let (id, counted, value) = (head.conversation.as_str(), head.counted.cast_signed(), encode(head));
        let statements = &self.statements.heads;
        let Some(list) = &head.confirming else {
            return self.execute(&statements.write, (id, seq, counted, value, seq)).await;
        };
        let mut confirming = Writer::default();
        encode_confirming(list, &mut confirming);
        let values = (id, seq, counted, value, confirming.written(), seq);
        self.execute(&statements.write_confirming, values).await
    }

    /// Each is a partition of its own.
    pub(crate) async fn heads(
        &self,
        conversations: &[ConversationId],
    ) -> Result<Vec<Option<HeadRow>>, StoreError> {
        let read = conversations.iter().map(|id| self.read_head(id)).collect();
        self.read(Call::new(Op::Heads), several::reads(read)).await
    }

    /// In the order of tokens.
    pub(crate) async fn heads_after(
        &self,
        after: Option<&ConversationId>,
        limit: usize,
    ) -> Result<Vec<HeadRow>, StoreError> {
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let read = async {
            let statements = &self.statements.heads;
            match after {
                None => self.all::<NamedColumns>(&statements.first, (limit,)).await,
                Some(after) => self.all(&statements.after, (after.as_str(), limit)).await,
            }
        };
        let rows = self.read(Call::new(Op::HeadsAfter), read).await?;
        let decode = |(id, seq, counted, value, confirming): NamedColumns| {
            let id = ConversationId::parse(&id).map_err(|_| StoreError::corrupt("head"))?;
            decode(&id, (seq, counted, value, confirming))
        };
        rows.into_iter().map(decode).collect()
    }

    async fn read_head(&self, conversation: &ConversationId) -> Result<Option<HeadRow>, StoreError> {
        let row = self.first::<HeadColumns>(&self.statements.heads.read, (conversation.as_str(),)).await?;
        row.map(|columns| decode(conversation, columns)).transpose()
    }
}

fn encode(head: &HeadRow) -> Bytes {
    let mut value = Writer::default();
    value.number(head.last.seq.0);
    encode_entry(&head.last, &mut value);
    encode_retention(head, &mut value);
    value.finish()
}

/// Reads a row.
pub(super) fn decode(
    conversation: &ConversationId,
    (seq, counted, value, confirming): HeadColumns,
) -> Result<HeadRow, StoreError> {
    let mut value = Reader::new("head", value.into());
    let last = Seq(value.number()?);
    Ok(HeadRow {
        conversation: conversation.clone(),
        seq: Seq(seq.cast_unsigned()),
        counted: counted.cast_unsigned(),
        last: decode_entry(last, &mut value)?,
        retention_seconds: decode_retention(&mut value)?,
        confirming: Some(decode_confirming(&mut Reader::new("head", confirming.unwrap_or_default().into()))?),
    })
}
