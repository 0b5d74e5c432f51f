//! What a user keeps for themselves, in JSON.

use super::server_json_read::read_text;
use super::settings;
use crate::json::{Read, Reader, Writer};
use crate::settings::{Private, PrivateChange, Settings};
use crate::{ConversationId, FrameError, wire};

/// The frames of clients.
pub(super) const NAMES: [&str; 3] = ["conversation_set", "clear", "delete_for_me"];

/// A frame whose fields are not checked yet.
pub(super) struct Draft(settings::Wire);

impl Draft {
    pub(super) fn check(self) -> Result<PrivateChange, FrameError> {
        match self.0 {
            settings::Wire::Set(wire) => settings::set(wire),
            settings::Wire::Clear(wire) => settings::clear(&wire),
            settings::Wire::Delete(wire) => settings::delete(wire),
        }
    }
}

/// Reads the frame of one of [`NAMES`].
pub(super) fn read_change(reader: &mut Reader<'_>, frame: &str) -> Read<Draft> {
    Ok(Draft(match frame {
        "conversation_set" => settings::Wire::Set(read_set(reader)?),
        "clear" => {
            let mut wire = wire::ClearHistory::default();
            reader.fields(&["conversation", "seq"], |reader, name| {
                match name {
                    "conversation" => wire.conversation = read_text(reader)?,
                    _ => wire.seq = reader.unsigned()?,
                }
                Ok(())
            })?;
            settings::Wire::Clear(wire)
        }
        _ => {
            let mut wire = wire::DeleteForMe::default();
            reader.fields(&["conversation", "seqs"], |reader, name| {
                match name {
                    "conversation" => wire.conversation = read_text(reader)?,
                    _ => read_numbers(reader, &mut wire.seqs)?,
                }
                Ok(())
            })?;
            settings::Wire::Delete(wire)
        }
    }))
}

fn read_set(reader: &mut Reader<'_>) -> Read<wire::ConversationSet> {
    const FIELDS: &[&str] =
        &["conversation", "pinned", "muted_until", "archived", "hidden", "draft", "marked_unread"];
    let mut wire = wire::ConversationSet::default();
    reader.fields(FIELDS, |reader, name| {
        match name {
            "conversation" => wire.conversation = read_text(reader)?,
            "pinned" => wire.pinned = Some(reader.flag()?),
            "muted_until" => wire.muted_until = Some(reader.unsigned()?),
            "archived" => wire.archived = Some(reader.flag()?),
            "hidden" => wire.hidden = Some(reader.flag()?),
            "draft" => wire.draft = Some(read_text(reader)?),
            _ => wire.marked_unread = Some(reader.flag()?),
        }
        Ok(())
    })?;
    Ok(wire)
}

fn read_numbers(reader: &mut Reader<'_>, into: &mut Vec<u64>) -> Read<()> {
    reader.elements(|reader| {
        into.push(reader.unsigned()?);
        Ok(())
    })
}

pub(super) fn write_change(writer: &mut Writer<'_>, change: &PrivateChange) {
    writer.open_member(change.name());
    writer.plain_text("conversation", change.conversation.as_str());
    match &change.what {
        Private::Set(set) => {
            let mut flag = |name, value: Option<bool>| {
                if let Some(value) = value {
                    writer.flag(name, value);
                }
            };
            flag("pinned", set.pinned);
            flag("archived", set.archived);
            flag("hidden", set.hidden);
            flag("marked_unread", set.marked_unread);
            if let Some(until) = set.muted_until {
                writer.wide("muted_until", until.0);
            }
            if let Some(draft) = &set.draft {
                writer.text("draft", draft);
            }
        }
        Private::Clear(seq) => writer.wide_if_any("seq", seq.0),
        Private::Delete(seqs) => write_seqs(writer, "seqs", seqs),
    }
    writer.close_object();
}

pub(super) fn write_seqs(writer: &mut Writer<'_>, name: &'static str, seqs: &[crate::Seq]) {
    if seqs.is_empty() {
        return;
    }
    writer.open_array(name);
    for seq in seqs {
        writer.element(&seq.0.to_string());
    }
    writer.close_array();
}

/// The member `settings` of a frame or of a line of a `delta`.
pub(super) fn write_settings(writer: &mut Writer<'_>, conversation: &ConversationId, settings: &Settings) {
    writer.open_member("settings");
    writer.plain_text("conversation", conversation.as_str());
    writer.flag_if_set("pinned", settings.pinned);
    writer.wide_if_any("muted_until", settings.muted_until.0);
    writer.flag_if_set("archived", settings.archived);
    writer.wide_if_any("hidden_below_seq", settings.hidden_below.0);
    writer.text_if_any("draft", &settings.draft);
    writer.flag_if_set("marked_unread", settings.marked_unread);
    writer.wide_if_any("cleared_seq", settings.cleared.0);
    write_seqs(writer, "deleted_seqs", &settings.deleted);
    writer.wide_if_any("changed", settings.changed.0);
    writer.close_object();
}

pub(super) fn read_settings(reader: &mut Reader<'_>) -> Read<wire::Settings> {
    const FIELDS: &[&str] = &[
        "conversation",
        "pinned",
        "muted_until",
        "archived",
        "hidden_below_seq",
        "draft",
        "marked_unread",
        "cleared_seq",
        "deleted_seqs",
        "changed",
    ];
    let mut wire = wire::Settings::default();
    reader.fields(FIELDS, |reader, name| {
        match name {
            "conversation" => wire.conversation = read_text(reader)?,
            "pinned" => wire.pinned = reader.flag()?,
            "muted_until" => wire.muted_until = reader.unsigned()?,
            "archived" => wire.archived = reader.flag()?,
            "hidden_below_seq" => wire.hidden_below_seq = reader.unsigned()?,
            "draft" => wire.draft = read_text(reader)?,
            "marked_unread" => wire.marked_unread = reader.flag()?,
            "cleared_seq" => wire.cleared_seq = reader.unsigned()?,
            "deleted_seqs" => read_numbers(reader, &mut wire.deleted_seqs)?,
            _ => wire.changed = reader.unsigned()?,
        }
        Ok(())
    })?;
    Ok(wire)
}
