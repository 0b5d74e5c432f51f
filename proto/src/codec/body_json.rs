//! Bodies between JSON and their protobuf form.
//!
//! A text alone, which nearly every body is, goes straight from one form to the other; the rest takes the way through the
//! generated types. A kind that this version does not know is `{}` in JSON, and whole in protobuf.

mod beside;
mod media;
mod nested;

use std::borrow::Cow;

use bytes::Bytes;
use prost::Message as _;
use prost::encoding::{encode_varint, encoded_len_varint};
use wire::body::Kind;
use wire::system::Change;

use super::group_json;
use crate::json::{Fault, Read, Reader, Writer};
use crate::{Body, wire};

/// The members of a body: the kinds, then what stands beside them.
const MEMBERS: &[&str] = &[
    "text",
    "custom",
    "system",
    "image",
    "file",
    "voice",
    "video",
    "location",
    "contact",
    "merged",
    "edit",
    "recall",
    "react",
    "pin",
    "mentions",
    "reply_to",
    "forward",
    "thread",
    "expiry",
    "must_confirm",
];

/// How deep bodies may be in each other: a message in a merged forward in an edit.
const DEPTH_MAX: u8 = 3;

/// Reads a body; empty when it has no known kind.
pub(super) fn read(reader: &mut Reader<'_>) -> Read<Bytes> {
    read_nested(reader, 1)
}

/// Reads a body that is `depth - 1` levels deep in others.
fn read_nested(reader: &mut Reader<'_>, depth: u8) -> Read<Bytes> {
    if depth > DEPTH_MAX {
        return Fault::wrong("too many bodies in each other");
    }
    let mut text: Option<Cow<'_, str>> = None;
    let mut body = wire::Body::default();
    reader.fields(MEMBERS, |reader, name| {
        match name {
            "mentions" => body.mentions = Some(beside::read_mentions(reader)?),
            "reply_to" => body.reply_to = Some(beside::read_ref(reader)?),
            "forward" => body.forward = Some(beside::read_forward(reader)?),
            "thread" => body.thread = Some(beside::read_ref(reader)?),
            "expiry" => body.expiry = Some(beside::read_expiry(reader)?),
            "must_confirm" => body.must_confirm = Some(beside::read_must_confirm(reader)?),
            _ if text.is_some() || body.kind.is_some() => {
                return Fault::wrong("only one kind is allowed, such as text or image");
            }
            "text" => text = Some(reader.string()?),
            _ => body.kind = Some(read_kind(reader, name, depth)?),
        }
        Ok(())
    })?;
    match text {
        Some(text) if body == wire::Body::default() => return Ok(encode_text(&text)),
        Some(text) => body.kind = Some(Kind::Text(text.into_owned())),
        None => {}
    }
    Ok(body.encode_to_vec().into())
}

fn read_kind(reader: &mut Reader<'_>, name: &'static str, depth: u8) -> Read<Kind> {
    Ok(match name {
        "custom" => Kind::Custom(read_custom(reader)?),
        "system" => Kind::System(read_system(reader)?),
        "image" => Kind::Image(media::read_media(reader)?),
        "file" => Kind::File(media::read_media(reader)?),
        "voice" => Kind::Voice(media::read_media(reader)?),
        "video" => Kind::Video(media::read_media(reader)?),
        "location" => Kind::Location(media::read_location(reader)?),
        "contact" => Kind::Contact(media::read_contact(reader)?),
        "merged" => Kind::Merged(nested::read_merged(reader, depth)?),
        "edit" => Kind::Edit(nested::read_edit(reader, depth)?),
        "recall" => Kind::Recall(beside::read_recall(reader)?),
        "react" => Kind::React(beside::read_reaction(reader)?),
        _ => Kind::Pin(beside::read_pin(reader)?),
    })
}

/// Writes a body as a member.
pub(super) fn write(writer: &mut Writer<'_>, name: &'static str, body: &Body) {
    write_nested(writer, name, body, 1);
}

/// Writes a body that is `depth - 1` levels deep in others; one that is too deep is empty.
fn write_nested(writer: &mut Writer<'_>, name: &'static str, body: &Body, depth: u8) {
    writer.open_member(name);
    match body.as_text() {
        Some(text) => writer.text("text", text),
        None if depth <= DEPTH_MAX => {
            let body = body.to_wire();
            if let Some(kind) = &body.kind {
                write_kind(writer, kind, depth);
            }
            beside::write(writer, &body);
        }
        None => {}
    }
    writer.close_object();
}

fn write_kind(writer: &mut Writer<'_>, kind: &Kind, depth: u8) {
    match kind {
        Kind::Text(text) => writer.text("text", text),
        Kind::Custom(custom) => {
            writer.open_member("custom");
            writer.text_if_any("type", &custom.r#type);
            writer.text_if_any("json", &custom.json);
            writer.close_object();
        }
        Kind::System(system) => write_system(writer, system),
        Kind::Image(image) => media::write_media(writer, "image", image),
        Kind::File(file) => media::write_media(writer, "file", file),
        Kind::Voice(voice) => media::write_media(writer, "voice", voice),
        Kind::Video(video) => media::write_media(writer, "video", video),
        Kind::Location(location) => media::write_location(writer, location),
        Kind::Contact(contact) => media::write_contact(writer, contact),
        Kind::Merged(merged) => nested::write_merged(writer, merged, depth),
        Kind::Edit(edit) => nested::write_edit(writer, edit, depth),
        Kind::Recall(recall) => beside::write_recall(writer, recall),
        Kind::React(reaction) => beside::write_reaction(writer, reaction),
        Kind::Pin(pin) => beside::write_pin(writer, pin),
    }
}

/// Field 1, length-delimited: one allocation of the right size.
fn encode_text(text: &str) -> Bytes {
    let mut out = Vec::with_capacity(1 + encoded_len_varint(text.len() as u64) + text.len());
    out.push(crate::body::TEXT_TAG);
    encode_varint(text.len() as u64, &mut out);
    out.extend_from_slice(text.as_bytes());
    out.into()
}

fn read_custom(reader: &mut Reader<'_>) -> Read<wire::Custom> {
    let mut custom = wire::Custom::default();
    reader.fields(&["type", "json"], |reader, name| {
        let text = reader.string().map(Cow::into_owned)?;
        *(if name == "type" { &mut custom.r#type } else { &mut custom.json }) = text;
        Ok(())
    })?;
    Ok(custom)
}

fn read_system(reader: &mut Reader<'_>) -> Read<wire::System> {
    const CHANGES: &[&str] = &[
        "notice",
        "created",
        "joined",
        "left",
        "added",
        "removed",
        "dismissed",
        "edited",
        "role_set",
        "transferred",
        "muted",
        "all_muted",
        "nicknamed",
        "join_asked",
        "join_approved",
        "join_rejected",
        "invited",
        "uninvited",
        "link_made",
        "link_ended",
        "joined_by_link",
        "retention_set",
    ];
    let mut change = None;
    reader.fields(CHANGES, |reader, name| {
        change = match name {
            "notice" => Some(Change::Notice(read_notice(reader)?)),
            "retention_set" => Some(Change::RetentionSet(read_retention(reader)?)),
            _ => group_json::read(reader, name)?,
        };
        Ok(())
    })?;
    Ok(wire::System { change })
}

fn read_notice(reader: &mut Reader<'_>) -> Read<wire::Notice> {
    let mut notice = wire::Notice::default();
    reader.fields(&["text"], |reader, _| {
        notice.text = reader.string()?.into_owned();
        Ok(())
    })?;
    Ok(notice)
}

fn read_retention(reader: &mut Reader<'_>) -> Read<wire::RetentionSet> {
    let mut set = wire::RetentionSet::default();
    reader.fields(&["seconds"], |reader, _| {
        set.seconds = reader.unsigned32()?;
        Ok(())
    })?;
    Ok(set)
}

pub(super) fn read_texts(reader: &mut Reader<'_>, texts: &mut Vec<String>) -> Read<()> {
    reader.elements(|reader| {
        texts.push(reader.string()?.into_owned());
        Ok(())
    })
}

fn write_system(writer: &mut Writer<'_>, system: &wire::System) {
    writer.open_member("system");
    match &system.change {
        Some(Change::Notice(notice)) => {
            writer.open_member("notice");
            writer.text_if_any("text", &notice.text);
            writer.close_object();
        }
        Some(Change::RetentionSet(set)) => {
            writer.open_member("retention_set");
            writer.narrow("seconds", set.seconds);
            writer.close_object();
        }
        // No client is given the log of a pair.
        Some(Change::Contact(_)) | None => {}
        Some(change) => {
            group_json::write(writer, change);
        }
    }
    writer.close_object();
}

pub(super) fn write_texts(writer: &mut Writer<'_>, name: &'static str, texts: &[String]) {
    if texts.is_empty() {
        return;
    }
    writer.open_array(name);
    for text in texts {
        writer.element(text);
    }
    writer.close_array();
}
