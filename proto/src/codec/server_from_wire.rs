//! Checks server frames: from the generated types to values. JSON comes this way too.

use wire::server_frame::Frame;

use super::{confirmations, contact, invitation, overlay_wire, presence, readers, room, settings};
use crate::server_frame::{
    Ack, ConversationState, Delta, Event, Head, Limits, Nack, Page, Pong, Receipt, Typing, Welcome,
};
use crate::{
    Body, ClientMessageId, Code, ConversationId, Entry, FrameError, IdError, MessageId, Seq, ServerFrame,
    SessionRef, Timestamp, UserId, wire,
};

/// The names of the frames, for the error that says none was recognised.
pub(super) const KNOWN: &str = "welcome, ack, nack, page, delta, too_long, event, receipt, typing, head, pong, \
                                auth_expiring, goaway, resync, pins, versions, contact, settings, \
                                presence, room, live, broadcast, readers, invitation, confirmed, \
                                confirmations";

pub(super) fn frame(frame: wire::ServerFrame) -> Result<ServerFrame, FrameError> {
    Ok(match frame.frame.ok_or(FrameError::Unknown { known: KNOWN })? {
        Frame::Welcome(wire) => ServerFrame::Welcome(Box::new(welcome(&wire)?)),
        Frame::Ack(wire) => ServerFrame::Ack(ack(&wire)?),
        Frame::Nack(wire) => ServerFrame::Nack(nack(wire)?),
        Frame::Page(wire) => ServerFrame::Page(page(wire)?),
        Frame::Delta(wire) => ServerFrame::Delta(delta(wire)?),
        Frame::TooLong(wire::TooLong {}) => ServerFrame::TooLong,
        Frame::Event(wire) => {
            let (conversation, entry) = event("event", wire)?;
            ServerFrame::Event(Event { conversation, entry })
        }
        Frame::Receipt(wire) => ServerFrame::Receipt(receipt(&wire)?),
        Frame::Typing(wire) => ServerFrame::Typing(Typing {
            conversation: conversation("typing", &wire.conversation)?,
            user: user("typing", "user", &wire.user)?,
        }),
        Frame::Head(wire) => ServerFrame::Head(head("head", &wire)?),
        Frame::Pong(wire) => ServerFrame::Pong(Pong {
            heads: wire.heads.iter().map(|wire| head("pong", wire)).collect::<Result<_, _>>()?,
            server_time: Timestamp(wire.server_time),
        }),
        Frame::AuthExpiring(wire) => ServerFrame::AuthExpiring(wire.expires),
        Frame::Goaway(wire) => ServerFrame::Goaway(wire.reconnect_after_ms),
        Frame::Resync(wire::Resync {}) => ServerFrame::Resync,
        Frame::Pins(wire) => ServerFrame::Pins(overlay_wire::pins(wire)?),
        Frame::Versions(wire) => ServerFrame::Versions(overlay_wire::versions(wire)?),
        Frame::Readers(wire) => ServerFrame::Readers(readers::from_wire(wire)?),
        Frame::Confirmed(wire) => ServerFrame::Confirmed(confirmations::confirmed(&wire)?),
        Frame::Confirmations(wire) => ServerFrame::Confirmations(confirmations::from_wire(wire)?),
        Frame::Invitation(wire) => {
            ServerFrame::Invitation(Box::new(invitation::from_wire("invitation", wire)?))
        }
        Frame::Contact(wire) => ServerFrame::Contact(Box::new(contact::from_wire("contact", wire)?)),
        Frame::Settings(wire) => ServerFrame::Settings(Box::new(settings::settings("settings", wire)?)),
        Frame::Presence(wire) => {
            let user = |wire| presence::from_wire("presence", wire);
            ServerFrame::Presence(wire.users.into_iter().map(user).collect::<Result<_, _>>()?)
        }
        Frame::Room(wire) => ServerFrame::Room(room::from_wire(&wire)?),
        Frame::Live(wire) => {
            let (conversation, entry) = event("live", wire)?;
            ServerFrame::Live(Event { conversation, entry })
        }
        Frame::Broadcast(wire) => ServerFrame::Broadcast(Box::new(room::broadcast(wire)?)),
    })
}

/// An entry as clients and nodes get it. `counted` is not told and zero.
pub(crate) fn event(frame: &'static str, wire: wire::Event) -> Result<(ConversationId, Entry), FrameError> {
    let conversation = conversation(frame, &wire.conversation)?;
    let entry = Entry {
        seq: Seq(wire.seq),
        message_id: MessageId(wire.message_id),
        sender: user(frame, "sender", &wire.sender)?,
        time: Timestamp(wire.time),
        counted: 0,
        client_message_id: client_message_id(frame, &wire.client_message_id)?,
        body: Body::from_encoded(wire.body),
    };
    Ok((conversation, entry))
}

fn welcome(wire: &wire::Welcome) -> Result<Welcome, FrameError> {
    let limits = wire.limits.unwrap_or_default();
    Ok(Welcome {
        session: field("welcome", "session", SessionRef::parse(&wire.session))?,
        user: user("welcome", "user", &wire.user)?,
        ping_ms: wire.ping_ms,
        limits: Limits {
            frame_bytes: limits.frame_bytes,
            body_bytes: limits.body_bytes,
            unanswered: limits.unanswered,
            commands_per_second: limits.commands_per_second,
            page_entries: limits.page_entries,
        },
        server_time: Timestamp(wire.server_time),
        auth_expires: wire.auth_expires,
    })
}

fn ack(wire: &wire::Ack) -> Result<Ack, FrameError> {
    Ok(Ack {
        client_message_id: client_message_id("ack", &wire.client_message_id)?,
        conversation: conversation("ack", &wire.conversation)?,
        seq: Seq(wire.seq),
        message_id: MessageId(wire.message_id),
        time: Timestamp(wire.time),
    })
}

/// A code of a newer table is taken as `INTERNAL`: temporary, with nothing to fix.
pub(crate) fn nack(wire: wire::Nack) -> Result<Nack, FrameError> {
    let id = match wire.client_message_id.as_str() {
        "" => None,
        text => Some(client_message_id("nack", text)?),
    };
    Ok(Nack {
        client_message_id: id,
        code: u16::try_from(wire.code).ok().and_then(Code::from_number).unwrap_or(Code::Internal),
        retry_after_ms: wire.retry_after_ms,
        message: wire.message,
        frame: refused_frame(&wire.frame),
    })
}

/// `nack.frame` as one of the names that are refused; empty when it is another.
fn refused_frame(name: &str) -> &'static str {
    const NAMES: [&str; 32] = [
        "hello",
        "send",
        "fetch",
        "sync",
        "read",
        "delivered",
        "typing",
        "ping",
        "heads",
        "connected",
        "disconnected",
        "group",
        "recall",
        "edit",
        "react",
        "pin",
        "pins",
        "versions",
        "contact",
        "claim",
        "conversation_set",
        "clear",
        "delete_for_me",
        "presence_subscribe",
        "presence_unsubscribe",
        "presence_report",
        "join_room",
        "leave_room",
        "broadcast",
        "readers",
        "confirm",
        "confirmations",
    ];
    NAMES.into_iter().find(|known| *known == name).unwrap_or_default()
}

fn page(wire: wire::Page) -> Result<Page, FrameError> {
    let id = conversation("page", &wire.conversation)?;
    let entries = entries_of("page", &id, wire.entries)?;
    let overlays = overlay_wire::overlays("page", wire.overlays)?;
    let (from, to, head) = (Seq(wire.from), Seq(wire.to), Seq(wire.head));
    Ok(Page { conversation: id, from, to, entries, head, overlays })
}

/// Entries that must all be of one conversation.
pub(super) fn entries_of(
    frame: &'static str,
    id: &ConversationId,
    entries: Vec<wire::Event>,
) -> Result<Vec<Entry>, FrameError> {
    let entry = |wire: wire::Event| match event(frame, wire)? {
        (of, entry) if of == *id => Ok(entry),
        _ => Err(FrameError::field(frame, "entries", "an entry of another conversation")),
    };
    entries.into_iter().map(entry).collect()
}

fn delta(wire: wire::Delta) -> Result<Delta, FrameError> {
    let conversations = wire.conversations.into_iter().map(state).collect::<Result<_, _>>()?;
    let contact = |wire| contact::from_wire("delta", wire);
    let contacts = wire.contacts.into_iter().map(contact).collect::<Result<_, _>>()?;
    Ok(Delta { conversations, cursor: wire.cursor, more: wire.more, contacts })
}

fn state(wire: wire::ConversationState) -> Result<ConversationState, FrameError> {
    Ok(ConversationState {
        conversation: conversation("delta", &wire.conversation)?,
        head: Seq(wire.head),
        unread: wire.unread,
        read_seq: Seq(wire.read_seq),
        last: wire.last.map(|last| event("delta", last)).transpose()?.map(|(_, entry)| entry),
        name: (!wire.name.is_empty()).then_some(wire.name),
        peer: match wire.peer.as_str() {
            "" => None,
            text => Some(user("delta", "peer", text)?),
        },
        time: Timestamp(wire.time),
        left: wire.left,
        settings: match wire.settings {
            Some(wire) => Some(Box::new(settings::settings("delta", wire)?.settings)),
            None => None,
        },
        mention_unread: wire.mention_unread,
        retention_seconds: wire.retention_seconds,
        confirm_seqs: wire.confirm_seqs.into_iter().map(Seq).collect(),
        invitation: match wire.invitation {
            Some(wire) => Some(Box::new(invitation::from_wire("delta", wire)?)),
            None => None,
        },
    })
}

fn receipt(wire: &wire::Receipt) -> Result<Receipt, FrameError> {
    Ok(Receipt {
        conversation: conversation("receipt", &wire.conversation)?,
        user: user("receipt", "user", &wire.user)?,
        delivered: wire.delivered_seq.map(Seq),
        read: wire.read_seq.map(Seq),
        unread: wire.unread,
    })
}

fn head(frame: &'static str, wire: &wire::Head) -> Result<Head, FrameError> {
    let conversation = conversation(frame, &wire.conversation)?;
    Ok(Head { conversation, last: Seq(wire.last_seq), missed: wire.missed })
}

pub(super) fn conversation(frame: &'static str, text: &str) -> Result<ConversationId, FrameError> {
    field(frame, "conversation", ConversationId::parse(text))
}

pub(super) fn user(frame: &'static str, name: &'static str, text: &str) -> Result<UserId, FrameError> {
    field(frame, name, UserId::parse(text))
}

pub(super) fn client_message_id(frame: &'static str, text: &str) -> Result<ClientMessageId, FrameError> {
    field(frame, "client_message_id", ClientMessageId::parse(text))
}

fn field<T>(frame: &'static str, name: &'static str, parsed: Result<T, IdError>) -> Result<T, FrameError> {
    parsed.map_err(|error| FrameError::field(frame, name, error))
}
