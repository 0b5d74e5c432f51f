//! The parts of a token before anything is verified: header, claims, and what was signed.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use crate::{TOKEN_BYTES_MAX, TokenError};

/// A token taken apart. Nothing in it can be trusted yet.
pub(crate) struct Parts<'a> {
    /// Header and claims as they were signed.
    pub(crate) message: &'a str,
    pub(crate) signature: &'a str,
    pub(crate) header: Header,
    pub(crate) claims: Claims,
}

#[derive(Deserialize)]
pub(crate) struct Header {
    pub(crate) alg: String,
    pub(crate) kid: Option<String>,
    crit: Option<Value>,
}

/// The claims that matter here (RFC 7519 §4.1). Types are checked one by one, so that an error can name the claim.
#[derive(Deserialize)]
pub(crate) struct Claims {
    iss: Option<Value>,
    aud: Option<Value>,
    sub: Option<Value>,
    exp: Option<Value>,
    nbf: Option<Value>,
    sid: Option<Value>,
    scope: Option<Value>,
}

impl<'a> Parts<'a> {
    pub(crate) fn of(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(TokenError::Malformed)?;
        let header: Header = decoded(header)?;
        if header.crit.is_some() {
            return Err(TokenError::Critical);
        }
        Ok(Self { message, signature, header, claims: decoded(claims)? })
    }
}

fn decoded<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, TokenError> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| TokenError::Malformed)
}

impl Claims {
    pub(crate) fn issuer(&self) -> Result<&str, TokenError> {
        self.iss.as_ref().and_then(Value::as_str).ok_or(TokenError::Claim("iss"))
    }

    pub(crate) fn subject(&self) -> Result<&str, TokenError> {
        self.sub.as_ref().and_then(Value::as_str).ok_or(TokenError::Claim("sub"))
    }

    pub(crate) fn session(&self) -> Option<&str> {
        self.sid.as_ref().and_then(Value::as_str)
    }

    /// Whether `audience` is the audience or one of them.
    pub(crate) fn is_for(&self, audience: &str) -> Result<bool, TokenError> {
        match &self.aud {
            Some(Value::String(one)) => Ok(one == audience),
            Some(Value::Array(many)) => Ok(many.iter().any(|one| one.as_str() == Some(audience))),
            _ => Err(TokenError::Claim("aud")),
        }
    }

    pub(crate) fn expires(&self) -> Result<u64, TokenError> {
        self.exp.as_ref().and_then(seconds).ok_or(TokenError::Claim("exp"))
    }

    pub(crate) fn not_before(&self) -> Result<Option<u64>, TokenError> {
        match &self.nbf {
            None => Ok(None),
            Some(value) => seconds(value).map(Some).ok_or(TokenError::Claim("nbf")),
        }
    }

    /// The `scope` claim: words in one text, or, as some issuers write it, a list of them.
    pub(crate) fn scope(&self) -> Cow<'_, str> {
        match &self.scope {
            Some(Value::String(words)) => Cow::Borrowed(words),
            Some(Value::Array(words)) => {
                Cow::Owned(words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "))
            }
            _ => Cow::Borrowed(""),
        }
    }
}

/// A NumericDate (RFC 7519 §2), which may have a fraction; the fraction is cut off.
fn seconds(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let seconds = value.as_f64()?;
        // Beyond 2^53 a float is no longer a whole number of seconds, and no date.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
        (0.0..9_007_199_254_740_992.0).contains(&seconds).then_some(seconds as u64)
    })
}
