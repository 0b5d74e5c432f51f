//! The cluster as the target of a copy (see [`crate::copy`]): its mark, and rows written as they were.
//!
//! Rows that conditional writes change are also written conditionally here: `IF NOT EXISTS`. That a row was there before
//! says nothing of what is in it; the comparison at the end does.

use std::sync::Arc;

use bytes::Bytes;
use proto::settings::Settings;
use proto::{Entry, limits};
use scylla::statement::prepared::PreparedStatement;
use uuid::Uuid;

use super::Cql;
use super::accounts;
use super::error::CqlError;
use super::nickname_search::Version;
use super::scan::Scans;
use super::session::Preparer;
use super::several;
use crate::copy::row::Row;
use crate::engine::{Reader, Writer};
use crate::{Account, AccountStatus, Batch, Member, StoreError};

/// The only row of the mark's table.
const NAME: &str = "copy";

/// How far a copy is.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct CopyMark {
    /// Grows with each mark.
    pub(crate) step: u64,
    /// The part that is being written.
    pub(crate) part: u8,
    /// The source's key of its last row that was written; `None` at its beginning.
    pub(crate) after: Option<Vec<u8>>,
    /// Rows written so far.
    pub(crate) rows: u64,
    /// Everything was written and compared.
    pub(crate) complete: bool,
}

/// The target of a copy.
pub(crate) struct CopyTarget {
    pub(super) cql: Arc<Cql>,
    pub(super) scans: Scans,
    begin: PreparedStatement,
    source: PreparedStatement,
    mark: PreparedStatement,
    set_mark: PreparedStatement,
    owner: PreparedStatement,
    register: PreparedStatement,
    account: PreparedStatement,
    username: PreparedStatement,
}

impl CopyTarget {
    /// Prepares what only a copy needs.
    pub(crate) async fn prepare(cql: &Arc<Cql>) -> Result<Self, CqlError> {
        const REGISTER: &str = "INSERT INTO conversation_register \
            (conversation, version, epoch, start_seq, bucket, bucket_first, append_window, counted) \
            VALUES (?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS";
        const ACCOUNT: &str = "INSERT INTO account \
            (user_id, username, nickname, email, password_hash, active, created, details, made) \
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, true) IF NOT EXISTS";
        let preparer = Preparer::new(&cql.session, &cql.keyspace, cql.levels);
        Ok(Self {
            cql: Arc::clone(cql),
            scans: Scans::prepare(&preparer).await?,
            begin: preparer
                .conditional("INSERT INTO copy_mark (name, source) VALUES (?, ?) IF NOT EXISTS")
                .await?,
            source: preparer.serial_read("SELECT source FROM copy_mark WHERE name = ?").await?,
            mark: preparer.read(READ_MARK).await?,
            set_mark: preparer
                .write("UPDATE copy_mark USING TIMESTAMP ? SET progress = ? WHERE name = ?")
                .await?,
            owner: preparer
                .conditional("INSERT INTO partition_owner (partition, epoch) VALUES (?, ?) IF NOT EXISTS")
                .await?,
            register: preparer.conditional(REGISTER).await?,
            account: preparer.conditional(ACCOUNT).await?,
            username: preparer
                .conditional("INSERT INTO username (username, user_id) VALUES (?, ?) IF NOT EXISTS")
                .await?,
        })
    }

    /// The directory whose copy this keyspace is, or becomes; `None` if it is not one.
    pub(crate) async fn source(&self) -> Result<Option<Uuid>, StoreError> {
        Ok(self.cql.first::<(Uuid,)>(&self.source, (NAME,)).await?.map(|(source,)| source))
    }

    /// Makes this keyspace the copy of a directory, and says of which it is one.
    pub(crate) async fn begin(&self, source: Uuid) -> Result<Uuid, StoreError> {
        let _ = self.cql.decide(&self.begin, (NAME, source)).await?;
        self.source().await?.ok_or_else(|| StoreError::corrupt("mark of a copy"))
    }

    /// How far it is; `None` before the first mark.
    pub(crate) async fn mark(&self) -> Result<Option<CopyMark>, StoreError> {
        let row = self.cql.first::<(Option<Vec<u8>>,)>(&self.mark, (NAME,)).await?;
        row.and_then(|(progress,)| progress).map(decode_mark).transpose()
    }

    /// Sets the mark, once everything before it was written.
    pub(crate) async fn set_mark(&self, mark: &CopyMark) -> Result<(), StoreError> {
        self.cql.execute(&self.set_mark, (mark.step.cast_signed(), encode_mark(mark), NAME)).await
    }

    /// Writes rows. May be repeated.
    pub(crate) async fn put(&self, rows: &[Row]) -> Result<(), StoreError> {
        let batches = batches(rows);
        several::writes(batches.iter().map(|batch| self.cql.append_rows(batch)).collect()).await?;
        let groups = rows.chunk_by(same_group).map(|rows| Box::pin(self.put_members_of(rows)));
        several::writes(groups.collect()).await?;
        several::writes(rows.iter().map(|row| Box::pin(self.put_row(row))).collect()).await
    }

    /// Writes the members of one group, if rows are that.
    async fn put_members_of(&self, rows: &[Row]) -> Result<(), StoreError> {
        let joined: Vec<Member> = rows.iter().filter_map(member).collect();
        match rows.first() {
            Some(Row::Member { group, watermark, .. }) => {
                self.cql.write_members(group, *watermark, &joined, &[]).await
            }
            _ => Ok(()),
        }
    }

    /// Writes a row of those that come one by one.
    async fn put_row(&self, row: &Row) -> Result<(), StoreError> {
        let cql = &self.cql;
        match row {
            Row::Index { conversation, bucket, first } => {
                cql.write_index(conversation, *bucket, *first).await
            }
            Row::Register { conversation, register } => {
                let values = (
                    conversation.as_str(),
                    register.version.cast_signed(),
                    register.epoch.0.cast_signed(),
                    register.start.0.cast_signed(),
                    register.bucket.0.cast_signed(),
                    register.bucket_first.0.cast_signed(),
                    i32::from(register.window),
                    register.counted.cast_signed(),
                );
                cql.decide(&self.register, values).await.map(drop)
            }
            Row::Owner { partition, ownership } => {
                let values = (i32::from(partition.number()), ownership.epoch.0.cast_signed());
                cql.decide(&self.owner, values).await.map(drop)
            }
            Row::Touched { partition, conversation, upto } => {
                cql.mark_touched(*partition, conversation, *upto).await
            }
            Row::Group(info) => cql.write_group(info).await,
            Row::Cursor { user, conversation, cursor } => cql.send_cursor(user, conversation, *cursor).await,
            Row::Inbox(row) => cql.send_inbox_row(row).await,
            Row::Head(head) => cql.send_head(head).await,
            Row::Overlay(row) => cql.send_overlay(row).await,
            Row::Confirmation(row) => cql.send_confirmation(row).await,
            Row::Relation(side) => cql.send_relation(side).await,
            Row::Mention(row) => cql.send_mention(row).await,
            Row::Settings { user, conversation, settings } => {
                cql.send_settings(user, conversation, &Settings::default(), settings).await
            }
            Row::Account(account) => self.put_account(account).await,
            Row::Login(login) => cql.send_login(login).await,
            Row::Lease { worker, lease } => cql.change_lease(*worker, None, *lease).await.map(drop),
            // Written with others: entries and members together, the rest with what it follows from.
            Row::Entry { .. }
            | Row::Dedupe { .. }
            | Row::Member { .. }
            | Row::GroupOfUser { .. }
            | Row::Username { .. }
            | Row::Nickname { .. }
            | Row::LoginOfUser { .. } => Ok(()),
        }
    }

    /// The name first: what is made has its name.
    async fn put_account(&self, account: &Account) -> Result<(), StoreError> {
        let (user, username) = (account.user.as_str(), account.username.as_str());
        let _ = self.cql.decide(&self.username, (username, user)).await?;
        self.cql.make_findable(&account.user, username).await?;
        self.cql.make_nickname_findable(&account.user, &account.nickname, Version::FIRST).await?;
        let details = accounts::written(&account.details);
        let values = (
            user,
            username,
            account.nickname.as_str(),
            account.email.as_deref(),
            account.password_hash.as_str(),
            account.status == AccountStatus::Active,
            account.created.0.cast_signed(),
            details.written(),
        );
        self.cql.decide(&self.account, values).await.map(drop)
    }
}

/// Reads the mark.
const READ_MARK: &str = "SELECT progress FROM copy_mark WHERE name = ?";

impl Cql {
    /// Whether a copy into this keyspace was begun and not completed.
    pub(super) async fn is_half_copied(&self) -> Result<bool, CqlError> {
        let row = self.session.query_unpaged(self.keyspace.statement(READ_MARK), (NAME,)).await;
        let row = row.map_err(|source| CqlError::Statement { statement: READ_MARK.to_owned(), source })?;
        let rows = row.into_rows_result().map_err(|_| CqlError::Answer(READ_MARK))?;
        let row = rows.maybe_first_row::<(Option<Vec<u8>>,)>().map_err(|_| CqlError::Answer(READ_MARK))?;
        let Some((progress,)) = row else { return Ok(false) };
        let mark = progress.map(decode_mark).transpose().map_err(|_| CqlError::Answer(READ_MARK))?;
        Ok(!mark.is_some_and(|mark| mark.complete))
    }
}

/// The entries among rows, in batches of one bucket and epoch, as large as an append may be.
fn batches(rows: &[Row]) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    let mut bytes = 0;
    for row in rows {
        let Row::Entry { conversation, bucket, epoch, entry } = row else { continue };
        let size = |entry: &Entry| entry.body.encoded().len();
        bytes += size(entry);
        match batches.last_mut() {
            Some(batch)
                if batch.conversation == *conversation
                    && batch.bucket == *bucket
                    && batch.epoch == *epoch
                    && batch.entries.len() < limits::APPEND_ENTRIES_MAX
                    && bytes <= limits::APPEND_BYTES_MAX =>
            {
                batch.entries.push(entry.clone());
            }
            _ => {
                bytes = size(entry);
                batches.push(Batch {
                    conversation: conversation.clone(),
                    bucket: *bucket,
                    epoch: *epoch,
                    entries: vec![entry.clone()],
                    touched: None,
                });
            }
        }
    }
    batches
}

fn member(row: &Row) -> Option<Member> {
    match row {
        Row::Member { member, .. } => Some(member.clone()),
        _ => None,
    }
}

fn same_group(one: &Row, other: &Row) -> bool {
    matches!((one, other), (Row::Member { group: one, .. }, Row::Member { group: other, .. }) if one == other)
}

fn encode_mark(mark: &CopyMark) -> Bytes {
    let mut value = Writer::default();
    value.number(mark.step).number(mark.part.into()).number(mark.rows).flag(mark.complete);
    value.flag(mark.after.is_some()).bytes(mark.after.as_deref().unwrap_or_default());
    value.finish()
}

fn decode_mark(value: Vec<u8>) -> Result<CopyMark, StoreError> {
    let mut value = Reader::new("mark of a copy", value.into());
    let (step, part, rows, complete) = (value.number()?, value.small()?, value.number()?, value.flag()?);
    let (begun, after) = (value.flag()?, value.bytes()?);
    Ok(CopyMark { step, part, after: begun.then(|| after.into()), rows, complete })
}
