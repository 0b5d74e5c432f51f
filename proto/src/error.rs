//! What can be wrong with ids and frames.

use thiserror::Error;

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

/// Why bytes are not a frame.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Not well-formed JSON or protobuf at all.
    #[error("not a well-formed frame: {0}")]
    Malformed(String),
    /// Well-formed, but with no known frame in it.
    #[error("a frame has exactly one member, named after the frame; known are {known}")]
    Unknown {
        /// The names that would have been understood.
        known: &'static str,
    },
    /// A known frame with a wrong field.
    #[error("{frame}.{field}: {problem}")]
    Field {
        /// The frame's member name.
        frame: &'static str,
        /// The field.
        field: &'static str,
        /// What was wrong and what is allowed.
        problem: String,
    },
}

impl FrameError {
    /// A wrong field of a known frame.
    pub fn field(frame: &'static str, field: &'static str, problem: impl ToString) -> Self {
        Self::Field { frame, field, problem: problem.to_string() }
    }
}
