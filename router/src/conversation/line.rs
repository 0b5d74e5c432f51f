//! The line of a conversation: commands that wait for their turn. Each has a place in the line of the worker, until it is answered.

use std::collections::VecDeque;
use std::ops::{Index, IndexMut};

use proto::{Command, Request};

use super::pending::{Answer, Found, Pending};
use super::{Conversation, announce};
use crate::rules::admission::{Admission, Sender};
use crate::rules::reach::is_certainly_new;
use crate::turn::Turn;

/// In the order of their arrival.
#[derive(Default)]
pub(super) struct Line(VecDeque<Pending>);

impl Line {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn front(&self) -> Option<&Pending> {
        self.0.front()
    }

    pub fn front_mut(&mut self) -> Option<&mut Pending> {
        self.0.front_mut()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Pending> {
        self.0.iter()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Pending> {
        self.0.iter_mut()
    }

    /// The first, which goes into the log and keeps its place until that is told.
    pub fn take(&mut self) -> Option<Pending> {
        self.0.pop_front()
    }

    /// The first, which is answered now.
    pub fn serve(&mut self, admission: &mut Admission) -> Option<Pending> {
        let first = self.0.pop_front()?;
        admission.serve(first.sender);
        Some(first)
    }

    /// The first, whose turn does not come.
    pub fn leave(&mut self, admission: &mut Admission) -> Option<Pending> {
        let first = self.0.pop_front()?;
        admission.leave(first.sender);
        Some(first)
    }
}

impl Index<usize> for Line {
    type Output = Pending;

    fn index(&self, at: usize) -> &Pending {
        &self.0[at]
    }
}

impl IndexMut<usize> for Line {
    fn index_mut(&mut self, at: usize) -> &mut Pending {
        &mut self.0[at]
    }
}

impl Conversation {
    /// A command that changes the log. Refused when too many wait, here or in the worker, or when the conversation is about
    /// to be forgotten; otherwise it waits for [`Self::pump`].
    pub fn enqueue(&mut self, command: Command, turn: &mut Turn<'_>) {
        self.used_ms = turn.now.steady_ms;
        if self.is_absent() {
            announce::busy(&command, announce::BUSY_RETRY_MS, turn);
            return;
        }
        let sender = Sender::of(&command.origin.user);
        if let Err(retry_after_ms) = self.admit(&command, sender, turn) {
            self.remember_refused(&command, turn);
            announce::busy(&command, retry_after_ms, turn);
            return;
        }
        self.retry_confirms();
        let own = self.own_answer(&command, turn);
        let (after, target) = (Answer::Unknown, Found::Unknown);
        let arrived_ms = turn.now.steady_ms;
        self.queue.0.push_back(Pending { command, sender, arrived_ms, own, after, target });
    }

    /// Takes a place for a command, or says when to try again.
    fn admit(&self, command: &Command, sender: Sender, turn: &mut Turn<'_>) -> Result<(), u32> {
        let here = turn.rules.queue_max.saturating_sub(self.queue.len());
        let everywhere = turn.admission.room();
        // What is in the log, or on its way there, is not refused for the sake of others: it costs an answer and no append.
        let is_known = command.known_by().is_some_and(|once| self.log.ring.get(once.id).is_some());
        let room = if is_known { here } else { here.min(everywhere) };
        if (is_known || !self.follows_refused(command, turn)) && turn.admission.admit(sender, room) {
            return Ok(());
        }
        Err(if here < everywhere { announce::BUSY_RETRY_MS } else { turn.admission.retry_after_ms() })
    }

    fn follows_refused(&self, command: &Command, turn: &Turn<'_>) -> bool {
        let Request::Send(send) = &command.request else { return false };
        let of = (&self.id, self.epoch);
        send.after.is_some_and(|after| turn.refused.is_followed(after, of, turn.now.steady_ms))
    }

    /// What follows it is refused, too; and when it comes again, the store need not be asked for it.
    fn remember_refused(&self, command: &Command, turn: &mut Turn<'_>) {
        let Some(once) = command.known_by() else { return };
        let ring = &self.log.ring;
        let is_absent = || {
            let was_absent = turn.refused.absent_upto(once.id, (&self.id, self.epoch));
            // Whatever was appended since is in the ring.
            is_certainly_new(once, command.epoch, self.epoch, ring)
                || was_absent.is_some_and(|upto| ring.first() <= upto.next())
        };
        let absent = self.is_serving() && ring.get(once.id).is_none() && is_absent();
        let absent_upto = absent.then_some(self.log.head);
        turn.refused.note(once.id, (&self.id, self.epoch), turn.now.steady_ms, absent_upto);
    }

    /// What is known of a command that was refused before; it is forgotten there.
    fn own_answer(&self, command: &Command, turn: &mut Turn<'_>) -> Answer {
        let Some(once) = command.known_by() else { return Answer::Unknown };
        let absent_upto = turn.refused.absent_upto(once.id, (&self.id, self.epoch));
        turn.refused.forget(once.id);
        absent_upto.map_or(Answer::Unknown, |upto| Answer::Known { entry: None, upto })
    }
}
