//! What each frame means for the audit.

use proto::server_frame::{Nack, Page};
use proto::{ConversationId, ServerFrame};

use super::Traffic;
use crate::clock::Nanos;
use crate::course::Course;
use crate::engine::Listener;
use crate::journal::Acknowledged;
use crate::schedule::Schedule;
use crate::stamp::Stamp;
use crate::wire::heard::{AckHeard, Heard};

impl Listener for Traffic {
    fn heard(&mut self, at: Nanos, who: usize, heard: Heard) {
        match heard {
            Heard::Event { seq, stamp } => self.event(at, who, seq, stamp),
            Heard::Ack(ack) => self.acked(at, who, ack),
            Heard::Other(frame) => self.other(at, who, *frame),
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
        let (mark, in_order) = self.ledgers[who].push(seq);
        // Without a stamp: joins and other entries that the server writes by itself.
        let (Some(schedule), Some(Stamp { run, number })) = (self.schedule, stamp) else { return };
        if run == self.run && self.topology.receives(who, number) {
            if self.audit.delivered(number, seq, mark, in_order) {
                self.course_of(&schedule, number, at, Course::delivered);
            }
        } else if seq > self.ledgers[who].baseline() {
            self.audit.extra();
        }
    }

    fn acked(&mut self, at: Nanos, who: usize, ack: AckHeard) {
        self.ledgers[who].mark(ack.seq);
        let Some(schedule) = self.schedule else { return };
        let own = |stamp: &Stamp| stamp.run == self.run && self.topology.sender(stamp.number) == who;
        let Some(stamp) = ack.stamp.filter(own) else { return self.audit.extra() };
        if !self.audit.acked(stamp.number, ack.seq) {
            return;
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
            ServerFrame::Nack(nack) => self.refused(&nack),
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
            ServerFrame::Resync | ServerFrame::Goaway(_) => self.aside.alarms += 1,
            _ => {}
        }
    }

    fn head(&mut self, who: usize, conversation: &ConversationId, head: u64) {
        if *conversation == self.topology.conversation(who) {
            self.ledgers[who].head(head);
        }
    }

    fn refused(&mut self, nack: &Nack) {
        *self.aside.refusals.entry(nack.code.name()).or_default() += 1;
        let id = nack.client_message_id.map(|id| id.to_string());
        let stamp = id.and_then(|id| Stamp::from_hyphenated(id.as_bytes()));
        if let Some(stamp) = stamp.filter(|stamp| stamp.run == self.run) {
            self.audit.refused(stamp.number);
        }
    }

    /// What was fetched is received as well as what was pushed, only later.
    fn page(&mut self, at: Nanos, who: usize, page: Page) {
        let Some(schedule) = self.schedule.filter(|_| page.conversation == self.topology.conversation(who))
        else {
            return;
        };
        for entry in page.entries {
            let mark = self.ledgers[who].fetch(entry.seq.0);
            let stamp = match entry.body.to_wire().kind {
                Some(proto::wire::body::Kind::Text(text)) => Stamp::from_text(text.as_bytes()),
                _ => None,
            };
            let missed = |stamp: &Stamp| stamp.run == self.run && self.topology.receives(who, stamp.number);
            if mark == crate::ledger::Mark::New
                && let Some(stamp) = stamp.filter(missed)
                && self.audit.delivered(stamp.number, entry.seq.0, mark, true)
            {
                self.aside.healed += 1;
                self.course_of(&schedule, stamp.number, at, Course::delivered);
            }
        }
        if page.from.0 <= self.ledgers[who].floor() + 1 {
            self.ledgers[who].cover(page.to.0);
        }
        self.ledgers[who].head(page.head.0);
    }
}
