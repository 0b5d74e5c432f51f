//! What users keep for themselves in conversations: one row for each user and conversation.

use std::ops::ControlFlow;

use bytes::Bytes;
use proto::settings::Settings;
use proto::{ConversationId, Seq, Timestamp, UserId};

use crate::call::{Call, Op};
use crate::engine::key::{KeyParts, Kind};
use crate::engine::view::{Direction, after_prefix};
use crate::engine::{Key, Reader, Table, Tx, View, Writer};
use crate::store::Engine;
use crate::{Store, StoreError};

/// What changes of a row; the rest stays.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SettingsEdit {
    /// See [`Settings`].
    pub pinned: Option<bool>,
    /// See [`Settings`].
    pub muted_until: Option<Timestamp>,
    /// See [`Settings`].
    pub archived: Option<bool>,
    /// See [`Settings`].
    pub hidden_below: Option<Seq>,
    /// See [`Settings`].
    pub draft: Option<String>,
    /// See [`Settings`].
    pub marked_unread: Option<bool>,
    /// Only ever grows.
    pub cleared: Option<Seq>,
    /// Are added.
    pub deleted: Vec<Seq>,
    /// `changed` rises though nothing else changes: something that the row does not have is to be listed again.
    pub touched: bool,
}

impl SettingsEdit {
    /// Changes nothing but the time.
    pub fn touch() -> Self {
        Self { touched: true, ..Self::default() }
    }

    /// What a row becomes. Its `changed` rises unless nothing changes.
    pub(crate) fn apply(&self, before: &Settings, now: Timestamp) -> Settings {
        let mut after = before.clone();
        after.pinned = self.pinned.unwrap_or(after.pinned);
        after.muted_until = self.muted_until.unwrap_or(after.muted_until);
        after.archived = self.archived.unwrap_or(after.archived);
        after.hidden_below = self.hidden_below.unwrap_or(after.hidden_below);
        after.marked_unread = self.marked_unread.unwrap_or(after.marked_unread);
        if let Some(draft) = &self.draft {
            after.draft.clone_from(draft);
        }
        after.cleared = after.cleared.max(self.cleared.unwrap_or_default());
        after.deleted.extend(&self.deleted);
        after.deleted.retain(|seq| *seq > after.cleared);
        after.deleted.sort_unstable();
        after.deleted.dedup();
        if self.touched || after != *before {
            after.changed = now.max(before.changed.plus_ms(1));
        }
        after
    }
}

impl Store {
    /// Changes a row and gives what it is now. Its `changed` is `now`, or more, so that it rises with each change. Changes of
    /// one row must come one after the other: on a cluster, of two at the same time, one may not see the other in its answer;
    /// both are kept, and of one setting the later counts.
    pub async fn edit_settings(
        &self,
        user: &UserId,
        conversation: &ConversationId,
        edit: SettingsEdit,
        now: Timestamp,
    ) -> Result<Settings, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.edit_settings(user, conversation, edit, now).await,
            Engine::Tables(tables) => tables,
        };
        let (user, wanted) = (user.clone(), conversation.clone());
        let write = move |tx: &mut Tx<'_>| put_settings(tx, &user, &wanted, &edit, now);
        tables.write(Call::on(Op::EditSettings, conversation), write).await
    }

    /// What a user keeps in each of several conversations, in their order; nothing set where there is no row.
    pub async fn settings(
        &self,
        user: &UserId,
        conversations: &[ConversationId],
    ) -> Result<Vec<Settings>, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.settings(user, conversations).await,
            Engine::Tables(tables) => tables,
        };
        let keys: Vec<Key> = conversations.iter().map(|id| settings_key(user, id)).collect();
        let read = move |view: &dyn View| {
            let read = |key: &Key| view.get(Table::State, key)?.map(decode).transpose();
            keys.iter().map(|key| Ok(read(key)?.unwrap_or_default())).collect()
        };
        tables.read(Call::new(Op::Settings), read).await
    }

    /// The conversations in which a user changed something at or after `since`, newest first, of equal times in order of
    /// their ids; after `before` (the last of the page before) if given.
    pub async fn changed_settings(
        &self,
        user: &UserId,
        since: Timestamp,
        limit: usize,
        before: Option<(Timestamp, ConversationId)>,
    ) -> Result<Vec<(Timestamp, ConversationId)>, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.changed_settings(user, since, limit, before).await,
            Engine::Tables(tables) => tables,
        };
        let user = user.clone();
        let read = move |view: &dyn View| read_changed(view, &user, since, limit, before);
        tables.read(Call::new(Op::ChangedSettings), read).await
    }
}

fn put_settings(
    tx: &mut Tx<'_>,
    user: &UserId,
    conversation: &ConversationId,
    edit: &SettingsEdit,
    now: Timestamp,
) -> Result<Settings, StoreError> {
    let key = settings_key(user, conversation);
    let before = tx.get(Table::State, &key)?.map(decode).transpose()?.unwrap_or_default();
    let after = edit.apply(&before, now);
    if after != before {
        tx.delete(Table::State, order_key(user, before.changed, conversation));
        tx.put(Table::State, order_key(user, after.changed, conversation), Bytes::new());
        let mut value = Writer::default();
        encode_setting(&after, &mut value);
        tx.put(Table::State, key, value.finish());
    }
    Ok(after)
}

fn read_changed(
    view: &dyn View,
    user: &UserId,
    since: Timestamp,
    limit: usize,
    before: Option<(Timestamp, ConversationId)>,
) -> Result<Vec<(Timestamp, ConversationId)>, StoreError> {
    let prefix = order_prefix(user);
    let from = match before {
        Some((time, conversation)) => after_prefix(&order_key(user, time, &conversation)),
        None => prefix.to_vec(),
    };
    let mut found = Vec::new();
    view.scan(Table::State, &from, &after_prefix(&prefix), Direction::Forward, &mut |key, _| {
        let mut parts = KeyParts::after(key, prefix.len());
        let time = parts.u64().map(|time| Timestamp(!time));
        let conversation = parts.text().and_then(|text| ConversationId::parse(text).ok());
        let (Some(time), Some(conversation)) = (time, conversation) else {
            return Err(StoreError::corrupt("settings order"));
        };
        if found.len() == limit || time < since {
            return Ok(ControlFlow::Break(()));
        }
        found.push((time, conversation));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// Everything, as engines must agree on it.
pub(crate) fn encode_setting(settings: &Settings, to: &mut Writer) {
    to.number(settings.changed.0).flag(settings.pinned).flag(settings.archived).flag(settings.marked_unread);
    to.number(settings.muted_until.0).number(settings.hidden_below.0).number(settings.cleared.0);
    to.text(&settings.draft).number(settings.deleted.len() as u64);
    for seq in &settings.deleted {
        to.number(seq.0);
    }
}

/// Reads the value of a row.
pub(crate) fn decode(value: Bytes) -> Result<Settings, StoreError> {
    let mut value = Reader::new("settings", value);
    let changed = Timestamp(value.number()?);
    let (pinned, archived, marked_unread) = (value.flag()?, value.flag()?, value.flag()?);
    let (muted_until, hidden_below) = (Timestamp(value.number()?), Seq(value.number()?));
    let (cleared, draft) = (Seq(value.number()?), value.text()?);
    let deleted = (0..value.number()?).map(|_| value.number().map(Seq)).collect::<Result<_, _>>()?;
    Ok(Settings {
        pinned,
        muted_until,
        archived,
        hidden_below,
        draft,
        marked_unread,
        cleared,
        deleted,
        changed,
    })
}

fn settings_key(user: &UserId, conversation: &ConversationId) -> Key {
    Key::of(Kind::Setting).text(user.as_str()).text(conversation.as_str())
}

fn order_prefix(user: &UserId) -> Key {
    Key::of(Kind::SettingOrder).text(user.as_str())
}

fn order_key(user: &UserId, time: Timestamp, conversation: &ConversationId) -> Key {
    order_prefix(user).newest_first(time.0).text(conversation.as_str())
}
