//! However a stream is cut into reads, the same comes out of it.

use gateway::websocket::{Decoder, Event};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::random_stream::{damaged_stream, lawless_stream, pieces, valid_stream};
use crate::wire::{LIMITS, Owned, decode_pieces};

fn cuts() -> impl Strategy<Value = Vec<Index>> {
    prop::collection::vec(any::<Index>(), 0..12)
}

proptest! {
    #[test]
    fn of_a_valid_stream(stream in valid_stream(), cuts in cuts()) {
        let whole = decode_pieces(LIMITS, [&stream[..]]);
        prop_assert_eq!(decode_pieces(LIMITS, pieces(&stream, &cuts)), whole);
    }

    #[test]
    fn of_a_damaged_stream(stream in damaged_stream(), cuts in cuts()) {
        let whole = decode_pieces(LIMITS, [&stream[..]]);
        prop_assert_eq!(decode_pieces(LIMITS, pieces(&stream, &cuts)), whole);
    }

    #[test]
    fn of_a_lawless_stream(stream in lawless_stream(), cuts in cuts()) {
        let whole = decode_pieces(LIMITS, [&stream[..]]);
        prop_assert_eq!(decode_pieces(LIMITS, pieces(&stream, &cuts)), whole);
    }

    /// A caller may stop after any event and come back with the unread bytes.
    #[test]
    fn of_a_stream_read_one_event_at_a_time(stream in valid_stream()) {
        let whole = decode_pieces(LIMITS, [&stream[..]]);
        let mut decoder = Decoder::new(LIMITS);
        let mut events = Vec::new();
        let mut input = stream;
        loop {
            let mut reader = decoder.events(&mut input);
            let Ok(Some(event)) = reader.next() else { break };
            events.push(Owned::from(event));
            input = reader.unread().to_vec();
        }
        prop_assert_eq!(events, whole.events);
    }

    /// The fast way: an unfragmented frame that lies whole in the input is not copied.
    #[test]
    fn and_a_whole_frame_is_given_in_place(payload in prop::collection::vec(any::<u8>(), 1..900)) {
        let mut stream = crate::wire::frame(crate::wire::BINARY, &payload);
        let input = stream.as_ptr_range();
        let mut decoder = Decoder::new(LIMITS);
        let mut events = decoder.events(&mut stream);
        let Ok(Some(Event::Binary(bytes))) = events.next() else { panic!("one binary message") };
        prop_assert_eq!(bytes, &payload[..]);
        prop_assert!(input.contains(&bytes.as_ptr()));
    }
}
