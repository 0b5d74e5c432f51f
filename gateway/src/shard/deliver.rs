//! From the bus to mailboxes.

use proto::delivery::{Class, Control, Fanout};
use proto::{Delivery, Payload, ServerFrame, Target};

use super::Shard;
use super::compression::for_many;
use super::timers::arm;
use super::write::{count_push, mark_dirty};
use crate::mailbox::{Published, Pushed};
use crate::session::Flags;

/// Whether mailboxes should be written before more is put into them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fill {
    /// There is room.
    Room,
    /// A mailbox that could be written is a quarter full.
    Write,
}

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
const PUSHES_PER_TURN: usize = 64 * 1024;
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
        for delivery in deliveries.by_ref() {
            let (sessions, fill) = self.deliver(delivery);
            *unwritten += sessions;
            if *unwritten >= PUSHES_PER_WRITE || fill == Fill::Write {
                return Turn::Write;
            }
            if *unwritten >= pause_at {
                return Turn::Pause;
            }
        }
        Turn::Done
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

    /// Puts one frame into the mailbox of every session it is for. The only work for each session is a push.
    fn fan_out(&mut self, fanout: &Fanout, target: &Target) -> (usize, Fill) {
        // A head says what an event's loss would be told as: where there is no room for it, it becomes that.
        let class = match fanout.frame.frame() {
            ServerFrame::Head(_) => Class::Event,
            _ => fanout.class,
        };
        if class == Class::Event {
            match target {
                Target::User(user) => self.interest.note_user_head(user, &fanout.conversation, fanout.seq),
                Target::Group(group) => self.interest.note_group_head(group, fanout.seq),
                Target::Presence(_) | Target::Node(_) | Target::Everyone => {}
            }
        }
        let slots = match target {
            Target::User(user) => self.interest.of_user(user),
            Target::Group(group) => self.interest.of_group(group),
            Target::Presence(_) | Target::Node(_) | Target::Everyone => &[],
        };
        let signal = match class {
            Class::Signal => self.signal_keys.of(fanout.frame.frame()),
            Class::Event | Class::Receipt | Class::Live => None,
        };
        let except = fanout.except.filter(|except| except.node == self.inbox.node());
        let (now, limits) = (self.clock.tick(), &self.config.mailbox);
        let mut fill = Fill::Room;
        for slot in slots {
            let Some(key) = self.sessions.key_at(*slot) else { continue };
            if except.is_some_and(|except| except.session == key.to_number()) {
                continue;
            }
            let Some(session) = self.sessions.get_mut(key) else { continue };
            let message = Published {
                frame: for_many(&mut self.codecs, &mut self.tally, session, &fanout.frame),
                class,
                conversation: &fanout.conversation,
                seq: fanout.seq,
                signal,
                taking: session.taking(),
            };
            let pushed = session.mailbox.publish(&mut self.pool, limits, now, &message);
            count_push(&mut self.tally, pushed);
            if pushed == (Pushed::Owed { began: true }) {
                arm(&mut self.wheel, session, key, now.after(limits.lagging_timeout));
            }
            mark_dirty(&mut self.dirty, session, *slot);
            if !session.flags.has(Flags::BLOCKED) && session.mailbox.is_quarter_full(limits) {
                fill = Fill::Write;
            }
        }
        if self.pool.is_full() {
            // What is on its way to those who read must not add up beside what waits for the others.
            fill = Fill::Write;
        }
        (slots.len(), fill)
    }
}
