//! Random streams of client frames: valid ones, and valid ones with something changed.

use proptest::prelude::*;
use proptest::sample::Index;

use crate::wire::{BINARY, CLOSE, CONTINUATION, Length, PING, PONG, TEXT, raw_frame};

/// Whole messages in fragments with control frames between them, perhaps a close at the end.
pub fn valid_stream() -> impl Strategy<Value = Vec<u8>> {
    let close = prop::option::weighted(0.3, close_body());
    (prop::collection::vec(message(), 0..6), close, any::<[u8; 4]>()).prop_map(|(messages, close, key)| {
        let mut stream = messages.concat();
        if let Some(body) = close {
            stream.extend(raw_frame(0x80 | CLOSE, Length::Shortest, Some(key), &body));
        }
        stream
    })
}

/// A valid stream in which some bytes were changed, put in, taken out, or cut off at the end.
pub fn damaged_stream() -> impl Strategy<Value = Vec<u8>> {
    let damage = prop::collection::vec((any::<Index>(), any::<u8>(), 0..5_u8), 1..4);
    (valid_stream(), damage).prop_map(|(mut stream, damage)| {
        for (place, value, kind) in damage {
            if stream.is_empty() {
                break;
            }
            let place = place.index(stream.len());
            match kind {
                0 => stream[place] ^= 1 << (value % 8),
                1 => stream[place] = value,
                2 => stream.insert(place, value),
                3 => drop(stream.remove(place)),
                _ => stream.truncate(place),
            }
        }
        stream
    })
}

/// Frames that make no sense together: any opcode, any bits, any way to write the length.
pub fn lawless_stream() -> impl Strategy<Value = Vec<u8>> {
    let opcode = prop_oneof![
        8 => prop::sample::select(vec![CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG]),
        1 => 0..16_u8,
    ];
    let bits = prop_oneof![4 => Just(0x80), 3 => Just(0x00), 1 => (0..16_u8).prop_map(|bits| bits << 4)];
    let length = prop_oneof![
        8 => Just(Length::Shortest),
        1 => Just(Length::TwoBytes),
        1 => Just(Length::EightBytes),
    ];
    let key = prop::option::weighted(0.95, any::<[u8; 4]>());
    let payload = prop_oneof![
        2 => prop::collection::vec(any::<u8>(), 0..6),
        2 => "\\PC{0,40}".prop_map(String::into_bytes),
        2 => close_body(),
        1 => prop::collection::vec(any::<u8>(), 120..130),
    ];
    let frame = (bits, opcode, length, key, payload)
        .prop_map(|(bits, opcode, length, key, payload)| raw_frame(bits | opcode, length, key, &payload));
    prop::collection::vec(frame, 1..8).prop_map(|frames| frames.concat())
}

/// Cuts a stream into pieces at these places.
pub fn pieces<'a>(stream: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    places.sort_unstable();
    places.push(stream.len());
    let mut start = 0;
    places.into_iter().map(|end| &stream[std::mem::replace(&mut start, end)..end]).collect()
}

fn close_body() -> impl Strategy<Value = Vec<u8>> {
    let code = prop_oneof![4 => 1000..1004_u16, 2 => 3000..5000_u16, 1 => 1000..1020_u16, 1 => any::<u16>()];
    (code, "\\PC{0,20}").prop_map(|(code, reason)| [&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// A message in up to five frames, each with a control frame before it or not.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        4 => "\\PC{0,60}".prop_map(|text| (TEXT, text.into_bytes())),
        2 => prop::collection::vec(any::<u8>(), 0..80).prop_map(|bytes| (BINARY, bytes)),
        1 => prop::collection::vec(any::<u8>(), 100..700).prop_map(|bytes| (BINARY, bytes)),
    ];
    let control = prop::option::weighted(
        0.25,
        (prop::sample::select(vec![PING, PONG]), prop::collection::vec(any::<u8>(), 0..126)),
    );
    let controls = prop::collection::vec(control, 5);
    (payload, prop::collection::vec(any::<Index>(), 0..5), controls, any::<[u8; 4]>()).prop_map(
        |((opcode, payload), cuts, controls, key)| {
            let parts = pieces(&payload, &cuts);
            let last = parts.len() - 1;
            let mut out = Vec::new();
            for (i, (part, control)) in parts.into_iter().zip(controls).enumerate() {
                if let Some((opcode, payload)) = control {
                    out.extend(raw_frame(0x80 | opcode, Length::Shortest, Some(key), &payload));
                }
                let fin = if i == last { 0x80 } else { 0 };
                let opcode = if i == 0 { opcode } else { CONTINUATION };
                out.extend(raw_frame(fin | opcode, Length::Shortest, Some(key), part));
            }
            out
        },
    )
}
