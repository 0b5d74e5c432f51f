//! Any valid body, and any body at all.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proto::body::{Change, MessageTarget};
use proto::wire::body::Kind;
use proto::{Body, Seq, limits, wire};

use super::frame_values::text;
use super::id_values::{conversation_id, message_id, user_id};
use super::system_values::system;

/// Bodies that clients may send.
pub fn client_body() -> BoxedStrategy<Body> {
    let beside =
        (option::of(mentions()), option::of(reference()), option::of(forward()), option::of(reference()));
    let decorated = (kind(), beside, option::of(expiry()), option::of(any::<u64>()));
    let decorated = decorated.prop_map(|(kind, (mentions, reply_to, forward, thread), expiry, until)| {
        let must_confirm = until.map(|until| wire::MustConfirm { until, numbers: 0 });
        Body::from_wire(&wire::Body {
            kind: Some(kind),
            mentions,
            reply_to,
            forward,
            thread,
            expiry,
            must_confirm,
        })
    });
    prop_oneof![2 => text(1..60).prop_map(Body::text), 1 => kind().prop_map(Body::of_kind), 1 => decorated]
        .boxed()
}

fn expiry() -> impl Strategy<Value = wire::Expiry> {
    (1..=limits::EXPIRY_SECONDS_MAX, any::<u64>()).prop_map(|(after_seconds, time)| wire::Expiry {
        after_seconds,
        time,
        expired: false,
    })
}

/// One kind that may be in a merged forward, or a merged forward of such.
fn kind() -> BoxedStrategy<Kind> {
    let message = (user_id(), title(), any::<u64>(), simple_kind()).prop_map(|(sender, name, time, kind)| {
        let body = Body::of_kind(kind).encoded().clone();
        wire::ForwardedMessage { sender: sender.to_string(), name, time, body }
    });
    let merged = (title(), vec(message, 1..4))
        .prop_map(|(title, messages)| Kind::Merged(wire::MergedForward { title, messages }));
    prop_oneof![8 => simple_kind(), 1 => merged].boxed()
}

fn simple_kind() -> BoxedStrategy<Kind> {
    let json = prop::sample::select(vec!["", "{}", "[1, -2.5e3, \"\\u00e9\"]", "null"]);
    let custom = (text(1..16), json)
        .prop_map(|(kind, json)| Kind::Custom(wire::Custom { r#type: kind, json: json.to_owned() }));
    // So few digits that every reader of JSON gets the same number.
    let degrees = |max: i32| (-max..=max).prop_map(|degrees| f64::from(degrees) / 10_000.0);
    let location = (degrees(900_000), degrees(1_800_000), title(), title()).prop_map(
        |(latitude, longitude, name, address)| {
            Kind::Location(wire::Location {
                latitude: Some(latitude),
                longitude: Some(longitude),
                name,
                address,
            })
        },
    );
    let contact = (user_id(), title(), option::of(url())).prop_map(|(user, name, avatar)| {
        let avatar = avatar.unwrap_or_default();
        Kind::Contact(wire::ContactCard { user: user.to_string(), name, avatar })
    });
    let thumbnail = || {
        option::of((place(), pixels()).prop_map(|((file, url), (width, height))| wire::Thumbnail {
            file,
            url,
            width,
            height,
        }))
    };
    let image =
        (media("image/png"), pixels(), thumbnail()).prop_map(|(media, (width, height), thumbnail)| {
            Kind::Image(wire::Media { width, height, thumbnail, ..media })
        });
    let file = (media("application/pdf"), thumbnail())
        .prop_map(|(media, thumbnail)| Kind::File(wire::Media { name: "a.pdf".into(), thumbnail, ..media }));
    let voice = (media("audio/ogg"), 0..86_400_000_u32)
        .prop_map(|(media, duration_ms)| Kind::Voice(wire::Media { duration_ms, ..media }));
    let video = (media(""), pixels(), 0..86_400_000_u32).prop_map(|(media, (width, height), duration_ms)| {
        Kind::Video(wire::Media { width, height, duration_ms, ..media })
    });
    prop_oneof![text(1..20).prop_map(Kind::Text), custom, location, contact, image, file, voice, video,]
        .boxed()
}

fn media(mime: &'static str) -> impl Strategy<Value = wire::Media> {
    (place(), title(), any::<u64>(), any::<bool>()).prop_map(move |((file, url), name, size, has_mime)| {
        let mime = if has_mime { mime.to_owned() } else { String::new() };
        wire::Media { file, url, name, size, mime, ..wire::Media::default() }
    })
}

fn place() -> impl Strategy<Value = (String, String)> {
    let file = "[!-~]{1,40}".prop_map(|file| (file, String::new()));
    prop_oneof![file, url().prop_map(|url| (String::new(), url))]
}

fn url() -> impl Strategy<Value = String> {
    "https://[a-z]{1,9}/[!-~]{0,20}".prop_map(String::from)
}

fn pixels() -> impl Strategy<Value = (u32, u32)> {
    prop_oneof![Just((0, 0)), (1..=100_000_u32, 1..=100_000_u32)]
}

/// Without control characters.
fn title() -> impl Strategy<Value = String> {
    "[^\\p{C}]{0,12}".prop_map(String::from)
}

fn mentions() -> impl Strategy<Value = wire::Mentions> {
    (vec(user_id(), 1..4), any::<bool>()).prop_map(|(users, all)| wire::Mentions {
        users: users.iter().map(ToString::to_string).collect(),
        all,
    })
}

fn reference() -> impl Strategy<Value = wire::MessageRef> {
    (1..=u64::MAX, any::<u64>()).prop_map(|(seq, message_id)| wire::MessageRef { seq, message_id })
}

fn forward() -> impl Strategy<Value = wire::ForwardedFrom> {
    (option::of(conversation_id()), any::<[u64; 3]>(), user_id()).prop_map(
        |(conversation, [seq, message_id, time], sender)| wire::ForwardedFrom {
            conversation: conversation.map(|id| id.to_string()).unwrap_or_default(),
            seq,
            message_id,
            sender: sender.to_string(),
            time,
        },
    )
}

/// Changes as clients ask for them.
pub fn change() -> BoxedStrategy<(MessageTarget, Change)> {
    let target = prop_oneof![
        (1..=u64::MAX).prop_map(|seq| MessageTarget { seq: Seq(seq), message_id: None }),
        message_id()
            .prop_filter("zero is none", |id| id.0 != 0)
            .prop_map(|id| MessageTarget { seq: Seq::ZERO, message_id: Some(id) }),
    ];
    let reaction = prop::sample::select(vec!["👍", "+1", "\"", "thanks a lot"]);
    let change = prop_oneof![
        Just(Change::Recall),
        client_body().prop_map(|body| Change::Edit(Some(body))),
        (reaction, any::<bool>())
            .prop_map(|(reaction, remove)| Change::React { reaction: reaction.to_owned(), remove }),
        any::<bool>().prop_map(|remove| Change::Pin { remove }),
    ];
    (target, change).boxed()
}

/// Bodies that may be in a log.
pub fn body() -> BoxedStrategy<Body> {
    let changed = prop_oneof![change(), change().prop_map(|(target, _)| (target, Change::Edit(None)))];
    prop_oneof![
        3 => client_body(),
        1 => system().prop_map(Body::system),
        1 => changed.prop_map(|(target, change)| Body::change(target, &change)),
        1 => Just(Body::text("")),
        1 => Just(Body::from_encoded(bytes::Bytes::new())),
    ]
    .boxed()
}
