//! Answers to commands.

use bytes::Bytes;
use wire::reply_envelope::Reply as Wire;
use wire::room_answer::Answer;

use super::{broadcast, group, id, texts};
use crate::codec::{presence, server};
use crate::delivery::{Confirming, GroupDone, HeadState, RoomAnswer, RoomOpen};
use crate::{
    ConversationId, Encoding, Entry, FrameError, GroupId, Reply, Seq, ServerFrame, Timestamp, UserId, wire,
};

pub(super) fn to_wire(session: u64, reply: &Reply) -> wire::ReplyEnvelope {
    let reply = match reply {
        Reply::Settled => Wire::Settled(wire::Settled {}),
        Reply::Frame(frame) => {
            let mut bytes = Vec::new();
            frame.encode_into(Encoding::Proto, &mut bytes);
            Wire::Frame(Bytes::from(bytes))
        }
        Reply::Groups(groups) => Wire::Groups(wire::Groups { groups: texts(groups) }),
        Reply::Heads(heads) => Wire::Heads(wire::Heads { heads: heads.iter().map(head_to_wire).collect() }),
        Reply::GroupDone(done) => Wire::GroupDone(wire::GroupDone {
            group: done.group.to_string(),
            seq: done.seq.0,
            members: done.members,
            pending: done.pending,
        }),
        Reply::Presence(seen) => Wire::PresenceSeen(presence::seen_to_wire(seen)),
        Reply::Room(answer) => Wire::Room(room_to_wire(answer)),
        Reply::Broadcast(state) => Wire::Broadcast(broadcast::state_to_wire(state)),
    };
    wire::ReplyEnvelope { session, reply: Some(reply) }
}

pub(super) fn from_wire(reply: Option<Wire>) -> Result<Reply, FrameError> {
    const KNOWN: &str = "settled, frame, groups, heads, group_done, presence_seen, room, broadcast";
    Ok(match reply.ok_or(FrameError::Unknown { known: KNOWN })? {
        Wire::Settled(wire::Settled {}) => Reply::Settled,
        Wire::Frame(bytes) => Reply::Frame(ServerFrame::decode_shared(bytes)?),
        Wire::Groups(wire) => {
            let parse = |text: &String| id("reply", "groups", GroupId::parse(text));
            Reply::Groups(wire.groups.iter().map(parse).collect::<Result<_, _>>()?)
        }
        Wire::Heads(wire) => Reply::Heads(wire.heads.into_iter().map(head).collect::<Result<_, _>>()?),
        Wire::GroupDone(wire) => Reply::GroupDone(GroupDone {
            group: group("reply", &wire.group)?,
            seq: Seq(wire.seq),
            members: wire.members,
            pending: wire.pending,
        }),
        Wire::PresenceSeen(wire) => Reply::Presence(Box::new(presence::seen(wire)?)),
        Wire::Room(wire) => Reply::Room(room(wire)?),
        Wire::Broadcast(wire) => Reply::Broadcast(broadcast::state(&wire)?),
    })
}

fn room_to_wire(answer: &RoomAnswer) -> wire::RoomAnswer {
    let room = answer.room.to_string();
    let answer = match &answer.answer {
        Ok(RoomOpen { history, head }) => Answer::Open(wire::RoomOpen { history: *history, head: head.0 }),
        Err(nack) => Answer::Refused(server::nack_to_wire(nack)),
    };
    wire::RoomAnswer { room, answer: Some(answer) }
}

fn room(wire: wire::RoomAnswer) -> Result<RoomAnswer, FrameError> {
    let answer = match wire.answer.ok_or(FrameError::Unknown { known: "open, refused" })? {
        Answer::Open(wire) => Ok(RoomOpen { history: wire.history, head: Seq(wire.head) }),
        Answer::Refused(wire) => Err(server::nack(wire)?),
    };
    Ok(RoomAnswer { room: group("reply", &wire.room)?, answer })
}

fn head_to_wire(head: &HeadState) -> wire::HeadState {
    wire::HeadState {
        conversation: head.conversation.to_string(),
        seq: head.seq.0,
        counted: head.counted,
        last: head.last.as_ref().map(|last| server::event_to_wire(&head.conversation, last)),
        member: head.member,
        floor: head.floor.0,
        retention_seconds: head.retention_seconds,
        to_confirm: head
            .confirming
            .as_ref()
            .map(|list| wire::ToConfirm { messages: list.iter().map(confirming_to_wire).collect() }),
    }
}

fn confirming_to_wire(message: &Confirming) -> wire::Confirming {
    let Confirming { seq, sender, until, numbers } = message;
    wire::Confirming { seq: seq.0, sender: sender.to_string(), until: until.0, numbers: *numbers }
}

fn confirming(wire: &wire::Confirming) -> Result<Confirming, FrameError> {
    let sender = id("reply", "sender", UserId::parse(&wire.sender))?;
    Ok(Confirming { seq: Seq(wire.seq), sender, until: Timestamp(wire.until), numbers: wire.numbers })
}

fn head(wire: wire::HeadState) -> Result<HeadState, FrameError> {
    let last = wire.last.map(|last| server::event("reply", last)).transpose()?;
    Ok(HeadState {
        conversation: id("reply", "conversation", ConversationId::parse(&wire.conversation))?,
        seq: Seq(wire.seq),
        counted: wire.counted,
        // The newest entry counts all countable ones, so its own number need not travel.
        last: last.map(|(_, last)| Entry { counted: wire.counted, ..last }),
        member: wire.member,
        floor: Seq(wire.floor),
        retention_seconds: wire.retention_seconds,
        confirming: wire
            .to_confirm
            .map(|list| list.messages.iter().map(confirming).collect::<Result<_, _>>())
            .transpose()?,
    })
}
