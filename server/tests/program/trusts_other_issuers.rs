//! A token of an issuer whose key set is fetched opens a socket for a user that was never registered here.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use crate::http::get_as;
use crate::process::Tidegate;
use crate::socket::Socket;

/// An Ed25519 public key that was made for this test; its private half is gone.
const KEY: &str = r#"{"crv":"Ed25519","x":"fQCoIewuFaK0eMlHjSrg9aju7uipICXxd4m5ocKogOQ","kty":"OKP","kid":"one","use":"sig","alg":"EdDSA"}"#;
/// Signed with it: issuer `https://login.example.org/`, audiences `chat` and `web`, subject
/// `google-oauth2|1234567890`, valid until 2100, scope `openid server`.
const TOKEN: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6Im9uZSJ9.eyJpc3MiOiJodHRwczovL2xvZ2luLmV4YW1wbGUub3JnLyIsImF1ZCI6WyJjaGF0Iiwid2ViIl0sInN1YiI6Imdvb2dsZS1vYXV0aDJ8MTIzNDU2Nzg5MCIsImV4cCI6NDEwMjQ0NDgwMCwic2NvcGUiOiJvcGVuaWQgc2VydmVyIn0.c5japGXwflCS4e2JGYXSfVVOohUsYLtbak2_i_9_xNQb1fQfRtFajuLyZN4FhCigSPrPDbZqgJcvo2oDCp0tCg";
/// The same claims and key id, signed with another key.
const FORGED: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6Im9uZSJ9.eyJpc3MiOiJodHRwczovL2xvZ2luLmV4YW1wbGUub3JnLyIsImF1ZCI6WyJjaGF0Iiwid2ViIl0sInN1YiI6Imdvb2dsZS1vYXV0aDJ8MTIzNDU2Nzg5MCIsImV4cCI6NDEwMjQ0NDgwMCwic2NvcGUiOiJvcGVuaWQgc2VydmVyIn0.pIa5qBx08bvTdQar8ZoGpzc-onWmLHxHtkKW8Lz9IrCwKQnqYFEWhrY19JIvrv-JDTrN2ASi2-q2dRlofE78Dw";

/// Answers every request with the key set; ends with the process.
fn serve_key_set() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/jwks", listener.local_addr().expect("bound"));
    let body = format!("{{\"keys\":[{KEY}]}}");
    let serve = move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut head = BufReader::new(stream.try_clone().expect("a handle")).lines();
            while head.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
            write!(stream, "{head} {}\r\n\r\n{body}", body.len()).expect("sent");
        }
    };
    std::thread::Builder::new().name("issuer".into()).spawn(serve).expect("a thread");
    url
}

#[test]
fn a_published_key_set_is_trusted_for_its_issuer_and_audience() {
    let folder = tempfile::tempdir().unwrap();
    let issuers = format!(
        "[{{ issuer = \"https://login.example.org/\", audience = \"chat\", jwks_url = \"{}\" }}]",
        serve_key_set()
    );
    let server = Tidegate::start_with(folder.path(), &[("TIDEGATE_AUTH__ISSUERS", &issuers)]);
    Socket::open(&server, TOKEN);
    let me = get_as(&server.url("/api/v1/users/me"), TOKEN);
    assert_eq!(me.status, 200, "{}", me.text);
    assert_eq!(me.json()["user_id"], "google-oauth2|1234567890");
    assert_eq!(Socket::try_open(&server, &format!("?token={FORGED}")).err(), Some(401));
}

#[test]
fn an_unreachable_key_set_stops_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let issuers = format!(
        "[{{ issuer = \"https://login.example.org/\", audience = \"chat\", jwks_url = \"http://{nobody}/\" }}]"
    );
    let server = Tidegate::start_with(folder.path(), &[("TIDEGATE_AUTH__ISSUERS", &issuers)]);
    let server = server.may_warn(&["key set could not be fetched"]);
    assert_eq!(Socket::try_open(&server, &format!("?token={TOKEN}")).err(), Some(401));
    let alice = crate::http::new_user(&server, "alice", "correct horse");
    Socket::open(&server, &alice.token);
    server.signal("TERM");
    let (code, logs) = server.ended();
    assert_eq!(code, Some(0));
    assert!(logs.contains("key set could not be fetched"), "{logs}");
}
