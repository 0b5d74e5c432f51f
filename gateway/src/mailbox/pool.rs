//! Empty queues kept for the next message, so that a fan-out allocates nothing for each session.

use super::Queue;

/// Queues that wait for use. A queue that grew large is not kept.
pub(crate) struct Pool {
    #[expect(clippy::vec_box, reason = "the box is what is kept: mailboxes hold it by one word")]
    pub(super) free: Vec<Box<Queue>>,
    kept_max: usize,
}

/// A queue with room for more messages than this is given back to the allocator.
const FRAMES_KEPT_MAX: usize = 64;

impl Pool {
    pub(crate) fn new(kept_max: usize) -> Self {
        Self { free: Vec::new(), kept_max }
    }

    pub(super) fn take(&mut self) -> Box<Queue> {
        self.free.pop().unwrap_or_default()
    }

    pub(super) fn give_back(&mut self, mut queue: Box<Queue>) {
        if self.free.len() < self.kept_max && queue.frames.capacity() <= FRAMES_KEPT_MAX {
            queue.clear();
            self.free.push(queue);
        }
    }
}
