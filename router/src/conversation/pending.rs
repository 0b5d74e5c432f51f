//! Commands that wait for their turn in a conversation, and what is known about them already.

use proto::body::MessageTarget;
use proto::{ClientMessageId, Command, Entry, Reply, Request, Seq};
use store::mutation::{self, Mutation};

use super::announce::{self, Asker};
use super::{Conversation, Target};
use crate::rules::admission::Sender;
use crate::rules::reach::oldest_bucket;
use crate::turn::{LookUp, Turn, Work};

/// A waiting command is looked at for lateness this long after it came.
pub const EXPIRY_MS: u64 = proto::limits::COMMAND_DEADLINE_MS + 50;

/// How many waiting commands are looked up ahead of their turn.
const AHEAD: usize = 16;

/// One waiting command.
pub struct Pending {
    pub command: Command,
    /// In whose share of the line it waits.
    pub sender: Sender,
    /// Steady time of its arrival.
    pub arrived_ms: u64,
    /// What is known of its own id.
    pub own: Answer,
    /// What is known of the id in its `after`.
    pub after: Answer,
    /// What is known of the message that it changes.
    pub target: Found,
}

/// What the store said of a message that is to be changed.
pub enum Found {
    /// Not asked, or outdated.
    Unknown,
    /// On its way.
    Asked,
    /// The message; `None` when there is none.
    Known(Option<Box<Target>>),
    /// The store did not answer.
    Failed,
}

/// What a look-up said.
pub enum Answer {
    /// Not asked.
    Unknown,
    /// On its way.
    Asked,
    /// The entry, or none at or below `upto`.
    Known { entry: Option<Entry>, upto: Seq },
    /// The store did not answer.
    Failed,
}

/// What has to be known before a command can be decided.
pub enum Question {
    /// The send itself.
    Own(ClientMessageId),
    /// Its predecessor.
    After(ClientMessageId),
    /// The message that it changes, or confirms.
    Target(MessageTarget),
    /// What waits to be confirmed.
    Confirms,
}

impl Pending {
    pub fn asker(&self) -> Asker {
        Asker { origin: self.command.origin.clone(), trace: self.command.trace, arrived_ms: self.arrived_ms }
    }

    fn age_ms(&self) -> u64 {
        self.command.known_by().map_or(0, |once| once.age_ms)
    }

    /// The message that it is about, if it changes or confirms one.
    pub fn change_of(&self) -> Option<MessageTarget> {
        match &self.command.request {
            Request::Send(send) => send.body.as_change().map(|(target, _)| target),
            Request::Confirm(position) => Some(MessageTarget { seq: position.seq, message_id: None }),
            _ => None,
        }
    }

    /// Whether an answer that it needs is on its way.
    pub fn waits_for_answer(&self) -> bool {
        matches!(self.own, Answer::Asked)
            || matches!(self.after, Answer::Asked)
            || matches!(self.target, Found::Asked)
    }
}

impl Conversation {
    /// Asks what the first commands in the queue need to know.
    pub(super) fn ask_ahead(&mut self, turn: &mut Turn<'_>) {
        for at in 0..self.queue.len().min(AHEAD) {
            let Some(question) = self.question(&self.queue[at]) else { continue };
            if matches!(question, Question::Confirms) {
                self.ask_confirms(turn);
                continue;
            }
            let pending = &mut self.queue[at];
            let age_ms = pending.age_ms();
            let (id, answer) = match question {
                Question::Own(id) => (id, &mut pending.own),
                Question::After(id) => (id, &mut pending.after),
                Question::Confirms => continue,
                Question::Target(target) => {
                    if !matches!(std::mem::replace(&mut pending.target, Found::Asked), Found::Asked) {
                        let (head, generation) = (self.log.head, self.generation);
                        turn.work.push(Work::ReadTarget { target, head, generation });
                    }
                    continue;
                }
            };
            if !matches!(std::mem::replace(answer, Answer::Asked), Answer::Asked) {
                self.look_up(id, age_ms, turn);
            }
        }
    }

    fn look_up(&self, id: ClientMessageId, age_ms: u64, turn: &mut Turn<'_>) {
        turn.work.push(Work::LookUp(LookUp {
            id,
            bucket: self.log.register.bucket,
            oldest: oldest_bucket(turn.now.wall, age_ms),
            head: self.log.head,
        }));
    }

    pub(super) fn looked_up(&mut self, asked: &LookUp, found: Result<Option<Entry>, store::StoreError>) {
        for pending in self.queue.iter_mut() {
            let own = pending.command.known_by().is_some_and(|once| once.id == asked.id);
            let after =
                matches!(&pending.command.request, Request::Send(send) if send.after == Some(asked.id));
            for (concerned, answer) in [(own, &mut pending.own), (after, &mut pending.after)] {
                if concerned && matches!(answer, Answer::Asked) {
                    *answer = match &found {
                        Ok(entry) => Answer::Known { entry: entry.clone(), upto: asked.head },
                        Err(_) => Answer::Failed,
                    };
                }
            }
        }
    }

    pub(super) fn found_entry(&mut self, seq: Seq, found: Result<Option<Entry>, store::StoreError>) {
        let Some(pending) = self.queue.front_mut() else { return };
        if matches!(pending.own, Answer::Asked) {
            pending.own = match found {
                Ok(Some(entry)) => Answer::Known { entry: Some(entry), upto: seq },
                Ok(None) | Err(_) => Answer::Failed,
            };
        }
    }

    /// Refuses what waited past its deadline without ever getting a seq. Of a resend it is not known whether an
    /// earlier attempt was stored, and a copy of what is in flight may be stored soon, so these are only settled.
    pub(super) fn expire(&mut self, turn: &mut Turn<'_>) {
        let (now, steady_ms) = (turn.now.wall, turn.now.steady_ms);
        while let Some(pending) = self.queue.front() {
            let is_in_time = pending.arrived_ms + EXPIRY_MS > steady_ms && pending.command.deadline >= now;
            if is_in_time || mutation::is(Mutation::LateAppended) {
                return;
            }
            let Some(Pending { command, .. }) = self.queue.leave(turn.admission) else { return };
            let may_be_stored = command.known_by().is_some_and(|once| {
                once.attempt > 0 || command.epoch != self.epoch || self.log.ring.get(once.id).is_some()
            });
            if may_be_stored {
                announce::reply(&command.origin, command.trace, Reply::Settled, turn);
            } else {
                announce::late(&command, turn);
            }
        }
    }
}
