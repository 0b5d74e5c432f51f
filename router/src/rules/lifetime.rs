//! What is gone by itself: messages that expired, and entries older than their conversation keeps them.
//!
//! Every way of reading ends in [`conceal`], so what a reader gets is a function of the entry and the clock, and of nothing
//! that was written when a message ended. Whoever reads a part of a log leaves out what is older than [`Moment::oldest`].

use proto::server_frame::{Overlay, Page, Pins, Versions};
use proto::{Delivery, Entry, Payload, Reply, ServerFrame, Timestamp};
use store::mutation::{self, Mutation};

/// The time, and how long entries are kept where their conversation does not say.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// By the owner's clock.
    pub now: Timestamp,
    /// As configured, in milliseconds; 0: for ever.
    pub retention_ms: u64,
}

impl Moment {
    /// Entries made before this are gone, in a conversation where so many seconds were set; zero: none are.
    pub fn oldest(self, retention_seconds: u32) -> Timestamp {
        let kept_ms = match retention_seconds {
            0 => self.retention_ms,
            seconds => u64::from(seconds) * 1_000,
        };
        Timestamp(if kept_ms == 0 { 0 } else { self.now.0.saturating_sub(kept_ms) })
    }
}

/// Leaves of each answer what is still to be seen at this time.
pub fn conceal(deliveries: &mut [Delivery], moment: Moment) {
    if mutation::is(Mutation::ExpiredShown) {
        return;
    }
    for delivery in deliveries {
        match &mut delivery.payload {
            Payload::Reply(_, Reply::Frame(frame)) => conceal_frame(frame, moment),
            Payload::Reply(_, Reply::Heads(heads)) => {
                heads.iter_mut().for_each(|head| show_last(&mut head.last, head.retention_seconds, moment));
            }
            // What is told to all is new, or was seen to by whoever tells it again.
            _ => {}
        }
    }
}

fn conceal_frame(frame: &mut ServerFrame, moment: Moment) {
    let now = moment.now;
    match frame {
        ServerFrame::Page(Page { entries, overlays, .. }) => {
            conceal_overlays(entries, overlays, now);
            entries.iter_mut().for_each(|entry| show(entry, now));
        }
        ServerFrame::Pins(Pins { entries, overlays, .. }) => {
            conceal_overlays(entries, overlays, now);
            entries.retain(|entry| !entry.body.is_expired_at(now));
            entries.iter_mut().for_each(|entry| show(entry, now));
        }
        ServerFrame::Versions(Versions { entries, .. }) => {
            if entries.first().is_some_and(|message| message.body.is_expired_at(now)) {
                entries.clear();
            }
            entries.iter_mut().for_each(|entry| show(entry, now));
        }
        ServerFrame::Delta(delta) => {
            for state in &mut delta.conversations {
                show_last(&mut state.last, state.retention_seconds, moment);
            }
        }
        _ => {}
    }
}

fn show_last(last: &mut Option<Entry>, retention_seconds: u32, moment: Moment) {
    *last = last.take().filter(|last| last.time >= moment.oldest(retention_seconds));
    if let Some(last) = last {
        show(last, moment.now);
    }
}

fn show(entry: &mut Entry, now: Timestamp) {
    if let Some(left) = entry.body.left_at(now) {
        entry.body = left;
    }
}

/// What others made of an expired message says nothing any more, but that it was recalled.
fn conceal_overlays(entries: &[Entry], overlays: &mut Vec<Overlay>, now: Timestamp) {
    if overlays.is_empty() {
        return;
    }
    let is_expired = |overlay: &Overlay| {
        let place = entries.binary_search_by_key(&overlay.seq, |entry| entry.seq);
        place.is_ok_and(|at| entries[at].body.is_expired_at(now))
    };
    overlays.retain(|overlay| overlay.recalled.is_some() || !is_expired(overlay));
}

#[cfg(test)]
mod tests;
