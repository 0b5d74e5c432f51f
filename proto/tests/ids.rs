//! What is an id and what is not.

use proto::{ClientMessageId, ConversationId, GroupId, IdError, MessageId, SessionRef, Timestamp, UserId};

#[test]
fn all_characters_of_identity_providers_are_allowed_and_no_others() {
    for byte in 0..=255_u8 {
        let text = char::from(byte).to_string();
        let allowed = byte.is_ascii_alphanumeric() || b"._-|@:+=~".contains(&byte);
        assert_eq!(UserId::parse(&text).is_ok(), allowed, "{byte}");
        let expected = if allowed { Ok(()) } else { Err(IdError::Character { what: "user id", at: 3 }) };
        assert_eq!(UserId::parse(&format!("abc{text}")).map(drop), expected, "{byte}");
    }
    for sub in
        ["auth0|5f7c8ec7c33c6c004bbafe82", "anna.k+chat@example.com", "google-oauth2|1054", "a=b~c:d_e"]
    {
        assert_eq!(UserId::parse(sub).map(|user| user.to_string()), Ok(sub.to_owned()));
    }
}

#[test]
fn names_have_1_to_64_characters() {
    assert!(UserId::parse(&"x".repeat(64)).is_ok());
    for length in [0, 65, 1000] {
        let error = UserId::parse(&"x".repeat(length)).expect_err("must be refused");
        assert_eq!(error.to_string(), format!("a user id has 1 to 64 characters, not {length}"));
    }
    let error = GroupId::parse("").expect_err("must be refused");
    assert_eq!(error.to_string(), "a group id has 1 to 64 characters, not 0");
}

#[test]
fn conversation_ids_are_readable_where_the_names_are_plain() {
    let user = |text| UserId::parse(text).expect("valid");
    assert_eq!(ConversationId::direct(&user("bob"), &user("alice")).as_str(), "d.alice.bob");
    assert_eq!(ConversationId::direct(&user("bob"), &user("bob")).as_str(), "d.bob.bob");
    assert_eq!(ConversationId::direct(&user("a.b"), &user("~")).as_str(), "d.a~2eb.~7e");
    assert_eq!(ConversationId::group(&GroupId::parse("x:1").expect("valid")).as_str(), "g.x~3a1");
}

#[test]
fn conversation_ids_that_nobody_gave_out_are_refused() {
    let long = format!("g.{}", "x".repeat(65));
    for text in [
        "", ".", "d", "g", "d.", "g.", "d.a", "d..b", "d.a.", "d.a.b.c", "g.a.b", "x.a", "D.a.b", "d.b.a",
        // Escapes that are not needed, not allowed, in upper case, or not whole.
        "g.~61", "g.~20", "g.~2E", "g.~2", "g.~", "g.~zz", "g.a~", "g.a b", "g.ä", "g.~00", "d.~7e.a.", &long,
        // `.` (2e) comes before `a`, although `~2e` comes after.
        "d.a.~2e",
    ] {
        assert_eq!(ConversationId::parse(text), Err(IdError::Conversation), "{text}");
    }
    assert!(ConversationId::parse("d.~2e.a").is_ok());
}

#[test]
fn snowflakes_carry_their_time() {
    let time = Timestamp(MessageId::EPOCH_MS + 123_456_789);
    let id = MessageId::from_parts(time, 1023, 4095);
    assert_eq!(id.time(), time);
    assert_eq!(id.0 & 0x003f_ffff, 0x003f_ffff);
    assert!(MessageId::from_parts(time, 0, 0) < id);
    assert!(MessageId::from_parts(time.plus_ms(1), 0, 0) > id);
}

#[test]
fn client_message_ids_are_uuids_in_any_usual_spelling() {
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    for text in [id, "01890A5D-AC96-774B-BCCE-B302099A8057", "01890a5dac96774bbcceb302099a8057"] {
        assert_eq!(ClientMessageId::parse(text).map(|id| id.to_string()), Ok(id.to_owned()));
    }
    for text in ["", "1", "01890a5d-ac96-774b-bcce-b302099a805", "01890a5d-ac96-774b-bcce-b302099a805g"] {
        assert_eq!(ClientMessageId::parse(text), Err(IdError::ClientMessage), "{text}");
    }
    let (one, other) = (ClientMessageId::now(), ClientMessageId::now());
    assert_ne!(one, other);
    assert_eq!(one.0[6] >> 4, 7, "version 7");
}

#[test]
fn session_ids_have_32_hexadecimal_digits() {
    for text in [
        "",
        "00",
        "00c0ffee00c0ffee000000000000000",
        "00c0ffee00c0ffee000000000000000g",
        "+0c0ffee00c0ffee0000000000000001",
        "ä0c0ffee00c0ffee0000000000000001",
    ] {
        assert_eq!(SessionRef::parse(text), Err(IdError::Session), "{text}");
    }
}
