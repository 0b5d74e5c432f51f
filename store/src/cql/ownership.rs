//! Incarnations, fences and owners (FENCE S2, S3, O1, O2).

use std::sync::Arc;

use proto::{Epoch, Partition};
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlValue;
use uuid::Uuid;

use super::error::CqlError;
use super::session::Preparer;
use super::{Cql, faults};
use crate::call::{Call, Op};
use crate::fault::Fault;
use crate::{Cas, Durable, IncarnationId, Level, Ownership, StoreError, Verified, VerifyError};

/// The statements of this family.
pub(super) struct OwnershipStatements {
    announce: PreparedStatement,
    fence: PreparedStatement,
    fenced: PreparedStatement,
    owner: PreparedStatement,
    owner_serial: PreparedStatement,
    owners: PreparedStatement,
    first_claim: PreparedStatement,
    swap: PreparedStatement,
}

impl OwnershipStatements {
    pub(super) async fn prepare(preparer: &Preparer<'_>) -> Result<Self, CqlError> {
        const OWNER: &str = "SELECT owner, epoch FROM partition_owner WHERE partition = ?";
        Ok(Self {
            announce: preparer.write("INSERT INTO incarnation (id, alive) VALUES (?, true)").await?,
            fence: preparer.write("INSERT INTO incarnation (id, fenced) VALUES (?, true)").await?,
            fenced: preparer.read("SELECT fenced FROM incarnation WHERE id = ?").await?,
            owner: preparer.read(OWNER).await?,
            owner_serial: preparer.serial_read(OWNER).await?,
            owners: preparer.read("SELECT partition, owner, epoch FROM partition_owner").await?,
            first_claim: preparer
                .conditional("INSERT INTO partition_owner (partition, owner, epoch) VALUES (?, ?, ?) IF NOT EXISTS")
                .await?,
            swap: preparer
                .conditional(
                    "UPDATE partition_owner SET owner = ?, epoch = ? WHERE partition = ? IF owner = ? AND epoch = ?",
                )
                .await?,
        })
    }
}

impl Cql {
    pub(crate) async fn announce(self: &Arc<Self>, me: IncarnationId) -> Result<(), StoreError> {
        self.write(Call::new(Op::Announce).of(me), move |cql| async move {
            cql.execute(&cql.statements.ownership.announce, (uuid(me),)).await
        })
        .await
    }

    pub(crate) async fn fence(self: &Arc<Self>, other: IncarnationId) -> Result<(), StoreError> {
        self.write(Call::new(Op::Fence).of(other), move |cql| async move {
            cql.execute(&cql.statements.ownership.fence, (uuid(other),)).await
        })
        .await
    }

    /// Reads the fence now, which is after everything in `durable` became so. No row is a fence too.
    pub(crate) async fn verify(
        &self,
        me: IncarnationId,
        durable: Vec<Durable>,
    ) -> Result<Verified, VerifyError> {
        let drawn = self.faults.draw(&Call::new(Op::Verify).of(me)).await;
        drawn.before.wait().await;
        match drawn.fault {
            Some(Fault::Fenced) => return Err(VerifyError::Fenced),
            Some(_) => return Err(VerifyError::Unknown(faults::injected(Op::Verify))),
            None => {}
        }
        let read = self.first::<(Option<bool>,)>(&self.statements.ownership.fenced, (uuid(me),));
        let row = self.read_now(read).await.map_err(VerifyError::Unknown)?;
        drawn.after.wait().await;
        match row {
            Some((None | Some(false),)) => Ok(Verified::checked(durable)),
            Some((Some(true),)) | None => Err(VerifyError::Fenced),
        }
    }

    pub(crate) async fn owner(&self, partition: Partition, level: Level) -> Result<Ownership, StoreError> {
        let statements = &self.statements.ownership;
        let statement = match level {
            Level::Quorum => &statements.owner,
            Level::Serial => &statements.owner_serial,
        };
        let read = self.first::<(Option<Uuid>, Option<i64>)>(statement, (number(partition),));
        let row = self.read(Call::at(Op::Owner, partition), read).await?;
        Ok(row.map_or_else(Ownership::default, |(owner, epoch)| ownership(owner, epoch)))
    }

    pub(crate) async fn owners(&self) -> Result<Vec<(Partition, Ownership)>, StoreError> {
        let read = self.all::<(i32, Option<Uuid>, Option<i64>)>(&self.statements.ownership.owners, ());
        let rows = self.read(Call::new(Op::Owners), read).await?;
        let mut owners = Vec::with_capacity(rows.len());
        for (partition, owner, epoch) in rows {
            let partition = u16::try_from(partition).ok().and_then(Partition::new);
            owners.push((partition.ok_or_else(|| StoreError::corrupt("owner"))?, ownership(owner, epoch)));
        }
        // They come in the order of their places in the cluster.
        owners.sort_unstable_by_key(|(partition, _)| partition.number());
        Ok(owners)
    }

    pub(crate) async fn claim(
        self: &Arc<Self>,
        partition: Partition,
        expected: Ownership,
        me: IncarnationId,
    ) -> Cas<Ownership> {
        let next = Ownership { owner: Some(me), epoch: Epoch(expected.epoch.0 + 1) };
        self.swap_owner(Call::at(Op::Claim, partition).of(me), partition, expected, next).await
    }

    pub(crate) async fn release(
        self: &Arc<Self>,
        partition: Partition,
        me: IncarnationId,
        epoch: Epoch,
    ) -> Cas<Ownership> {
        let expected = Ownership { owner: Some(me), epoch };
        let next = Ownership { owner: None, epoch };
        self.swap_owner(Call::at(Op::Release, partition).of(me), partition, expected, next).await
    }

    async fn swap_owner(
        self: &Arc<Self>,
        call: Call,
        partition: Partition,
        expected: Ownership,
        next: Ownership,
    ) -> Cas<Ownership> {
        let outcome = self.write(call, move |cql| async move {
            let statements = &cql.statements.ownership;
            let (owner, epoch) = (next.owner.map(uuid), next.epoch.0.cast_signed());
            let judged = if expected == Ownership::default() {
                cql.conditional(&statements.first_claim, (number(partition), owner, epoch)).await?
            } else {
                let before = (expected.owner.map(uuid), expected.epoch.0.cast_signed());
                cql.conditional(&statements.swap, (owner, epoch, number(partition), before.0, before.1))
                    .await?
            };
            if judged.applied() {
                return Ok(Ok(next));
            }
            let owner = judged.column("owner", CqlValue::as_uuid);
            Ok(Err(Some(ownership(owner, judged.column("epoch", CqlValue::as_bigint)))))
        });
        Cas::of(outcome.await)
    }
}

fn uuid(incarnation: IncarnationId) -> Uuid {
    Uuid::from_u128(incarnation.0)
}

fn number(partition: Partition) -> i32 {
    i32::from(partition.number())
}

/// From the columns of an owner row; nobody ever owned what has none.
fn ownership(owner: Option<Uuid>, epoch: Option<i64>) -> Ownership {
    Ownership {
        owner: owner.map(|owner| IncarnationId(owner.as_u128())),
        epoch: Epoch(epoch.unwrap_or(0).cast_unsigned()),
    }
}
