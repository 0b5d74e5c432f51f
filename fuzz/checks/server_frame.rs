//! What must hold for any JSON of a server, as the reference client reads it. Called by the fuzz target and by a test on
//! the stable compiler (`proto/tests/fuzz_seeds_and_their_neighbours.rs`).

use proto::{Encoding, ServerFrame};

/// What is read as JSON is written as JSON that is read as the same frame.
pub fn check(bytes: &[u8]) {
    let Ok(frame) = ServerFrame::decode(Encoding::Json, bytes) else { return };
    for encoding in [Encoding::Json, Encoding::Proto] {
        let mut written = Vec::new();
        frame.encode_into(encoding, &mut written);
        assert_eq!(ServerFrame::decode(encoding, &written).as_ref(), Ok(&frame));
        assert!(frame.encode_message(encoding).ends_with(&written));
    }
}
