//! What a body is, as far as the log cares: a message that counts, or a change of the conversation.

use bytes::Buf as _;
use proto::Body;

/// The field number of `system` in `Body` (body.proto).
const SYSTEM: u64 = 16;

/// Whether a body is a `system` one, without decoding it. Bytes that cannot be walked count as `system`: what this
/// program does not understand must not pass for a harmless message.
pub fn is_system(body: &Body) -> bool {
    let mut bytes: &[u8] = body.encoded();
    while bytes.has_remaining() {
        let Some(tag) = varint(&mut bytes) else { return true };
        if tag >> 3 == SYSTEM || !skip(tag & 7, &mut bytes) {
            return true;
        }
    }
    false
}

/// Whether an entry with this body raises `counted`: messages do, changes and notices do not.
pub fn is_countable(body: &Body) -> bool {
    !is_system(body)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = bytes.try_get_u8().ok()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn skip(wire_type: u64, bytes: &mut &[u8]) -> bool {
    let length = match wire_type {
        0 => return varint(bytes).is_some(),
        1 => Some(8),
        2 => varint(bytes).and_then(|length| usize::try_from(length).ok()),
        5 => Some(4),
        _ => None,
    };
    match length {
        Some(length) if length <= bytes.len() => {
            bytes.advance(length);
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proto::wire;

    use super::*;

    #[test]
    fn text_and_custom_count_and_system_does_not() {
        let custom = wire::Custom { r#type: "poll".into(), json: "{}".into() };
        let custom = wire::Body { kind: Some(wire::body::Kind::Custom(custom)) };
        let notice = wire::system::Change::Notice(wire::Notice { text: "hello".into() });
        assert!(is_countable(&Body::text("hi")));
        assert!(is_countable(&Body::from_wire(&custom)));
        assert!(!is_countable(&Body::system(notice)));
    }

    #[test]
    fn system_hidden_behind_a_text_is_found() {
        let mut bytes = Body::text("hi").encoded().to_vec();
        let notice = wire::system::Change::Notice(wire::Notice { text: "boo".into() });
        bytes.extend_from_slice(Body::system(notice).encoded());
        assert!(is_system(&Body::from_encoded(bytes.into())));
        assert!(is_system(&Body::from_encoded(vec![0x0a, 0xff].into())));
    }
}
