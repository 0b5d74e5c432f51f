//! The frame `set_retention`, in both encodings. What it asks for travels on as a [`Send`] whose body says so.

use super::check;
use crate::client_frame::{Recipient, Send};
use crate::json::{Read, Reader, Writer};
use crate::{ClientMessageId, FrameError, limits, wire};

/// Its name.
pub(super) const NAME: &str = "set_retention";

pub(super) fn check(wire: &wire::SetRetention) -> Result<Send, FrameError> {
    let id = ClientMessageId::parse(&wire.client_message_id)
        .map_err(|error| FrameError::field(NAME, "client_message_id", error))?;
    check_rest(wire, id).map_err(|error| error.of_send(id))
}

fn check_rest(wire: &wire::SetRetention, id: ClientMessageId) -> Result<Send, FrameError> {
    let conversation = check::conversation(NAME, "conversation", &wire.conversation)?;
    if wire.seconds > limits::RETENTION_SECONDS_MAX {
        let problem = format!("at most {} are allowed", limits::RETENTION_SECONDS_MAX);
        return Err(FrameError::field(NAME, "seconds", problem));
    }
    let send = Send::retention(id, conversation, wire.seconds);
    Ok(Send { attempt: wire.attempt, age_ms: wire.age_ms, ..send })
}

pub(super) fn read_json(reader: &mut Reader<'_>) -> Read<wire::SetRetention> {
    const FIELDS: &[&str] = &["client_message_id", "conversation", "seconds", "attempt", "age_ms"];
    let mut set = wire::SetRetention::default();
    reader.fields(FIELDS, |reader, name| {
        match name {
            "client_message_id" => set.client_message_id = reader.string()?.into_owned(),
            "conversation" => set.conversation = reader.string()?.into_owned(),
            "seconds" => set.seconds = reader.unsigned32()?,
            "attempt" => set.attempt = reader.unsigned32()?,
            _ => set.age_ms = reader.unsigned()?,
        }
        Ok(())
    })?;
    Ok(set)
}

/// What a send sets that is written as this frame.
pub(super) fn seconds(send: &Send) -> Option<u32> {
    matches!(send.to, Recipient::Conversation(_)).then(|| send.body.as_retention()).flatten()
}

pub(super) fn write_json(writer: &mut Writer<'_>, send: &Send, seconds: u32) {
    writer.open_member(NAME);
    writer.plain_text("client_message_id", send.client_message_id.hyphenated(&mut [0; 36]));
    if let Recipient::Conversation(conversation) = &send.to {
        writer.plain_text("conversation", conversation.as_str());
    }
    writer.narrow_if_any("seconds", seconds);
    writer.narrow_if_any("attempt", send.attempt);
    writer.wide_if_any("age_ms", send.age_ms);
    writer.close_object();
}

pub(super) fn to_wire(send: &Send, seconds: u32) -> wire::SetRetention {
    wire::SetRetention {
        client_message_id: send.client_message_id.to_string(),
        conversation: match &send.to {
            Recipient::Conversation(conversation) => conversation.to_string(),
            Recipient::User(_) => String::new(),
        },
        seconds,
        attempt: send.attempt,
        age_ms: send.age_ms,
    }
}
