//! SIGTERM begins a drain that can be watched; a second one ends it at once.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use crate::http::get;
use crate::process::{Tidegate, loud_lines};
use crate::socket::Socket;

fn token(server: &Tidegate) -> String {
    crate::http::new_user(server, "alice", "correct horse").token
}

#[test]
fn the_phases_of_a_drain_are_shown_until_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let server = Tidegate::start_with(folder.path(), &[("TIDEGATE_GATEWAY__DRAIN_NOTICE", "3s")]);
    let mut socket = Socket::open(&server, &token(&server));
    assert_eq!(get(&server.admin_url("/ready")).status, 200);

    server.signal("TERM");
    socket.until("goaway");
    let ready = get(&server.admin_url("/ready"));
    assert_eq!((ready.status, ready.text.as_str()), (503, "draining\n"));
    assert_eq!(get(&server.admin_url("/live")).status, 200);
    assert!(get(&server.admin_url("/metrics")).text.contains("server_phase 2"));
    assert_eq!(socket.close_code(), 1012);

    let (code, logs) = server.ended();
    assert_eq!(code, Some(0), "{logs}");
    assert_eq!(loud_lines(&logs), Vec::<&str>::new());
    assert!(!folder.path().join("tidegate-data/addresses.json").exists(), "nobody listens there any more");
}

#[test]
fn a_second_signal_stops_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Tidegate::start_with(
        folder.path(),
        &[
            ("TIDEGATE_GATEWAY__DRAIN_NOTICE", "10m"),
            ("TIDEGATE_GATEWAY__DRAIN_TIMEOUT", "20m"),
            ("TIDEGATE_DRAIN__TIMEOUT", "30m"),
        ],
    );
    let server = server.may_warn(&["second signal"]);
    let mut socket = Socket::open(&server, &token(&server));
    server.signal("TERM");
    socket.until("goaway");
    server.signal("TERM");
    let (code, logs) = server.ended();
    assert_eq!(code, Some(5), "{logs}");
}

#[test]
fn a_hangup_does_not_stop_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Tidegate::start(folder.path());
    server.signal("HUP");
    assert_eq!(get(&server.admin_url("/ready")).status, 200);
    server.signal("TERM");
    let (code, logs) = server.ended();
    assert_eq!(code, Some(0), "{logs}");
    assert!(logs.contains("nothing here is read again"), "{logs}");
}

#[test]
fn a_request_that_has_begun_is_answered_though_its_command_comes_later() {
    let folder = tempfile::tempdir().unwrap();
    let server = Tidegate::start(folder.path());
    let (token, body) = (token(&server), r#"{"to_user":"bob","body":{"text":"hi"}}"#);
    let mut stream = TcpStream::connect(server.public()).unwrap();
    let head = format!(
        "POST /api/v1/messages HTTP/1.1\r\nhost: tidegate\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "HTTP/1.1 100 Continue");
    server.signal("TERM");
    while get(&server.admin_url("/ready")).status == 200 {
        std::thread::yield_now();
    }
    stream.write_all(body.as_bytes()).unwrap();
    let status = lines.map(Result::unwrap).find(|line| line.starts_with("HTTP/1.1"));
    assert_eq!(status.as_deref(), Some("HTTP/1.1 201 Created"));
    assert_eq!(server.ended().0, Some(0));
}

#[test]
fn an_interrupt_stops_in_order_too() {
    let folder = tempfile::tempdir().unwrap();
    let server = Tidegate::start(folder.path());
    server.signal("INT");
    assert_eq!(server.ended().0, Some(0));
}
