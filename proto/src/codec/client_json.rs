//! Client frames in JSON.

use std::borrow::Cow;

use super::change::{self, ChangeDraft};
use super::check::{self, SendDraft};
use super::client_wire::{ACK_ALLOWED, KNOWN};
use super::{
    body_json, client_wire, confirmations, presence, presence_json, readers, retention, room, settings_json,
};
use crate::client_frame::{AckMode, Fetch, Position, Recipient, Send, Sync};
use crate::json::{Fault, Read, Reader, Writer};
use crate::{ClientFrame, ClientMessageId, FrameError, Seq, limits, wire};

const FRAMES: &[&str] = &[
    "hello",
    "send",
    "fetch",
    "sync",
    "read",
    "delivered",
    "typing",
    "ping",
    "recall",
    "edit",
    "react",
    "pin",
    "pins",
    "versions",
    "conversation_set",
    "clear",
    "delete_for_me",
    "set_retention",
    "presence_subscribe",
    "presence_unsubscribe",
    "presence_report",
    "join_room",
    "leave_room",
    "readers",
    "confirm",
    "confirmations",
];

pub(super) fn read(bytes: &[u8]) -> Result<ClientFrame, FrameError> {
    match read_frame(bytes) {
        Err(FrameError::Field { frame, field, problem, send: None })
            if frame == "send" || frame == retention::NAME || change::NAMES.contains(&frame) =>
        {
            let send = find_send_id(bytes);
            Err(FrameError::Field { frame, field, problem, send })
        }
        result => result,
    }
}

/// A frame whose fields are not checked yet.
enum Draft<'a> {
    Hello(wire::Hello),
    Send(SendDraft<'a>),
    Fetch(wire::Fetch),
    Sync(wire::Sync),
    Read(Cow<'a, str>, u64),
    Delivered(Cow<'a, str>, u64),
    Typing(Cow<'a, str>, Cow<'a, str>),
    Ping,
    Change(Box<ChangeDraft<'a>>),
    Pins(Cow<'a, str>),
    Versions(Cow<'a, str>, u64),
    Private(Box<settings_json::Draft>),
    Retention(wire::SetRetention),
    Presence(presence::Wire),
    JoinRoom(Cow<'a, str>),
    LeaveRoom(Cow<'a, str>),
    Readers(wire::ReadersOf),
    Confirm(Cow<'a, str>, u64),
    Confirmations(wire::ReadersOf),
}

fn read_frame(bytes: &[u8]) -> Result<ClientFrame, FrameError> {
    let mut reader = Reader::new(bytes);
    let mut draft = None;
    let mut name = "";
    let read = reader.fields(FRAMES, |reader, frame| {
        name = frame;
        if draft.is_some() {
            return Fault::wrong(TWO_FRAMES);
        }
        draft = Some(read_draft(reader, frame)?);
        Ok(())
    });
    read.and_then(|()| reader.end()).map_err(|fault| fault_to_error(fault, KNOWN))?;
    match draft.ok_or(FrameError::Unknown { known: KNOWN })? {
        Draft::Send(draft) => draft.check().map(ClientFrame::Send),
        Draft::Hello(hello) => client_wire::hello(hello).map(ClientFrame::Hello),
        Draft::Fetch(fetch) => client_wire::fetch(fetch).map(ClientFrame::Fetch),
        Draft::Sync(sync) => client_wire::sync("sync", sync).map(ClientFrame::Sync),
        Draft::Read(text, seq) => check::position(name, "conversation", &text, seq).map(ClientFrame::Read),
        Draft::Delivered(text, seq) => {
            check::position(name, "conversation", &text, seq).map(ClientFrame::Delivered)
        }
        Draft::Typing(conversation, user) => {
            check::recipient(name, &conversation, &user).map(ClientFrame::Typing)
        }
        Draft::Ping => Ok(ClientFrame::Ping),
        Draft::Change(draft) => draft.check().map(ClientFrame::Send),
        Draft::Private(draft) => draft.check().map(ClientFrame::Private),
        Draft::Retention(set) => retention::check(&set).map(ClientFrame::Send),
        Draft::Presence(draft) => draft.check().map(ClientFrame::Presence),
        Draft::JoinRoom(text) => room::room_of(name, &text).map(ClientFrame::JoinRoom),
        Draft::LeaveRoom(text) => room::room_of(name, &text).map(ClientFrame::LeaveRoom),
        Draft::Readers(wire) => readers::asked(&wire).map(ClientFrame::Readers),
        Draft::Confirm(text, seq) => {
            check::position(name, "conversation", &text, seq).map(ClientFrame::Confirm)
        }
        Draft::Confirmations(wire) => readers::checked(name, &wire).map(ClientFrame::Confirmations),
        Draft::Pins(text) => check::conversation(name, "conversation", &text).map(ClientFrame::Pins),
        Draft::Versions(text, seq) => {
            check::position(name, "conversation", &text, seq).map(ClientFrame::Versions)
        }
    }
}

/// What a second frame in one message is refused with.
pub(super) const TWO_FRAMES: &str = "";

/// Names the frame and the field of a fault.
pub(super) fn fault_to_error(fault: Fault, known: &'static str) -> FrameError {
    match fault {
        Fault::Syntax { at, expected } => {
            FrameError::Malformed(format!("{expected} was expected at byte {at}"))
        }
        Fault::Wrong { allowed: TWO_FRAMES, .. } | Fault::Wrong { frame: "", .. } => {
            FrameError::Unknown { known }
        }
        Fault::Wrong { frame, field, inner: "", allowed } => FrameError::field(frame, field, allowed),
        Fault::Wrong { frame, field, inner, allowed } => {
            FrameError::field(frame, field, format_args!("{inner}: {allowed}"))
        }
    }
}

fn read_draft<'a>(reader: &mut Reader<'a>, frame: &'static str) -> Read<Draft<'a>> {
    match frame {
        "hello" => read_hello(reader).map(Draft::Hello),
        "send" => read_send(reader).map(Draft::Send),
        "fetch" => read_fetch(reader).map(Draft::Fetch),
        "sync" => read_sync(reader).map(Draft::Sync),
        "read" => read_position(reader).map(|(text, seq)| Draft::Read(text, seq)),
        "delivered" => read_position(reader).map(|(text, seq)| Draft::Delivered(text, seq)),
        "typing" => {
            let (mut conversation, mut to_user) = (Cow::default(), Cow::default());
            reader.fields(&["conversation", "to_user"], |reader, name| {
                let text = reader.string()?;
                *(if name == "to_user" { &mut to_user } else { &mut conversation }) = text;
                Ok(())
            })?;
            Ok(Draft::Typing(conversation, to_user))
        }
        "ping" => reader.fields(&[], |_, _| Ok(())).map(|()| Draft::Ping),
        "pins" => read_position(reader).map(|(text, _)| Draft::Pins(text)),
        "versions" => read_position(reader).map(|(text, seq)| Draft::Versions(text, seq)),
        "join_room" => room::read_of(reader).map(Draft::JoinRoom),
        "leave_room" => room::read_of(reader).map(Draft::LeaveRoom),
        "readers" => readers::read_asked(reader).map(Draft::Readers),
        "confirm" => read_position(reader).map(|(text, seq)| Draft::Confirm(text, seq)),
        confirmations::NAME => readers::read_asked(reader).map(Draft::Confirmations),
        name if settings_json::NAMES.contains(&name) => {
            settings_json::read_change(reader, name).map(Box::new).map(Draft::Private)
        }
        retention::NAME => retention::read_json(reader).map(Draft::Retention),
        name if presence_json::NAMES.contains(&name) => {
            presence_json::read_ask(reader, name).map(Draft::Presence)
        }
        change => change::read_json(reader, change).map(Box::new).map(Draft::Change),
    }
}

fn read_send<'a>(reader: &mut Reader<'a>) -> Read<SendDraft<'a>> {
    const FIELDS: &[&str] =
        &["client_message_id", "conversation", "to_user", "body", "ack", "attempt", "age_ms", "after"];
    let mut draft = SendDraft::default();
    reader.fields(FIELDS, |reader, name| {
        match name {
            "client_message_id" => draft.client_message_id = reader.string()?,
            "conversation" => draft.conversation = reader.string()?,
            "to_user" => draft.to_user = reader.string()?,
            "body" => draft.body = body_json::read(reader)?,
            "ack" => draft.ack = read_ack(reader)?,
            "attempt" => draft.attempt = reader.unsigned32()?,
            "age_ms" => draft.age_ms = reader.unsigned()?,
            _ => draft.after = reader.string()?,
        }
        Ok(())
    })?;
    Ok(draft)
}

fn read_ack(reader: &mut Reader<'_>) -> Read<AckMode> {
    if reader.is_string() {
        let name = reader.string()?;
        return match &*name {
            name if name.eq_ignore_ascii_case("persisted") => Ok(AckMode::Persisted),
            name if name.eq_ignore_ascii_case("none") => Ok(AckMode::None),
            name if name.eq_ignore_ascii_case("received") => Ok(AckMode::Received),
            name if name.eq_ignore_ascii_case("published") => Ok(AckMode::Published),
            _ => Fault::wrong(ACK_ALLOWED),
        };
    }
    let number = i32::try_from(reader.unsigned()?).unwrap_or(-1);
    wire::AckMode::try_from(number).map(client_wire::ack_from_wire).or_else(|_| Fault::wrong(ACK_ALLOWED))
}

fn read_hello(reader: &mut Reader<'_>) -> Read<wire::Hello> {
    let mut hello = wire::Hello::default();
    reader.fields(&["auth", "device", "resume"], |reader, name| {
        match name {
            "auth" => hello.auth = reader.string()?.into_owned(),
            "device" => hello.device = reader.string()?.into_owned(),
            _ => hello.resume = Some(read_sync(reader)?),
        }
        Ok(())
    })?;
    Ok(hello)
}

fn read_fetch(reader: &mut Reader<'_>) -> Read<wire::Fetch> {
    let mut fetch = wire::Fetch::default();
    reader.fields(&["conversation", "from_seq", "to_seq", "limit", "backwards"], |reader, name| {
        match name {
            "conversation" => fetch.conversation = reader.string()?.into_owned(),
            "from_seq" => fetch.from_seq = reader.unsigned()?,
            "to_seq" => fetch.to_seq = reader.unsigned()?,
            "limit" => fetch.limit = reader.unsigned32()?,
            _ => fetch.backwards = reader.flag()?,
        }
        Ok(())
    })?;
    Ok(fetch)
}

fn read_sync(reader: &mut Reader<'_>) -> Read<wire::Sync> {
    let mut sync = wire::Sync::default();
    reader.fields(&["cursor", "open"], |reader, name| {
        if name == "cursor" {
            sync.cursor = reader.string()?.into_owned();
            return Ok(());
        }
        reader.elements(|reader| {
            // One more than allowed is kept, so that the check refuses it.
            if sync.open.len() > limits::SYNC_OPEN_MAX {
                return reader.skip();
            }
            let (conversation, seq) = read_position(reader)?;
            sync.open.push(wire::Position { conversation: conversation.into_owned(), seq });
            Ok(())
        })
    })?;
    Ok(sync)
}

fn read_position<'a>(reader: &mut Reader<'a>) -> Read<(Cow<'a, str>, u64)> {
    let mut conversation = Cow::default();
    let mut seq = 0;
    reader.fields(&["conversation", "seq"], |reader, name| {
        match name {
            "conversation" => conversation = reader.string()?,
            _ => seq = reader.unsigned()?,
        }
        Ok(())
    })?;
    Ok((conversation, seq))
}

/// A send that is wrong may be wrong before its id was read: looks for the id in the whole text.
fn find_send_id(bytes: &[u8]) -> Option<ClientMessageId> {
    let mut id = None;
    let read = Reader::new(bytes).fields(
        &["send", "recall", "edit", "react", "pin", retention::NAME],
        |reader, _| {
            reader.fields(&["client_message_id"], |reader, _| {
                if reader.is_string() {
                    id = ClientMessageId::parse(&reader.string()?).ok();
                    return Ok(());
                }
                reader.skip()
            })
        },
    );
    read.ok().and(id)
}

pub(super) fn write(frame: &ClientFrame) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let mut writer = Writer::new(&mut out);
    writer.open_object();
    match frame {
        ClientFrame::Hello(hello) => {
            writer.open_member("hello");
            writer.text_if_any("auth", &hello.auth);
            writer.text_if_any("device", hello.device.as_ref().map_or("", |device| device.as_str()));
            if let Some(resume) = &hello.resume {
                write_sync(&mut writer, "resume", resume);
            }
            writer.close_object();
        }
        ClientFrame::Send(send) => match change::parts(send) {
            Some((target, change)) => change::write_json(&mut writer, send, target, &change),
            None => match retention::seconds(send) {
                Some(seconds) => retention::write_json(&mut writer, send, seconds),
                None => write_send(&mut writer, send),
            },
        },
        ClientFrame::Fetch(fetch) => write_fetch(&mut writer, fetch),
        ClientFrame::Sync(sync) => write_sync(&mut writer, "sync", sync),
        ClientFrame::Read(position) => write_position(&mut writer, "read", position),
        ClientFrame::Delivered(position) => write_position(&mut writer, "delivered", position),
        ClientFrame::Typing(to) => {
            writer.open_member("typing");
            write_recipient(&mut writer, to);
            writer.close_object();
        }
        ClientFrame::Ping => {
            writer.open_member("ping");
            writer.close_object();
        }
        ClientFrame::Pins(conversation) => {
            writer.open_member("pins");
            writer.plain_text("conversation", conversation.as_str());
            writer.close_object();
        }
        ClientFrame::Versions(position) => write_position(&mut writer, "versions", position),
        ClientFrame::Readers(of) => readers::write_asked(&mut writer, readers::NAME, of),
        ClientFrame::Confirm(position) => write_position(&mut writer, "confirm", position),
        ClientFrame::Confirmations(of) => readers::write_asked(&mut writer, confirmations::NAME, of),
        ClientFrame::Private(change) => settings_json::write_change(&mut writer, change),
        ClientFrame::Presence(ask) => presence_json::write_ask(&mut writer, ask),
        ClientFrame::JoinRoom(room) => room::write_of(&mut writer, "join_room", room),
        ClientFrame::LeaveRoom(room) => room::write_of(&mut writer, "leave_room", room),
    }
    writer.close_object();
    out
}

fn write_send(writer: &mut Writer<'_>, send: &Send) {
    writer.open_member("send");
    writer.plain_text("client_message_id", send.client_message_id.hyphenated(&mut [0; 36]));
    write_recipient(writer, &send.to);
    body_json::write(writer, "body", &send.body);
    match send.ack {
        AckMode::Persisted => {}
        AckMode::None => writer.plain_text("ack", "none"),
        AckMode::Received => writer.plain_text("ack", "received"),
        AckMode::Published => writer.plain_text("ack", "published"),
    }
    writer.narrow_if_any("attempt", send.attempt);
    writer.wide_if_any("age_ms", send.age_ms);
    if let Some(after) = send.after {
        writer.plain_text("after", after.hyphenated(&mut [0; 36]));
    }
    writer.close_object();
}

fn write_recipient(writer: &mut Writer<'_>, to: &Recipient) {
    match to {
        Recipient::Conversation(conversation) => writer.plain_text("conversation", conversation.as_str()),
        Recipient::User(user) => writer.plain_text("to_user", user.as_str()),
    }
}

fn write_fetch(writer: &mut Writer<'_>, fetch: &Fetch) {
    let (Seq(from), Seq(to)) = (fetch.from, fetch.to);
    writer.open_member("fetch");
    writer.plain_text("conversation", fetch.conversation.as_str());
    writer.wide_if_any("from_seq", from);
    writer.wide_if_any("to_seq", to);
    writer.narrow_if_any("limit", fetch.limit);
    writer.flag_if_set("backwards", fetch.backwards);
    writer.close_object();
}

fn write_sync(writer: &mut Writer<'_>, name: &'static str, sync: &Sync) {
    writer.open_member(name);
    writer.text_if_any("cursor", &sync.cursor);
    if !sync.open.is_empty() {
        writer.open_array("open");
        for position in &sync.open {
            writer.open_object();
            writer.plain_text("conversation", position.conversation.as_str());
            writer.wide_if_any("seq", position.seq.0);
            writer.close_object();
        }
        writer.close_array();
    }
    writer.close_object();
}

fn write_position(writer: &mut Writer<'_>, name: &'static str, position: &Position) {
    writer.open_member(name);
    writer.plain_text("conversation", position.conversation.as_str());
    writer.wide_if_any("seq", position.seq.0);
    writer.close_object();
}
