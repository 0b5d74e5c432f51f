//! The close frame's body and the codes that may be in it (RFC 6455 sections 5.5.1 and 7.4).

use super::ProtocolError;

/// Bytes of a close reason at most: a control frame's 125 less the code.
pub const REASON_BYTES_MAX: usize = 123;

/// Why the client closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close<'a> {
    /// Its code; always one that [`may_be_sent`].
    pub code: u16,
    /// Its words; may be empty.
    pub reason: &'a str,
}

/// Whether the code may appear in a close frame.
///
/// Section 7.4.1 defines 1000–1003 and 1007–1011; the IANA registry adds 1012–1014. 1004–1006 and 1015 must not be
/// sent; 1016–2999 are reserved for the protocol and unassigned; 3000–4999 belong to libraries and applications.
pub const fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Reads the body of a close frame; `None` when it is empty.
pub(super) fn read_body(body: &[u8]) -> Result<Option<Close<'_>>, ProtocolError> {
    let Some((code, reason)) = body.split_first_chunk() else {
        return if body.is_empty() { Ok(None) } else { Err(ProtocolError::CloseBodyTruncated) };
    };
    let code = u16::from_be_bytes(*code);
    if !may_be_sent(code) {
        return Err(ProtocolError::CloseCodeInvalid);
    }
    let reason = std::str::from_utf8(reason).map_err(|_| ProtocolError::CloseReasonNotUtf8)?;
    Ok(Some(Close { code, reason }))
}
