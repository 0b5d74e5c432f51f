//! The key that a client made up for a call.

use auth::Identity;
use http::HeaderMap;
use proto::ClientMessageId;
use sha2::{Digest as _, Sha256};

use super::answers::Call;
use crate::problem::Problem;

/// As it is written in requests.
pub(crate) const HEADER: &str = "idempotency-key";
/// Characters of a key.
pub(crate) const KEY_CHARS_MAX: usize = 64;

/// One key; good for the user who made it up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(String);

/// The id of a call with a key: the same at whichever process it is made, and another for another call with the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallId(pub(crate) ClientMessageId);

/// What is made of a key: never the same id for two of them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Made {
    Message,
    Group,
    Room,
    Change,
}

impl CallId {
    pub(super) fn of(call: &Call<'_>) -> Self {
        let of_key = call.key.derive(&call.asker.0, Made::Change);
        let mut hash = Sha256::new().chain_update(of_key);
        for part in [call.uri.as_bytes(), call.body] {
            hash = hash.chain_update(part.len().to_be_bytes()).chain_update(part);
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        Self(ClientMessageId(id))
    }
}

impl IdempotencyKey {
    /// Reads the header: a structured string (RFC 9651 §3.3.3), with quotes; many write it without.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut values = headers.get_all(HEADER).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let key = value.to_str().ok().and_then(Self::parse).filter(|_| values.next().is_none());
        let words = format!("1 to {KEY_CHARS_MAX} visible characters are required, once");
        key.map(Some).ok_or_else(|| Problem::field(HEADER, words))
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bare = match text.strip_prefix('"') {
            Some(rest) => unescaped(rest.strip_suffix('"')?)?,
            None => text.to_owned(),
        };
        let is_allowed = |c: char| c.is_ascii_graphic() || c == ' ';
        let is_one = (1..=KEY_CHARS_MAX).contains(&bare.len()) && bare.chars().all(is_allowed);
        is_one.then_some(Self(bare))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of what the call makes: the same whichever process is asked, and one that nobody else comes upon.
    pub(crate) fn derive(&self, identity: &Identity, made: Made) -> [u8; 16] {
        let kind = match made {
            Made::Message => "message",
            Made::Group => "group",
            Made::Room => "room",
            Made::Change => "change",
        };
        let who = if identity.is_service() { "service" } else { "user" };
        let text = format!("{kind}\n{who}\n{}\n{}", identity.user, self.0);
        let mut id = [0; 16];
        id.copy_from_slice(&Sha256::digest(text)[..16]);
        id
    }

    /// The id of the message that the call sends: the key itself, where it is a UUID.
    pub(crate) fn client_message_id(&self, identity: &Identity) -> ClientMessageId {
        ClientMessageId::parse(&self.0)
            .unwrap_or_else(|_| ClientMessageId(self.derive(identity, Made::Message)))
    }
}

/// Without the backslashes before quotes and backslashes; `None` where one stands alone.
fn unescaped(text: &str) -> Option<String> {
    let (mut bare, mut chars) = (String::new(), text.chars());
    while let Some(c) = chars.next() {
        match c {
            '"' => return None,
            '\\' => bare.push(chars.next().filter(|c| matches!(c, '"' | '\\'))?),
            c => bare.push(c),
        }
    }
    Some(bare)
}

#[cfg(test)]
mod tests {
    use super::IdempotencyKey;

    #[test]
    fn keys_are_read_with_quotes_and_without() {
        let read = |text| IdempotencyKey::parse(text).map(|key| key.0);
        for (text, key) in [("abc", "abc"), ("\"abc\"", "abc"), ("\"a\\\"b\\\\\"", "a\"b\\"), ("a b", "a b")]
        {
            assert_eq!(read(text).as_deref(), Some(key), "{text}");
        }
        for text in ["", "\"", "\"\"", "\"a", "\"a\"b\"", "\"a\\b\"", "a\tb", &"x".repeat(65)] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
