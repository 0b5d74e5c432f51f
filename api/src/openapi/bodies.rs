//! What messages say, kind by kind: the schemas of bodies, with the limits to which the socket's codec holds them.
//!
//! `NewMessageBody` is what may be sent: exactly one kind, and what may stand beside it, with an example of each. `MessageBody` is what is
//! answered: also what the server wrote, changes of messages, and, where a message is gone, no kind at all.

use proto::limits::{
    ADDRESS_CHARS_MAX, BODY_BYTES_MAX, CUSTOM_TYPE_CHARS_MAX, DURATION_MS_MAX, EXPIRY_SECONDS_MAX,
    FILE_ID_BYTES_MAX, FILE_NAME_CHARS_MAX, MENTIONS_MAX, MERGED_MESSAGES_MAX, MIME_BYTES_MAX, PIXELS_MAX,
    REACTION_BYTES_MAX, TITLE_CHARS_MAX, URL_BYTES_MAX,
};
use serde_json::{Map, Value, json};

/// The kinds that a client may send, but for those that hold others.
const PLAIN: [&str; 8] = ["text", "image", "file", "voice", "video", "location", "contact", "custom"];

/// Puts the schemas into the document, in the place of the empty ones to which handlers refer.
pub(super) fn add(document: &mut Value) {
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    schemas.insert("MessageBody".to_owned(), answered());
    schemas.insert("NewMessageBody".to_owned(), sent());
    schemas.insert("ForwardedBody".to_owned(), forwarded());
    for group in [media(), others(), beside(), changes()] {
        if let Value::Object(group) = group {
            schemas.extend(group);
        }
    }
}

fn of(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A member that has a schema of its own.
fn member(name: &str, words: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}"), "description": words})
}

/// A 64-bit number.
fn wide(words: &str) -> Value {
    json!({"type": "string", "pattern": "^[0-9]{1,20}$", "description": words, "example": "42"})
}

fn text(words: &str, chars_max: usize) -> Value {
    json!({"type": "string", "maxLength": chars_max, "description": words})
}

fn user(words: &str) -> Value {
    json!({"type": "string", "pattern": "^[A-Za-z0-9._|@:+=~-]{1,64}$", "description": words, "example": "bob"})
}

fn address(words: &str) -> Value {
    json!({"type": "string", "format": "uri", "pattern": "^https://[!-.0-~][!-~]*$", "maxLength": URL_BYTES_MAX, "description": words})
}

/// The schema of an object, all of whose members are described.
fn object(words: &str, required: &[&str], properties: Value) -> Value {
    let mut schema = json!({"type": "object", "description": words, "properties": properties});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn kinds(names: &[&str]) -> Map<String, Value> {
    let schema = |name: &str| match name {
        "text" => json!({
            "type": "string", "minLength": 1, "maxLength": BODY_BYTES_MAX,
            "description": format!("Plain text. A body has {BODY_BYTES_MAX} bytes at most in all, encoded as protobuf."),
            "example": "hi"
        }),
        "image" => member("ImageBody", "A picture."),
        "file" => member("FileBody", "A file."),
        "voice" => member("VoiceBody", "Something spoken."),
        "video" => member("VideoBody", "A film."),
        "location" => member("LocationBody", "A place."),
        "contact" => member("ContactBody", "A user, passed on."),
        "merged" => member("MergedBody", "Several messages, passed on as one."),
        _ => member("CustomBody", "Whatever an application defines for itself."),
    };
    names.iter().map(|name| ((*name).to_owned(), schema(name))).collect()
}

/// What may stand beside a kind.
fn with_beside(mut properties: Map<String, Value>, expiry: &str) -> Map<String, Value> {
    let members = [
        ("mentions", "Mentions", "Who is meant."),
        ("reply_to", "MessageRef", "The message that is answered."),
        ("thread", "MessageRef", "The root of its thread."),
        ("forward", "ForwardedFrom", "Where it comes from."),
        ("expiry", expiry, "When nobody is shown it any more."),
        ("must_confirm", "MustConfirm", "Who is there is to confirm it."),
    ];
    properties.extend(members.map(|(name, schema, words)| (name.to_owned(), member(schema, words))));
    properties
}

/// Exactly one of the members.
fn one_of(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "required": [name] })).collect()
}

fn sent() -> Value {
    let names: Vec<&str> = PLAIN.into_iter().chain(["merged", "system"]).collect();
    let mut properties = kinds(&names);
    properties.insert("system".to_owned(), member("NewNotice", "Of a trusted service alone."));
    json!({
        "type": "object",
        "description": "What a message says: exactly one kind, and what may stand beside it. What a later version adds is ignored.",
        "properties": with_beside(properties, "NewExpiry"),
        "oneOf": one_of(&names),
        "examples": examples()
    })
}

/// One of each kind, then one of each that stands beside.
fn examples() -> Value {
    json!([
        {"text": "hi"},
        {"image": {"url": "https://files.example.com/cat.png", "name": "cat.png", "size": "48213", "mime": "image/png",
            "width": 800, "height": 600, "thumbnail": {"url": "https://files.example.com/cat-small.png", "width": 80, "height": 60}}},
        {"file": {"url": "https://files.example.com/report.pdf", "name": "report.pdf", "size": "1048576", "mime": "application/pdf"}},
        {"voice": {"url": "https://files.example.com/hello.ogg", "mime": "audio/ogg", "duration_ms": 4200}},
        {"video": {"url": "https://files.example.com/tour.mp4", "mime": "video/mp4", "width": 1920, "height": 1080, "duration_ms": 61000}},
        {"location": {"latitude": -33.8568, "longitude": 151.2153, "name": "Opera House", "address": "Bennelong Point, Sydney"}},
        {"contact": {"user": "carol", "name": "Carol", "avatar": "https://example.com/carol.png"}},
        {"custom": {"type": "poll", "json": "{\"question\":\"lunch?\"}"}},
        {"merged": {"title": "Yesterday", "messages": [
            {"sender": "carol", "name": "Carol", "time": "1789990000000", "body": {"text": "lunch?"}}]}},
        {"system": {"notice": {"text": "Maintenance at noon"}}},
        {"text": "@bob done", "mentions": {"users": ["bob"]}, "reply_to": {"seq": "1"}, "thread": {"seq": "1"}},
        {"text": "lunch?", "forward": {"conversation": "g.team", "seq": "37", "message_id": "230748261548027", "sender": "carol", "time": "1789990000000"}},
        {"text": "the code is 1234", "expiry": {"after_seconds": 3600}},
        {"text": "read this", "must_confirm": {}}
    ])
}

fn forwarded() -> Value {
    json!({
        "type": "object",
        "description": "What a message said that is passed on among others.",
        "properties": with_beside(kinds(&PLAIN), "NewExpiry"),
        "oneOf": one_of(&PLAIN)
    })
}

fn answered() -> Value {
    let names: Vec<&str> = PLAIN.into_iter().chain(["merged"]).collect();
    let mut properties = with_beside(kinds(&names), "Expiry");
    let written = [
        ("system", "SystemBody", "A change of the conversation, or a notice."),
        ("edit", "EditBody", "A message says something else."),
        ("recall", "RecallBody", "A message is gone."),
        ("react", "ReactBody", "A reaction to a message."),
        ("pin", "PinBody", "A message is pinned, or no longer."),
    ];
    properties.extend(written.map(|(name, schema, words)| (name.to_owned(), member(schema, words))));
    json!({
        "type": "object",
        "description": "What an entry says: one kind at most, and what stands beside it. Without a kind the message is gone, or of a kind that this \
            version does not know.",
        "properties": properties,
        "example": {"text": "hi"}
    })
}

/// Where bytes are, and what they are; of these members only those that the kind has.
fn media_of(words: &str, mime: &str, members: &[&str], required: &[&str]) -> Value {
    let mut properties = json!({
        "file": {"type": "string", "pattern": "^[!-~]+$", "maxLength": FILE_ID_BYTES_MAX, "description": "The id of an upload …"},
        "url": address("… or an https address."),
        "name": text("As the sender's file is called.", FILE_NAME_CHARS_MAX),
        "size": wide("Bytes."),
        "mime": {"type": "string", "pattern": format!("^{mime}[A-Za-z0-9!#$&^_.+-]+$"), "maxLength": MIME_BYTES_MAX, "description": "Its media type."}
    });
    if required.contains(&"name") {
        properties["name"]["minLength"] = json!(1);
    }
    let pixels = json!({"type": "integer", "minimum": 1, "maximum": PIXELS_MAX, "description": "Pixels."});
    let duration =
        json!({"type": "integer", "minimum": 1, "maximum": DURATION_MS_MAX, "description": "Milliseconds."});
    for name in members {
        properties[*name] = match *name {
            "thumbnail" => member("Thumbnail", "A small picture of it."),
            "duration_ms" => duration.clone(),
            _ => pixels.clone(),
        };
    }
    let mut schema = object(words, required, properties);
    schema["oneOf"] = one_of(&["file", "url"]);
    if members.contains(&"width") {
        schema["dependentRequired"] = json!({"width": ["height"], "height": ["width"]});
    }
    schema
}

fn media() -> Value {
    json!({
        "ImageBody": media_of("A picture.", "image/", &["width", "height", "thumbnail"], &[]),
        "FileBody": media_of("A file.", "[A-Za-z0-9!#$&^_.+-]+/", &["thumbnail"], &["name"]),
        "VoiceBody": media_of("Something spoken.", "audio/", &["duration_ms"], &[]),
        "VideoBody": media_of("A film.", "video/", &["width", "height", "duration_ms", "thumbnail"], &[]),
        "Thumbnail": {
            "type": "object",
            "description": "A small picture of it.",
            "properties": {
                "file": {"type": "string", "pattern": "^[!-~]+$", "maxLength": FILE_ID_BYTES_MAX, "description": "The id of an upload …"},
                "url": address("… or an https address."),
                "width": {"type": "integer", "minimum": 1, "maximum": PIXELS_MAX, "description": "Pixels."},
                "height": {"type": "integer", "minimum": 1, "maximum": PIXELS_MAX, "description": "Pixels."}
            },
            "oneOf": one_of(&["file", "url"]),
            "dependentRequired": {"width": ["height"], "height": ["width"]}
        }
    })
}

fn others() -> Value {
    let degrees = |max: u32| json!({"type": "number", "minimum": -f64::from(max), "maximum": max, "description": "Degrees, WGS 84."});
    json!({
        "LocationBody": object("A place.", &["latitude", "longitude"], json!({
            "latitude": degrees(90),
            "longitude": degrees(180),
            "name": text("What it is called.", FILE_NAME_CHARS_MAX),
            "address": text("Where it is.", ADDRESS_CHARS_MAX)
        })),
        "ContactBody": object("A user, passed on.", &["user"], json!({
            "user": user("Who."),
            "name": text("What they are called.", TITLE_CHARS_MAX),
            "avatar": address("A picture of them.")
        })),
        "CustomBody": object("Whatever an application defines for itself.", &["type"], json!({
            "type": {"type": "string", "minLength": 1, "maxLength": CUSTOM_TYPE_CHARS_MAX,
                "description": "Lets readers pick what they understand."},
            "json": {"type": "string", "contentMediaType": "application/json", "description": "JSON text, carried untouched."}
        })),
        "MergedBody": object("Several messages, passed on as one.", &["messages"], json!({
            "title": text("What they are.", TITLE_CHARS_MAX),
            "messages": {"type": "array", "minItems": 1, "maxItems": MERGED_MESSAGES_MAX, "items": of("ForwardedMessage"),
                "description": "In the order in which they are shown."}
        })),
        "ForwardedMessage": object("One of several that are passed on.", &["sender", "body"], json!({
            "sender": user("Who said it."),
            "name": text("What they are called.", TITLE_CHARS_MAX),
            "time": wide("When, Unix milliseconds."),
            "body": member("ForwardedBody", "What it said.")
        })),
        "NewNotice": object("What a trusted service lets everybody know; nobody else may.", &["notice"], json!({
            "notice": object("Shown as it is.", &["text"], json!({
                "text": {"type": "string", "minLength": 1, "maxLength": BODY_BYTES_MAX, "description": "What it says."}
            }))
        }))
    })
}

fn beside() -> Value {
    json!({
        "Mentions": {
            "type": "object",
            "description": "Who is meant: `users`, or `all`.",
            "properties": {
                "users": {"type": "array", "maxItems": MENTIONS_MAX, "items": user("Who."), "description": "They."},
                "all": {"type": "boolean", "description": "Everybody in the group: its owner, admins and trusted services may say so."}
            },
            "anyOf": [
                {"required": ["users"], "properties": {"users": {"minItems": 1}}},
                {"required": ["all"], "properties": {"all": {"const": true}}}
            ]
        },
        "MessageRef": object("A message of the same conversation.", &["seq"], json!({
            "seq": {"type": "string", "pattern": "^[1-9][0-9]{0,18}$", "description": "Its place."},
            "message_id": wide("Its handle, where it is known.")
        })),
        "ForwardedFrom": object("Where it comes from, as the one who forwards it says.", &["sender"], json!({
            "conversation": {"type": "string", "description": "Which conversation."},
            "seq": wide("Its place there."),
            "message_id": wide("Its handle."),
            "sender": user("Who said it."),
            "time": wide("When, Unix milliseconds.")
        })),
        "NewExpiry": object("When nobody is shown it any more.", &["after_seconds"], json!({
            "after_seconds": {"type": "integer", "minimum": 1, "maximum": EXPIRY_SECONDS_MAX, "description": "So long after it was sent …"},
            "time": wide("… or at this time, Unix milliseconds, if that is earlier.")
        })),
        "Expiry": object("When nobody is shown it any more.", &[], json!({
            "after_seconds": {"type": "integer", "description": "So long after it was sent."},
            "time": wide("The time of that, Unix milliseconds."),
            "expired": {"type": "boolean", "description": "It is over: there is no kind."}
        })),
        "MustConfirm": object("Who is there is to confirm it.", &[], json!({
            "until": wide("Until this time, Unix milliseconds, which answers have; what is sent may name an earlier one.")
        }))
    })
}

/// What the server writes.
fn changes() -> Value {
    let message = || member("MessageRef", "Which.");
    json!({
        "EditBody": object("A message says something else from now on.", &["message"],
            json!({"message": message(), "body": {"type": "object", "description": "What: as a `MessageBody`. Absent where the message is gone."}})),
        "RecallBody": object("A message is gone.", &["message"], json!({ "message": message() })),
        "ReactBody": object("The sender reacts to a message, or takes that back.", &["message", "reaction"], json!({
            "message": message(),
            "reaction": text("An emoji or a short text.", REACTION_BYTES_MAX),
            "remove": {"type": "boolean", "description": "Taken back."}
        })),
        "PinBody": object("A message is pinned, or no longer.", &["message"], json!({
            "message": message(),
            "remove": {"type": "boolean", "description": "No longer."}
        })),
        "SystemBody": system()
    })
}

fn system() -> Value {
    let users = || json!({"type": "array", "items": user("Who."), "description": "Whom it is about; who did it is the sender."});
    let members = |words: &str| object(words, &[], json!({ "users": users() }));
    let until = || wide("Until when, Unix milliseconds; 0: no longer.");
    let settings =
        json!({"type": "object", "description": "What was set of it, each as in the group itself."});
    let properties = json!({
        "notice": object("From a trusted service.", &["text"], json!({ "text": {"type": "string", "description": "What it says."} })),
        "created": object("The group was made.", &["name", "owner"], json!({
            "name": {"type": "string", "description": "Its name."}, "owner": user("Whose it is."),
            "members": {"type": "array", "items": user("Who."), "description": "The others."}, "settings": settings.clone()
        })),
        "joined": members("They came."),
        "left": members("They went."),
        "added": members("They were added."),
        "removed": members("They were removed."),
        "dismissed": object("It ended.", &[], json!({})),
        "edited": settings,
        "role_set": object("They are something else.", &["role"], json!({
            "users": users(), "role": {"type": "string", "enum": ["member", "admin", "owner"], "description": "What."}
        })),
        "transferred": object("It has another owner.", &["from", "to"], json!({"from": user("Who was."), "to": user("Who is.")})),
        "muted": object("They may not speak.", &["until"], json!({"users": users(), "until": until()})),
        "all_muted": object("Only owner and admins may speak.", &["until"], json!({ "until": until() })),
        "nicknamed": object("Called something else here.", &["user", "nickname"],
            json!({"user": user("Who."), "nickname": {"type": "string", "description": "What; empty for as elsewhere."}})),
        "join_asked": object("Somebody asks to join.", &["user", "expires"], json!({
            "user": user("Who."), "note": {"type": "string", "description": "What they say."}, "expires": wide("Until when, Unix milliseconds.")
        })),
        "join_approved": members("They asked, and are members."),
        "join_rejected": members("They asked, and are not."),
        "invited": object("They may join.", &["expires"], json!({"users": users(), "expires": wide("Until when, Unix milliseconds.")})),
        "uninvited": members("They may not any more."),
        "link_made": object("There is a link to join through.", &["link", "expires"], json!({
            "link": {"type": "string", "description": "Names it."}, "token_sha256": {"type": "string", "description": "SHA-256 of its token."},
            "expires": wide("Until when, Unix milliseconds."), "uses_max": {"type": "integer", "description": "For how many; absent for any number."}
        })),
        "link_ended": object("It ended.", &["link"], json!({ "link": {"type": "string", "description": "Names it."} })),
        "joined_by_link": object("Somebody came through a link.", &["user", "link"],
            json!({"user": user("Who."), "link": {"type": "string", "description": "Names it."}})),
        "retention_set": object("For how long entries are kept.", &[],
            json!({"seconds": {"type": "integer", "description": "So long; 0 or absent: as the server is configured."}}))
    });
    object("A change of the conversation, or a notice: one of these.", &[], properties)
}
