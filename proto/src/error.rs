//! What can be wrong with ids and frames.

use thiserror::Error;

use crate::server_frame::Nack;
use crate::{ClientMessageId, Code};

/// Why a text is not an id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IdError {
    /// Too short or too long.
    #[error("a {what} has 1 to {max} characters, not {length}")]
    Length {
        /// Which kind of id.
        what: &'static str,
        /// Bytes given.
        length: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// A character outside the alphabet.
    #[error(
        "a {what} has only letters, digits and . _ - | @ : + = ~, but the character at byte {at} is another"
    )]
    Character {
        /// Which kind of id.
        what: &'static str,
        /// Byte offset of the first wrong character.
        at: usize,
    },
    /// Not a conversation id that this server gave out.
    #[error("not a conversation id; use one that the server gave, or to_user")]
    Conversation,
    /// Not a UUID.
    #[error("a client_message_id is a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057")]
    ClientMessage,
    /// Not a session id.
    #[error("a session id has 32 hexadecimal digits")]
    Session,
}

/// Why bytes are not a frame. No text of it repeats what the client sent: bodies and tokens are private.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Not well-formed JSON or protobuf at all.
    #[error("not a well-formed frame: {0}")]
    Malformed(String),
    /// Well-formed, but with no known frame in it, or with several.
    #[error("a frame has exactly one member, named after the frame; known are {known}")]
    Unknown {
        /// The names that would have been understood.
        known: &'static str,
    },
    /// A known frame with a wrong field.
    #[error("{}: {problem}", path(.frame, .field))]
    Field {
        /// The frame's member name.
        frame: &'static str,
        /// The field; empty when the whole frame is wrong.
        field: &'static str,
        /// What was wrong and what is allowed.
        problem: String,
        /// Which send it is, when the frame is one and says so.
        send: Option<ClientMessageId>,
    },
    /// A known frame with a field that is too large.
    #[error("{frame}.{field}: {bytes} bytes, at most {max} are allowed")]
    TooLarge {
        /// The frame's member name.
        frame: &'static str,
        /// The field.
        field: &'static str,
        /// Its size.
        bytes: usize,
        /// The size that is allowed.
        max: usize,
        /// Which send it is, when the frame is one and says so.
        send: Option<ClientMessageId>,
    },
}

impl FrameError {
    /// A wrong field of a known frame.
    pub fn field(frame: &'static str, field: &'static str, problem: impl ToString) -> Self {
        Self::Field { frame, field, problem: problem.to_string(), send: None }
    }

    /// The code that a refusal of the frame carries.
    pub fn code(&self) -> Code {
        match self {
            Self::Malformed(_) | Self::Unknown { .. } => Code::BadFrame,
            Self::Field { .. } => Code::BadField,
            Self::TooLarge { .. } => Code::TooLarge,
        }
    }

    /// The member name of the frame; empty when it was not recognised.
    pub fn frame(&self) -> &'static str {
        match self {
            Self::Malformed(_) | Self::Unknown { .. } => "",
            Self::Field { frame, .. } | Self::TooLarge { frame, .. } => frame,
        }
    }

    /// Which send was wrong, where that could be read, so that its sender can be told.
    pub fn client_message_id(&self) -> Option<ClientMessageId> {
        match self {
            Self::Malformed(_) | Self::Unknown { .. } => None,
            Self::Field { send, .. } | Self::TooLarge { send, .. } => *send,
        }
    }

    /// The refusal that tells the client.
    pub fn to_nack(&self) -> Nack {
        Nack {
            client_message_id: self.client_message_id(),
            code: self.code(),
            retry_after_ms: 0,
            message: self.to_string(),
            frame: self.frame(),
        }
    }

    /// Says which send it is.
    #[must_use]
    pub(crate) fn of_send(mut self, id: ClientMessageId) -> Self {
        if let Self::Field { send, .. } | Self::TooLarge { send, .. } = &mut self {
            *send = Some(id);
        }
        self
    }
}

fn path(frame: &str, field: &str) -> String {
    if field.is_empty() { frame.to_owned() } else { format!("{frame}.{field}") }
}
