//! How a client can break the protocol, and what it is told then.

use proto::CloseCode;

/// A violation of RFC 6455, or of the limits. The connection fails (section 7.1.7): send a close frame with
/// [`ProtocolError::close_code`], then close the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ProtocolError {
    /// Section 5.2: no extension was agreed that gives the bit a meaning.
    #[error("a reserved bit is set and no extension was agreed")]
    ReservedBit,
    /// Section 5.2: opcodes 3–7 and 11–15 are reserved.
    #[error("the opcode is reserved")]
    ReservedOpcode,
    /// Section 5.1: a client masks every frame.
    #[error("a client frame is not masked")]
    Unmasked,
    /// Section 5.2: the shortest encoding of the length must be used.
    #[error("the length is not encoded in the fewest bytes")]
    LengthNotMinimal,
    /// Section 5.2: the most significant bit of a 64-bit length is zero.
    #[error("the 64-bit length has its most significant bit set")]
    LengthTooLarge,
    /// Section 5.5: control frames are not fragmented.
    #[error("a control frame is fragmented")]
    ControlFragmented,
    /// Section 5.5: control frames carry at most 125 bytes.
    #[error("a control frame is longer than 125 bytes")]
    ControlTooLong,
    /// Section 5.4: a continuation continues something.
    #[error("a continuation frame without a message to continue")]
    NothingToContinue,
    /// Section 5.4: messages do not interleave.
    #[error("a new message before the last one ended")]
    MessageUnfinished,
    /// Section 5.5.1: a close body is empty or begins with a two-byte code.
    #[error("a close frame with a body of one byte")]
    CloseBodyTruncated,
    /// Section 7.4: the code may not be sent on the wire.
    #[error("a close frame with a code that may not be sent")]
    CloseCodeInvalid,
    /// Section 5.5.1: the close reason is UTF-8.
    #[error("a close reason that is not utf-8")]
    CloseReasonNotUtf8,
    /// Section 8.1: text is UTF-8.
    #[error("a text message that is not utf-8")]
    TextNotUtf8,
    /// The message is longer than [`super::Limits::message_bytes_max`].
    #[error("the message is larger than the limit")]
    MessageTooLarge,
    /// RFC 7692 section 7.2.2: the payload is a deflate stream.
    #[error("a compressed message that is no deflate stream")]
    NotDeflated,
    /// The message inflates to more times its size than [`super::deflate::InflateLimits::ratio_max`].
    #[error("a compressed message inflates beyond all proportion")]
    RatioTooHigh,
    /// The message has more frames than [`super::Limits::frames_per_message_max`].
    #[error("the message has more fragments than the limit")]
    TooManyFragments,
}

impl ProtocolError {
    /// Every violation, for the registration of metrics.
    pub const ALL: &'static [Self] = &[
        Self::ReservedBit,
        Self::ReservedOpcode,
        Self::Unmasked,
        Self::LengthNotMinimal,
        Self::LengthTooLarge,
        Self::ControlFragmented,
        Self::ControlTooLong,
        Self::NothingToContinue,
        Self::MessageUnfinished,
        Self::CloseBodyTruncated,
        Self::CloseCodeInvalid,
        Self::CloseReasonNotUtf8,
        Self::TextNotUtf8,
        Self::MessageTooLarge,
        Self::TooManyFragments,
        Self::NotDeflated,
        Self::RatioTooHigh,
    ];

    /// What to put in the close frame (section 7.4.1): 1002, 1007 or 1009.
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::TextNotUtf8 | Self::CloseReasonNotUtf8 | Self::NotDeflated => CloseCode::InvalidData,
            Self::MessageTooLarge | Self::TooManyFragments | Self::RatioTooHigh => CloseCode::TooBig,
            _ => CloseCode::Protocol,
        }
    }

    /// A short name for a metric's label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::ReservedBit => "reserved_bit",
            Self::ReservedOpcode => "reserved_opcode",
            Self::Unmasked => "unmasked",
            Self::LengthNotMinimal => "length_not_minimal",
            Self::LengthTooLarge => "length_too_large",
            Self::ControlFragmented => "control_fragmented",
            Self::ControlTooLong => "control_too_long",
            Self::NothingToContinue => "nothing_to_continue",
            Self::MessageUnfinished => "message_unfinished",
            Self::CloseBodyTruncated => "close_body_truncated",
            Self::CloseCodeInvalid => "close_code_invalid",
            Self::CloseReasonNotUtf8 => "close_reason_not_utf8",
            Self::TextNotUtf8 => "text_not_utf8",
            Self::MessageTooLarge => "message_too_large",
            Self::TooManyFragments => "too_many_fragments",
            Self::NotDeflated => "not_deflated",
            Self::RatioTooHigh => "ratio_too_high",
        }
    }
}
