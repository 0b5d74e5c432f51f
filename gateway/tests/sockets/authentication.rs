//! The ways to prove who one is.

use crate::bench::tickets::TICKET_WHILE_AWAY;
use crate::bench::{Bench, user};
use crate::client::{Client, Refused};

fn refused(result: Result<Client, Refused>) -> Refused {
    match result {
        Ok(_) => panic!("the handshake was accepted"),
        Err(refused) => refused,
    }
}

#[test]
fn a_bearer_subprotocol_is_welcomed_at_once_and_never_echoed() {
    let bench = Bench::start();
    let mut client = Client::with_token(bench.address, &bench.token("alice", 600));
    let welcome = client.expect_welcome();
    assert_eq!(welcome.user, user("alice"));
    assert_eq!(welcome.limits.unanswered, 64);
    assert_eq!(client.response.headers()["sec-websocket-protocol"], "tidegate.v1.json");
}

#[test]
fn a_bare_token_as_the_only_subprotocol_is_echoed() {
    let bench = Bench::start();
    let token = bench.token("alice", 600);
    let mut client = Client::with_protocols(bench.address, &token);
    assert_eq!(client.expect_welcome().user, user("alice"));
    assert_eq!(client.response.headers()["sec-websocket-protocol"], token.as_str());
}

#[test]
fn the_first_frame_may_carry_the_token() {
    let bench = Bench::start();
    let mut client = Client::anonymous(bench.address);
    let token = bench.token("alice", 600);
    client.send(&format!(r#"{{"hello":{{"auth":"{token}","device":"phone","resume":{{"cursor":"c1"}}}}}}"#));
    assert_eq!(client.expect_welcome().user, user("alice"));
    let command = bench.command();
    assert_eq!(command.origin.device.as_str(), "phone");
    assert!(matches!(command.request, proto::Request::Sync(sync) if sync.cursor == "c1"));
}

#[test]
fn the_handshake_may_carry_all_that_hello_says() {
    let bench = Bench::start();
    let (token, ticket) = (bench.token("alice", 600), bench.ticket("alice"));
    for path in [
        format!("/ws?token={token}&device=phone-1&resume=c%2B1"),
        format!("/ws?resume=c%2B1&device=phone-1&ticket={ticket}"),
    ] {
        let mut client = Client::open(bench.address, &path, &[]).unwrap_or_else(|_| panic!("refused"));
        assert_eq!(client.expect_welcome().user, user("alice"));
        let command = bench.command();
        assert_eq!(command.origin.device.as_str(), "phone-1");
        assert!(matches!(command.request, proto::Request::Sync(sync) if sync.cursor == "c+1"));
    }
}

#[test]
fn wishes_of_nobody_and_wishes_that_make_no_sense_are_refused() {
    let bench = Bench::start();
    let most = proto::limits::CURSOR_BYTES_MAX;
    let (token, long) = (bench.token("alice", 600), "c".repeat(most + 1));
    let too_long = format!("resume in the query: {} bytes, at most {most} are allowed", most + 1);
    for (path, words) in [
        ("/ws?resume=".to_owned(), "need a token or a ticket"),
        ("/ws?device=phone".to_owned(), "need a token or a ticket"),
        (format!("/ws?device=a%20b&token={token}"), "device in the query"),
        (format!("/ws?resume={long}&token={token}"), &too_long),
    ] {
        let refused = refused(Client::open(bench.address, &path, &[]));
        assert_eq!(refused.status, 400);
        assert!(refused.words.contains(words), "{}", refused.words);
    }
}

#[test]
fn a_ticket_works_once() {
    let bench = Bench::start();
    let path = format!("/ws?ticket={}", bench.ticket("alice"));
    let mut client = Client::open(bench.address, &path, &[]).unwrap_or_else(|_| panic!("refused"));
    assert_eq!(client.expect_welcome().user, user("alice"));
    assert_eq!(refused(Client::open(bench.address, &path, &[])).status, 401);
}

#[test]
fn a_ticket_is_for_its_user_alone() {
    let bench = Bench::start();
    let path = format!("/ws?ticket={}&userId=bob", bench.ticket("alice"));
    assert_eq!(refused(Client::open(bench.address, &path, &[])).status, 401);
}

#[test]
fn while_nobody_knows_tickets_that_is_said() {
    let bench = Bench::start();
    let refused = refused(Client::open(bench.address, &format!("/ws?ticket={TICKET_WHILE_AWAY}"), &[]));
    assert_eq!(refused.status, 503);
    assert!(refused.words.contains("at the moment"), "{}", refused.words);
}

#[test]
fn a_token_in_the_query_works_on_every_path_of_the_socket() {
    let bench = Bench::start();
    let token = bench.token("alice", 600);
    for path in ["/ws", "/chat", "/api/v1/ws"] {
        let path = format!("{path}?token={token}");
        let mut client = Client::open(bench.address, &path, &[]).unwrap_or_else(|_| panic!("refused"));
        assert_eq!(client.expect_welcome().user, user("alice"));
    }
}

#[test]
fn the_binary_subprotocol_gets_binary_frames() {
    let bench = Bench::start();
    let token = bench.token("alice", 600);
    let mut client = Client::with_protocols(bench.address, &format!("tidegate.v1.proto, bearer.{token}"));
    let message = client.socket.read().unwrap();
    assert!(message.is_binary());
}

#[test]
fn a_proof_that_is_not_valid_is_refused_before_the_upgrade() {
    let bench = Bench::start();
    let expired = bench.expired_token("alice");
    let mut forged = bench.token("alice", 600);
    forged.truncate(forged.len() - 4);
    for token in [expired.as_str(), forged.as_str(), "nonsense"] {
        let refused = refused(Client::open(
            bench.address,
            "/ws",
            &[("sec-websocket-protocol", &format!("tidegate.v1.json, bearer.{token}"))],
        ));
        assert_eq!(refused.status, 401);
        assert!(refused.words.starts_with("the token is not valid"), "{}", refused.words);
        assert!(!refused.words.contains(token), "a refusal repeats no token");
    }
    assert_eq!(refused(Client::open(bench.address, "/ws?ticket=unknown", &[])).status, 401);
}

#[test]
fn a_socket_for_another_user_than_the_tokens_is_refused() {
    let bench = Bench::start();
    let token = bench.token("alice", 600);
    let path = |user: &str| format!("/chat?userId={user}&token={token}");
    let other = refused(Client::open(bench.address, &path("bob"), &[]));
    assert_eq!(other.status, 401);
    assert!(Client::open(bench.address, &path("alice"), &[]).is_ok());

    let mut late = Client::open(bench.address, "/chat?userId=bob", &[]).unwrap_or_else(|_| panic!("refused"));
    late.send(&format!(r#"{{"hello":{{"auth":"{token}"}}}}"#));
    assert_eq!(late.closed(), 4401);
}

#[test]
fn no_proof_in_time_closes_with_4401() {
    let bench = Bench::with(|config| config.timeouts.hello = std::time::Duration::from_millis(200));
    assert_eq!(Client::anonymous(bench.address).closed(), 4401);
}

#[test]
fn anything_before_the_proof_closes_with_4401() {
    let bench = Bench::start();
    let mut early = Client::anonymous(bench.address);
    early.send_message(1, "bob");
    assert_eq!(early.closed(), 4401);
    let mut wrong = Client::anonymous(bench.address);
    wrong.send(r#"{"hello":{"auth":"nonsense"}}"#);
    assert_eq!(wrong.closed(), 4401);
    bench.expect_no_command();
}

#[test]
fn a_frame_sent_with_the_handshake_is_not_lost() {
    use std::io::{Read as _, Write as _};
    let bench = Bench::start();
    let token = bench.token("alice", 600);
    let mut stream = std::net::TcpStream::connect(bench.address).unwrap();
    stream.set_read_timeout(Some(crate::bench::PATIENCE)).unwrap();
    let head = format!(
        "GET /ws?token={token} HTTP/1.1\r\nhost: {}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        bench.address
    );
    let mut bytes = head.into_bytes();
    // A masked text frame with an all-zero key.
    let sync = br#"{"sync":{"cursor":"early"}}"#;
    bytes.extend([0x81, 0x80 | u8::try_from(sync.len()).unwrap(), 0, 0, 0, 0]);
    bytes.extend(sync);
    stream.write_all(&bytes).unwrap();
    let command = bench.command();
    assert!(matches!(command.request, proto::Request::Sync(sync) if sync.cursor == "early"));
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
}
