//! From the bus to mailboxes.

use proto::delivery::Control;
use proto::{Delivery, Payload, Target};

use super::Shard;
use super::fan_out::Fill;

/// How a turn of delivering ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing more is there; mailboxes are to be written.
    Done,
    /// Mailboxes are to be written before more is put into them.
    Write,
    /// Others get their turn.
    Pause,
}

/// Pushes before others get their turn.
pub(super) const PUSHES_PER_TURN: usize = 64 * 1024;
/// Pushes before mailboxes are written: of a write the messages in it are the smaller part.
const PUSHES_PER_WRITE: usize = 512 * 1024;

impl Shard {
    /// Delivers until there is enough to write or the turn is over. `unwritten` are the pushes since mailboxes were written.
    pub(super) fn deliver_some(
        &mut self,
        deliveries: &mut std::vec::Drain<'_, Delivery>,
        unwritten: &mut usize,
    ) -> Turn {
        self.clock.read();
        let pause_at = *unwritten + PUSHES_PER_TURN;
        loop {
            let together = self.together(deliveries.as_slice());
            let (pushes, fill) = if together > 1 {
                self.fan_out_together(deliveries, together)
            } else {
                let Some(delivery) = deliveries.next() else { return Turn::Done };
                self.deliver(delivery)
            };
            *unwritten += pushes;
            if *unwritten >= PUSHES_PER_WRITE || fill == Fill::Write {
                return Turn::Write;
            }
            if *unwritten >= pause_at {
                return Turn::Pause;
            }
        }
    }

    /// One delivery. Gives how many mailboxes it went into.
    fn deliver(&mut self, delivery: Delivery) -> (usize, Fill) {
        self.tally.deliveries += 1;
        match (delivery.payload, delivery.target) {
            (Payload::Reply(session, reply), _) => self.on_reply(session, reply),
            (Payload::Fanout(fanout), target) => return self.fan_out(&fanout, &target),
            (Payload::Control(control), Target::User(user)) => self.on_control(&user, &control),
            (Payload::Control(control), Target::Presence(user)) => {
                return (self.on_presence_control(&user, control), Fill::Room);
            }
            (Payload::Control(Control::RoomEnded(room)), Target::Group(_)) => self.on_room_ended(&room),
            (Payload::Broadcast(frame), Target::Everyone) => self.on_broadcast(&frame),
            // All others are about users; nothing else publishes them.
            (Payload::Control(_) | Payload::Broadcast(_), _) => {}
        }
        (1, Fill::Room)
    }
}
