//! Puts the events of each conversation in `seq` order and notices what is missing. No io.
//!
//! ```text
//! seq == last + 1   apply, then whatever was held behind it
//! seq <= last       drop
//! seq >  last + 1   hold; missing for longer than `gap_wait` ──► fetch
//! head > last       the same, with nothing to hold
//! page from > last + 1: what is between is gone, or the page answers something else ──► fetch exactly that
//! ```
//!
//! **Guarantees.** What [`Order::pop`] gives is, for each conversation, every entry the reader may see, once, in
//! rising `seq`, from where it began. A message that comes from a page comes as it is by then, and with it what the page
//! says became of it; later changes are entries of their own.
//!
//! **Limits.** About `held_max` events are held and as many ready; beyond that an event is let go of, remembered as a
//! head, and fetched when there is room again: the log heals everything.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use proto::client_frame::{Fetch, Position};
use proto::server_frame::{Event, Overlay, Page};
use proto::{ConversationId, Entry, Seq};
use tokio::time::Instant;

/// What became of a message that came from a page.
type State = Option<Box<Overlay>>;

/// Where one conversation is.
#[derive(Debug, Default)]
struct Place {
    /// Applied up to here.
    last: Seq,
    /// The newest seq heard of.
    head: Seq,
    /// Ahead of their turn.
    held: BTreeMap<Seq, (Entry, State)>,
    /// Events came before it was known where to begin.
    unplaced: bool,
    /// A page began here, above what was asked for: nothing below may be there any more.
    floor: Option<Seq>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Order {
    places: BTreeMap<ConversationId, Place>,
    /// Conversations that miss something, and when to fetch it.
    missing: BTreeMap<ConversationId, Instant>,
    ready: VecDeque<(Event, State)>,
    held: usize,
    held_max: usize,
    gap_wait: Duration,
    /// Whether a conversation that was not heard of begins at its first entry; until the first `sync` is through,
    /// nobody knows.
    placing: bool,
    /// The reader is slow: what is missing is fetched when it has caught up.
    starved: bool,
}

impl Order {
    pub(crate) fn new(gap_wait: Duration, held_max: usize) -> Self {
        Self {
            places: BTreeMap::new(),
            missing: BTreeMap::new(),
            ready: VecDeque::new(),
            held: 0,
            held_max,
            gap_wait,
            placing: true,
            starved: false,
        }
    }

    /// Begins `conversation` after `last`, unless it has begun.
    pub(crate) fn begin(&mut self, conversation: &ConversationId, last: Seq, now: Instant) {
        let place = self
            .places
            .entry(conversation.clone())
            .or_insert_with(|| Place { unplaced: true, ..Place::default() });
        if place.unplaced {
            place.unplaced = false;
            place.last = last;
            self.advance(conversation, now);
        }
    }

    /// The first `sync` is through: what has not begun by now begins at its first entry.
    pub(crate) fn placed(&mut self, now: Instant) {
        self.placing = false;
        let waiting: Vec<ConversationId> =
            self.places.iter().filter(|(_, place)| place.unplaced).map(|(id, _)| id.clone()).collect();
        for conversation in waiting {
            self.begin(&conversation, Seq::ZERO, now);
        }
    }

    /// An event was pushed.
    pub(crate) fn event(&mut self, event: Event, now: Instant) {
        let Event { conversation, entry } = event;
        self.hold(&conversation, entry, None);
        self.advance(&conversation, now);
    }

    /// Somebody said what the newest seq is.
    pub(crate) fn head(&mut self, conversation: &ConversationId, head: Seq, now: Instant) {
        let place = self.place(conversation);
        place.head = place.head.max(head);
        self.advance(conversation, now);
    }

    /// As [`Self::head`], at a moment when no event is on its way: what is missing is fetched at once.
    pub(crate) fn head_now(&mut self, conversation: &ConversationId, head: Seq, now: Instant) {
        self.head(conversation, head, now);
        if let Some(at) = self.missing.get_mut(conversation) {
            *at = now;
        }
    }

    /// The answer to a fetch that [`Self::poll`] gave.
    pub(crate) fn page(&mut self, page: Page, now: Instant) {
        let Page { conversation, from, to, entries, head, overlays } = page;
        let place = self.place(&conversation);
        let before = place.last;
        place.head = place.head.max(head).max(to);
        if from > before.next() {
            self.begins_later(&conversation, (from, to), head);
            self.advance(&conversation, now);
            if let Some(at) = self.missing.get_mut(&conversation) {
                *at = now;
            }
            return;
        }
        place.floor = None;
        let mut states: BTreeMap<Seq, Overlay> =
            overlays.into_iter().map(|overlay| (overlay.seq, overlay)).collect();
        let whole = entries.into_iter().all(|entry| {
            let state = states.remove(&entry.seq).map(Box::new);
            self.covered(&conversation, entry, state)
        });
        let place = self.place(&conversation);
        if whole {
            place.last = place.last.max(to);
        }
        // Without progress the next try waits: the server knows no more than it said.
        let next = if place.last > before { now } else { now + self.gap_wait };
        self.advance(&conversation, now);
        if let Some(at) = self.missing.get_mut(&conversation) {
            *at = next;
        }
    }

    /// A page that begins above what is missing. Pages do not say what they answer, so one such page alone skips nothing: what
    /// seems to be gone is asked for by itself, and the answer that there is nothing of it is believed.
    fn begins_later(&mut self, conversation: &ConversationId, (from, to): (Seq, Seq), head: Seq) {
        let place = self.place(conversation);
        let is_gone = |floor: Seq| to < from && (from == floor || (from > floor && from <= head));
        if !place.floor.is_some_and(is_gone) {
            place.floor = Some(from);
            return;
        }
        place.floor = None;
        place.last = Seq(from.0 - 1);
        let kept = place.held.split_off(&from);
        let gone = std::mem::replace(&mut place.held, kept).len();
        self.held -= gone;
    }

    /// Takes one entry of a page; `false` when there is no room for it. A seq that the page left out before it is one
    /// that the reader may not see.
    fn covered(&mut self, conversation: &ConversationId, entry: Entry, state: State) -> bool {
        let place = self.place(conversation);
        if entry.seq <= place.last {
            return true;
        }
        place.last = Seq(entry.seq.0 - 1);
        place.held.remove(&entry.seq).inspect(|_| self.held -= 1);
        let room = self.has_room();
        self.hold(conversation, entry, state);
        self.apply(conversation);
        room
    }

    /// The fetch could not be answered for now.
    pub(crate) fn fetch_later(&mut self, conversation: &ConversationId, at: Instant) {
        let place = self.place(conversation);
        if place.head > place.last {
            self.missing.insert(conversation.clone(), at);
        }
    }

    /// The reader may not see the conversation any more, or so it seems: nothing of it is missing. Where it was is kept,
    /// so that nothing is given twice should it come back.
    pub(crate) fn forget(&mut self, conversation: &ConversationId) {
        self.missing.remove(conversation);
        if let Some(place) = self.places.get_mut(conversation) {
            self.held -= place.held.len();
            place.held.clear();
            place.head = place.last;
        }
    }

    /// What to fetch now; not given again until it was answered or put off.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Fetch> {
        if !self.has_room() {
            return None;
        }
        let due = self.missing.iter().filter(|(_, at)| **at <= now).min_by_key(|(_, at)| **at);
        let conversation = due?.0.clone();
        self.missing.remove(&conversation);
        let place = self.place(&conversation);
        let from = place.last.next();
        let end = place.floor.or_else(|| place.held.keys().next().copied());
        let to = end.map_or(Seq::ZERO, |end| Seq(end.0 - 1));
        Some(Fetch { conversation, from, to, limit: 0, backwards: false })
    }

    /// When [`Self::poll`] will have something; `None` while there is nothing missing or no room for it.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        if self.has_room() { self.missing.values().min().copied() } else { None }
    }

    /// The next event for the reader, with what became of it where a page said so.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<(Event, State)> {
        let event = self.ready.pop_front()?;
        if self.starved && self.ready.len() <= self.held_max / 2 {
            self.starved = false;
            let behind: Vec<ConversationId> = self
                .places
                .iter()
                .filter(|(_, place)| place.head > place.last)
                .map(|(id, _)| id.clone())
                .collect();
            for conversation in behind {
                self.fetch_later(&conversation, now);
            }
        }
        Some(event)
    }

    /// Whether [`Self::pop`] has something.
    pub(crate) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Up to `max` conversations and how far each is, for `sync.open`.
    pub(crate) fn positions(&self, max: usize) -> Vec<Position> {
        let placed = self.places.iter().filter(|(_, place)| !place.unplaced);
        placed
            .take(max)
            .map(|(conversation, place)| Position { conversation: conversation.clone(), seq: place.last })
            .collect()
    }

    fn has_room(&self) -> bool {
        self.ready.len() < self.held_max
    }

    fn place(&mut self, conversation: &ConversationId) -> &mut Place {
        let unplaced = self.placing;
        self.places.entry(conversation.clone()).or_insert_with(|| Place { unplaced, ..Place::default() })
    }

    /// Keeps an entry until its turn, if it is needed and there is room.
    fn hold(&mut self, conversation: &ConversationId, entry: Entry, state: State) {
        let (has_room, may_hold) = (self.has_room(), self.held < self.held_max);
        let place = self.place(conversation);
        place.head = place.head.max(entry.seq);
        if entry.seq <= place.last || place.held.contains_key(&entry.seq) {
            return;
        }
        let next = !place.unplaced && entry.seq == place.last.next();
        if next && !has_room {
            self.starved = true;
        } else if next || may_hold {
            place.held.insert(entry.seq, (entry, state));
            self.held += 1;
        }
    }

    /// Moves what has its turn from held to ready.
    fn apply(&mut self, conversation: &ConversationId) {
        let Some(place) = self.places.get_mut(conversation).filter(|place| !place.unplaced) else { return };
        while let Some(first) = place.held.first_entry() {
            if *first.key() > place.last.next() {
                break;
            }
            let (entry, state) = first.remove();
            self.held -= 1;
            if entry.seq > place.last {
                place.last = entry.seq;
                self.ready.push_back((Event { conversation: conversation.clone(), entry }, state));
            }
        }
    }

    /// Applies, then decides whether and when something must be fetched.
    fn advance(&mut self, conversation: &ConversationId, now: Instant) {
        self.apply(conversation);
        let starved = self.starved;
        let place = self.place(conversation);
        if place.unplaced || place.head <= place.last {
            self.missing.remove(conversation);
        } else if !starved && !self.missing.contains_key(conversation) {
            self.missing.insert(conversation.clone(), now + self.gap_wait);
        }
    }
}

#[cfg(test)]
mod tests;
