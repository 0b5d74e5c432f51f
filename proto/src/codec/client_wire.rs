//! Client frames in protobuf.

use std::borrow::Cow;

use prost::Message as _;
use wire::client_frame::Frame;

use super::check::{self, SendDraft};
use super::{change, confirmations, presence, readers, retention, room, settings};
use crate::client_frame::{AckMode, Fetch, Hello, Position, Recipient, Send, Sync};
use crate::{ClientFrame, FrameError, Seq, wire};

/// The names of the frames, for the error that says none was recognised.
pub(super) const KNOWN: &str = "hello, send, fetch, sync, read, delivered, typing, ping, recall, edit, react, pin, \
                                pins, versions, conversation_set, clear, delete_for_me, set_retention, \
                                presence_subscribe, \
                                presence_unsubscribe, presence_report, join_room, leave_room, readers, confirm, confirmations";

pub(super) fn decode(bytes: &[u8]) -> Result<ClientFrame, FrameError> {
    let frame = wire::ClientFrame::decode(bytes).map_err(|error| FrameError::Malformed(error.to_string()))?;
    match frame.frame.ok_or(FrameError::Unknown { known: KNOWN })? {
        Frame::Hello(wire) => hello(wire).map(ClientFrame::Hello),
        Frame::Send(wire) => send(wire).map(ClientFrame::Send),
        Frame::Fetch(wire) => fetch(wire).map(ClientFrame::Fetch),
        Frame::Sync(wire) => sync("sync", wire).map(ClientFrame::Sync),
        Frame::Read(wire) => position_from_wire("read", &wire.conversation, wire.seq).map(ClientFrame::Read),
        Frame::Delivered(wire) => {
            position_from_wire("delivered", &wire.conversation, wire.seq).map(ClientFrame::Delivered)
        }
        Frame::Typing(wire) => {
            check::recipient("typing", &wire.conversation, &wire.to_user).map(ClientFrame::Typing)
        }
        Frame::Ping(wire::Ping {}) => Ok(ClientFrame::Ping),
        Frame::Recall(wire) => change::recall(wire).map(ClientFrame::Send),
        Frame::Edit(wire) => change::edit(wire).map(ClientFrame::Send),
        Frame::React(wire) => change::react(wire).map(ClientFrame::Send),
        Frame::Pin(wire) => change::pin(wire).map(ClientFrame::Send),
        Frame::Pins(wire) => {
            check::conversation("pins", "conversation", &wire.conversation).map(ClientFrame::Pins)
        }
        Frame::Versions(wire) => {
            position_from_wire("versions", &wire.conversation, wire.seq).map(ClientFrame::Versions)
        }
        Frame::Readers(wire) => readers::asked(&wire).map(ClientFrame::Readers),
        Frame::Confirm(wire) => {
            position_from_wire("confirm", &wire.conversation, wire.seq).map(ClientFrame::Confirm)
        }
        Frame::Confirmations(wire) => confirmations::asked(&wire).map(ClientFrame::Confirmations),
        Frame::ConversationSet(wire) => settings::set(wire).map(ClientFrame::Private),
        Frame::Clear(wire) => settings::clear(&wire).map(ClientFrame::Private),
        Frame::DeleteForMe(wire) => settings::delete(wire).map(ClientFrame::Private),
        Frame::SetRetention(wire) => retention::check(&wire).map(ClientFrame::Send),
        Frame::PresenceSubscribe(wire) => presence::Wire::Subscribe(wire).check().map(ClientFrame::Presence),
        Frame::PresenceUnsubscribe(wire) => {
            presence::Wire::Unsubscribe(wire).check().map(ClientFrame::Presence)
        }
        Frame::PresenceReport(wire) => presence::Wire::Report(wire).check().map(ClientFrame::Presence),
        Frame::JoinRoom(wire) => room::room_of("join_room", &wire.room).map(ClientFrame::JoinRoom),
        Frame::LeaveRoom(wire) => room::room_of("leave_room", &wire.room).map(ClientFrame::LeaveRoom),
    }
}

pub(super) fn encode(frame: &ClientFrame) -> Vec<u8> {
    let frame = match frame {
        ClientFrame::Hello(hello) => Frame::Hello(wire::Hello {
            auth: hello.auth.clone(),
            device: hello.device.as_ref().map(ToString::to_string).unwrap_or_default(),
            resume: hello.resume.as_ref().map(sync_to_wire),
        }),
        ClientFrame::Send(send) => match change::parts(send) {
            Some((target, change)) => change::to_wire(send, target, change),
            None => match retention::seconds(send) {
                Some(seconds) => Frame::SetRetention(retention::to_wire(send, seconds)),
                None => Frame::Send(send_to_wire(send)),
            },
        },
        ClientFrame::Fetch(fetch) => Frame::Fetch(fetch_to_wire(fetch)),
        ClientFrame::Sync(sync) => Frame::Sync(sync_to_wire(sync)),
        ClientFrame::Read(at) => {
            Frame::Read(wire::Read { conversation: at.conversation.to_string(), seq: at.seq.0 })
        }
        ClientFrame::Delivered(at) => {
            Frame::Delivered(wire::DeliveredUpTo { conversation: at.conversation.to_string(), seq: at.seq.0 })
        }
        ClientFrame::Typing(to) => {
            let (conversation, to_user) = recipient_to_wire(to);
            Frame::Typing(wire::TypingNow { conversation, to_user })
        }
        ClientFrame::Ping => Frame::Ping(wire::Ping {}),
        ClientFrame::Pins(conversation) => {
            Frame::Pins(wire::PinsOf { conversation: conversation.to_string() })
        }
        ClientFrame::Versions(at) => {
            Frame::Versions(wire::VersionsOf { conversation: at.conversation.to_string(), seq: at.seq.0 })
        }
        ClientFrame::Readers(of) => Frame::Readers(readers::asked_to_wire(of)),
        ClientFrame::Confirm(at) => {
            Frame::Confirm(wire::Confirm { conversation: at.conversation.to_string(), seq: at.seq.0 })
        }
        ClientFrame::Confirmations(of) => Frame::Confirmations(confirmations::asked_to_wire(of)),
        ClientFrame::Private(change) => match settings::to_wire(change) {
            settings::Wire::Set(wire) => Frame::ConversationSet(wire),
            settings::Wire::Clear(wire) => Frame::Clear(wire),
            settings::Wire::Delete(wire) => Frame::DeleteForMe(wire),
        },
        ClientFrame::Presence(ask) => presence::Wire::frame(ask),
        ClientFrame::JoinRoom(room) => Frame::JoinRoom(room::of_to_wire(room)),
        ClientFrame::LeaveRoom(room) => Frame::LeaveRoom(room::of_to_wire(room)),
    };
    wire::ClientFrame { frame: Some(frame) }.encode_to_vec()
}

pub(super) fn hello(wire: wire::Hello) -> Result<Hello, FrameError> {
    let resume = wire.resume.map(|resume| sync("hello", resume)).transpose()?;
    check::hello(wire.auth, &wire.device, resume)
}

fn send(wire: wire::Send) -> Result<Send, FrameError> {
    let ack = wire::AckMode::try_from(wire.ack);
    let send = draft(wire).check()?;
    match ack {
        Ok(_) => Ok(send),
        Err(_) => Err(FrameError::field("send", "ack", ACK_ALLOWED).of_send(send.client_message_id)),
    }
}

/// A send in an envelope: it was checked where it entered, or comes from a trusted service.
pub(crate) fn send_of_any_kind(wire: wire::Send) -> Result<Send, FrameError> {
    draft(wire).check_ids()
}

fn draft(wire: wire::Send) -> SendDraft<'static> {
    let ack = ack_from_wire(wire.ack());
    SendDraft {
        client_message_id: Cow::Owned(wire.client_message_id),
        conversation: Cow::Owned(wire.conversation),
        to_user: Cow::Owned(wire.to_user),
        body: wire.body,
        ack,
        attempt: wire.attempt,
        age_ms: wire.age_ms,
        after: Cow::Owned(wire.after),
    }
}

/// What `send.ack` may be.
pub(super) const ACK_ALLOWED: &str = "one of persisted (0), none (1), received (2), published (3) is allowed";

pub(super) fn ack_from_wire(ack: wire::AckMode) -> AckMode {
    match ack {
        wire::AckMode::Persisted => AckMode::Persisted,
        wire::AckMode::None => AckMode::None,
        wire::AckMode::Received => AckMode::Received,
        wire::AckMode::Published => AckMode::Published,
    }
}

pub(crate) fn send_to_wire(send: &Send) -> wire::Send {
    let (conversation, to_user) = recipient_to_wire(&send.to);
    let ack = match send.ack {
        AckMode::Persisted => wire::AckMode::Persisted,
        AckMode::None => wire::AckMode::None,
        AckMode::Received => wire::AckMode::Received,
        AckMode::Published => wire::AckMode::Published,
    };
    wire::Send {
        client_message_id: send.client_message_id.to_string(),
        conversation,
        to_user,
        body: send.body.encoded().clone(),
        ack: ack.into(),
        attempt: send.attempt,
        age_ms: send.age_ms,
        after: send.after.map(|id| id.to_string()).unwrap_or_default(),
    }
}

pub(crate) fn recipient_to_wire(to: &Recipient) -> (String, String) {
    match to {
        Recipient::Conversation(conversation) => (conversation.to_string(), String::new()),
        Recipient::User(user) => (String::new(), user.to_string()),
    }
}

pub(crate) fn fetch(wire: wire::Fetch) -> Result<Fetch, FrameError> {
    Ok(Fetch {
        conversation: check::conversation("fetch", "conversation", &wire.conversation)?,
        from: Seq(wire.from_seq),
        to: Seq(wire.to_seq),
        limit: wire.limit,
        backwards: wire.backwards,
    })
}

pub(crate) fn fetch_to_wire(fetch: &Fetch) -> wire::Fetch {
    wire::Fetch {
        conversation: fetch.conversation.to_string(),
        from_seq: fetch.from.0,
        to_seq: fetch.to.0,
        limit: fetch.limit,
        backwards: fetch.backwards,
    }
}

pub(crate) fn sync(frame: &'static str, wire: wire::Sync) -> Result<Sync, FrameError> {
    check::cursor(frame, &wire.cursor)?;
    let mut open = Vec::with_capacity(wire.open.len().min(crate::limits::SYNC_OPEN_MAX));
    for position in wire.open {
        check::one_more_open(frame, open.len())?;
        open.push(check::position(frame, "open", &position.conversation, position.seq)?);
    }
    Ok(Sync { cursor: wire.cursor, open })
}

pub(crate) fn sync_to_wire(sync: &Sync) -> wire::Sync {
    let open = sync
        .open
        .iter()
        .map(|at| wire::Position { conversation: at.conversation.to_string(), seq: at.seq.0 })
        .collect();
    wire::Sync { cursor: sync.cursor.clone(), open }
}

pub(crate) fn position_from_wire(
    frame: &'static str,
    conversation: &str,
    seq: u64,
) -> Result<Position, FrameError> {
    check::position(frame, "conversation", conversation, seq)
}
