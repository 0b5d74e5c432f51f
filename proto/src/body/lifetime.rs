//! How long bodies live: what of a body says when it expires, and what is left of it then.

use bytes::Buf as _;
use prost::encoding::{WireType, decode_key, decode_varint};
use wire::body::Kind;

use crate::body::Change;
use crate::{Body, Timestamp, wire};

/// The field numbers of `merged`, `system`, `edit` and `expiry` in `Body` (body.proto).
const MERGED: u32 = 8;
const SYSTEM: u32 = 16;
const EDIT: u32 = 20;
const EXPIRY: u32 = 44;

/// How deep bodies may be in each other: a message in a merged forward in an edit.
const DEPTH_MAX: u8 = 3;

impl Body {
    /// For how many seconds entries of the conversation are kept, if the body sets that; 0: as configured. Cheap for others.
    pub fn as_retention(&self) -> Option<u32> {
        let mut bytes: &[u8] = self.encoded();
        if !matches!(decode_key(&mut bytes), Ok((SYSTEM, _))) {
            return None;
        }
        match self.to_wire().kind? {
            Kind::System(wire::System { change: Some(wire::system::Change::RetentionSet(set)) }) => {
                Some(set.seconds)
            }
            _ => None,
        }
    }

    /// When it expires. Cheap where it does not.
    pub fn expiry(&self) -> Option<wire::Expiry> {
        self.may_have(|field| field == EXPIRY).then(|| self.to_wire().expiry).flatten()
    }

    /// The same, to expire so.
    #[must_use]
    pub fn with_expiry(&self, expiry: Option<wire::Expiry>) -> Self {
        if self.expiry() == expiry {
            return self.clone();
        }
        Self::from_wire(&wire::Body { expiry, ..self.to_wire() })
    }

    /// The body of a message that is sent at this time: it says when it expires.
    #[must_use]
    pub fn sent_at(self, now: Timestamp) -> Self {
        let Some(expiry) = self.expiry() else { return self };
        let latest = now.plus_ms(u64::from(expiry.after_seconds) * 1_000).0;
        let time = if expiry.time == 0 { latest } else { expiry.time.min(latest) };
        self.with_expiry(Some(wire::Expiry { time, expired: false, ..expiry }))
    }

    /// What is left of it at this time; `None` while that is all. Of a message that expired, and of an edit of one, nothing
    /// is left; of a merged forward, the messages that did not. Cheap where nothing can expire.
    pub fn left_at(&self, now: Timestamp) -> Option<Self> {
        self.left_within(now, DEPTH_MAX)
    }

    fn left_within(&self, now: Timestamp, depth: u8) -> Option<Self> {
        if depth == 0 || !self.may_have(|field| [MERGED, EDIT, EXPIRY].contains(&field)) {
            return None;
        }
        let mut body = self.to_wire();
        if let Some(expired) = body.expiry.filter(|expiry| is_over(expiry, now)) {
            return (!expired.expired || body.kind.is_some()).then(|| Self::gone(expired));
        }
        match &mut body.kind {
            Some(Kind::Merged(merged)) => {
                let mut any = false;
                for message in &mut merged.messages {
                    let nested = Self::from_encoded(message.body.clone());
                    if let Some(left) = nested.left_within(now, depth - 1) {
                        message.body = left.encoded().clone();
                        any = true;
                    }
                }
                any.then(|| Self::from_wire(&body))
            }
            Some(Kind::Edit(_)) => {
                let (target, Change::Edit(Some(said))) = self.as_change()? else { return None };
                match said.left_within(now, depth - 1)? {
                    left if left.is_expired_at(now) => Some(Self::change(target, &Change::Edit(None))),
                    left => Some(Self::change(target, &Change::Edit(Some(left)))),
                }
            }
            _ => None,
        }
    }

    /// Whether it has expired by this time.
    pub fn is_expired_at(&self, now: Timestamp) -> bool {
        self.expiry().is_some_and(|expiry| is_over(&expiry, now))
    }

    fn gone(expiry: wire::Expiry) -> Self {
        let expiry = Some(wire::Expiry { expired: true, ..expiry });
        Self::from_wire(&wire::Body { expiry, ..wire::Body::default() })
    }

    /// Whether one of these fields is there, or bytes that cannot be walked.
    pub(super) fn may_have(&self, wanted: impl Fn(u32) -> bool) -> bool {
        let mut bytes: &[u8] = self.encoded();
        while bytes.has_remaining() {
            let Ok((field, WireType::LengthDelimited)) = decode_key(&mut bytes) else { return true };
            if wanted(field) {
                return true;
            }
            match decode_varint(&mut bytes).map(usize::try_from) {
                Ok(Ok(length)) if length <= bytes.len() => bytes.advance(length),
                _ => return true,
            }
        }
        false
    }
}

fn is_over(expiry: &wire::Expiry, now: Timestamp) -> bool {
    expiry.expired || (expiry.time != 0 && expiry.time <= now.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Seq, body::MessageTarget};

    fn expiring(text: &str, after_seconds: u32, time: u64) -> Body {
        Body::text(text).with_expiry(Some(wire::Expiry { after_seconds, time, expired: false }))
    }

    fn merged(bodies: &[Body]) -> Body {
        let messages = bodies.iter().map(|body| wire::ForwardedMessage {
            sender: "ann".to_owned(),
            body: body.encoded().clone(),
            ..wire::ForwardedMessage::default()
        });
        Body::of_kind(Kind::Merged(wire::MergedForward {
            title: String::new(),
            messages: messages.collect(),
        }))
    }

    #[test]
    fn the_time_is_set_when_it_is_sent_and_an_earlier_one_stays() {
        let now = Timestamp(1_000_000);
        let time = |body: Body| body.sent_at(now).expiry().unwrap().time;
        assert_eq!(time(expiring("hi", 60, 0)), 1_060_000);
        assert_eq!(time(expiring("hi", 60, 1_010_000)), 1_010_000, "forwarded");
        assert_eq!(time(expiring("hi", 60, 9_000_000)), 1_060_000, "never later than it says");
        assert_eq!(Body::text("hi").sent_at(now), Body::text("hi"));
    }

    #[test]
    fn nothing_is_left_from_its_time_on() {
        let body = expiring("secret", 60, 2_000);
        assert_eq!(body.left_at(Timestamp(1_999)), None);
        let left = body.left_at(Timestamp(2_000)).unwrap();
        let expiry = Some(wire::Expiry { after_seconds: 60, time: 2_000, expired: true });
        assert_eq!(left.to_wire(), wire::Body { expiry, ..wire::Body::default() });
        assert_eq!(left.left_at(Timestamp(2_000)), None, "it is gone already");
        assert_eq!(Body::text("hi").left_at(Timestamp(u64::MAX)), None);
    }

    #[test]
    fn edits_and_merged_forwards_lose_what_has_expired() {
        let target = MessageTarget { seq: Seq(7), message_id: None };
        let edit = Body::change(target, &Change::Edit(Some(expiring("secret", 60, 2_000))));
        assert_eq!(edit.left_at(Timestamp(1_999)), None);
        assert_eq!(edit.left_at(Timestamp(2_000)), Some(Body::change(target, &Change::Edit(None))));

        let both = merged(&[expiring("secret", 60, 2_000), Body::text("plain")]);
        assert_eq!(both.left_at(Timestamp(1_999)), None);
        let gone = expiring("secret", 60, 2_000).left_at(Timestamp(2_000)).unwrap();
        let left = merged(&[gone, Body::text("plain")]);
        assert_eq!(both.left_at(Timestamp(2_000)), Some(left.clone()));
        assert_eq!(left.left_at(Timestamp(3_000)), None);
        let edit = Body::change(target, &Change::Edit(Some(both)));
        assert_eq!(edit.left_at(Timestamp(2_000)), Some(Body::change(target, &Change::Edit(Some(left)))));
    }

    #[test]
    fn a_retention_is_recognised() {
        assert_eq!(Body::retention(60).as_retention(), Some(60));
        assert_eq!(Body::retention(0).as_retention(), Some(0));
        assert_eq!(Body::text("hi").as_retention(), None);
    }
}
