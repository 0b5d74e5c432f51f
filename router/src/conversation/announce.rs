//! What a conversation tells: answers to commands, and events, heads and controls to everyone concerned.

use std::collections::BTreeSet;
use std::sync::Arc;

use proto::client_frame::{AckMode, Send};
use proto::command::Origin;
use proto::delivery::{Class, Control, Fanout, GroupDone};
use proto::server_frame::{Ack, Event, Head, Nack};
use proto::{
    ClientMessageId, Code, Command, Delivery, Entry, Payload, Reply, Request, Seq, ServerFrame, SessionRef,
    SharedFrame, Target, Timestamp, TraceId, UserId,
};
use store::mutation::{self, Mutation};

use super::{Conversation, Kind};
use crate::rules::membership::Changed;
use crate::turn::Turn;

/// Advice of a `BUSY` nack where nothing better is known, in milliseconds.
pub(super) const BUSY_RETRY_MS: u32 = 500;
/// Advice of an `UNAVAILABLE` nack, in milliseconds.
const UNAVAILABLE_RETRY_MS: u32 = 1_000;

/// Who asked, after the command itself has become an entry.
#[derive(Clone, Debug)]
pub struct Asker {
    pub origin: Origin,
    pub trace: TraceId,
    /// Steady time at which the command came.
    pub arrived_ms: u64,
}

/// Answers a command.
pub fn reply(origin: &Origin, trace: TraceId, reply: Reply, turn: &mut Turn<'_>) {
    let SessionRef { node, session } = origin.session;
    let payload = Payload::Reply(session, reply);
    turn.deliveries.push(Delivery { target: Target::Node(node), payload, trace });
}

/// Tells a user what another is now.
pub fn contact(side: &store::Relation, trace: TraceId, turn: &mut Turn<'_>) {
    let contact = crate::rules::contacts::shown(side.contact.clone(), turn.now.wall);
    let fanout = Fanout {
        conversation: proto::ConversationId::pair(&side.user, &contact.user),
        frame: Arc::new(SharedFrame::new(ServerFrame::Contact(Box::new(contact)))),
        // The newest counts; where it is lost, the `sync` that follows has it.
        class: Class::Receipt,
        seq: Seq::ZERO,
        except: None,
    };
    let (target, payload) = (Target::User(side.user.clone()), Payload::Fanout(fanout));
    turn.deliveries.push(Delivery { target, payload, trace });
}

/// Refuses a command.
pub fn nack(command: &Command, code: Code, message: &str, retry_after_ms: u32, turn: &mut Turn<'_>) {
    turn.metrics.nack(code);
    let nack = refusal(command, code, message).retry_after_ms(retry_after_ms);
    reply(&command.origin, command.trace, crate::reader::refusal(command, nack), turn);
}

/// The frame that refuses a command.
pub fn refusal(command: &Command, code: Code, message: &str) -> Nack {
    match &command.request {
        Request::Send(send) => refusal_of_send(send, code, message),
        other => Nack::of(other.name(), code, message),
    }
}

/// The frame that refuses a send.
pub fn refusal_of_send(send: &Send, code: Code, message: &str) -> Nack {
    Nack { frame: send.name(), ..Nack::of_send(send.client_message_id, code, message) }
}

/// Refuses a command because too many wait.
pub fn busy(command: &Command, retry_after_ms: u32, turn: &mut Turn<'_>) {
    nack(command, Code::Busy, "too many commands wait", retry_after_ms, turn);
}

/// Refuses a send of somebody who may not speak before this time.
pub fn muted(command: &Command, until: Timestamp, turn: &mut Turn<'_>) {
    let wait_ms = u32::try_from(until.0.saturating_sub(turn.now.wall.0)).unwrap_or(u32::MAX);
    let text = format!("muted until {} (Unix milliseconds)", until.0);
    nack(command, Code::Muted, &text, wait_ms, turn);
}

/// Refuses a command because the store did not answer. Says nothing about whether it is stored.
pub fn unavailable(command: &Command, turn: &mut Turn<'_>) {
    nack(command, Code::Unavailable, "the store does not answer", UNAVAILABLE_RETRY_MS, turn);
}

/// Refuses a command that certainly has no seq and never gets one.
pub fn late(command: &Command, turn: &mut Turn<'_>) {
    nack(command, Code::Late, "it waited past its deadline", BUSY_RETRY_MS, turn);
}

impl Conversation {
    /// The answer to a send that is durable and verified, or was before.
    pub(super) fn ack(&self, asker: &Asker, mode: AckMode, entry: &Entry, turn: &mut Turn<'_>) {
        let answer = match mode {
            AckMode::None => Reply::Settled,
            AckMode::Persisted | AckMode::Received | AckMode::Published => {
                Reply::Frame(ServerFrame::Ack(Ack {
                    client_message_id: entry.client_message_id,
                    conversation: self.id.clone(),
                    seq: entry.seq,
                    message_id: entry.message_id,
                    time: entry.time,
                }))
            }
        };
        reply(&asker.origin, asker.trace, answer, turn);
    }

    /// The answer to a change of a group.
    pub(super) fn group_done(&self, asker: &Asker, seq: Seq, members: u32, turn: &mut Turn<'_>) {
        if let Kind::Group(group, state) = &self.kind {
            let pending = state.awaits_answer(&asker.origin.user);
            let done = GroupDone { group: group.clone(), seq, members, pending };
            reply(&asker.origin, asker.trace, Reply::GroupDone(done), turn);
        }
    }

    /// Publishes an entry to everyone concerned but the session that learns it by its ack.
    pub(super) fn publish(
        &self,
        entry: Entry,
        except: Option<SessionRef>,
        changed: Option<&Changed>,
        trace: TraceId,
        turn: &mut Turn<'_>,
    ) {
        let seq = entry.seq;
        self.tell_invited(&entry, changed, trace, turn);
        let frame = ServerFrame::Event(Event { conversation: self.id.clone(), entry });
        let fanout = Fanout {
            frame: Arc::new(SharedFrame::new(frame)),
            class: Class::Event,
            conversation: self.id.clone(),
            seq,
            except,
        };
        if let (Some(changed), Kind::Group(group, _)) = (changed, &self.kind) {
            for member in &changed.joined {
                // Not interested in the group yet: the event itself goes to the user, too.
                control(&member.user, Control::JoinedGroup(group.clone()), trace, turn);
                let target = Target::User(member.user.clone());
                turn.deliveries.push(Delivery { target, payload: Payload::Fanout(fanout.clone()), trace });
            }
        }
        self.fan_out(fanout, trace, turn);
        if let (Some(changed), Kind::Group(group, _)) = (changed, &self.kind) {
            for user in &changed.left {
                control(user, Control::LeftGroup(group.clone()), trace, turn);
            }
        }
    }

    /// Lists of groups have a change now: tells the gateways of whoever came or went what is so. A gateway that read such a list
    /// before, for a session that began in that moment, was not there yet when the change itself was told.
    pub fn tell_members_again(&mut self, change: Option<&store::GroupChange>, turn: &mut Turn<'_>) {
        let untold = self.owed.take_untold();
        let Kind::Group(id, group) = &self.kind else { return };
        let came = change.iter().flat_map(|change| change.joined.iter().map(|member| &member.user));
        let left = change.iter().flat_map(|change| &change.left);
        // In an order of its own: that of a table of hashes would make each run of the simulator another world.
        let users: BTreeSet<&UserId> = came.chain(left).chain(&untold).collect();
        if !users.is_empty() {
            self.probe.tells(turn.now);
        }
        for user in users {
            let is_in = group.role_of(user).is_some();
            let word = if is_in { Control::JoinedGroup } else { Control::LeftGroup };
            control(user, word(id.clone()), TraceId::default(), turn);
        }
    }

    /// Tells those who are no members what became of their invitation: they hear nothing else of the group.
    fn tell_invited(&self, entry: &Entry, changed: Option<&Changed>, trace: TraceId, turn: &mut Turn<'_>) {
        let (Some(changed), Kind::Group(id, group)) = (changed, &self.kind) else { return };
        for user in &changed.invited {
            let invitation = group.invitation_told(id, user, entry);
            let fanout = Fanout {
                conversation: self.id.clone(),
                frame: Arc::new(SharedFrame::new(ServerFrame::Invitation(Box::new(invitation)))),
                // Where it is lost, the `sync` that follows has it.
                class: Class::Receipt,
                seq: Seq::ZERO,
                except: None,
            };
            let (target, payload) = (Target::User(user.clone()), Payload::Fanout(fanout));
            turn.deliveries.push(Delivery { target, payload, trace });
        }
    }

    /// Publishes the head: the beacon after a load, and the probes that reveal a lost tail.
    pub(super) fn publish_head(&self, turn: &mut Turn<'_>) {
        let head = Head::of(self.id.clone(), self.log.head);
        let fanout = Fanout {
            frame: Arc::new(SharedFrame::new(ServerFrame::Head(head))),
            class: Class::Receipt,
            conversation: self.id.clone(),
            seq: self.log.head,
            except: None,
        };
        turn.metrics.heads.increment(1);
        self.fan_out(fanout, TraceId::default(), turn);
    }

    /// A live room has ended: nobody is in it any more.
    pub(super) fn publish_end(&self, trace: TraceId, turn: &mut Turn<'_>) {
        if let Kind::Group(group, _) = &self.kind {
            let payload = Payload::Control(Control::RoomEnded(group.clone()));
            turn.deliveries.push(Delivery { target: Target::Group(group.clone()), payload, trace });
        }
    }

    pub(super) fn fan_out(&self, fanout: Fanout, trace: TraceId, turn: &mut Turn<'_>) {
        let mut push = |target, fanout| {
            turn.deliveries.push(Delivery { target, payload: Payload::Fanout(fanout), trace });
        };
        match &self.kind {
            Kind::Direct(one, other) if one == other => push(Target::User(one.clone()), fanout),
            Kind::Direct(one, other) => {
                push(Target::User(one.clone()), fanout.clone());
                push(Target::User(other.clone()), fanout);
            }
            Kind::Group(group, _) => push(Target::Group(group.clone()), fanout),
            // Nobody reads its log.
            Kind::Pair(_) => {}
        }
    }

    /// A send that is in the log already: acknowledged, and published again (DESIGN §6.6), because its ack or its
    /// event may be what was lost.
    pub(super) fn repeat(&mut self, asker: Asker, mode: AckMode, entry: Entry, turn: &mut Turn<'_>) {
        turn.metrics.dedupe_hits.increment(1);
        let is_old = entry.time < turn.moment().oldest(self.retention_seconds);
        if is_old || self.is_changed_after(&entry) || entry.body.left_at(turn.now.wall).is_some() {
            // It may say what was taken back since, or is gone by itself: who lacks it fetches it as it is now.
            self.publish_head(turn);
        } else if !mutation::is(Mutation::RepeatUnpublished) {
            self.publish(entry.clone(), Some(asker.origin.session), None, asker.trace, turn);
        }
        self.ack_when_hidden(asker, mode, &entry, turn);
    }

    /// A client message id that another user has used.
    pub(super) fn not_yours(asker: &Asker, id: ClientMessageId, turn: &mut Turn<'_>) {
        turn.metrics.nack(Code::Conflict);
        let nack = Nack::of_send(id, Code::Conflict, "this client_message_id was used by another user");
        reply(&asker.origin, asker.trace, Reply::Frame(ServerFrame::Nack(nack)), turn);
    }
}

fn control(user: &UserId, control: Control, trace: TraceId, turn: &mut Turn<'_>) {
    let target = Target::User(user.clone());
    turn.deliveries.push(Delivery { target, payload: Payload::Control(control), trace });
}
