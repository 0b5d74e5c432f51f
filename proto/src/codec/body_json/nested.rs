//! Bodies that hold bodies, in JSON: merged forwards and edits.

use super::{beside, read_nested, write_nested};
use crate::json::{Fault, Read, Reader, Writer};
use crate::{Body, limits, wire};

pub(super) fn read_merged(reader: &mut Reader<'_>, depth: u8) -> Read<wire::MergedForward> {
    let mut merged = wire::MergedForward::default();
    reader.fields(&["title", "messages"], |reader, name| {
        if name == "title" {
            merged.title = reader.string()?.into_owned();
            return Ok(());
        }
        reader.elements(|reader| {
            if merged.messages.len() == limits::MERGED_MESSAGES_MAX {
                return Fault::wrong("at most 100 messages are allowed");
            }
            merged.messages.push(read_forwarded(reader, depth)?);
            Ok(())
        })
    })?;
    Ok(merged)
}

fn read_forwarded(reader: &mut Reader<'_>, depth: u8) -> Read<wire::ForwardedMessage> {
    let mut message = wire::ForwardedMessage::default();
    reader.fields(&["sender", "name", "time", "body"], |reader, name| {
        match name {
            "sender" => message.sender = reader.string()?.into_owned(),
            "name" => message.name = reader.string()?.into_owned(),
            "time" => message.time = reader.unsigned()?,
            _ => message.body = read_nested(reader, depth + 1)?,
        }
        Ok(())
    })?;
    Ok(message)
}

pub(super) fn read_edit(reader: &mut Reader<'_>, depth: u8) -> Read<wire::EditOf> {
    let mut edit = wire::EditOf::default();
    reader.fields(&["message", "body"], |reader, name| {
        match name {
            "message" => edit.message = Some(beside::read_ref(reader)?),
            _ => edit.body = read_nested(reader, depth + 1)?,
        }
        Ok(())
    })?;
    Ok(edit)
}

pub(super) fn write_merged(writer: &mut Writer<'_>, merged: &wire::MergedForward, depth: u8) {
    writer.open_member("merged");
    writer.text_if_any("title", &merged.title);
    if !merged.messages.is_empty() {
        writer.open_array("messages");
        for message in &merged.messages {
            writer.open_object();
            writer.text_if_any("sender", &message.sender);
            writer.text_if_any("name", &message.name);
            writer.wide_if_any("time", message.time);
            write_body(writer, &message.body, depth);
            writer.close_object();
        }
        writer.close_array();
    }
    writer.close_object();
}

pub(super) fn write_edit(writer: &mut Writer<'_>, edit: &wire::EditOf, depth: u8) {
    writer.open_member("edit");
    beside::write_ref(writer, "message", edit.message.as_ref());
    write_body(writer, &edit.body, depth);
    writer.close_object();
}

/// An empty body is left out.
fn write_body(writer: &mut Writer<'_>, body: &bytes::Bytes, depth: u8) {
    if !body.is_empty() {
        write_nested(writer, "body", &Body::from_encoded(body.clone()), depth + 1);
    }
}
