//! Who else says who somebody is: `[[auth.issuers]]`, each a table of its own, and `auth.login_url`.

use auth::{KeyError, LoginRule, ScopeRule, SigningKey, Trust, VerifyingKey};
use toml::{Table, Value};

use super::reader::Reader;
use super::{milliseconds, near, seconds, secrets};
use crate::issuers::{IssuerKeys, TrustedIssuer};
use crate::login_hook::LoginHook;

const PATH: &str = "auth.issuers";
const KEYS: &[&str] = &[
    "issuer",
    "audience",
    "jwks_url",
    "public_key_file",
    "algorithm",
    "secret_file",
    "secret",
    "honour_scopes",
];
/// Of these exactly one says where the keys are.
const KEY_SOURCES: &[&str] = &["jwks_url", "public_key_file", "secret_file", "secret"];

/// Reads every issuer; those with problems are left out, and the problems noted.
pub(super) fn read(reader: &Reader) -> Vec<TrustedIssuer> {
    let items = reader.value(PATH).as_array().map(Vec::as_slice).unwrap_or_default();
    let read = |(index, item): (usize, &Value)| match item.as_table() {
        Some(table) => Entry { reader, index, table }.read(),
        None => {
            reader.problem(PATH, "each issuer is a table: write [[auth.issuers]] and its keys below");
            None
        }
    };
    items.iter().enumerate().filter_map(read).collect()
}

/// The system that decides about logins, if there is one.
pub(super) fn login(reader: &Reader) -> Option<LoginHook> {
    let hook = LoginHook {
        url: reader.text("auth.login_url"),
        secret: secrets::read(reader, "auth.login_secret"),
        timeout: reader.duration("auth.login_timeout", milliseconds(100)..=seconds(60)),
        at_once: reader.whole("auth.logins_at_once", 1..=10_000),
    };
    if !hook.url.is_empty() && !is_guarded(&hook.url) {
        reader.problem("auth.login_url", GUARDED);
    }
    (!hook.url.is_empty()).then_some(hook)
}

const GUARDED: &str = "must begin with https:// (http:// only on this machine)";

/// Whether nobody on the way reads or changes what is said there.
fn is_guarded(url: &str) -> bool {
    let local = ["http://localhost", "http://127.0.0.1", "http://[::1]"];
    let is_local = |start| {
        let rest = url.strip_prefix(start);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':']))
    };
    url.starts_with("https://") || local.into_iter().any(is_local)
}

struct Entry<'a> {
    reader: &'a Reader,
    index: usize,
    table: &'a Table,
}

impl Entry<'_> {
    fn read(&self) -> Option<TrustedIssuer> {
        for key in self.table.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            self.problem(key, format!("there is no such setting{}", near::advice(key, KEYS.iter().copied())));
        }
        let (issuer, audience) = (self.required("issuer"), self.required("audience"));
        let scopes = match self.table.get("honour_scopes") {
            None | Some(Value::Boolean(false)) => ScopeRule::Ignored,
            Some(Value::Boolean(true)) => ScopeRule::Honoured,
            Some(_) => {
                self.problem("honour_scopes", "must be true or false");
                ScopeRule::Ignored
            }
        };
        let keys = self.keys();
        let logins = LoginRule::Elsewhere;
        let trust = Trust { issuer: issuer?, audience: audience?, scopes, logins };
        Some(TrustedIssuer { trust, keys: keys? })
    }

    fn keys(&self) -> Option<IssuerKeys> {
        let named: Vec<_> = KEY_SOURCES.iter().filter(|key| self.table.contains_key(**key)).collect();
        let [source] = named.as_slice() else {
            self.problem("", format!("exactly one of {} says where its keys are", KEY_SOURCES.join(", ")));
            return None;
        };
        let value = self.required(source)?;
        let key = match **source {
            "jwks_url" => return self.key_set(value),
            "secret" => SigningKey::from_secret(value.as_bytes()).map(|key| VerifyingKey::hs256(&key)),
            "secret_file" => {
                let secret = self.file(source, &value)?;
                SigningKey::from_secret(secret.trim().as_bytes()).map(|key| VerifyingKey::hs256(&key))
            }
            _ => self.public_key(&self.file(source, &value)?)?,
        };
        match key {
            Ok(key) => Some(IssuerKeys::Fixed(vec![key])),
            Err(error) => {
                self.problem(source, error.to_string());
                None
            }
        }
    }

    /// Keys over an open network could be replaced on the way.
    fn key_set(&self, url: String) -> Option<IssuerKeys> {
        if is_guarded(&url) {
            return Some(IssuerKeys::Jwks(url));
        }
        self.problem("jwks_url", GUARDED);
        None
    }

    fn public_key(&self, pem: &str) -> Option<Result<VerifyingKey, KeyError>> {
        Some(match self.required("algorithm")?.as_str() {
            "RS256" => VerifyingKey::rs256_pem(pem),
            "ES256" => VerifyingKey::es256_pem(pem),
            "EdDSA" => VerifyingKey::eddsa_pem(pem),
            other => {
                self.problem("algorithm", format!("{other:?} is not one of \"RS256\", \"ES256\", \"EdDSA\""));
                return None;
            }
        })
    }

    fn file(&self, key: &str, path: &str) -> Option<String> {
        match std::fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error) => {
                self.problem(key, format!("{path} cannot be read: {error}"));
                None
            }
        }
    }

    fn required(&self, key: &str) -> Option<String> {
        match self.table.get(key).and_then(Value::as_str) {
            Some(text) if !text.is_empty() => Some(text.to_owned()),
            _ => {
                self.problem(key, "must be a text in quotes");
                None
            }
        }
    }

    fn problem(&self, key: &str, text: impl std::fmt::Display) {
        let dot = if key.is_empty() { "" } else { "." };
        self.reader.problem(PATH, format!("[{}]{dot}{key}: {text}", self.index));
    }
}
