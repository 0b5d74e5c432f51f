//! Mentions: which messages name a user, or everybody, so that those unread can be counted.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use bytes::Bytes;
use proto::{ConversationId, Seq, UserId};

use crate::call::{Call, Op};
use crate::engine::key::{KeyParts, Kind};
use crate::engine::view::{Direction, after_prefix};
use crate::engine::{Key, Table, Tx, View};
use crate::store::Engine;
use crate::{Store, StoreError};

/// One message that mentions one user, or all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MentionRow {
    /// Of which log.
    pub conversation: ConversationId,
    /// Whom; `None` for everybody.
    pub user: Option<UserId>,
    /// Which entry.
    pub seq: Seq,
}

/// What is asked of one conversation: entries after the first seq, up to the second.
pub type MentionRange = (ConversationId, Seq, Seq);

/// Stands for everybody; no user id has it.
pub(crate) const EVERYBODY: &str = "*";

impl MentionRow {
    /// Whom, as rows say it.
    pub(crate) fn whom(&self) -> &str {
        self.user.as_ref().map_or(EVERYBODY, UserId::as_str)
    }

    /// The row of these columns.
    pub(crate) fn of(conversation: ConversationId, whom: &str, seq: Seq) -> Result<Self, StoreError> {
        let user = match whom {
            EVERYBODY => None,
            user => Some(UserId::parse(user).map_err(|_| StoreError::corrupt("mention"))?),
        };
        Ok(Self { conversation, user, seq })
    }
}

impl Store {
    /// Writes mentions. Repeating changes nothing. Only what was verified may be given.
    pub async fn write_mentions(&self, rows: Vec<MentionRow>) -> Result<(), StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.write_mentions(rows).await,
            Engine::Tables(tables) => tables,
        };
        let write = move |tx: &mut Tx<'_>| {
            for row in &rows {
                let key = mention_prefix(&row.conversation, row.whom()).u64(row.seq.0);
                tx.put(Table::State, key, Bytes::new());
            }
            Ok(())
        };
        tables.write(Call::new(Op::WriteMentions), write).await
    }

    /// How many messages of each range mention the user, alone or with everybody; at most `max` are counted.
    pub async fn count_mentions(
        &self,
        user: &UserId,
        ranges: &[MentionRange],
        max: usize,
    ) -> Result<Vec<usize>, StoreError> {
        if ranges.is_empty() {
            return Ok(Vec::new());
        }
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.count_mentions(user, ranges, max).await,
            Engine::Tables(tables) => tables,
        };
        let (user, ranges) = (user.clone(), ranges.to_vec());
        let read = move |view: &dyn View| {
            let count = |range: &MentionRange| {
                let mut found = BTreeSet::new();
                for whom in [user.as_str(), EVERYBODY] {
                    read_mentions(view, whom, range, max, &mut found)?;
                }
                Ok(found.len().min(max))
            };
            ranges.iter().map(count).collect()
        };
        tables.read(Call::new(Op::CountMentions), read).await
    }
}

fn read_mentions(
    view: &dyn View,
    whom: &str,
    (conversation, after, upto): &MentionRange,
    max: usize,
    into: &mut BTreeSet<Seq>,
) -> Result<(), StoreError> {
    let prefix = mention_prefix(conversation, whom);
    let mut left = max;
    let from = prefix.clone().u64(after.next().0);
    view.scan(Table::State, &from, &after_prefix(&prefix), Direction::Forward, &mut |key, _| {
        let seq = KeyParts::after(key, prefix.len()).u64().ok_or_else(|| StoreError::corrupt("mention"))?;
        if left == 0 || seq > upto.0 {
            return Ok(ControlFlow::Break(()));
        }
        left -= 1;
        into.insert(Seq(seq));
        Ok(ControlFlow::Continue(()))
    })
}

/// Reads a row out of its key.
pub(crate) fn decode(key: &[u8]) -> Result<MentionRow, StoreError> {
    let corrupt = || StoreError::corrupt("mention");
    let mut parts = KeyParts::after(key, 1);
    let conversation = parts.text().and_then(|text| ConversationId::parse(text).ok()).ok_or_else(corrupt)?;
    let whom = parts.text().ok_or_else(corrupt)?;
    MentionRow::of(conversation, whom, parts.u64().map(Seq).ok_or_else(corrupt)?)
}

fn mention_prefix(conversation: &ConversationId, whom: &str) -> Key {
    Key::of(Kind::Mention).text(conversation.as_str()).text(whom)
}
