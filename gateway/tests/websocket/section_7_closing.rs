//! RFC 6455 section 7: the close frame, and what follows the end.

use gateway::websocket::close::may_be_sent;
use gateway::websocket::{Decoder, Event, ProtocolError};
use proto::CloseCode;

use crate::wire::{
    CLOSE, CONTINUATION, LIMITS, Owned, TEXT, accepted, close, decode, fragment, frame, refused, text,
};

#[test]
fn section_5_5_1_a_close_may_be_empty() {
    assert_eq!(accepted(&[frame(CLOSE, b"")]), [Owned::Close(None)]);
}

#[test]
fn section_5_5_1_a_close_has_a_code_and_perhaps_a_reason() {
    assert_eq!(accepted(&[close(1000, b"")]), [Owned::Close(Some((1000, String::new())))]);
    let reason = "é".repeat(61) + "!";
    let longest = close(1001, reason.as_bytes());
    assert_eq!(accepted(&[longest]), [Owned::Close(Some((1001, reason)))]);
}

#[test]
fn section_5_5_1_half_a_code_is_refused() {
    assert_eq!(refused(&[frame(CLOSE, &[3])], &[]), ProtocolError::CloseBodyTruncated);
}

#[test]
fn section_5_5_1_the_reason_is_utf8() {
    for bytes in [&b"\xC3"[..], b"\xFF", b"ok \xED\xA0\x80"] {
        assert_eq!(refused(&[close(1000, bytes)], &[]), ProtocolError::CloseReasonNotUtf8);
    }
}

#[test]
fn section_7_4_exactly_the_codes_that_may_be_sent_are_accepted() {
    for code in 0..=u16::MAX {
        // 7.4.1 and the IANA registry name these; 7.4.2 leaves 3000–4999 to libraries and applications.
        let legal = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014].contains(&code)
            || (3000..5000).contains(&code);
        assert_eq!(may_be_sent(code), legal, "{code}");
    }
    for code in [1000, 1014, 3000, 4999] {
        assert_eq!(accepted(&[close(code, b"x")]), [Owned::Close(Some((code, "x".to_owned())))]);
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
        assert_eq!(refused(&[close(code, b"")], &[]), ProtocolError::CloseCodeInvalid, "{code}");
    }
}

#[test]
fn section_7_4_every_code_that_we_send_may_be_sent() {
    for code in CloseCode::ALL {
        assert!(may_be_sent(code.number()), "{code:?}");
    }
    for error in ProtocolError::ALL {
        assert!([1002, 1007, 1009].contains(&error.close_code().number()), "{error:?}");
    }
}

#[test]
fn section_5_5_1_nothing_is_read_after_a_close() {
    let outcome = decode(&[close(1000, b""), frame(TEXT, b"late"), vec![0xFF; 40]]);
    assert_eq!(outcome.events, [Owned::Close(Some((1000, String::new())))]);
    assert_eq!((outcome.error, outcome.ended), (None, true));
}

#[test]
fn section_5_5_1_a_close_may_come_inside_a_message() {
    let frames = [fragment(TEXT, b"never "), close(1001, b""), frame(CONTINUATION, b"finished")];
    assert_eq!(accepted(&frames), [Owned::Close(Some((1001, String::new())))]);
}

#[test]
fn section_7_1_7_nothing_is_read_after_an_error() {
    let frames = [frame(TEXT, b"ok"), frame(CONTINUATION, b""), frame(TEXT, b"late")];
    assert_eq!(refused(&frames, &[text("ok")]), ProtocolError::NothingToContinue);
}

#[test]
fn what_is_unread_after_an_event_can_be_given_again() {
    let mut stream = [frame(TEXT, b"one"), frame(TEXT, b"two")].concat();
    let mut decoder = Decoder::new(LIMITS);
    let mut events = decoder.events(&mut stream);
    assert_eq!(events.next(), Ok(Some(Event::Text("one"))));
    let mut unread = events.unread().to_vec();
    assert_eq!(unread, frame(TEXT, b"two"));
    let mut events = decoder.events(&mut unread);
    assert_eq!(events.next(), Ok(Some(Event::Text("two"))));
    assert_eq!(events.next(), Ok(None));
}
