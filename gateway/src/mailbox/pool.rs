//! What the mailboxes of a shard share: empty queues kept for the next message, so that a fan-out allocates nothing for
//! each session, and the count of bytes that wait in all of them together.

use super::Taking;
use super::queue::Queue;

/// See the module. A queue that grew large is not kept.
pub(crate) struct Pool {
    #[expect(clippy::vec_box, reason = "the box is what is kept: mailboxes hold it by one word")]
    pub(super) free: Vec<Box<Queue>>,
    kept_max: usize,
    /// Room for messages in those that are kept.
    kept_frames: usize,
    bytes: u64,
    bytes_max: u64,
    /// Signals that had to leave a queue for something else, since it was last asked.
    pub(super) signals_dropped: u64,
}

/// A queue with room for more messages than this is given back to the allocator.
const FRAMES_KEPT_MAX: usize = 256;
/// And one with which those that are kept would have room for more than this many each.
const FRAMES_KEPT_EACH: usize = 64;

impl Pool {
    /// Keeps `kept_max` queues; `bytes_max` may wait in all mailboxes together.
    pub(crate) fn new(kept_max: usize, bytes_max: u64) -> Self {
        Self { free: Vec::new(), kept_max, kept_frames: 0, bytes: 0, bytes_max, signals_dropped: 0 }
    }

    /// Bytes that wait in all mailboxes, each message counted once for every mailbox that it waits in.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Signals that had to leave a queue since this was last asked.
    pub(crate) fn take_signals_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.signals_dropped)
    }

    /// As much waits as may: nothing more should, and what can be written should be, before anything else is queued.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= self.bytes_max
    }

    /// Whether something more may be queued where something waits already.
    pub(super) fn has_room(&self, taking: Taking) -> bool {
        taking == Taking::All || !self.is_full()
    }

    /// One queue's bytes have changed.
    pub(super) fn recount(&mut self, before: u32, now: u32) {
        self.bytes = self.bytes - u64::from(before) + u64::from(now);
    }

    pub(super) fn take(&mut self) -> Box<Queue> {
        let queue = self.free.pop().unwrap_or_default();
        self.kept_frames -= queue.frames.capacity();
        queue
    }

    pub(super) fn give_back(&mut self, mut queue: Box<Queue>) {
        self.recount(queue.bytes, 0);
        let (room, room_max) = (queue.frames.capacity(), self.kept_max * FRAMES_KEPT_EACH);
        if self.free.len() < self.kept_max && room <= FRAMES_KEPT_MAX && self.kept_frames + room <= room_max {
            self.kept_frames += room;
            queue.clear();
            self.free.push(queue);
        }
    }
}
