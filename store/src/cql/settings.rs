//! What users keep for themselves: a row of cells that are written one by one, each with the time of its change, so that two
//! changes at the same time both stay.
//!
//! All rows of a user are one partition, whose static cell says when the last of them changed: a list that asks what changed
//! since reads that cell, and the rows only if there is something.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use proto::settings::Settings;
use proto::{ConversationId, Seq, Timestamp, UserId};
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlValue;

use super::Cql;
use super::error::CqlError;
use super::session::Preparer;
use super::several;
use crate::call::{Call, Op};
use crate::{SettingsEdit, StoreError};

/// Conversations asked for in one statement: ScyllaDB allows a hundred.
const ASKED_MAX: usize = 100;
/// Rows in one answer.
const PAGE_ROWS: i32 = 500;

/// The statements of this family.
pub(super) struct SettingStatements {
    read: PreparedStatement,
    newest: PreparedStatement,
    changed: PreparedStatement,
    set: [PreparedStatement; 10],
    set_newest: PreparedStatement,
}

/// The order of `set`.
#[derive(Clone, Copy)]
enum Cell {
    Changed,
    Pinned,
    MutedUntil,
    Archived,
    HiddenBelow,
    MarkedUnread,
    Cleared,
    Draft,
    Deleted,
    Undeleted,
}

/// `conversation`, then the cells; those that were never set are not there.
pub(super) type SettingColumns = (
    String,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<Vec<i64>>,
);

impl SettingStatements {
    pub(super) async fn prepare(preparer: &Preparer<'_>) -> Result<Self, CqlError> {
        const READ: &str = "SELECT conversation, changed, pinned, muted_until, archived, hidden_below, \
            marked_unread, cleared, draft, deleted FROM user_setting \
            WHERE user_id = ? AND conversation IN ?";
        const NEWEST: &str = "SELECT newest FROM user_setting WHERE user_id = ? LIMIT 1";
        const CHANGED: &str = "SELECT conversation, changed FROM user_setting WHERE user_id = ?";
        const SET_NEWEST: &str = "UPDATE user_setting USING TIMESTAMP ? SET newest = ? WHERE user_id = ?";
        let set = |change: &str| {
            format!(
                "UPDATE user_setting USING TIMESTAMP ? SET {change} WHERE user_id = ? AND conversation = ?"
            )
        };
        Ok(Self {
            read: preparer.read(READ).await?,
            newest: preparer.read(NEWEST).await?,
            changed: preparer.paged_read(CHANGED, PAGE_ROWS).await?,
            set: [
                preparer.write(&set("changed = ?")).await?,
                preparer.write(&set("pinned = ?")).await?,
                preparer.write(&set("muted_until = ?")).await?,
                preparer.write(&set("archived = ?")).await?,
                preparer.write(&set("hidden_below = ?")).await?,
                preparer.write(&set("marked_unread = ?")).await?,
                preparer.write(&set("cleared = ?")).await?,
                preparer.write(&set("draft = ?")).await?,
                preparer.write(&set("deleted = deleted + ?")).await?,
                preparer.write(&set("deleted = deleted - ?")).await?,
            ],
            set_newest: preparer.write(SET_NEWEST).await?,
        })
    }
}

impl Cql {
    pub(crate) async fn edit_settings(
        self: &Arc<Self>,
        user: &UserId,
        conversation: &ConversationId,
        edit: SettingsEdit,
        now: Timestamp,
    ) -> Result<Settings, StoreError> {
        let (user, wanted) = (user.clone(), conversation.clone());
        self.write(Call::on(Op::EditSettings, conversation), move |cql| async move {
            let before = cql.read_settings(&user, std::slice::from_ref(&wanted)).await?;
            let before = before.into_iter().next().unwrap_or_default();
            let after = edit.apply(&before, now);
            cql.send_settings(&user, &wanted, &before, &after).await?;
            Ok(after)
        })
        .await
    }

    /// The cells in which the two differ, in one mutation.
    pub(super) async fn send_settings(
        &self,
        user: &UserId,
        conversation: &ConversationId,
        before: &Settings,
        after: &Settings,
    ) -> Result<(), StoreError> {
        if before == after {
            return Ok(());
        }
        let statements = &self.statements.settings;
        let mut batch = Batch::new(BatchType::Unlogged);
        batch.set_is_idempotent(true);
        if let Some(level) = statements.read.get_consistency() {
            batch.set_consistency(level);
        }
        let text = |text: &str| CqlValue::Text(text.to_owned());
        let time = after.changed.0.cast_signed();
        let mut rows: Vec<Vec<CqlValue>> = Vec::new();
        for (cell, value) in differences(before, after) {
            // What only grows is its own time.
            let time = if matches!(cell, Cell::Cleared) { after.cleared.0.cast_signed() } else { time };
            batch.append_statement(statements.set[cell as usize].clone());
            rows.push(vec![CqlValue::BigInt(time), value, text(user.as_str()), text(conversation.as_str())]);
        }
        batch.append_statement(statements.set_newest.clone());
        rows.push(vec![CqlValue::BigInt(time), CqlValue::BigInt(time), text(user.as_str())]);
        self.execute_batch(&batch, rows).await
    }

    pub(crate) async fn settings(
        &self,
        user: &UserId,
        conversations: &[ConversationId],
    ) -> Result<Vec<Settings>, StoreError> {
        self.read(Call::new(Op::Settings), self.read_settings(user, conversations)).await
    }

    async fn read_settings(
        &self,
        user: &UserId,
        conversations: &[ConversationId],
    ) -> Result<Vec<Settings>, StoreError> {
        let parts = conversations.chunks(ASKED_MAX).map(|part| self.read_some_settings(user, part)).collect();
        let rows = several::reads(parts).await?.into_iter().flatten();
        let mut found: HashMap<String, Settings> = rows.map(decode).collect();
        Ok(conversations.iter().map(|id| found.remove(id.as_str()).unwrap_or_default()).collect())
    }

    async fn read_some_settings(
        &self,
        user: &UserId,
        conversations: &[ConversationId],
    ) -> Result<Vec<SettingColumns>, StoreError> {
        let ids: Vec<&str> = conversations.iter().map(ConversationId::as_str).collect();
        self.all(&self.statements.settings.read, (user.as_str(), ids)).await
    }

    pub(crate) async fn changed_settings(
        &self,
        user: &UserId,
        since: Timestamp,
        limit: usize,
        before: Option<(Timestamp, ConversationId)>,
    ) -> Result<Vec<(Timestamp, ConversationId)>, StoreError> {
        self.read(Call::new(Op::ChangedSettings), self.read_changed(user, since, limit, before)).await
    }

    async fn read_changed(
        &self,
        user: &UserId,
        since: Timestamp,
        limit: usize,
        before: Option<(Timestamp, ConversationId)>,
    ) -> Result<Vec<(Timestamp, ConversationId)>, StoreError> {
        let statements = &self.statements.settings;
        let newest = self.first::<(Option<i64>,)>(&statements.newest, (user.as_str(),)).await?;
        let newest = newest.and_then(|(newest,)| newest).map(|time| Timestamp(time.cast_unsigned()));
        if newest.is_none_or(|newest| newest < since) {
            return Ok(Vec::new());
        }
        let rows = self.all::<(Option<String>, Option<i64>)>(&statements.changed, (user.as_str(),)).await?;
        let before = before.map(|(time, id)| (Reverse(time), id));
        let mut found = Vec::new();
        for (id, changed) in rows {
            let (Some(id), Some(changed)) = (id, changed) else { continue };
            let time = Timestamp(changed.cast_unsigned());
            let id = ConversationId::parse(&id).map_err(|_| StoreError::corrupt("user_setting"))?;
            let place = (Reverse(time), id);
            if time >= since && before.as_ref().is_none_or(|before| place > *before) {
                found.push(place);
            }
        }
        found.sort_unstable();
        found.truncate(limit);
        Ok(found.into_iter().map(|(Reverse(time), id)| (time, id)).collect())
    }
}

fn differences(before: &Settings, after: &Settings) -> Vec<(Cell, CqlValue)> {
    let number = |number: u64| CqlValue::BigInt(number.cast_signed());
    let seqs = |of: &Settings, other: &Settings| {
        let gone = of.deleted.iter().filter(|seq| other.deleted.binary_search(seq).is_err());
        gone.map(|seq| number(seq.0)).collect::<Vec<_>>()
    };
    let numbers = [
        (Cell::Changed, before.changed.0, after.changed.0),
        (Cell::Pinned, before.pinned.into(), after.pinned.into()),
        (Cell::MutedUntil, before.muted_until.0, after.muted_until.0),
        (Cell::Archived, before.archived.into(), after.archived.into()),
        (Cell::HiddenBelow, before.hidden_below.0, after.hidden_below.0),
        (Cell::MarkedUnread, before.marked_unread.into(), after.marked_unread.into()),
        (Cell::Cleared, before.cleared.0, after.cleared.0),
    ];
    let differ = numbers.into_iter().filter(|(_, before, after)| before != after);
    let mut found: Vec<_> = differ.map(|(cell, _, after)| (cell, number(after))).collect();
    if before.draft != after.draft {
        found.push((Cell::Draft, CqlValue::Text(after.draft.clone())));
    }
    for (cell, seqs) in [(Cell::Deleted, seqs(after, before)), (Cell::Undeleted, seqs(before, after))] {
        if !seqs.is_empty() {
            found.push((cell, CqlValue::Set(seqs)));
        }
    }
    found
}

/// Reads a row.
pub(super) fn decode(columns: SettingColumns) -> (String, Settings) {
    let (conversation, changed, pinned, muted_until, archived, hidden_below, marked, cleared, draft, deleted) =
        columns;
    let number = |cell: Option<i64>| cell.unwrap_or(0).cast_unsigned();
    let flag = |cell: Option<i64>| cell.is_some_and(|value| value != 0);
    let cleared = Seq(number(cleared));
    let mut deleted: Vec<Seq> =
        deleted.unwrap_or_default().into_iter().map(|seq| Seq(seq.cast_unsigned())).collect();
    deleted.retain(|seq| *seq > cleared);
    deleted.sort_unstable();
    let settings = Settings {
        pinned: flag(pinned),
        muted_until: Timestamp(number(muted_until)),
        archived: flag(archived),
        hidden_below: Seq(number(hidden_below)),
        draft: draft.unwrap_or_default(),
        marked_unread: flag(marked),
        cleared,
        deleted,
        changed: Timestamp(number(changed)),
    };
    (conversation, settings)
}
