//! RFC 6455 section 5: data framing.

use gateway::websocket::ProtocolError;

use crate::wire::{
    BINARY, CLOSE, CONTINUATION, LIMITS, Length, Owned, PING, PONG, TEXT, accepted, decode, fragment, frame,
    raw_frame, refused, text,
};

const KEY: [u8; 4] = [1, 2, 3, 4];

#[test]
fn section_5_1_a_frame_that_is_not_masked_is_refused() {
    for opcode in [TEXT, BINARY, PING, PONG, CLOSE] {
        let unmasked = raw_frame(0x80 | opcode, Length::Shortest, None, b"");
        assert_eq!(refused(&[unmasked], &[]), ProtocolError::Unmasked, "opcode {opcode}");
    }
}

#[test]
fn section_5_1_a_refusal_comes_after_the_events_before_it() {
    let unmasked = raw_frame(0x81, Length::Shortest, None, b"no");
    assert_eq!(refused(&[frame(TEXT, b"yes"), unmasked], &[text("yes")]), ProtocolError::Unmasked);
}

#[test]
fn section_5_2_each_reserved_bit_is_refused_in_every_kind_of_frame() {
    for bit in [0x40, 0x20, 0x10] {
        for opcode in [TEXT, BINARY, PING, PONG, CLOSE] {
            let reserved = raw_frame(0x80 | bit | opcode, Length::Shortest, Some(KEY), b"");
            assert_eq!(refused(&[reserved], &[]), ProtocolError::ReservedBit, "bit {bit:#x} opcode {opcode}");
        }
        let reserved = raw_frame(0x80 | bit, Length::Shortest, Some(KEY), b"");
        assert_eq!(refused(&[fragment(TEXT, b"a"), reserved], &[]), ProtocolError::ReservedBit);
    }
}

#[test]
fn section_5_2_each_reserved_opcode_is_refused() {
    for opcode in (0x3..=0x7).chain(0xB..=0xF) {
        assert_eq!(refused(&[frame(opcode, b"")], &[]), ProtocolError::ReservedOpcode, "opcode {opcode}");
    }
}

#[test]
fn section_5_2_every_length_at_the_edge_of_its_encoding_is_read() {
    for length in [0, 1, 2, 15, 16, 17, 124, 125, 126, 127, 128, 999, 1_000] {
        let payload: Vec<u8> = (0..length).map(|i| i as u8).collect();
        assert_eq!(accepted(&[frame(BINARY, &payload)]), [Owned::Binary(payload)], "{length} bytes");
    }
}

#[test]
fn section_5_2_lengths_around_16_bits_are_read() {
    let limits = gateway::websocket::Limits { message_bytes_max: 1 << 20, ..LIMITS };
    for length in [65_534, 65_535, 65_536, 65_537, 1 << 20] {
        let payload: Vec<u8> = (0..length).map(|i: u32| i as u8).collect();
        let stream = frame(BINARY, &payload);
        let outcome = crate::wire::decode_pieces(limits, stream.chunks(1_000));
        assert_eq!(outcome.events, [Owned::Binary(payload)], "{length} bytes");
    }
}

#[test]
fn section_5_2_a_length_in_more_bytes_than_needed_is_refused() {
    for (length, payload) in [
        (Length::TwoBytes, 0),
        (Length::TwoBytes, 125),
        (Length::EightBytes, 0),
        (Length::EightBytes, 125),
        (Length::EightBytes, 126),
        (Length::EightBytes, 65_535),
    ] {
        let long = raw_frame(0x82, length, Some(KEY), &vec![0; payload]);
        assert_eq!(refused(&[long], &[]), ProtocolError::LengthNotMinimal, "{payload} bytes as {length:?}");
    }
}

#[test]
fn section_5_2_a_64_bit_length_with_its_first_bit_set_is_refused() {
    let frame = [&[0x82, 0xFF][..], &(1_u64 << 63 | 5).to_be_bytes(), &KEY, &[0; 5]].concat();
    assert_eq!(refused(&[frame], &[]), ProtocolError::LengthTooLarge);
}

#[test]
fn section_5_2_the_largest_legal_length_is_too_large_and_nothing_is_kept_for_it() {
    let frame = [&[0x82, 0xFF][..], &(u64::MAX >> 1).to_be_bytes(), &KEY].concat();
    assert_eq!(refused(&[frame], &[]), ProtocolError::MessageTooLarge);
}

#[test]
fn section_5_3_payloads_are_unmasked_with_any_key() {
    for key in [[0; 4], [0xFF; 4], [0x37, 0xFA, 0x21, 0x3D]] {
        let masked = raw_frame(0x81, Length::Shortest, Some(key), b"Hello");
        assert_eq!(accepted(&[masked]), [text("Hello")]);
    }
}

#[test]
fn section_5_4_a_message_in_fragments_is_put_together() {
    let frames = [fragment(TEXT, b"one "), fragment(CONTINUATION, b"two "), frame(CONTINUATION, b"three")];
    assert_eq!(accepted(&frames), [text("one two three")]);
    let frames = [fragment(BINARY, &[1]), frame(CONTINUATION, &[2]), frame(TEXT, b"next")];
    assert_eq!(accepted(&frames), [Owned::Binary(vec![1, 2]), text("next")]);
}

#[test]
fn section_5_4_fragments_may_be_empty() {
    let empty = [fragment(TEXT, b""), fragment(CONTINUATION, b""), frame(CONTINUATION, b"")];
    assert_eq!(accepted(&empty), [text("")]);
    let frames = [fragment(BINARY, b""), fragment(CONTINUATION, b"x"), frame(CONTINUATION, b"")];
    assert_eq!(accepted(&frames), [Owned::Binary(b"x".to_vec())]);
}

#[test]
fn section_5_4_a_continuation_needs_a_message_to_continue() {
    assert_eq!(refused(&[frame(CONTINUATION, b"x")], &[]), ProtocolError::NothingToContinue);
    let after_a_whole_message = [frame(TEXT, b"a"), fragment(CONTINUATION, b"x")];
    assert_eq!(refused(&after_a_whole_message, &[text("a")]), ProtocolError::NothingToContinue);
    let after_the_last = [fragment(TEXT, b"a"), frame(CONTINUATION, b"b"), frame(CONTINUATION, b"c")];
    assert_eq!(refused(&after_the_last, &[text("ab")]), ProtocolError::NothingToContinue);
}

#[test]
fn section_5_4_messages_do_not_interleave() {
    for opcode in [TEXT, BINARY] {
        let frames = [fragment(TEXT, b"a"), frame(opcode, b"b")];
        assert_eq!(refused(&frames, &[]), ProtocolError::MessageUnfinished);
        let frames = [fragment(BINARY, b"a"), fragment(opcode, b"b")];
        assert_eq!(refused(&frames, &[]), ProtocolError::MessageUnfinished);
    }
}

#[test]
fn section_5_4_control_frames_come_between_fragments() {
    let frames = [
        fragment(TEXT, b"a"),
        frame(PING, b"1"),
        fragment(CONTINUATION, b"b"),
        frame(PONG, b"2"),
        frame(CONTINUATION, b"c"),
    ];
    let events = [Owned::Ping(b"1".to_vec()), Owned::Pong(b"2".to_vec()), text("abc")];
    assert_eq!(accepted(&frames), events);
}

#[test]
fn section_5_4_a_message_is_limited_over_all_its_fragments() {
    let fits = [fragment(BINARY, &[0; 600]), frame(CONTINUATION, &[0; 400])];
    assert_eq!(accepted(&fits), [Owned::Binary(vec![0; 1_000])]);
    let one_more = [fragment(BINARY, &[0; 600]), frame(CONTINUATION, &[0; 401])];
    assert_eq!(refused(&one_more, &[]), ProtocolError::MessageTooLarge);
    assert_eq!(refused(&[frame(BINARY, &[0; 1_001])], &[]), ProtocolError::MessageTooLarge);
}

#[test]
fn section_5_4_the_frames_of_a_message_are_limited() {
    let mut frames = vec![fragment(TEXT, b"")];
    frames.extend((0..6).map(|_| fragment(CONTINUATION, b"")));
    let eight = [frames.clone(), vec![frame(CONTINUATION, b"")]].concat();
    assert_eq!(accepted(&eight), [text("")]);
    let nine = [frames, vec![fragment(CONTINUATION, b""), frame(CONTINUATION, b"")]].concat();
    assert_eq!(refused(&nine, &[]), ProtocolError::TooManyFragments);
}

#[test]
fn section_5_5_control_frames_are_not_fragmented() {
    for opcode in [CLOSE, PING, PONG] {
        assert_eq!(refused(&[fragment(opcode, b"")], &[]), ProtocolError::ControlFragmented);
    }
}

#[test]
fn section_5_5_control_frames_carry_at_most_125_bytes() {
    assert_eq!(accepted(&[frame(PING, &[7; 125])]), [Owned::Ping(vec![7; 125])]);
    assert_eq!(accepted(&[frame(PONG, &[7; 125])]), [Owned::Pong(vec![7; 125])]);
    for opcode in [CLOSE, PING, PONG] {
        for length in [126, 70_000] {
            let long = frame(opcode, &vec![0; length]);
            assert_eq!(refused(&[long], &[]), ProtocolError::ControlTooLong);
        }
    }
}

#[test]
fn section_5_5_pings_and_pongs_may_be_empty_and_unasked() {
    let frames = [frame(PING, b""), frame(PONG, b""), frame(PONG, b"unasked")];
    let events = [Owned::Ping(vec![]), Owned::Pong(vec![]), Owned::Pong(b"unasked".to_vec())];
    assert_eq!(accepted(&frames), events);
}

#[test]
fn section_5_6_binary_may_be_any_bytes() {
    let bytes: Vec<u8> = (0..=255).collect();
    assert_eq!(accepted(&[frame(BINARY, &bytes)]), [Owned::Binary(bytes)]);
}

#[test]
fn section_5_7_the_examples_of_the_rfc_are_read() {
    let masked_hello = vec![0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58];
    assert_eq!(accepted(std::slice::from_ref(&masked_hello)), [text("Hello")]);
    let masked_pong = vec![0x8A, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58];
    assert_eq!(accepted(&[masked_pong]), [Owned::Pong(b"Hello".to_vec())]);
    let unmasked_hello = vec![0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F];
    assert_eq!(refused(&[unmasked_hello], &[]), ProtocolError::Unmasked);
}

#[test]
fn an_unfinished_stream_is_neither_an_event_nor_an_error() {
    let stream = [fragment(TEXT, b"a"), frame(CONTINUATION, b"bcd")].concat();
    for cut in 0..stream.len() {
        let outcome = decode(&[stream[..cut].to_vec()]);
        assert_eq!(
            (outcome.events.len(), outcome.error, outcome.ended),
            (0, None, false),
            "first {cut} bytes"
        );
    }
}
