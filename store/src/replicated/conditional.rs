//! Conditional writes of one row, and transactions on projections: each takes place at one moment.

use std::sync::Arc;
use std::time::Duration;

use lifecycle::sim::note;
use proto::Epoch;
use tokio::time::{Instant, sleep, sleep_until};

use super::state::{Acks, State};
use super::weather::Fate;
use super::{Replicated, Slot, TIMEOUT, alive, locked, row_of, unavailable, unknown};
use crate::StoreError;
use crate::call::{Call, Op};
use crate::engine::{Changes, Tx};
use crate::log::{Cas, owner_key, read_owner};
use crate::mutation::{self, Mutation};

/// What a conditional write says: applied with this row, or refused because of that one.
type Judged<T> = Result<Result<T, Option<T>>, StoreError>;

impl Replicated {
    /// Runs a write: plain where its rows are replicated, otherwise a transaction.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        call: Call,
        write: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match call.op {
            Op::Announce | Op::Fence | Op::WriteIndex => self.blind(call, write).await,
            _ => self.transaction(call, write).await,
        }
    }

    async fn transaction<T: Send + 'static>(
        &self,
        call: Call,
        write: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        alive().await;
        let slot: Slot<Result<T, StoreError>> = Slot::default();
        let (fate, until) = {
            let mut state = self.advanced();
            let fate = state.fate();
            note(|| format!("{} {} {fate:?}", call.op.name(), about(&call)));
            let (now, there, back) = (Instant::now(), state.way(), state.way());
            let filled = Arc::clone(&slot);
            if let Some(moment) = moment(now + there, now, fate) {
                state.at(moment, move |state, moment| {
                    *locked(&filled) = Some(state.transact(moment, write));
                });
            }
            (fate, now + there + back)
        };
        match fate {
            Fate::Fails => Err(unavailable(call.op)),
            Fate::Usual | Fate::Repeated => {
                sleep_until(until).await;
                drop(self.advanced());
                let answer = locked(&slot).take();
                answer.unwrap_or_else(|| Err(unknown(call.op)))
            }
            Fate::Unanswered | Fate::Late(_) | Fate::Never => {
                self.no_answer().await;
                Err(unknown(call.op))
            }
        }
    }

    /// Runs a conditional write of the row of a call.
    pub(crate) async fn swap<T: Send + Copy + std::fmt::Debug + 'static>(
        &self,
        call: Call,
        write: impl FnOnce(&mut Tx<'_>) -> Judged<T> + Send + 'static,
    ) -> Cas<T> {
        alive().await;
        note(|| format!("{} is sent, of {:?}", call.op.name(), call.partition));
        let slot: Slot<(Judged<T>, Acks)> = Slot::default();
        let (op, partition) = (call.op, call.partition);
        let (fate, until, timeout) = {
            let mut state = self.advanced();
            let fate = state.fate();
            let (now, there) = (Instant::now(), state.way());
            if matches!(fate, Fate::Late(_) | Fate::Never | Fate::Unanswered)
                && op == Op::MoveRegister
                && mutation::is(Mutation::UnknownIsApplied)
            {
                return state.as_if(write);
            }
            let (filled, key) = (Arc::clone(&slot), row_of(&call));
            if let Some(moment) = moment(now + there, now, fate) {
                state.at(moment, move |state, moment| {
                    let judged = state.transact(moment, write);
                    *locked(&filled) = Some((judged, state.settle(moment, &key)));
                });
            }
            (fate, now + there, now + TIMEOUT)
        };
        if fate == Fate::Fails {
            return Cas::Unknown(unavailable(op));
        }
        if !matches!(fate, Fate::Usual | Fate::Repeated) {
            self.no_answer().await;
            return Cas::Unknown(unknown(op));
        }
        sleep_until(until.min(timeout)).await;
        drop(self.advanced());
        let taken = locked(&slot).take();
        let cas = match taken {
            Some((judged, acks)) if self.enough(&acks, timeout).await => Cas::of(match judged {
                // The second of two identical ones finds what the first has left.
                Ok(Ok(row)) if fate == Fate::Repeated => Ok(Err(Some(row))),
                judged => judged,
            }),
            _ => Cas::Unknown(unknown(op)),
        };
        note(|| {
            let partition = call.partition.map_or(0, |partition| partition.number());
            format!("{} {partition} {} {cas:?}", op.name(), about(&call))
        });
        if let (Some(partition), Op::Claim) = (partition, op) {
            self.state().claimed(partition);
        }
        cas
    }

    /// Waits for an answer that does not come.
    async fn no_answer(&self) {
        let wait = Duration::from_millis(self.state().random.below(TIMEOUT.as_millis() as u64));
        sleep(wait).await;
    }
}

fn about(call: &Call) -> String {
    call.conversation.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// When a write with this fate takes place.
fn moment(usual: Instant, now: Instant, fate: Fate) -> Option<Instant> {
    match fate {
        Fate::Usual | Fate::Unanswered | Fate::Repeated => Some(usual),
        Fate::Late(by) => Some(now + by),
        Fate::Fails | Fate::Never => None,
    }
}

impl State {
    fn fate(&mut self) -> Fate {
        self.weather.fate(&mut self.random)
    }

    /// What a conditional write would say; nothing takes place.
    fn as_if<T>(&self, write: impl FnOnce(&mut Tx<'_>) -> Judged<T>) -> Cas<T> {
        let none = Changes::new();
        Cas::of(write(&mut Tx::new(&self.once, &none)))
    }

    /// The process that runs knows its newest epoch of a partition.
    fn claimed(&mut self, partition: proto::Partition) {
        let Some(process) = lifecycle::sim::current() else { return };
        let cell = self.once.cell(crate::engine::Table::State, &owner_key(partition));
        let row = read_owner(cell.map(|cell| cell.value.clone())).unwrap_or_default();
        let epoch = self.claims.entry((process.number, partition)).or_insert(Epoch(0));
        *epoch = row.epoch.max(*epoch);
    }
}
