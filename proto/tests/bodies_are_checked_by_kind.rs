//! What each kind of message may say, and that a refusal names the member.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proto::body::{Change, MessageTarget};
use proto::{Body, ClientFrame, Code, Encoding, MessageId, Seq};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn send(body: &str) -> Result<Body, String> {
    let text = format!(r#"{{"send":{{"client_message_id":"{ID}","to_user":"bob","body":{body}}}}}"#);
    match ClientFrame::decode(Encoding::Json, text.as_bytes()) {
        Ok(ClientFrame::Send(send)) => Ok(send.body),
        Ok(other) => panic!("{other:?}"),
        Err(error) => {
            assert_eq!(error.client_message_id().unwrap().to_string(), ID, "{error}");
            Err(error.to_string())
        }
    }
}

#[test]
fn each_kind_is_taken() {
    for body in [
        r#"{"image":{"file":"f1","name":"cat.png","size":"5","mime":"image/png","width":3,"height":2,"thumbnail":{"file":"f2"}}}"#,
        r#"{"image":{"url":"https://example.com/cat.png"}}"#,
        r#"{"file":{"file":"f1","name":"a b.pdf","size":"12345678901","mime":"application/pdf"}}"#,
        r#"{"voice":{"file":"f1","mime":"audio/ogg","duration_ms":1500}}"#,
        r#"{"video":{"file":"f1","width":1920,"height":1080,"duration_ms":1500,"thumbnail":{"url":"https://a.b/c","width":1,"height":1}}}"#,
        r#"{"location":{"latitude":-33.85,"longitude":"151.2","name":"Opera"}}"#,
        r#"{"contact":{"user":"carol","name":"Carol","avatar":"https://a.b/c.png"}}"#,
        r#"{"merged":{"title":"Chat","messages":[{"sender":"a","time":"1","body":{"text":"x"}},{"sender":"b","body":{"image":{"file":"f"}}}]}}"#,
        r#"{"text":"@bob look","mentions":{"users":["bob"]},"reply_to":{"seq":"4"},"thread":{"seq":2}}"#,
        r#"{"text":"hi","forward":{"conversation":"g.other","seq":"3","sender":"carol","time":"9"}}"#,
        r#"{"text":"all!","mentions":{"all":true}}"#,
        r#"{"custom":{"type":"poll","json":"{\"a\":[1]}"}}"#,
    ] {
        if let Err(error) = send(body) {
            panic!("{body}: {error}");
        }
    }
}

#[test]
fn a_refusal_names_the_member_and_the_rule() {
    let long = "x".repeat(256);
    let cases = [
        (r#"{"image":{}}"#.to_owned(), "image.file: one of file, url is required"),
        (r#"{"image":{"file":"a","url":"https://b"}}"#.into(), "image.url: only one of"),
        (r#"{"image":{"file":"a b"}}"#.into(), "image.file: 1 to 128 visible"),
        (r#"{"image":{"url":"http://b/c"}}"#.into(), "image.url: an https address"),
        (r#"{"image":{"file":"a","mime":"text/plain"}}"#.into(), "image.mime: it must begin with image/"),
        (r#"{"image":{"file":"a","mime":"png"}}"#.into(), "image.mime: a type such as"),
        (r#"{"image":{"file":"a","width":5}}"#.into(), "image.width: width and height go together"),
        (r#"{"image":{"file":"a","width":5,"height":100001}}"#.into(), "image.width: at most 100000"),
        (r#"{"image":{"file":"a","duration_ms":5}}"#.into(), "image.duration_ms: only voices"),
        (r#"{"image":{"file":"a","thumbnail":{}}}"#.into(), "image.thumbnail.file: one of"),
        (r#"{"image":{"file":"a","size":-1}}"#.into(), "size: expected a whole number"),
        (r#"{"file":{"file":"a"}}"#.into(), "file.name: it is required"),
        (r#"{"file":{"file":"a","name":"b","height":1,"width":1}}"#.into(), "file.width: only images"),
        (format!(r#"{{"file":{{"file":"a","name":"{long}"}}}}"#), "file.name: at most 255"),
        (r#"{"file":{"file":"a","name":"a\nb"}}"#.into(), "file.name: control characters"),
        (r#"{"voice":{"file":"a","thumbnail":{"file":"b"}}}"#.into(), "voice.thumbnail: a voice has none"),
        (r#"{"voice":{"file":"a","duration_ms":86400001}}"#.into(), "voice.duration_ms: at most a day"),
        (r#"{"location":{"latitude":90.1,"longitude":0}}"#.into(), "location.latitude: degrees from -90"),
        (r#"{"location":{"longitude":1}}"#.into(), "location.latitude: degrees from -90 to 90 are required"),
        (r#"{"location":{"latitude":1,"longitude":null}}"#.into(), "location.longitude: degrees from -180"),
        (r#"{"location":{"latitude":0,"longitude":-181}}"#.into(), "location.longitude: degrees from -180"),
        (r#"{"location":{"latitude":"NaN"}}"#.into(), "latitude: expected a number"),
        (r#"{"location":{"latitude":1e999}}"#.into(), "latitude: expected a number"),
        (r#"{"contact":{"name":"x"}}"#.into(), "contact.user: a user id"),
        (r#"{"contact":{"user":"x","avatar":"ftp://x"}}"#.into(), "contact.avatar: an https"),
        (r#"{"merged":{"messages":[]}}"#.into(), "merged.messages: 1 to 100"),
        (
            r#"{"merged":{"messages":[{"sender":"a","body":{"text":"x"}},{"sender":"a","body":{}}]}}"#.into(),
            "merged.messages[1].body.one of text, image",
        ),
        (
            r#"{"merged":{"messages":[{"sender":"a","body":{"merged":{"messages":[]}}}]}}"#.into(),
            "merged.messages[0].body: a merged forward holds no",
        ),
        (r#"{"custom":{"type":"a","json":"{"}}"#.into(), "custom.json: JSON text is required"),
        (r#"{"text":"a","mentions":{}}"#.into(), "mentions.users: one of users, all"),
        (r#"{"text":"a","mentions":{"users":["b b"]}}"#.into(), "mentions.users: a user id"),
        (r#"{"text":"a","reply_to":{"message_id":"7"}}"#.into(), "reply_to.seq: the place"),
        (r#"{"text":"a","thread":{}}"#.into(), "thread.seq: the place"),
        (r#"{"text":"a","forward":{"sender":""}}"#.into(), "forward.sender: a user id"),
        (r#"{"text":"a","forward":{"sender":"a","conversation":"x"}}"#.into(), "forward.conversation: not a"),
        (r#"{"recall":{"message":{"seq":"1"}}}"#.into(), "changes of messages have frames of their own"),
    ];
    for (body, rule) in cases {
        let error = send(&body).expect_err(&body);
        assert!(error.starts_with("send.body: ") && error.contains(rule), "{body}: {error}");
    }
    let users = vec![r#""b""#; 51].join(",");
    let error = send(&format!(r#"{{"text":"a","mentions":{{"users":[{users}]}}}}"#)).unwrap_err();
    assert!(error.contains("at most 50"), "{error}");
    let messages = vec![r#"{"sender":"a","body":{"text":"x"}}"#; 101].join(",");
    let error = send(&format!(r#"{{"merged":{{"messages":[{messages}]}}}}"#)).unwrap_err();
    assert!(error.contains("at most 100"), "{error}");
}

#[test]
fn bodies_in_each_other_end_somewhere() {
    let mut body = r#"{"text":"x"}"#.to_owned();
    for _ in 0..15 {
        body = format!(r#"{{"merged":{{"messages":[{{"sender":"a","body":{body}}}]}}}}"#);
    }
    let error = send(&body).unwrap_err();
    assert!(error.contains("too many bodies in each other"), "{error}");
    // The same in protobuf, as a trusted service could write it: what is too deep is left out.
    let mut nested = Body::text("x");
    for _ in 0..1_000 {
        let target = MessageTarget { seq: Seq(1), message_id: None };
        nested = Body::change(target, &Change::Edit(Some(nested)));
    }
    let entry = r#"{"event":{"conversation":"g.a","seq":"1","message_id":"1","sender":"a","time":"1","client_message_id":"ID"}}"#;
    let event = proto::ServerFrame::decode(Encoding::Json, entry.replace("ID", ID).as_bytes()).unwrap();
    let proto::ServerFrame::Event(mut event) = event else { panic!("an event") };
    event.entry.body = nested;
    let mut out = Vec::new();
    proto::ServerFrame::Event(event).encode_into(Encoding::Json, &mut out);
    assert_eq!(String::from_utf8(out).unwrap().matches("\"edit\"").count(), 3);
}

fn change(frame: &str, rest: &str) -> Result<ClientFrame, String> {
    let text = format!(r#"{{"{frame}":{{"client_message_id":"{ID}","conversation":"d.alice.bob",{rest}}}}}"#);
    ClientFrame::decode(Encoding::Json, text.as_bytes()).map_err(|error| {
        assert_eq!(error.client_message_id().map(|id| id.to_string()), Some(ID.to_owned()), "{error}");
        assert_eq!(error.to_nack().frame, frame, "{error}");
        assert_eq!(error.code(), Code::BadField);
        error.to_string()
    })
}

#[test]
fn changes_are_sends_with_a_body_of_their_own() {
    for (frame, rest, target, wanted) in [
        ("recall", r#""seq":"4""#, (4, 0), Change::Recall),
        ("recall", r#""message_id":"77""#, (0, 77), Change::Recall),
        ("edit", r#""seq":4,"body":{"text":"x"}"#, (4, 0), Change::Edit(Some(Body::text("x")))),
        (
            "react",
            r#""seq":4,"reaction":"👍""#,
            (4, 0),
            Change::React { reaction: "👍".into(), remove: false },
        ),
        (
            "react",
            r#""seq":4,"reaction":"+1","remove":true"#,
            (4, 0),
            Change::React { reaction: "+1".into(), remove: true },
        ),
        ("pin", r#""seq":4"#, (4, 0), Change::Pin { remove: false }),
        ("pin", r#""seq":4,"remove":true"#, (4, 0), Change::Pin { remove: true }),
    ] {
        let Ok(ClientFrame::Send(send)) = change(frame, rest) else { panic!("{frame} {rest}") };
        assert_eq!(send.name(), frame);
        let message_id = (target.1 != 0).then_some(MessageId(target.1));
        assert_eq!(send.body.as_change(), Some((MessageTarget { seq: Seq(target.0), message_id }, wanted)));
    }
    for (frame, rest, rule) in [
        ("recall", r#""seq":"0""#, "recall.seq: one of seq, message_id is required"),
        ("recall", r#""seq":"1","message_id":"1""#, "recall.message_id: only one of"),
        ("recall", r#""seq":true"#, "recall.seq: expected a whole number"),
        ("edit", r#""seq":1"#, "edit.body: one of text, image"),
        ("edit", r#""seq":1,"body":{"system":{"notice":{"text":"x"}}}"#, "edit.body: system: clients cannot"),
        ("react", r#""seq":1"#, "react.reaction: an emoji or a short text of 1 to 32 bytes"),
        ("react", r#""seq":1,"reaction":" ""#, "react.reaction: an emoji"),
        ("react", r#""seq":1,"reaction":"012345678901234567890123456789012""#, "react.reaction: an emoji"),
    ] {
        let error = change(frame, rest).expect_err(rest);
        assert!(error.starts_with(rule), "{rest}: {error}");
    }
}
