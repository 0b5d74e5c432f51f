//! Tokens of invitation links: random, told once, remembered as their SHA-256.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proto::LinkId;
use proto::group::TokenHash;
use sha2::{Digest as _, Sha256};

/// A token that lets in whoever shows it: 24 random bytes in base64url.
pub struct LinkToken([u8; 24]);

impl LinkToken {
    /// A new one, and a name for its link that says nothing about it.
    pub fn new_link() -> (LinkId, Self) {
        let id = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 9]>());
        let link = LinkId::parse(&id).unwrap_or_else(|_| unreachable!("base64url is in the alphabet of ids"));
        (link, Self(rand::random()))
    }

    /// Reads what [`Self::text`] wrote; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// What its maker is told, once.
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What is stored. The token is random, so a plain hash is enough.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0).into())
    }
}

impl std::fmt::Debug for LinkToken {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::LinkToken;

    #[test]
    fn a_token_is_read_back_and_its_hash_is_the_same() {
        let (link, token) = LinkToken::new_link();
        let read = LinkToken::parse(&token.text()).unwrap();
        assert_eq!(read.hash(), token.hash());
        assert!(!format!("{token:?}").contains(&token.text()));
        let (other_link, other) = LinkToken::new_link();
        assert!(other.hash() != token.hash() && other_link != link);
        assert!(LinkToken::parse("short").is_none() && LinkToken::parse("").is_none());
    }
}
