//! Messages of a live room that keeps nothing: checked like others, told at once, and forgotten.
//!
//! **Guarantees.** Nothing that is told here was promised to be kept: an ack says `published` and has no seq. That is why it
//! does not wait for a check of the fence. A message that is sent again is told once by one owner, as long as it is among the last
//! [`RECENT_MAX`] of the room.
//!
//! **Does not** order: there is no seq. Sockets get messages in the order in which this owner told them.

use std::collections::VecDeque;
use std::sync::Arc;

use proto::client_frame::{AckMode, Send};
use proto::delivery::{Class, Fanout};
use proto::group::Room;
use proto::server_frame::{Ack, Event};
use proto::{
    ClientMessageId, Code, ConversationId, Entry, MessageId, Reply, Seq, ServerFrame, SharedFrame, Timestamp,
};

use super::announce::{self, Asker};
use super::decide::Decision;
use super::pending::Pending;
use super::{Conversation, Kind};
use crate::rules::body::newest_reference;
use crate::turn::Turn;

/// Messages of a room whose ids are remembered.
const RECENT_MAX: usize = 256;

/// The ids of the last messages, oldest first.
#[derive(Default)]
pub struct Recent(VecDeque<Told>);

#[derive(Clone, Copy)]
struct Told {
    id: ClientMessageId,
    message_id: MessageId,
    time: Timestamp,
}

impl Recent {
    fn find(&self, id: ClientMessageId) -> Option<Told> {
        self.0.iter().rev().find(|told| told.id == id).copied()
    }

    fn push(&mut self, told: Told) {
        if self.0.len() >= RECENT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(told);
    }
}

impl Conversation {
    /// Whether it is a live room.
    pub fn is_room(&self) -> bool {
        matches!(&self.kind, Kind::Group(_, group) if group.room().is_some())
    }

    /// Whether it is one that keeps nothing.
    pub(super) fn keeps_nothing(&self) -> bool {
        matches!(&self.kind, Kind::Group(_, group) if group.room() == Some(Room::WithoutHistory))
    }

    /// What becomes of a send to a room that keeps nothing.
    pub(super) fn decide_live(&self, pending: &Pending, send: &Send, turn: &Turn<'_>) -> Decision {
        if self.recent.find(send.client_message_id).is_some() {
            return Decision::Live;
        }
        if let Err(refused) = self.may_say(pending, send, turn) {
            return refused;
        }
        if matches!(send.ack, AckMode::Persisted | AckMode::Received) {
            return Decision::Refuse(
                Code::BadField,
                "send.ack: this room keeps nothing, so one of none, published is allowed",
            );
        }
        let retains = send.body.as_retention().is_some();
        if send.body.must_confirm().is_some() {
            let text = "body.must_confirm: there is nobody who could confirm it";
            return Decision::Refuse(Code::BadField, text);
        }
        if retains || send.body.as_change().is_some() || newest_reference(&send.body) > Seq::ZERO {
            let text = "send.body: this room keeps nothing that could be changed or replied to";
            return Decision::Refuse(Code::BadField, text);
        }
        match self.may_mention(&pending.command.origin, &send.body) {
            Ok(()) => Decision::Live,
            Err((code, text)) => Decision::Refuse(code, text),
        }
    }

    /// Tells a message to everybody in the room, unless it was told before, and acknowledges it.
    pub(super) fn tell_live(&mut self, asker: &Asker, send: &Send, turn: &mut Turn<'_>) {
        let id = send.client_message_id;
        let told = match self.recent.find(id) {
            Some(told) => told,
            None => {
                let Some(message_id) = turn.ids.next(turn.now.wall) else {
                    let nack =
                        announce::refusal_of_send(send, Code::Unavailable, "no message ids at the moment");
                    return announce::reply(
                        &asker.origin,
                        asker.trace,
                        Reply::Frame(ServerFrame::Nack(nack)),
                        turn,
                    );
                };
                let told = Told { id, message_id, time: turn.now.wall };
                self.recent.push(told);
                self.publish_live(told, asker, send, turn);
                told
            }
        };
        let answer = match send.ack {
            AckMode::None => Reply::Settled,
            _ => Reply::Frame(ServerFrame::Ack(Ack {
                client_message_id: id,
                conversation: self.id.clone(),
                seq: Seq::ZERO,
                message_id: told.message_id,
                time: told.time,
            })),
        };
        announce::reply(&asker.origin, asker.trace, answer, turn);
    }

    fn publish_live(&self, told: Told, asker: &Asker, send: &Send, turn: &mut Turn<'_>) {
        turn.metrics.live_messages.increment(1);
        let entry = Entry {
            seq: Seq::ZERO,
            message_id: told.message_id,
            sender: asker.origin.user.clone(),
            time: told.time,
            counted: 0,
            client_message_id: told.id,
            body: send.body.clone(),
        };
        let conversation: ConversationId = self.id.clone();
        let fanout = Fanout {
            frame: Arc::new(SharedFrame::new(ServerFrame::Live(Event {
                conversation: conversation.clone(),
                entry,
            }))),
            class: Class::Live,
            conversation,
            seq: Seq::ZERO,
            except: Some(asker.origin.session),
        };
        self.fan_out(fanout, asker.trace, turn);
    }
}
