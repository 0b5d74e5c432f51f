//! Reading whole tables, for the comparison after a copy.

use std::ops::ControlFlow;

use proto::{ClientMessageId, ConversationId, Epoch, GroupId, LoginId, Partition, Seq, Timestamp, UserId};
use scylla::deserialize::row::DeserializeRow;
use scylla::statement::prepared::PreparedStatement;
use uuid::Uuid;

use super::copy::CopyTarget;
use super::error::CqlError;
use super::session::Preparer;
use super::{
    accounts, confirmations, cursors, groups, heads, leases, log, logins, members, overlays, settings,
};
use crate::copy::row::Row;
use crate::directory::decode_relation;
use crate::engine::Reader;
use crate::{Bucket, InboxRow, IncarnationId, MentionRow, Ownership, Register, StoreError};

/// Rows in one answer.
const PAGE_ROWS: i32 = 1_000;

/// The tables, and what of them is read: first the key.
const TABLES: [(&str, &str); 22] = [
    ("log", "conversation, bucket, kind, k1, k2, epoch, value"),
    ("bucket_index", "conversation, bucket, first_seq"),
    (
        "conversation_register",
        "conversation, version, epoch, start_seq, bucket, bucket_first, append_window, counted",
    ),
    ("partition_owner", "partition, owner, epoch"),
    ("touched", "partition, conversation, upto"),
    ("group_member", "group_id, user_id, role, joined_at, floor_seq, detail"),
    ("user_group", "user_id, group_id"),
    ("group_info", "group_id, name, owner, created, dismissed, members, watermark, settings"),
    ("read_cursor", "user_id, conversation, read_seq, read_counted, delivered_seq"),
    ("inbox", "user_id, conversation, changed, has_left"),
    ("head", "conversation, seq, counted, value, confirming"),
    ("overlay", "conversation, seq, watermark, value"),
    ("confirmation", "conversation, seq, epoch, value"),
    ("relation", "user_id, peer, value"),
    ("mention", "conversation, user_id, seq"),
    (
        "user_setting",
        "user_id, conversation, changed, pinned, muted_until, archived, hidden_below, marked_unread, \
         cleared, draft, deleted",
    ),
    ("account", "user_id, username, nickname, email, password_hash, active, created, made, details"),
    ("username", "username, user_id"),
    ("nickname_search", "beginning, nickname, user_id"),
    ("login", "login, user_id, device, address, refresh_hash, created, last_used, expires"),
    ("user_login", "user_id, login"),
    ("worker_lease", "worker, holder, until"),
];

/// A statement for each table, and one that finds out whether it has rows.
pub(super) struct Scans {
    all: Vec<PreparedStatement>,
    any: Vec<PreparedStatement>,
}

impl Scans {
    pub(super) async fn prepare(preparer: &Preparer<'_>) -> Result<Self, CqlError> {
        let (mut all, mut any) = (Vec::new(), Vec::new());
        for (table, columns) in TABLES {
            all.push(preparer.paged_read(&format!("SELECT {columns} FROM {table}"), PAGE_ROWS).await?);
            let key = columns.split(',').next().unwrap_or(columns);
            any.push(preparer.read(&format!("SELECT {key} FROM {table} LIMIT 1")).await?);
        }
        Ok(Self { all, any })
    }
}

type OnRow<'a> = &'a mut dyn FnMut(Row) -> Result<(), StoreError>;

impl CopyTarget {
    /// A table that is not empty.
    pub(crate) async fn table_with_rows(&self) -> Result<Option<&'static str>, StoreError> {
        for (statement, (table, _)) in self.scans.any.iter().zip(TABLES) {
            // What the key is does not matter.
            if self.cql.first::<scylla::value::Row>(statement, ()).await?.is_some() {
                return Ok(Some(table));
            }
        }
        Ok(None)
    }

    /// Gives every row of every table, until `on_row` fails.
    pub(crate) async fn each_row(
        &self,
        mut on_row: impl FnMut(Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let on_row: OnRow<'_> = &mut on_row;
        self.table("log", on_row, log_row).await?;
        self.table("bucket_index", on_row, index_row).await?;
        self.table("conversation_register", on_row, register_row).await?;
        self.table("partition_owner", on_row, owner_row).await?;
        self.table("touched", on_row, touched_row).await?;
        self.table("group_member", on_row, member_row).await?;
        self.table("user_group", on_row, group_of_user_row).await?;
        self.table("group_info", on_row, group_row).await?;
        self.table("read_cursor", on_row, cursor_row).await?;
        self.table("inbox", on_row, inbox_row).await?;
        self.table("head", on_row, head_row).await?;
        self.table("overlay", on_row, overlay_row).await?;
        self.table("confirmation", on_row, confirmation_row).await?;
        self.table("relation", on_row, relation_row).await?;
        self.table("mention", on_row, mention_row).await?;
        self.table("user_setting", on_row, setting_row).await?;
        self.table("account", on_row, account_row).await?;
        self.table("username", on_row, username_row).await?;
        self.table("nickname_search", on_row, nickname_row).await?;
        self.table("login", on_row, login_row).await?;
        self.table("user_login", on_row, login_of_user_row).await?;
        self.table("worker_lease", on_row, lease_row).await
    }

    async fn table<R: for<'r> DeserializeRow<'r, 'r>>(
        &self,
        name: &str,
        on_row: OnRow<'_>,
        decode: impl Fn(R) -> Result<Row, StoreError>,
    ) -> Result<(), StoreError> {
        let at = TABLES.iter().position(|(table, _)| *table == name);
        let statement = at.and_then(|at| self.scans.all.get(at)).ok_or_else(|| StoreError::corrupt(name))?;
        self.cql
            .each::<R>(statement, (), |columns| {
                on_row(decode(columns)?)?;
                Ok(ControlFlow::Continue(()))
            })
            .await
    }
}

fn log_row(
    (id, bucket, kind, k1, k2, epoch, value): (String, i32, i8, i64, i64, i64, Vec<u8>),
) -> Result<Row, StoreError> {
    let (conversation, bucket) = (conversation(&id)?, Bucket(bucket.cast_unsigned()));
    if kind == log::ENTRY {
        let row = log::decode((k1, epoch, value))?;
        return Ok(Row::Entry { conversation, bucket, epoch: row.epoch, entry: row.entry });
    }
    let mut id = [0; 16];
    id[..8].copy_from_slice(&k1.to_be_bytes());
    id[8..].copy_from_slice(&k2.to_be_bytes());
    let seq = Seq(Reader::new("dedupe", value.into()).number()?);
    Ok(Row::Dedupe {
        conversation,
        bucket,
        id: ClientMessageId(id),
        epoch: Epoch(epoch.cast_unsigned()),
        seq,
    })
}

fn index_row((id, bucket, first): (String, i32, i64)) -> Result<Row, StoreError> {
    let (bucket, first) = (Bucket(bucket.cast_unsigned()), Seq(first.cast_unsigned()));
    Ok(Row::Index { conversation: conversation(&id)?, bucket, first })
}

type RegisterColumns = (String, i64, i64, i64, i32, i64, i32, i64);

fn register_row(columns: RegisterColumns) -> Result<Row, StoreError> {
    let (id, version, epoch, start, bucket, bucket_first, window, counted) = columns;
    let register = Register {
        version: version.cast_unsigned(),
        epoch: Epoch(epoch.cast_unsigned()),
        start: Seq(start.cast_unsigned()),
        bucket: Bucket(bucket.cast_unsigned()),
        bucket_first: Seq(bucket_first.cast_unsigned()),
        window: u16::try_from(window).map_err(|_| StoreError::corrupt("register"))?,
        counted: counted.cast_unsigned(),
    };
    Ok(Row::Register { conversation: conversation(&id)?, register })
}

fn owner_row((number, owner, epoch): (i32, Option<Uuid>, i64)) -> Result<Row, StoreError> {
    let owner = owner.map(|owner| IncarnationId(owner.as_u128()));
    let ownership = Ownership { owner, epoch: Epoch(epoch.cast_unsigned()) };
    Ok(Row::Owner { partition: partition(number)?, ownership })
}

fn touched_row((number, id, upto): (i32, String, i64)) -> Result<Row, StoreError> {
    let (partition, conversation) = (partition(number)?, conversation(&id)?);
    Ok(Row::Touched { partition, conversation, upto: Seq(upto.cast_unsigned()) })
}

type ScannedMember = (String, String, i8, i64, i64, Option<Vec<u8>>);

fn member_row((id, user, role, joined_at, floor, detail): ScannedMember) -> Result<Row, StoreError> {
    let member = members::decode((user, role, joined_at, floor, detail))?;
    Ok(Row::Member { group: group(&id)?, member, watermark: Seq::ZERO })
}

fn group_of_user_row((id, in_group): (String, String)) -> Result<Row, StoreError> {
    Ok(Row::GroupOfUser { user: user(&id)?, group: group(&in_group)? })
}

type GroupColumns = (String, String, String, i64, bool, i32, i64, Option<Vec<u8>>);

fn group_row(
    (id, name, owner, created, dismissed, members, watermark, settings): GroupColumns,
) -> Result<Row, StoreError> {
    let columns = groups::Columns { name, owner, created, dismissed, members, watermark, settings };
    groups::decode(&group(&id)?, columns).map(Row::Group)
}

type CursorColumns = (String, String, Option<i64>, Option<i64>, Option<i64>);

fn cursor_row((id, of, read, read_counted, delivered): CursorColumns) -> Result<Row, StoreError> {
    let (of, cursor) = cursors::decode((of, read, read_counted, delivered));
    Ok(Row::Cursor { user: user(&id)?, conversation: conversation(&of)?, cursor })
}

fn inbox_row((id, of, changed, left): (String, String, i64, bool)) -> Result<Row, StoreError> {
    let time = Timestamp(changed.cast_unsigned());
    Ok(Row::Inbox(InboxRow { user: user(&id)?, conversation: conversation(&of)?, time, left }))
}

type HeadColumns = (String, i64, i64, Vec<u8>, Option<Vec<u8>>);

fn head_row((id, seq, counted, value, confirming): HeadColumns) -> Result<Row, StoreError> {
    heads::decode(&conversation(&id)?, (seq, counted, value, confirming)).map(Row::Head)
}

fn mention_row((id, whom, seq): (String, String, i64)) -> Result<Row, StoreError> {
    MentionRow::of(conversation(&id)?, &whom, Seq(seq.cast_unsigned())).map(Row::Mention)
}

type SettingRow = (
    String,
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

fn setting_row(
    (id, of, changed, pinned, muted, archived, hidden, marked, cleared, draft, deleted): SettingRow,
) -> Result<Row, StoreError> {
    let cells = (of, changed, pinned, muted, archived, hidden, marked, cleared, draft, deleted);
    let (of, settings) = settings::decode(cells);
    Ok(Row::Settings { user: user(&id)?, conversation: conversation(&of)?, settings: Box::new(settings) })
}

fn overlay_row((id, seq, watermark, value): (String, i64, i64, Vec<u8>)) -> Result<Row, StoreError> {
    Ok(Row::Overlay(overlays::decode(&conversation(&id)?, (seq, watermark, value))))
}

fn confirmation_row((id, seq, epoch, value): (String, i64, i64, Vec<u8>)) -> Result<Row, StoreError> {
    Ok(Row::Confirmation(confirmations::decode(&conversation(&id)?, (seq, epoch, value))))
}

fn relation_row((id, peer, value): (String, String, Vec<u8>)) -> Result<Row, StoreError> {
    decode_relation(&user(&id)?, &user(&peer)?, value.into()).map(Row::Relation)
}

type AccountColumns =
    (String, String, String, Option<String>, String, bool, i64, Option<bool>, Option<Vec<u8>>);

fn account_row(columns: AccountColumns) -> Result<Row, StoreError> {
    let (id, username, nickname, email, password_hash, active, created, made, details) = columns;
    let columns = accounts::Columns {
        username,
        nickname,
        email,
        password_hash,
        active,
        created,
        made,
        details,
        written: None,
    };
    accounts::decode(&user(&id)?, columns).map(|entered| Row::Account(entered.account))
}

fn nickname_row((_, folded, id): (String, String, String)) -> Result<Row, StoreError> {
    Ok(Row::Nickname { folded, user: user(&id)? })
}

fn username_row((username, id): (String, String)) -> Result<Row, StoreError> {
    Ok(Row::Username { username, user: user(&id)? })
}

type LoginColumns = (String, String, String, String, Vec<u8>, i64, i64, i64);

fn login_row(columns: LoginColumns) -> Result<Row, StoreError> {
    let (id, user_id, device, address, refresh_hash, created, last_used, expires) = columns;
    let columns = logins::Columns { user_id, device, address, refresh_hash, created, last_used, expires };
    logins::decode(&login(&id)?, columns).map(Row::Login)
}

fn login_of_user_row((id, of): (String, String)) -> Result<Row, StoreError> {
    Ok(Row::LoginOfUser { user: user(&id)?, login: login(&of)? })
}

fn lease_row((worker, holder, until): (i32, Uuid, i64)) -> Result<Row, StoreError> {
    leases::decode(worker, holder, until).map(|(worker, lease)| Row::Lease { worker, lease })
}

fn conversation(id: &str) -> Result<ConversationId, StoreError> {
    ConversationId::parse(id).map_err(|_| StoreError::corrupt("conversation"))
}

fn user(id: &str) -> Result<UserId, StoreError> {
    UserId::parse(id).map_err(|_| StoreError::corrupt("user"))
}

fn group(id: &str) -> Result<GroupId, StoreError> {
    GroupId::parse(id).map_err(|_| StoreError::corrupt("group"))
}

fn login(id: &str) -> Result<LoginId, StoreError> {
    LoginId::parse(id).map_err(|_| StoreError::corrupt("login"))
}

fn partition(number: i32) -> Result<Partition, StoreError> {
    let partition = u16::try_from(number).ok().and_then(Partition::new);
    partition.ok_or_else(|| StoreError::corrupt("partition"))
}
