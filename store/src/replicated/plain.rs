//! Plain writes: announce, fence, index rows, appends; and the check of the own fence.

use std::sync::Arc;
use std::time::Duration;

use proto::Partition;
use tokio::time::{Instant, sleep, sleep_until};

use super::rows::Dropped;
use super::state::{Acks, Sent, State};
use super::{Replicated, Slot, TIMEOUT, alive, locked, unavailable, unknown};
use crate::call::{Call, Op};
use crate::directory::mark_touched;
use crate::engine::{Changes, Table, Tx, View, Writer};
use crate::log::{incarnation_key, is_fenced, write_batch};
use crate::mutation::{self, Mutation};
use crate::{Batch, Durable, IncarnationId, StoreError, Verified, VerifyError};

impl Replicated {
    /// Announce, fence, index: writes that look at nothing, so each replica gets what they would write to an empty one.
    pub(super) async fn blind<T>(
        &self,
        call: Call,
        write: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (answer, cells) = cells_of(write)?;
        let sent = self.send(call.op, cells).await?;
        if call.op == Op::WriteIndex && mutation::is(Mutation::IndexNotAwaited) {
            return Ok(answer);
        }
        let answered = self.answered(call.op, sent).await;
        lifecycle::sim::note(|| format!("{} {:?}", call.op.name(), answered));
        answered.map(|()| answer)
    }

    /// Drops the rows `from <= key < to` at a quorum.
    pub(crate) async fn drop_rows(
        &self,
        call: Call,
        table: Table,
        (from, to): (Vec<u8>, Vec<u8>),
    ) -> Result<(), StoreError> {
        alive().await;
        let sent = {
            let mut state = self.advanced();
            if state.fails() {
                return Err(unavailable(call.op));
            }
            let now = Instant::now();
            (state.spread_drop(now, Dropped { table, from, to }), now + TIMEOUT)
        };
        let answered = self.answered(call.op, sent).await;
        lifecycle::sim::note(|| format!("{} {:?} {answered:?}", call.op.name(), call.conversation));
        answered
    }

    /// Sends cells, or fails before anything was sent.
    async fn send(&self, op: Op, cells: Vec<Sent>) -> Result<(Acks, Instant), StoreError> {
        alive().await;
        let mut state = self.advanced();
        if state.fails() {
            return Err(unavailable(op));
        }
        state.sending(&cells);
        let now = Instant::now();
        Ok((state.spread(now, cells), now + TIMEOUT))
    }

    /// Waits for the answer to a write.
    async fn answered(&self, op: Op, (acks, timeout): (Acks, Instant)) -> Result<(), StoreError> {
        let lost = self.state().answer_is_lost();
        if let Some(after) = lost {
            sleep(after).await;
            return Err(unknown(op));
        }
        if self.enough(&acks, timeout).await { Ok(()) } else { Err(unknown(op)) }
    }

    pub(crate) async fn append(&self, batch: Arc<Batch>) -> Result<Durable, StoreError> {
        let Some(last) = batch.entries.last().map(|entry| entry.seq) else {
            return Err(StoreError::Unavailable("an append without entries".to_owned()));
        };
        alive().await;
        let sent = {
            let mut state = self.advanced();
            if state.fails() {
                return Err(unavailable(Op::Append));
            }
            if let Some(partition) = batch.touched {
                let mark = |tx: &mut Tx<'_>| mark_touched(tx, partition, &batch.conversation, last);
                state.transact(Instant::now(), mark)?;
            }
            lifecycle::sim::note(|| {
                let first = batch.entries[0].seq;
                format!("append {} {first}..{last} epoch {}", batch.conversation, batch.epoch.0)
            });
            state.send_batch(&batch)
        };
        if let Some(acks) = sent {
            self.answered(Op::Append, (acks, Instant::now() + TIMEOUT)).await?;
        }
        Ok(Durable::appended(batch.conversation.clone(), batch.epoch, last))
    }

    pub(crate) async fn verify(
        &self,
        me: IncarnationId,
        durable: Vec<Durable>,
    ) -> Result<Verified, VerifyError> {
        let of_load = |durable: &Durable| !self.state().is_appended(durable);
        if mutation::is(Mutation::NoVerify)
            || (mutation::is(Mutation::NoVerifyAfterLoad)
                && !durable.is_empty()
                && durable.iter().all(of_load))
        {
            return Ok(Verified::checked(durable));
        }
        let fenced = if mutation::is(Mutation::VerifyTooEarly) {
            self.fenced_before(me).await
        } else {
            self.read(Call::new(Op::Verify).of(me), move |view| is_fenced(view, me)).await
        };
        match fenced {
            Ok(false) => Ok(Verified::checked(durable)),
            Ok(true) => Err(VerifyError::Fenced),
            Err(error) => Err(VerifyError::Unknown(error)),
        }
    }

    /// What a check would have said that began up to a second ago.
    async fn fenced_before(&self, me: IncarnationId) -> Result<bool, StoreError> {
        let slot: Slot<bool> = Slot::default();
        let until = {
            let mut state = self.state();
            let early = Duration::from_millis(state.random.below(1_000));
            let (now, way) = (Instant::now(), state.way());
            let filled = Arc::clone(&slot);
            state.at(now + way, move |state, moment| {
                let key = incarnation_key(me);
                let Some(quorum) = state.quorum(moment) else { return };
                let then = moment.checked_sub(early).unwrap_or(moment);
                let early = |rows: &super::rows::Rows| {
                    rows.cell(Table::State, &key).is_some_and(|cell| cell.at <= then)
                };
                let fenced = [quorum.one, quorum.other]
                    .into_iter()
                    .any(|rows| early(rows) && is_fenced(rows as &dyn View, me).unwrap_or(true));
                *locked(&filled) = Some(fenced);
            });
            now + way + way
        };
        sleep_until(until).await;
        drop(self.advanced());
        let fenced = locked(&slot).take();
        fenced.ok_or_else(|| unavailable(Op::Verify))
    }
}

/// What a write that looks at nothing writes.
fn cells_of<T>(
    write: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError>,
) -> Result<(T, Vec<Sent>), StoreError> {
    let (nothing, none) = (super::rows::Rows::default(), Changes::new());
    let mut tx = Tx::new(&nothing, &none);
    let answer = write(&mut tx)?;
    let cells = tx
        .into_changes()
        .into_iter()
        .filter_map(|((table, key), value)| value.map(|value| Sent { table, key, ballot: 0, value }));
    Ok((answer, cells.collect()))
}

impl State {
    pub(super) fn fails(&mut self) -> bool {
        self.random.per_mille(self.weather.fail)
    }

    pub(super) fn way(&mut self) -> Duration {
        self.weather.way(&mut self.random)
    }

    /// How long somebody waits for an answer that does not come, if that is so.
    pub(super) fn answer_is_lost(&mut self) -> Option<Duration> {
        self.random
            .per_mille(self.weather.unanswered)
            .then(|| Duration::from_millis(self.random.below(TIMEOUT.as_millis() as u64)))
    }

    /// Sends a batch to the replicas; `None` when nobody waits for it.
    fn send_batch(&mut self, batch: &Batch) -> Option<Acks> {
        let now = Instant::now();
        let is_rewrite = self.is_rewrite(batch);
        let mut rows: Vec<Sent> = Vec::with_capacity(2 * batch.entries.len());
        write_batch(batch, &mut Writer::default(), |key, value| {
            let (key, value) = (key.to_vec(), value.to_vec().into());
            rows.push(Sent { table: Table::Log, key, ballot: 0, value });
        });
        self.sending(&rows);
        self.appended.insert((batch.conversation.clone(), batch.epoch));
        let is_dedupe = |n: usize| n % 2 == 1;
        if is_rewrite && mutation::is(Mutation::RewriteWithoutDedupe) {
            let mut n = 0;
            rows.retain(|_| {
                n += 1;
                !is_dedupe(n - 1)
            });
        }
        if is_rewrite && mutation::is(Mutation::MoveBeforeRewrite) {
            let process = lifecycle::sim::current().map_or(0, |process| process.number);
            let later = now + Duration::from_millis(self.random.below(2_000));
            self.at(later, move |state, moment| {
                if !state.gone.contains(&process) {
                    state.spread(moment, rows);
                }
            });
            return None;
        }
        if mutation::is(Mutation::ToldOutOfOrder) {
            let last = rows.split_off(rows.len() - 2);
            for row in rows {
                self.spread(now, vec![row]);
            }
            return Some(self.spread(now, last));
        }
        if mutation::is(Mutation::DedupeApart) {
            let (mut entries, mut dedupe) = (Vec::new(), Vec::new());
            for (n, row) in rows.into_iter().enumerate() {
                if is_dedupe(n) { dedupe.push(row) } else { entries.push(row) }
            }
            self.spread(now, dedupe);
            return Some(self.spread(now, entries));
        }
        Some(self.spread(now, rows))
    }

    /// Whether the process that runs writes what an older epoch than its own left (L3).
    fn is_rewrite(&self, batch: &Batch) -> bool {
        let Some(process) = lifecycle::sim::current() else { return false };
        let partition = Partition::of(&batch.conversation);
        self.claims.get(&(process.number, partition)).is_some_and(|own| batch.epoch < *own)
    }

    /// Whether something durable is an append, and not what a load found.
    fn is_appended(&self, durable: &Durable) -> bool {
        self.appended.contains(&(durable.conversation().clone(), durable.epoch()))
    }
}
