//! What readers see of a log: pages and times (FENCE D1).

use std::ops::ControlFlow;

use proto::{ConversationId, Entry, Seq, Timestamp};

use super::Cql;
use super::log::{EntryColumns, decode, seq_column};
use crate::call::{Call, Op};
use crate::log::{Segment, candidates, segments_of};
use crate::{Level, PageRange, Row, StoreError};

/// A page as it grows, and the row of which it is not known yet whether it wins its seq.
struct Page {
    range: PageRange,
    entries: Vec<Entry>,
    bytes: usize,
    held: Option<Row>,
}

impl Cql {
    pub(crate) async fn page(
        &self,
        conversation: &ConversationId,
        range: PageRange,
    ) -> Result<Vec<Entry>, StoreError> {
        self.read(Call::on(Op::Page, conversation), self.read_page(conversation, range)).await
    }

    async fn read_page(
        &self,
        conversation: &ConversationId,
        range: PageRange,
    ) -> Result<Vec<Entry>, StoreError> {
        let (from, to) = (range.from.max(Seq(1)), range.to.min(range.head));
        if range.limit == 0 || from > to {
            return Ok(Vec::new());
        }
        let mut wanted = self.segments(conversation, range.head).await?;
        wanted.retain(|segment| segment.first <= to && segment.last >= from);
        let statements = &self.statements.log;
        let statement = if range.backwards {
            wanted.reverse();
            &statements.range_newest_first
        } else {
            &statements.range_oldest_first
        };
        let mut page = Page { range, entries: Vec::new(), bytes: 0, held: None };
        for segment in wanted {
            let part = (seq_column(from.max(segment.first)), seq_column(to.min(segment.last)));
            let values = (conversation.as_str(), segment.bucket.0.cast_signed(), part.0, part.1);
            let mut full = false;
            self.each::<EntryColumns>(statement, values, |columns| {
                let flow = page.take(decode(columns)?);
                full = flow.is_break();
                Ok(flow)
            })
            .await?;
            if full || page.end_of_segment().is_break() {
                break;
            }
        }
        if range.backwards {
            page.entries.reverse();
        }
        Ok(page.entries)
    }

    pub(crate) async fn seq_at(
        &self,
        conversation: &ConversationId,
        time: Timestamp,
        head: Seq,
    ) -> Result<Seq, StoreError> {
        self.read(Call::on(Op::SeqAt, conversation), self.find(conversation, time, head)).await
    }

    async fn find(
        &self,
        conversation: &ConversationId,
        time: Timestamp,
        head: Seq,
    ) -> Result<Seq, StoreError> {
        let segments = self.segments(conversation, head).await?;
        let Some((Seq(mut low), last)) = candidates(&segments, time) else { return Ok(head.next()) };
        let mut high = last.0 + 1;
        // Everything below `low` is older than `time`; everything from `high` is not.
        while low < high {
            let middle = low + (high - low) / 2;
            let at = segments.partition_point(|segment| segment.last < Seq(middle));
            let entry = match segments.get(at) {
                Some(segment) => self.winner(conversation, segment, Seq(middle)).await?,
                None => None,
            };
            // A seq that is gone belongs to a bucket that was dropped: it is old.
            if entry.is_none_or(|entry| entry.time < time) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(Seq(low))
    }

    /// The winning entry of one seq: rows come with falling epochs.
    async fn winner(
        &self,
        conversation: &ConversationId,
        segment: &Segment,
        seq: Seq,
    ) -> Result<Option<Entry>, StoreError> {
        let values = (conversation.as_str(), segment.bucket.0.cast_signed(), seq_column(seq));
        let row = self.first::<EntryColumns>(&self.statements.log.one, values).await?;
        row.map(|columns| decode(columns).map(|row| row.entry)).transpose()
    }

    /// The buckets of a log in rising order, as far as `head`.
    async fn segments(&self, conversation: &ConversationId, head: Seq) -> Result<Vec<Segment>, StoreError> {
        // The register first: the index then has every bucket before the register's.
        let Some(register) = self.read_register(conversation, Level::Quorum).await? else {
            return Ok(Vec::new());
        };
        Ok(segments_of(&register, self.read_index(conversation).await?, head))
    }
}

impl Page {
    /// Takes the next row: falling epochs within a seq backwards, rising ones forwards.
    fn take(&mut self, row: Row) -> ControlFlow<()> {
        match &self.held {
            Some(held) if held.entry.seq == row.entry.seq => {
                if !self.range.backwards {
                    self.held = Some(row);
                }
                ControlFlow::Continue(())
            }
            _ => {
                let flow = self.end_of_segment();
                self.held = Some(row);
                flow
            }
        }
    }

    /// What is held has won its seq.
    fn end_of_segment(&mut self) -> ControlFlow<()> {
        let Some(Row { entry, .. }) = self.held.take() else { return ControlFlow::Continue(()) };
        self.bytes += entry.body.encoded().len();
        let no_room = self.bytes > self.range.bytes && !self.entries.is_empty();
        if self.entries.len() == self.range.limit || no_room {
            return ControlFlow::Break(());
        }
        self.entries.push(entry);
        ControlFlow::Continue(())
    }
}
