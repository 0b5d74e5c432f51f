//! Frames for many sessions, into their mailboxes.
//!
//! Of a large group the mailboxes do not fit into the processor's caches, and finding one costs more than the push. So what comes for
//! the same group one after another is put into each mailbox together. Between such events are the answers to their senders, who
//! need both in the order in which they came: these few are told afterwards, one delivery after another.
//!
//! ```text
//! event 1, answer to A, event 2, answer to B, event 3     members but A and B: 1 2 3 ─► then A: answer 2 3, B: 1 answer 3
//! ```

use proto::delivery::{Class, Fanout};
use proto::{Delivery, Payload, Reply, ServerFrame, Target};

use super::Shard;
use super::compression::{Codecs, for_many};
use super::deliver::PUSHES_PER_TURN;
use super::timers::arm;
use super::write::{count_push, mark_dirty};
use crate::config::MailboxLimits;
use crate::interest::Interest;
use crate::mailbox::{Pool, Published, Pushed, SignalKey};
use crate::metrics::Tally;
use crate::session::{Flags, Session, SessionKey, Sessions};
use crate::wheel::{Tick, Wheel};

/// Whether mailboxes should be written before more is put into them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fill {
    /// There is room.
    Room,
    /// A mailbox that could be written is a quarter full, or all of them together hold what they may.
    Write,
}

/// Sessions of a group for which its events are put together.
const CROWD_MIN: usize = 64;
/// Events that are put together.
const TOGETHER_MAX: usize = 32;
/// Bytes of an event's frame beside its body, about.
const FRAME_BYTES: usize = 256;

/// What the shard has for each push.
struct Pushing<'a> {
    codecs: &'a mut Option<Codecs>,
    tally: &'a mut Tally,
    pool: &'a mut Pool,
    wheel: &'a mut Wheel<SessionKey>,
    dirty: &'a mut Vec<u32>,
    limits: &'a MailboxLimits,
    now: Tick,
    fill: Fill,
}

impl Pushing<'_> {
    fn push(
        &mut self,
        (key, session): (SessionKey, &mut Session),
        fanout: &Fanout,
        (class, signal): (Class, Option<SignalKey>),
    ) {
        let message = Published {
            frame: for_many(self.codecs, self.tally, session, &fanout.frame),
            class,
            conversation: &fanout.conversation,
            seq: fanout.seq,
            signal,
            taking: session.taking(),
        };
        let pushed = session.mailbox.publish(self.pool, self.limits, self.now, &message);
        count_push(self.tally, pushed);
        if pushed == (Pushed::Owed { began: true }) {
            arm(self.wheel, session, key, self.now.after(self.limits.lagging_timeout));
        }
    }

    /// Into each of these mailboxes but one.
    fn push_to(
        &mut self,
        sessions: &mut Sessions,
        slots: &[u32],
        except: Option<SessionKey>,
        fanout: &Fanout,
        what: (Class, Option<SignalKey>),
    ) {
        for slot in slots {
            let Some(key) = sessions.key_at(*slot).filter(|key| Some(*key) != except) else { continue };
            let Some(session) = sessions.get_mut(key) else { continue };
            self.push((key, session), fanout, what);
            self.end((key, session));
        }
    }

    /// After the last push into a mailbox.
    fn end(&mut self, (key, session): (SessionKey, &mut Session)) {
        mark_dirty(self.dirty, session, key.slot);
        if !session.flags.has(Flags::BLOCKED) && session.mailbox.is_quarter_full(self.limits) {
            self.fill = Fill::Write;
        }
    }

    fn ended(self) -> Fill {
        // What is on its way to those who read must not add up beside what waits for the others.
        if self.pool.is_full() { Fill::Write } else { self.fill }
    }
}

impl Shard {
    /// What a push needs beside the session, where sessions are found, and the sessions.
    fn parts(&mut self) -> (Pushing<'_>, &Interest, &mut Sessions) {
        let pushing = Pushing {
            codecs: &mut self.codecs,
            tally: &mut self.tally,
            pool: &mut self.pool,
            wheel: &mut self.wheel,
            dirty: &mut self.dirty,
            limits: &self.config.mailbox,
            now: self.clock.tick(),
            fill: Fill::Room,
        };
        (pushing, &self.interest, &mut self.sessions)
    }

    /// Puts one frame into the mailbox of every session it is for. Gives the pushes.
    pub(super) fn fan_out(&mut self, fanout: &Fanout, target: &Target) -> (usize, Fill) {
        // A head says what an event's loss would be told as: where there is no room for it, it becomes that.
        let class = match fanout.frame.frame() {
            ServerFrame::Head(_) => Class::Event,
            _ => fanout.class,
        };
        if class == Class::Event {
            self.note_head(fanout, target);
        }
        let signal = match class {
            Class::Signal => self.signal_keys.of(fanout.frame.frame()),
            Class::Event | Class::Receipt | Class::Live => None,
        };
        let except = self.except(fanout);
        let (mut pushing, interest, sessions) = self.parts();
        let slots = match target {
            Target::User(user) => interest.of_user(user),
            Target::Group(group) => interest.of_group(group),
            Target::Presence(_) | Target::Node(_) | Target::Everyone => &[],
        };
        pushing.push_to(sessions, slots, except, fanout, (class, signal));
        (slots.len(), pushing.ended())
    }

    /// How many of the next deliveries are events for one group, and answers between them, that go together.
    pub(super) fn together(&self, deliveries: &[Delivery]) -> usize {
        let Some(Target::Group(group)) = deliveries.first().map(|first| &first.target) else { return 0 };
        let members = self.interest.of_group(group).len();
        if members < CROWD_MIN {
            return 0;
        }
        // Mailboxes are written when they are a quarter full, which is looked at afterwards.
        let limits = &self.config.mailbox;
        let (frames_max, bytes_max) = (limits.frames_max as usize / 8, limits.bytes_max as usize / 8);
        let events_max = TOGETHER_MAX.min(PUSHES_PER_TURN / 2 / members).min(frames_max);
        let (mut events, mut bytes, mut together) = (0, 0, 0);
        for (at, delivery) in deliveries.iter().enumerate() {
            match (&delivery.payload, &delivery.target) {
                (Payload::Fanout(fanout), Target::Group(of))
                    if fanout.class == Class::Event && of == group =>
                {
                    events += 1;
                    bytes += frame_bytes(fanout);
                    if events > events_max || bytes > bytes_max {
                        break;
                    }
                    together = at + 1;
                }
                (Payload::Reply(_, Reply::Frame(_) | Reply::Settled), _) => {}
                _ => break,
            }
        }
        together
    }

    /// Puts as many deliveries as [`Self::together`] said into mailboxes. Gives the pushes.
    pub(super) fn fan_out_together(
        &mut self,
        deliveries: &mut std::vec::Drain<'_, Delivery>,
        together: usize,
    ) -> (usize, Fill) {
        let run = &deliveries.as_slice()[..together];
        let mut apart = std::mem::take(&mut self.apart);
        apart.clear();
        apart.extend(run.iter().filter_map(|delivery| self.told_apart(delivery)));
        apart.sort_unstable();
        apart.dedup();
        let (mut pushing, interest, sessions) = self.parts();
        let slots = match run.first().map(|first| &first.target) {
            Some(Target::Group(group)) => interest.of_group(group),
            _ => &[],
        };
        for slot in slots.iter().filter(|slot| apart.binary_search(slot).is_err()) {
            let Some(key) = sessions.key_at(*slot) else { continue };
            let Some(session) = sessions.get_mut(key) else { continue };
            for fanout in events(run) {
                pushing.push((key, session), fanout, (Class::Event, None));
            }
            pushing.end((key, session));
        }
        let (pushes, mut fill) = (slots.len() * events(run).count(), pushing.ended());
        apart.retain(|slot| slots.binary_search(slot).is_ok());
        for delivery in deliveries.by_ref().take(together) {
            self.tally.deliveries += 1;
            match delivery.payload {
                Payload::Reply(session, reply) => self.on_reply(session, reply),
                Payload::Fanout(fanout) => {
                    self.note_head(&fanout, &delivery.target);
                    fill = fill.max(self.fan_out_to(&apart, &fanout));
                }
                Payload::Control(_) | Payload::Broadcast(_) => {}
            }
        }
        self.apart = apart;
        (pushes, fill)
    }

    /// The session for which this delivery must keep its place among the others: who asked.
    fn told_apart(&self, delivery: &Delivery) -> Option<u32> {
        let key = match &delivery.payload {
            Payload::Reply(session, _) => Some(SessionKey::from_number(*session)),
            Payload::Fanout(fanout) => self.except(fanout),
            Payload::Control(_) | Payload::Broadcast(_) => None,
        };
        key.map(|key| key.slot)
    }

    /// Puts an event into the mailboxes of these members of its group.
    fn fan_out_to(&mut self, slots: &[u32], fanout: &Fanout) -> Fill {
        let except = self.except(fanout);
        let (mut pushing, _, sessions) = self.parts();
        pushing.push_to(sessions, slots, except, fanout, (Class::Event, None));
        pushing.ended()
    }

    /// Who learns of it by an answer.
    fn except(&self, fanout: &Fanout) -> Option<SessionKey> {
        let except = fanout.except.filter(|except| except.node == self.inbox.node());
        except.map(|except| SessionKey::from_number(except.session))
    }

    fn note_head(&mut self, fanout: &Fanout, target: &Target) {
        match target {
            Target::User(user) => self.interest.note_user_head(user, &fanout.conversation, fanout.seq),
            Target::Group(group) => self.interest.note_group_head(group, fanout.seq),
            Target::Presence(_) | Target::Node(_) | Target::Everyone => {}
        }
    }
}

fn events(run: &[Delivery]) -> impl Iterator<Item = &Fanout> {
    run.iter().filter_map(|delivery| match &delivery.payload {
        Payload::Fanout(fanout) => Some(fanout),
        Payload::Reply(..) | Payload::Control(_) | Payload::Broadcast(_) => None,
    })
}

fn frame_bytes(fanout: &Fanout) -> usize {
    FRAME_BYTES
        + match fanout.frame.frame() {
            ServerFrame::Event(event) => event.entry.body.encoded().len(),
            _ => 0,
        }
}
