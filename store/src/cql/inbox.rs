//! Inboxes: the conversations of a user by the day on which they changed.
//!
//! ```text
//! user ─► day 20412: a 17:02 · c 08:11     a and c also have rows of earlier days, which no longer count
//!         day 20411: a 23:40 · b 12:00     the list: a (20412), c (20412), b (20411)
//! ```
//!
//! Why days: a row for each conversation and moment would be deleted and written anew with every message, and a list
//! would be read through a heap of deletions. A row for each conversation alone would be one write as well, but every
//! list, also the few lines that changed since a client was last there, would read the whole inbox. With days, a write
//! is one row, changed in place all day; a list reads the days that it needs, newest first, and sorts each in memory.
//!
//! The rows of a conversation's earlier days are deleted by whoever reads past them, so at most one deletion for each
//! conversation and day. One that comes back from a copy that was away is deleted again.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use lifecycle::wall_clock_ms;
use proto::{ConversationId, Timestamp, UserId};
use scylla::statement::prepared::PreparedStatement;

use super::Cql;
use super::error::CqlError;
use super::session::{Preparer, batch_of};
use crate::call::{Call, Op};
use crate::{InboxRow, StoreError};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Rows in one answer.
const PAGE_ROWS: i32 = 500;
/// Rows that one reader deletes; the next one goes on.
const CLEARED_MAX: usize = 200;
/// Rows are deleted once what replaced them is so old, so that no list that is being read misses both.
const CLEAR_AFTER_MS: u64 = 60_000;

/// The statements of this family.
pub(super) struct InboxStatements {
    read: PreparedStatement,
    write: PreparedStatement,
    clear: PreparedStatement,
}

/// `day`, `conversation`, `changed`, `has_left`.
type InboxColumns = (i32, String, i64, bool);

impl InboxStatements {
    pub(super) async fn prepare(preparer: &Preparer<'_>) -> Result<Self, CqlError> {
        const READ: &str =
            "SELECT day, conversation, changed, has_left FROM inbox WHERE user_id = ? AND day >= ?";
        const WRITE: &str = "INSERT INTO inbox (user_id, day, conversation, changed, has_left) \
            VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?";
        const CLEAR: &str =
            "DELETE FROM inbox USING TIMESTAMP ? WHERE user_id = ? AND day = ? AND conversation = ?";
        Ok(Self {
            read: preparer.paged_read(READ, PAGE_ROWS).await?,
            write: preparer.write(WRITE).await?,
            clear: preparer.write(CLEAR).await?,
        })
    }
}

impl Cql {
    /// Of two rows of one millisecond, the one that says "left" stays: readers that find the user in the group do not
    /// believe it.
    pub(super) async fn send_inbox_row(&self, row: &InboxRow) -> Result<(), StoreError> {
        let time = row.time.0.cast_signed();
        let (user, conversation) = (row.user.as_str(), row.conversation.as_str());
        let values = (user, day_of(row.time), conversation, time, row.left, time);
        self.execute(&self.statements.inbox.write, values).await
    }

    pub(crate) async fn inbox(
        self: &Arc<Self>,
        user: &UserId,
        since: Timestamp,
        limit: usize,
        before: Option<(Timestamp, ConversationId)>,
    ) -> Result<Vec<InboxRow>, StoreError> {
        let mut walk = Walk::new(user, since, limit, before);
        let values = (user.as_str(), day_of(since));
        let read =
            self.each::<InboxColumns>(&self.statements.inbox.read, values, |columns| walk.row(columns));
        self.read(Call::new(Op::Inbox), read).await?;
        walk.end_day();
        let Walk { mut found, stale, .. } = walk;
        if !stale.is_empty() {
            self.clear(user, stale).await;
        }
        found.truncate(limit);
        Ok(found)
    }

    /// Deletes rows that no longer count. Who asked has their answer already, so a failure is nobody's: the next
    /// reader finds them again.
    async fn clear(self: &Arc<Self>, user: &UserId, stale: Vec<(i32, String)>) {
        let (cql, user) = (Arc::clone(self), user.clone());
        let cleared = self.detached.run(async move {
            let values = stale.iter().map(|(day, conversation)| {
                // After every write of that day, before every one of the next.
                let end = (i64::from(*day) + 1) * DAY_MS.cast_signed() - 1;
                (end, user.as_str(), *day, conversation.as_str())
            });
            let rows: Vec<_> = values.collect();
            cql.execute_batch(&batch_of(&cql.statements.inbox.clear, rows.len()), rows).await
        });
        if let Err(error) = cleared.await {
            tracing::debug!(%error, "old rows of an inbox were not deleted");
        }
    }
}

/// One reading of a list: rows come by falling day, and within a day by conversation.
struct Walk<'a> {
    user: &'a UserId,
    since: Timestamp,
    before: Option<(Reverse<Timestamp>, ConversationId)>,
    limit: usize,
    now_ms: u64,
    day: Option<i32>,
    /// Each conversation and when it last changed.
    seen: HashMap<String, Timestamp>,
    today: Vec<InboxRow>,
    found: Vec<InboxRow>,
    /// Rows that count no longer.
    stale: Vec<(i32, String)>,
}

impl<'a> Walk<'a> {
    fn new(
        user: &'a UserId,
        since: Timestamp,
        limit: usize,
        before: Option<(Timestamp, ConversationId)>,
    ) -> Self {
        Self {
            user,
            since,
            before: before.map(|(time, conversation)| (Reverse(time), conversation)),
            limit,
            now_ms: wall_clock_ms(),
            day: None,
            seen: HashMap::new(),
            today: Vec::new(),
            found: Vec::new(),
            stale: Vec::new(),
        }
    }

    fn row(&mut self, (day, id, changed, left): InboxColumns) -> Result<ControlFlow<()>, StoreError> {
        if self.day != Some(day) {
            self.end_day();
            if self.found.len() >= self.limit {
                return Ok(ControlFlow::Break(()));
            }
            self.day = Some(day);
        }
        if let Some(newer) = self.seen.get(&id) {
            if self.stale.len() < CLEARED_MAX && newer.0.saturating_add(CLEAR_AFTER_MS) < self.now_ms {
                self.stale.push((day, id));
            }
            return Ok(ControlFlow::Continue(()));
        }
        let conversation = ConversationId::parse(&id).map_err(|_| StoreError::corrupt("inbox"))?;
        let time = Timestamp(changed.cast_unsigned());
        self.seen.insert(id, time);
        self.today.push(InboxRow { user: self.user.clone(), conversation, time, left });
        Ok(ControlFlow::Continue(()))
    }

    /// All rows of a day are there: those that are asked for, in their order.
    fn end_day(&mut self) {
        let (since, before) = (self.since, self.before.as_ref());
        let mut day = std::mem::take(&mut self.today);
        day.retain(|row| row.time >= since && before.is_none_or(|before| place(row) > (before.0, &before.1)));
        day.sort_unstable_by(|one, other| place(one).cmp(&place(other)));
        self.found.append(&mut day);
    }
}

/// Where a row is in a list: newest first, of equal times in order of their ids.
fn place(row: &InboxRow) -> (Reverse<Timestamp>, &ConversationId) {
    (Reverse(row.time), &row.conversation)
}

fn day_of(time: Timestamp) -> i32 {
    i32::try_from(time.0 / DAY_MS).unwrap_or(i32::MAX)
}
