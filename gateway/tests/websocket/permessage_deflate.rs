//! RFC 7692: its own examples, what a client sends and is sent, limits counted while inflating, and everything there and back.

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress};
use gateway::websocket::deflate::{Deflater, InflateLimits, Inflater};
use gateway::websocket::{Decoder, Event, ProtocolError};
use proptest::prelude::*;

use crate::wire::{BINARY, CLOSE, CONTINUATION, LIMITS, PING, TEXT, fragment, frame, raw_frame};

const FREE: InflateLimits = InflateLimits { message_bytes_max: 1 << 20, ratio_max: u32::MAX };
const RSV1: u8 = 0x40;

fn compressed(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 64);
    let mut stream = Compress::new(Compression::best(), false);
    stream.compress_vec(payload, &mut out, FlushCompress::Sync).expect("deflate does not fail");
    out.strip_suffix(&[0, 0, 0xFF, 0xFF]).expect("a flush ends so").to_vec()
}

fn inflated(payload: &[u8]) -> Result<Vec<u8>, ProtocolError> {
    Inflater::new(FREE).inflate(payload).map(<[u8]>::to_vec)
}

/// A message as the server writes it.
fn message(first: u8, payload: &[u8]) -> Bytes {
    raw_frame(first, crate::wire::Length::Shortest, None, payload).into()
}

#[test]
fn the_examples_of_the_standard_are_read() {
    // Sections 7.2.3.1, .3, .4 and .5.
    let hello: [&[u8]; 4] = [
        &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
    ];
    for payload in hello {
        assert_eq!(inflated(payload).unwrap(), b"Hello");
    }
    assert_eq!(inflated(&[0x00]).unwrap(), b"", "section 7.2.3.6");
}

#[test]
fn a_compressed_message_is_told_from_others() {
    let payload = compressed("Grüße".as_bytes());
    let (head, tail) = payload.split_at(3);
    let stream = [
        frame(TEXT, b"plain"),
        raw_frame(0x80 | RSV1 | TEXT, crate::wire::Length::Shortest, Some([9, 8, 7, 6]), &payload),
        fragment(RSV1 | BINARY, head),
        frame(PING, b"between"),
        frame(CONTINUATION, tail),
    ]
    .concat();
    for piece_bytes in [1, 2, 7, stream.len()] {
        let mut decoder = Decoder::with_deflate(LIMITS);
        let mut seen = Vec::new();
        for piece in stream.chunks(piece_bytes) {
            let mut piece = piece.to_vec();
            let mut events = decoder.events(&mut piece);
            while let Some(event) = events.next().unwrap() {
                seen.push(match event {
                    Event::Text(text) => ("text", text.as_bytes().to_vec()),
                    Event::Ping(payload) => ("ping", payload.to_vec()),
                    Event::DeflatedText(payload) => ("deflated text", inflated(payload).unwrap()),
                    Event::DeflatedBinary(payload) => ("deflated binary", inflated(payload).unwrap()),
                    other => panic!("{other:?}"),
                });
            }
        }
        let hello = "Grüße".as_bytes().to_vec();
        let expected = [
            ("text", b"plain".to_vec()),
            ("deflated text", hello.clone()),
            ("ping", b"between".to_vec()),
            ("deflated binary", hello),
        ];
        assert_eq!(seen, expected, "in pieces of {piece_bytes}");
        assert_eq!(decoder.kept_bytes(), 0);
    }
}

#[test]
fn the_bit_belongs_to_the_first_frame_of_a_message_and_only_where_agreed() {
    let begun = fragment(TEXT, b"a");
    for (before, first) in [(&[][..], PING), (&[][..], CLOSE), (&begun[..], CONTINUATION)] {
        let mut stream = [before, &frame(RSV1 | first, b"")[..]].concat();
        let mut decoder = Decoder::with_deflate(LIMITS);
        assert_eq!(decoder.events(&mut stream).next(), Err(ProtocolError::ReservedBit), "{first}");
    }
    for reserved in [0x20, 0x10] {
        let mut decoder = Decoder::with_deflate(LIMITS);
        let mut stream = frame(reserved | TEXT, b"");
        assert_eq!(decoder.events(&mut stream).next(), Err(ProtocolError::ReservedBit));
    }
    let mut stream = frame(RSV1 | TEXT, b"");
    assert_eq!(Decoder::new(LIMITS).events(&mut stream).next(), Err(ProtocolError::ReservedBit));
}

#[test]
fn a_bomb_is_refused_by_what_it_becomes() {
    let bomb = compressed(&vec![0; 1 << 20]);
    assert!(bomb.len() < 2_000, "{} bytes", bomb.len());
    let by_size = InflateLimits { message_bytes_max: 64 * 1024, ratio_max: u32::MAX };
    assert_eq!(Inflater::new(by_size).inflate(&bomb), Err(ProtocolError::MessageTooLarge));
    let by_ratio = InflateLimits { ratio_max: 100, ..FREE };
    let mut inflater = Inflater::new(by_ratio);
    assert_eq!(inflater.inflate(&bomb), Err(ProtocolError::RatioTooHigh));
    assert_eq!(inflater.inflate(&compressed(b"next")).unwrap(), b"next", "the next message is another one");
    assert_eq!(
        inflater.inflate(&compressed(&[0; 16_000])).map(<[u8]>::len),
        Ok(16_000),
        "small ones are free"
    );
    assert_eq!(Inflater::new(FREE).inflate(&bomb).map(<[u8]>::len), Ok(1 << 20));
}

#[test]
fn what_is_no_deflate_stream_is_refused() {
    for payload in [&[0x07][..], &[0xFF; 20], &[0x00, 0x05, 0x00, 0x00, 0x00]] {
        assert_eq!(inflated(payload), Err(ProtocolError::NotDeflated), "{payload:?}");
    }
}

#[test]
fn what_gains_nothing_is_sent_as_it_is() {
    let mut deflater = Deflater::new(15, 32);
    let text = "the same words, the same words, the same words".as_bytes();
    assert!(deflater.deflate(&message(0x81, text)).is_some());
    assert_eq!(deflater.deflate(&message(0x81, &text[..31])), None, "too short");
    assert_eq!(deflater.deflate(&message(0x89, text)), None, "a ping");
    assert_eq!(deflater.deflate(&message(0x82, &noise(&mut 1, 2_000))), None, "noise");
}

/// Xorshift (Marsaglia 2003).
fn noise(state: &mut u64, bytes: usize) -> Vec<u8> {
    std::iter::repeat_with(|| {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state as u8
    })
    .take(bytes)
    .collect()
}

#[test]
fn a_thousand_messages_that_cannot_be_compressed_add_up_to_nothing() {
    let mut state = 1;
    let mut deflater = Deflater::new(9, 0);
    for _ in 0..1_000 {
        let payload = noise(&mut state, 256);
        assert_eq!(deflater.deflate(&message(0x82, &payload)), None);
    }
    assert!(deflater.deflate(&message(0x82, &[7; 256])).is_some());
}

#[test]
fn noise_of_any_length_harms_no_window() {
    let mut state = 1;
    for window_bits in 9..=15 {
        let mut deflater = Deflater::new(window_bits, 0);
        for round in 0..700 {
            // Half noise and half words: sometimes it pays, sometimes hardly, mostly not.
            let mut payload = noise(&mut state, round % 700);
            payload.extend(b"the same words ".repeat(round % 11));
            let plain = message(0x82, &payload);
            if let Some(smaller) = deflater.deflate(&plain) {
                let header = if smaller[1] == 126 { 4 } else { 2 };
                assert_eq!(inflated(&smaller[header..]).unwrap(), payload, "{window_bits} {round}");
            }
        }
    }
}

proptest! {
    #[test]
    fn everything_comes_back(
        words in prop::collection::vec("[a-f ]{0,12}", 0..400),
        window_bits in 9_u8..=15,
    ) {
        let text = words.concat();
        let plain = message(0x81, text.as_bytes());
        let mut deflater = Deflater::new(window_bits, 0);
        for _ in 0..2 {
            if let Some(smaller) = deflater.deflate(&plain) {
                prop_assert!(smaller.len() < plain.len());
                prop_assert_eq!(smaller[0], 0x81 | RSV1);
                let header = match smaller[1] { 126 => 4, 127 => 10, _ => 2 };
                prop_assert_eq!(inflated(&smaller[header..]).unwrap(), text.as_bytes());
            }
        }
    }

    #[test]
    fn whatever_arrives_is_inflated_within_limits_or_refused(payload: Vec<u8>) {
        let limits = InflateLimits { message_bytes_max: 4_096, ratio_max: 10 };
        if let Ok(message) = Inflater::new(limits).inflate(&payload) {
            prop_assert!(message.len() <= 4_096);
        }
    }
}
