//! Who confirmed a message: what is asked and answered, between the values, the generated types and JSON.

use super::readers;
use super::server_from_wire::{conversation, user};
use super::server_json_read::read_text;
use crate::client_frame::{Position, ReadersOf};
use crate::json::{Read, Reader, Writer};
use crate::server_frame::{Confirmation, Confirmations};
use crate::{FrameError, Seq, wire};

pub(super) const NAME: &str = "confirmations";
const CONFIRMED: &str = "confirmed";

pub(crate) fn asked(wire: &wire::ConfirmationsOf) -> Result<ReadersOf, FrameError> {
    let wire::ConfirmationsOf { conversation, seq, after, limit } = wire.clone();
    readers::checked(NAME, &wire::ReadersOf { conversation, seq, after, limit })
}

pub(crate) fn asked_to_wire(of: &ReadersOf) -> wire::ConfirmationsOf {
    let wire::ReadersOf { conversation, seq, after, limit } = readers::asked_to_wire(of);
    wire::ConfirmationsOf { conversation, seq, after, limit }
}

pub(super) fn confirmed(wire: &wire::Confirmed) -> Result<Position, FrameError> {
    Ok(Position { conversation: conversation(CONFIRMED, &wire.conversation)?, seq: Seq(wire.seq) })
}

pub(super) fn confirmed_to_wire(at: &Position) -> wire::Confirmed {
    wire::Confirmed { conversation: at.conversation.to_string(), seq: at.seq.0 }
}

pub(super) fn read_confirmed(reader: &mut Reader<'_>) -> Read<wire::Confirmed> {
    let mut confirmed = wire::Confirmed::default();
    reader.fields(&["conversation", "seq"], |reader, name| {
        match name {
            "conversation" => confirmed.conversation = read_text(reader)?,
            _ => confirmed.seq = reader.unsigned()?,
        }
        Ok(())
    })?;
    Ok(confirmed)
}

pub(super) fn write_confirmed(writer: &mut Writer<'_>, at: &Position) {
    writer.open_member(CONFIRMED);
    writer.plain_text("conversation", at.conversation.as_str());
    writer.wide("seq", at.seq.0);
    writer.close_object();
}

pub(super) fn from_wire(wire: wire::Confirmations) -> Result<Confirmations, FrameError> {
    let member = |wire: wire::Confirmation| {
        Ok(Confirmation { user: user(NAME, "members", &wire.user)?, confirmed: wire.confirmed })
    };
    Ok(Confirmations {
        conversation: conversation(NAME, &wire.conversation)?,
        seq: Seq(wire.seq),
        confirmed: wire.confirmed,
        of: wire.of,
        members: wire.members.into_iter().map(member).collect::<Result<_, FrameError>>()?,
        next: match wire.next.as_str() {
            "" => None,
            text => Some(user(NAME, "next", text)?),
        },
    })
}

pub(super) fn to_wire(of: &Confirmations) -> wire::Confirmations {
    let member = |member: &Confirmation| wire::Confirmation {
        user: member.user.to_string(),
        confirmed: member.confirmed,
    };
    wire::Confirmations {
        conversation: of.conversation.to_string(),
        seq: of.seq.0,
        confirmed: of.confirmed,
        of: of.of,
        members: of.members.iter().map(member).collect(),
        next: of.next.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

pub(super) fn read(reader: &mut Reader<'_>) -> Read<wire::Confirmations> {
    let mut of = wire::Confirmations::default();
    reader.fields(&["conversation", "seq", CONFIRMED, "of", "members", "next"], |reader, name| {
        match name {
            "conversation" => of.conversation = read_text(reader)?,
            "seq" => of.seq = reader.unsigned()?,
            CONFIRMED => of.confirmed = reader.unsigned32()?,
            "of" => of.of = reader.unsigned32()?,
            "members" => reader.elements(|reader| {
                of.members.push(read_member(reader)?);
                Ok(())
            })?,
            _ => of.next = read_text(reader)?,
        }
        Ok(())
    })?;
    Ok(of)
}

fn read_member(reader: &mut Reader<'_>) -> Read<wire::Confirmation> {
    let mut member = wire::Confirmation::default();
    reader.fields(&["user", CONFIRMED], |reader, name| {
        match name {
            "user" => member.user = read_text(reader)?,
            _ => member.confirmed = reader.flag()?,
        }
        Ok(())
    })?;
    Ok(member)
}

pub(super) fn write(writer: &mut Writer<'_>, of: &Confirmations) {
    writer.open_member(NAME);
    writer.plain_text("conversation", of.conversation.as_str());
    writer.wide("seq", of.seq.0);
    writer.narrow(CONFIRMED, of.confirmed);
    writer.narrow("of", of.of);
    if !of.members.is_empty() {
        writer.open_array("members");
        for member in &of.members {
            writer.open_object();
            writer.plain_text("user", member.user.as_str());
            writer.flag_if_set(CONFIRMED, member.confirmed);
            writer.close_object();
        }
        writer.close_array();
    }
    if let Some(next) = &of.next {
        writer.plain_text("next", next.as_str());
    }
    writer.close_object();
}
