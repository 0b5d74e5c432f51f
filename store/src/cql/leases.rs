//! Leases of worker numbers: a row for each number, changed by conditional writes on all of it.
//!
//! Who looks for a number reads all rows (there are 1,024 at most) and tries the lowest that is free; refused, some
//! other one, because whoever was faster is likely not alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use proto::{MessageId, Timestamp};
use rand::seq::IteratorRandom as _;
use scylla::statement::prepared::PreparedStatement;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::Cql;
use super::decide::{Decision, ROUNDS};
use super::error::CqlError;
use super::session::Preparer;
use super::several::partly;
use crate::call::{Call, Op};
use crate::identity::Lease;
use crate::{LEASE_GUARD_MS, LeaseError, StoreError, WorkerLease};

/// Calls of this process that look for a number at once; more wait in line.
const LOOKING_MAX: usize = 4;

/// The statements of this family.
pub(super) struct LeaseStatements {
    read_all: PreparedStatement,
    read_serial: PreparedStatement,
    first: PreparedStatement,
    change: PreparedStatement,
    /// For those that look for a number: more at once would only stand in each other's way.
    looking: Semaphore,
}

impl LeaseStatements {
    pub(super) async fn prepare(preparer: &Preparer<'_>) -> Result<Self, CqlError> {
        const FIRST: &str = "INSERT INTO worker_lease (holder, until, worker) VALUES (?, ?, ?) IF NOT EXISTS";
        const CHANGE: &str =
            "UPDATE worker_lease SET holder = ?, until = ? WHERE worker = ? IF holder = ? AND until = ?";
        Ok(Self {
            read_all: preparer.read("SELECT worker, holder, until FROM worker_lease").await?,
            read_serial: preparer
                .serial_read("SELECT holder, until FROM worker_lease WHERE worker = ?")
                .await?,
            first: preparer.conditional(FIRST).await?,
            change: preparer.conditional(CHANGE).await?,
            looking: Semaphore::new(LOOKING_MAX),
        })
    }
}

impl Cql {
    pub(crate) async fn lease_worker(
        self: &Arc<Self>,
        holder: u128,
        now: Timestamp,
        ttl_ms: u64,
    ) -> Result<WorkerLease, LeaseError> {
        let until = now.plus_ms(ttl_ms);
        let leased = self.write(Call::new(Op::LeaseWorker), move |cql| async move {
            let _place = cql.statements.leases.looking.acquire().await;
            let mut known = cql.leases().await?;
            // Each round makes one more row known.
            for round in 0..2 * usize::from(MessageId::WORKERS) {
                let order = if round == 0 { Order::Lowest } else { Order::Random };
                let Some(worker) = choose(&known, holder, now, order) else { return Ok(None) };
                let now_there = known.get(&worker).copied();
                let mine = now_there.filter(|lease| lease.holder == holder);
                let until = mine.map_or(until, |lease| until.max(lease.until));
                if cql.change_lease(worker, now_there, Lease { holder, until }).await? == Decision::Applied {
                    return Ok(Some(WorkerLease { worker, until }));
                }
                let found = cql.lease(worker).await.map_err(partly)?;
                known.extend(found.map(|lease| (worker, lease)));
            }
            Err(StoreError::Unknown("worker numbers are leased by too many at once".to_owned()))
        });
        leased.await?.ok_or(LeaseError::NoneFree)
    }

    pub(crate) async fn renew_worker(
        self: &Arc<Self>,
        holder: u128,
        worker: u16,
        now: Timestamp,
        ttl_ms: u64,
    ) -> Result<WorkerLease, LeaseError> {
        let until = now.plus_ms(ttl_ms);
        let renewed = self.write(Call::new(Op::RenewWorker), move |cql| async move {
            let longer = |lease: Lease| Lease { holder, until: until.max(lease.until) };
            Ok(cql
                .change_own(holder, worker, longer)
                .await?
                .map(|Lease { until, .. }| WorkerLease { worker, until }))
        });
        renewed.await?.ok_or(LeaseError::Lost)
    }

    pub(crate) async fn release_worker(
        self: &Arc<Self>,
        holder: u128,
        worker: u16,
        last_used: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(Call::new(Op::ReleaseWorker), move |cql| async move {
            cql.change_own(holder, worker, |_| Lease { holder: 0, until: last_used.plus_ms(1) }).await?;
            Ok(())
        })
        .await
    }

    /// Changes a lease if the holder has it, and gives what it is then; `None` if another has it.
    async fn change_own(
        &self,
        holder: u128,
        worker: u16,
        change: impl Fn(Lease) -> Lease,
    ) -> Result<Option<Lease>, StoreError> {
        let mut sent = false;
        for _ in 0..ROUNDS {
            let found = self.lease(worker).await.map_err(|error| if sent { partly(error) } else { error })?;
            let Some(now_there) = found.filter(|lease| lease.holder == holder) else { return Ok(None) };
            let next = change(now_there);
            if self.change_lease(worker, Some(now_there), next).await? == Decision::Applied {
                return Ok(Some(next));
            }
            sent = true;
        }
        Err(StoreError::Unknown("a lease is changed by too many at once".to_owned()))
    }

    pub(super) async fn change_lease(
        &self,
        worker: u16,
        from: Option<Lease>,
        to: Lease,
    ) -> Result<Decision, StoreError> {
        let statements = &self.statements.leases;
        let (holder, until, number) =
            (Uuid::from_u128(to.holder), to.until.0.cast_signed(), i32::from(worker));
        match from {
            None => self.decide(&statements.first, (holder, until, number)).await,
            Some(from) => {
                let condition = (Uuid::from_u128(from.holder), from.until.0.cast_signed());
                self.decide(&statements.change, (holder, until, number, condition.0, condition.1)).await
            }
        }
    }

    async fn leases(&self) -> Result<BTreeMap<u16, Lease>, StoreError> {
        let rows = self.all::<(i32, Uuid, i64)>(&self.statements.leases.read_all, ()).await?;
        rows.into_iter().map(|(worker, holder, until)| decode(worker, holder, until)).collect()
    }

    async fn lease(&self, worker: u16) -> Result<Option<Lease>, StoreError> {
        let row =
            self.first::<(Uuid, i64)>(&self.statements.leases.read_serial, (i32::from(worker),)).await?;
        Ok(row.map(|(holder, until)| lease(holder, until)))
    }
}

/// Which of the free numbers to try.
#[derive(Clone, Copy)]
enum Order {
    Lowest,
    Random,
}

/// The holder's own number, else one that is free.
fn choose(known: &BTreeMap<u16, Lease>, holder: u128, now: Timestamp, order: Order) -> Option<u16> {
    if let Some((worker, _)) = known.iter().find(|(_, lease)| lease.holder == holder) {
        return Some(*worker);
    }
    let is_over = |lease: &Lease| lease.until.plus_ms(LEASE_GUARD_MS) <= now;
    let mut free = (0..MessageId::WORKERS).filter(|worker| known.get(worker).is_none_or(is_over));
    match order {
        Order::Lowest => free.next(),
        Order::Random => free.choose(&mut rand::rng()),
    }
}

fn lease(holder: Uuid, until: i64) -> Lease {
    Lease { holder: holder.as_u128(), until: Timestamp(until.cast_unsigned()) }
}

/// Reads a row.
pub(super) fn decode(worker: i32, holder: Uuid, until: i64) -> Result<(u16, Lease), StoreError> {
    let worker = u16::try_from(worker).map_err(|_| StoreError::corrupt("worker"))?;
    Ok((worker, lease(holder, until)))
}
