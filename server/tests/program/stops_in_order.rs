//! SIGTERM begins a drain that can be watched; a second one ends it at once.

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
fn an_interrupt_stops_in_order_too() {
    let folder = tempfile::tempdir().unwrap();
    let server = Tidegate::start(folder.path());
    server.signal("INT");
    assert_eq!(server.ended().0, Some(0));
}
