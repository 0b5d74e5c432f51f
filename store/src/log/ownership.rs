//! Who owns which partition, and who may never tell anything again (FENCE S2, S3, O1–O3).

use std::ops::ControlFlow;

use proto::{Epoch, Partition};

use super::Cas;
use crate::call::{Call, Op};
use crate::engine::key::{KeyParts, Kind};
use crate::engine::view::{Direction, after_prefix};
use crate::engine::{Key, Reader, Table, Tx, View, Writer};
use crate::store::{Engine, Tables};
use crate::{Level, Store, StoreError};

/// One life of one router process: a random number, never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncarnationId(pub u128);

impl std::fmt::Display for IncarnationId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl std::fmt::Debug for IncarnationId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// The owner row of a partition. Nobody ever owned it: `None`, epoch 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Ownership {
    /// Who owns it; `None` after a clean release.
    pub owner: Option<IncarnationId>,
    /// The number of this ownership, or of the last one.
    pub epoch: Epoch,
}

impl Store {
    /// S2: writes `alive` for this incarnation. Must have succeeded before its first claim: an incarnation without a
    /// row cannot verify anything. Announcing again does no harm and never lifts a fence.
    pub async fn announce(&self, me: IncarnationId) -> Result<(), StoreError> {
        match self.engine() {
            Engine::Cql(cql) => cql.announce(me).await,
            Engine::Tables(Tables::Embedded(embedded)) => {
                embedded.announce(me);
                Ok(())
            }
            Engine::Tables(tables) => {
                tables.write(Call::new(Op::Announce).of(me), move |tx| announce(tx, me)).await
            }
        }
    }

    /// O1: marks an incarnation so that no check of its that starts later can pass, ever. Only `Ok` allows a claim.
    pub async fn fence(&self, other: IncarnationId) -> Result<(), StoreError> {
        match self.engine() {
            Engine::Cql(cql) => cql.fence(other).await,
            Engine::Tables(Tables::Embedded(embedded)) => {
                embedded.fence(other);
                Ok(())
            }
            Engine::Tables(tables) => {
                tables.write(Call::new(Op::Fence).of(other), move |tx| fence(tx, other)).await
            }
        }
    }

    /// S3: the owner row of a partition.
    pub async fn owner(&self, partition: Partition, level: Level) -> Result<Ownership, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.owner(partition, level).await,
            Engine::Tables(tables) => tables,
        };
        tables
            .read_at(level, Call::at(Op::Owner, partition), move |view| {
                read_owner(view.get(Table::State, &owner_key(partition))?)
            })
            .await
    }

    /// The owner rows of all partitions that ever had an owner, in rising partition.
    pub async fn owners(&self) -> Result<Vec<(Partition, Ownership)>, StoreError> {
        match self.engine() {
            Engine::Cql(cql) => cql.owners().await,
            Engine::Tables(tables) => tables.read(Call::new(Op::Owners), read_owners).await,
        }
    }

    /// S3, O1: makes `me` the owner with `expected.epoch + 1`, if the row is exactly `expected`. Unless
    /// `expected.owner` is `None`, it must have been fenced with success before.
    pub async fn claim(
        &self,
        partition: Partition,
        expected: Ownership,
        me: IncarnationId,
    ) -> Cas<Ownership> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.claim(partition, expected, me).await,
            Engine::Tables(tables) => tables,
        };
        let next = Ownership { owner: Some(me), epoch: Epoch(expected.epoch.0 + 1) };
        let call = Call::at(Op::Claim, partition).of(me);
        tables.swap(call, move |tx| swap_owner(tx, partition, expected, next)).await
    }

    /// O2: gives a partition back, keeping its epoch; only with nothing in flight. The epoch is dead for `me` from the
    /// moment of this call, whatever the answer.
    pub async fn release(&self, partition: Partition, me: IncarnationId, epoch: Epoch) -> Cas<Ownership> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.release(partition, me, epoch).await,
            Engine::Tables(tables) => tables,
        };
        let expected = Ownership { owner: Some(me), epoch };
        let next = Ownership { owner: None, epoch };
        let call = Call::at(Op::Release, partition).of(me);
        tables.swap(call, move |tx| swap_owner(tx, partition, expected, next)).await
    }
}

fn announce(tx: &mut Tx<'_>, me: IncarnationId) -> Result<(), StoreError> {
    let key = incarnation_key(me);
    if tx.get(Table::State, &key)?.is_none() {
        tx.put(Table::State, key, Writer::default().flag(false).finish());
    }
    Ok(())
}

fn fence(tx: &mut Tx<'_>, other: IncarnationId) -> Result<(), StoreError> {
    tx.put(Table::State, incarnation_key(other), Writer::default().flag(true).finish());
    Ok(())
}

/// Whether an incarnation may not tell anything; one without a row may not either.
pub(crate) fn is_fenced(view: &dyn View, me: IncarnationId) -> Result<bool, StoreError> {
    match view.get(Table::State, &incarnation_key(me))? {
        Some(value) => Reader::new("incarnation", value).flag(),
        None => Ok(true),
    }
}

fn swap_owner(
    tx: &mut Tx<'_>,
    partition: Partition,
    expected: Ownership,
    next: Ownership,
) -> Result<Result<Ownership, Option<Ownership>>, StoreError> {
    let key = owner_key(partition);
    let now = read_owner(tx.get(Table::State, &key)?)?;
    if now != expected {
        return Ok(Err(Some(now)));
    }
    let mut value = Writer::default();
    value.flag(next.owner.is_some());
    value.raw(&next.owner.map_or(0, |owner| owner.0).to_be_bytes()).number(next.epoch.0);
    tx.put(Table::State, key, value.finish());
    Ok(Ok(next))
}

/// Reads the value of an owner row.
pub(crate) fn read_owner(value: Option<bytes::Bytes>) -> Result<Ownership, StoreError> {
    let Some(value) = value else { return Ok(Ownership::default()) };
    let mut value = Reader::new("owner", value);
    let owned = value.flag()?;
    let owner = IncarnationId(u128::from_be_bytes(value.raw()?));
    Ok(Ownership { owner: owned.then_some(owner), epoch: Epoch(value.number()?) })
}

fn read_owners(view: &dyn View) -> Result<Vec<(Partition, Ownership)>, StoreError> {
    let prefix = Key::of(Kind::Owner);
    let mut owners = Vec::new();
    view.scan(Table::State, &prefix, &after_prefix(&prefix), Direction::Forward, &mut |key, value| {
        let number = KeyParts::after(key, prefix.len()).u32().and_then(|number| u16::try_from(number).ok());
        let partition = number.and_then(Partition::new).ok_or_else(|| StoreError::corrupt("owner"))?;
        owners.push((partition, read_owner(Some(value.clone()))?));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(owners)
}

pub(crate) fn incarnation_key(incarnation: IncarnationId) -> Key {
    Key::of(Kind::Incarnation).raw(&incarnation.0.to_be_bytes())
}

pub(crate) fn owner_key(partition: Partition) -> Key {
    Key::of(Kind::Owner).raw(&u32::from(partition.number()).to_be_bytes())
}
