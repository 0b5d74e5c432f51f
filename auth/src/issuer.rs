//! Issues our own access tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use proto::{LoginId, UserId};
use serde::Serialize;

use crate::{LoginRule, ScopeRule, Scopes, SigningKey, Trust, Verifier, VerifyingKey};

/// Signs tokens with our own key, in our own name. Cloning copies the key.
#[derive(Clone)]
pub struct Issuer {
    key: SigningKey,
    encoding: EncodingKey,
    trust: Trust,
    /// The encoded header and its dot: the same for every token.
    header: String,
}

#[derive(Serialize)]
struct Issued<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
}

impl Issuer {
    /// An issuer with the given `iss` and `aud` claims.
    pub fn new(key: SigningKey, issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        let trust = Trust {
            issuer: issuer.into(),
            audience: audience.into(),
            scopes: ScopeRule::Honoured,
            logins: LoginRule::Here,
        };
        let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"HS256"}"#) + ".";
        Self { encoding: EncodingKey::from_secret(key.bytes()), key, trust, header }
    }

    /// A token for a user, valid for `ttl_seconds` from `now` (Unix seconds). `login` becomes the `sid` claim.
    pub fn issue(
        &self,
        user: &UserId,
        login: Option<&LoginId>,
        scopes: &Scopes,
        now: u64,
        ttl_seconds: u64,
    ) -> String {
        let claims = Issued {
            iss: &self.trust.issuer,
            aud: &self.trust.audience,
            sub: user.as_str(),
            iat: now,
            exp: now.saturating_add(ttl_seconds),
            sid: login.map(LoginId::as_str),
            scope: scopes.as_str(),
        };
        let json = serde_json::to_vec(&claims).unwrap_or_else(|_| unreachable!("texts and numbers are JSON"));
        let mut token = self.header.clone();
        URL_SAFE_NO_PAD.encode_string(json, &mut token);
        let signature = jsonwebtoken::crypto::sign(token.as_bytes(), &self.encoding, Algorithm::HS256)
            .unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"));
        token.push('.');
        token.push_str(&signature);
        token
    }

    /// The verifier with this issuer's tokens trusted too.
    #[must_use]
    pub fn trusted_by(&self, verifier: Verifier) -> Verifier {
        verifier.trusting(self.trust.clone(), vec![VerifyingKey::hs256(&self.key)])
    }
}

impl std::fmt::Debug for Issuer {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("trust", &self.trust).finish_non_exhaustive()
    }
}
