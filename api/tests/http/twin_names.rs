//! What is told over HTTP and over sockets has the same names: the members of an answer are those of the frame that is its twin, and no others
//! but the ones that are listed here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A schema of the document, the message of the protocol that says the same, and the members that only the answer has.
const TWINS: [(&str, &str, &[&str]); 40] = [
    ("Changed", "Delta", &["heads"]),
    ("StartAgain", "ServerFrame", &[]),
    ("OpenHead", "Head", &[]),
    // A socket knows a conversation by its id, and whom it shows.
    ("Conversation", "ConversationState", &["kind"]),
    ("ConversationSettings", "Settings", &[]),
    ("Contact", "Contact", &[]),
    ("FriendRequest", "FriendRequest", &[]),
    ("Invited", "Invitation", &[]),
    ("MyInvitation", "Invitation", &["members"]),
    ("Message", "Event", &[]),
    ("MessageBody", "Body", &[]),
    ("Overlay", "Overlay", &[]),
    ("Done", "Recalled", &[]),
    ("Edited", "Edited", &[]),
    ("Reaction", "Reaction", &[]),
    ("SentMessage", "Ack", &[]),
    ("Receipt", "Receipt", &[]),
    ("Reader", "Reader", &[]),
    ("Confirmation", "Confirmation", &[]),
    // A page of a list ends with `next_cursor`, as all do.
    ("Readers", "Readers", &["next_cursor"]),
    ("Confirmations", "Confirmations", &["next_cursor"]),
    // HTTP names each device; sockets are told of kinds.
    ("UserPresence", "UserPresence", &[]),
    ("Device", "KindPresence", &["device", "online_since", "last_seen"]),
    ("ImageBody", "Media", &[]),
    ("FileBody", "Media", &[]),
    ("VoiceBody", "Media", &[]),
    ("VideoBody", "Media", &[]),
    ("Thumbnail", "Thumbnail", &[]),
    ("LocationBody", "Location", &[]),
    ("ContactBody", "ContactCard", &[]),
    ("MergedBody", "MergedForward", &[]),
    ("ForwardedMessage", "ForwardedMessage", &[]),
    ("CustomBody", "Custom", &[]),
    ("Mentions", "Mentions", &[]),
    ("MessageRef", "MessageRef", &[]),
    ("ForwardedFrom", "ForwardedFrom", &[]),
    ("Expiry", "Expiry", &[]),
    ("MustConfirm", "MustConfirm", &[]),
    ("SystemBody", "System", &[]),
    ("TypingNow", "TypingNow", &[]),
];

/// The names of every message's members.
fn messages() -> BTreeMap<String, BTreeSet<String>> {
    let protos = [
        include_str!("../../../proto/proto/tidegate/v1/client.proto"),
        include_str!("../../../proto/proto/tidegate/v1/body.proto"),
    ];
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut message = String::new();
    for line in protos.iter().flat_map(|proto| proto.lines()) {
        if let Some(rest) = line.strip_prefix("message ") {
            message = rest.split_whitespace().next().unwrap().to_owned();
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [.., name, "=", number] = words.as_slice()
            && words.len() > 3
            && number.ends_with(';')
        {
            found.entry(message.clone()).or_default().insert((*name).to_owned());
        }
    }
    found
}

#[test]
fn answers_have_the_names_of_their_frames() {
    let document: Value = serde_json::from_str(&api::Api::document()).unwrap();
    let messages = messages();
    for (schema, message, alone) in TWINS {
        let properties = document["components"]["schemas"][schema]["properties"].as_object();
        let names: BTreeSet<&str> =
            properties.unwrap_or_else(|| panic!("no schema {schema}")).keys().map(String::as_str).collect();
        let there: BTreeSet<&str> = messages[message].iter().map(String::as_str).collect();
        let others: BTreeSet<&str> = names.difference(&there).copied().collect();
        assert_eq!(others, alone.iter().copied().collect(), "{schema} is not called as {message}");
    }
}

/// Elsewhere, too: one name for one thing.
#[test]
fn nothing_has_two_names() {
    let document: Value = serde_json::from_str(&api::Api::document()).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        for member in schema["properties"].as_object().into_iter().flatten().map(|(member, _)| member) {
            for (other, right) in
                [("expires_at", "expires"), ("invited_by", "by"), ("made_by", "by"), ("asked_at", "time")]
            {
                assert_ne!(member, other, "{name}: it is called {right}");
            }
        }
    }
}
