//! Everything that ever left a router, and what must hold of it at once and at the end.

mod contacts;
mod keeping;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lifecycle::sim::note;
use proto::TraceId;
use proto::delivery::Fanout;
use proto::server_frame::{Ack, Nack, Page};
use proto::{
    ClientMessageId, Code, Contact, ConversationId, ConversationKind, Delivery, Entry, MessageId, Payload,
    Reply, Seq, ServerFrame, Target, Timestamp, UserId,
};
use tokio::time::Instant;

use crate::plan::Plan;
use contacts::Block;
pub use contacts::STRANGER;
use keeping::Keeping;

/// See the module.
pub struct Record {
    began: Instant,
    shown: BTreeMap<(ConversationId, Seq), Shown>,
    places: BTreeMap<(ConversationId, ClientMessageId), Seq>,
    acks: BTreeMap<(ConversationId, ClientMessageId), Seq>,
    heads: BTreeMap<ConversationId, Vec<(Instant, Seq)>>,
    /// To whom an event or a head was published, and when.
    published: BTreeMap<ConversationId, Vec<(Target, Instant, Seq)>>,
    calls: BTreeMap<ClientMessageId, Call>,
    /// Where changes of groups were said to be.
    changes: BTreeSet<(ConversationId, Seq)>,
    clocks_are_right: bool,
    /// Whether the first user blocks the one without devices.
    block: Block,
    /// What users are told of each other, by who is meant.
    contacts: BTreeMap<UserId, Contact>,
    /// How long entries are kept where nobody asked for anything else, in milliseconds; 0: for ever.
    retention_ms: u64,
    keeping: BTreeMap<ConversationId, Keeping>,
    /// How old an answer may be.
    answers_old: Option<Duration>,
    violation: Option<String>,
}

/// A message that a program said once.
struct Call {
    /// By the clock of whoever appends it.
    deadline: Timestamp,
    /// It was refused as late, which says that it is not stored and never will be.
    is_refused: bool,
    /// If it is for a contact: when it was said, and what was known of the block then.
    said: Option<(Instant, Block)>,
}

/// What was told of one place in a log.
struct Shown {
    ids: (ClientMessageId, MessageId),
    /// An ack does not tell it.
    entry: Option<Entry>,
}

/// What was told so long before somebody asked is in the answer.
const ANSWERS_OLD_MAX: Duration = Duration::from_secs(3);

/// The trace of a command that is sent now, in a world that began then; `number` is of no other of its gateway.
pub fn trace_of(began: Instant, number: u64) -> TraceId {
    TraceId(((began.elapsed().as_millis() + 1) << 64) | u128::from(number))
}

/// When the command with this trace was sent.
fn asked(began: Instant, TraceId(trace): TraceId) -> Option<Instant> {
    let ms = u64::try_from((trace >> 64).checked_sub(1)?).ok()?;
    Some(began + Duration::from_millis(ms))
}

impl Record {
    /// Of a world.
    pub fn of(plan: &Plan) -> Self {
        let retention_ms = u64::try_from(plan.retention.as_millis()).unwrap_or(u64::MAX);
        let answers_old = (!plan.has_deaf_routers()).then_some(ANSWERS_OLD_MAX);
        Self {
            began: Instant::now(),
            shown: BTreeMap::new(),
            places: BTreeMap::new(),
            acks: BTreeMap::new(),
            heads: BTreeMap::new(),
            published: BTreeMap::new(),
            calls: BTreeMap::new(),
            changes: BTreeSet::new(),
            clocks_are_right: plan.has_right_clocks(),
            block: Block::Told(false, Instant::now()),
            contacts: BTreeMap::new(),
            retention_ms,
            keeping: BTreeMap::new(),
            answers_old,
            violation: None,
        }
    }

    /// Something left a router.
    pub fn delivery(&mut self, delivery: &Delivery) {
        match &delivery.payload {
            Payload::Fanout(fanout) => {
                self.publish(&delivery.target, fanout);
                self.frame(fanout.frame.frame());
            }
            Payload::Reply(_, Reply::Frame(frame)) => {
                match frame {
                    ServerFrame::Page(page) => {
                        self.answered(&page.conversation, page.head, delivery.trace);
                        self.check_kept(page, delivery.trace);
                    }
                    ServerFrame::Ack(ack) => self.check_published(ack, delivery.trace),
                    ServerFrame::Contact(contact) => self.heard_of_block(contact),
                    _ => {}
                }
                self.frame(frame);
            }
            Payload::Reply(_, Reply::GroupDone(done)) if done.seq > Seq::ZERO => {
                self.changes.insert((ConversationId::group(&done.group), done.seq));
            }
            Payload::Reply(_, Reply::Heads(heads)) => {
                for state in heads.iter().filter(|state| state.member) {
                    self.head(&state.conversation, state.seq);
                    state.last.iter().for_each(|entry| self.read(&state.conversation, entry));
                }
            }
            Payload::Reply(..) | Payload::Control(_) | Payload::Broadcast(_) => {}
        }
    }

    fn frame(&mut self, frame: &ServerFrame) {
        match frame {
            ServerFrame::Ack(ack) => self.ack(ack),
            ServerFrame::Nack(nack) => {
                note(|| format!("nack {} {:?} {}", nack.frame, nack.code, nack.message));
                self.refused(nack);
            }
            ServerFrame::Contact(contact) => self.contact(contact),
            ServerFrame::Event(event) => self.entry(&event.conversation, &event.entry),
            ServerFrame::Page(page) => self.page(page),
            ServerFrame::Head(head) => self.head(&head.conversation, head.last),
            ServerFrame::Delta(delta) => {
                for state in delta.conversations.iter().filter(|state| !state.left) {
                    self.head(&state.conversation, state.head);
                    state.last.iter().for_each(|entry| self.read(&state.conversation, entry));
                }
            }
            _ => {}
        }
    }

    fn ack(&mut self, ack: &Ack) {
        note(|| format!("ack {} {} {}", ack.conversation, ack.seq, ack.client_message_id));
        let key = (ack.conversation.clone(), ack.client_message_id);
        let before = self.acks.insert(key, ack.seq).filter(|before| *before != ack.seq);
        // Once the first copy is too old it may be stored again; who answered for the first may still be telling so.
        let first = before.map(|before| before.min(ack.seq));
        if first.is_some_and(|first| !self.may_be_forgotten(&ack.conversation, first)) {
            self.violate(format!("{} is acknowledged at two places", ack.client_message_id));
        }
        self.in_time(ack.client_message_id, ack.time);
        self.show(&ack.conversation, ack.seq, (ack.client_message_id, ack.message_id), None);
    }

    fn entry(&mut self, conversation: &ConversationId, entry: &Entry) {
        let ids = (entry.client_message_id, entry.message_id);
        self.in_time(entry.client_message_id, entry.time);
        self.show(conversation, entry.seq, ids, Some(entry));
    }

    /// An entry in an answer: by the clock of whoever gives it, it has not expired.
    fn read(&mut self, conversation: &ConversationId, entry: &Entry) {
        if entry.body.left_at(Timestamp(lifecycle::wall_clock_ms())).is_some() {
            self.violate(format!("{conversation} {} is shown after it expired", entry.seq));
        }
        self.entry(conversation, entry);
    }

    /// Every reader may see everything here, so a page has everything that is kept.
    fn page(&mut self, page: &Page) {
        let Page { conversation, from, to, entries, head, .. } = page;
        self.head(conversation, *head);
        entries.iter().for_each(|entry| self.read(conversation, entry));
        let first = entries.first().map_or(to.next(), |entry| entry.seq).max(*from);
        let contiguous = entries.iter().zip(first.0..).all(|(entry, seq)| entry.seq.0 == seq);
        let whole = entries.len() as u64 == (to.0 + 1).saturating_sub(first.0);
        let now = Timestamp(lifecycle::wall_clock_ms());
        if !contiguous || !whole || (first > *from && !self.is_old(conversation, first, now)) {
            let count = entries.len();
            self.violate(format!("{conversation} has a hole: {count} entries in {from}..={to}"));
        }
    }

    /// Whether everything before a seq is older than what is kept.
    pub fn is_old(&self, conversation: &ConversationId, before: Seq, now: Timestamp) -> bool {
        let last = (conversation.clone(), Seq(before.0.saturating_sub(1)));
        let shown = self.shown.get(&last).and_then(|shown| shown.entry.as_ref());
        // What nobody was shown may be anything.
        let kept_ms = self.kept_ms(conversation);
        kept_ms > 0 && shown.is_none_or(|entry| entry.time < now.minus_ms(kept_ms))
    }

    fn head(&mut self, conversation: &ConversationId, head: Seq) {
        if head > self.newest(conversation) {
            self.heads.entry(conversation.clone()).or_default().push((Instant::now(), head));
        }
    }

    /// Whoever asks is told of everything that anybody was told long before.
    fn answered(&mut self, conversation: &ConversationId, head: Seq, trace: TraceId) {
        let told = self.heads.get(conversation).map_or(&[][..], Vec::as_slice);
        let after = told.partition_point(|(_, told)| *told <= head);
        let (Some((since, told)), Some(asked)) = (told.get(after), asked(self.began, trace)) else { return };
        let ms = asked.saturating_duration_since(*since).as_millis();
        if self.answers_old.is_some_and(|old| ms > old.as_millis()) {
            self.violate(format!("{conversation}: who asked was told {head}, {ms} ms after {told} was told"));
        }
    }

    fn show(
        &mut self,
        conversation: &ConversationId,
        seq: Seq,
        ids: (ClientMessageId, MessageId),
        entry: Option<&Entry>,
    ) {
        self.head(conversation, seq);
        self.heard_of_keeping(conversation, ids.0);
        let before = self.places.insert((conversation.clone(), ids.0), seq).filter(|before| *before != seq);
        if let Some(before) = before.filter(|before| !self.may_be_forgotten(conversation, seq.min(*before))) {
            self.violate(format!("{conversation} shows {} at {before} and at {seq}", ids.0));
        }
        let key = (conversation.clone(), seq);
        let Some(shown) = self.shown.get_mut(&key) else {
            self.shown.insert(key, Shown { ids, entry: entry.cloned() });
            return;
        };
        let same = match (&shown.entry, entry) {
            (Some(before), Some(now)) => is_same(before, now),
            _ => shown.ids == ids,
        };
        let before = shown.ids;
        // What has not expired says more.
        if shown.entry.as_ref().is_none_or(has_expired) {
            shown.entry = entry.cloned().or_else(|| shown.entry.take());
        }
        if !same {
            self.violate(format!("{conversation} {seq} was shown as {} and then as {}", before.0, ids.0));
        }
    }

    /// A program says something once. If it is appended, then not after this time by the clock of who appends it.
    pub fn called(&mut self, id: ClientMessageId, deadline: Timestamp) {
        self.calls.insert(id, Call { deadline, is_refused: false, said: None });
    }

    /// What was appended had not waited past its deadline.
    fn in_time(&mut self, id: ClientMessageId, time: Timestamp) {
        let Some(Call { deadline, is_refused, said }) = self.calls.get(&id) else { return };
        if self.is_blocked_since(*said) {
            self.violate(format!("{id} is there, though one of the two was known to block the other"));
        } else if *is_refused {
            self.violate(format!("{id} was refused as not stored, and is there"));
        } else if time > *deadline {
            let ms = time.0 - deadline.0;
            self.violate(format!("{id} was appended {ms} ms after its deadline"));
        }
    }

    /// Where clocks differ, by so little that only this shows it, a copy may still be in time for another router.
    fn refused(&mut self, nack: &Nack) {
        const APART_MS: u64 = 10;
        self.refused_contact(nack);
        let now = Timestamp(lifecycle::wall_clock_ms());
        let Some(id) = nack.client_message_id.filter(|_| nack.code == Code::Late && self.clocks_are_right)
        else {
            return;
        };
        let Some(call) = self.calls.get_mut(&id) else { return };
        let is_near = call.deadline <= now && now <= call.deadline.plus_ms(APART_MS);
        call.is_refused |= !is_near;
        if !is_near && self.places.keys().any(|(_, placed)| *placed == id) {
            self.violate(format!("{id} was refused as not stored, and is there"));
        }
    }

    fn publish(&mut self, target: &Target, fanout: &Fanout) {
        if matches!(fanout.frame.frame(), ServerFrame::Event(_) | ServerFrame::Head(_)) {
            let published = self.published.entry(fanout.conversation.clone()).or_default();
            published.push((target.clone(), Instant::now(), fanout.seq));
        }
    }

    /// Whoever is acknowledged, all others were told first: of the first copy, and of each that is sent again, because the
    /// event of the one before may be what was lost.
    fn check_published(&mut self, ack: &Ack, trace: TraceId) {
        let Some(asked) = asked(self.began, trace) else { return };
        let published = self.published.get(&ack.conversation).map_or(&[][..], Vec::as_slice);
        let recent = || published.iter().rev().take_while(|(_, at, _)| *at >= asked);
        let is_told = |target: Target| recent().any(|(to, _, seq)| *to == target && *seq >= ack.seq);
        let all = match ack.conversation.kind() {
            ConversationKind::Direct(one, other) => {
                is_told(Target::User(one)) && is_told(Target::User(other))
            }
            ConversationKind::Group(group) => is_told(Target::Group(group)),
            ConversationKind::Pair(..) => true,
        };
        if !all {
            let (conversation, seq) = (&ack.conversation, ack.seq);
            self.violate(format!("{conversation} {seq} was acknowledged before it was published"));
        }
    }

    /// Whether nothing of a place need be there: what is sent again after that is new.
    fn may_be_forgotten(&self, conversation: &ConversationId, seq: Seq) -> bool {
        self.is_old(conversation, seq.next(), Timestamp(lifecycle::wall_clock_ms()))
    }

    /// Where a message was shown.
    pub fn place(&self, conversation: &ConversationId, id: ClientMessageId) -> Option<Seq> {
        self.places.get(&(conversation.clone(), id)).copied()
    }

    /// Something is wrong; the first thing counts.
    pub fn violate(&mut self, what: String) {
        if self.violation.is_none() {
            note(|| format!("VIOLATION {what}"));
            self.violation = Some(what);
        }
    }

    /// What is wrong.
    pub fn violation(&self) -> Option<String> {
        self.violation.clone()
    }

    /// The newest seq that was told of a conversation.
    pub fn newest(&self, conversation: &ConversationId) -> Seq {
        self.heads.get(conversation).and_then(|told| told.last()).map_or(Seq::ZERO, |(_, head)| *head)
    }

    /// Conversations of which anything was told.
    pub fn conversations(&self) -> Vec<ConversationId> {
        self.heads.keys().cloned().collect()
    }

    /// How many messages were acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.acks.len() as u64
    }

    /// Compares with all that is left of a log, up to the newest seq that was told.
    pub fn check(&self, conversation: &ConversationId, log: &[Entry], now: Timestamp) -> Result<(), String> {
        let head = self.newest(conversation);
        let first = log.first().map_or(head.next(), |entry| entry.seq);
        if first > Seq(1) && !self.is_old(conversation, first, now) {
            return Err(format!("{conversation} begins with {first}"));
        }
        for (seq, entry) in (first.0..).zip(log) {
            if entry.seq.0 != seq {
                return Err(format!("{conversation} has {} where {seq} should be", entry.seq));
            }
        }
        if log.len() as u64 != head.0 + 1 - first.0 {
            return Err(format!(
                "{conversation} has {} entries from {first}, but {head} was told",
                log.len()
            ));
        }
        let mut ids = BTreeMap::new();
        for entry in log {
            if let Some(before) = ids.insert(entry.client_message_id, entry.seq)
                && !self.is_old(conversation, before.next(), now)
            {
                let id = entry.client_message_id;
                return Err(format!("{conversation} has {id} at {before} and at {}", entry.seq));
            }
        }
        for (_, seq) in self.changes.iter().filter(|(of, seq)| of == conversation && *seq >= first) {
            let found = usize::try_from(seq.0 - first.0).ok().and_then(|at| log.get(at));
            if found.is_none_or(is_message) {
                return Err(format!("{conversation}: the change that was said to be {seq} is not there"));
            }
        }
        let shown = self.shown.iter().filter(|((of, seq), _)| of == conversation && *seq >= first);
        for ((_, seq), shown) in shown {
            let found = usize::try_from(seq.0 - first.0).ok().and_then(|at| log.get(at));
            let same = found.is_some_and(|found| match &shown.entry {
                Some(entry) => is_same(entry, found),
                None => shown.ids == (found.client_message_id, found.message_id),
            });
            if !same {
                let found = found.map(|found| found.client_message_id);
                return Err(format!("{conversation} {seq} was shown as {} but is {found:?}", shown.ids.0));
            }
        }
        Ok(())
    }
}

/// Whether two readers got the same entry, one of them perhaps after it expired.
pub fn is_same(one: &Entry, other: &Entry) -> bool {
    let left = |entry: &Entry| {
        let body = entry.body.left_at(Timestamp(u64::MAX)).unwrap_or_else(|| entry.body.clone());
        Entry { body, ..entry.clone() }
    };
    one == other || ((has_expired(one) || has_expired(other)) && left(one) == left(other))
}

/// Whether it counts as unread. Devices and programs say nothing else, but for how long entries are kept; all other entries
/// are written by the router.
pub fn is_message(entry: &Entry) -> bool {
    entry.client_message_id.0[..7] == [0; 7]
}

fn has_expired(entry: &Entry) -> bool {
    entry.body.expiry().is_some_and(|expiry| expiry.expired)
}
