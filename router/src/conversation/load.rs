//! Loading, FENCE L1 to L5: find the end of the log, settle it under the own epoch, verify, then serve.

use std::sync::Arc;

use hashbrown::HashMap;
use proto::command::GroupRequest;
use proto::{Code, Entry, Request, Seq, TraceId};
use store::mutation::{self, Mutation};
use store::{Batch, Bucket, Cas, Durable, Level, Register, StoreError};

use super::log::Log;
use super::{Conversation, Kind, Phase, announce};
use crate::rules::backoff::pause_ms;
use crate::rules::lost::Lost;
use crate::rules::membership::{self, Group};
use crate::rules::overlay::{self, Pins, State};
use crate::rules::ring::Ring;
use crate::rules::tail::{self, Tail};
use crate::told::Told;
use crate::turn::{Death, Outcome, Recovered, Turn, Work};

/// A load under way: which answer it waits for, and what it has read.
pub struct Load {
    step: Step,
    failures: u32,
    since_ms: u64,
}

enum Step {
    /// Everything read was thrown away; from L1 at this steady time.
    Retrying(u64),
    /// L1.
    Register,
    /// L2.
    Tail { register: Register, seqs: usize },
    /// L3.
    Rewrite { register: Register, tail: Tail },
    /// L4.
    Move { tail: Tail },
    /// L5.
    Verify { register: Register, tail: Tail, lost: Lost },
    /// Verified; what the projections say of the group, and what they lack.
    Recover,
}

impl Load {
    pub fn retry_at(&self) -> Option<u64> {
        match self.step {
            Step::Retrying(at) => Some(at),
            _ => None,
        }
    }
}

impl Conversation {
    /// Begins to load. Only under an ownership that is known to be claimed.
    pub fn begin_load(&mut self, turn: &mut Turn<'_>) {
        self.used_ms = turn.now.steady_ms;
        self.phase = Phase::Loading(Load { step: Step::Register, failures: 0, since_ms: turn.now.steady_ms });
        turn.work.push(Work::ReadRegister(Level::Quorum));
    }

    pub(super) fn retry_load(&mut self, turn: &mut Turn<'_>) {
        let Phase::Loading(load) = &mut self.phase else { return };
        if load.retry_at().is_none_or(|at| at > turn.now.steady_ms) {
            return;
        }
        if matches!(load.step, Step::Retrying(_)) {
            load.step = Step::Register;
            turn.work.push(Work::ReadRegister(Level::Serial));
        }
    }

    pub(super) fn load_outcome(&mut self, outcome: Outcome, turn: &mut Turn<'_>) {
        let Phase::Loading(load) = &mut self.phase else { return };
        let step = std::mem::replace(&mut load.step, Step::Register);
        match (step, outcome) {
            (Step::Register, Outcome::Register(Ok(None))) => self.first_register(turn),
            (Step::Register, Outcome::Register(Ok(Some(register)))) => self.found_register(register, turn),
            (Step::Tail { register, seqs }, Outcome::Tail(Ok(rows))) => {
                match tail::read(&register, rows, seqs) {
                    Some(tail) => self.found_tail(register, tail, turn),
                    None => self.read_tail(register, seqs * 2, turn),
                }
            }
            (Step::Rewrite { register, tail }, Outcome::Rewritten(Ok(_))) => {
                self.settle(&register, tail, turn)
            }
            (Step::Move { tail }, Outcome::Moved(Cas::Applied(register))) => {
                let durable = Durable::settled(&self.id, &register);
                self.verify_load(register, tail, Lost::default(), durable, turn);
            }
            (Step::Recover, Outcome::Recovered(Ok(recovered))) => self.recovered(*recovered, turn),
            (Step::Recover, Outcome::Recovered(Err(error))) => self.again(Some(&error), turn),
            (
                _,
                Outcome::Register(Err(error)) | Outcome::Tail(Err(error)) | Outcome::Rewritten(Err(error)),
            ) => {
                self.again(Some(&error), turn);
            }
            (_, Outcome::Moved(Cas::Unknown(error))) => self.again(Some(&error), turn),
            // Refused; nothing else can come here.
            _ => self.again(None, turn),
        }
    }

    /// L4: refused or unknown: throw everything read away.
    fn again(&mut self, error: Option<&StoreError>, turn: &mut Turn<'_>) {
        let Phase::Loading(load) = &mut self.phase else { return };
        load.failures += 1;
        if let Some(StoreError::Corrupt(_)) = error {
            tracing::error!(conversation = %self.id, error = ?error, "conversation cannot be loaded");
        } else if load.failures == 1 {
            tracing::debug!(conversation = %self.id, error = ?error, "load begins again");
        }
        turn.metrics.load_retries.increment(1);
        load.step = Step::Retrying(turn.now.steady_ms + pause_ms(load.failures));
    }

    /// L1 of a conversation that nobody wrote to. A group begins with its creation and nothing else.
    fn first_register(&mut self, turn: &mut Turn<'_>) {
        let creates = |request: &Request| matches!(request, Request::Group(_, GroupRequest::Create { .. }));
        let may_begin = match self.kind {
            Kind::Pair(_) => true,
            // There is nothing to confirm, and nothing to begin for it.
            Kind::Direct(..) => {
                let begins = |request: &Request| !matches!(request, Request::Confirm(_));
                self.queue.is_empty() || self.queue.iter().any(|pending| begins(&pending.command.request))
            }
            Kind::Group(..) => self.queue.iter().any(|pending| creates(&pending.command.request)),
        };
        if !may_begin {
            self.phase = Phase::Absent;
            while let Some(pending) = self.queue.leave(turn.admission) {
                let text =
                    if self.id.is_group() { "there is no such group" } else { "there is no such message" };
                announce::nack(&pending.command, Code::NotFound, text, 0, turn);
            }
            return;
        }
        let bucket = Bucket::at(turn.now.wall);
        let tail = Tail { end: Seq::ZERO, counted: 0, settled: Vec::new(), run: Vec::new() };
        self.move_register(None, bucket, Seq(1), tail, turn);
    }

    fn found_register(&mut self, register: Register, turn: &mut Turn<'_>) {
        if register.epoch > self.epoch && !mutation::is(Mutation::NewerEpochUnchecked) {
            *turn.death = Some(Death::Superseded);
            return;
        }
        let window = usize::from(register.window.max(turn.rules.window));
        self.read_tail(register, 3 * window, turn);
    }

    fn read_tail(&mut self, register: Register, seqs: usize, turn: &mut Turn<'_>) {
        self.step(Step::Tail { register, seqs });
        turn.work.push(Work::ReadTail { bucket: register.bucket, seqs });
    }

    fn found_tail(&mut self, register: Register, tail: Tail, turn: &mut Turn<'_>) {
        if register.epoch == self.epoch {
            // Mine: nothing in flight when it was evicted, so the run is whole. What the ring held is gone.
            let first = tail.settled.first().or(tail.run.first()).map_or(tail.end.next(), |entry| entry.seq);
            let lost = if first == Seq(1) { Lost::default() } else { Lost::everything() };
            let durable = Durable::reloaded(&self.id, &register, tail.end);
            self.verify_load(register, tail, lost, durable, turn);
        } else if tail.run.is_empty() || mutation::is(Mutation::NoRewrite) {
            self.settle(&register, tail, turn);
        } else {
            // An entry may have come after the touched marks of the partition were read.
            self.touched = !mutation::is(Mutation::NoRecovery);
            if mutation::is(Mutation::ToldBeforeMove) {
                tail.run
                    .iter()
                    .for_each(|entry| self.publish(entry.clone(), None, None, TraceId::default(), turn));
            }
            let window = if mutation::is(Mutation::RewriteOfOne) { 1 } else { usize::from(register.window) };
            let last_w = tail.run.len().saturating_sub(window);
            let batch = Batch {
                conversation: self.id.clone(),
                bucket: register.bucket,
                epoch: register.epoch,
                entries: tail.run[last_w..].to_vec(),
                // With every try: what the last one did is not known.
                touched: Some(self.partition),
            };
            self.step(Step::Rewrite { register, tail });
            turn.work.push(Work::Rewrite(Arc::new(batch)));
        }
    }

    fn settle(&mut self, register: &Register, tail: Tail, turn: &mut Turn<'_>) {
        self.move_register(Some(register.version), register.bucket, register.bucket_first, tail, turn);
    }

    fn move_register(
        &mut self,
        expected: Option<u64>,
        bucket: Bucket,
        bucket_first: Seq,
        tail: Tail,
        turn: &mut Turn<'_>,
    ) {
        let new = Register {
            version: expected.unwrap_or(0) + 1,
            epoch: self.epoch,
            start: tail.end.next(),
            bucket,
            bucket_first,
            window: turn.rules.window,
            counted: tail.counted,
        };
        self.step(Step::Move { tail });
        turn.work.push(Work::MoveRegister { expected, new });
    }

    fn verify_load(
        &mut self,
        register: Register,
        tail: Tail,
        lost: Lost,
        durable: Durable,
        turn: &mut Turn<'_>,
    ) {
        self.step(Step::Verify { register, tail, lost });
        turn.work.push(Work::Verify(durable));
    }

    /// L5 passed: `told` is the told head.
    pub(super) fn loaded(&mut self, told: &Told<'_>, turn: &mut Turn<'_>) {
        let Phase::Loading(load) = &mut self.phase else { return };
        let step = std::mem::replace(&mut load.step, Step::Recover);
        let Step::Verify { register, tail, lost } = step else {
            load.step = step;
            return;
        };
        debug_assert_eq!(told.upto(), tail.end);
        let Tail { end, counted, settled, run } = tail;
        // What ends a bucket without a run was settled by a load: its owner may have been fenced by then, and have settled and
        // marked it after the touched marks of the partition were read here. Then no list has it, and nothing else shows that.
        let is_doubtful = run.is_empty() && !settled.is_empty() && !mutation::is(Mutation::NoRecovery);
        let entries: Vec<Entry> = settled.into_iter().chain(run).collect();
        self.tell_again(&entries);
        let first = entries.first().map_or(end.next(), |entry| entry.seq);
        self.log = Log::loaded(register, end, counted, entries, Ring::new(first, lost), turn.now);
        // Where every entry counts nothing was ever set.
        let has_settings = matches!(self.kind, Kind::Direct(..)) && counted < end.0;
        let has_projections = matches!(self.kind, Kind::Group(..) | Kind::Pair(_));
        if self.touched || is_doubtful || has_settings || has_projections {
            turn.work.push(Work::Recover { head: end, held_from: self.touched.then_some(first) });
        } else {
            self.serve(turn);
        }
    }

    /// Whoever comes or goes by these entries of a dead owner may not have been told: neither when that was told, nor once lists
    /// had it.
    fn tell_again(&mut self, entries: &[Entry]) {
        if self.touched && self.id.is_group() {
            self.owed.tell_again(entries.iter().flat_map(membership::whom_it_moves).collect());
        }
    }

    /// Runs what the projections lack again: they are functions of the log.
    fn recovered(&mut self, recovered: Recovered, turn: &mut Turn<'_>) {
        let Recovered { head, group, relations, missing, moved, states, pins } = recovered;
        self.recover_pair(relations, &missing);
        let mut states: HashMap<Seq, State> =
            states.into_iter().map(|state| (state.shown.seq, state)).collect();
        if let (Kind::Group(_, own), Some((info, members))) = (&mut self.kind, group) {
            if self.touched {
                self.owed.tell_again_since(info.settings.changed_since, moved);
            }
            *own = Group::from_projection(info, members);
        }
        if !mutation::is(Mutation::RetentionForgotten) {
            self.retention_seconds = head.as_ref().map_or(0, |head| head.retention_seconds);
        }
        let waiting = head.as_ref().and_then(|head| head.confirming.clone());
        self.owed.confirms.listed(waiting.unwrap_or_default());
        self.tell_again(&missing);
        for entry in &missing {
            self.fold_retention(entry);
            self.owed.confirms.fold(entry);
            if let Kind::Group(id, group) = &mut self.kind {
                let changed = group.apply(entry, turn.rules.group);
                if group.watermark() == Some(entry.seq) {
                    let info = group.info(id);
                    self.owed.owe_change(entry, changed, info);
                }
            }
            self.owed.owe_read(entry);
            self.owe_mentions(entry);
            self.lay_again(entry, &mut states, &pins);
        }
        let owing = self.touched || !missing.is_empty();
        let last = missing.into_iter().next_back().or(head.map(|row| row.last));
        if let Some(entry) = last {
            self.log.seed(entry);
        }
        if owing {
            self.owed.set_marked();
            self.owed.owe_head(turn.now);
        }
        self.serve(turn);
    }

    /// A change that may not have been projected: on top of what was, and of those before it.
    fn lay_again(&mut self, entry: &Entry, states: &mut HashMap<Seq, State>, pins: &Pins) {
        let Some((target, _)) = entry.body.as_change() else { return };
        let before = match self.owed.fresh.state(target.seq) {
            Some(state) => State::clone(state),
            None => states.remove(&target.seq).unwrap_or_else(|| State::of(target.seq)),
        };
        let pins = self.owed.fresh.pins().map_or_else(|| pins.clone(), |pins| Pins::clone(pins));
        self.owed.fresh.lay(overlay::lay(entry, &before, &pins));
    }

    fn serve(&mut self, turn: &mut Turn<'_>) {
        if let Phase::Loading(load) = &self.phase {
            let took_ms = turn.now.steady_ms.saturating_sub(load.since_ms);
            turn.metrics.load_seconds.record(took_ms as f64 / 1_000.0);
        }
        self.phase = Phase::Serving;
        if self.log.head == Seq::ZERO {
            self.owed.confirms.listed(Vec::new());
        } else if !mutation::is(Mutation::QuietLoad) {
            self.publish_head(turn);
            self.probe.told(turn.now);
        }
    }

    fn step(&mut self, step: Step) {
        if let Phase::Loading(load) = &mut self.phase {
            load.step = step;
        }
    }
}
