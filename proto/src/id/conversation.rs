//! Conversation ids: a function of the two users of a direct conversation, or of the group.

use ecow::EcoString;

use super::{GroupId, UserId};
use crate::IdError;

/// An opaque, URL-safe name of a conversation, at most 387 bytes.
///
/// `d.<user>.<user>` with the users in byte order, or `g.<group>`. Characters of ids other than letters, digits,
/// `-` and `_` are written `~` and two hex digits, so `.` separates without doubt and the same two users always
/// give the same id, whoever asks.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationId(EcoString);

/// What a conversation id says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConversationKind {
    /// Two users, in byte order. Both may be the same user: notes to oneself.
    Direct(UserId, UserId),
    /// A group.
    Group(GroupId),
}

impl ConversationId {
    /// The direct conversation of two users, the same in either order.
    pub fn direct(one: &UserId, other: &UserId) -> Self {
        let (first, second) = if one <= other { (one, other) } else { (other, one) };
        let mut id = EcoString::with_capacity(3 + first.as_str().len() + second.as_str().len());
        id.push_str("d.");
        push_escaped(&mut id, first.as_str());
        id.push('.');
        push_escaped(&mut id, second.as_str());
        Self(id)
    }

    /// The conversation of a group.
    pub fn group(group: &GroupId) -> Self {
        let mut id = EcoString::with_capacity(2 + group.as_str().len());
        id.push_str("g.");
        push_escaped(&mut id, group.as_str());
        Self(id)
    }

    /// Accepts exactly what [`Self::direct`] and [`Self::group`] produce.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let id = Self(EcoString::from(text));
        let canonical = match id.split()? {
            ConversationKind::Direct(one, other) => Self::direct(&one, &other),
            ConversationKind::Group(group) => Self::group(&group),
        };
        if canonical == id { Ok(id) } else { Err(IdError::Conversation) }
    }

    /// The text, for URLs and frames.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names a group.
    pub fn is_group(&self) -> bool {
        self.0.starts_with("g.")
    }

    /// The users or the group that it names.
    pub fn kind(&self) -> ConversationKind {
        self.split().unwrap_or_else(|_| unreachable!("a conversation id is canonical by construction"))
    }

    /// The other user of a direct conversation; `None` for a group or when `user` is not part of it.
    pub fn peer_of(&self, user: &UserId) -> Option<UserId> {
        match self.kind() {
            ConversationKind::Direct(one, other) if one == *user => Some(other),
            ConversationKind::Direct(one, other) if other == *user => Some(one),
            _ => None,
        }
    }

    fn split(&self) -> Result<ConversationKind, IdError> {
        let mut parts = self.0.split('.');
        let kind = parts.next();
        let one = parts.next().ok_or(IdError::Conversation)?;
        match (kind, parts.next(), parts.next()) {
            (Some("d"), Some(other), None) => Ok(ConversationKind::Direct(
                UserId::parse(&unescaped(one)?)?,
                UserId::parse(&unescaped(other)?)?,
            )),
            (Some("g"), None, None) => Ok(ConversationKind::Group(GroupId::parse(&unescaped(one)?)?)),
            _ => Err(IdError::Conversation),
        }
    }
}

fn push_escaped(out: &mut EcoString, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            out.push(char::from(byte));
        } else {
            out.push('~');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

fn unescaped(text: &str) -> Result<EcoString, IdError> {
    let mut out = EcoString::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('~') {
        out.push_str(&rest[..at]);
        let digits = rest.get(at + 1..at + 3).ok_or(IdError::Conversation)?;
        let byte = u8::from_str_radix(digits, 16).map_err(|_| IdError::Conversation)?;
        out.push(char::from(byte));
        rest = &rest[at + 3..];
    }
    out.push_str(rest);
    Ok(out)
}

impl std::fmt::Display for ConversationId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Debug for ConversationId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
