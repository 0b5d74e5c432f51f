//! What must hold for any bytes of a client. The fuzz targets call it, and so does a test on the stable compiler
//! (`proto/tests/fuzz_seeds_and_their_neighbours.rs`).

use proto::{ClientFrame, Encoding};

/// What is read as a frame is written and read as the same frame, in both encodings.
pub fn check(encoding: Encoding, bytes: &[u8]) {
    match ClientFrame::decode(encoding, bytes) {
        Ok(frame) => {
            for encoding in [Encoding::Json, Encoding::Proto] {
                let again = ClientFrame::decode(encoding, &frame.encode(encoding));
                assert!(
                    lossless(&frame, encoding) != Lossless::Yes || again.as_ref() == Ok(&frame),
                    "{frame:?} {again:?}"
                );
                assert!(again.is_ok(), "{frame:?} {again:?}");
            }
        }
        Err(error) => assert!(error.to_nack().message.len() < 400, "{error}"),
    }
}

#[derive(PartialEq)]
enum Lossless {
    Yes,
    No,
}

/// Fields of a body that this version does not know stay whole in protobuf and are not shown in JSON.
fn lossless(frame: &ClientFrame, encoding: Encoding) -> Lossless {
    match frame {
        ClientFrame::Send(send)
            if encoding == Encoding::Json && proto::Body::from_wire(&send.body.to_wire()) != send.body =>
        {
            Lossless::No
        }
        _ => Lossless::Yes,
    }
}
