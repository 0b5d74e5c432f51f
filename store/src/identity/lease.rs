//! Leases of worker numbers, so that no two processes make the same message id.

use proto::{MessageId, Timestamp};
use thiserror::Error;

use crate::call::{Call, Op};
use crate::engine::key::Kind;
use crate::engine::{Key, Reader, Table, Tx, Writer};
use crate::store::Engine;
use crate::{Store, StoreError};

/// How long after its end a lease is still nobody else's, in milliseconds: what clocks may differ by.
pub const LEASE_GUARD_MS: u64 = 10_000;

/// The right to make message ids with a worker number until a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerLease {
    /// The number.
    pub worker: u16,
    /// Ids with this time or a later one may not be made.
    pub until: Timestamp,
}

/// Why there is no lease.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LeaseError {
    /// Every worker number is taken. A retry helps once one runs out.
    #[error("all {} worker numbers are leased", MessageId::WORKERS)]
    NoneFree,
    /// Another holder has the number: make no more ids with it.
    #[error("the lease was lost")]
    Lost,
    /// The store's fault.
    #[error("the lease could not be written")]
    Store(#[from] StoreError),
}

/// Who has a worker number. Holder 0 is nobody, but the time counts all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) holder: u128,
    pub(crate) until: Timestamp,
}

impl Store {
    /// Leases a free worker number, or the one that `holder` has already. `holder` is random and not zero.
    ///
    /// A number is free when its last lease ended, or was given back, [`LEASE_GUARD_MS`] before `now`: also a clock
    /// that was set back cannot lead to an id that exists.
    pub async fn lease_worker(
        &self,
        holder: u128,
        now: Timestamp,
        ttl_ms: u64,
    ) -> Result<WorkerLease, LeaseError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.lease_worker(holder, now, ttl_ms).await,
            Engine::Tables(tables) => tables,
        };
        let until = now.plus_ms(ttl_ms);
        let leased =
            tables.write(Call::new(Op::LeaseWorker), move |tx| lease(tx, holder, now, until)).await?;
        leased.ok_or(LeaseError::NoneFree)
    }

    /// Extends a lease that `holder` still has. Never shortens it.
    pub async fn renew_worker(
        &self,
        holder: u128,
        worker: u16,
        now: Timestamp,
        ttl_ms: u64,
    ) -> Result<WorkerLease, LeaseError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.renew_worker(holder, worker, now, ttl_ms).await,
            Engine::Tables(tables) => tables,
        };
        let until = now.plus_ms(ttl_ms);
        let renewed = tables.write(Call::new(Op::RenewWorker), move |tx| match read(tx, worker)? {
            Some(lease) if lease.holder == holder => {
                let until = until.max(lease.until);
                Ok(Some(put(tx, worker, &Lease { holder, until })))
            }
            _ => Ok(None),
        });
        renewed.await?.ok_or(LeaseError::Lost)
    }

    /// Gives a lease back at the end, when ids up to `last_used` were made. What is not held is left alone.
    pub async fn release_worker(
        &self,
        holder: u128,
        worker: u16,
        last_used: Timestamp,
    ) -> Result<(), StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.release_worker(holder, worker, last_used).await,
            Engine::Tables(tables) => tables,
        };
        tables
            .write(Call::new(Op::ReleaseWorker), move |tx| {
                if read(tx, worker)?.is_some_and(|lease| lease.holder == holder) {
                    put(tx, worker, &Lease { holder: 0, until: last_used.plus_ms(1) });
                }
                Ok(())
            })
            .await
    }
}

fn lease(
    tx: &mut Tx<'_>,
    holder: u128,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<WorkerLease>, StoreError> {
    let mut free = None;
    for worker in 0..MessageId::WORKERS {
        match read(tx, worker)? {
            Some(lease) if lease.holder == holder => {
                let until = until.max(lease.until);
                return Ok(Some(put(tx, worker, &Lease { holder, until })));
            }
            Some(lease) if lease.until.plus_ms(LEASE_GUARD_MS) > now => {}
            _ => free = free.or(Some(worker)),
        }
    }
    Ok(free.map(|worker| put(tx, worker, &Lease { holder, until })))
}

fn read(tx: &Tx<'_>, worker: u16) -> Result<Option<Lease>, StoreError> {
    tx.get(Table::State, &worker_key(worker))?.map(decode).transpose()
}

/// Reads the value of a row.
pub(crate) fn decode(value: bytes::Bytes) -> Result<Lease, StoreError> {
    let mut value = Reader::new("worker", value);
    Ok(Lease { holder: u128::from_be_bytes(value.raw()?), until: Timestamp(value.number()?) })
}

fn put(tx: &mut Tx<'_>, worker: u16, lease: &Lease) -> WorkerLease {
    let mut value = Writer::default();
    value.raw(&lease.holder.to_be_bytes()).number(lease.until.0);
    tx.put(Table::State, worker_key(worker), value.finish());
    WorkerLease { worker, until: lease.until }
}

fn worker_key(worker: u16) -> Key {
    Key::of(Kind::Worker).raw(&worker.to_be_bytes())
}
