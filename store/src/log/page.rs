//! Pages: what readers see of a log.

use std::ops::ControlFlow;

use proto::{ConversationId, Entry, Seq};

use super::segments::{Segment, segments, winners};
use crate::call::{Call, Op};
use crate::engine::View;
use crate::engine::view::Direction;
use crate::mutation::{self, Mutation};
use crate::store::Engine;
use crate::{Store, StoreError};

/// What part of a log is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRange {
    /// The first seq wanted.
    pub from: Seq,
    /// The last seq wanted, included.
    pub to: Seq,
    /// The most entries.
    pub limit: usize,
    /// The most bytes of bodies; at least one entry is given all the same.
    pub bytes: usize,
    /// Take the newest of the interval when it holds more than fits; otherwise the oldest.
    pub backwards: bool,
    /// A head that an owner told: nothing past it is ever read (FENCE D1).
    pub head: Seq,
}

impl Store {
    /// The entries of an interval in rising, contiguous seq, from however many buckets. Of several rows of one seq the
    /// one with the highest epoch is given. Never one past `range.head`.
    pub async fn page(
        &self,
        conversation: &ConversationId,
        range: PageRange,
    ) -> Result<Vec<Entry>, StoreError> {
        let Some(cache) = self.cache() else { return self.page_of_engine(conversation, range).await };
        let read = |range| {
            let (store, wanted) = (self.clone(), conversation.clone());
            async move { store.page_of_engine(&wanted, range).await }
        };
        cache.page(conversation, range, read).await
    }

    async fn page_of_engine(
        &self,
        conversation: &ConversationId,
        range: PageRange,
    ) -> Result<Vec<Entry>, StoreError> {
        match self.engine() {
            Engine::Cql(cql) => cql.page(conversation, range).await,
            Engine::Tables(tables) => {
                let wanted = conversation.clone();
                let call = Call::on(Op::Page, conversation);
                tables.read(call, move |view| read_page(view, &wanted, range)).await
            }
        }
    }
}

fn read_page(
    view: &dyn View,
    conversation: &ConversationId,
    range: PageRange,
) -> Result<Vec<Entry>, StoreError> {
    let head = if mutation::is(Mutation::UnboundedReader) { Seq(u64::MAX - 1) } else { range.head };
    let to = range.to.min(head);
    let from = range.from.max(Seq(1));
    let mut page = Vec::new();
    if range.limit == 0 || from > to {
        return Ok(page);
    }
    let mut wanted: Vec<Segment> = segments(view, conversation, head)?;
    wanted.retain(|segment| segment.first <= to && segment.last >= from);
    let direction = if range.backwards { Direction::Backward } else { Direction::Forward };
    if range.backwards {
        wanted.reverse();
    }
    let mut bytes = 0;
    let mut full = false;
    for segment in wanted {
        let part = (from.max(segment.first), to.min(segment.last));
        winners(view, conversation, segment.bucket, part, direction, &mut |entry| {
            bytes += entry.body.encoded().len();
            full = page.len() == range.limit || (bytes > range.bytes && !page.is_empty());
            if full {
                return ControlFlow::Break(());
            }
            page.push(entry);
            ControlFlow::Continue(())
        })?;
        if full {
            break;
        }
    }
    if range.backwards {
        page.reverse();
    }
    Ok(page)
}
