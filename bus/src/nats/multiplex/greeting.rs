//! The first words: what a server says of itself (`INFO`), and what we say of ourselves (`CONNECT`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::nats::config::NatsAuth;

/// What we read of `INFO`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ServerInfo {
    pub(super) server_id: String,
    pub(super) version: String,
    pub(super) max_payload: usize,
    pub(super) tls_required: bool,
    pub(super) tls_available: bool,
    /// To be signed by those who log in by a key.
    pub(super) nonce: String,
    /// Clients' addresses of the whole cluster.
    pub(super) connect_urls: Vec<String>,
    /// The server is going to end.
    #[serde(rename = "ldm")]
    pub(super) lame_duck: bool,
}

/// Why we cannot say who we are.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The content of a credentials file.
    #[error("the credentials have no {0}")]
    Incomplete(&'static str),
    /// The key. Says nothing more, as it is a secret.
    #[error("the key is not the seed of a user")]
    BadKey,
    /// A server that does not take keys.
    #[error("the server gave nothing to sign")]
    NoNonce,
}

#[derive(Serialize)]
struct Connect<'a> {
    verbose: bool,
    pedantic: bool,
    echo: bool,
    headers: bool,
    no_responders: bool,
    protocol: u8,
    tls_required: bool,
    lang: &'a str,
    version: &'a str,
    name: &'a str,
    #[serde(flatten)]
    proof: Proof,
}

#[derive(Serialize, Default)]
struct Proof {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pass: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nkey: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sig: Option<String>,
}

/// The line that answers `INFO`, with its end.
pub(super) fn connect_line(
    name: &str,
    auth: &NatsAuth,
    info: &ServerInfo,
    tls: Encryption,
) -> Result<Vec<u8>, LoginError> {
    let connect = Connect {
        verbose: false,
        pedantic: false,
        echo: false,
        headers: true,
        no_responders: true,
        // Asks for INFO whenever the cluster changes.
        protocol: 1,
        tls_required: tls == Encryption::Tls,
        lang: "rust",
        version: env!("CARGO_PKG_VERSION"),
        name,
        proof: proof(auth, &info.nonce)?,
    };
    let mut line = b"CONNECT ".to_vec();
    // Strings and booleans always have a JSON.
    line.extend(serde_json::to_vec(&connect).unwrap_or_default());
    line.extend(b"\r\n");
    Ok(line)
}

/// How the bytes travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Encryption {
    Plain,
    Tls,
}

fn proof(auth: &NatsAuth, nonce: &str) -> Result<Proof, LoginError> {
    Ok(match auth {
        NatsAuth::None => Proof::default(),
        NatsAuth::UserPassword(user, password) => {
            let (user, password) = (user.clone(), password.reveal().to_owned());
            Proof { user: Some(user), pass: Some(password), ..Proof::default() }
        }
        NatsAuth::Token(token) => Proof { auth_token: Some(token.reveal().to_owned()), ..Proof::default() },
        NatsAuth::NKey(seed) => {
            let (nkey, sig) = sign(seed.reveal(), nonce)?;
            Proof { nkey: Some(nkey), sig: Some(sig), ..Proof::default() }
        }
        NatsAuth::Credentials(content) => {
            let text = content.reveal();
            let jwt = section(text, "NATS USER JWT").ok_or(LoginError::Incomplete("JWT"))?;
            let seed = section(text, "USER NKEY SEED").ok_or(LoginError::Incomplete("seed"))?;
            let (_, sig) = sign(seed, nonce)?;
            Proof { jwt: Some(jwt.to_owned()), sig: Some(sig), ..Proof::default() }
        }
    })
}

/// The public key, and the signature of the nonce.
fn sign(seed: &str, nonce: &str) -> Result<(String, String), LoginError> {
    if nonce.is_empty() {
        return Err(LoginError::NoNonce);
    }
    let pair = nkeys::KeyPair::from_seed(seed.trim()).map_err(|_| LoginError::BadKey)?;
    let signature = pair.sign(nonce.as_bytes()).map_err(|_| LoginError::BadKey)?;
    Ok((pair.public_key(), URL_SAFE_NO_PAD.encode(signature)))
}

/// What stands between `-----BEGIN name-----` and the next line of dashes.
fn section<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let begin = format!("BEGIN {name}");
    let (_, rest) = text.split_once(&begin)?;
    let (_, rest) = rest.split_once('\n')?;
    let (content, _) = rest.split_once("---")?;
    let content = content.trim();
    (!content.is_empty()).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nats::config::Secret;

    fn line(auth: &NatsAuth, nonce: &str) -> serde_json::Value {
        let info = ServerInfo { nonce: nonce.to_owned(), ..ServerInfo::default() };
        let line = connect_line("here", auth, &info, Encryption::Plain).unwrap();
        let json = line.strip_prefix(b"CONNECT ").unwrap().strip_suffix(b"\r\n").unwrap();
        serde_json::from_slice(json).unwrap()
    }

    #[test]
    fn nothing_is_echoed_and_nothing_confirmed() {
        let connect = line(&NatsAuth::None, "");
        for (field, value) in [("verbose", false), ("pedantic", false), ("echo", false), ("headers", true)] {
            assert_eq!(connect[field], value, "{field}");
        }
        assert_eq!(connect["protocol"], 1);
        assert!(connect.get("user").is_none() && connect.get("sig").is_none());
    }

    #[test]
    fn a_key_signs_the_nonce() {
        let pair = nkeys::KeyPair::new_user();
        let connect = line(&NatsAuth::NKey(Secret::new(pair.seed().unwrap())), "nonce");
        assert_eq!(connect["nkey"], pair.public_key());
        let signature = URL_SAFE_NO_PAD.decode(connect["sig"].as_str().unwrap()).unwrap();
        pair.verify(b"nonce", &signature).unwrap();
        let info = ServerInfo::default();
        let auth = NatsAuth::NKey(Secret::new(pair.seed().unwrap()));
        assert!(matches!(connect_line("", &auth, &info, Encryption::Tls), Err(LoginError::NoNonce)));
        let info = ServerInfo { nonce: "nonce".into(), ..info };
        let auth = NatsAuth::NKey(Secret::new("SU-not-a-seed"));
        assert!(matches!(connect_line("", &auth, &info, Encryption::Tls), Err(LoginError::BadKey)));
    }

    #[test]
    fn credentials_are_read_whatever_surrounds_them() {
        let text = "-----BEGIN NATS USER JWT-----\neyJ0.e30.sig\n------END NATS USER JWT------\n\n*** keep\n\n\
                    -----BEGIN USER NKEY SEED-----\nSUAB\n------END USER NKEY SEED------\n";
        assert_eq!(section(text, "NATS USER JWT"), Some("eyJ0.e30.sig"));
        assert_eq!(section(text, "USER NKEY SEED"), Some("SUAB"));
        assert_eq!(section("-----BEGIN USER NKEY SEED-----\n", "USER NKEY SEED"), None);
    }

    #[test]
    fn info_may_say_more_or_less() {
        let json = r#"{"server_id":"N","max_payload":1048576,"ldm":true,"connect_urls":["a:1"],"new":{}}"#;
        let info: ServerInfo = serde_json::from_str(json).unwrap();
        assert!(info.lame_duck && !info.tls_required);
        assert_eq!((info.max_payload, info.connect_urls.len()), (1_048_576, 1));
    }
}
