//! What a message of a client must keep to, kind by kind. A refusal begins with the path of the member.

use wire::body::Kind;

use crate::json::Reader;
use crate::limits::{
    ADDRESS_CHARS_MAX, CUSTOM_TYPE_CHARS_MAX, DURATION_MS_MAX, EXPIRY_SECONDS_MAX, FILE_ID_BYTES_MAX,
    FILE_NAME_CHARS_MAX, MENTIONS_MAX, MERGED_MESSAGES_MAX, MIME_BYTES_MAX, PIXELS_MAX, TITLE_CHARS_MAX,
    URL_BYTES_MAX,
};
use crate::{Body, ConversationId, UserId, wire};

/// What is wrong, and where.
type Checked = Result<(), String>;

/// A whole message.
pub(super) fn message(body: &wire::Body) -> Checked {
    kind(body)?;
    beside(body)
}

fn kind(body: &wire::Body) -> Checked {
    match &body.kind {
        Some(Kind::Text(text)) if text.is_empty() => Err("text: it is empty".to_owned()),
        Some(Kind::Text(_)) => Ok(()),
        Some(Kind::Image(it)) => media(it, &IMAGE).map_err(|problem| format!("image.{problem}")),
        Some(Kind::File(it)) => media(it, &FILE).map_err(|problem| format!("file.{problem}")),
        Some(Kind::Voice(it)) => media(it, &VOICE).map_err(|problem| format!("voice.{problem}")),
        Some(Kind::Video(it)) => media(it, &VIDEO).map_err(|problem| format!("video.{problem}")),
        Some(Kind::Location(it)) => location(it).map_err(|problem| format!("location.{problem}")),
        Some(Kind::Contact(it)) => contact(it).map_err(|problem| format!("contact.{problem}")),
        Some(Kind::Merged(it)) => merged(it).map_err(|problem| format!("merged.{problem}")),
        Some(Kind::Custom(it)) => custom(it).map_err(|problem| format!("custom.{problem}")),
        Some(Kind::System(_)) => Err("system: clients cannot write it".to_owned()),
        Some(Kind::Edit(_) | Kind::Recall(_) | Kind::React(_) | Kind::Pin(_)) => {
            Err("changes of messages have frames of their own: edit, recall, react, pin".to_owned())
        }
        None => Err("one of text, image, file, voice, video, location, contact, merged, custom is required"
            .to_owned()),
    }
}

/// What a kind of media may say.
struct MediaRule {
    mime: &'static str,
    has_pixels: bool,
    has_duration: bool,
    has_thumbnail: bool,
    needs_name: bool,
}

const IMAGE: MediaRule = MediaRule {
    mime: "image/",
    has_pixels: true,
    has_duration: false,
    has_thumbnail: true,
    needs_name: false,
};
const FILE: MediaRule =
    MediaRule { mime: "", has_pixels: false, has_duration: false, has_thumbnail: true, needs_name: true };
const VOICE: MediaRule = MediaRule {
    mime: "audio/",
    has_pixels: false,
    has_duration: true,
    has_thumbnail: false,
    needs_name: false,
};
const VIDEO: MediaRule = MediaRule {
    mime: "video/",
    has_pixels: true,
    has_duration: true,
    has_thumbnail: true,
    needs_name: false,
};

fn media(media: &wire::Media, rule: &MediaRule) -> Checked {
    place(&media.file, &media.url)?;
    if rule.needs_name && media.name.is_empty() {
        return Err("name: it is required".to_owned());
    }
    characters("name", &media.name, FILE_NAME_CHARS_MAX)?;
    mime(&media.mime, rule.mime)?;
    let (has_pixels, has_duration) = (media.width | media.height != 0, media.duration_ms != 0);
    if has_pixels && !rule.has_pixels {
        return Err("width: only images and videos have a size in pixels".to_owned());
    }
    pixels(media.width, media.height)?;
    if has_duration && !rule.has_duration {
        return Err("duration_ms: only voices and videos have a duration".to_owned());
    }
    if media.duration_ms > DURATION_MS_MAX {
        return Err("duration_ms: at most a day is allowed".to_owned());
    }
    match &media.thumbnail {
        Some(_) if !rule.has_thumbnail => Err("thumbnail: a voice has none".to_owned()),
        Some(thumbnail) => place(&thumbnail.file, &thumbnail.url)
            .and_then(|()| pixels(thumbnail.width, thumbnail.height))
            .map_err(|problem| format!("thumbnail.{problem}")),
        None => Ok(()),
    }
}

fn place(file: &str, address: &str) -> Checked {
    match (file, address) {
        ("", "") => Err("file: one of file, url is required".to_owned()),
        ("", address) => url("url", address),
        (file, "") if file.len() > FILE_ID_BYTES_MAX || !file.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(format!("file: 1 to {FILE_ID_BYTES_MAX} visible ASCII characters are allowed"))
        }
        (_, "") => Ok(()),
        _ => Err("url: only one of file, url is allowed".to_owned()),
    }
}

fn url(name: &str, address: &str) -> Checked {
    let host = address.strip_prefix("https://").unwrap_or_default();
    if host.is_empty() || host.starts_with('/') || !address.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("{name}: an https address is required"));
    }
    if address.len() > URL_BYTES_MAX {
        return Err(format!("{name}: at most {URL_BYTES_MAX} bytes are allowed"));
    }
    Ok(())
}

fn mime(mime: &str, prefix: &str) -> Checked {
    let is_token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    match mime.split_once('/') {
        None if mime.is_empty() => Ok(()),
        Some((kind, sub)) if is_token(kind) && is_token(sub) && mime.len() <= MIME_BYTES_MAX => {
            match mime.starts_with(prefix) {
                true => Ok(()),
                false => Err(format!("mime: it must begin with {prefix}")),
            }
        }
        _ => Err("mime: a type such as image/png is required".to_owned()),
    }
}

fn pixels(width: u32, height: u32) -> Checked {
    if (width == 0) != (height == 0) {
        return Err("width: width and height go together".to_owned());
    }
    match width.max(height) > PIXELS_MAX {
        true => Err(format!("width: at most {PIXELS_MAX} pixels are allowed")),
        false => Ok(()),
    }
}

fn location(location: &wire::Location) -> Checked {
    degrees("latitude", location.latitude, 90.0)?;
    degrees("longitude", location.longitude, 180.0)?;
    characters("name", &location.name, FILE_NAME_CHARS_MAX)?;
    characters("address", &location.address, ADDRESS_CHARS_MAX)
}

/// What is not a number is not within bounds either.
fn degrees(field: &str, given: Option<f64>, most: f64) -> Checked {
    match given.is_some_and(|degrees| (-most..=most).contains(&degrees)) {
        true => Ok(()),
        false => Err(format!("{field}: degrees from -{most} to {most} are required")),
    }
}

fn contact(contact: &wire::ContactCard) -> Checked {
    user("user", &contact.user)?;
    characters("name", &contact.name, TITLE_CHARS_MAX)?;
    match contact.avatar.as_str() {
        "" => Ok(()),
        avatar => url("avatar", avatar),
    }
}

fn merged(merged: &wire::MergedForward) -> Checked {
    characters("title", &merged.title, TITLE_CHARS_MAX)?;
    if merged.messages.is_empty() || merged.messages.len() > MERGED_MESSAGES_MAX {
        return Err(format!("messages: 1 to {MERGED_MESSAGES_MAX} are allowed"));
    }
    for (at, message) in merged.messages.iter().enumerate() {
        forwarded(message).map_err(|problem| format!("messages[{at}].{problem}"))?;
    }
    Ok(())
}

fn forwarded(message: &wire::ForwardedMessage) -> Checked {
    user("sender", &message.sender)?;
    characters("name", &message.name, TITLE_CHARS_MAX)?;
    let body = Body::from_encoded(message.body.clone()).to_wire();
    if matches!(body.kind, Some(Kind::Merged(_))) {
        return Err("body: a merged forward holds no merged forwards".to_owned());
    }
    self::message(&body).map_err(|problem| format!("body.{problem}"))
}

fn custom(custom: &wire::Custom) -> Checked {
    if custom.r#type.is_empty() || custom.r#type.chars().count() > CUSTOM_TYPE_CHARS_MAX {
        return Err(format!("type: 1 to {CUSTOM_TYPE_CHARS_MAX} characters are required"));
    }
    let mut reader = Reader::new(custom.json.as_bytes());
    if !custom.json.is_empty() && reader.skip().and_then(|()| reader.end()).is_err() {
        return Err("json: JSON text is required".to_owned());
    }
    Ok(())
}

fn beside(body: &wire::Body) -> Checked {
    if let Some(mentions) = &body.mentions {
        if mentions.users.len() > MENTIONS_MAX {
            return Err(format!("mentions.users: at most {MENTIONS_MAX} are allowed"));
        }
        if mentions.users.is_empty() && !mentions.all {
            return Err("mentions.users: one of users, all is required".to_owned());
        }
        mentions.users.iter().try_for_each(|name| user("mentions.users", name))?;
    }
    for (name, message) in [("reply_to", &body.reply_to), ("thread", &body.thread)] {
        if message.is_some_and(|message| message.seq == 0) {
            return Err(format!("{name}.seq: the place of a message is required"));
        }
    }
    if let Some(from) = &body.forward {
        from_elsewhere(from).map_err(|problem| format!("forward.{problem}"))?;
    }
    body.expiry.map_or(Ok(()), |expiry| expires(&expiry).map_err(|problem| format!("expiry.{problem}")))
}

fn expires(expiry: &wire::Expiry) -> Checked {
    if !(1..=EXPIRY_SECONDS_MAX).contains(&expiry.after_seconds) {
        return Err(format!("after_seconds: from 1 to {EXPIRY_SECONDS_MAX} are allowed"));
    }
    match expiry.expired {
        true => Err("expired: only the server says so".to_owned()),
        false => Ok(()),
    }
}

fn from_elsewhere(from: &wire::ForwardedFrom) -> Checked {
    if !from.conversation.is_empty() {
        ConversationId::parse(&from.conversation).map_err(|error| format!("conversation: {error}"))?;
    }
    user("sender", &from.sender)
}

fn user(name: &str, text: &str) -> Checked {
    UserId::parse(text).map(drop).map_err(|error| format!("{name}: {error}"))
}

fn characters(name: &str, text: &str, max: usize) -> Checked {
    if text.chars().count() > max {
        return Err(format!("{name}: at most {max} characters are allowed"));
    }
    match text.chars().any(char::is_control) {
        true => Err(format!("{name}: control characters are not allowed")),
        false => Ok(()),
    }
}
