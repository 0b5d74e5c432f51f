//! What stands beside the kind of a message, and changes of messages, in JSON.

use super::{read_texts, write_texts};
use crate::json::{Fault, Read, Reader, Writer};
use crate::{limits, wire};

pub(super) fn read_mentions(reader: &mut Reader<'_>) -> Read<wire::Mentions> {
    let mut mentions = wire::Mentions::default();
    reader.fields(&["users", "all"], |reader, name| {
        match name {
            "all" => mentions.all = reader.flag()?,
            _ => read_texts(reader, &mut mentions.users)?,
        }
        if mentions.users.len() > limits::MENTIONS_MAX {
            return Fault::wrong("at most 50 users are allowed");
        }
        Ok(())
    })?;
    Ok(mentions)
}

pub(super) fn read_ref(reader: &mut Reader<'_>) -> Read<wire::MessageRef> {
    let mut message = wire::MessageRef::default();
    reader.fields(&["seq", "message_id"], |reader, name| {
        *(if name == "seq" { &mut message.seq } else { &mut message.message_id }) = reader.unsigned()?;
        Ok(())
    })?;
    Ok(message)
}

pub(super) fn read_forward(reader: &mut Reader<'_>) -> Read<wire::ForwardedFrom> {
    let mut from = wire::ForwardedFrom::default();
    reader.fields(&["conversation", "seq", "message_id", "sender", "time"], |reader, name| {
        match name {
            "conversation" => from.conversation = reader.string()?.into_owned(),
            "seq" => from.seq = reader.unsigned()?,
            "message_id" => from.message_id = reader.unsigned()?,
            "sender" => from.sender = reader.string()?.into_owned(),
            _ => from.time = reader.unsigned()?,
        }
        Ok(())
    })?;
    Ok(from)
}

pub(super) fn read_expiry(reader: &mut Reader<'_>) -> Read<wire::Expiry> {
    let mut expiry = wire::Expiry::default();
    reader.fields(&["after_seconds", "time", "expired"], |reader, name| {
        match name {
            "after_seconds" => expiry.after_seconds = reader.unsigned32()?,
            "time" => expiry.time = reader.unsigned()?,
            _ => expiry.expired = reader.flag()?,
        }
        Ok(())
    })?;
    Ok(expiry)
}

pub(super) fn read_must_confirm(reader: &mut Reader<'_>) -> Read<wire::MustConfirm> {
    let mut confirm = wire::MustConfirm::default();
    reader.fields(&["until"], |reader, _| reader.unsigned().map(|until| confirm.until = until))?;
    Ok(confirm)
}

pub(super) fn read_recall(reader: &mut Reader<'_>) -> Read<wire::RecallOf> {
    let mut recall = wire::RecallOf::default();
    reader.fields(&["message"], |reader, _| {
        recall.message = Some(read_ref(reader)?);
        Ok(())
    })?;
    Ok(recall)
}

pub(super) fn read_reaction(reader: &mut Reader<'_>) -> Read<wire::ReactionTo> {
    let mut reaction = wire::ReactionTo::default();
    reader.fields(&["message", "reaction", "remove"], |reader, name| {
        match name {
            "message" => reaction.message = Some(read_ref(reader)?),
            "reaction" => reaction.reaction = reader.string()?.into_owned(),
            _ => reaction.remove = reader.flag()?,
        }
        Ok(())
    })?;
    Ok(reaction)
}

pub(super) fn read_pin(reader: &mut Reader<'_>) -> Read<wire::PinOf> {
    let mut pin = wire::PinOf::default();
    reader.fields(&["message", "remove"], |reader, name| {
        match name {
            "message" => pin.message = Some(read_ref(reader)?),
            _ => pin.remove = reader.flag()?,
        }
        Ok(())
    })?;
    Ok(pin)
}

/// The members beside the kind.
pub(super) fn write(writer: &mut Writer<'_>, body: &wire::Body) {
    if let Some(mentions) = &body.mentions {
        writer.open_member("mentions");
        write_texts(writer, "users", &mentions.users);
        writer.flag_if_set("all", mentions.all);
        writer.close_object();
    }
    write_ref(writer, "reply_to", body.reply_to.as_ref());
    if let Some(from) = &body.forward {
        writer.open_member("forward");
        writer.text_if_any("conversation", &from.conversation);
        writer.wide_if_any("seq", from.seq);
        writer.wide_if_any("message_id", from.message_id);
        writer.text_if_any("sender", &from.sender);
        writer.wide_if_any("time", from.time);
        writer.close_object();
    }
    write_ref(writer, "thread", body.thread.as_ref());
    if let Some(expiry) = &body.expiry {
        writer.open_member("expiry");
        writer.narrow_if_any("after_seconds", expiry.after_seconds);
        writer.wide_if_any("time", expiry.time);
        writer.flag_if_set("expired", expiry.expired);
        writer.close_object();
    }
    if let Some(confirm) = &body.must_confirm {
        writer.open_member("must_confirm");
        writer.wide_if_any("until", confirm.until);
        writer.close_object();
    }
}

pub(super) fn write_ref(writer: &mut Writer<'_>, name: &'static str, message: Option<&wire::MessageRef>) {
    let Some(message) = message else { return };
    writer.open_member(name);
    writer.wide_if_any("seq", message.seq);
    writer.wide_if_any("message_id", message.message_id);
    writer.close_object();
}

pub(super) fn write_recall(writer: &mut Writer<'_>, recall: &wire::RecallOf) {
    writer.open_member("recall");
    write_ref(writer, "message", recall.message.as_ref());
    writer.close_object();
}

pub(super) fn write_reaction(writer: &mut Writer<'_>, reaction: &wire::ReactionTo) {
    writer.open_member("react");
    write_ref(writer, "message", reaction.message.as_ref());
    writer.text_if_any("reaction", &reaction.reaction);
    writer.flag_if_set("remove", reaction.remove);
    writer.close_object();
}

pub(super) fn write_pin(writer: &mut Writer<'_>, pin: &wire::PinOf) {
    writer.open_member("pin");
    write_ref(writer, "message", pin.message.as_ref());
    writer.flag_if_set("remove", pin.remove);
    writer.close_object();
}
