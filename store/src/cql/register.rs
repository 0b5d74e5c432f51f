//! Registers and the index of buckets (FENCE S4, R1, R2).

use std::sync::Arc;

use proto::{ConversationId, Epoch, Seq};
use scylla::DeserializeRow;
use scylla::statement::prepared::PreparedStatement;

use super::Cql;
use super::error::CqlError;
use super::execute::Judged;
use super::session::Preparer;
use crate::call::{Call, Op};
use crate::{Bucket, Cas, Level, Register, StoreError};

/// The statements of this family.
pub(super) struct RegisterStatements {
    read: PreparedStatement,
    read_serial: PreparedStatement,
    first: PreparedStatement,
    move_on: PreparedStatement,
    write_index: PreparedStatement,
    index: PreparedStatement,
}

impl RegisterStatements {
    pub(super) async fn prepare(preparer: &Preparer<'_>) -> Result<Self, CqlError> {
        const READ: &str = "SELECT version, epoch, start_seq, bucket, bucket_first, append_window, counted \
            FROM conversation_register WHERE conversation = ?";
        const FIRST: &str = "INSERT INTO conversation_register \
            (version, epoch, start_seq, bucket, bucket_first, append_window, counted, conversation) \
            VALUES (?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS";
        const MOVE: &str = "UPDATE conversation_register \
            SET version = ?, epoch = ?, start_seq = ?, bucket = ?, bucket_first = ?, append_window = ?, counted = ? \
            WHERE conversation = ? IF version = ?";
        Ok(Self {
            read: preparer.read(READ).await?,
            read_serial: preparer.serial_read(READ).await?,
            first: preparer.conditional(FIRST).await?,
            move_on: preparer.conditional(MOVE).await?,
            write_index: preparer
                .write("INSERT INTO bucket_index (conversation, bucket, first_seq) VALUES (?, ?, ?)")
                .await?,
            index: preparer.read("SELECT bucket, first_seq FROM bucket_index WHERE conversation = ?").await?,
        })
    }
}

/// The columns of a register.
#[derive(DeserializeRow)]
struct Columns {
    version: i64,
    epoch: i64,
    start_seq: i64,
    bucket: i32,
    bucket_first: i64,
    append_window: i32,
    counted: i64,
}

impl Cql {
    pub(crate) async fn register(
        &self,
        conversation: &ConversationId,
        level: Level,
    ) -> Result<Option<Register>, StoreError> {
        self.read(Call::on(Op::Register, conversation), self.read_register(conversation, level)).await
    }

    pub(super) async fn read_register(
        &self,
        conversation: &ConversationId,
        level: Level,
    ) -> Result<Option<Register>, StoreError> {
        let statement = match level {
            Level::Quorum => &self.statements.register.read,
            Level::Serial => &self.statements.register.read_serial,
        };
        let row = self.first::<Columns>(statement, (conversation.as_str(),)).await?;
        row.map(Register::try_from).transpose()
    }

    pub(crate) async fn move_register(
        self: &Arc<Self>,
        conversation: &ConversationId,
        expected: Option<u64>,
        new: Register,
    ) -> Cas<Register> {
        let wanted = conversation.clone();
        let outcome = self.write(Call::on(Op::MoveRegister, conversation), move |cql| async move {
            let moved = Register { version: expected.map_or(1, |version| version + 1), ..new };
            if cql.send_register(&wanted, expected, &moved).await?.applied() {
                return Ok(Ok(moved));
            }
            // Servers show of the row only what the condition names. A failure to read it leaves the caller with an
            // unknown outcome, which it resolves by the same conditional write.
            let now = cql.read_register(&wanted, Level::Serial).await;
            now.map(Err).map_err(|error| StoreError::Unknown(error.to_string()))
        });
        Cas::of(outcome.await)
    }

    async fn send_register(
        &self,
        conversation: &ConversationId,
        expected: Option<u64>,
        new: &Register,
    ) -> Result<Judged, StoreError> {
        let columns = Columns::from(new);
        let id = conversation.as_str();
        let Columns { version, epoch, start_seq, bucket, bucket_first, append_window, counted } = columns;
        let row = (version, epoch, start_seq, bucket, bucket_first, append_window, counted, id);
        match expected {
            None => self.conditional(&self.statements.register.first, row).await,
            Some(expected) => {
                let condition = expected.cast_signed();
                let values = (row.0, row.1, row.2, row.3, row.4, row.5, row.6, row.7, condition);
                self.conditional(&self.statements.register.move_on, values).await
            }
        }
    }

    pub(crate) async fn write_index(
        self: &Arc<Self>,
        conversation: &ConversationId,
        bucket: Bucket,
        first: Seq,
    ) -> Result<(), StoreError> {
        let wanted = conversation.clone();
        self.write(Call::on(Op::WriteIndex, conversation), move |cql| async move {
            let values = (wanted.as_str(), bucket.0.cast_signed(), first.0.cast_signed());
            cql.execute(&cql.statements.register.write_index, values).await
        })
        .await
    }

    pub(crate) async fn index(
        &self,
        conversation: &ConversationId,
    ) -> Result<Vec<(Bucket, Seq)>, StoreError> {
        self.read(Call::on(Op::Index, conversation), self.read_index(conversation)).await
    }

    pub(super) async fn read_index(
        &self,
        conversation: &ConversationId,
    ) -> Result<Vec<(Bucket, Seq)>, StoreError> {
        let rows = self.all::<(i32, i64)>(&self.statements.register.index, (conversation.as_str(),)).await?;
        let decode =
            |(bucket, first): (i32, i64)| (Bucket(bucket.cast_unsigned()), Seq(first.cast_unsigned()));
        Ok(rows.into_iter().map(decode).collect())
    }
}

impl From<&Register> for Columns {
    fn from(register: &Register) -> Self {
        Self {
            version: register.version.cast_signed(),
            epoch: register.epoch.0.cast_signed(),
            start_seq: register.start.0.cast_signed(),
            bucket: register.bucket.0.cast_signed(),
            bucket_first: register.bucket_first.0.cast_signed(),
            append_window: i32::from(register.window),
            counted: register.counted.cast_signed(),
        }
    }
}

impl TryFrom<Columns> for Register {
    type Error = StoreError;

    fn try_from(columns: Columns) -> Result<Self, StoreError> {
        Ok(Self {
            version: columns.version.cast_unsigned(),
            epoch: Epoch(columns.epoch.cast_unsigned()),
            start: Seq(columns.start_seq.cast_unsigned()),
            bucket: Bucket(columns.bucket.cast_unsigned()),
            bucket_first: Seq(columns.bucket_first.cast_unsigned()),
            window: u16::try_from(columns.append_window).map_err(|_| StoreError::corrupt("register"))?,
            counted: columns.counted.cast_unsigned(),
        })
    }
}
