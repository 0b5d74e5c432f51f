//! Finding a time in a log: window arithmetic chooses the buckets, a binary search the entry.

use proto::{ConversationId, Seq, Timestamp};

use super::Bucket;
use super::segments::{Segment, segments, winner};
use crate::call::{Call, Op};
use crate::engine::View;
use crate::store::Engine;
use crate::{Store, StoreError};

impl Store {
    /// The first seq whose entry was taken at or after a time; the seq after `head` if there is none. Exact while
    /// clocks of routers agree; where they do not, near it.
    pub async fn seq_at(
        &self,
        conversation: &ConversationId,
        time: Timestamp,
        head: Seq,
    ) -> Result<Seq, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.seq_at(conversation, time, head).await,
            Engine::Tables(tables) => tables,
        };
        let wanted = conversation.clone();
        tables.read(Call::on(Op::SeqAt, conversation), move |view| find(view, &wanted, time, head)).await
    }
}

fn find(
    view: &dyn View,
    conversation: &ConversationId,
    time: Timestamp,
    head: Seq,
) -> Result<Seq, StoreError> {
    let segments = segments(view, conversation, head)?;
    let Some(range) = candidates(&segments, time) else { return Ok(head.next()) };
    let (mut low, mut high) = (range.0.0, range.1.0 + 1);
    // Everything below `low` is older than `time`; everything from `high` is not.
    while low < high {
        let middle = low + (high - low) / 2;
        if is_before(view, conversation, &segments, Seq(middle), time)? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(Seq(low))
}

/// The interval of seqs in buckets near the time's window: one more bucket on either side, because the bucket of an
/// entry was chosen before its time was taken, and a full bucket splits within a window.
pub(crate) fn candidates(segments: &[Segment], time: Timestamp) -> Option<(Seq, Seq)> {
    let window = Bucket::at(time).window();
    let first = segments.partition_point(|segment| segment.bucket.window() < window).saturating_sub(1);
    let end = segments.partition_point(|segment| segment.bucket.window() <= window);
    let last = end.min(segments.len().checked_sub(1)?);
    Some((segments.get(first)?.first, segments.get(last)?.last))
}

fn is_before(
    view: &dyn View,
    conversation: &ConversationId,
    segments: &[Segment],
    seq: Seq,
    time: Timestamp,
) -> Result<bool, StoreError> {
    let at = segments.partition_point(|segment| segment.last < seq);
    let Some(segment) = segments.get(at) else { return Ok(false) };
    let entry = winner(view, conversation, segment.bucket, seq)?;
    // A seq that is gone belongs to a bucket that was dropped: it is old.
    Ok(entry.is_none_or(|entry| entry.time < time))
}
