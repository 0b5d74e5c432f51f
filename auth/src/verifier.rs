//! Verifies access tokens against the keys of every trusted issuer.

use proto::{LoginId, UserId};

use crate::claims::{Header, Parts};
use crate::{Identity, Scopes, TokenError, VerifyingKey};

/// Every issuer that is trusted, with its keys.
#[derive(Debug, Default)]
pub struct Verifier {
    issuers: Vec<(Trust, Vec<VerifyingKey>)>,
    leeway_seconds: u64,
}

/// One trusted issuer: what its tokens must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// The `iss` claim, letter by letter.
    pub issuer: String,
    /// Must be the `aud` claim or among it.
    pub audience: String,
    /// What its `scope` claim is worth.
    pub scopes: ScopeRule,
    /// Who knows whether the login that its `sid` claim names has ended.
    pub logins: LoginRule,
}

/// Whether an issuer's `scope` claim counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeRule {
    /// It may have the words of [`crate::Scope`] and thereby make trusted services.
    Honoured,
    /// Identity providers fill `scope` with words of their own: none of them means anything here.
    Ignored,
}

/// Who keeps the logins of an issuer's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginRule {
    /// We do: they are in our store for as long as they last.
    Here,
    /// The issuer does. Its names are kept apart from ours, whatever they are.
    Elsewhere,
}

impl Verifier {
    /// Trusts nobody yet. Clocks may differ by `leeway_seconds`.
    pub fn new(leeway_seconds: u64) -> Self {
        Self { issuers: Vec::new(), leeway_seconds }
    }

    /// Trusts tokens of an issuer that one of `keys` signed. The same issuer may be added again with another
    /// audience or more keys.
    #[must_use]
    pub fn trusting(mut self, trust: Trust, keys: Vec<VerifyingKey>) -> Self {
        self.issuers.push((trust, keys));
        self
    }

    /// Who holds the token. `now` is Unix time in seconds.
    ///
    /// The issuer is read first, only to choose its keys; of those, the ones with the header's algorithm and, where
    /// both sides name one, its `kid`. Claims count after the signature is right.
    pub fn verify(&self, token: &str, now: u64) -> Result<Identity, TokenError> {
        let parts = Parts::of(token)?;
        let issuer = parts.claims.issuer()?;
        let mut refusal = TokenError::Issuer;
        for (trust, keys) in self.issuers.iter().filter(|(trust, _)| trust.issuer == issuer) {
            match signed_by_one_of(keys, &parts) {
                Ok(()) => match self.identity(trust, &parts, now) {
                    Err(TokenError::Audience) => refusal = TokenError::Audience,
                    decided => return decided,
                },
                Err(error) if refusal != TokenError::Audience => refusal = error,
                Err(_) => {}
            }
        }
        Err(refusal)
    }

    fn identity(&self, trust: &Trust, parts: &Parts<'_>, now: u64) -> Result<Identity, TokenError> {
        let claims = &parts.claims;
        if !claims.is_for(&trust.audience)? {
            return Err(TokenError::Audience);
        }
        let expires = claims.expires()?;
        if expires.saturating_add(self.leeway_seconds) <= now {
            return Err(TokenError::Expired);
        }
        if claims.not_before()?.is_some_and(|start| start > now.saturating_add(self.leeway_seconds)) {
            return Err(TokenError::NotYet);
        }
        Ok(Identity {
            user: UserId::parse(claims.subject()?).map_err(|_| TokenError::Claim("sub"))?,
            login: claims.session().and_then(|sid| trust.logins.login(sid)),
            expires,
            scopes: match trust.scopes {
                ScopeRule::Honoured => Scopes::new(&claims.scope()),
                ScopeRule::Ignored => Scopes::default(),
            },
        })
    }
}

impl LoginRule {
    fn login(self, sid: &str) -> Option<LoginId> {
        match self {
            Self::Here => LoginId::parse(sid).ok().filter(LoginId::is_kept_here),
            Self::Elsewhere => LoginId::kept_elsewhere(sid).ok(),
        }
    }
}

fn signed_by_one_of(keys: &[VerifyingKey], parts: &Parts<'_>) -> Result<(), TokenError> {
    let Header { alg, kid, .. } = &parts.header;
    let mut of_algorithm = keys.iter().filter(|key| key.is_for_algorithm(alg)).peekable();
    if of_algorithm.peek().is_none() {
        return Err(TokenError::Algorithm);
    }
    let mut refusal = TokenError::UnknownKey;
    for key in of_algorithm.filter(|key| key.answers_to(kid.as_deref())) {
        if key.signed(parts.message, parts.signature) {
            return Ok(());
        }
        refusal = TokenError::Signature;
    }
    Err(refusal)
}
