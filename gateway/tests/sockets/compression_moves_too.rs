//! What was agreed about compression holds as long as the socket, whatever another process is configured to.

use std::io::{Read as _, Write as _};

use gateway::Compression;
use gateway::websocket::deflate::{Deflater, InflateLimits, Inflater};
use proto::{Reply, Target};

use crate::bench::{Bench, PATIENCE, direct, user};
use crate::client::patient::Patient;

fn compression(window_bits: u8) -> Compression {
    Compression { window_bits, bytes_min: 64, ratio_max: 100 }
}

/// The next message of the server as it came over the wire, and inflated.
fn message(stream: &mut Patient) -> (Vec<u8>, String) {
    let mut frame = exactly(stream, 2);
    let length = match frame[1] {
        126 => {
            let length = exactly(stream, 2);
            frame.extend_from_slice(&length);
            usize::from(length[0]) << 8 | usize::from(length[1])
        }
        short => short.into(),
    };
    let payload = exactly(stream, length);
    let text = match frame[0] & 0x40 {
        0 => payload.clone(),
        _ => {
            let limits = InflateLimits { message_bytes_max: 1 << 20, ratio_max: u32::MAX };
            Inflater::new(limits).inflate(&payload).expect("it inflates").to_vec()
        }
    };
    frame.extend(payload);
    (frame, String::from_utf8(text).expect("a text"))
}

/// What a message is over the wire when it is made with a window.
fn with_window(window_bits: u8, text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("a frame of middle length");
    let frame = [&[0x81, 126][..], &length.to_be_bytes(), text.as_bytes()].concat();
    Deflater::new(window_bits, 64).deflate(&frame.into()).expect("it gets smaller").to_vec()
}

fn exactly(stream: &mut Patient, bytes: usize) -> Vec<u8> {
    let mut read = vec![0; bytes];
    stream.read_exact(&mut read).expect("more comes");
    read
}

/// A socket that inflates no larger window.
fn open(bench: &Bench) -> Patient {
    let mut stream = Patient::connect(bench.address, PATIENCE).expect("it listens");
    let request = format!(
        "GET /ws?token={} HTTP/1.1\r\nhost: {}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-extensions: permessage-deflate; server_max_window_bits=9\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        bench.token("alice", 3_600),
        bench.address
    );
    stream.write_all(request.as_bytes()).expect("it is read");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(exactly(&mut stream, 1));
    }
    let head = String::from_utf8(head).expect("a head");
    assert!(head.contains("server_max_window_bits=9"), "{head}");
    assert!(message(&mut stream).1.contains("welcome"));
    stream
}

#[test]
fn a_window_that_was_agreed_is_not_outgrown() {
    let mut bench = Bench::with(|config| config.compression = Some(compression(9)));
    let mut client = open(&bench);
    let sync = br#"{"sync":{}}"#;
    client.write_all(&[&[0x81, 0x80 | sync.len() as u8, 0, 0, 0, 0], &sync[..]].concat()).expect("it reads");
    bench.reply(&bench.command(), Reply::Settled);
    bench.parts.0.compression = Some(compression(15));
    assert_eq!(bench.moved(), 1);
    // What is said once more is further back than the agreed window.
    let once: String =
        (0..250_u32).map(|number| format!("{:08x}", number.wrapping_mul(2_654_435_761))).collect();
    let conversation = direct("alice", "bob");
    bench.event(Target::User(user("alice")), &conversation, 1, &once.repeat(2));
    let (frame, text) = message(&mut client);
    assert!(text.contains(&once.repeat(2)));
    // Not every library finds out that a window is too large; where one does, the socket ends.
    assert!(with_window(9, &text) != with_window(15, &text));
    assert_eq!(frame, with_window(9, &text));
}
