//! Bodies between JSON and their protobuf form.
//!
//! A text, which nearly every body is, goes straight from one form to the other; the rest takes the way through the
//! generated types. A kind that this version does not know is `{}` in JSON, and whole in protobuf.

use std::borrow::Cow;

use bytes::Bytes;
use prost::Message as _;
use prost::encoding::{encode_varint, encoded_len_varint};
use wire::system::Change;

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
    const CHANGES: &[&str] = &["created", "joined", "left", "added", "removed", "dismissed", "notice"];
    let mut change = None;
    reader.fields(CHANGES, |reader, name| {
        change = Some(match name {
            "created" => Change::Created(read_created(reader)?),
            "joined" => Change::Joined(read_members(reader)?),
            "left" => Change::Left(read_members(reader)?),
            "added" => Change::Added(read_members(reader)?),
            "removed" => Change::Removed(read_members(reader)?),
            "dismissed" => {
                reader.fields(&[], |_, _| Ok(()))?;
                Change::Dismissed(wire::GroupDismissed {})
            }
            _ => Change::Notice(read_notice(reader)?),
        });
        Ok(())
    })?;
    Ok(wire::System { change })
}

fn read_created(reader: &mut Reader<'_>) -> Read<wire::GroupCreated> {
    let mut created = wire::GroupCreated::default();
    reader.fields(&["name", "owner", "members"], |reader, name| {
        match name {
            "name" => created.name = reader.string()?.into_owned(),
            "owner" => created.owner = reader.string()?.into_owned(),
            _ => read_texts(reader, &mut created.members)?,
        }
        Ok(())
    })?;
    Ok(created)
}

fn read_members(reader: &mut Reader<'_>) -> Read<wire::MembersChange> {
    let mut change = wire::MembersChange::default();
    reader.fields(&["users"], |reader, _| read_texts(reader, &mut change.users))?;
    Ok(change)
}

fn read_notice(reader: &mut Reader<'_>) -> Read<wire::Notice> {
    let mut notice = wire::Notice::default();
    reader.fields(&["text"], |reader, _| {
        notice.text = reader.string()?.into_owned();
        Ok(())
    })?;
    Ok(notice)
}

fn read_texts(reader: &mut Reader<'_>, texts: &mut Vec<String>) -> Read<()> {
    reader.elements(|reader| {
        texts.push(reader.string()?.into_owned());
        Ok(())
    })
}

fn write_system(writer: &mut Writer<'_>, system: &wire::System) {
    writer.open_member("system");
    match &system.change {
        Some(Change::Created(created)) => {
            writer.open_member("created");
            writer.text_if_any("name", &created.name);
            writer.text_if_any("owner", &created.owner);
            write_texts(writer, "members", &created.members);
            writer.close_object();
        }
        Some(Change::Joined(change)) => write_members(writer, "joined", change),
        Some(Change::Left(change)) => write_members(writer, "left", change),
        Some(Change::Added(change)) => write_members(writer, "added", change),
        Some(Change::Removed(change)) => write_members(writer, "removed", change),
        Some(Change::Dismissed(wire::GroupDismissed {})) => {
            writer.open_member("dismissed");
            writer.close_object();
        }
        Some(Change::Notice(notice)) => {
            writer.open_member("notice");
            writer.text_if_any("text", &notice.text);
            writer.close_object();
        }
        None => {}
    }
    writer.close_object();
}

fn write_members(writer: &mut Writer<'_>, name: &'static str, change: &wire::MembersChange) {
    writer.open_member(name);
    write_texts(writer, "users", &change.users);
    writer.close_object();
}

fn write_texts(writer: &mut Writer<'_>, name: &'static str, texts: &[String]) {
    if texts.is_empty() {
        return;
    }
    writer.open_array(name);
    for text in texts {
        writer.element(text);
    }
    writer.close_array();
}
