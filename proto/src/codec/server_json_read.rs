//! Server frames from JSON, which is what a client does: into the generated types, which are then checked.

use wire::server_frame::Frame;

use super::client_json::{TWO_FRAMES, fault_to_error};
use super::{
    body_json, confirmations, contact, invitation, overlay_json, presence_json, readers, room,
    server_from_wire, settings_json,
};
use crate::json::{Fault, Read, Reader};
use crate::{FrameError, ServerFrame, wire};

const FRAMES: &[&str] = &[
    "welcome",
    "ack",
    "nack",
    "page",
    "delta",
    "too_long",
    "event",
    "receipt",
    "typing",
    "head",
    "pong",
    "auth_expiring",
    "goaway",
    "resync",
    "pins",
    "versions",
    "contact",
    "settings",
    "presence",
    "room",
    "live",
    "broadcast",
    "readers",
    "invitation",
    "confirmed",
    "confirmations",
];

pub(super) fn read(bytes: &[u8]) -> Result<ServerFrame, FrameError> {
    let mut reader = Reader::new(bytes);
    let mut frame = None;
    let read = reader.fields(FRAMES, |reader, name| {
        if frame.is_some() {
            return Fault::wrong(TWO_FRAMES);
        }
        frame = Some(read_frame(reader, name)?);
        Ok(())
    });
    read.and_then(|()| reader.end()).map_err(|fault| fault_to_error(fault, server_from_wire::KNOWN))?;
    server_from_wire::frame(wire::ServerFrame { frame })
}

fn read_frame(reader: &mut Reader<'_>, name: &'static str) -> Read<Frame> {
    Ok(match name {
        "welcome" => Frame::Welcome(read_welcome(reader)?),
        "ack" => Frame::Ack(read_ack(reader)?),
        "nack" => Frame::Nack(read_nack(reader)?),
        "page" => Frame::Page(read_page(reader)?),
        "delta" => Frame::Delta(read_delta(reader)?),
        "too_long" => read_empty(reader).map(|()| Frame::TooLong(wire::TooLong {}))?,
        "event" => Frame::Event(read_event(reader)?),
        "receipt" => Frame::Receipt(read_receipt(reader)?),
        "typing" => Frame::Typing(read_typing(reader)?),
        "head" => Frame::Head(read_head(reader)?),
        "pong" => Frame::Pong(read_pong(reader)?),
        "auth_expiring" => {
            let mut expires = 0;
            reader.fields(&["expires"], |reader, _| reader.unsigned().map(|value| expires = value))?;
            Frame::AuthExpiring(wire::AuthExpiring { expires })
        }
        "goaway" => {
            let mut reconnect_after_ms = 0;
            reader.fields(&["reconnect_after_ms"], |reader, _| {
                reader.unsigned32().map(|value| reconnect_after_ms = value)
            })?;
            Frame::Goaway(wire::Goaway { reconnect_after_ms })
        }
        "resync" => read_empty(reader).map(|()| Frame::Resync(wire::Resync {}))?,
        "pins" => Frame::Pins(overlay_json::read_pins(reader)?),
        "contact" => Frame::Contact(contact::read(reader)?),
        "readers" => Frame::Readers(readers::read(reader)?),
        "confirmed" => Frame::Confirmed(confirmations::read_confirmed(reader)?),
        "confirmations" => Frame::Confirmations(confirmations::read(reader)?),
        "invitation" => Frame::Invitation(invitation::read(reader)?),
        "versions" => Frame::Versions(overlay_json::read_versions(reader)?),
        "settings" => Frame::Settings(settings_json::read_settings(reader)?),
        "presence" => Frame::Presence(presence_json::read(reader)?),
        "room" => Frame::Room(room::read(reader)?),
        "live" => Frame::Live(read_event(reader)?),
        _ => Frame::Broadcast(room::read_broadcast(reader)?),
    })
}

fn read_empty(reader: &mut Reader<'_>) -> Read<()> {
    reader.fields(&[], |_, _| Ok(()))
}

pub(super) fn read_text(reader: &mut Reader<'_>) -> Read<String> {
    Ok(reader.string()?.into_owned())
}

fn read_welcome(reader: &mut Reader<'_>) -> Read<wire::Welcome> {
    const FIELDS: &[&str] =
        &["session", "user", "ping_ms", "limits", "server_time", "auth_expires", "version"];
    let mut welcome = wire::Welcome::default();
    reader.fields(FIELDS, |reader, name| {
        match name {
            "session" => welcome.session = read_text(reader)?,
            "user" => welcome.user = read_text(reader)?,
            "ping_ms" => welcome.ping_ms = reader.unsigned32()?,
            "limits" => welcome.limits = Some(read_limits(reader)?),
            "server_time" => welcome.server_time = reader.unsigned()?,
            "auth_expires" => welcome.auth_expires = reader.unsigned()?,
            _ => welcome.version = read_text(reader)?,
        }
        Ok(())
    })?;
    Ok(welcome)
}

fn read_limits(reader: &mut Reader<'_>) -> Read<wire::Limits> {
    const FIELDS: &[&str] =
        &["frame_bytes", "body_bytes", "unanswered", "commands_per_second", "page_entries"];
    let mut limits = wire::Limits::default();
    reader.fields(FIELDS, |reader, name| {
        let limit = match name {
            "frame_bytes" => &mut limits.frame_bytes,
            "body_bytes" => &mut limits.body_bytes,
            "unanswered" => &mut limits.unanswered,
            "commands_per_second" => &mut limits.commands_per_second,
            _ => &mut limits.page_entries,
        };
        *limit = reader.unsigned32()?;
        Ok(())
    })?;
    Ok(limits)
}

fn read_ack(reader: &mut Reader<'_>) -> Read<wire::Ack> {
    let mut ack = wire::Ack::default();
    reader.fields(&["client_message_id", "conversation", "seq", "message_id", "time"], |reader, name| {
        match name {
            "client_message_id" => ack.client_message_id = read_text(reader)?,
            "conversation" => ack.conversation = read_text(reader)?,
            "seq" => ack.seq = reader.unsigned()?,
            "message_id" => ack.message_id = reader.unsigned()?,
            _ => ack.time = reader.unsigned()?,
        }
        Ok(())
    })?;
    Ok(ack)
}

fn read_nack(reader: &mut Reader<'_>) -> Read<wire::Nack> {
    let mut nack = wire::Nack::default();
    reader.fields(&["client_message_id", "code", "retry_after_ms", "message", "frame"], |reader, name| {
        match name {
            "client_message_id" => nack.client_message_id = read_text(reader)?,
            "code" => nack.code = reader.unsigned32()?,
            "retry_after_ms" => nack.retry_after_ms = reader.unsigned32()?,
            "message" => nack.message = read_text(reader)?,
            _ => nack.frame = read_text(reader)?,
        }
        Ok(())
    })?;
    Ok(nack)
}

fn read_page(reader: &mut Reader<'_>) -> Read<wire::Page> {
    let mut page = wire::Page::default();
    reader.fields(&["conversation", "from", "to", "entries", "head", "overlays"], |reader, name| {
        match name {
            "conversation" => page.conversation = read_text(reader)?,
            "from" => page.from = reader.unsigned()?,
            "to" => page.to = reader.unsigned()?,
            "entries" => overlay_json::read_entries(reader, &mut page.entries)?,
            "head" => page.head = reader.unsigned()?,
            _ => overlay_json::read_overlays(reader, &mut page.overlays)?,
        }
        Ok(())
    })?;
    Ok(page)
}

fn read_delta(reader: &mut Reader<'_>) -> Read<wire::Delta> {
    let mut delta = wire::Delta::default();
    reader.fields(&["conversations", "cursor", "more", "contacts"], |reader, name| {
        match name {
            "conversations" => reader.elements(|reader| {
                delta.conversations.push(read_state(reader)?);
                Ok(())
            })?,
            "cursor" => delta.cursor = read_text(reader)?,
            "contacts" => reader.elements(|reader| {
                delta.contacts.push(contact::read(reader)?);
                Ok(())
            })?,
            _ => delta.more = reader.flag()?,
        }
        Ok(())
    })?;
    Ok(delta)
}

fn read_state(reader: &mut Reader<'_>) -> Read<wire::ConversationState> {
    const FIELDS: &[&str] = &[
        "conversation",
        "head",
        "unread",
        "read_seq",
        "last",
        "name",
        "peer",
        "time",
        "left",
        "settings",
        "mention_unread",
        "retention_seconds",
        "confirm_seqs",
        "invitation",
    ];
    let mut state = wire::ConversationState::default();
    reader.fields(FIELDS, |reader, name| {
        match name {
            "conversation" => state.conversation = read_text(reader)?,
            "head" => state.head = reader.unsigned()?,
            "unread" => state.unread = reader.unsigned()?,
            "read_seq" => state.read_seq = reader.unsigned()?,
            "last" => state.last = Some(read_event(reader)?),
            "name" => state.name = read_text(reader)?,
            "peer" => state.peer = read_text(reader)?,
            "time" => state.time = reader.unsigned()?,
            "left" => state.left = reader.flag()?,
            "settings" => state.settings = Some(settings_json::read_settings(reader)?),
            "mention_unread" => state.mention_unread = reader.unsigned32()?,
            "retention_seconds" => state.retention_seconds = reader.unsigned32()?,
            "confirm_seqs" => reader.elements(|reader| {
                state.confirm_seqs.push(reader.unsigned()?);
                Ok(())
            })?,
            _ => state.invitation = Some(invitation::read(reader)?),
        }
        Ok(())
    })?;
    Ok(state)
}

pub(super) fn read_event(reader: &mut Reader<'_>) -> Read<wire::Event> {
    const FIELDS: &[&str] =
        &["conversation", "seq", "message_id", "sender", "time", "body", "client_message_id"];
    let mut event = wire::Event::default();
    reader.fields(FIELDS, |reader, name| {
        match name {
            "conversation" => event.conversation = read_text(reader)?,
            "seq" => event.seq = reader.unsigned()?,
            "message_id" => event.message_id = reader.unsigned()?,
            "sender" => event.sender = read_text(reader)?,
            "time" => event.time = reader.unsigned()?,
            "body" => event.body = body_json::read(reader)?,
            _ => event.client_message_id = read_text(reader)?,
        }
        Ok(())
    })?;
    Ok(event)
}

fn read_receipt(reader: &mut Reader<'_>) -> Read<wire::Receipt> {
    let mut receipt = wire::Receipt::default();
    reader.fields(&["conversation", "user", "delivered_seq", "read_seq", "unread"], |reader, name| {
        match name {
            "conversation" => receipt.conversation = read_text(reader)?,
            "user" => receipt.user = read_text(reader)?,
            "delivered_seq" => receipt.delivered_seq = Some(reader.unsigned()?),
            "read_seq" => receipt.read_seq = Some(reader.unsigned()?),
            _ => receipt.unread = Some(reader.unsigned()?),
        }
        Ok(())
    })?;
    Ok(receipt)
}

fn read_typing(reader: &mut Reader<'_>) -> Read<wire::Typing> {
    let mut typing = wire::Typing::default();
    reader.fields(&["conversation", "user"], |reader, name| {
        let text = read_text(reader)?;
        *(if name == "user" { &mut typing.user } else { &mut typing.conversation }) = text;
        Ok(())
    })?;
    Ok(typing)
}

fn read_head(reader: &mut Reader<'_>) -> Read<wire::Head> {
    let mut head = wire::Head::default();
    reader.fields(&["conversation", "last_seq", "missed"], |reader, name| {
        match name {
            "conversation" => head.conversation = read_text(reader)?,
            "missed" => head.missed = reader.unsigned()?,
            _ => head.last_seq = reader.unsigned()?,
        }
        Ok(())
    })?;
    Ok(head)
}

fn read_pong(reader: &mut Reader<'_>) -> Read<wire::Pong> {
    let mut pong = wire::Pong::default();
    reader.fields(&["heads", "server_time"], |reader, name| {
        match name {
            "heads" => reader.elements(|reader| {
                pong.heads.push(read_head(reader)?);
                Ok(())
            })?,
            _ => pong.server_time = reader.unsigned()?,
        }
        Ok(())
    })?;
    Ok(pong)
}
