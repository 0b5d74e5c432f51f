//! Present states of messages in JSON, and the frames that are about them.

use super::server_json_read::{read_event, read_text};
use super::server_json_write::write_entry;
use crate::json::{Read, Reader, Writer};
use crate::server_frame::{Overlay, Pins, Reaction, Versions};
use crate::{ConversationId, Entry, Timestamp, UserId, wire};

pub(super) fn read_overlays(reader: &mut Reader<'_>, into: &mut Vec<wire::Overlay>) -> Read<()> {
    reader.elements(|reader| {
        into.push(read_overlay(reader)?);
        Ok(())
    })
}

fn read_overlay(reader: &mut Reader<'_>) -> Read<wire::Overlay> {
    const FIELDS: &[&str] = &["seq", "changed_seq", "recalled", "edited", "reactions", "pinned"];
    let mut overlay = wire::Overlay::default();
    reader.fields(FIELDS, |reader, name| {
        match name {
            "seq" => overlay.seq = reader.unsigned()?,
            "changed_seq" => overlay.changed_seq = reader.unsigned()?,
            "recalled" => {
                let (by, time) = read_by(reader)?;
                overlay.recalled = Some(wire::Recalled { by, time });
            }
            "edited" => overlay.edited = Some(read_edited(reader)?),
            "reactions" => reader.elements(|reader| {
                overlay.reactions.push(read_reaction(reader)?);
                Ok(())
            })?,
            _ => {
                let (by, time) = read_by(reader)?;
                overlay.pinned = Some(wire::PinnedBy { by, time });
            }
        }
        Ok(())
    })?;
    Ok(overlay)
}

fn read_by(reader: &mut Reader<'_>) -> Read<(String, u64)> {
    let (mut by, mut time) = (String::new(), 0);
    reader.fields(&["by", "time"], |reader, name| {
        match name {
            "by" => by = read_text(reader)?,
            _ => time = reader.unsigned()?,
        }
        Ok(())
    })?;
    Ok((by, time))
}

fn read_edited(reader: &mut Reader<'_>) -> Read<wire::Edited> {
    let mut edited = wire::Edited::default();
    reader.fields(&["seqs", "time"], |reader, name| {
        match name {
            "seqs" => reader.elements(|reader| {
                edited.seqs.push(reader.unsigned()?);
                Ok(())
            })?,
            _ => edited.time = reader.unsigned()?,
        }
        Ok(())
    })?;
    Ok(edited)
}

fn read_reaction(reader: &mut Reader<'_>) -> Read<wire::Reaction> {
    let mut reaction = wire::Reaction::default();
    reader.fields(&["reaction", "count", "users", "mine"], |reader, name| {
        match name {
            "reaction" => reaction.reaction = read_text(reader)?,
            "count" => reaction.count = reader.unsigned32()?,
            "users" => reader.elements(|reader| {
                reaction.users.push(read_text(reader)?);
                Ok(())
            })?,
            _ => reaction.mine = reader.flag()?,
        }
        Ok(())
    })?;
    Ok(reaction)
}

pub(super) fn read_pins(reader: &mut Reader<'_>) -> Read<wire::Pins> {
    let mut pins = wire::Pins::default();
    reader.fields(&["conversation", "entries", "overlays"], |reader, name| {
        match name {
            "conversation" => pins.conversation = read_text(reader)?,
            "entries" => read_entries(reader, &mut pins.entries)?,
            _ => read_overlays(reader, &mut pins.overlays)?,
        }
        Ok(())
    })?;
    Ok(pins)
}

pub(super) fn read_versions(reader: &mut Reader<'_>) -> Read<wire::Versions> {
    let mut versions = wire::Versions::default();
    reader.fields(&["conversation", "seq", "entries"], |reader, name| {
        match name {
            "conversation" => versions.conversation = read_text(reader)?,
            "seq" => versions.seq = reader.unsigned()?,
            _ => read_entries(reader, &mut versions.entries)?,
        }
        Ok(())
    })?;
    Ok(versions)
}

pub(super) fn read_entries(reader: &mut Reader<'_>, into: &mut Vec<wire::Event>) -> Read<()> {
    reader.elements(|reader| {
        into.push(read_event(reader)?);
        Ok(())
    })
}

pub(super) fn write_overlays(writer: &mut Writer<'_>, overlays: &[Overlay]) {
    if overlays.is_empty() {
        return;
    }
    writer.open_array("overlays");
    for overlay in overlays {
        writer.open_object();
        write_overlay(writer, overlay);
        writer.close_object();
    }
    writer.close_array();
}

fn write_overlay(writer: &mut Writer<'_>, overlay: &Overlay) {
    writer.wide("seq", overlay.seq.0);
    writer.wide_if_any("changed_seq", overlay.changed.0);
    write_by(writer, "recalled", overlay.recalled.as_ref());
    if let Some((seqs, time)) = &overlay.edited {
        writer.open_member("edited");
        if !seqs.is_empty() {
            writer.open_array("seqs");
            for seq in seqs {
                writer.element(&seq.0.to_string());
            }
            writer.close_array();
        }
        writer.wide_if_any("time", time.0);
        writer.close_object();
    }
    if !overlay.reactions.is_empty() {
        writer.open_array("reactions");
        for reaction in &overlay.reactions {
            write_reaction(writer, reaction);
        }
        writer.close_array();
    }
    write_by(writer, "pinned", overlay.pinned.as_ref());
}

fn write_by(writer: &mut Writer<'_>, name: &'static str, by: Option<&(UserId, Timestamp)>) {
    let Some((by, time)) = by else { return };
    writer.open_member(name);
    writer.plain_text("by", by.as_str());
    writer.wide_if_any("time", time.0);
    writer.close_object();
}

fn write_reaction(writer: &mut Writer<'_>, reaction: &Reaction) {
    writer.open_object();
    writer.text_if_any("reaction", &reaction.reaction);
    writer.narrow_if_any("count", reaction.count);
    if !reaction.users.is_empty() {
        writer.open_array("users");
        for user in &reaction.users {
            writer.element(user.as_str());
        }
        writer.close_array();
    }
    writer.flag_if_set("mine", reaction.mine);
    writer.close_object();
}

pub(super) fn write_pins(writer: &mut Writer<'_>, pins: &Pins) {
    writer.open_member("pins");
    writer.plain_text("conversation", pins.conversation.as_str());
    write_entries(writer, &pins.conversation, &pins.entries);
    write_overlays(writer, &pins.overlays);
    writer.close_object();
}

pub(super) fn write_versions(writer: &mut Writer<'_>, versions: &Versions) {
    writer.open_member("versions");
    writer.plain_text("conversation", versions.conversation.as_str());
    writer.wide("seq", versions.seq.0);
    write_entries(writer, &versions.conversation, &versions.entries);
    writer.close_object();
}

pub(super) fn write_entries(writer: &mut Writer<'_>, conversation: &ConversationId, entries: &[Entry]) {
    if entries.is_empty() {
        return;
    }
    writer.open_array("entries");
    for entry in entries {
        writer.open_object();
        write_entry(writer, conversation, entry);
        writer.close_object();
    }
    writer.close_array();
}
