//! Tickets of one process.

use std::collections::VecDeque;
use std::time::Duration;

use hashbrown::HashMap;
use tokio::time::Instant;

/// As many as were put and have not ended; whoever puts them bounds that.
#[derive(Default)]
pub(super) struct Tickets {
    contents: HashMap<[u8; 32], (Instant, Vec<u8>)>,
    /// In the order they were put, which is about the order in which they end.
    ends: VecDeque<(Instant, [u8; 32])>,
}

impl Tickets {
    pub(super) fn put(&mut self, ticket: [u8; 32], content: Vec<u8>, ttl: Duration) {
        let now = Instant::now();
        self.forget_ended(now);
        self.ends.push_back((now + ttl, ticket));
        self.contents.insert(ticket, (now + ttl, content));
    }

    pub(super) fn take(&mut self, ticket: &[u8; 32]) -> Option<Vec<u8>> {
        let now = Instant::now();
        self.forget_ended(now);
        self.contents.remove(ticket).filter(|(end, _)| *end > now).map(|(_, content)| content)
    }

    fn forget_ended(&mut self, now: Instant) {
        while self.ends.front().is_some_and(|(end, _)| *end <= now) {
            if let Some((_, ticket)) = self.ends.pop_front() {
                self.contents.remove(&ticket);
            }
        }
    }
}
