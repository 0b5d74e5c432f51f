//! Changes of messages: what the bodies `edit`, `recall`, `react` and `pin` say.

use wire::body::Kind;

use crate::{Body, MessageId, Seq, wire};

/// The message that a change is about: by one of the two, or by both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct MessageTarget {
    /// Its place in the conversation; zero when it is named by its id alone.
    pub seq: Seq,
    /// Its handle; `None` when it is named by its place alone.
    pub message_id: Option<MessageId>,
}

/// What becomes of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is gone.
    Recall,
    /// It says this from now on; `None` where the message was recalled later.
    Edit(Option<Body>),
    /// The sender reacts to it.
    React {
        /// An emoji or a short text.
        reaction: String,
        /// Takes it back.
        remove: bool,
    },
    /// It is pinned.
    Pin {
        /// No longer.
        remove: bool,
    },
}

impl Change {
    /// The name of the client frame that asks for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Recall => "recall",
            Self::Edit(_) => "edit",
            Self::React { .. } => "react",
            Self::Pin { .. } => "pin",
        }
    }
}

impl Body {
    /// A change of a message.
    pub fn change(target: MessageTarget, change: &Change) -> Self {
        let message = Some(wire::MessageRef {
            seq: target.seq.0,
            message_id: target.message_id.map_or(0, |MessageId(id)| id),
        });
        let kind = match change {
            Change::Recall => Kind::Recall(wire::RecallOf { message }),
            Change::Edit(body) => {
                let body = body.as_ref().map(|body| body.encoded().clone()).unwrap_or_default();
                Kind::Edit(wire::EditOf { message, body })
            }
            Change::React { reaction, remove } => {
                Kind::React(wire::ReactionTo { message, reaction: reaction.clone(), remove: *remove })
            }
            Change::Pin { remove } => Kind::Pin(wire::PinOf { message, remove: *remove }),
        };
        Self::from_wire(&wire::Body { kind: Some(kind), ..wire::Body::default() })
    }

    /// The change, if the body is one. Cheap for all others: nothing is decoded.
    pub fn as_change(&self) -> Option<(MessageTarget, Change)> {
        if !self.may_be_change() {
            return None;
        }
        let (message, change) = match self.to_wire().kind? {
            Kind::Recall(recall) => (recall.message, Change::Recall),
            Kind::Edit(edit) => {
                let body = (!edit.body.is_empty()).then(|| Self::from_encoded(edit.body));
                (edit.message, Change::Edit(body))
            }
            Kind::React(wire::ReactionTo { message, reaction, remove }) => {
                (message, Change::React { reaction, remove })
            }
            Kind::Pin(wire::PinOf { message, remove }) => (message, Change::Pin { remove }),
            _ => return None,
        };
        let message = message.unwrap_or_default();
        let message_id = (message.message_id != 0).then_some(MessageId(message.message_id));
        Some((MessageTarget { seq: Seq(message.seq), message_id }, change))
    }

    /// Whether the first field is one of 20 to 23, length-delimited, or not one of a message: two-byte tags begin
    /// with the low bits of the field.
    fn may_be_change(&self) -> bool {
        const FIRST: u32 = 20 << 3 | 2;
        const LAST: u32 = 23 << 3 | 2;
        let mut bytes: &[u8] = self.encoded();
        let tag = prost::encoding::decode_varint(&mut bytes).unwrap_or_default();
        (u64::from(FIRST)..=u64::from(LAST)).contains(&tag)
    }
}
