//! Bodies between JSON and their protobuf form.
//!
//! A text, which nearly every body is, goes straight from one form to the other; the rest takes the way through the
//! generated types. A kind that this version does not know is `{}` in JSON, and whole in protobuf.

use std::borrow::Cow;

use bytes::Bytes;
use prost::Message as _;
use prost::encoding::{encode_varint, encoded_len_varint};
use wire::system::Change;

use super::group_json;
use crate::json::{Fault, Read, Reader, Writer};
use crate::{Body, wire};

/// Reads a body; empty when it has no known kind.
pub(super) fn read(reader: &mut Reader<'_>) -> Read<Bytes> {
    let mut encoded = None;
    reader.fields(&["text", "custom", "system"], |reader, name| {
        let one = match name {
            "text" => encode_text(&reader.string()?),
            "custom" => encode(wire::body::Kind::Custom(read_custom(reader)?)),
            _ => encode(wire::body::Kind::System(read_system(reader)?)),
        };
        match encoded.replace(one) {
            None => Ok(()),
            Some(_) => Fault::wrong("only one of text, custom is allowed"),
        }
    })?;
    Ok(encoded.unwrap_or_default())
}

/// Writes a body as a member.
pub(super) fn write(writer: &mut Writer<'_>, name: &'static str, body: &Body) {
    writer.open_member(name);
    match body.as_text() {
        Some(text) => writer.text("text", text),
        None => match body.to_wire().kind {
            Some(wire::body::Kind::Text(text)) => writer.text("text", &text),
            Some(wire::body::Kind::Custom(custom)) => {
                writer.open_member("custom");
                writer.text_if_any("type", &custom.r#type);
                writer.text_if_any("json", &custom.json);
                writer.close_object();
            }
            Some(wire::body::Kind::System(system)) => write_system(writer, &system),
            None => {}
        },
    }
    writer.close_object();
}

/// Field 1, length-delimited: one allocation of the right size.
fn encode_text(text: &str) -> Bytes {
    let mut out = Vec::with_capacity(1 + encoded_len_varint(text.len() as u64) + text.len());
    out.push(crate::body::TEXT_TAG);
    encode_varint(text.len() as u64, &mut out);
    out.extend_from_slice(text.as_bytes());
    out.into()
}

fn encode(kind: wire::body::Kind) -> Bytes {
    wire::Body { kind: Some(kind) }.encode_to_vec().into()
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
    ];
    let mut change = None;
    reader.fields(CHANGES, |reader, name| {
        change = match name {
            "notice" => Some(Change::Notice(read_notice(reader)?)),
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
        Some(change) => {
            group_json::write(writer, change);
        }
        None => {}
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
