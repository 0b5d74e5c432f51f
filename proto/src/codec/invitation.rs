//! Invitations to groups, between the values, the generated types and JSON.

use super::server_from_wire::user;
use super::server_json_read::read_text;
use crate::json::{Read, Reader, Writer};
use crate::server_frame::Invitation;
use crate::{FrameError, GroupId, Timestamp, wire};

pub(super) fn from_wire(frame: &'static str, wire: wire::Invitation) -> Result<Invitation, FrameError> {
    Ok(Invitation {
        group: GroupId::parse(&wire.group).map_err(|error| FrameError::field(frame, "group", error))?,
        name: wire.name,
        by: user(frame, "by", &wire.by)?,
        expires: Timestamp(wire.expires),
    })
}

pub(super) fn to_wire(invitation: &Invitation) -> wire::Invitation {
    wire::Invitation {
        group: invitation.group.to_string(),
        name: invitation.name.clone(),
        by: invitation.by.to_string(),
        expires: invitation.expires.0,
    }
}

pub(super) fn read(reader: &mut Reader<'_>) -> Read<wire::Invitation> {
    let mut invitation = wire::Invitation::default();
    reader.fields(&["group", "name", "by", "expires"], |reader, name| {
        match name {
            "group" => invitation.group = read_text(reader)?,
            "name" => invitation.name = read_text(reader)?,
            "by" => invitation.by = read_text(reader)?,
            _ => invitation.expires = reader.unsigned()?,
        }
        Ok(())
    })?;
    Ok(invitation)
}

/// The frame, and the member of a line in a `delta`.
pub(super) fn write(writer: &mut Writer<'_>, invitation: &Invitation) {
    writer.open_member("invitation");
    writer.plain_text("group", invitation.group.as_str());
    writer.text_if_any("name", &invitation.name);
    writer.plain_text("by", invitation.by.as_str());
    writer.wide("expires", invitation.expires.0);
    writer.close_object();
}
