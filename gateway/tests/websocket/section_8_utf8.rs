//! RFC 6455 section 8: text is UTF-8, wherever its bytes are cut.

use gateway::websocket::{Decoder, ProtocolError};

use crate::wire::{
    CONTINUATION, LIMITS, PING, TEXT, accepted, decode_pieces, fragment, frame, refused, text,
};

/// One to four bytes a character, and the first and last of each length.
const SAMPLE: &str = "κόσμε \u{0}\u{7F}\u{80}\u{7FF}\u{800}\u{D7FF}\u{E000}\u{FFFF}\u{10000}\u{10FFFF} 👩‍👩‍👧";

/// Bytes that are in no UTF-8 text.
const NOT_UTF8: &[&[u8]] = &[
    b"\x80",                     // a continuation without a start
    b"\xC0\xAF",                 // overlong
    b"\xE0\x80\xAF",             // overlong
    b"\xF0\x80\x80\xAF",         // overlong
    b"\xED\xA0\x80",             // a surrogate
    b"\xF4\x90\x80\x80",         // past U+10FFFF
    b"\xF5\x80\x80\x80",         // past any character
    b"\xFE",                     // never a byte of UTF-8
    b"\xCE\xBA\xE1\xBD\xB9\xFF", // after valid characters
    b"\xC3(",                    // a start without its continuation
];

#[test]
fn section_8_1_text_is_accepted_in_any_two_fragments() {
    let bytes = SAMPLE.as_bytes();
    for cut in 0..=bytes.len() {
        let frames = [fragment(TEXT, &bytes[..cut]), frame(PING, b""), frame(CONTINUATION, &bytes[cut..])];
        assert_eq!(accepted(&frames)[1], text(SAMPLE), "cut at {cut}");
    }
}

#[test]
fn section_8_1_bytes_that_are_not_utf8_are_refused() {
    for bytes in NOT_UTF8 {
        assert_eq!(refused(&[frame(TEXT, bytes)], &[]), ProtocolError::TextNotUtf8, "{bytes:x?}");
        for cut in 0..bytes.len() {
            let frames = [fragment(TEXT, &bytes[..cut]), frame(CONTINUATION, &bytes[cut..])];
            assert_eq!(refused(&frames, &[]), ProtocolError::TextNotUtf8, "{bytes:x?} cut at {cut}");
        }
    }
}

#[test]
fn section_8_1_text_that_ends_inside_a_character_is_refused() {
    for cut in [1, 2, 3] {
        let bytes = &"👧".as_bytes()[..cut];
        assert_eq!(refused(&[frame(TEXT, bytes)], &[]), ProtocolError::TextNotUtf8);
        let frames = [fragment(TEXT, bytes), frame(CONTINUATION, b"")];
        assert_eq!(refused(&frames, &[]), ProtocolError::TextNotUtf8);
    }
}

#[test]
fn section_8_1_the_first_bad_byte_is_refused_without_waiting_for_the_rest() {
    for bytes in NOT_UTF8 {
        let mut stream = fragment(TEXT, &[bytes, &[b'x'; 500][..]].concat());
        // The header (two bytes, a 16-bit length, the key), the bad bytes, and one that cannot follow them.
        stream.truncate(8 + bytes.len() + 1);
        let outcome = decode_pieces(LIMITS, [&stream[..]]);
        assert_eq!(outcome.error, Some(ProtocolError::TextNotUtf8), "{bytes:x?}");
    }
}

#[test]
fn section_8_1_a_fragment_is_judged_before_the_next_one_comes() {
    let mut first = fragment(TEXT, b"\xFF");
    let mut decoder = Decoder::new(LIMITS);
    assert_eq!(decoder.events(&mut first).next(), Err(ProtocolError::TextNotUtf8));
}
