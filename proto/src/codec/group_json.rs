//! Changes of groups between JSON and the generated types.

use wire::system::Change;

use super::body_json::{read_texts, write_texts};
use crate::json::{Fault, Read, Reader, Writer};
use crate::wire;
use crate::wire::group_edited::{History, Join, Room};
use crate::wire::role_set::Role;

const JOINS: &[(&str, Join)] =
    &[("open", Join::Open), ("request", Join::Request), ("invitation", Join::Invitation)];
const HISTORIES: &[(&str, History)] = &[("whole", History::Whole), ("from_joining", History::FromJoining)];
const ROOMS: &[(&str, Room)] =
    &[("with_history", Room::WithHistory), ("without_history", Room::WithoutHistory)];
const ROLES: &[(&str, Role)] = &[("member", Role::Member), ("admin", Role::Admin), ("owner", Role::Owner)];

/// Reads the change with this name; `None` for a name that is not of groups.
pub(super) fn read(reader: &mut Reader<'_>, name: &str) -> Read<Option<Change>> {
    Ok(Some(match name {
        "created" => Change::Created(read_created(reader)?),
        "joined" => Change::Joined(read_members(reader)?),
        "left" => Change::Left(read_members(reader)?),
        "added" => Change::Added(read_members(reader)?),
        "removed" => Change::Removed(read_members(reader)?),
        "dismissed" => {
            reader.fields(&[], |_, _| Ok(()))?;
            Change::Dismissed(wire::GroupDismissed {})
        }
        "edited" => Change::Edited(read_edited(reader)?),
        "role_set" => Change::RoleSet(read_role(reader)?),
        "transferred" => {
            let [from, to] = read_strings(reader, &["from", "to"])?;
            Change::Transferred(wire::Transferred { from, to })
        }
        "muted" => {
            let (users, until) = read_users_until(reader, &["users", "until"])?;
            Change::Muted(wire::Muted { users, until })
        }
        "all_muted" => {
            Change::AllMuted(wire::AllMuted { until: read_users_until(reader, &["", "until"])?.1 })
        }
        "nicknamed" => {
            let [user, nickname] = read_strings(reader, &["user", "nickname"])?;
            Change::Nicknamed(wire::Nicknamed { user, nickname })
        }
        _ => return read_joining(reader, name),
    }))
}

fn read_joining(reader: &mut Reader<'_>, name: &str) -> Read<Option<Change>> {
    Ok(Some(match name {
        "join_asked" => Change::JoinAsked(read_asked(reader)?),
        "join_approved" => Change::JoinApproved(read_members(reader)?),
        "join_rejected" => Change::JoinRejected(read_members(reader)?),
        "invited" => {
            let (users, expires) = read_users_until(reader, &["users", "expires"])?;
            Change::Invited(wire::Invited { users, expires })
        }
        "uninvited" => Change::Uninvited(read_members(reader)?),
        "link_made" => Change::LinkMade(read_link(reader)?),
        "link_ended" => {
            let [link, _] = read_strings(reader, &["link", ""])?;
            Change::LinkEnded(wire::LinkEnded { link })
        }
        "joined_by_link" => {
            let [user, link] = read_strings(reader, &["user", "link"])?;
            Change::JoinedByLink(wire::JoinedByLink { user, link, ..wire::JoinedByLink::default() })
        }
        _ => return Ok(None),
    }))
}

/// Writes a change as a member; says whether it is one of groups.
pub(super) fn write(writer: &mut Writer<'_>, change: &Change) -> bool {
    match change {
        Change::Created(created) => write_created(writer, created),
        Change::Joined(change) => write_members(writer, "joined", change),
        Change::Left(change) => write_members(writer, "left", change),
        Change::Added(change) => write_members(writer, "added", change),
        Change::Removed(change) => write_members(writer, "removed", change),
        Change::Dismissed(wire::GroupDismissed {}) => object(writer, "dismissed", |_| {}),
        Change::Edited(edited) => write_edited(writer, "edited", edited),
        Change::RoleSet(set) => object(writer, "role_set", |writer| {
            write_texts(writer, "users", &set.users);
            writer.plain_text("role", name_of(ROLES, set.role()));
        }),
        Change::Transferred(change) => object(writer, "transferred", |writer| {
            writer.text_if_any("from", &change.from);
            writer.text_if_any("to", &change.to);
        }),
        Change::Muted(muted) => object(writer, "muted", |writer| {
            write_texts(writer, "users", &muted.users);
            writer.wide("until", muted.until);
        }),
        Change::AllMuted(muted) => object(writer, "all_muted", |writer| writer.wide("until", muted.until)),
        Change::Nicknamed(named) => object(writer, "nicknamed", |writer| {
            writer.text_if_any("user", &named.user);
            writer.text("nickname", &named.nickname);
        }),
        _ => return write_joining(writer, change),
    }
    true
}

fn write_joining(writer: &mut Writer<'_>, change: &Change) -> bool {
    match change {
        Change::JoinAsked(asked) => object(writer, "join_asked", |writer| {
            writer.text_if_any("user", &asked.user);
            writer.text_if_any("note", &asked.note);
            writer.wide("expires", asked.expires);
        }),
        Change::JoinApproved(change) => write_members(writer, "join_approved", change),
        Change::JoinRejected(change) => write_members(writer, "join_rejected", change),
        Change::Invited(invited) => object(writer, "invited", |writer| {
            write_texts(writer, "users", &invited.users);
            writer.wide("expires", invited.expires);
        }),
        Change::Uninvited(change) => write_members(writer, "uninvited", change),
        Change::LinkMade(made) => object(writer, "link_made", |writer| {
            writer.text_if_any("link", &made.link);
            writer.text_if_any("token_sha256", &made.token_sha256);
            writer.wide("expires", made.expires);
            writer.narrow_if_any("uses_max", made.uses_max);
        }),
        Change::LinkEnded(ended) => {
            object(writer, "link_ended", |writer| writer.text_if_any("link", &ended.link));
        }
        Change::JoinedByLink(joined) => object(writer, "joined_by_link", |writer| {
            writer.text_if_any("user", &joined.user);
            writer.text_if_any("link", &joined.link);
        }),
        _ => return false,
    }
    true
}

fn object(writer: &mut Writer<'_>, name: &'static str, members: impl FnOnce(&mut Writer<'_>)) {
    writer.open_member(name);
    members(writer);
    writer.close_object();
}

fn write_created(writer: &mut Writer<'_>, created: &wire::GroupCreated) {
    object(writer, "created", |writer| {
        writer.text_if_any("name", &created.name);
        writer.text_if_any("owner", &created.owner);
        write_texts(writer, "members", &created.members);
        if let Some(settings) = &created.settings {
            write_edited(writer, "settings", settings);
        }
    });
}

fn write_members(writer: &mut Writer<'_>, name: &'static str, change: &wire::MembersChange) {
    object(writer, name, |writer| write_texts(writer, "users", &change.users));
}

fn write_edited(writer: &mut Writer<'_>, name: &'static str, edited: &wire::GroupEdited) {
    object(writer, name, |writer| {
        let texts = [
            ("name", &edited.name),
            ("description", &edited.description),
            ("announcement", &edited.announcement),
            ("avatar", &edited.avatar),
        ];
        for (name, text) in texts {
            text.as_ref().inspect(|text| writer.text(name, text));
        }
        if !edited.attributes.is_empty() {
            writer.open_array("attributes");
            for attribute in &edited.attributes {
                writer.open_object();
                writer.text_if_any("name", &attribute.name);
                writer.text_if_any("value", &attribute.value);
                writer.close_object();
            }
            writer.close_array();
        }
        if let Some(join) = edited.join.and_then(|join| Join::try_from(join).ok()) {
            writer.plain_text("join", name_of(JOINS, join));
        }
        if let Some(history) = edited.history.and_then(|history| History::try_from(history).ok()) {
            writer.plain_text("history", name_of(HISTORIES, history));
        }
        edited.read_only.inspect(|read_only| writer.flag("read_only", *read_only));
        edited.members_max.inspect(|max| writer.narrow("members_max", *max));
        if let Some(room) = edited.room.and_then(|room| Room::try_from(room).ok()) {
            writer.plain_text("room", name_of(ROOMS, room));
        }
    });
}

fn read_created(reader: &mut Reader<'_>) -> Read<wire::GroupCreated> {
    let mut created = wire::GroupCreated::default();
    reader.fields(&["name", "owner", "members", "settings"], |reader, name| {
        match name {
            "name" => created.name = reader.string()?.into_owned(),
            "owner" => created.owner = reader.string()?.into_owned(),
            "settings" => created.settings = Some(read_edited(reader)?),
            _ => read_texts(reader, &mut created.members)?,
        }
        Ok(())
    })?;
    Ok(created)
}

fn read_edited(reader: &mut Reader<'_>) -> Read<wire::GroupEdited> {
    const FIELDS: &[&str] = &[
        "name",
        "description",
        "announcement",
        "avatar",
        "attributes",
        "join",
        "history",
        "read_only",
        "members_max",
        "room",
    ];
    let mut edited = wire::GroupEdited::default();
    reader.fields(FIELDS, |reader, name| {
        match name {
            "name" => edited.name = Some(reader.string()?.into_owned()),
            "description" => edited.description = Some(reader.string()?.into_owned()),
            "announcement" => edited.announcement = Some(reader.string()?.into_owned()),
            "avatar" => edited.avatar = Some(reader.string()?.into_owned()),
            "attributes" => reader.elements(|reader| {
                let [name, value] = read_strings(reader, &["name", "value"])?;
                edited.attributes.push(wire::Attribute { name, value });
                Ok(())
            })?,
            "join" => edited.join = Some(read_name(reader, JOINS, "expected open, request or invitation")?),
            "history" => {
                edited.history = Some(read_name(reader, HISTORIES, "expected whole or from_joining")?);
            }
            "read_only" => edited.read_only = Some(reader.flag()?),
            "room" => {
                edited.room = Some(read_name(reader, ROOMS, "expected with_history or without_history")?);
            }
            _ => edited.members_max = Some(reader.unsigned32()?),
        }
        Ok(())
    })?;
    Ok(edited)
}

fn read_role(reader: &mut Reader<'_>) -> Read<wire::RoleSet> {
    let mut set = wire::RoleSet::default();
    reader.fields(&["users", "role"], |reader, name| {
        match name {
            "users" => read_texts(reader, &mut set.users)?,
            _ => set.role = read_name(reader, ROLES, "expected member, admin or owner")?,
        }
        Ok(())
    })?;
    Ok(set)
}

fn read_asked(reader: &mut Reader<'_>) -> Read<wire::JoinAsked> {
    let mut asked = wire::JoinAsked::default();
    reader.fields(&["user", "note", "expires"], |reader, name| {
        match name {
            "user" => asked.user = reader.string()?.into_owned(),
            "note" => asked.note = reader.string()?.into_owned(),
            _ => asked.expires = reader.unsigned()?,
        }
        Ok(())
    })?;
    Ok(asked)
}

fn read_link(reader: &mut Reader<'_>) -> Read<wire::LinkMade> {
    let mut made = wire::LinkMade::default();
    reader.fields(&["link", "token_sha256", "expires", "uses_max"], |reader, name| {
        match name {
            "link" => made.link = reader.string()?.into_owned(),
            "token_sha256" => made.token_sha256 = reader.string()?.into_owned(),
            "expires" => made.expires = reader.unsigned()?,
            _ => made.uses_max = reader.unsigned32()?,
        }
        Ok(())
    })?;
    Ok(made)
}

fn read_members(reader: &mut Reader<'_>) -> Read<wire::MembersChange> {
    let mut change = wire::MembersChange::default();
    reader.fields(&["users"], |reader, _| read_texts(reader, &mut change.users))?;
    Ok(change)
}

/// Two members that are strings, in the order of their names.
fn read_strings(reader: &mut Reader<'_>, names: &'static [&'static str; 2]) -> Read<[String; 2]> {
    let mut strings = [String::new(), String::new()];
    reader.fields(names, |reader, name| {
        strings[usize::from(name == names[1])] = reader.string()?.into_owned();
        Ok(())
    })?;
    Ok(strings)
}

/// A list of users and a time, in the order of their names.
fn read_users_until(reader: &mut Reader<'_>, names: &'static [&'static str; 2]) -> Read<(Vec<String>, u64)> {
    let (mut users, mut until) = (Vec::new(), 0);
    reader.fields(names, |reader, name| {
        if name == names[1] {
            until = reader.unsigned()?;
            return Ok(());
        }
        read_texts(reader, &mut users)
    })?;
    Ok((users, until))
}

/// A value of an enumeration, by its name or its number.
fn read_name<T: Copy + Into<i32>>(
    reader: &mut Reader<'_>,
    names: &[(&str, T)],
    allowed: &'static str,
) -> Read<i32> {
    let found = if reader.is_string() {
        let text = reader.string()?;
        names.iter().find(|(name, _)| text.eq_ignore_ascii_case(name)).map(|(_, value)| (*value).into())
    } else {
        let number = i32::try_from(reader.unsigned()?).unwrap_or(-1);
        names.iter().map(|(_, value)| (*value).into()).find(|known| *known == number)
    };
    match found {
        Some(number) => Ok(number),
        None => Fault::wrong(allowed),
    }
}

fn name_of<T: PartialEq>(names: &'static [(&'static str, T)], value: T) -> &'static str {
    names.iter().find(|(_, known)| *known == value).map_or("", |(name, _)| name)
}
