//! What every frame of a client must keep to, whatever its encoding. Each refusal names the field and what is allowed.

use std::borrow::Cow;

use bytes::Bytes;

use crate::client_frame::{AckMode, Hello, Position, Recipient, Send, Sync};
use crate::{Body, ClientMessageId, ConversationId, DeviceId, FrameError, Seq, UserId, limits};

/// A send whose fields are not checked yet.
#[derive(Default)]
pub(super) struct SendDraft<'a> {
    pub(super) client_message_id: Cow<'a, str>,
    pub(super) conversation: Cow<'a, str>,
    pub(super) to_user: Cow<'a, str>,
    pub(super) body: Bytes,
    pub(super) ack: AckMode,
    pub(super) attempt: u32,
    pub(super) age_ms: u64,
    pub(super) after: Cow<'a, str>,
}

impl SendDraft<'_> {
    /// Checks a send of a client.
    pub(super) fn check(self) -> Result<Send, FrameError> {
        let send = self.check_ids()?;
        body("send", send.body.encoded().clone()).map_err(|error| error.of_send(send.client_message_id))?;
        Ok(send)
    }

    /// Checks all but the body, which trusted services may choose freely.
    pub(super) fn check_ids(self) -> Result<Send, FrameError> {
        let id = ClientMessageId::parse(&self.client_message_id)
            .map_err(|error| FrameError::field("send", "client_message_id", error))?;
        self.check_addresses(id).map_err(|error| error.of_send(id))
    }

    fn check_addresses(self, client_message_id: ClientMessageId) -> Result<Send, FrameError> {
        let after = match &*self.after {
            "" => None,
            text => Some(
                ClientMessageId::parse(text).map_err(|error| FrameError::field("send", "after", error))?,
            ),
        };
        Ok(Send {
            client_message_id,
            to: recipient("send", &self.conversation, &self.to_user)?,
            body: Body::from_encoded(self.body),
            ack: self.ack,
            attempt: self.attempt,
            age_ms: self.age_ms,
            after,
        })
    }
}

pub(super) fn conversation(
    frame: &'static str,
    field: &'static str,
    text: &str,
) -> Result<ConversationId, FrameError> {
    ConversationId::parse(text).map_err(|error| FrameError::field(frame, field, error))
}

pub(super) fn position(
    frame: &'static str,
    field: &'static str,
    text: &str,
    seq: u64,
) -> Result<Position, FrameError> {
    Ok(Position { conversation: conversation(frame, field, text)?, seq: Seq(seq) })
}

pub(crate) fn recipient(
    frame: &'static str,
    conversation_text: &str,
    to_user: &str,
) -> Result<Recipient, FrameError> {
    match (conversation_text, to_user) {
        ("", "") => Err(FrameError::field(frame, "conversation", "one of conversation, to_user is required")),
        ("", user) => UserId::parse(user)
            .map(Recipient::User)
            .map_err(|error| FrameError::field(frame, "to_user", error)),
        (text, "") => conversation(frame, "conversation", text).map(Recipient::Conversation),
        _ => Err(FrameError::field(frame, "to_user", "only one of conversation, to_user is allowed")),
    }
}

pub(super) fn hello(auth: String, device: &str, resume: Option<Sync>) -> Result<Hello, FrameError> {
    size("hello", "auth", auth.len(), limits::AUTH_BYTES_MAX)?;
    let device = match device {
        "" => None,
        text => Some(DeviceId::parse(text).map_err(|error| FrameError::field("hello", "device", error))?),
    };
    Ok(Hello { auth, device, resume })
}

/// One more open conversation of a `sync` that has `count` already.
pub(super) fn one_more_open(frame: &'static str, count: usize) -> Result<(), FrameError> {
    if count < limits::SYNC_OPEN_MAX {
        return Ok(());
    }
    let problem = format!("at most {} conversations are allowed", limits::SYNC_OPEN_MAX);
    Err(FrameError::field(frame, "open", problem))
}

pub(super) fn cursor(frame: &'static str, text: &str) -> Result<(), FrameError> {
    size(frame, "cursor", text.len(), limits::CURSOR_BYTES_MAX)
}

/// A body that a client may send.
pub(super) fn body(frame: &'static str, encoded: Bytes) -> Result<Body, FrameError> {
    let body = Body::from_encoded(encoded);
    size(frame, "body", body.encoded().len(), limits::BODY_BYTES_MAX)?;
    body.check_from_client().map_err(|problem| FrameError::field(frame, "body", problem))?;
    Ok(body)
}

pub(super) fn size(
    frame: &'static str,
    field: &'static str,
    bytes: usize,
    max: usize,
) -> Result<(), FrameError> {
    if bytes <= max {
        return Ok(());
    }
    Err(FrameError::TooLarge { frame, field, bytes, max, send: None })
}
