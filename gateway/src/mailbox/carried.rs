//! A mailbox on its way to another process. Which of its messages are signals is forgotten: they are sent like any other.

use super::lag::Lag;
use super::{Mailbox, Missed, Pool};
use crate::handover::CarriedMailbox;
use crate::wheel::Tick;

impl Mailbox {
    /// Takes everything out.
    pub(crate) fn carry(&mut self, pool: &mut Pool) -> CarriedMailbox {
        let Some(queue) = &mut self.0 else { return CarriedMailbox::default() };
        let lag = queue.lag.take();
        let missed = queue.missed.take().0;
        let carried = CarriedMailbox {
            begun: queue.begun,
            messages: queue.frames.iter().cloned().collect(),
            resync: lag.as_ref().is_some_and(|lag| lag.resync),
            dirty: lag.map(|lag| lag.dirty.into_iter().collect()).unwrap_or_default(),
            missed,
        };
        self.clear(pool);
        carried
    }

    /// A mailbox with what was carried, as if it came now.
    pub(crate) fn carried(carried: CarriedMailbox, pool: &mut Pool, now: Tick) -> Self {
        let CarriedMailbox { begun, messages, dirty, resync, missed } = carried;
        let owes = resync || !dirty.is_empty();
        if messages.is_empty() && !owes && missed.is_empty() {
            return Self::default();
        }
        let mut queue = pool.take();
        messages.into_iter().for_each(|message| queue.push(now, message));
        queue.begun = begun;
        queue.missed = Missed(missed);
        if owes {
            let mut lag = Lag::begin(now);
            lag.dirty = dirty.into_iter().collect();
            lag.resync = resync;
            queue.lag = Some(Box::new(lag));
        }
        pool.recount(0, queue.bytes);
        Self(Some(queue))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proto::{ConversationId, GroupId, Seq, UserId};

    use super::*;

    #[test]
    fn what_waits_and_what_is_owed_are_the_same_on_the_other_side() {
        let user = |name| UserId::parse(name).unwrap();
        let carried = CarriedMailbox {
            begun: true,
            messages: vec![Bytes::from_static(b"st of a message"), Bytes::from_static(b"a message")],
            dirty: vec![(ConversationId::direct(&user("a"), &user("b")), Seq(4))],
            resync: true,
            missed: vec![(ConversationId::group(&GroupId::parse("r").unwrap()), 9)],
        };
        let mut pool = Pool::new(1, 1_000);
        let mut mailbox = Mailbox::carried(carried.clone(), &mut pool, Tick(5));
        assert_eq!((mailbox.bytes(), pool.bytes(), mailbox.lagging_since()), (24, 24, Some(Tick(5))));
        assert_eq!(mailbox.carry(&mut pool), carried);
        assert_eq!((mailbox.is_empty(), pool.bytes()), (true, 0));
        assert!(Mailbox::carried(CarriedMailbox::default(), &mut pool, Tick(5)).is_empty());
    }
}
