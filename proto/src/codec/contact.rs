//! Contacts between their values, the generated types and JSON.

use crate::contact::{Contact, FriendRequest};
use crate::json::{Read, Reader, Writer};
use crate::{FrameError, Timestamp, UserId, wire};

pub(crate) fn to_wire(contact: &Contact) -> wire::Contact {
    wire::Contact {
        user: contact.user.to_string(),
        version: contact.version,
        friend_since: contact.friend_since.map_or(0, |since| since.0),
        remark: contact.remark.clone(),
        blocked: contact.blocked,
        incoming: contact.incoming.as_ref().map(request_to_wire),
        outgoing: contact.outgoing.as_ref().map(request_to_wire),
        time: contact.time.0,
    }
}

fn request_to_wire(request: &FriendRequest) -> wire::FriendRequest {
    wire::FriendRequest { note: request.note.clone(), time: request.time.0, expires: request.expires.0 }
}

pub(super) fn from_wire(frame: &'static str, wire: wire::Contact) -> Result<Contact, FrameError> {
    Ok(Contact {
        user: UserId::parse(&wire.user).map_err(|error| FrameError::field(frame, "user", error))?,
        version: wire.version,
        friend_since: (wire.friend_since > 0).then_some(Timestamp(wire.friend_since)),
        remark: wire.remark,
        blocked: wire.blocked,
        incoming: wire.incoming.map(request),
        outgoing: wire.outgoing.map(request),
        time: Timestamp(wire.time),
    })
}

fn request(wire: wire::FriendRequest) -> FriendRequest {
    FriendRequest { note: wire.note, time: Timestamp(wire.time), expires: Timestamp(wire.expires) }
}

/// The members of a `contact`, which are also those of an element of `delta.contacts`.
pub(super) fn write(writer: &mut Writer<'_>, contact: &Contact) {
    writer.plain_text("user", contact.user.as_str());
    writer.wide("version", contact.version);
    writer.wide_if_any("friend_since", contact.friend_since.map_or(0, |since| since.0));
    writer.text_if_any("remark", &contact.remark);
    writer.flag_if_set("blocked", contact.blocked);
    for (name, request) in [("incoming", &contact.incoming), ("outgoing", &contact.outgoing)] {
        if let Some(request) = request {
            writer.open_member(name);
            writer.text_if_any("note", &request.note);
            writer.wide_if_any("time", request.time.0);
            writer.wide_if_any("expires", request.expires.0);
            writer.close_object();
        }
    }
    writer.wide_if_any("time", contact.time.0);
}

pub(super) fn read(reader: &mut Reader<'_>) -> Read<wire::Contact> {
    const FIELDS: &[&str] =
        &["user", "version", "friend_since", "remark", "blocked", "incoming", "outgoing", "time"];
    let mut contact = wire::Contact::default();
    reader.fields(FIELDS, |reader, name| {
        match name {
            "user" => contact.user = reader.string()?.into_owned(),
            "version" => contact.version = reader.unsigned()?,
            "friend_since" => contact.friend_since = reader.unsigned()?,
            "remark" => contact.remark = reader.string()?.into_owned(),
            "blocked" => contact.blocked = reader.flag()?,
            "incoming" => contact.incoming = Some(read_request(reader)?),
            "outgoing" => contact.outgoing = Some(read_request(reader)?),
            _ => contact.time = reader.unsigned()?,
        }
        Ok(())
    })?;
    Ok(contact)
}

fn read_request(reader: &mut Reader<'_>) -> Read<wire::FriendRequest> {
    let mut request = wire::FriendRequest::default();
    reader.fields(&["note", "time", "expires"], |reader, name| {
        match name {
            "note" => request.note = reader.string()?.into_owned(),
            "time" => request.time = reader.unsigned()?,
            _ => request.expires = reader.unsigned()?,
        }
        Ok(())
    })?;
    Ok(request)
}
