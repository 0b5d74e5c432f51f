//! Why the server does not use fastwebsockets, which serves the client (docs/decisions/0002): each reason as
//! something that fastwebsockets does, next to what this codec does instead.

use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Waker};

use fastwebsockets::{FragmentCollector, OpCode, Role, WebSocket, WebSocketError};
use gateway::websocket::ProtocolError;
use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};

use crate::wire::{
    BINARY, CONTINUATION, LIMITS, Length, PONG, TEXT, decode_pieces, fragment, frame, raw_frame, text,
};

/// A server that was sent `stream`, with the limit of [`LIMITS`]. The client's end stays open as long as it is held.
async fn sent(stream: &[u8]) -> (WebSocket<DuplexStream>, DuplexStream) {
    let (mut client, server) = duplex(1 << 20);
    client.write_all(stream).await.expect("the pipe is large enough");
    let mut socket = WebSocket::after_handshake(server, Role::Server);
    socket.set_max_message_size(LIMITS.message_bytes_max as usize);
    (socket, client)
}

#[tokio::test]
async fn fragments_pass_its_size_limit() {
    let mut stream = fragment(BINARY, &[0; 900]);
    (0..6).for_each(|_| stream.extend(fragment(CONTINUATION, &[0; 900])));
    stream.extend(frame(CONTINUATION, &[0; 900]));

    let (socket, _client) = sent(&stream).await;
    let message = FragmentCollector::new(socket).read_frame().await.unwrap();
    assert_eq!(message.payload.len(), 7_200, "the limit is 1,000");

    assert_eq!(decode_pieces(LIMITS, [&stream[..]]).error, Some(ProtocolError::MessageTooLarge));
}

#[tokio::test]
async fn it_accepts_frames_that_are_not_masked() {
    let stream = raw_frame(0x80 | TEXT, Length::Shortest, None, b"hello");

    let (mut socket, _client) = sent(&stream).await;
    let message = socket.read_frame().await.unwrap();
    assert_eq!(&message.payload[..], b"hello");

    assert_eq!(decode_pieces(LIMITS, [&stream[..]]).error, Some(ProtocolError::Unmasked));
}

/// A read that is dropped after the first two bytes of a header, as a `select!` with the downlink does all the time,
/// loses them: the stream is misread from there on.
#[tokio::test]
async fn a_cancelled_read_loses_bytes() {
    let stream = frame(TEXT, b"hello");

    let (mut socket, mut client) = sent(&stream[..2]).await;
    {
        let read = pin!(socket.read_frame());
        assert!(read.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    client.write_all(&stream[2..]).await.unwrap();
    let misread = socket.read_frame().await;
    assert!(!matches!(misread, Ok(frame) if frame.opcode == OpCode::Text && &frame.payload[..] == b"hello"));

    let outcome = decode_pieces(LIMITS, [&stream[..2], &stream[2..]]);
    assert_eq!((outcome.events, outcome.error), (vec![text("hello")], None));
}

#[tokio::test]
async fn it_accepts_long_pongs_and_long_lengths() {
    let long_pong = frame(PONG, &[0; 300]);
    let (mut socket, _client) = sent(&long_pong).await;
    assert_eq!(socket.read_frame().await.unwrap().payload.len(), 300);
    assert_eq!(decode_pieces(LIMITS, [&long_pong[..]]).error, Some(ProtocolError::ControlTooLong));

    let long_length = raw_frame(0x80 | BINARY, Length::EightBytes, Some([1, 2, 3, 4]), b"x");
    let (mut socket, _client) = sent(&long_length).await;
    assert_eq!(&socket.read_frame().await.unwrap().payload[..], b"x");
    assert_eq!(decode_pieces(LIMITS, [&long_length[..]]).error, Some(ProtocolError::LengthNotMinimal));
}

/// No reserved bit can be agreed: it refuses all three before anyone could look at them, which leaves no place for
/// `permessage-deflate`.
#[tokio::test]
async fn it_leaves_no_place_for_an_extension() {
    let compressed = raw_frame(0xC0 | TEXT, Length::Shortest, Some([1, 2, 3, 4]), b"x");
    let (mut socket, _client) = sent(&compressed).await;
    assert!(matches!(socket.read_frame().await, Err(WebSocketError::ReservedBitsNotZero)));
}
