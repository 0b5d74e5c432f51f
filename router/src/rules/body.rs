//! What a body is, as far as the log cares: a message that counts, or a change of the conversation.

use bytes::Buf as _;
use proto::wire::{System, body::Kind, system::Change};
use proto::{Body, Seq, UserId};

/// The field number of `system` in `Body` (body.proto).
const SYSTEM: u64 = 16;
/// Those of `edit`, `recall`, `react` and `pin`.
const CHANGES: std::ops::RangeInclusive<u64> = 20..=23;
/// That of `mentions`.
const MENTIONS: u64 = 32;

/// Whether a body is a `system` one, without decoding it. Bytes that cannot be walked count as `system`: what this
/// program does not understand must not pass for a harmless message.
pub fn is_system(body: &Body) -> bool {
    has(body, |field| field == SYSTEM)
}

/// Whether it is a notice, which services write.
pub fn is_notice(body: &Body) -> bool {
    let kind = body.to_wire().kind;
    matches!(kind, Some(Kind::System(System { change: Some(Change::Notice(_)) })))
}

/// Whether an entry with this body raises `counted`: messages do, changes and notices do not.
pub fn is_countable(body: &Body) -> bool {
    !has(body, |field| field == SYSTEM || CHANGES.contains(&field))
}

/// Whether it mentions everybody.
pub fn mentions_all(body: &Body) -> bool {
    body.as_text().is_none()
        && has(body, |field| field == MENTIONS)
        && body.to_wire().mentions.is_some_and(|mentions| mentions.all)
}

/// Whom it mentions: everybody, and these.
pub fn mentions(body: &Body) -> Option<(bool, Vec<UserId>)> {
    if body.as_text().is_some() || !has(body, |field| field == MENTIONS) {
        return None;
    }
    let mentions = body.to_wire().mentions?;
    let users = mentions.users.iter().filter_map(|user| UserId::parse(user).ok()).collect();
    Some((mentions.all, users))
}

/// The newest place of a message that it refers to as being in the same conversation.
pub fn newest_reference(body: &Body) -> Seq {
    if body.as_text().is_some() {
        return Seq::ZERO;
    }
    let body = body.to_wire();
    let seqs = [body.reply_to, body.thread].map(|message| message.map_or(0, |message| message.seq));
    Seq(seqs[0].max(seqs[1]))
}

/// Whether two bodies are of one kind.
pub fn is_same_kind(one: &Body, other: &Body) -> bool {
    let kind = |body: &Body| body.to_wire().kind.map(|kind| std::mem::discriminant(&kind));
    kind(one).is_some() && kind(one) == kind(other)
}

fn has(body: &Body, wanted: impl Fn(u64) -> bool) -> bool {
    let mut bytes: &[u8] = body.encoded();
    while bytes.has_remaining() {
        let Some(tag) = varint(&mut bytes) else { return true };
        if wanted(tag >> 3) || !skip(tag & 7, &mut bytes) {
            return true;
        }
    }
    false
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
    use proto::body::{Change, MessageTarget};
    use proto::{Seq, wire};

    use super::*;

    #[test]
    fn text_and_custom_count_and_system_does_not() {
        let custom = wire::Custom { r#type: "poll".into(), json: "{}".into() };
        let notice = wire::system::Change::Notice(wire::Notice { text: "hello".into() });
        assert!(is_countable(&Body::text("hi")));
        assert!(is_countable(&Body::of_kind(wire::body::Kind::Custom(custom))));
        assert!(!is_countable(&Body::system(notice)));
        let target = MessageTarget { seq: Seq(1), message_id: None };
        let changes = [
            Change::Recall,
            Change::Edit(Some(Body::text("hi"))),
            Change::React { reaction: "+1".into(), remove: false },
            Change::Pin { remove: true },
        ];
        for change in changes {
            let body = Body::change(target, &change);
            assert!(!is_countable(&body) && !is_system(&body), "{}", change.name());
        }
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
