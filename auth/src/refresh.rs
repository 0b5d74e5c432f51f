//! Refresh tokens: random, shown once, remembered as their SHA-256.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proto::LoginId;
use sha2::{Digest as _, Sha256};

/// A refresh token of one login: `<login>.<32 random bytes in base64url>`.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// Whose it is.
    pub login: LoginId,
    secret: [u8; 32],
}

impl RefreshToken {
    /// The first token of a new login, whose id is random as well.
    pub fn for_new_login() -> Self {
        let id = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>());
        let login =
            LoginId::parse(&id).unwrap_or_else(|_| unreachable!("base64url is in the alphabet of ids"));
        Self::next_of(login)
    }

    /// The next token of a login.
    pub fn next_of(login: LoginId) -> Self {
        Self { login, secret: rand::random() }
    }

    /// Reads what [`Self::text`] wrote; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (login, secret) = text.rsplit_once('.')?;
        let secret = URL_SAFE_NO_PAD.decode(secret).ok()?.try_into().ok()?;
        Some(Self { login: LoginId::parse(login).ok()?, secret })
    }

    /// What its owner is given, once.
    pub fn text(&self) -> String {
        format!("{}.{}", self.login, URL_SAFE_NO_PAD.encode(self.secret))
    }

    /// What is stored. The token is random, so a plain hash is enough.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.secret).into()
    }
}

impl std::fmt::Debug for RefreshToken {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RefreshToken({}, …)", self.login)
    }
}
