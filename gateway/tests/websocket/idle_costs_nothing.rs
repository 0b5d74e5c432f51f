//! What a decoder holds, as there is one for every connection.

use gateway::websocket::{Decoder, Limits};

use crate::wire::{BINARY, CONTINUATION, LIMITS, PING, TEXT, fragment, frame};

/// Feeds a stream in pieces of `piece_bytes` and drops the events.
fn feed(decoder: &mut Decoder, stream: &[u8], piece_bytes: usize) {
    for piece in stream.chunks(piece_bytes) {
        let mut piece = piece.to_vec();
        let mut events = decoder.events(&mut piece);
        while events.next().expect("the stream is valid").is_some() {}
    }
}

#[test]
fn a_decoder_is_small() {
    assert!(size_of::<Decoder>() <= 24, "{} bytes", size_of::<Decoder>());
}

#[test]
fn nothing_is_kept_between_messages() {
    let stream = [
        frame(TEXT, b"hello"),
        fragment(BINARY, &[0; 200]),
        frame(PING, b"between"),
        frame(CONTINUATION, &[0; 300]),
        frame(PING, b"after"),
    ]
    .concat();
    for piece_bytes in 1..stream.len() {
        let mut decoder = Decoder::new(LIMITS);
        feed(&mut decoder, &stream, piece_bytes);
        assert_eq!(decoder.kept_bytes(), 0, "in pieces of {piece_bytes}");
    }
}

#[test]
fn an_announced_length_costs_no_memory_until_it_comes() {
    let limits = Limits { message_bytes_max: 1 << 20, ..LIMITS };
    let stream = frame(BINARY, &vec![0; 1 << 20]);
    let mut decoder = Decoder::new(limits);
    feed(&mut decoder, &stream[..20], 20);
    assert!((1..400).contains(&decoder.kept_bytes()), "{} bytes for six that came", decoder.kept_bytes());
}

#[test]
fn a_message_that_is_almost_there_holds_no_more_than_itself() {
    let limits = Limits { message_bytes_max: 1 << 20, ..LIMITS };
    let stream = frame(BINARY, &vec![0; 1 << 20]);
    let mut decoder = Decoder::new(limits);
    feed(&mut decoder, &stream[..stream.len() - 1], 4_096);
    assert!(decoder.kept_bytes() < (1 << 20) + 400, "{} bytes", decoder.kept_bytes());
}

#[test]
fn a_control_frame_in_pieces_is_forgotten_while_the_message_stays() {
    let mut decoder = Decoder::new(LIMITS);
    feed(&mut decoder, &fragment(BINARY, &[0; 100]), 1_000);
    let before = decoder.kept_bytes();
    feed(&mut decoder, &frame(PING, &[1; 125]), 7);
    assert_eq!(decoder.kept_bytes(), before);
}
