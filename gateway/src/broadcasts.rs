//! Broadcasts as a shard tells them: one after another, each with a cursor over the sessions.
//!
//! ```text
//! everyone ─► waits ─► telling: told | cursor | left ─► ended ─► forgotten
//! ```
//!
//! **Guarantees.** A session that is there when the telling begins, or comes while it lasts, is told once, if it is still there
//! when its turn comes. A broadcast that is known is told to nobody again, however often it comes.
//!
//! **Does not** know sockets, mailboxes or the bus.
//!
//! **Limits.** [`WAITING_MAX`] broadcasts wait, [`ENDED_MAX`] that have ended are remembered.

use std::collections::VecDeque;
use std::sync::Arc;

use proto::broadcast::{Broadcast, BroadcastReport};
use proto::{ClientMessageId, ServerFrame, SharedFrame, Timestamp, UserId};

/// Broadcasts that a shard has not come to an end with. Above: one more is told to nobody, and every socket counts as missed.
const WAITING_MAX: usize = 4;
/// Broadcasts that have ended and are known when they come again.
const ENDED_MAX: usize = 16;
/// So often the last report is sent before nobody is expected to answer.
const LAST_REPORTS_MAX: u8 = 10;

/// See the module.
#[derive(Default)]
pub(crate) struct Broadcasts {
    /// The first is told; the others wait for their turn.
    telling: VecDeque<Telling>,
    /// The newest last.
    ended: VecDeque<Ended>,
    /// Of the last report.
    number: u32,
}

/// A broadcast without what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Title {
    pub(crate) id: ClientMessageId,
    pub(crate) sender: UserId,
    pub(crate) begun: Timestamp,
}

/// How many sessions it reached, and how many had no room for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) told: u64,
    pub(crate) missed: u64,
}

/// One that is told, or waits for that.
pub(crate) struct Telling {
    pub(crate) title: Title,
    pub(crate) frame: Arc<SharedFrame>,
    /// Slots below it have had their turn.
    pub(crate) cursor: u32,
    pub(crate) reached: Reached,
    /// Sessions with a user at the cursor and above it.
    pub(crate) left: u64,
}

/// One that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) title: Title,
    pub(crate) reached: Reached,
    /// The number of its last report, until that is answered, and how often it was sent.
    unanswered: Option<(u32, u8)>,
}

/// What becomes of a broadcast that was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It is the first: its telling begins.
    Begins,
    /// Others are told before it, or it is known.
    Waits,
}

/// What is said to the router, in whose name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) sender: UserId,
    /// The answer comes with it.
    pub(crate) number: u32,
    pub(crate) report: BroadcastReport,
}

impl Title {
    fn of(broadcast: &Broadcast) -> Self {
        Self { id: broadcast.id, sender: broadcast.sender.clone(), begun: broadcast.time }
    }
}

impl Reached {
    fn report(self, title: &Title, number: u32, left: u64) -> Report {
        let Self { told, missed } = self;
        let report = BroadcastReport { id: title.id, told, missed, left, begun: title.begun };
        Report { sender: title.sender.clone(), number, report }
    }
}

impl Telling {
    /// `None` when the frame is none.
    pub(crate) fn of(frame: Arc<SharedFrame>, sessions: u64) -> Option<Self> {
        let ServerFrame::Broadcast(broadcast) = frame.frame() else { return None };
        let title = Title::of(broadcast);
        Some(Self { title, frame, cursor: 0, reached: Reached::default(), left: sessions })
    }
}

impl Ended {
    pub(crate) fn carried(title: Title, reached: Reached, answered: bool) -> Self {
        Self { title, reached, unanswered: (!answered).then_some((0, 0)) }
    }

    /// The router knows how it ended.
    pub(crate) fn is_answered(&self) -> bool {
        self.unanswered.is_none()
    }
}

impl Broadcasts {
    /// With what another process told. The first has its sessions counted already.
    pub(crate) fn carried(telling: Vec<Telling>, ended: Vec<Ended>) -> Self {
        Self { telling: telling.into(), ended: ended.into(), number: 0 }
    }

    /// Takes everything out.
    pub(crate) fn carry(&mut self) -> (Vec<Telling>, Vec<Ended>) {
        (std::mem::take(&mut self.telling).into(), std::mem::take(&mut self.ended).into())
    }

    /// Takes a broadcast up; gives what is to be reported of it at once. `sessions` have a user.
    pub(crate) fn hear(&mut self, frame: &Arc<SharedFrame>, sessions: u64) -> Option<(Heard, Report)> {
        let telling = Telling::of(Arc::clone(frame), sessions)?;
        let number = self.next_number();
        let id = telling.title.id;
        if let Some(known) = self.telling.iter().find(|known| known.title.id == id) {
            return Some((Heard::Waits, known.reached.report(&known.title, number, known.left)));
        }
        if let Some(known) = self.ended.iter_mut().find(|known| known.title.id == id) {
            known.unanswered = Some((number, 1));
            return Some((Heard::Waits, known.reached.report(&known.title, number, 0)));
        }
        if self.telling.len() >= WAITING_MAX {
            let reached = Reached { told: 0, missed: sessions };
            return Some((Heard::Waits, self.end(telling.title, reached)));
        }
        let report = telling.reached.report(&telling.title, number, telling.left);
        let heard = if self.telling.is_empty() { Heard::Begins } else { Heard::Waits };
        self.telling.push_back(telling);
        Some((heard, report))
    }

    /// The one that is told.
    pub(crate) fn first(&mut self) -> Option<&mut Telling> {
        self.telling.front_mut()
    }

    /// The one that is told has ended; `sessions` are left to the next one.
    pub(crate) fn end_first(&mut self, sessions: u64) -> Option<Report> {
        let telling = self.telling.pop_front()?;
        if let Some(next) = self.telling.front_mut() {
            (next.cursor, next.left) = (0, sessions);
        }
        Some(self.end(telling.title, telling.reached))
    }

    fn end(&mut self, title: Title, reached: Reached) -> Report {
        let number = self.next_number();
        let report = reached.report(&title, number, 0);
        if self.ended.len() >= ENDED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(Ended { title, reached, unanswered: Some((number, 1)) });
        report
    }

    /// A session has a user now. Gives what to tell it at once: its slot has had its turn already.
    pub(crate) fn came(&mut self, slot: u32) -> Option<Arc<SharedFrame>> {
        let telling = self.telling.front_mut()?;
        if slot < telling.cursor {
            return Some(Arc::clone(&telling.frame));
        }
        telling.left += 1;
        None
    }

    /// A session with a user is gone.
    pub(crate) fn left(&mut self, slot: u32) {
        if let Some(telling) = self.telling.front_mut()
            && slot >= telling.cursor
        {
            telling.left = telling.left.saturating_sub(1);
        }
    }

    /// The answer to a report.
    pub(crate) fn answered(&mut self, number: u32) {
        for ended in &mut self.ended {
            if ended.unanswered.is_some_and(|(sent, _)| sent == number) {
                ended.unanswered = None;
            }
        }
    }

    /// Sessions that are still to be told of the first.
    pub(crate) fn left_of_first(&self) -> u64 {
        self.telling.front().map_or(0, |telling| telling.left)
    }

    /// What is to be said once a second; `sessions` have a user.
    pub(crate) fn reports(&mut self, sessions: u64) -> Vec<Report> {
        let mut reports = Vec::new();
        let mut number = self.number;
        let mut next = || {
            number = number.wrapping_add(1);
            number
        };
        for (at, telling) in self.telling.iter().enumerate() {
            let left = if at == 0 { telling.left } else { sessions };
            reports.push(telling.reached.report(&telling.title, next(), left));
        }
        for ended in &mut self.ended {
            let Some((_, sent)) = ended.unanswered else { continue };
            let again = (sent < LAST_REPORTS_MAX).then(&mut next);
            ended.unanswered = again.map(|number| (number, sent + 1));
            reports.extend(again.map(|number| ended.reached.report(&ended.title, number, 0)));
        }
        self.number = number;
        reports
    }

    /// Nothing is told and nothing is to be said.
    pub(crate) fn is_quiet(&self) -> bool {
        self.telling.is_empty() && self.ended.iter().all(Ended::is_answered)
    }

    fn next_number(&mut self) -> u32 {
        self.number = self.number.wrapping_add(1);
        self.number
    }
}

#[cfg(test)]
mod tests;
