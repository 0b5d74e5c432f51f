//! The badge of a user: what is unread in all conversations together, as lists have it.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use proto::limits::MENTION_UNREAD_MAX;
use proto::{ConversationId, ConversationKind, Timestamp, UserId};
use store::MentionRange;

use crate::Shared;
use crate::problem::Problem;

/// Lines of the inbox read at once.
const INBOX_ROWS: usize = 500;
/// Conversations that are looked at together.
const TOGETHER: usize = 100;
/// Of these, so many times at once.
const AT_ONCE: usize = 4;

/// Sums over the conversations of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Badge {
    /// Messages in those that are not muted.
    pub(crate) unread: u64,
    /// Messages in those that are.
    pub(crate) muted_unread: u64,
    /// Of both, those that mention the user.
    pub(crate) mention_unread: u64,
    /// Conversations that are not muted and have something unread, or are marked so.
    pub(crate) conversations: u64,
}

impl Badge {
    fn and(self, other: Self) -> Self {
        Self {
            unread: self.unread + other.unread,
            muted_unread: self.muted_unread + other.muted_unread,
            mention_unread: self.mention_unread + other.mention_unread,
            conversations: self.conversations + other.conversations,
        }
    }
}

impl Shared {
    /// The badge at this time. What is hidden from lists does not count.
    pub(crate) async fn badge(&self, user: &UserId, now: Timestamp) -> Result<Badge, Problem> {
        let ids = self.conversations_of(user).await?;
        let parts = ids.chunks(TOGETHER).map(|ids| self.badge_of_some(user, ids, now));
        let parts: Vec<_> = parts.collect();
        let badges: Vec<Badge> = stream::iter(parts).buffered(AT_ONCE).try_collect().await?;
        Ok(badges.into_iter().fold(Badge::default(), Badge::and))
    }

    async fn conversations_of(&self, user: &UserId) -> Result<Vec<ConversationId>, Problem> {
        let groups = self.store.groups_of(user).await?;
        let mut ids: Vec<ConversationId> = groups.iter().map(ConversationId::group).collect();
        let mut before = None;
        loop {
            let rows = self.store.inbox(user, Timestamp(0), INBOX_ROWS, before).await?;
            let is_last = rows.len() < INBOX_ROWS;
            before = rows.last().map(|row| (row.time, row.conversation.clone()));
            let directs = rows
                .into_iter()
                .filter(|row| !row.left && matches!(row.conversation.kind(), ConversationKind::Direct(..)));
            ids.extend(directs.map(|row| row.conversation));
            if is_last {
                return Ok(ids);
            }
        }
    }

    async fn badge_of_some(
        &self,
        user: &UserId,
        ids: &[ConversationId],
        now: Timestamp,
    ) -> Result<Badge, Problem> {
        let (heads, cursors, settings) = futures_util::try_join!(
            self.store.heads(ids),
            self.store.cursors(user, ids),
            self.store.settings(user, ids)
        )?;
        let mut badge = Badge::default();
        let mut ranges: Vec<MentionRange> = Vec::new();
        for (((id, head), cursor), settings) in ids.iter().zip(heads).zip(cursors).zip(settings) {
            let Some(head) = head.filter(|head| !settings.is_hidden_at(head.seq)) else { continue };
            let unread = head.counted.saturating_sub(cursor.read_counted);
            if unread > 0 {
                ranges.push((id.clone(), cursor.read, head.seq));
            }
            if settings.is_muted_at(now) {
                badge.muted_unread += unread;
            } else {
                badge.unread += unread;
                badge.conversations += u64::from(unread > 0 || settings.marked_unread);
            }
        }
        let mentions = self.store.count_mentions(user, &ranges, MENTION_UNREAD_MAX).await?;
        badge.mention_unread = mentions.into_iter().map(|count| count as u64).sum();
        Ok(badge)
    }
}
