//! What each client has sent and not heard of: after a new socket it is sent again, in order, as real clients do.

use std::collections::VecDeque;

/// By connection; empty where sockets stay.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox(Vec<VecDeque<u64>>);

impl Outbox {
    pub(super) fn new(connections: usize) -> Self {
        Self(vec![VecDeque::new(); connections])
    }

    /// Connection `who` has message `number` to send.
    pub(super) fn put(&mut self, who: usize, number: u64) {
        if let Some(own) = self.0.get_mut(who) {
            own.push_back(number);
        }
    }

    /// What connection `who` has to send again: everything that is not `answered`, which is forgotten.
    pub(super) fn unanswered(&mut self, who: usize, answered: impl Fn(u64) -> bool) -> Vec<u64> {
        let Some(own) = self.0.get_mut(who) else { return Vec::new() };
        own.retain(|number| !answered(*number));
        own.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_answered_is_not_sent_again() {
        let mut outbox = Outbox::new(2);
        for number in [3, 5, 9] {
            outbox.put(1, number);
        }
        assert_eq!(outbox.unanswered(1, |number| number == 5), [3, 9]);
        assert_eq!(outbox.unanswered(1, |number| number == 3), [9]);
        assert_eq!(outbox.unanswered(0, |_| false), Vec::<u64>::new());
        let mut none = Outbox::new(0);
        none.put(7, 1);
        assert_eq!(none.unanswered(7, |_| false), Vec::<u64>::new());
    }
}
