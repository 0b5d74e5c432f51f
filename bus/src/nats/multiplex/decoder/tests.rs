//! Operations one by one, what is refused, and streams cut anywhere.

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;

/// What comes out of a stream in pieces: operations as text, and the error that ended it.
fn decode(pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> (Vec<String>, Option<ProtocolError>) {
    let mut decoder = Decoder::default();
    decoder.allow_messages_of(64);
    let mut ops = Vec::new();
    for piece in pieces {
        decoder.buffer().extend_from_slice(piece.as_ref());
        loop {
            match decoder.next_op() {
                Ok(Some(op)) => ops.push(format!("{op:?}")),
                Ok(None) => break,
                Err(error) => return (ops, Some(error)),
            }
        }
    }
    (ops, None)
}

fn one(stream: &str) -> String {
    let (ops, error) = decode([stream]);
    assert_eq!(error, None, "{stream:?}");
    assert_eq!(ops.len(), 1, "{stream:?}");
    ops.into_iter().next().unwrap()
}

fn refusal(stream: &[u8]) -> ProtocolError {
    let (ops, error) = decode([stream]);
    assert_eq!(ops, Vec::<String>::new(), "{:?}", String::from_utf8_lossy(stream));
    error.unwrap_or_else(|| panic!("{:?} is accepted", String::from_utf8_lossy(stream)))
}

fn message(reply: Option<&str>, headers: &'static [u8], payload: &'static [u8]) -> String {
    format!("{:?}", Op::Message(Message { subject: "a.b", sid: 7, reply, headers, payload }))
}

#[test]
fn every_operation_is_read() {
    assert_eq!(one("INFO {\"a\":1} \r\n"), format!("{:?}", Op::Info(b"{\"a\":1}")));
    assert_eq!(one("PING\r\n"), "Ping");
    assert_eq!(one("PONG\r\n"), "Pong");
    assert_eq!(one("+OK\r\n"), "Ok");
    assert_eq!(one("-ERR 'Slow Consumer'\r\n"), "Error(\"Slow Consumer\")");
    assert_eq!(one("-ERR\r\n"), "Error(\"\")");
    assert_eq!(one("MSG a.b 7 5\r\nhello\r\n"), message(None, b"", b"hello"));
    assert_eq!(one("MSG\ta.b  7 inbox 0\r\n\r\n"), message(Some("inbox"), b"", b""));
    let headers = b"NATS/1.0\r\nA: b\r\n\r\n";
    assert_eq!(one("HMSG a.b 7 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\n"), message(None, headers, b"hi"));
    assert_eq!(one("HMSG a.b 7 r 8 8\r\nNATS/1.0\r\n"), message(Some("r"), b"NATS/1.0", b""));
}

#[test]
fn a_payload_may_look_like_anything() {
    assert_eq!(one("MSG a.b 7 8\r\nPING\r\n\r\n\r\n"), message(None, b"", b"PING\r\n\r\n"));
}

#[test]
fn nobody_to_answer_is_a_status() {
    let status = |headers| Message { subject: "a", sid: 1, reply: None, headers, payload: b"" }.status();
    assert_eq!(status(b"NATS/1.0 503\r\n\r\n"), Some(503));
    assert_eq!(status(b"NATS/1.0 503 No Responders\r\n\r\n"), Some(503));
    assert_eq!(status(b"NATS/1.0\r\nA: b\r\n\r\n"), None);
    assert_eq!(status(b""), None);
}

#[test]
fn what_no_server_says_is_refused() {
    use ProtocolError as E;
    for (stream, error) in [
        (&b"HELLO\r\n"[..], E::UnknownOperation),
        (b"\r\n", E::UnknownOperation),
        (b"ping\r\n", E::UnknownOperation),
        (b"PING\n", E::NoEnd),
        (b"MSG a\rb 7 0\r\n", E::NoEnd),
        (b"MSG a.b 7\r\n", E::MalformedMessage),
        (b"MSG a.b 7 r 5 5\r\n", E::MalformedMessage),
        (b"MSG a b c d e f g\r\n", E::MalformedMessage),
        (b"MSG a.b 7 -1\r\n", E::MalformedMessage),
        (b"MSG a.b 7 99999999999999999999\r\n", E::MalformedMessage),
        (b"MSG a.b seven 1\r\n", E::MalformedMessage),
        (b"HMSG a.b 7 12\r\n", E::MalformedMessage),
        (b"HMSG a.b 7 13 12\r\n", E::MalformedMessage),
        (b"HMSG a.b 7 4 12\r\n", E::MalformedMessage),
        (b"HMSG a.b 7 8 8\r\nHTTP/1.1\r\n", E::MalformedHeaders),
        (b"MSG a.b 7 65\r\n", E::LargeMessage { bytes: 65, max: 64 }),
        (b"MSG a.b 7 2\r\nabc\r\n", E::NoEnd),
        (b"MSG \xff 7 0\r\n", E::NotText),
        (b"-ERR '\xff'\r\n", E::NotText),
    ] {
        assert_eq!(refusal(stream), error, "{:?}", String::from_utf8_lossy(stream));
    }
}

#[test]
fn lines_are_bounded_whole_or_unfinished() {
    let line = |start: &str, bytes: usize| format!("{start} {}", "x".repeat(bytes - start.len() - 1));
    for (start, max) in [("-ERR", LINE_BYTES_MAX), ("INFO", INFO_BYTES_MAX)] {
        let longest = line(start, max) + "\r\n";
        assert_eq!(decode([&longest]).0.len(), 1);
        assert_eq!(decode([&longest[..max + 1]]), (Vec::new(), None), "its end may still come");
        assert_eq!(refusal((line(start, max + 1) + "\r\n").as_bytes()), ProtocolError::LongLine);
        assert_eq!(refusal(line(start, max + 2).as_bytes()), ProtocolError::LongLine, "no end in sight");
    }
}

#[test]
fn after_an_error_nothing_more_is_read() {
    let mut decoder = Decoder::default();
    decoder.buffer().extend_from_slice(b"PING\r\nwhat?\r\nPING\r\n");
    assert_eq!(decoder.next_op(), Ok(Some(Op::Ping)));
    for _ in 0..3 {
        assert_eq!(decoder.next_op(), Err(ProtocolError::UnknownOperation));
    }
}

#[test]
fn a_large_message_leaves_no_large_buffer() {
    let mut decoder = Decoder::default();
    let payload = vec![b'x'; 1024 * 1024];
    decoder.buffer().extend_from_slice(format!("MSG a.b 7 {}\r\n", payload.len()).as_bytes());
    assert_eq!(decoder.next_op(), Ok(None));
    for piece in payload.chunks(8_000) {
        assert_eq!(decoder.next_op(), Ok(None));
        decoder.buffer().extend_from_slice(piece);
    }
    decoder.buffer().extend_from_slice(b"\r\n");
    assert!(matches!(decoder.next_op(), Ok(Some(Op::Message(message))) if message.payload == payload));
    assert!(decoder.is_empty());
    assert!(decoder.buffer().capacity() <= KEPT_BYTES_MAX);
}

/// Operations, mostly right, sometimes with a byte that is not.
fn random_stream(random: &mut SmallRng) -> Vec<u8> {
    let mut stream = Vec::new();
    for _ in 0..random.random_range(1..12) {
        let size = random.random_range(0..40);
        let payload: String = (0..size).map(|_| char::from(random.random_range(b' '..b'~'))).collect();
        let op = match random.random_range(0..7) {
            0 => "PING\r\n".to_owned(),
            1 => "PONG\r\n".to_owned(),
            2 => format!("-ERR '{payload}'\r\n"),
            3 => format!("INFO {{\"text\":\"{payload}\"}}\r\n"),
            4 => format!("HMSG u.x 12 12 {}\r\nNATS/1.0\r\n\r\n{payload}\r\n", size + 12),
            5 => format!("MSG u.x 12 reply {size}\r\n{payload}\r\n"),
            _ => format!("MSG u.x 12 {size}\r\n{payload}\r\n"),
        };
        stream.extend(op.bytes());
    }
    if random.random_bool(0.3) {
        let at = random.random_range(0..stream.len());
        stream[at] = random.random();
    }
    stream
}

#[test]
fn any_cut_gives_the_same_operations() {
    let mut random = SmallRng::seed_from_u64(7);
    for _ in 0..3_000 {
        let stream = random_stream(&mut random);
        let whole = decode([&stream]);
        let bytes = decode(stream.chunks(1));
        assert_eq!(whole, bytes, "byte by byte: {:?}", String::from_utf8_lossy(&stream));
        let cut = random.random_range(0..=stream.len());
        assert_eq!(whole, decode([&stream[..cut], &stream[cut..]]), "{:?}", String::from_utf8_lossy(&stream));
    }
}
