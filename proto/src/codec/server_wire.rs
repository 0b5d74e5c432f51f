//! Server frames in protobuf.

use bytes::Buf;
use prost::Message as _;
use wire::server_frame::Frame;

use super::{
    confirmations, contact, invitation, overlay_wire, presence, readers, room, server_from_wire, settings,
};
use crate::server_frame::{Ack, ConversationState, Delta, Head, Nack, Page, Pong, Receipt, Welcome};
use crate::{ConversationId, Entry, FrameError, Seq, ServerFrame, wire};

pub(super) fn decode(bytes: impl Buf) -> Result<ServerFrame, FrameError> {
    let frame = wire::ServerFrame::decode(bytes).map_err(|error| FrameError::Malformed(error.to_string()))?;
    server_from_wire::frame(frame)
}

pub(super) fn encode(frame: &ServerFrame, out: &mut Vec<u8>) {
    let frame = wire::ServerFrame { frame: Some(to_wire(frame)) };
    // A `Vec` grows as needed, so encoding cannot run out of room.
    out.reserve(frame.encoded_len());
    frame.encode_raw(out);
}

fn to_wire(frame: &ServerFrame) -> Frame {
    match frame {
        ServerFrame::Welcome(welcome) => Frame::Welcome(welcome_to_wire(welcome)),
        ServerFrame::Ack(ack) => Frame::Ack(ack_to_wire(ack)),
        ServerFrame::Nack(nack) => Frame::Nack(nack_to_wire(nack)),
        ServerFrame::Page(page) => Frame::Page(page_to_wire(page)),
        ServerFrame::Delta(delta) => Frame::Delta(delta_to_wire(delta)),
        ServerFrame::TooLong => Frame::TooLong(wire::TooLong {}),
        ServerFrame::Event(event) => Frame::Event(event_to_wire(&event.conversation, &event.entry)),
        ServerFrame::Receipt(receipt) => Frame::Receipt(receipt_to_wire(receipt)),
        ServerFrame::Typing(typing) => Frame::Typing(wire::Typing {
            conversation: typing.conversation.to_string(),
            user: typing.user.to_string(),
        }),
        ServerFrame::Head(head) => Frame::Head(head_to_wire(head)),
        ServerFrame::Pong(pong) => Frame::Pong(pong_to_wire(pong)),
        ServerFrame::AuthExpiring(expires) => Frame::AuthExpiring(wire::AuthExpiring { expires: *expires }),
        ServerFrame::Goaway(after_ms) => Frame::Goaway(wire::Goaway { reconnect_after_ms: *after_ms }),
        ServerFrame::Resync => Frame::Resync(wire::Resync {}),
        ServerFrame::Pins(pins) => Frame::Pins(overlay_wire::pins_to_wire(pins)),
        ServerFrame::Versions(versions) => Frame::Versions(overlay_wire::versions_to_wire(versions)),
        ServerFrame::Readers(of) => Frame::Readers(readers::to_wire(of)),
        ServerFrame::Confirmed(at) => Frame::Confirmed(confirmations::confirmed_to_wire(at)),
        ServerFrame::Confirmations(of) => Frame::Confirmations(confirmations::to_wire(of)),
        ServerFrame::Invitation(of) => Frame::Invitation(invitation::to_wire(of)),
        ServerFrame::Contact(contact) => Frame::Contact(contact::to_wire(contact)),
        ServerFrame::Settings(of) => {
            Frame::Settings(settings::settings_to_wire(&of.conversation, &of.settings))
        }
        ServerFrame::Presence(users) => {
            Frame::Presence(wire::Presence { users: users.iter().map(presence::to_wire).collect() })
        }
        ServerFrame::Room(room) => Frame::Room(room::to_wire(room)),
        ServerFrame::Live(event) => Frame::Live(event_to_wire(&event.conversation, &event.entry)),
        ServerFrame::Broadcast(broadcast) => Frame::Broadcast(room::broadcast_to_wire(broadcast)),
    }
}

fn welcome_to_wire(welcome: &Welcome) -> wire::Welcome {
    wire::Welcome {
        session: welcome.session.to_string(),
        user: welcome.user.to_string(),
        ping_ms: welcome.ping_ms,
        limits: Some(wire::Limits {
            frame_bytes: welcome.limits.frame_bytes,
            body_bytes: welcome.limits.body_bytes,
            unanswered: welcome.limits.unanswered,
            commands_per_second: welcome.limits.commands_per_second,
            page_entries: welcome.limits.page_entries,
        }),
        server_time: welcome.server_time.0,
        auth_expires: welcome.auth_expires,
        version: crate::VERSION.to_owned(),
    }
}

fn ack_to_wire(ack: &Ack) -> wire::Ack {
    wire::Ack {
        client_message_id: ack.client_message_id.to_string(),
        conversation: ack.conversation.to_string(),
        seq: ack.seq.0,
        message_id: ack.message_id.0,
        time: ack.time.0,
    }
}

pub(crate) fn nack_to_wire(nack: &Nack) -> wire::Nack {
    wire::Nack {
        client_message_id: nack.client_message_id.map(|id| id.to_string()).unwrap_or_default(),
        code: u32::from(nack.code.number()),
        retry_after_ms: nack.retry_after_ms,
        message: nack.message.clone(),
        frame: nack.frame.to_owned(),
    }
}

fn page_to_wire(page: &Page) -> wire::Page {
    wire::Page {
        conversation: page.conversation.to_string(),
        from: page.from.0,
        to: page.to.0,
        entries: page.entries.iter().map(|entry| event_to_wire(&page.conversation, entry)).collect(),
        head: page.head.0,
        overlays: overlay_wire::overlays_to_wire(&page.overlays),
    }
}

fn delta_to_wire(delta: &Delta) -> wire::Delta {
    wire::Delta {
        conversations: delta.conversations.iter().map(state_to_wire).collect(),
        cursor: delta.cursor.clone(),
        more: delta.more,
        contacts: delta.contacts.iter().map(contact::to_wire).collect(),
    }
}

fn state_to_wire(state: &ConversationState) -> wire::ConversationState {
    wire::ConversationState {
        conversation: state.conversation.to_string(),
        head: state.head.0,
        unread: state.unread,
        read_seq: state.read_seq.0,
        last: state.last.as_ref().map(|last| event_to_wire(&state.conversation, last)),
        name: state.name.clone().unwrap_or_default(),
        peer: state.peer.as_ref().map(ToString::to_string).unwrap_or_default(),
        time: state.time.0,
        left: state.left,
        settings: state.settings.as_ref().map(|of| settings::settings_to_wire(&state.conversation, of)),
        mention_unread: state.mention_unread,
        retention_seconds: state.retention_seconds,
        confirm_seqs: state.confirm_seqs.iter().map(|seq| seq.0).collect(),
        invitation: state.invitation.as_ref().map(|of| invitation::to_wire(of)),
    }
}

/// An entry as clients and nodes get it.
pub(crate) fn event_to_wire(conversation: &ConversationId, entry: &Entry) -> wire::Event {
    wire::Event {
        conversation: conversation.to_string(),
        seq: entry.seq.0,
        message_id: entry.message_id.0,
        sender: entry.sender.to_string(),
        time: entry.time.0,
        body: entry.body.encoded().clone(),
        client_message_id: entry.client_message_id.to_string(),
    }
}

fn receipt_to_wire(receipt: &Receipt) -> wire::Receipt {
    wire::Receipt {
        conversation: receipt.conversation.to_string(),
        user: receipt.user.to_string(),
        delivered_seq: receipt.delivered.map(|Seq(seq)| seq),
        read_seq: receipt.read.map(|Seq(seq)| seq),
        unread: receipt.unread,
    }
}

fn head_to_wire(head: &Head) -> wire::Head {
    wire::Head { conversation: head.conversation.to_string(), last_seq: head.last.0, missed: head.missed }
}

fn pong_to_wire(pong: &Pong) -> wire::Pong {
    wire::Pong { heads: pong.heads.iter().map(head_to_wire).collect(), server_time: pong.server_time.0 }
}
