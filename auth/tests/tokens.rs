//! Which tokens pass, and what each other one is refused for.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use auth::{
    Identity, Issuer, LoginRule, Scope, ScopeRule, Scopes, SharedVerifier, SigningKey, TokenError, Trust,
    Verifier, VerifyingKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use proto::{LoginId, UserId};
use serde_json::{Value, json};

const NOW: u64 = 1_790_000_000;
const RSA_PUBLIC: &str = include_str!("keys/rsa_one.public.pem");

fn outside(scopes: ScopeRule) -> Trust {
    Trust {
        issuer: "https://id.example.org/".to_owned(),
        audience: "chat".to_owned(),
        scopes,
        logins: LoginRule::Elsewhere,
    }
}

fn claims() -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("iss", json!("https://id.example.org/")),
        ("aud", json!("chat")),
        ("sub", json!("auth0|5f7c8ec7c33c6c004bbafe82")),
        ("exp", json!(NOW + 60)),
    ])
}

fn rsa(name: &str) -> EncodingKey {
    let pem = match name {
        "one" => include_str!("keys/rsa_one.pem"),
        _ => include_str!("keys/rsa_two.pem"),
    };
    EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
}

fn signed(header: &Header, claims: &BTreeMap<&'static str, Value>, key: &EncodingKey) -> String {
    jsonwebtoken::encode(header, claims, key).unwrap()
}

fn rs256(claims: &BTreeMap<&'static str, Value>) -> String {
    signed(&Header::new(Algorithm::RS256), claims, &rsa("one"))
}

fn verifier() -> Verifier {
    Verifier::new(5).trusting(outside(ScopeRule::Ignored), vec![VerifyingKey::rs256_pem(RSA_PUBLIC).unwrap()])
}

fn with(name: &'static str, value: Value) -> Result<Identity, TokenError> {
    let mut claims = claims();
    claims.insert(name, value);
    verifier().verify(&rs256(&claims), NOW)
}

#[test]
fn every_algorithm_verifies_what_it_signed() {
    let secret = SigningKey::generate();
    let text = secret.to_text();
    let raw = URL_SAFE_NO_PAD.decode(text.trim()).unwrap();
    let cases = [
        (Algorithm::HS256, EncodingKey::from_secret(&raw), VerifyingKey::hs256(&secret)),
        (Algorithm::RS256, rsa("one"), VerifyingKey::rs256_pem(RSA_PUBLIC).unwrap()),
        (
            Algorithm::ES256,
            EncodingKey::from_ec_pem(include_bytes!("keys/p256.pem")).unwrap(),
            VerifyingKey::es256_pem(include_str!("keys/p256.public.pem")).unwrap(),
        ),
        (
            Algorithm::EdDSA,
            EncodingKey::from_ed_pem(include_bytes!("keys/ed25519.pem")).unwrap(),
            VerifyingKey::eddsa_pem(include_str!("keys/ed25519.public.pem")).unwrap(),
        ),
    ];
    for (algorithm, signing, verifying) in cases {
        let token = signed(&Header::new(algorithm), &claims(), &signing);
        let verifier = Verifier::new(5).trusting(outside(ScopeRule::Ignored), vec![verifying]);
        let identity = verifier.verify(&token, NOW).unwrap();
        assert_eq!(identity.user.as_str(), "auth0|5f7c8ec7c33c6c004bbafe82", "{algorithm:?}");
        assert_eq!((identity.login, identity.expires), (None, NOW + 60));

        let (message, signature) = token.rsplit_once('.').unwrap();
        let flipped = if signature.starts_with('A') { "B" } else { "A" };
        let forged = format!("{message}.{flipped}{}", &signature[1..]);
        assert_eq!(verifier.verify(&forged, NOW), Err(TokenError::Signature), "{algorithm:?}");
        assert_eq!(verifier.verify(&format!("{message}."), NOW), Err(TokenError::Signature), "{algorithm:?}");
    }
}

#[test]
fn public_key_used_as_hmac_secret_is_refused() {
    let header = Header::new(Algorithm::HS256);
    let token = signed(&header, &claims(), &EncodingKey::from_secret(RSA_PUBLIC.as_bytes()));
    assert_eq!(verifier().verify(&token, NOW), Err(TokenError::Algorithm));
}

#[test]
fn algorithm_none_is_refused_in_every_spelling() {
    let claims = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims()).unwrap());
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = URL_SAFE_NO_PAD.encode(json!({"alg": alg, "typ": "JWT"}).to_string());
        for signature in ["", "AAAA"] {
            let token = format!("{header}.{claims}.{signature}");
            assert_eq!(verifier().verify(&token, NOW), Err(TokenError::Algorithm), "{alg:?}");
        }
    }
}

#[test]
fn claims_are_checked_one_by_one() {
    assert!(with("aud", json!(["other", "chat"])).is_ok());
    assert_eq!(with("aud", json!("other")), Err(TokenError::Audience));
    assert_eq!(with("aud", json!([])), Err(TokenError::Audience));
    assert_eq!(with("aud", json!(7)), Err(TokenError::Claim("aud")));
    assert_eq!(with("iss", json!("https://id.example.org")), Err(TokenError::Issuer));
    assert_eq!(with("iss", json!(null)), Err(TokenError::Claim("iss")));
    assert_eq!(with("sub", json!("two words")), Err(TokenError::Claim("sub")));
    assert_eq!(with("sub", json!("")), Err(TokenError::Claim("sub")));
    assert_eq!(with("exp", json!("tomorrow")), Err(TokenError::Claim("exp")));
    assert_eq!(with("exp", json!(-1)), Err(TokenError::Claim("exp")));
    assert_eq!(with("exp", json!(1e300)), Err(TokenError::Claim("exp")));
    assert_eq!(with("nbf", json!(NOW + 6)), Err(TokenError::NotYet));
    assert_eq!(with("nbf", json!("soon")), Err(TokenError::Claim("nbf")));
    assert!(with("nbf", json!(NOW + 5)).is_ok());
    assert_eq!(with("exp", json!(NOW as f64 + 60.5)).unwrap().expires, NOW + 60);
}

#[test]
fn missing_claims_are_named() {
    for claim in ["iss", "aud", "sub", "exp"] {
        let mut claims = claims();
        claims.remove(claim);
        assert_eq!(verifier().verify(&rs256(&claims), NOW), Err(TokenError::Claim(claim)));
    }
}

#[test]
fn expiry_has_only_the_leeway() {
    let token = rs256(&claims());
    assert!(verifier().verify(&token, NOW + 64).is_ok());
    assert_eq!(verifier().verify(&token, NOW + 65), Err(TokenError::Expired));
}

#[test]
fn critical_extensions_and_non_tokens_are_refused() {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","crit":["b64"],"b64":false}"#);
    let claims = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims()).unwrap());
    assert_eq!(verifier().verify(&format!("{header}.{claims}.AA"), NOW), Err(TokenError::Critical));
    for text in ["", ".", "..", "a.b.c", "Bearer x", "é.é.é", &"a".repeat(100)] {
        assert_eq!(verifier().verify(text, NOW), Err(TokenError::Malformed), "{text:?}");
    }
    let long = "a".repeat(auth::TOKEN_BYTES_MAX + 1);
    assert_eq!(verifier().verify(&long, NOW), Err(TokenError::TooLong));
}

#[test]
fn kid_chooses_the_key() {
    let keys = || {
        vec![
            VerifyingKey::rs256_pem(include_str!("keys/rsa_two.public.pem")).unwrap().with_kid("two"),
            VerifyingKey::rs256_pem(RSA_PUBLIC).unwrap().with_kid("one"),
        ]
    };
    let verifier = Verifier::new(5).trusting(outside(ScopeRule::Ignored), keys());
    let token = |kid: Option<&str>| {
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::RS256) };
        signed(&header, &claims(), &rsa("one"))
    };
    assert!(verifier.verify(&token(Some("one")), NOW).is_ok());
    assert!(verifier.verify(&token(None), NOW).is_ok(), "without a kid every key is tried");
    assert_eq!(verifier.verify(&token(Some("two")), NOW), Err(TokenError::Signature));

    let shared = SharedVerifier::new(verifier);
    assert_eq!(shared.verify(&token(Some("three")), NOW), Err(TokenError::UnknownKey));
    assert_eq!(shared.unknown_keys(), 1);
    let published = VerifyingKey::rs256_pem(RSA_PUBLIC).unwrap().with_kid("three");
    shared.replace(Verifier::new(5).trusting(outside(ScopeRule::Ignored), vec![published]));
    assert!(shared.verify(&token(Some("three")), NOW).is_ok());
}

#[test]
fn one_issuers_key_does_not_speak_for_another() {
    let own = Issuer::new(SigningKey::generate(), "tidegate", "tidegate");
    let verifier = own.trusted_by(verifier());
    let mut claims = claims();
    claims.insert("iss", json!("tidegate"));
    claims.insert("aud", json!("tidegate"));
    assert_eq!(verifier.verify(&rs256(&claims), NOW), Err(TokenError::Algorithm));
}

#[test]
fn own_tokens_carry_user_login_and_scopes() {
    let issuer = Issuer::new(SigningKey::generate(), "tidegate", "tidegate");
    let verifier = issuer.trusted_by(Verifier::new(0));
    let (user, login) = (UserId::parse("alice").unwrap(), LoginId::parse("l-1").unwrap());
    let token = issuer.issue(&user, Some(&login), &Scopes::new("read server"), NOW, 900);
    let identity = verifier.verify(&token, NOW).unwrap();
    assert_eq!((&identity.user, identity.login.as_ref(), identity.expires), (&user, Some(&login), NOW + 900));
    assert!(identity.is_service() && identity.scopes.contains("read"));

    let plain = issuer.issue(&user, None, &Scopes::default(), NOW, 900);
    let identity = verifier.verify(&plain, NOW).unwrap();
    assert_eq!(identity.login, None);
    assert!(!identity.is_service());

    let stranger = Issuer::new(SigningKey::generate(), "tidegate", "tidegate");
    let forged = stranger.issue(&user, None, &Scopes::default(), NOW, 900);
    assert_eq!(verifier.verify(&forged, NOW), Err(TokenError::Signature));
}

#[test]
fn a_service_may_what_its_scopes_say_and_what_users_do_only_with_all() {
    let holds = |words: &str| Identity {
        user: UserId::parse("crm").unwrap(),
        login: None,
        expires: NOW,
        scopes: Scopes::new(words),
    };
    let user = holds("openid users:admin serverx");
    assert!(user.is_user() && !user.is_service() && Scope::ALL.iter().all(|scope| !user.may(*scope)));
    let all = holds("openid server");
    assert!(all.is_user() && all.is_service() && Scope::ALL.iter().all(|scope| all.may(*scope)));
    for scope in Scope::ALL.into_iter().filter(|scope| *scope != Scope::Server) {
        assert_eq!(Scope::named(scope.name()), Some(scope));
        let one = holds(&format!("openid {scope}"));
        let may: Vec<Scope> = Scope::ALL.into_iter().filter(|other| one.may(*other)).collect();
        assert_eq!((may, one.is_service(), one.is_user()), (vec![scope], true, false));
        assert_eq!(Scopes::of(&[scope, Scope::Server]).as_str(), format!("{scope} server"));
    }
}

#[test]
fn scopes_count_only_where_the_issuer_may_give_them() {
    let mut claims = claims();
    claims.insert("scope", json!(["openid", "server"]));
    let token = rs256(&claims);
    assert!(!verifier().verify(&token, NOW).unwrap().is_service());
    let key = VerifyingKey::rs256_pem(RSA_PUBLIC).unwrap();
    let honouring = Verifier::new(5).trusting(outside(ScopeRule::Honoured), vec![key]);
    assert!(honouring.verify(&token, NOW).unwrap().is_service());
}

#[test]
fn one_issuer_may_have_two_audiences() {
    let key = || vec![VerifyingKey::rs256_pem(RSA_PUBLIC).unwrap()];
    let other = Trust { audience: "mobile".to_owned(), ..outside(ScopeRule::Ignored) };
    let verifier = Verifier::new(5).trusting(other, key()).trusting(outside(ScopeRule::Ignored), key());
    assert!(verifier.verify(&rs256(&claims()), NOW).is_ok());
    let mut claims = claims();
    claims.insert("aud", json!("third"));
    assert_eq!(verifier.verify(&rs256(&claims), NOW), Err(TokenError::Audience));
}
