//! Who confirmed messages that are to be confirmed: a row for each message and epoch of an owner.
//!
//! Rows of one message add up ([`People`]): an owner writes only rows of its own epoch, so none takes away what another wrote,
//! however late it arrives.

use std::ops::ControlFlow;

use bytes::Bytes;
use proto::delivery::Confirming;
use proto::settings::Settings;
use proto::{ConversationId, ConversationKind, Epoch, Seq, Timestamp, UserId};

use super::people::{People, number_in_direct};
use crate::call::{Call, Op};
use crate::engine::key::{KeyParts, Kind};
use crate::engine::view::{Direction, after_prefix};
use crate::engine::{Key, Reader, Table, Writer};
use crate::store::Engine;
use crate::{Store, StoreError};

/// What one owner knows of who confirmed a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmationRow {
    /// Of which log.
    pub conversation: ConversationId,
    /// Which message.
    pub seq: Seq,
    /// Of the owner that writes it.
    pub epoch: Epoch,
    /// Who has.
    pub value: Bytes,
}

impl Store {
    /// Writes rows, each in the place of an earlier one of its epoch. One owner writes those of a message one after the other.
    pub async fn write_confirmations(&self, rows: Vec<ConfirmationRow>) -> Result<(), StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.write_confirmations(rows).await,
            Engine::Tables(tables) => tables,
        };
        tables
            .write(Call::new(Op::WriteConfirmations), move |tx| {
                for row in rows {
                    let key = confirmation_key(&row.conversation, row.seq).u64(row.epoch.0);
                    tx.put(Table::State, key, row.value);
                }
                Ok(())
            })
            .await
    }

    /// The rows of a message, of all epochs.
    pub async fn confirmations(
        &self,
        conversation: &ConversationId,
        seq: Seq,
    ) -> Result<Vec<ConfirmationRow>, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.confirmations(conversation, seq).await,
            Engine::Tables(tables) => tables,
        };
        let begin = confirmation_key(conversation, seq);
        tables
            .read(Call::on(Op::Confirmations, conversation), move |view| {
                let mut rows = Vec::new();
                view.scan(
                    Table::State,
                    &begin,
                    &after_prefix(&begin),
                    Direction::Forward,
                    &mut |key, value| {
                        rows.push(decode(key, value.clone())?);
                        Ok(ControlFlow::Continue(()))
                    },
                )?;
                Ok(rows)
            })
            .await
    }
}

impl Store {
    /// Of the messages of a conversation that wait to be confirmed, those that wait for the user. Where none wait nothing is read.
    /// `own` is what the user keeps for themselves there.
    pub async fn waiting_for(
        &self,
        user: &UserId,
        id: &ConversationId,
        mut wait: Vec<Confirming>,
        own: &Settings,
        now: Timestamp,
    ) -> Result<Vec<Seq>, StoreError> {
        wait.retain(|one| one.until > now && one.sender != *user && !own.hides(one.seq));
        if wait.is_empty() {
            return Ok(Vec::new());
        }
        let number = match id.kind() {
            ConversationKind::Group(group) => self.member(&group, user).await?.map(|member| member.number),
            _ => number_in_direct(id, user),
        };
        let Some(number) = number else { return Ok(Vec::new()) };
        let mut seqs = Vec::new();
        wait.retain(|one| one.asks(user, number));
        for message in wait {
            let confirmed = People::of_rows(&self.confirmations(id, message.seq).await?)?;
            if !confirmed.has(user, number) {
                seqs.push(message.seq);
            }
        }
        Ok(seqs)
    }
}

/// Reads a row.
pub(crate) fn decode(key: &[u8], value: Bytes) -> Result<ConfirmationRow, StoreError> {
    let corrupt = || StoreError::corrupt("confirmation");
    let mut parts = KeyParts::after(key, 1);
    let conversation = parts.text().and_then(|text| ConversationId::parse(text).ok()).ok_or_else(corrupt)?;
    let seq = parts.u64().map(Seq).ok_or_else(corrupt)?;
    let epoch = parts.u64().map(Epoch).ok_or_else(corrupt)?;
    Ok(ConfirmationRow { conversation, seq, epoch, value })
}

/// Where the rows of a message begin.
pub(crate) fn confirmation_key(conversation: &ConversationId, seq: Seq) -> Key {
    Key::of(Kind::Confirmation).text(conversation.as_str()).u64(seq.0)
}

/// Writes a list.
pub(crate) fn encode_confirming(list: &[Confirming], to: &mut Writer) {
    to.number(list.len() as u64);
    for one in list {
        to.number(one.seq.0).text(one.sender.as_str()).number(one.until.0).number(one.numbers.into());
    }
}

/// Reads what [`encode_confirming`] wrote, or nothing.
pub(crate) fn decode_confirming(value: &mut Reader) -> Result<Vec<Confirming>, StoreError> {
    if value.is_at_end() {
        return Ok(Vec::new());
    }
    let count: usize = value.small()?;
    let mut list = Vec::new();
    for _ in 0..count {
        list.push(Confirming {
            seq: Seq(value.number()?),
            sender: value.id(UserId::parse)?,
            until: Timestamp(value.number()?),
            numbers: value.small()?,
        });
    }
    Ok(list)
}
