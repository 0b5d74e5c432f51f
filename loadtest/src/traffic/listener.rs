//! What each frame means for the audit.

use proto::server_frame::{Nack, Page};
use proto::{Code, ConversationId, ServerFrame};

use super::{ANSWER_MAX, Traffic, window};
use crate::clock::{MILLISECOND, Nanos};
use crate::course::Course;
use crate::engine::Listener;
use crate::journal::Acknowledged;
use crate::ledger::Mark;
use crate::schedule::Schedule;
use crate::stamp::Stamp;
use crate::wire::heard::{AckHeard, Heard};

impl Listener for Traffic {
    fn heard(&mut self, at: Nanos, who: usize, heard: Heard) {
        // Connections behind those of the topology are only opened and held.
        if who >= self.topology.mine().len() {
            return;
        }
        match heard {
            Heard::Event { seq, stamp } => self.event(at, who, seq, stamp),
            Heard::Ack(ack) => self.acked(at, who, ack),
            Heard::Refused { stamp, code } => {
                self.aside.served.unadvised += 1;
                self.refused(at, stamp, code);
            }
            Heard::Other(frame) => self.other(at, who, *frame),
            Heard::Ready | Heard::Call | Heard::Nothing => {}
        }
    }
}

impl Traffic {
    fn course_of(
        &mut self,
        schedule: &Schedule,
        number: u64,
        at: Nanos,
        record: impl FnOnce(&mut Course, Nanos),
    ) {
        if schedule.is_measured(number) {
            record(&mut self.course, at.saturating_sub(schedule.due(number)));
        }
    }

    fn event(&mut self, at: Nanos, who: usize, seq: u64, stamp: Option<Stamp>) {
        let own = stamp.filter(|stamp| stamp.run == self.run);
        let place = match own {
            Some(stamp) => self.place(who, stamp.number),
            // Without a stamp: joins and other entries that the server writes by itself. Where there are several
            // conversations, a head tells of them.
            None => self.topology.has_one_place_each().then_some(who),
        };
        let Some(place) = place else {
            if own.is_some() {
                self.audit.extra();
            }
            return;
        };
        let (mark, in_order) = self.ledgers[place].push(seq);
        let (Some(schedule), Some(_)) = (self.schedule, stamp) else { return };
        let older = seq <= self.ledgers[place].baseline();
        let Some(Stamp { number, .. }) = own else {
            if !older {
                self.audit.extra();
            }
            return;
        };
        let again = self.sent_again.contains(&number);
        if self.topology.receives(who + self.first, number) {
            if again && mark == Mark::Again {
                self.aside.repeated += 1;
            } else if self.audit.delivered(number, seq, mark, in_order) {
                self.delivered(&schedule, who, number, at);
            }
            return;
        }
        let is_sender = self.topology.sender(number) == who + self.first;
        // Told on a socket that it was not sent on, as any other device of its sender is.
        if is_sender && (again || self.patient) {
            self.aside.repeated += 1;
        } else if !(older || self.echoes && is_sender) {
            self.audit.extra();
        }
    }

    fn delivered(&mut self, schedule: &Schedule, who: usize, number: u64, at: Nanos) {
        if let Some(last) = &mut self.last {
            last.delivered(number, at.saturating_sub(schedule.due(number)));
        }
        if who + self.first < self.judged {
            self.course_of(schedule, number, at, Course::delivered);
        }
    }

    fn acked(&mut self, at: Nanos, who: usize, ack: AckHeard) {
        let own =
            |stamp: &Stamp| stamp.run == self.run && self.topology.sender(stamp.number) == who + self.first;
        let stamp = ack.stamp.filter(own);
        let place = match stamp {
            Some(stamp) => self.place(who, stamp.number),
            None => Some(who).filter(|who| *who < self.ledgers.len()),
        };
        if let Some(place) = place {
            self.ledgers[place].mark(ack.seq);
        }
        let Some(schedule) = self.schedule else { return };
        let Some(stamp) = stamp else { return self.audit.extra() };
        self.answered(at, stamp.number);
        self.refused_sends.settled(stamp.number);
        if !self.audit.acked(stamp.number, ack.seq) {
            return;
        }
        if self.window.is_some() && window::is_measured_time(&schedule, at) {
            *self.aside.served.acked.entry(who + self.first).or_default() += 1;
        }
        self.course_of(&schedule, stamp.number, at, Course::acked);
        if let Some(journal) = &mut self.journal {
            let message = Acknowledged { who, seq: ack.seq, message_id: ack.message_id, stamp };
            if let Err(error) = journal.note(message) {
                self.failure.get_or_insert(error);
            }
        }
    }

    fn other(&mut self, at: Nanos, who: usize, frame: ServerFrame) {
        match frame {
            ServerFrame::Nack(nack) => self.nack(at, who, &nack),
            ServerFrame::Head(head) => self.head(who, &head.conversation, head.last.0),
            ServerFrame::Pong(pong) => {
                for head in pong.heads {
                    self.head(who, &head.conversation, head.last.0);
                }
            }
            ServerFrame::Delta(delta) => {
                for state in delta.conversations {
                    self.head(who, &state.conversation, state.head.0);
                }
            }
            ServerFrame::Page(page) => self.page(at, who, page),
            ServerFrame::Goaway(after_ms) => {
                self.aside.alarms += 1;
                self.sent_away.push((who, at + Nanos::from(after_ms) * MILLISECOND));
            }
            ServerFrame::Resync => self.aside.alarms += 1,
            _ => {}
        }
    }

    fn head(&mut self, who: usize, conversation: &ConversationId, head: u64) {
        if let Some(place) = self.place_of(who, conversation) {
            self.ledgers[place].head(head);
        }
    }

    fn nack(&mut self, at: Nanos, who: usize, nack: &Nack) {
        let id = nack.client_message_id.map(|id| id.to_string());
        let advised = nack.code == Code::Busy && nack.retry_after_ms > 0;
        self.aside.served.unadvised += u64::from(!advised);
        let stamp = id.and_then(|id| Stamp::from_hyphenated(id.as_bytes()));
        let own = stamp.filter(|stamp| stamp.run == self.run);
        let again = nack.code.temporary().then_some(nack.retry_after_ms);
        match (again, own) {
            (Some(advice), Some(stamp)) if self.patient => {
                self.refused_sends.refused(stamp.number, at, advice);
                self.count_refusal(nack.code.name());
            }
            (Some(advice), None) if nack.frame == "fetch" => {
                self.aside.fetches_refused += 1;
                self.refused_fetches.refused(who, at, advice);
                self.count_refusal(nack.code.name());
            }
            _ => self.refused(at, stamp, nack.code.name()),
        }
    }

    fn count_refusal(&mut self, code: &'static str) {
        *self.aside.refusals.entry(code.into()).or_default() += 1;
    }

    fn refused(&mut self, at: Nanos, stamp: Option<Stamp>, code: &'static str) {
        self.count_refusal(code);
        if let Some(stamp) = stamp.filter(|stamp| stamp.run == self.run) {
            self.answered(at, stamp.number);
            self.audit.refused(stamp.number);
        }
    }

    /// Message `number` has an answer: its sender may send another one, if it is the first.
    fn answered(&mut self, at: Nanos, number: u64) {
        let (Some(window), Some(schedule)) = (&mut self.window, &self.schedule) else { return };
        let sender = self.topology.sender(number);
        if self.audit.is_answered(number) || !self.topology.mine().contains(&sender) {
            return;
        }
        window.give(sender - self.first);
        let late = at.saturating_sub(schedule.due(number)) > ANSWER_MAX;
        self.aside.served.late += u64::from(late && schedule.is_measured(number));
    }

    /// What was fetched is received as well as what was pushed, only later.
    fn page(&mut self, at: Nanos, who: usize, page: Page) {
        if self.pages.get(&who).is_some_and(|(conversation, _)| *conversation == page.conversation)
            && let Some((_, asked)) = self.pages.remove(&who)
        {
            self.aside.pages.record(at.saturating_sub(asked));
        }
        let (Some(schedule), Some(place)) = (self.schedule, self.place_of(who, &page.conversation)) else {
            return;
        };
        self.fetching.remove(&place);
        self.refused_fetches.settled(who);
        for entry in page.entries {
            let mark = self.ledgers[place].fetch(entry.seq.0);
            let stamp = match entry.body.to_wire().kind {
                Some(proto::wire::body::Kind::Text(text)) => Stamp::from_text(text.as_bytes()),
                _ => None,
            };
            let missed = |stamp: &Stamp| {
                stamp.run == self.run && self.topology.receives(who + self.first, stamp.number)
            };
            if mark == Mark::New
                && let Some(stamp) = stamp.filter(missed)
                && self.audit.delivered(stamp.number, entry.seq.0, mark, true)
            {
                self.aside.healed += 1;
                self.delivered(&schedule, who, stamp.number, at);
            }
        }
        if page.from.0 <= self.ledgers[place].floor() + 1 {
            self.ledgers[place].cover(page.to.0);
        }
        self.ledgers[place].head(page.head.0);
        if self.ledgers[place].gap() == Some(page.to.0 + 1) && page.to.0 < page.head.0 {
            self.more.push((who, page.conversation, page.to.0 + 1));
        }
    }
}
