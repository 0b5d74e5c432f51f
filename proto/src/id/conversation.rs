//! Conversation ids: a function of the two users of a direct conversation, or of the group.

use ecow::EcoString;

use super::name::{NAME_BYTES_MAX, is_allowed};
use super::{GroupId, UserId};
use crate::IdError;

/// An opaque, URL-safe name of a conversation, at most 387 bytes.
///
/// `d.<user>.<user>` with the users in byte order, or `g.<group>`; and `p.<user>.<user>` for what two users are to each
/// other, whose log no client is ever given. Characters of ids other than letters, digits,
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
    /// What two users, in byte order, are to each other. Its owner is that of their direct conversation.
    Pair(UserId, UserId),
}

impl ConversationId {
    /// The direct conversation of two users, the same in either order.
    pub fn direct(one: &UserId, other: &UserId) -> Self {
        Self::of_two("d.", one, other)
    }

    /// What two users are to each other, the same in either order.
    pub fn pair(one: &UserId, other: &UserId) -> Self {
        Self::of_two("p.", one, other)
    }

    fn of_two(kind: &str, one: &UserId, other: &UserId) -> Self {
        let (first, second) = if one <= other { (one, other) } else { (other, one) };
        let mut id = EcoString::with_capacity(3 + first.as_str().len() + second.as_str().len());
        id.push_str(kind);
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

    /// Accepts exactly what [`Self::direct`], [`Self::group`] and [`Self::pair`] produce. Allocates only what it keeps.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let mut parts = text.split('.');
        let (kind, first, second, rest) = (parts.next(), parts.next(), parts.next(), parts.next());
        let canonical = match (kind, first, second, rest) {
            (Some("d" | "p"), Some(one), Some(other), None) => {
                is_escaped_name(one) && is_escaped_name(other) && unescaped(one).le(unescaped(other))
            }
            (Some("g"), Some(group), None, None) => is_escaped_name(group),
            _ => false,
        };
        if canonical { Ok(Self(EcoString::from(text))) } else { Err(IdError::Conversation) }
    }

    /// The text, for URLs and frames.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names a group.
    pub fn is_group(&self) -> bool {
        self.0.starts_with("g.")
    }

    /// Whether it is what two users are to each other.
    pub fn is_pair(&self) -> bool {
        self.0.starts_with("p.")
    }

    /// The users or the group that it names.
    pub fn kind(&self) -> ConversationKind {
        self.split().unwrap_or_else(|| unreachable!("a conversation id is canonical by construction"))
    }

    /// The other user of a direct conversation; `None` for anything else or when `user` is not part of it.
    pub fn peer_of(&self, user: &UserId) -> Option<UserId> {
        match self.kind() {
            ConversationKind::Direct(one, other) if one == *user => Some(other),
            ConversationKind::Direct(one, other) if other == *user => Some(one),
            _ => None,
        }
    }

    fn split(&self) -> Option<ConversationKind> {
        let (kind, names) = self.0.split_once('.')?;
        if kind == "g" {
            return GroupId::parse(&unescaped_name(names)).ok().map(ConversationKind::Group);
        }
        let (one, other) = names.split_once('.')?;
        let user = |text| UserId::parse(&unescaped_name(text)).ok();
        let (one, other) = (user(one)?, user(other)?);
        Some(if kind == "p" {
            ConversationKind::Pair(one, other)
        } else {
            ConversationKind::Direct(one, other)
        })
    }
}

/// Written as it is; every other character of a name is written `~` and two lower-case hex digits.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// Every message asks for the id of its conversation, on its way through several hands: characters go in runs.
fn push_escaped(out: &mut EcoString, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut rest = text;
    while let Some((at, byte)) = rest.bytes().enumerate().find(|(_, byte)| !is_plain(*byte)) {
        out.push_str(&rest[..at]);
        out.push('~');
        out.push(char::from(HEX[usize::from(byte >> 4)]));
        out.push(char::from(HEX[usize::from(byte & 15)]));
        // Names are ASCII: the character is this byte.
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

/// Whether [`push_escaped`] writes this for some valid name.
fn is_escaped_name(text: &str) -> bool {
    let mut rest = text.as_bytes();
    let mut length = 0;
    while let [byte, after @ ..] = rest {
        rest = match (byte, after) {
            (b'~', [high, low, after @ ..]) => match hex(*high, *low) {
                Some(byte) if is_allowed(byte) && !is_plain(byte) => after,
                _ => return false,
            },
            (byte, after) if is_plain(*byte) => after,
            _ => return false,
        };
        length += 1;
    }
    (1..=NAME_BYTES_MAX).contains(&length)
}

/// The bytes of the name behind an escaped name.
fn unescaped(text: &str) -> impl Iterator<Item = u8> {
    let mut bytes = text.bytes();
    std::iter::from_fn(move || match bytes.next()? {
        b'~' => hex(bytes.next()?, bytes.next()?),
        byte => Some(byte),
    })
}

/// Names are ASCII, so bytes are characters.
fn unescaped_name(text: &str) -> EcoString {
    unescaped(text).map(char::from).collect()
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    Some(digit(high)? << 4 | digit(low)?)
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
