//! Who received and read a message: what is asked and answered, between the values, the generated types and JSON.

use super::check;
use super::server_from_wire::{conversation, user};
use super::server_json_read::read_text;
use crate::client_frame::ReadersOf;
use crate::json::{Read, Reader, Writer};
use crate::server_frame::{self, Readers};
use crate::{FrameError, Seq, UserId, wire};

pub(super) const NAME: &str = "readers";

pub(crate) fn asked(wire: &wire::ReadersOf) -> Result<ReadersOf, FrameError> {
    checked(NAME, wire)
}

/// The same in a frame of another name.
pub(super) fn checked(name: &'static str, wire: &wire::ReadersOf) -> Result<ReadersOf, FrameError> {
    let position = check::position(name, "conversation", &wire.conversation, wire.seq)?;
    let after = match wire.after.as_str() {
        "" => None,
        text => Some(UserId::parse(text).map_err(|error| FrameError::field(name, "after", error))?),
    };
    Ok(ReadersOf { conversation: position.conversation, seq: position.seq, after, limit: wire.limit })
}

pub(crate) fn asked_to_wire(of: &ReadersOf) -> wire::ReadersOf {
    wire::ReadersOf {
        conversation: of.conversation.to_string(),
        seq: of.seq.0,
        after: of.after.as_ref().map(ToString::to_string).unwrap_or_default(),
        limit: of.limit,
    }
}

pub(super) fn read_asked(reader: &mut Reader<'_>) -> Read<wire::ReadersOf> {
    let mut of = wire::ReadersOf::default();
    reader.fields(&["conversation", "seq", "after", "limit"], |reader, name| {
        match name {
            "conversation" => of.conversation = read_text(reader)?,
            "seq" => of.seq = reader.unsigned()?,
            "after" => of.after = read_text(reader)?,
            _ => of.limit = reader.unsigned32()?,
        }
        Ok(())
    })?;
    Ok(of)
}

pub(super) fn write_asked(writer: &mut Writer<'_>, name: &'static str, of: &ReadersOf) {
    writer.open_member(name);
    writer.plain_text("conversation", of.conversation.as_str());
    writer.wide_if_any("seq", of.seq.0);
    if let Some(after) = &of.after {
        writer.plain_text("after", after.as_str());
    }
    writer.narrow_if_any("limit", of.limit);
    writer.close_object();
}

pub(super) fn from_wire(wire: wire::Readers) -> Result<Readers, FrameError> {
    let reader = |wire: wire::Reader| {
        let user = user(NAME, "readers", &wire.user)?;
        Ok(server_frame::Reader { user, delivered: wire.delivered, read: wire.read })
    };
    Ok(Readers {
        conversation: conversation(NAME, &wire.conversation)?,
        seq: Seq(wire.seq),
        readers: wire.readers.into_iter().map(reader).collect::<Result<_, FrameError>>()?,
        next: match wire.next.as_str() {
            "" => None,
            text => Some(user(NAME, "next", text)?),
        },
    })
}

pub(super) fn to_wire(readers: &Readers) -> wire::Readers {
    let reader = |reader: &server_frame::Reader| wire::Reader {
        user: reader.user.to_string(),
        delivered: reader.delivered,
        read: reader.read,
    };
    wire::Readers {
        conversation: readers.conversation.to_string(),
        seq: readers.seq.0,
        readers: readers.readers.iter().map(reader).collect(),
        next: readers.next.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

pub(super) fn read(reader: &mut Reader<'_>) -> Read<wire::Readers> {
    let mut readers = wire::Readers::default();
    reader.fields(&["conversation", "seq", "readers", "next"], |reader, name| {
        match name {
            "conversation" => readers.conversation = read_text(reader)?,
            "seq" => readers.seq = reader.unsigned()?,
            "readers" => reader.elements(|reader| {
                readers.readers.push(read_one(reader)?);
                Ok(())
            })?,
            _ => readers.next = read_text(reader)?,
        }
        Ok(())
    })?;
    Ok(readers)
}

fn read_one(reader: &mut Reader<'_>) -> Read<wire::Reader> {
    let mut one = wire::Reader::default();
    reader.fields(&["user", "delivered", "read"], |reader, name| {
        match name {
            "user" => one.user = read_text(reader)?,
            "delivered" => one.delivered = reader.flag()?,
            _ => one.read = reader.flag()?,
        }
        Ok(())
    })?;
    Ok(one)
}

pub(super) fn write(writer: &mut Writer<'_>, readers: &Readers) {
    writer.open_member(NAME);
    writer.plain_text("conversation", readers.conversation.as_str());
    writer.wide_if_any("seq", readers.seq.0);
    if !readers.readers.is_empty() {
        writer.open_array("readers");
        for reader in &readers.readers {
            writer.open_object();
            writer.plain_text("user", reader.user.as_str());
            writer.flag_if_set("delivered", reader.delivered);
            writer.flag_if_set("read", reader.read);
            writer.close_object();
        }
        writer.close_array();
    }
    if let Some(next) = &readers.next {
        writer.plain_text("next", next.as_str());
    }
    writer.close_object();
}
