//! Commands that were published and may still come back, because nobody listened.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use super::Outgoing;

/// Commands that are remembered; the oldest is forgotten, and with it the chance to send it again.
pub(crate) const RECENT_COMMANDS_MAX: usize = 65_536;
/// Their bytes.
const RECENT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A ring of published commands, by their number. What the server has settled leaves it.
#[derive(Default)]
pub(super) struct Recent {
    /// The number of the first slot.
    first: u64,
    slots: VecDeque<Option<Outgoing>>,
    bytes: usize,
}

impl Recent {
    /// Remembers a command and gives its number, one higher each time; and how many were forgotten for it.
    pub(super) fn push(&mut self, outgoing: Outgoing) -> (u64, u64) {
        self.bytes += outgoing.payload.len();
        self.slots.push_back(Some(outgoing));
        let mut forgotten = 0;
        while self.slots.len() > RECENT_COMMANDS_MAX
            || (self.bytes > RECENT_BYTES_MAX && self.slots.len() > 1)
        {
            forgotten += u64::from(self.pop_first().is_some());
        }
        (self.newest(), forgotten)
    }

    /// The number of the newest command, whether or not it is still here; the first has number zero.
    pub(super) fn newest(&self) -> u64 {
        (self.first + self.slots.len() as u64).saturating_sub(1)
    }

    /// Takes a command out that came back, or was not published after all.
    pub(super) fn take(&mut self, number: u64) -> Option<Outgoing> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let outgoing = self.slots.get_mut(index)?.take()?;
        self.bytes -= outgoing.payload.len();
        Some(outgoing)
    }

    /// Everything up to this number was published and did not come back: somebody may have received it.
    pub(super) fn settle(&mut self, upto: u64) {
        while self.first <= upto && !self.slots.is_empty() {
            self.pop_first();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    fn pop_first(&mut self) -> Option<Outgoing> {
        let outgoing = self.slots.pop_front()?;
        self.first += 1;
        self.bytes -= outgoing.as_ref().map_or(0, |outgoing| outgoing.payload.len());
        outgoing
    }
}
