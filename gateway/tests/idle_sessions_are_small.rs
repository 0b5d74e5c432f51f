//! What an idle, authenticated, interested session costs in user memory. A process of its own: nothing else must
//! allocate meanwhile. The clients are bare sockets of this process and cost no memory worth counting.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
#![cfg(target_os = "linux")]

#[expect(dead_code, reason = "the other tests use the rest")]
#[path = "sockets/bench.rs"]
mod bench;
#[expect(dead_code, reason = "the other tests use the rest")]
#[path = "sockets/client.rs"]
mod client;

use std::io::{Read as _, Write as _};

use bench::{Bench, PATIENCE};
use client::patient::Patient;

/// Sessions measured; few enough for the usual limit of 1,024 open files. `IDLE_SESSIONS` asks for more.
const SESSIONS: usize = 400;
/// The target is 1.5 KiB at 15,000 sessions; with few sessions tables and pages weigh more.
const BYTES_MAX: usize = 2 * 1024;

fn anonymous_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// A welcomed session over a bare socket.
fn open(bench: &Bench, name: &str) -> Patient {
    let mut stream = Patient::connect(bench.address, PATIENCE).unwrap();
    let head = format!(
        "GET /ws?token={} HTTP/1.1\r\nhost: {}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        bench.token(name, 3_600),
        bench.address
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 2_048];
    let mut filled = 0;
    while !answer[..filled].windows(9).any(|window| window == b"\"welcome\"") {
        let read = stream.read(&mut answer[filled..]).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&answer[..filled]));
        filled += read;
    }
    stream
}

#[test]
fn an_idle_session_keeps_nothing_of_its_handshake() {
    let sessions = std::env::var("IDLE_SESSIONS").map_or(SESSIONS, |number| number.parse().unwrap());
    let bench = Bench::start();
    // Tables, pools and the allocator's own pages are there after this.
    let warm: Vec<_> = (0..50).map(|number| open(&bench, &format!("warm-{number}"))).collect();
    bench.connect("last");
    let mut streams = Vec::with_capacity(sessions);
    let before = anonymous_bytes();
    for number in 0..sessions {
        streams.push(open(&bench, &format!("user-{number}")));
    }
    // All before it are interested too when this one is.
    bench.connect("last");
    let each = anonymous_bytes().saturating_sub(before) / sessions;
    eprintln!("{each} bytes a session");
    assert!(each <= BYTES_MAX, "{each} bytes a session");
    drop((warm, streams));
}
