//! The frames `recall`, `edit`, `react` and `pin`, in both encodings. What they ask for travels on as a
//! [`Send`] whose body is the change.

use std::borrow::Cow;

use bytes::Bytes;
use wire::client_frame::Frame;

use super::{body_json, check};
use crate::body::{Change, MessageTarget};
use crate::client_frame::{AckMode, Recipient, Send};
use crate::json::{Read, Reader, Writer};
use crate::{Body, ClientMessageId, FrameError, MessageId, Seq, limits, wire};

/// Their names.
pub(super) const NAMES: [&str; 4] = ["recall", "edit", "react", "pin"];

/// A change whose fields are not checked yet.
#[derive(Default)]
pub(super) struct ChangeDraft<'a> {
    frame: &'static str,
    client_message_id: Cow<'a, str>,
    conversation: Cow<'a, str>,
    seq: u64,
    message_id: u64,
    attempt: u32,
    age_ms: u64,
    body: Bytes,
    reaction: Cow<'a, str>,
    remove: bool,
}

impl ChangeDraft<'_> {
    pub(super) fn check(self) -> Result<Send, FrameError> {
        let id = ClientMessageId::parse(&self.client_message_id)
            .map_err(|error| FrameError::field(self.frame, "client_message_id", error))?;
        self.check_rest(id).map_err(|error| error.of_send(id))
    }

    fn check_rest(self, client_message_id: ClientMessageId) -> Result<Send, FrameError> {
        let conversation = check::conversation(self.frame, "conversation", &self.conversation)?;
        let target = match (self.seq, self.message_id) {
            (0, 0) => return Err(FrameError::field(self.frame, "seq", "one of seq, message_id is required")),
            (seq, 0) => MessageTarget { seq: Seq(seq), message_id: None },
            (0, id) => MessageTarget { seq: Seq::ZERO, message_id: Some(MessageId(id)) },
            _ => {
                let problem = "only one of seq, message_id is allowed";
                return Err(FrameError::field(self.frame, "message_id", problem));
            }
        };
        let (attempt, age_ms) = (self.attempt, self.age_ms);
        let change = match self.frame {
            "recall" => Change::Recall,
            "edit" => Change::Edit(Some(check::body(self.frame, self.body)?)),
            "react" => Change::React { reaction: reaction(&self.reaction)?, remove: self.remove },
            _ => Change::Pin { remove: self.remove },
        };
        let send = Send::change(client_message_id, conversation, target, &change);
        Ok(Send { attempt, age_ms, ..send })
    }
}

fn reaction(text: &str) -> Result<String, FrameError> {
    let fits = (1..=limits::REACTION_BYTES_MAX).contains(&text.len());
    if fits && !text.chars().any(char::is_control) && text.trim() == text {
        return Ok(text.to_owned());
    }
    let problem =
        format!("an emoji or a short text of 1 to {} bytes is required", limits::REACTION_BYTES_MAX);
    Err(FrameError::field("react", "reaction", problem))
}

pub(super) fn read_json<'a>(reader: &mut Reader<'a>, frame: &'static str) -> Read<ChangeDraft<'a>> {
    const FIELDS: &[&str] = &[
        "client_message_id",
        "conversation",
        "seq",
        "message_id",
        "attempt",
        "age_ms",
        "body",
        "reaction",
        "remove",
    ];
    let mut draft = ChangeDraft { frame, ..ChangeDraft::default() };
    reader.fields(FIELDS, |reader, name| {
        match name {
            "client_message_id" => draft.client_message_id = reader.string()?,
            "conversation" => draft.conversation = reader.string()?,
            "seq" => draft.seq = reader.unsigned()?,
            "message_id" => draft.message_id = reader.unsigned()?,
            "attempt" => draft.attempt = reader.unsigned32()?,
            "age_ms" => draft.age_ms = reader.unsigned()?,
            "body" if frame == "edit" => draft.body = body_json::read(reader)?,
            "reaction" if frame == "react" => draft.reaction = reader.string()?,
            "remove" if frame == "react" || frame == "pin" => draft.remove = reader.flag()?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    Ok(draft)
}

/// The parts of a send that is written as one of these frames.
pub(super) fn parts(send: &Send) -> Option<(MessageTarget, Change)> {
    matches!(send.to, Recipient::Conversation(_)).then(|| send.body.as_change()).flatten()
}

pub(super) fn write_json(writer: &mut Writer<'_>, send: &Send, target: MessageTarget, change: &Change) {
    writer.open_member(change.name());
    writer.plain_text("client_message_id", send.client_message_id.hyphenated(&mut [0; 36]));
    if let Recipient::Conversation(conversation) = &send.to {
        writer.plain_text("conversation", conversation.as_str());
    }
    writer.wide_if_any("seq", target.seq.0);
    writer.wide_if_any("message_id", target.message_id.map_or(0, |MessageId(id)| id));
    match change {
        Change::Recall | Change::Edit(None) => {}
        Change::Edit(Some(body)) => body_json::write(writer, "body", body),
        Change::React { reaction, remove } => {
            writer.text_if_any("reaction", reaction);
            writer.flag_if_set("remove", *remove);
        }
        Change::Pin { remove } => writer.flag_if_set("remove", *remove),
    }
    writer.narrow_if_any("attempt", send.attempt);
    writer.wide_if_any("age_ms", send.age_ms);
    writer.close_object();
}

/// Moves the fields that all four have.
macro_rules! draft {
    ($frame:literal, $wire:expr $(, $field:ident: $value:expr)*) => {
        ChangeDraft {
            frame: $frame,
            client_message_id: Cow::Owned($wire.client_message_id),
            conversation: Cow::Owned($wire.conversation),
            seq: $wire.seq,
            message_id: $wire.message_id,
            attempt: $wire.attempt,
            age_ms: $wire.age_ms,
            $($field: $value,)*
            ..ChangeDraft::default()
        }
    };
}

pub(super) fn recall(wire: wire::Recall) -> Result<Send, FrameError> {
    draft!("recall", wire).check()
}

pub(super) fn edit(wire: wire::Edit) -> Result<Send, FrameError> {
    draft!("edit", wire, body: wire.body).check()
}

pub(super) fn react(wire: wire::React) -> Result<Send, FrameError> {
    draft!("react", wire, reaction: Cow::Owned(wire.reaction), remove: wire.remove).check()
}

pub(super) fn pin(wire: wire::Pin) -> Result<Send, FrameError> {
    draft!("pin", wire, remove: wire.remove).check()
}

pub(super) fn to_wire(send: &Send, target: MessageTarget, change: Change) -> Frame {
    let client_message_id = send.client_message_id.to_string();
    let conversation = match &send.to {
        Recipient::Conversation(conversation) => conversation.to_string(),
        Recipient::User(_) => String::new(),
    };
    let (seq, message_id) = (target.seq.0, target.message_id.map_or(0, |MessageId(id)| id));
    let (attempt, age_ms) = (send.attempt, send.age_ms);
    debug_assert_eq!(send.ack, AckMode::Persisted, "the frames have no mode");
    match change {
        Change::Recall => {
            Frame::Recall(wire::Recall { client_message_id, conversation, seq, message_id, attempt, age_ms })
        }
        Change::Edit(body) => {
            let body = body.as_ref().map(Body::encoded).cloned().unwrap_or_default();
            Frame::Edit(wire::Edit {
                client_message_id,
                conversation,
                seq,
                message_id,
                attempt,
                age_ms,
                body,
            })
        }
        Change::React { reaction, remove } => Frame::React(wire::React {
            client_message_id,
            conversation,
            seq,
            message_id,
            attempt,
            age_ms,
            reaction,
            remove,
        }),
        Change::Pin { remove } => Frame::Pin(wire::Pin {
            client_message_id,
            conversation,
            seq,
            message_id,
            attempt,
            age_ms,
            remove,
        }),
    }
}
