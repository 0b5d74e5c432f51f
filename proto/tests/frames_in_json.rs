//! What client frames look like in JSON, and what is refused.

use proto::client_frame::{AckMode, Recipient};
use proto::{Body, ClientFrame, ClientMessageId, Code, Encoding, FrameError, limits};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn decode(text: &str) -> Result<ClientFrame, FrameError> {
    ClientFrame::decode(Encoding::Json, text.as_bytes())
}

fn send(text: &str) -> proto::client_frame::Send {
    match decode(text) {
        Ok(ClientFrame::Send(send)) => send,
        other => panic!("not a send: {other:?}"),
    }
}

fn refusal(text: &str) -> FrameError {
    decode(text).expect_err("must be refused")
}

#[test]
fn the_documented_send_is_understood() {
    let send =
        send(&format!(r#"{{"send":{{"client_message_id":"{ID}","to_user":"bob","body":{{"text":"hi"}}}}}}"#));
    assert_eq!(send.client_message_id.to_string(), ID);
    assert_eq!(send.to, Recipient::User("bob".parse().unwrap()));
    assert_eq!(send.body, Body::text("hi"));
    assert_eq!(send.ack, AckMode::Persisted);
}

#[test]
fn snake_and_camel_case_mean_the_same() {
    let snake = format!(
        r#"{{"send":{{"client_message_id":"{ID}","to_user":"bob","body":{{"text":"hi"}},"age_ms":"7","attempt":2}}}}"#
    );
    let camel = format!(
        r#"{{"send":{{"clientMessageId":"{ID}","toUser":"bob","body":{{"text":"hi"}},"ageMs":7,"attempt":"2"}}}}"#
    );
    assert_eq!(send(&snake), send(&camel));
}

#[test]
fn wide_numbers_come_as_strings_or_numbers() {
    for number in [r#""18446744073709551615""#, "18446744073709551615"] {
        let text = format!(r#"{{"read":{{"conversation":"g.team","seq":{number}}}}}"#);
        let Ok(ClientFrame::Read(position)) = decode(&text) else { panic!("{text}") };
        assert_eq!(position.seq.0, u64::MAX);
    }
    for number in ["12e2", "1200.0", "1200"] {
        let text = format!(r#"{{"read":{{"conversation":"g.team","seq":{number}}}}}"#);
        let Ok(ClientFrame::Read(position)) = decode(&text) else { panic!("{text}") };
        assert_eq!(position.seq.0, 1200);
    }
    for number in
        ["-1", "1.5", r#""""#, r#""1e3""#, r#"" 1""#, "18446744073709551616", "true", "[1]", "1e400"]
    {
        let error = refusal(&format!(r#"{{"read":{{"conversation":"g.team","seq":{number}}}}}"#));
        assert_eq!((error.frame(), error.code()), ("read", Code::BadField), "{number}: {error}");
        assert!(error.to_string().starts_with("read.seq: "), "{error}");
    }
}

#[test]
fn ack_modes_come_by_name_in_any_case_or_by_number() {
    let with = |ack: &str| {
        format!(
            r#"{{"send":{{"client_message_id":"{ID}","to_user":"bob","body":{{"text":"hi"}},"ack":{ack}}}}}"#
        )
    };
    for ack in [r#""received""#, r#""RECEIVED""#, "2", r#"2.0"#] {
        assert_eq!(send(&with(ack)).ack, AckMode::Received, "{ack}");
    }
    assert_eq!(send(&with(r#""none""#)).ack, AckMode::None);
    assert_eq!(send(&with("null")).ack, AckMode::Persisted);
    assert_eq!(send(&with(r#""published""#)).ack, AckMode::Published);
    for ack in [r#""later""#, "4", "99999999999", "true"] {
        let error = refusal(&with(ack));
        assert_eq!(error.client_message_id(), ClientMessageId::parse(ID).ok(), "{ack}");
    }
}

#[test]
fn unknown_members_are_ignored_whatever_they_hold() {
    let text = format!(
        r#" {{ "trace" : [ {{ "a" : [1, -2.5e-3, true, null, "\u00e4\"" ] }}, {{}}, [] ] ,
            "send":{{"colour":{{"r":1}},"client_message_id":"{ID}","to_user":"bob","body":{{"text":"hi","mood":3}}}}}} "#
    );
    assert_eq!(send(&text).body, Body::text("hi"));
}

#[test]
fn nulls_are_as_absent() {
    let text = format!(
        r#"{{"ping":null,"send":{{"client_message_id":"{ID}","to_user":"bob","conversation":null,"body":{{"text":"hi","custom":null}}}}}}"#
    );
    assert_eq!(send(&text).body, Body::text("hi"));
}

#[test]
fn escapes_and_surrogate_pairs_are_read() {
    let text = format!(
        r#"{{"send":{{"client_message_id":"{ID}","to_user":"b\u006fb","body":{{"text":"a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\u0000 é😀"}}}}}}"#
    );
    assert_eq!(send(&text).body, Body::text("a\"\\/\u{8}\u{c}\n\r\té😀\0 é😀"));
    for bad in [r"\ud83d", r"\ude00", r"\ud83dx", r"\ud83dA", r"\x", r"\u12g4", r"\u12", "\u{1}", "\\"] {
        let text = format!(r#"{{"send":{{"body":{{"text":"{bad}"}}}}}}"#);
        assert_eq!(refusal(&text).code(), Code::BadFrame, "{bad}");
    }
}

#[test]
fn none_or_several_frames_are_refused_with_the_known_names() {
    for text in [
        "{}",
        r#"{"shout":{}}"#,
        r#"{"ping":null}"#,
        r#"{"ping":{},"ping":{}}"#,
        r#"{"ping":{},"read":{}}"#,
        "[]",
        "7",
    ] {
        let error = refusal(text);
        assert!(matches!(error, FrameError::Unknown { .. }), "{text}: {error:?}");
        assert!(error.to_string().contains("hello, send, fetch"), "{error}");
    }
}

#[test]
fn text_that_is_not_json_is_refused_with_the_place() {
    for text in [
        "",
        "{",
        "{\"ping\"}",
        "{\"ping\":{}",
        "{\"ping\":{}}x",
        "{\"ping\":{},}",
        "{ping:{}}",
        "{\"a\":01,\"ping\":{}}",
        "{\"a\":1.,\"ping\":{}}",
        "{\"a\":tru,\"ping\":{}}",
    ] {
        let error = refusal(text);
        // An empty text has no object either.
        assert_eq!(error.code(), Code::BadFrame, "{text}: {error:?}");
    }
    assert_eq!(
        refusal("{\"ping\":{}}x").to_string(),
        "not a well-formed frame: the end of the message was expected at byte 11"
    );
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    let deep = |levels: usize| format!(r#"{{"x":{}{},"ping":{{}}}}"#, "[".repeat(levels), "]".repeat(levels));
    assert_eq!(decode(&deep(64)), Ok(ClientFrame::Ping));
    assert_eq!(refusal(&deep(65)).code(), Code::BadFrame);
    assert_eq!(refusal(&"[{\"a\":".repeat(10_000)).code(), Code::BadFrame);
    assert_eq!(refusal(&format!(r#"{{"x":{}"#, "[".repeat(1_000_000))).code(), Code::BadFrame);
}

#[test]
fn a_refused_send_names_the_field_the_rule_and_the_send() {
    let cases = [
        (r#""to_user":"bob""#, "body", "one of text, image, file"),
        (r#""to_user":"bob","body":{}"#, "body", "one of text, image, file"),
        (r#""to_user":"bob","body":{"text":""}"#, "body", "text: it is empty"),
        (r#""to_user":"bob","body":{"text":"a","custom":{"type":"b"}}"#, "body", "only one kind is allowed"),
        (r#""to_user":"bob","body":{"custom":{"json":"{}"}}"#, "body", "custom.type: 1 to 64 characters"),
        (r#""to_user":"bob","body":{"system":{"notice":{"text":"x"}}}"#, "body", "clients cannot write"),
        (r#""to_user":"bob","body":"hi""#, "body", "expected an object"),
        (r#""to_user":"bob","body":{"text":5}"#, "body", "text: expected a string"),
        (r#""body":{"text":"hi"}"#, "conversation", "one of conversation, to_user is required"),
        (r#""to_user":"bob","conversation":"g.a","body":{"text":"hi"}"#, "to_user", "only one of"),
        (r#""to_user":"b b","body":{"text":"hi"}"#, "to_user", "only letters"),
        (r#""conversation":"d.b.a","body":{"text":"hi"}"#, "conversation", "not a conversation id"),
        (r#""to_user":"bob","body":{"text":"hi"},"after":"x""#, "after", "is a UUID"),
        (r#""to_user":"bob","body":{"text":"hi"},"attempt":4294967296"#, "attempt", "4294967295"),
    ];
    for (rest, field, rule) in cases {
        let error = refusal(&format!(r#"{{"send":{{{rest},"client_message_id":"{ID}"}}}}"#));
        let FrameError::Field { frame: "send", field: named, problem, send } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(*named, field, "{rest}");
        assert!(problem.contains(rule), "{rest}: {problem}");
        assert_eq!(*send, ClientMessageId::parse(ID).ok(), "{rest}");
        assert_eq!(error.to_nack().client_message_id, *send);
    }
    assert_eq!(refusal(r#"{"send":"hi"}"#).to_string(), "send: expected an object");
    let error = refusal(r#"{"send":{"to_user":"bob","body":{"text":"hi"},"client_message_id":"7"}}"#);
    assert_eq!(error.client_message_id(), None);
    assert!(error.to_string().starts_with("send.client_message_id: a client_message_id is a UUID"));
}

#[test]
fn what_is_too_large_is_refused_as_such() {
    let of = |text: usize| {
        let text = "x".repeat(text);
        format!(r#"{{"send":{{"client_message_id":"{ID}","to_user":"bob","body":{{"text":"{text}"}}}}}}"#)
    };
    // A tag and three bytes of length precede the text.
    send(&of(limits::BODY_BYTES_MAX - 4));
    let error = refusal(&of(limits::BODY_BYTES_MAX - 3));
    assert_eq!(error.code(), Code::TooLarge);
    assert_eq!(error.client_message_id(), ClientMessageId::parse(ID).ok());
    assert!(error.to_string().contains("at most 32768 are allowed"), "{error}");

    let token = "t".repeat(limits::AUTH_BYTES_MAX + 1);
    assert_eq!(refusal(&format!(r#"{{"hello":{{"auth":"{token}"}}}}"#)).code(), Code::TooLarge);
    let cursor = "c".repeat(limits::CURSOR_BYTES_MAX + 1);
    assert_eq!(refusal(&format!(r#"{{"sync":{{"cursor":"{cursor}"}}}}"#)).code(), Code::TooLarge);
}

#[test]
fn a_sync_opens_only_so_many_conversations() {
    let of = |count: usize| {
        let open = vec![r#"{"conversation":"g.a","seq":"1"}"#; count].join(",");
        format!(r#"{{"sync":{{"open":[{open}]}}}}"#)
    };
    let Ok(ClientFrame::Sync(sync)) = decode(&of(limits::SYNC_OPEN_MAX)) else { panic!("allowed") };
    assert_eq!(sync.open.len(), limits::SYNC_OPEN_MAX);
    for count in [limits::SYNC_OPEN_MAX + 1, 2_000] {
        assert_eq!(refusal(&of(count)).to_string(), "sync.open: at most 200 conversations are allowed");
    }
}

#[test]
fn errors_never_repeat_what_was_sent() {
    let texts = [
        r#"{"send":{"client_message_id":"SECRET","body":{"text":"SECRET"}}}"#.to_owned(),
        r#"{"hello":{"auth":{"SECRET":1}}}"#.to_owned(),
        r#"{"hello":{"auth":"SECRET","device":"SEC RET"}}"#.to_owned(),
        r#"{"hello":{"auth":"SECRET"SECRET}}"#.to_owned(),
        r#"{"SECRET":{}}"#.to_owned(),
        format!(r#"{{"send":{{"client_message_id":"{ID}","to_user":"SEC RET","ack":"SECRET"}}}}"#),
        r#"{"read":{"conversation":"SECRET","seq":"SECRET"}}"#.to_owned(),
    ];
    for text in texts {
        let error = refusal(&text);
        let shown = format!("{error} {error:?} {:?}", error.to_nack());
        assert!(!shown.contains("SEC"), "{shown}");
    }
}
