//! Appending: what waits becomes a batch, the batch becomes durable, verified, told.

use std::sync::Arc;

use proto::client_frame::AckMode;
use proto::server_frame::Nack;
use proto::{Code, Entry, Reply, Request, Seq, ServerFrame, limits};
use smallvec::SmallVec;
use store::mutation::{self, Mutation};
use store::{Batch, Durable, StoreError};

use super::announce::{self, Asker};
use super::decide::{Decision, Stored};
use super::log::{counted_after, seconds};
use super::pending::Answer;
use super::{Conversation, Kind, Phase, Target};
use crate::rules::admission::Sender;
use crate::rules::backoff::pause_ms;
use crate::rules::overlay::{self, Laid};
use crate::told::Told;
use crate::turn::{Death, Turn, Work};

/// The batch between its append and its being told.
pub struct InFlight {
    batch: Arc<Batch>,
    items: SmallVec<[Item; 1]>,
    stage: Stage,
    failures: u32,
    since_ms: u64,
}

enum Stage {
    /// The store has it.
    Appending,
    /// The store failed; the very same batch again at this steady time.
    Retrying(u64),
    /// Durable; the check is on its way.
    Verifying,
}

/// Whose entry it is, and how it is told.
struct Item {
    asker: Asker,
    sender: Sender,
    told_as: ToldAs,
    /// Which message it changes, and what it makes of it.
    laid: Option<Box<(Seq, Laid)>>,
}

impl Item {
    /// Whether it changes what this change would be decided by.
    fn concerns(&self, target: Option<&Target>) -> bool {
        match (&self.laid, target) {
            (Some(laid), Some(target)) => {
                laid.0 == target.entry.seq || (laid.1.pins.is_some() && target.pins.is_some())
            }
            _ => false,
        }
    }
}

enum ToldAs {
    Message(AckMode),
    Change,
}

impl InFlight {
    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.batch.entries.len()
    }

    pub fn retry_at(&self) -> Option<u64> {
        match self.stage {
            Stage::Retrying(at) => Some(at),
            Stage::Appending | Stage::Verifying => None,
        }
    }

    /// Says of each that it is not stored, which nobody knows: what must never be done.
    fn refuse(&self, turn: &mut Turn<'_>) {
        for (entry, Item { asker, .. }) in self.batch.entries.iter().zip(&self.items) {
            let nack = Nack::of_send(entry.client_message_id, Code::Late, "the store did not answer");
            announce::reply(&asker.origin, asker.trace, Reply::Frame(ServerFrame::Nack(nack)), turn);
        }
    }
}

impl Conversation {
    /// Forms the next batch out of what waits, if nothing is in flight.
    pub fn pump(&mut self, turn: &mut Turn<'_>) {
        let rolls_early = self.rolls_too_early(turn);
        let is_busy = self.in_flight.is_some() && !rolls_early;
        if self.queue.is_empty() || is_busy || !matches!(self.phase, Phase::Serving) {
            return;
        }
        let room = self.log.room(turn.now.wall, turn.rules);
        if room == 0 || rolls_early {
            self.roll_over(turn);
            return;
        }
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let entries_max = room.min(limits::APPEND_ENTRIES_MAX).min(usize::from(turn.rules.window));
        let mut entries: Vec<Entry> = Vec::with_capacity(self.queue.len().min(entries_max));
        let mut items = SmallVec::new();
        let mut bytes = 0;
        while entries.len() < entries_max {
            let Some(pending) = self.queue.front() else { break };
            match self.decide(pending, turn) {
                Decision::Wait => break,
                Decision::Ask => {
                    self.ask_ahead(turn);
                    break;
                }
                Decision::AskPair => {
                    self.ask_pair(turn);
                    break;
                }
                Decision::Stored(Stored::At(seq)) => {
                    self.read_stored(seq, turn);
                    break;
                }
                Decision::Append { id, body, target } => {
                    bytes += body.encoded().len();
                    let is_full = bytes > limits::APPEND_BYTES_MAX && !entries.is_empty();
                    // What changes a message waits until earlier changes of it are told, because they decide it.
                    if is_full || items.iter().any(|item: &Item| item.concerns(target.as_deref())) {
                        break;
                    }
                    let Some(message_id) = turn.ids.next(turn.now.wall) else {
                        self.refuse_front(turn);
                        continue;
                    };
                    let last =
                        entries.last().map_or((self.log.head, self.log.counted), |e| (e.seq, e.counted));
                    let Some(pending) = self.queue.take() else { break };
                    let entry = Entry {
                        seq: last.0.next(),
                        message_id,
                        sender: pending.command.origin.user.clone(),
                        time: turn.now.wall,
                        counted: counted_after(last.1, &body),
                        client_message_id: id,
                        body: body.sent_at(turn.now.wall),
                    };
                    self.log.ring.push(id, seconds(turn.now));
                    let item = Self::item(pending, &entry, target.as_deref());
                    // The next that is to be confirmed has to know of this one.
                    let is_change =
                        matches!(item.told_as, ToldAs::Change) || entry.body.must_confirm().is_some();
                    items.push(item);
                    entries.push(entry);
                    // What comes after a change is decided by it, so it waits until the change is told.
                    if is_change {
                        break;
                    }
                }
                decision => self.settle_front(decision, turn),
            }
        }
        self.ask_pair_anew();
        if !entries.is_empty() {
            self.launch(entries, items, turn);
        }
    }

    fn item(pending: super::Pending, entry: &Entry, target: Option<&Target>) -> Item {
        let super::Pending { command, sender, arrived_ms, .. } = pending;
        let asker = Asker { origin: command.origin, trace: command.trace, arrived_ms };
        let told_as = match &command.request {
            Request::Group(..) | Request::Contact(..) => ToldAs::Change,
            Request::Send(send) => ToldAs::Message(send.ack),
            _ => ToldAs::Message(AckMode::None),
        };
        let lay = |target: &Target| {
            let pins = target.pins.clone().unwrap_or_default();
            Box::new((target.entry.seq, overlay::lay(entry, &target.state, &pins)))
        };
        Item { asker, sender, told_as, laid: target.map(lay) }
    }

    /// Answers the command at the front without appending it.
    fn settle_front(&mut self, decision: Decision, turn: &mut Turn<'_>) {
        let Some(pending) = self.queue.serve(turn.admission) else { return };
        let asker = pending.asker();
        match (decision, &pending.command.request) {
            (Decision::Stored(Stored::Entry(entry)), _) if entry.sender != asker.origin.user => {
                Self::not_yours(&asker, entry.client_message_id, turn);
            }
            (Decision::Stored(Stored::Entry(entry)), Request::Send(send)) => {
                self.repeat(asker, send.ack, *entry, turn);
            }
            (Decision::Stored(Stored::Entry(entry)), Request::Group(..)) => {
                self.settle_group(&asker, entry.seq, turn);
            }
            (Decision::Live, Request::Send(send)) => self.tell_live(&asker, send, turn),
            (Decision::Confirm { seq, number }, _) => self.confirm(asker, seq, number, turn),
            (Decision::Refuse(code, text), _) => announce::nack(&pending.command, code, text, 0, turn),
            (Decision::Muted(until), _) => announce::muted(&pending.command, until, turn),
            (Decision::Unavailable, _) => announce::unavailable(&pending.command, turn),
            (Decision::Busy, _) => announce::busy(&pending.command, announce::BUSY_RETRY_MS, turn),
            (_, Request::Contact(..)) => self.settle_pair(asker, turn),
            (_, Request::Group(..)) => {
                let unlogged = mutation::is(Mutation::UnloggedChange);
                self.settle_group(&asker, if unlogged { self.log.head } else { Seq::ZERO }, turn);
            }
            _ => announce::reply(&asker.origin, asker.trace, proto::Reply::Settled, turn),
        }
    }

    /// The group is as it was asked to be: by the entry at this place, or by none.
    fn settle_group(&self, asker: &Asker, seq: Seq, turn: &mut Turn<'_>) {
        let members = if let Kind::Group(_, group) = &self.kind { group.size() } else { 0 };
        turn.metrics.dedupe_hits.increment(u64::from(seq > Seq::ZERO));
        self.group_done(asker, seq, members, turn);
    }

    fn refuse_front(&mut self, turn: &mut Turn<'_>) {
        if let Some(pending) = self.queue.serve(turn.admission) {
            announce::unavailable(&pending.command, turn);
        }
    }

    fn read_stored(&mut self, seq: proto::Seq, turn: &mut Turn<'_>) {
        if let Some(front) = self.queue.front_mut() {
            front.own = Answer::Asked;
            turn.work.push(Work::ReadEntry { seq, head: self.log.head });
        }
    }

    fn launch(&mut self, entries: Vec<Entry>, items: SmallVec<[Item; 1]>, turn: &mut Turn<'_>) {
        turn.metrics.batch_entries.record(entries.len() as f64);
        let batch = Arc::new(Batch {
            conversation: self.id.clone(),
            bucket: self.log.register.bucket,
            epoch: self.epoch,
            entries,
            touched: self.owed.mark(self.partition),
        });
        turn.work.push(Work::Append(Arc::clone(&batch)));
        let (stage, since_ms) = (Stage::Appending, turn.now.steady_ms);
        self.in_flight = Some(InFlight { batch, items, stage, failures: 0, since_ms });
    }

    pub(super) fn appended(&mut self, appended: Result<Durable, StoreError>, turn: &mut Turn<'_>) {
        if matches!(self.phase, Phase::Loading(_)) {
            self.load_outcome(crate::turn::Outcome::Rewritten(appended), turn);
            return;
        }
        let Some(in_flight) = &mut self.in_flight else { return };
        match appended {
            Ok(durable) => {
                in_flight.stage = Stage::Verifying;
                turn.work.push(Work::Verify(durable));
            }
            Err(error) => {
                // A2: whatever the error says, an earlier try of the same batch may still take place.
                in_flight.failures += 1;
                turn.metrics.append_retries.increment(1);
                let waited_ms = turn.now.steady_ms.saturating_sub(in_flight.since_ms);
                if waited_ms > turn.rules.give_up_ms || matches!(error, StoreError::Corrupt(_)) {
                    tracing::error!(conversation = %self.id, waited_ms, %error, "append given up");
                    *turn.death = Some(Death::GaveUp);
                    return;
                }
                if in_flight.failures == 1 {
                    tracing::debug!(conversation = %self.id, %error, "append failed, writing the same again");
                }
                if mutation::is(Mutation::OtherBytes) {
                    self.in_flight = None;
                    return;
                }
                if mutation::is(Mutation::UnknownRefused) {
                    in_flight.refuse(turn);
                }
                in_flight.stage = Stage::Retrying(turn.now.steady_ms + pause_ms(in_flight.failures));
            }
        }
    }

    pub(super) fn retry_append(&mut self, turn: &mut Turn<'_>) {
        let Some(in_flight) = &mut self.in_flight else { return };
        if in_flight.retry_at().is_some_and(|at| at <= turn.now.steady_ms) {
            in_flight.stage = Stage::Appending;
            turn.work.push(Work::Append(Arc::clone(&in_flight.batch)));
        }
    }

    /// Tells the batch: events first, then acks, in seq order.
    pub(super) fn tell(&mut self, told: &Told<'_>, turn: &mut Turn<'_>) {
        let covers = |in_flight: &InFlight| {
            matches!(in_flight.stage, Stage::Verifying)
                && in_flight.batch.entries.last().is_some_and(|last| last.seq <= told.upto())
        };
        if !self.in_flight.as_ref().is_some_and(covers) {
            return;
        }
        let Some(InFlight { batch, items, .. }) = self.in_flight.take() else { return };
        // The store keeps no reference once it has answered; if it does, a copy is as good.
        let entries =
            Arc::try_unwrap(batch).map_or_else(|shared| shared.entries.clone(), |batch| batch.entries);
        turn.metrics.messages.increment(entries.len() as u64);
        for (entry, item) in entries.into_iter().zip(items) {
            let Item { asker, sender, told_as, laid } = item;
            turn.admission.serve(sender);
            let waited_ms = turn.now.steady_ms.saturating_sub(asker.arrived_ms);
            turn.metrics.ack_seconds.record(waited_ms as f64 / 1_000.0);
            match told_as {
                ToldAs::Message(mode) => {
                    self.fold_retention(&entry);
                    self.owed.confirms.fold(&entry);
                    // Nothing is kept for the visitors of a live room.
                    if !self.is_room() {
                        self.owed.owe_read(&entry);
                        self.owe_mentions(&entry);
                    }
                    if let Some(laid) = laid {
                        self.owed.fresh.lay(laid.1);
                    }
                    if mutation::is(Mutation::AckedFirst) {
                        self.ack(&asker, mode, &entry, turn);
                    }
                    self.publish(entry.clone(), Some(asker.origin.session), None, asker.trace, turn);
                    self.ack_when_hidden(asker, mode, &entry, turn);
                }
                ToldAs::Change if matches!(self.kind, Kind::Pair(_)) => self.tell_pair(&entry, asker, turn),
                ToldAs::Change => self.tell_change(&entry, &asker, turn),
            }
            self.log.advance(entry);
        }
        self.owed.owe_head(turn.now);
        self.probe.told(turn.now);
    }

    /// A change counts from now on, for readers and for what comes after it, and not before: an owner that is fenced
    /// while it is in flight must not have let anyone see it.
    fn tell_change(&mut self, entry: &Entry, asker: &Asker, turn: &mut Turn<'_>) {
        let Kind::Group(id, group) = &mut self.kind else { return };
        let changed = group.apply(entry, turn.rules.group);
        let (info, members) = (group.info(id), group.size());
        self.publish(entry.clone(), None, Some(&changed), asker.trace, turn);
        let ended = info.as_ref().is_some_and(|info| info.dismissed && info.settings.room.is_some());
        if ended {
            self.publish_end(asker.trace, turn);
        }
        self.group_done(asker, entry.seq, members, turn);
        self.owed.owe_change(entry, changed, info);
    }
}
