//! What was sent, what was acknowledged, and what every user was shown.

use std::collections::HashMap;

use proto::server_frame::{Ack, Page};
use proto::{ConversationId, Entry};

use super::circles::{Address, Circles};
use super::series::Series;
use crate::clock::Nanos;
use crate::journal::Acknowledged;
use crate::latency::Latencies;
use crate::scenario::verify::stamp;
use crate::stamp::Stamp;

/// Faults that are told in words; more are only counted.
const EXAMPLES_MAX: usize = 10;

/// One message.
#[derive(Clone, Copy, Debug, Default)]
struct Message {
    due: Nanos,
    recipients: u32,
    deliveries: u32,
    /// Its seq and message id.
    acked: Option<(u64, u64)>,
    refused: bool,
}

/// What stands at one seq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    message_id: u64,
    /// If it is a message of this run.
    number: Option<u64>,
}

/// What was found so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    pub duplicated: u64,
    pub reordered: u64,
    pub changed: u64,
}

/// The whole.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Summary {
    pub sent: u64,
    pub acked: u64,
    pub unanswered: u64,
    pub refused: u64,
    pub refused_and_there: u64,
    pub delivered: u64,
    pub lost: u64,
    pub faults: Faults,
    pub unsent: u64,
    pub pages: u64,
    pub pages_refused: u64,
    pub sockets: u64,
    pub reads_again: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Book {
    run: u32,
    circles: Circles,
    messages: Vec<Message>,
    /// What stands at each seq, as it was first shown.
    places: HashMap<ConversationId, Vec<Option<Place>>>,
    /// How far each user was shown each conversation.
    shown: HashMap<(usize, ConversationId), u64>,
    /// Messages acknowledged or refused.
    settled: u64,
    faults: Faults,
    examples: Vec<String>,
    pub ack: Latencies,
    pub delivery: Latencies,
    pub lateness: Latencies,
    pub series: Series,
    pub unsent: u64,
    pub pages: u64,
    pub pages_refused: u64,
    pub sockets: u64,
    reads_again: u64,
}

impl Book {
    pub(super) fn new(run: u32, circles: Circles, start_unix_ms: u64) -> Self {
        Self {
            run,
            circles,
            messages: Vec::new(),
            places: HashMap::new(),
            shown: HashMap::new(),
            settled: 0,
            faults: Faults::default(),
            examples: Vec::new(),
            ack: Latencies::default(),
            delivery: Latencies::default(),
            lateness: Latencies::default(),
            series: Series::new(start_unix_ms),
            unsent: 0,
            pages: 0,
            pages_refused: 0,
            sockets: 0,
            reads_again: 0,
        }
    }

    /// The next message leaves; its number is the count of those before it.
    pub(super) fn sent(&mut self, address: &Address, due: Nanos, now: Nanos) {
        self.lateness.record(now.saturating_sub(due));
        self.series.due(due);
        self.messages.push(Message { due, recipients: address.recipients, ..Message::default() });
    }

    /// Message `number` is stored, its sender was told.
    pub(super) fn acked(&mut self, number: u64, ack: &Ack, now: Nanos) {
        let Some(message) = self.messages.get_mut(number as usize) else { return };
        message.acked = Some((ack.seq.0, ack.message_id.0));
        let due = message.due;
        self.settled += 1;
        self.ack.record(now.saturating_sub(due));
        self.series.acked(due, now);
        let here = Place { message_id: ack.message_id.0, number: Some(number) };
        self.put(&ack.conversation, ack.seq.0, here, "acknowledged");
    }

    /// Message `number` is refused for good.
    pub(super) fn refused(&mut self, number: u64, why: &str) {
        if let Some(message) = self.messages.get_mut(number as usize) {
            message.refused = true;
            self.settled += 1;
            self.example(|| format!("message {number} was refused: {why}"));
        }
    }

    /// User `who` is shown an entry.
    pub(super) fn shown(&mut self, who: usize, conversation: &ConversationId, entry: &Entry, now: Nanos) {
        let seq = entry.seq.0;
        let last = self.shown.entry((who, conversation.clone())).or_insert(0);
        let before = *last;
        *last = before.max(seq);
        if seq <= before {
            self.faults.duplicated += 1;
            return self.example(|| format!("{conversation} {seq} was shown again to user {who}"));
        }
        if seq > before + 1 {
            self.faults.reordered += 1;
            self.example(|| format!("{conversation} {seq} was shown to user {who} after {before}"));
        }
        let here = self.place_of(entry);
        self.put(conversation, seq, here, "shown");
        let Some(number) = here.number.filter(|number| self.circles.address(*number).sender != who) else {
            return;
        };
        if let Some(message) = self.messages.get_mut(number as usize) {
            message.deliveries += 1;
            let due = message.due;
            self.delivery.record(now.saturating_sub(due));
            self.series.delivered(due, now);
        }
    }

    /// Clients asked again so often for what was not answered.
    pub(super) fn reads_again(&mut self, now: Nanos, times: u64) {
        self.reads_again += times;
        self.series.read_again(now, times);
    }

    /// Somebody read a page of history.
    pub(super) fn page(&mut self, page: &Page) {
        self.pages += 1;
        for entry in &page.entries {
            let here = self.place_of(entry);
            self.put(&page.conversation, entry.seq.0, here, "read");
        }
    }

    /// An entry of the history at the end; `true` when it is what was shown before, or was not shown.
    pub(super) fn agrees(&self, conversation: &ConversationId, entry: &Entry) -> bool {
        let place = self.places.get(conversation).and_then(|places| places.get(entry.seq.0 as usize));
        let there = Some(self.place_of(entry));
        place.is_none_or(|place| place.is_none() || *place == there)
    }

    /// Whether message `number` was refused for good.
    pub(super) fn is_refused(&self, number: u64) -> bool {
        self.messages.get(number as usize).is_some_and(|message| message.refused)
    }

    /// How far any of its readers was shown a conversation.
    pub(super) fn head(&self, conversation: &ConversationId) -> u64 {
        self.places.get(conversation).map_or(0, |places| places.len().saturating_sub(1) as u64)
    }

    /// Acknowledged messages of each conversation.
    pub(super) fn acknowledged(&self) -> HashMap<ConversationId, Vec<Acknowledged>> {
        let mut all: HashMap<ConversationId, Vec<Acknowledged>> = HashMap::new();
        for (number, message) in self.messages.iter().enumerate() {
            let Some((seq, message_id)) = message.acked else { continue };
            let address = self.circles.address(number as u64);
            let stamp = Stamp { run: self.run, number: number as u64 };
            let one = Acknowledged { who: address.sender, seq, message_id, stamp };
            all.entry(address.conversation).or_default().push(one);
        }
        all
    }

    /// Whether nothing is on its way any more.
    pub(super) fn is_settled(&self) -> bool {
        self.messages.iter().all(|message| {
            message.refused || message.acked.is_some() && message.deliveries >= message.recipients
        })
    }

    /// Messages that left, and those answered.
    pub(super) fn progress(&self) -> (u64, u64) {
        (self.messages.len() as u64, self.settled)
    }

    pub(super) fn summary(&self) -> Summary {
        let mut summary = Summary {
            sent: self.messages.len() as u64,
            faults: self.faults,
            unsent: self.unsent,
            pages: self.pages,
            pages_refused: self.pages_refused,
            sockets: self.sockets,
            reads_again: self.reads_again,
            ..Summary::default()
        };
        for message in &self.messages {
            summary.delivered += u64::from(message.deliveries);
            summary.refused += u64::from(message.refused);
            summary.refused_and_there += u64::from(message.refused && message.deliveries > 0);
            if message.acked.is_some() {
                summary.acked += 1;
                summary.lost += u64::from(message.recipients.saturating_sub(message.deliveries));
            } else if !message.refused {
                summary.unanswered += 1;
            }
        }
        summary
    }

    /// Some faults in words.
    pub(super) fn examples(&self) -> &[String] {
        &self.examples
    }

    fn place_of(&self, entry: &Entry) -> Place {
        let stamp = stamp(entry).filter(|stamp| stamp.run == self.run);
        Place { message_id: entry.message_id.0, number: stamp.map(|stamp| stamp.number) }
    }

    /// What somebody says stands at a place: the first one decides, and nobody may say otherwise.
    fn put(&mut self, conversation: &ConversationId, seq: u64, here: Place, how: &str) {
        let places = self.places.entry(conversation.clone()).or_default();
        let index = seq as usize;
        if index >= places.len() {
            places.resize(index + 1, None);
        }
        let before = *places[index].get_or_insert(here);
        if before != here {
            self.faults.changed += 1;
            self.example(|| format!("{conversation} {seq} was {before:?} and is {how} as {here:?}"));
        }
    }

    fn example(&mut self, text: impl FnOnce() -> String) {
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(text());
        }
    }
}

#[cfg(test)]
mod tests;
