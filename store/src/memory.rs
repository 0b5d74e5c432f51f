//! The engine in memory: behaves like a replicated store on a bad day, when a test asks for it.
//!
//! **Guarantees.** Every call takes place at one moment, all or nothing, as on a store of three replicas with quorum
//! reads and writes: what was answered `Ok` is seen by every call that starts later.
//!
//! **Does not** survive the process. Without faults programmed, nothing ever fails.
//!
//! **Limits.** One lock; for tests, not for load.

mod tables;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::tables::{Late, Tables};
use crate::call::{Call, Op};
use crate::directory::mark_touched;
use crate::engine::{Table, Tx, View, Writer};
use crate::fault::{Drawn, Fault, Faults, Rates, Rule};
use crate::log::{is_fenced, write_batch};
use crate::{Batch, Durable, IncarnationId, StoreError, Verified, VerifyError};

/// Tables in memory and the faults that tests program. Several incarnations share one behind an `Arc`.
#[derive(Default)]
pub struct Memory {
    tables: Mutex<Tables>,
    faults: Mutex<Faults>,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

impl Memory {
    /// Adds a rule. Of several that match a call, the one added first decides; each is used up after its times.
    pub fn program(&self, rule: Rule) {
        self.faults().program(rule);
    }

    /// From now on, calls that no rule matches draw their faults at random; the same seed and the same calls in the
    /// same order give the same faults.
    pub fn program_random(&self, seed: u64, rates: Rates) {
        self.faults().program_random(seed, rates);
    }

    /// Takes all rules and random faults away; what is late stays late.
    pub fn heal(&self) {
        self.faults().heal();
    }

    /// How many calls of a kind there were, those with faults included.
    pub fn calls(&self, op: Op) -> usize {
        self.faults().calls(op)
    }

    /// Lets all writes that are still on their way arrive, in the order in which they were sent; says how many.
    pub fn deliver_late(&self) -> usize {
        self.tables().deliver_late(|| true)
    }

    /// How many writes are still on their way.
    pub fn late(&self) -> usize {
        self.tables().late()
    }

    /// Runs a read.
    pub(crate) async fn read<T>(
        &self,
        call: Call,
        read: impl FnOnce(&dyn View) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let drawn = self.draw(&call);
        drawn.before.wait().await;
        if drawn.fault.is_some() {
            return Err(injected(call.op));
        }
        let answer = read(&*self.tables());
        drawn.after.wait().await;
        answer
    }

    /// Runs a transaction.
    pub(crate) async fn write<T>(
        &self,
        call: Call,
        write: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let drawn = self.draw(&call);
        drawn.before.wait().await;
        let op = call.op;
        match drawn.fault {
            None => {
                let answer = self.tables().apply(write);
                drawn.after.wait().await;
                answer
            }
            Some(Fault::UnknownApplied) => {
                // What it would have answered is lost, as with a time-out.
                let _ = self.tables().apply(write);
                drawn.after.wait().await;
                Err(unknown(op))
            }
            Some(Fault::UnknownLate) => {
                let late: Late = Box::new(move |tables| drop(tables.apply(write)));
                self.tables().send_late(late);
                Err(unknown(op))
            }
            Some(Fault::UnknownNever) => Err(unknown(op)),
            Some(_) => Err(injected(op)),
        }
    }

    pub(crate) async fn append(&self, batch: Arc<Batch>) -> Result<Durable, StoreError> {
        let call = Call::on(Op::Append, &batch.conversation);
        self.write(call, move |tx| {
            let Some(last) = batch.entries.last() else {
                return Err(StoreError::Unavailable("an append without entries".to_owned()));
            };
            write_batch(&batch, &mut Writer::default(), |key, value| {
                tx.put(Table::Log, key, value.to_vec());
            });
            if let Some(partition) = batch.touched {
                mark_touched(tx, partition, &batch.conversation, last.seq)?;
            }
            Ok(Durable::appended(batch.conversation.clone(), batch.epoch, last.seq))
        })
        .await
    }

    pub(crate) async fn verify(
        &self,
        me: IncarnationId,
        durable: Vec<Durable>,
    ) -> Result<Verified, VerifyError> {
        let drawn = self.draw(&Call::new(Op::Verify).of(me));
        drawn.before.wait().await;
        match drawn.fault {
            Some(Fault::Fenced) => return Err(VerifyError::Fenced),
            Some(_) => return Err(VerifyError::Unknown(injected(Op::Verify))),
            None => {}
        }
        let fenced = is_fenced(&*self.tables(), me).map_err(VerifyError::Unknown)?;
        drawn.after.wait().await;
        if fenced { Err(VerifyError::Fenced) } else { Ok(Verified::checked(durable)) }
    }

    /// Some of what is late arrives before a call; then the call's own fault is chosen.
    fn draw(&self, call: &Call) -> Drawn {
        let mut faults = self.faults();
        self.tables().deliver_late(|| faults.arrives());
        faults.draw(call)
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn injected(op: Op) -> StoreError {
    StoreError::Unavailable(format!("{} was made to fail", op.name()))
}

fn unknown(op: Op) -> StoreError {
    StoreError::Unknown(format!("{} was made to time out", op.name()))
}
