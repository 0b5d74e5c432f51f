//! Dropping what is no longer kept: all conversations are looked at in turn, a few at a time, and those of one's own
//! partitions lose their old buckets.
//!
//! Readers do not wait for it: they leave out what is old by the clock. So it may be slow, may fail and be tried again in the
//! next round, and two owners at once do no harm: what is dropped is settled for ever, and every step may be repeated.

use std::time::Duration;

use hashbrown::HashSet;
use proto::{ConversationId, Partition, Timestamp};
use store::{Store, StoreError};

use super::incarnation::Incarnation;
use super::ops::Done;
use crate::config::millis;
use crate::rules::lifetime::Moment;

/// Conversations looked at at once.
const HEADS: usize = 128;
/// The longest pause between two looks of one round.
const PAUSE: Duration = Duration::from_secs(1);

/// How far a round is.
#[derive(Default)]
pub struct Sweep {
    after: Option<ConversationId>,
    next_ms: u64,
    under_way: bool,
}

impl Incarnation<'_> {
    /// Looks at the next conversations when it is time.
    pub(super) fn sweep_old(&mut self) {
        let is_wanted = !self.config.retention_sweep.is_zero() && self.draining.is_none();
        if !is_wanted || self.sweep.under_way || self.now.steady_ms < self.sweep.next_ms {
            return;
        }
        self.sweep.under_way = true;
        let (store, moment, after) = (self.store.clone(), self.moment(), self.sweep.after.take());
        let own: HashSet<Partition> = self.serving.keys().copied().collect();
        self.ops.push(Box::pin(async move {
            match Box::pin(look(&store, after, &own, moment)).await {
                Ok((after, dropped)) => Done::Swept(after, Ok(dropped)),
                Err(error) => Done::Swept(None, Err(error)),
            }
        }));
    }

    /// A look has ended. After a failure a new round begins in its time.
    pub(super) fn swept(&mut self, after: Option<ConversationId>, dropped: Result<usize, StoreError>) {
        let round = self.config.retention_sweep;
        let pause = if after.is_some() { round.min(PAUSE) } else { round };
        self.sweep = Sweep { after, next_ms: self.now.steady_ms + millis(pause), under_way: false };
        match dropped {
            Ok(buckets) => self.metrics.buckets_dropped.increment(buckets as u64),
            Err(error) => tracing::debug!(%error, "old parts of logs are not dropped, trying again"),
        }
    }
}

/// Where the next look begins, if there are more conversations, and how many buckets were dropped.
async fn look(
    store: &Store,
    after: Option<ConversationId>,
    own: &HashSet<Partition>,
    moment: Moment,
) -> Result<(Option<ConversationId>, usize), StoreError> {
    let heads = store.heads_after(after.as_ref(), HEADS).await?;
    let next = heads.last().filter(|_| heads.len() == HEADS).map(|head| head.conversation.clone());
    let mut dropped = 0;
    for head in heads {
        let oldest = moment.oldest(head.retention_seconds);
        if oldest > Timestamp(0) && own.contains(&Partition::of(&head.conversation)) {
            dropped += store.drop_old_buckets(&head.conversation, oldest, head.seq).await?;
        }
    }
    Ok((next, dropped))
}
