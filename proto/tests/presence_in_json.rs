//! What the frames about presence refuse.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proto::presence::{Activity, PresenceAsk};
use proto::{ClientFrame, DeviceId, Encoding, FrameError, limits};

fn decode(text: &str) -> Result<ClientFrame, FrameError> {
    ClientFrame::decode(Encoding::Json, text.as_bytes())
}

fn refusal(text: &str) -> String {
    decode(text).unwrap_err().to_string()
}

#[test]
fn a_report_is_online_or_away_by_name_or_number() {
    let away = ClientFrame::Presence(PresenceAsk::Report(Activity::Away));
    for state in [r#""away""#, r#""AWAY""#, "2"] {
        assert_eq!(decode(&format!(r#"{{"presence_report":{{"state":{state}}}}}"#)), Ok(away.clone()));
    }
    for state in [r#""offline""#, r#""busy""#, "0", "9"] {
        let refusal = refusal(&format!(r#"{{"presence_report":{{"state":{state}}}}}"#));
        assert_eq!(refusal, "presence_report.state: one of away (2), online (3) is allowed", "{state}");
    }
    assert!(decode(r#"{"presence_report":{}}"#).is_err(), "a report says something");
}

#[test]
fn a_frame_names_some_users_and_not_too_many() {
    let of = |frame: &str, count: usize| {
        let users = vec![r#""bob""#; count].join(",");
        format!(r#"{{"{frame}":{{"users":[{users}]}}}}"#)
    };
    assert_eq!(refusal(&of("presence_subscribe", 0)), "presence_subscribe.users: one at least is required");
    assert!(decode(&of("presence_unsubscribe", 0)).is_ok(), "all of them");
    for frame in ["presence_subscribe", "presence_unsubscribe"] {
        assert!(decode(&of(frame, limits::PRESENCE_USERS_MAX)).is_ok());
        for count in [limits::PRESENCE_USERS_MAX + 1, 5_000] {
            assert_eq!(refusal(&of(frame, count)), format!("{frame}.users: at most 200 are allowed"));
        }
        let refusal = refusal(&format!(r#"{{"{frame}":{{"users":["a/b"]}}}}"#));
        assert!(refusal.starts_with(&format!("{frame}.users: ")), "{refusal}");
    }
}

#[test]
fn the_kind_of_a_device_is_what_comes_before_the_first_dash() {
    for (device, kind) in [("phone-3f2a", "phone"), ("web", "web"), ("tv-a-b", "tv"), ("-x", "-x")] {
        assert_eq!(DeviceId::parse(device).unwrap().kind().as_str(), kind);
    }
}
