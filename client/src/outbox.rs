//! Sends on their way out: kept, in order, until the server acknowledges them or refuses them for good. No io.
//!
//! ```text
//! waiting ──due──► in flight ──ack──► settled
//!    ▲                │ no answer, temporary nack, socket lost
//!    └────────────────┘
//! ```
//!
//! **Guarantees.** A retry has the same client message id, `attempt` one higher and the true age. A send never leaves
//! before an earlier one to the same conversation; while that one is unacknowledged, `after` names it.
//!
//! **Limits.** At most `window` sends in flight, as `welcome.limits.unanswered` says; after a `BUSY` at most those that were not
//! refused, and one more with each acknowledgement. How many are kept is bounded by who calls [`Outbox::accept`].

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use proto::client_frame::{AckMode, Recipient, Send};
use proto::server_frame::{Ack, Nack};
use proto::{Body, ClientMessageId, Code, ConversationId, UserId};
use rand::rngs::StdRng;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::{Backoff, Refused};

/// A send that the application asked for.
#[derive(Debug)]
#[allow(missing_docs, reason = "the fields of a send, and who waits for its end")]
pub struct Outgoing {
    pub id: ClientMessageId,
    pub to: Recipient,
    pub body: Body,
    pub ack: AckMode,
    pub done: oneshot::Sender<Result<Ack, Refused>>,
}

#[derive(Debug)]
struct Pending {
    outgoing: Outgoing,
    conversation: ConversationId,
    /// When it first left; ages count from here.
    first_left: Option<Instant>,
    /// How often it left.
    attempts: u32,
    in_flight: bool,
    /// When to send it again, or to give up waiting for the answer; `None` while it is ready to leave.
    due: Option<Instant>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// By order of acceptance.
    sends: BTreeMap<u64, Pending>,
    numbers: HashMap<ClientMessageId, u64>,
    lanes: HashMap<ConversationId, BTreeSet<u64>>,
    /// May leave as soon as the window allows.
    ready: BTreeSet<u64>,
    due: BTreeSet<(Instant, u64)>,
    next_number: u64,
    in_flight: usize,
    /// How many may be, and how many the server has taken of late without being too busy for more.
    window: usize,
    open: usize,
    backoff: Backoff,
    answer_timeout: Duration,
}

impl Outbox {
    pub(crate) fn new(backoff: Backoff, answer_timeout: Duration) -> Self {
        Self {
            sends: BTreeMap::new(),
            numbers: HashMap::new(),
            lanes: HashMap::new(),
            ready: BTreeSet::new(),
            due: BTreeSet::new(),
            next_number: 0,
            in_flight: 0,
            window: 0,
            open: 0,
            backoff,
            answer_timeout,
        }
    }

    /// Sends not settled.
    pub(crate) fn len(&self) -> usize {
        self.sends.len()
    }

    /// Takes a send of `user`; it leaves at the next [`Self::poll`]. A client message id that is already here is the
    /// application's mistake: the second is refused.
    pub(crate) fn accept(&mut self, outgoing: Outgoing, user: &UserId) {
        if self.numbers.contains_key(&outgoing.id) {
            let message = "a send with this client_message_id is already on its way".to_owned();
            // The caller may have stopped waiting; then nobody needs the refusal.
            let _ = outgoing.done.send(Err(Refused::Code { code: Code::Conflict, message }));
            return;
        }
        let number = self.next_number;
        self.next_number += 1;
        let conversation = outgoing.to.conversation(user);
        self.numbers.insert(outgoing.id, number);
        self.lanes.entry(conversation.clone()).or_default().insert(number);
        self.ready.insert(number);
        let pending =
            Pending { outgoing, conversation, first_left: None, attempts: 0, in_flight: false, due: None };
        self.sends.insert(number, pending);
    }

    /// A socket is ready: everything leaves again, in order.
    pub(crate) fn connected(&mut self, window: usize) {
        self.disconnected();
        self.window = window.max(1);
        self.open = self.window;
    }

    /// Nothing leaves until the next [`Self::connected`].
    pub(crate) fn disconnected(&mut self) {
        self.window = 0;
        self.in_flight = 0;
        self.due.clear();
        for pending in self.sends.values_mut() {
            pending.due = None;
            pending.in_flight = false;
        }
        self.ready = self.sends.keys().copied().collect();
    }

    /// When [`Self::poll`] has something to do, unless an answer or a new send comes first.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Emits what is due, while the window has room.
    pub(crate) fn poll(&mut self, now: Instant, emit: &mut impl FnMut(Send)) {
        while let Some((_, number)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            self.wait_no_longer(number);
            self.ready.insert(number);
        }
        while self.in_flight < self.window.min(self.open)
            && let Some(number) = self.ready.pop_first()
        {
            match self.predecessor_due(number) {
                Some(later) => self.schedule(number, later),
                None => emit(self.leave(number, now)),
            }
        }
    }

    /// The server has it.
    pub(crate) fn acknowledged(&mut self, ack: Ack) {
        if let Some(pending) = self.remove(ack.client_message_id) {
            self.open = self.window.min(self.open + 1);
            let _ = pending.outgoing.done.send(Ok(ack));
        }
    }

    /// The server refused it: for good, or for now.
    pub(crate) fn refused(&mut self, nack: Nack, now: Instant, random: &mut StdRng) {
        let Some(id) = nack.client_message_id else { return };
        if !nack.code.temporary() {
            if let Some(pending) = self.remove(id) {
                let refused = Refused::Code { code: nack.code, message: nack.message };
                let _ = pending.outgoing.done.send(Err(refused));
            }
            return;
        }
        let Some(number) = self.numbers.get(&id).copied() else { return };
        let Some(pending) = self.sends.get_mut(&number) else { return };
        if !pending.in_flight {
            return;
        }
        let attempt = pending.attempts.saturating_sub(1);
        let wait = self.backoff.after_refusal(nack.retry_after_ms, attempt, random);
        self.schedule(number, now + wait);
        if nack.code == Code::Busy {
            self.open = self.open.min(self.in_flight).max(1);
        }
    }

    /// When an earlier send of the same conversation leaves, if it has yet to.
    fn predecessor_due(&self, number: u64) -> Option<Instant> {
        let earlier = &self.sends[&self.predecessor(number)?];
        if earlier.in_flight { None } else { earlier.due }
    }

    fn predecessor(&self, number: u64) -> Option<u64> {
        let conversation = &self.sends.get(&number)?.conversation;
        self.lanes.get(conversation)?.range(..number).next_back().copied()
    }

    fn leave(&mut self, number: u64, now: Instant) -> Send {
        let after = self.predecessor(number).map(|earlier| self.sends[&earlier].outgoing.id);
        let timeout = self.answer_timeout;
        self.schedule(number, now + timeout);
        self.in_flight += 1;
        let Some(pending) = self.sends.get_mut(&number) else {
            unreachable!("only sends that are kept leave")
        };
        pending.in_flight = true;
        let first = *pending.first_left.get_or_insert(now);
        let attempt = pending.attempts;
        pending.attempts += 1;
        Send {
            client_message_id: pending.outgoing.id,
            to: pending.outgoing.to.clone(),
            body: pending.outgoing.body.clone(),
            ack: pending.outgoing.ack,
            attempt,
            age_ms: u64::try_from(now.duration_since(first).as_millis()).unwrap_or(u64::MAX),
            after,
        }
    }

    /// Waits for `due`, for an answer or for the next try.
    fn schedule(&mut self, number: u64, due: Instant) {
        self.wait_no_longer(number);
        if let Some(pending) = self.sends.get_mut(&number) {
            pending.due = Some(due);
            self.due.insert((due, number));
        }
    }

    /// Neither in flight nor waiting for a time.
    fn wait_no_longer(&mut self, number: u64) {
        let Some(pending) = self.sends.get_mut(&number) else { return };
        if let Some(due) = pending.due.take() {
            self.due.remove(&(due, number));
        }
        if std::mem::take(&mut pending.in_flight) {
            self.in_flight -= 1;
        }
    }

    fn remove(&mut self, id: ClientMessageId) -> Option<Pending> {
        let number = self.numbers.remove(&id)?;
        self.wait_no_longer(number);
        self.ready.remove(&number);
        let pending = self.sends.remove(&number)?;
        if let Some(lane) = self.lanes.get_mut(&pending.conversation) {
            lane.remove(&number);
            if lane.is_empty() {
                self.lanes.remove(&pending.conversation);
            }
        }
        Some(pending)
    }
}

#[cfg(test)]
mod tests;
