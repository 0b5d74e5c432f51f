//! Which keys are accepted, and what the others are refused for.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use auth::{
    KeyError, LoginRule, RefreshToken, ScopeRule, SigningKey, TokenError, Trust, Verifier, VerifyingKey,
};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

fn public_jwk(pem: &str, algorithm: Algorithm, kid: &str) -> Value {
    let key = match algorithm {
        Algorithm::RS256 => EncodingKey::from_rsa_pem(pem.as_bytes()),
        Algorithm::ES256 => EncodingKey::from_ec_pem(pem.as_bytes()),
        _ => EncodingKey::from_ed_pem(pem.as_bytes()),
    };
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key.unwrap(), algorithm).unwrap()).unwrap();
    jwk["kid"] = json!(kid);
    jwk["use"] = json!("sig");
    jwk
}

#[test]
fn key_file_round_trips_and_is_one_line() {
    let key = SigningKey::generate();
    let text = key.to_text();
    assert_eq!((text.trim().len(), text.lines().count()), (43, 1));
    assert_eq!(SigningKey::from_text(&text), Ok(key.clone()));
    assert_eq!(SigningKey::from_text(text.trim()), Ok(key.clone()));
    assert_ne!(SigningKey::generate(), key);
    assert_eq!(SigningKey::from_text("not base64url!"), Err(KeyError::Text));
    assert!(!format!("{key:?}").contains(text.trim()));
}

#[test]
fn secrets_that_everybody_knows_are_refused() {
    for sample in [
        "secret",
        "changeme",
        "your-secret-key",
        "your-256-bit-secret",
        "your-secret-key-change-in-production-please",
        "a-string-secret-at-least-256-bits-long",
        "CHANGE_ME_CHANGE_ME_CHANGE_ME_CHANGE_ME",
        "my-secret-key-0123456789-0123456789-abc",
    ] {
        assert_eq!(SigningKey::from_secret(sample.as_bytes()), Err(KeyError::Sample), "{sample}");
    }
    assert_eq!(SigningKey::from_secret(b"q8Jx2nV7"), Err(KeyError::Short(8)));
    assert_eq!(SigningKey::from_secret(&[b'a'; 64]), Err(KeyError::Weak));
    assert!(SigningKey::from_secret(b"T9vq2LmX7cRz4WkP8sNd1HyB6fGj3Ve0").is_ok());
}

#[test]
fn weak_or_misplaced_public_keys_are_refused() {
    let short = include_str!("keys/rsa_short.public.pem");
    let p384 = include_str!("keys/p384.public.pem");
    let ed = include_str!("keys/ed25519.public.pem");
    assert_eq!(VerifyingKey::rs256_pem(short).err(), Some(KeyError::Unfit));
    assert_eq!(VerifyingKey::es256_pem(p384).err(), Some(KeyError::Unfit));
    assert_eq!(VerifyingKey::rs256_pem(ed).err(), Some(KeyError::Pem("RSA")));
    assert_eq!(VerifyingKey::es256_pem(ed).err(), Some(KeyError::Pem("P-256")));
    assert_eq!(VerifyingKey::eddsa_pem("hello").err(), Some(KeyError::Pem("Ed25519")));
}

#[test]
fn key_set_gives_its_usable_keys_by_kid() {
    let (rsa, ec, ed) =
        (include_str!("keys/rsa_one.pem"), include_str!("keys/p256.pem"), include_str!("keys/ed25519.pem"));
    let mut for_encryption = public_jwk(rsa, Algorithm::RS256, "enc");
    for_encryption["use"] = json!("enc");
    let mut other_algorithm = public_jwk(rsa, Algorithm::RS256, "ps");
    other_algorithm["alg"] = json!("PS256");
    let document = json!({"keys": [
        public_jwk(rsa, Algorithm::RS256, "r"),
        public_jwk(ec, Algorithm::ES256, "e"),
        public_jwk(ed, Algorithm::EdDSA, "d"),
        for_encryption,
        other_algorithm,
        {"kty": "oct", "kid": "o", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75"},
        {"kty": "future", "kid": "f"},
    ]})
    .to_string();
    let keys = VerifyingKey::jwks(&document).unwrap();
    assert_eq!(keys.len(), 3);

    let trust = Trust {
        issuer: "i".to_owned(),
        audience: "a".to_owned(),
        scopes: ScopeRule::Ignored,
        logins: LoginRule::Elsewhere,
    };
    let verifier = Verifier::new(0).trusting(trust, keys);
    let claims = json!({"iss": "i", "aud": "a", "sub": "u", "exp": 100});
    let sign = |kid: &str, algorithm, key: EncodingKey| {
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) };
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    };
    let rsa_key = || EncodingKey::from_rsa_pem(rsa.as_bytes()).unwrap();
    let ec_key = EncodingKey::from_ec_pem(ec.as_bytes()).unwrap();
    let ed_key = EncodingKey::from_ed_pem(ed.as_bytes()).unwrap();
    assert!(verifier.verify(&sign("r", Algorithm::RS256, rsa_key()), 50).is_ok());
    assert!(verifier.verify(&sign("e", Algorithm::ES256, ec_key), 50).is_ok());
    assert!(verifier.verify(&sign("d", Algorithm::EdDSA, ed_key), 50).is_ok());
    assert_eq!(verifier.verify(&sign("enc", Algorithm::RS256, rsa_key()), 50), Err(TokenError::UnknownKey));
}

#[test]
fn key_sets_without_a_usable_key_are_refused() {
    assert_eq!(VerifyingKey::jwks("<html>").err(), Some(KeyError::Jwks));
    assert_eq!(VerifyingKey::jwks(r#"{"keys":[]}"#).err(), Some(KeyError::NoUsableKey));
    let many = json!({"keys": vec![json!({"kty": "future"}); 65]}).to_string();
    assert_eq!(VerifyingKey::jwks(&many).err(), Some(KeyError::Jwks));
}

#[test]
fn refresh_tokens_are_random_and_stored_as_digests() {
    let first = RefreshToken::for_new_login();
    let next = RefreshToken::next_of(first.login.clone());
    assert_eq!(RefreshToken::parse(&first.text()), Some(first.clone()));
    assert_eq!(first.login, next.login);
    assert_ne!(first.digest(), next.digest());
    assert_ne!(first.login, RefreshToken::for_new_login().login);
    let shown = format!("{first:?}");
    assert!(!shown.contains(first.text().rsplit_once('.').unwrap().1), "{shown}");
    for text in ["", ".", "a.b", "login", &first.text()[1..].replace('.', "")] {
        assert_eq!(RefreshToken::parse(text), None, "{text:?}");
    }
}
