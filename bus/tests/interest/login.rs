//! Every way to prove who we are, against a server that asks for it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bus::nats::multiplex::Multiplex;
use bus::{NatsAuth, Secret};
use lifecycle::Tasks;
use nkeys::KeyPair;

use crate::rig::{config, flush, nats_config, user};
use crate::server::Server;

fn log_in(server: &Server, auth: NatsAuth) -> Multiplex {
    let mut nats = nats_config(&[server.url()]);
    nats.auth = auth;
    let multiplex = Multiplex::open(config(nats), &Tasks::default()).unwrap();
    multiplex.subscribe_user(&user("alice"));
    multiplex
}

async fn lets_in(server: &Server, auth: NatsAuth) {
    flush(&log_in(server, auth)).await;
}

async fn keeps_out(server: &Server, auth: NatsAuth) {
    let multiplex = log_in(server, auth);
    let waiting = tokio::time::timeout(Duration::from_millis(300), multiplex.flush()).await;
    assert!(waiting.is_err(), "it must not come in");
}

#[tokio::test]
async fn user_and_password() {
    let Some(server) = Server::start("authorization { user: me, password: \"s3 cret\\\"\" }") else { return };
    lets_in(&server, NatsAuth::UserPassword("me".into(), Secret::new("s3 cret\""))).await;
    keeps_out(&server, NatsAuth::UserPassword("me".into(), Secret::new("guess"))).await;
    keeps_out(&server, NatsAuth::None).await;
}

#[tokio::test]
async fn token() {
    let Some(server) = Server::start("authorization { token: t0ken }") else { return };
    lets_in(&server, NatsAuth::Token(Secret::new("t0ken"))).await;
    keeps_out(&server, NatsAuth::Token(Secret::new("token"))).await;
}

#[tokio::test]
async fn nkey() {
    let (pair, stranger) = (KeyPair::new_user(), KeyPair::new_user());
    let config = format!("authorization {{ users: [ {{ nkey: {} }} ] }}", pair.public_key());
    let Some(server) = Server::start(&config) else { return };
    lets_in(&server, NatsAuth::NKey(Secret::new(pair.seed().unwrap()))).await;
    keeps_out(&server, NatsAuth::NKey(Secret::new(stranger.seed().unwrap()))).await;
}

/// A JWT as NATS makes them: signed by the issuer's key.
fn jwt(issuer: &KeyPair, subject: &KeyPair, claims: &str) -> String {
    let claims = format!(
        r#"{{"jti":"x","iat":1700000000,"iss":"{}","sub":"{}","name":"x","nats":{claims}}}"#,
        issuer.public_key(),
        subject.public_key(),
    );
    let head = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"ed25519-nkey"}"#);
    let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(issuer.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}

#[tokio::test]
async fn credentials() {
    let (operator, account, person) = (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_user());
    let operator_jwt = jwt(&operator, &operator, r#"{"type":"operator","version":2}"#);
    let limits = r#"{"subs":-1,"data":-1,"payload":-1,"imports":-1,"exports":-1,"wildcards":true,"conn":-1,"leaf":-1}"#;
    let account_claims = format!(r#"{{"type":"account","version":2,"limits":{limits}}}"#);
    let account_jwt = jwt(&operator, &account, &account_claims);
    let person_jwt =
        jwt(&account, &person, r#"{"type":"user","version":2,"subs":-1,"data":-1,"payload":-1}"#);
    let config = format!(
        "operator: \"{operator_jwt}\"\nresolver: MEMORY\nresolver_preload: {{ {}: \"{account_jwt}\" }}\n",
        account.public_key()
    );
    let Some(server) = Server::start(&config) else { return };
    let file = |seed: &str| {
        Secret::new(format!(
            "-----BEGIN NATS USER JWT-----\n{person_jwt}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        ))
    };
    lets_in(&server, NatsAuth::Credentials(file(&person.seed().unwrap()))).await;
    keeps_out(&server, NatsAuth::Credentials(file(&KeyPair::new_user().seed().unwrap()))).await;
    keeps_out(&server, NatsAuth::Credentials(Secret::new("nothing in it"))).await;
}
