//! Rows of the embedded engine, out of their bytes. `engine/key.rs` and `log/entry_row.rs` say how keys are made.

use bytes::Bytes;
use proto::{ClientMessageId, ConversationId, Epoch, GroupId, LoginId, Partition, Seq, Timestamp, UserId};

use super::row::Row;
use crate::directory::{
    decode_confirmation, decode_cursor, decode_group, decode_head, decode_mark, decode_member,
    decode_mention, decode_overlay, decode_relation, decode_setting, group_key,
};
use crate::engine::key::{KeyParts, Kind};
use crate::engine::{Reader, Table, View};
use crate::identity::{decode_account, decode_lease, decode_login, decode_nickname};
use crate::log::{DEDUPE, ENTRY, decode_register, decode_row, last_seq, read_owner};
use crate::{Bucket, InboxRow, StoreError};

/// The hash before a key of the log.
const HASH_BYTES: usize = 4;

/// Reads a row of the log.
pub(super) fn log_row(key: &[u8], value: &Bytes) -> Result<Row, StoreError> {
    let corrupt = || StoreError::corrupt("log key");
    let mut parts = KeyParts::after(key, HASH_BYTES);
    let conversation = conversation(&mut parts, "log key")?;
    let bucket = parts.u32().map(Bucket).ok_or_else(corrupt)?;
    let kind_at = HASH_BYTES + conversation.as_str().len() + 1 + 4;
    match key.get(kind_at) {
        Some(&ENTRY) => {
            let row = decode_row(key, kind_at + 1, value)?;
            Ok(Row::Entry { conversation, bucket, epoch: row.epoch, entry: row.entry })
        }
        Some(&DEDUPE) => {
            let (id, rest) = key[kind_at + 1..].split_first_chunk::<16>().ok_or_else(corrupt)?;
            let epoch = KeyParts::after(rest, 0).u64().map(Epoch).ok_or_else(corrupt)?;
            let seq = Seq(Reader::new("dedupe", value.clone()).number()?);
            Ok(Row::Dedupe { conversation, bucket, id: ClientMessageId(*id), epoch, seq })
        }
        _ => Err(corrupt()),
    }
}

/// Reads a row of the state table. `view` has the rows that it needs to be understood.
pub(super) fn state_row(view: &dyn View, kind: Kind, key: &[u8], value: Bytes) -> Result<Row, StoreError> {
    let parts = &mut KeyParts::after(key, 1);
    match kind {
        Kind::Index => {
            let conversation = conversation(parts, "index")?;
            let bucket =
                parts.u32().map(|inverted| Bucket(!inverted)).ok_or_else(|| StoreError::corrupt("index"))?;
            Ok(Row::Index { conversation, bucket, first: Seq(Reader::new("index", value).number()?) })
        }
        Kind::Register => Ok(Row::Register {
            conversation: conversation(parts, "register")?,
            register: decode_register(value)?,
        }),
        Kind::Owner => Ok(Row::Owner { partition: partition(parts)?, ownership: read_owner(Some(value))? }),
        Kind::Touched => {
            let partition = partition(parts)?;
            let conversation = conversation(parts, "touched")?;
            // An engine need not have written every step of a mark.
            let upto = decode_mark(value)?.max(last_seq(view, &conversation)?);
            Ok(Row::Touched { partition, conversation, upto })
        }
        Kind::Member => {
            let group = id(parts, GroupId::parse, "member")?;
            let member = decode_member(id(parts, UserId::parse, "member")?, value)?;
            let info =
                view.get(Table::State, &group_key(&group))?.ok_or_else(|| StoreError::corrupt("member"))?;
            let watermark = decode_group(&group, info)?.watermark;
            Ok(Row::Member { group, member, watermark })
        }
        Kind::Group => decode_group(&id(parts, GroupId::parse, "group")?, value).map(Row::Group),
        Kind::GroupOfUser => {
            let user = id(parts, UserId::parse, "group of user")?;
            Ok(Row::GroupOfUser { user, group: id(parts, GroupId::parse, "group of user")? })
        }
        Kind::Cursor => {
            let user = id(parts, UserId::parse, "cursor")?;
            Ok(Row::Cursor {
                user,
                conversation: conversation(parts, "cursor")?,
                cursor: decode_cursor(value)?,
            })
        }
        Kind::Head => decode_head(&conversation(parts, "head")?, value).map(Row::Head),
        Kind::Overlay => decode_overlay(key, value).map(Row::Overlay),
        Kind::Confirmation => decode_confirmation(key, value).map(Row::Confirmation),
        Kind::Mention => decode_mention(key).map(Row::Mention),
        Kind::Setting => Ok(Row::Settings {
            user: id(parts, UserId::parse, "settings")?,
            conversation: conversation(parts, "settings")?,
            settings: Box::new(decode_setting(value)?),
        }),
        Kind::InboxOrder => {
            let corrupt = || StoreError::corrupt("inbox order");
            let user = id(parts, UserId::parse, "inbox order")?;
            let time = parts.u64().map(|inverted| Timestamp(!inverted)).ok_or_else(corrupt)?;
            let conversation = conversation(parts, "inbox order")?;
            let left = Reader::new("inbox order", value).flag()?;
            Ok(Row::Inbox(InboxRow { user, conversation, time, left }))
        }
        Kind::Relation => {
            let user = id(parts, UserId::parse, "relation")?;
            decode_relation(&user, &id(parts, UserId::parse, "relation")?, value).map(Row::Relation)
        }
        kind => identity_row(kind, key, parts, value),
    }
}

fn identity_row(kind: Kind, key: &[u8], parts: &mut KeyParts<'_>, value: Bytes) -> Result<Row, StoreError> {
    match kind {
        Kind::Account => decode_account(&id(parts, UserId::parse, "account")?, value).map(Row::Account),
        Kind::Username => {
            let corrupt = |_| StoreError::corrupt("username");
            let username = std::str::from_utf8(&key[1..]).map_err(corrupt)?.to_owned();
            Ok(Row::Username { username, user: Reader::new("username", value).id(UserId::parse)? })
        }
        Kind::Nickname => decode_nickname(key, value).map(|(folded, user)| Row::Nickname { folded, user }),
        Kind::Login => decode_login(&id(parts, LoginId::parse, "login")?, value).map(Row::Login),
        Kind::LoginOfUser => {
            let user = id(parts, UserId::parse, "login of user")?;
            Ok(Row::LoginOfUser { user, login: id(parts, LoginId::parse, "login of user")? })
        }
        Kind::Worker => {
            let worker = key.get(1..).and_then(|number| number.try_into().ok()).map(u16::from_be_bytes);
            let worker = worker.ok_or_else(|| StoreError::corrupt("worker"))?;
            Ok(Row::Lease { worker, lease: decode_lease(value)? })
        }
        _ => Err(StoreError::corrupt("unknown")),
    }
}

fn conversation(parts: &mut KeyParts<'_>, what: &str) -> Result<ConversationId, StoreError> {
    id(parts, ConversationId::parse, what)
}

fn id<T, E>(
    parts: &mut KeyParts<'_>,
    parse: impl FnOnce(&str) -> Result<T, E>,
    what: &str,
) -> Result<T, StoreError> {
    parts.text().and_then(|text| parse(text).ok()).ok_or_else(|| StoreError::corrupt(what))
}

fn partition(parts: &mut KeyParts<'_>) -> Result<Partition, StoreError> {
    let number = parts.u32().and_then(|number| u16::try_from(number).ok()).and_then(Partition::new);
    number.ok_or_else(|| StoreError::corrupt("partition"))
}
