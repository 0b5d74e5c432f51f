//! Acks of recalls. An ack says that nobody is shown the message any more, so it waits until the projections that lists are
//! made of were written: pages are laid over in memory at once.

use proto::Entry;
use proto::client_frame::AckMode;

use super::Conversation;
use super::announce::Asker;
use crate::turn::Turn;

/// One ack.
struct Ack {
    asker: Asker,
    mode: AckMode,
    entry: Entry,
}

/// Acks that wait. As many as there are commands: those that the queue took.
#[derive(Default)]
pub struct Held {
    waiting: Vec<Ack>,
    in_flight: Vec<Ack>,
    ready: Vec<Ack>,
}

impl Held {
    /// Whether a write has to begin for some of them.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// A write begins that has what they wait for.
    pub fn begin(&mut self) {
        self.in_flight.append(&mut self.waiting);
    }

    /// It ended well.
    pub fn end(&mut self) {
        self.ready.append(&mut self.in_flight);
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
            self.owed.held.waiting.push(Ack { asker, mode, entry: entry.clone() });
        } else {
            self.ack(&asker, mode, entry, turn);
        }
    }

    /// Tells the acks whose write has ended.
    pub fn tell_held(&mut self, turn: &mut Turn<'_>) {
        for Ack { asker, mode, entry } in std::mem::take(&mut self.owed.held.ready) {
            self.ack(&asker, mode, &entry, turn);
        }
    }
}
