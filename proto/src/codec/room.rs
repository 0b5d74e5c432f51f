//! Live rooms and broadcasts between their values, the generated types and JSON.

use std::borrow::Cow;

use super::body_json;
use super::server_from_wire::{client_message_id, user};
use super::server_json_read::read_text;
use crate::broadcast::Broadcast;
use crate::json::{Read, Reader, Writer};
use crate::server_frame::Room;
use crate::{Body, ConversationId, FrameError, GroupId, Seq, Timestamp, wire};

/// The room that a frame of a client names.
pub(super) fn room_of(frame: &'static str, text: &str) -> Result<GroupId, FrameError> {
    GroupId::parse(text).map_err(|error| FrameError::field(frame, "room", error))
}

pub(super) fn of_to_wire(room: &GroupId) -> wire::RoomOf {
    wire::RoomOf { room: room.to_string() }
}

pub(super) fn read_of<'a>(reader: &mut Reader<'a>) -> Read<Cow<'a, str>> {
    let mut room = Cow::default();
    reader.fields(&["room"], |reader, _| {
        room = reader.string()?;
        Ok(())
    })?;
    Ok(room)
}

pub(super) fn write_of(writer: &mut Writer<'_>, name: &'static str, room: &GroupId) {
    writer.open_member(name);
    writer.plain_text("room", room.as_str());
    writer.close_object();
}

pub(super) fn to_wire(room: &Room) -> wire::Room {
    wire::Room {
        room: room.room.to_string(),
        conversation: ConversationId::group(&room.room).to_string(),
        joined: room.joined,
        history: room.history,
        head: room.head.0,
    }
}

pub(super) fn from_wire(wire: &wire::Room) -> Result<Room, FrameError> {
    let room = room_of("room", &wire.room)?;
    if ConversationId::group(&room).as_str() != wire.conversation {
        return Err(FrameError::field("room", "conversation", "not that of the room"));
    }
    Ok(Room { room, joined: wire.joined, history: wire.history, head: Seq(wire.head) })
}

pub(super) fn write(writer: &mut Writer<'_>, room: &Room) {
    writer.open_member("room");
    writer.plain_text("room", room.room.as_str());
    writer.plain_text("conversation", ConversationId::group(&room.room).as_str());
    writer.flag("joined", room.joined);
    writer.flag_if_set("history", room.history);
    writer.wide_if_any("head", room.head.0);
    writer.close_object();
}

pub(super) fn read(reader: &mut Reader<'_>) -> Read<wire::Room> {
    let mut room = wire::Room::default();
    reader.fields(&["room", "conversation", "joined", "history", "head"], |reader, name| {
        match name {
            "room" => room.room = read_text(reader)?,
            "conversation" => room.conversation = read_text(reader)?,
            "joined" => room.joined = reader.flag()?,
            "history" => room.history = reader.flag()?,
            _ => room.head = reader.unsigned()?,
        }
        Ok(())
    })?;
    Ok(room)
}

pub(super) fn broadcast_to_wire(broadcast: &Broadcast) -> wire::Broadcast {
    wire::Broadcast {
        id: broadcast.id.to_string(),
        sender: broadcast.sender.to_string(),
        time: broadcast.time.0,
        body: broadcast.body.encoded().clone(),
    }
}

pub(super) fn broadcast(wire: wire::Broadcast) -> Result<Broadcast, FrameError> {
    Ok(Broadcast {
        id: client_message_id("broadcast", &wire.id)?,
        sender: user("broadcast", "sender", &wire.sender)?,
        time: Timestamp(wire.time),
        body: Body::from_encoded(wire.body),
    })
}

pub(super) fn write_broadcast(writer: &mut Writer<'_>, broadcast: &Broadcast) {
    writer.open_member("broadcast");
    writer.plain_text("id", broadcast.id.hyphenated(&mut [0; 36]));
    writer.plain_text("sender", broadcast.sender.as_str());
    writer.wide("time", broadcast.time.0);
    body_json::write(writer, "body", &broadcast.body);
    writer.close_object();
}

pub(super) fn read_broadcast(reader: &mut Reader<'_>) -> Read<wire::Broadcast> {
    let mut broadcast = wire::Broadcast::default();
    reader.fields(&["id", "sender", "time", "body"], |reader, name| {
        match name {
            "id" => broadcast.id = read_text(reader)?,
            "sender" => broadcast.sender = read_text(reader)?,
            "time" => broadcast.time = reader.unsigned()?,
            _ => broadcast.body = body_json::read(reader)?,
        }
        Ok(())
    })?;
    Ok(broadcast)
}
