//! What frames and envelopes in protobuf keep to.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use prost::Message as _;
use proto::client_frame::AckMode;
use proto::command::Source;
use proto::{
    Body, ClientFrame, ClientMessageId, Code, Command, Encoding, FrameError, Request, TraceId, limits, wire,
};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn send() -> wire::Send {
    wire::Send {
        client_message_id: ID.to_owned(),
        to_user: "bob".to_owned(),
        body: Body::text("hi").encoded().clone(),
        ..wire::Send::default()
    }
}

fn decode(send: wire::Send) -> Result<ClientFrame, FrameError> {
    let frame = wire::ClientFrame { frame: Some(wire::client_frame::Frame::Send(send)) };
    ClientFrame::decode(Encoding::Proto, &frame.encode_to_vec())
}

#[test]
fn a_body_passes_whole_with_fields_that_are_not_known() {
    let mut body = Body::text("hi").encoded().to_vec();
    body.extend_from_slice(&[0x9a, 0x06, 0x03, 1, 2, 3]);
    let Ok(ClientFrame::Send(read)) = decode(wire::Send { body: body.clone().into(), ..send() }) else {
        panic!("allowed")
    };
    assert_eq!(read.body.encoded(), &body);
}

#[test]
fn refused_sends_say_which_and_why() {
    let system = Body::system(wire::system::Change::Notice(wire::Notice::default()));
    let large = Body::text("x".repeat(limits::BODY_BYTES_MAX));
    for (send, code, text) in [
        (wire::Send { ack: 4, ..send() }, Code::BadField, "send.ack: one of persisted (0)"),
        (wire::Send { to_user: String::new(), ..send() }, Code::BadField, "send.conversation: one of"),
        (wire::Send { conversation: "g.a".into(), ..send() }, Code::BadField, "send.to_user: only one of"),
        (wire::Send { body: bytes::Bytes::new(), ..send() }, Code::BadField, "send.body: one of text, image"),
        (
            wire::Send { body: system.encoded().clone(), ..send() },
            Code::BadField,
            "send.body: system: clients cannot",
        ),
        (
            wire::Send { body: large.encoded().clone(), ..send() },
            Code::TooLarge,
            "send.body: 32772 bytes, at most",
        ),
        (wire::Send { after: "x".into(), ..send() }, Code::BadField, "send.after: "),
    ] {
        let error = decode(send).expect_err("must be refused");
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(error.client_message_id(), ClientMessageId::parse(ID).ok(), "{error}");
        assert!(error.to_string().starts_with(text), "{error}");
    }
}

#[test]
fn frames_of_a_newer_protocol_are_unknown_and_broken_ones_malformed() {
    // Field 1000, length-delimited, empty.
    for bytes in [&[][..], &[0xc2, 0x3e, 0x00]] {
        let error = ClientFrame::decode(Encoding::Proto, bytes).expect_err("must be refused");
        assert!(matches!(error, FrameError::Unknown { .. }), "{error:?}");
    }
    for bytes in [&[0x12][..], &[0x12, 0x05, 0x0a], &[0xff; 12], b"{\"ping\":{}}"] {
        let error = ClientFrame::decode(Encoding::Proto, bytes).expect_err("must be refused");
        assert_eq!(error.code(), Code::BadFrame, "{error:?}");
    }
}

fn envelope(source: i32, body: &Body, trace: &'static [u8]) -> wire::CommandEnvelope {
    let send = wire::Send { body: body.encoded().clone(), ack: 99, ..send() };
    wire::CommandEnvelope {
        user: "alice".into(),
        device: "phone".into(),
        source,
        trace: bytes::Bytes::from_static(trace),
        request: Some(wire::command_envelope::Request::Send(send)),
        ..wire::CommandEnvelope::default()
    }
}

#[test]
fn trusted_services_may_send_any_body() {
    let notice = Body::system(wire::system::Change::Notice(wire::Notice { text: "maintenance".into() }));
    let source = wire::command_envelope::Source::ServerApi.into();
    let command = Command::from_envelope(&envelope(source, &notice, b"").encode_to_vec()[..]).unwrap();
    assert_eq!(command.origin.source, Source::ServerApi);
    let Request::Send(send) = command.request else { panic!("a send") };
    assert_eq!(send.body, notice);
}

#[test]
fn what_a_newer_node_adds_gives_no_rights_and_costs_no_command() {
    let bytes = envelope(77, &Body::text("hi"), b"short").encode_to_vec();
    let command = Command::from_envelope(&bytes[..]).unwrap();
    assert_eq!(command.origin.source, Source::Client);
    assert_eq!(command.trace, TraceId::default());
    let Request::Send(send) = command.request else { panic!("a send") };
    assert_eq!(send.ack, AckMode::Persisted);
}

#[test]
fn commands_without_an_identity_are_refused() {
    let mut nobody = envelope(0, &Body::text("hi"), b"");
    nobody.user.clear();
    let error = Command::from_envelope(&nobody.encode_to_vec()[..]).expect_err("must be refused");
    assert_eq!(error.to_string(), "command.user: a user id has 1 to 64 characters, not 0");
}
