//! Answers that wait until projections were written, because they promise what lists and other readers show: the ack of a
//! recall says that nobody is shown the message any more, the answer to a change of a contact that everybody sees it.
//! Pages are laid over in memory at once.

use proto::client_frame::AckMode;
use proto::{Entry, Seq};

use super::Conversation;
use super::announce::Asker;
use crate::turn::Turn;

/// Answers that wait for writes, after which no more contacts are changed.
const CONTACTS_MAX: usize = 256;
/// And after which no more messages are confirmed.
const CONFIRMED_MAX: usize = 4_096;

/// What is said once everything is written.
enum Answer {
    /// This entry is stored.
    Ack { asker: Asker, mode: AckMode, entry: Entry },
    /// This is what the other of the pair is now.
    Contact(Asker),
    /// The user has confirmed this message.
    Confirmed(Asker, Seq),
}

/// Answers that wait. As many as there are commands: those that the queue took.
#[derive(Default)]
pub struct Held {
    waiting: Vec<Answer>,
    /// For the next write, whenever that is.
    patient: Vec<Answer>,
    in_flight: Vec<Answer>,
    ready: Vec<Answer>,
}

impl Held {
    /// Whether a write has to begin for some of them.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether no more contacts should be changed before something was written.
    pub fn is_full(&self) -> bool {
        self.waiting.len() + self.in_flight.len() >= CONTACTS_MAX
    }

    /// Whether no more messages should be confirmed before something was written.
    pub fn is_full_of_confirmed(&self) -> bool {
        self.patient.len() + self.in_flight.len() >= CONFIRMED_MAX
    }

    /// A write begins that has what they wait for.
    pub fn begin(&mut self) {
        self.in_flight.append(&mut self.waiting);
        self.in_flight.append(&mut self.patient);
    }

    /// It ended well.
    pub fn end(&mut self) {
        self.ready.append(&mut self.in_flight);
    }

    /// Answers once what is owed now is written.
    pub fn hold_contact(&mut self, asker: Asker) {
        self.waiting.push(Answer::Contact(asker));
    }

    /// Answers once what is owed now is written, which need not be at once.
    pub fn hold_confirmed(&mut self, asker: Asker, seq: Seq) {
        self.patient.push(Answer::Confirmed(asker, seq));
    }

    /// Answers once the write under way has ended.
    pub fn join_confirmed(&mut self, asker: Asker, seq: Seq) {
        self.in_flight.push(Answer::Confirmed(asker, seq));
    }

    /// Answers once the write under way has ended, which has everything that is owed.
    pub fn join_write(&mut self, asker: Asker) {
        self.in_flight.push(Answer::Contact(asker));
    }
}

impl Conversation {
    /// Acknowledges an entry; one that recalls a message as soon as what lists are made of says so.
    pub(super) fn ack_when_hidden(
        &mut self,
        asker: Asker,
        mode: AckMode,
        entry: &Entry,
        turn: &mut Turn<'_>,
    ) {
        if matches!(entry.body.as_change(), Some((_, proto::body::Change::Recall))) {
            self.owed.held.waiting.push(Answer::Ack { asker, mode, entry: entry.clone() });
        } else {
            self.ack(&asker, mode, entry, turn);
        }
    }

    /// Tells the answers whose write has ended.
    pub fn tell_held(&mut self, turn: &mut Turn<'_>) {
        for answer in std::mem::take(&mut self.owed.held.ready) {
            match answer {
                Answer::Ack { asker, mode, entry } => self.ack(&asker, mode, &entry, turn),
                Answer::Contact(asker) => self.answer_pair(&asker, turn),
                Answer::Confirmed(asker, seq) => self.tell_confirmed(&asker, seq, turn),
            }
        }
    }
}
