//! Answers to commands.

use bytes::Bytes;
use wire::reply_envelope::Reply as Wire;

use super::{group, id, texts};
use crate::codec::server;
use crate::delivery::{GroupDone, HeadState};
use crate::{ConversationId, Encoding, Entry, FrameError, GroupId, Reply, Seq, ServerFrame, wire};

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
    };
    wire::ReplyEnvelope { session, reply: Some(reply) }
}

pub(super) fn from_wire(reply: Option<Wire>) -> Result<Reply, FrameError> {
    const KNOWN: &str = "settled, frame, groups, heads, group_done";
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
    })
}

fn head_to_wire(head: &HeadState) -> wire::HeadState {
    wire::HeadState {
        conversation: head.conversation.to_string(),
        seq: head.seq.0,
        counted: head.counted,
        last: head.last.as_ref().map(|last| server::event_to_wire(&head.conversation, last)),
        member: head.member,
        floor: head.floor.0,
    }
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
    })
}
