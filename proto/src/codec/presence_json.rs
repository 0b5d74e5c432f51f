//! Presence in JSON. States are words in small letters.

use super::presence::{REPORT_ALLOWED, STATE_ALLOWED, Wire, reported, state_to_wire};
use crate::json::{Fault, Read, Reader, Writer};
use crate::presence::{PresenceAsk, UserPresence};
use crate::{UserId, limits, wire};

/// The frames of clients.
pub(super) const NAMES: [&str; 3] = ["presence_subscribe", "presence_unsubscribe", "presence_report"];

/// Reads the frame of one of [`NAMES`].
pub(super) fn read_ask(reader: &mut Reader<'_>, frame: &str) -> Read<Wire> {
    match frame {
        "presence_subscribe" => {
            let mut wire = wire::PresenceSubscribe::default();
            reader.fields(&["users"], |reader, _| read_users(reader, &mut wire.users))?;
            Ok(Wire::Subscribe(wire))
        }
        "presence_unsubscribe" => {
            let mut wire = wire::PresenceUnsubscribe::default();
            reader.fields(&["users"], |reader, _| read_users(reader, &mut wire.users))?;
            Ok(Wire::Unsubscribe(wire))
        }
        _ => {
            let mut wire = wire::PresenceReport::default();
            reader.fields(&["state"], |reader, _| {
                wire.state = read_state(reader, REPORT_ALLOWED)?;
                Ok(())
            })?;
            Ok(Wire::Report(wire))
        }
    }
}

fn read_users(reader: &mut Reader<'_>, into: &mut Vec<String>) -> Read<()> {
    reader.elements(|reader| {
        // One more than allowed is kept, so that the check refuses it.
        if into.len() > limits::PRESENCE_USERS_MAX {
            return reader.skip();
        }
        into.push(reader.string()?.into_owned());
        Ok(())
    })
}

fn read_state(reader: &mut Reader<'_>, allowed: &'static str) -> Read<i32> {
    if reader.is_string() {
        let text = reader.string()?;
        return match wire::PresenceState::from_str_name(&text.to_ascii_uppercase()) {
            Some(state) => Ok(state.into()),
            None => Fault::wrong(allowed),
        };
    }
    Ok(i32::try_from(reader.unsigned()?).unwrap_or(-1))
}

pub(super) fn write_ask(writer: &mut Writer<'_>, ask: &PresenceAsk) {
    writer.open_member(ask.name());
    match ask {
        PresenceAsk::Subscribe(users) | PresenceAsk::Unsubscribe(users) => write_users(writer, users),
        PresenceAsk::Report(activity) => writer.plain_text("state", word(reported(*activity))),
    }
    writer.close_object();
}

fn write_users(writer: &mut Writer<'_>, users: &[UserId]) {
    if users.is_empty() {
        return;
    }
    writer.open_array("users");
    users.iter().for_each(|user| writer.element(user.as_str()));
    writer.close_array();
}

fn word(state: wire::PresenceState) -> &'static str {
    match state {
        wire::PresenceState::Unknown => "unknown",
        wire::PresenceState::Offline => "offline",
        wire::PresenceState::Away => "away",
        wire::PresenceState::Online => "online",
    }
}

/// The state of each is always there, because a client acts on it.
pub(super) fn write(writer: &mut Writer<'_>, users: &[UserPresence]) {
    writer.open_member("presence");
    writer.open_array("users");
    for presence in users {
        writer.open_object();
        writer.plain_text("user", presence.user.as_str());
        writer.plain_text("state", word(state_to_wire(presence.state)));
        writer.wide_if_any("last_seen", presence.last_seen.map_or(0, |seen| seen.0));
        if !presence.devices.is_empty() {
            writer.open_array("devices");
            for of in &presence.devices {
                writer.open_object();
                writer.plain_text("kind", of.kind.as_str());
                writer.plain_text("state", word(state_to_wire(of.state)));
                writer.close_object();
            }
            writer.close_array();
        }
        writer.close_object();
    }
    writer.close_array();
    writer.close_object();
}

pub(super) fn read(reader: &mut Reader<'_>) -> Read<wire::Presence> {
    let mut presence = wire::Presence::default();
    reader.fields(&["users"], |reader, _| {
        reader.elements(|reader| {
            presence.users.push(read_user(reader)?);
            Ok(())
        })
    })?;
    Ok(presence)
}

fn read_user(reader: &mut Reader<'_>) -> Read<wire::UserPresence> {
    let mut presence = wire::UserPresence::default();
    reader.fields(&["user", "state", "last_seen", "devices"], |reader, name| {
        match name {
            "user" => presence.user = reader.string()?.into_owned(),
            "state" => presence.state = read_state(reader, STATE_ALLOWED)?,
            "last_seen" => presence.last_seen = reader.unsigned()?,
            _ => reader.elements(|reader| {
                let mut of = wire::KindPresence::default();
                reader.fields(&["kind", "state"], |reader, name| {
                    match name {
                        "kind" => of.kind = reader.string()?.into_owned(),
                        _ => of.state = read_state(reader, STATE_ALLOWED)?,
                    }
                    Ok(())
                })?;
                presence.devices.push(of);
                Ok(())
            })?,
        }
        Ok(())
    })?;
    Ok(presence)
}
