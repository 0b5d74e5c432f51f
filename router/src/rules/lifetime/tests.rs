//! What leaves a router of messages that have expired.

use proto::body::{Change, MessageTarget};
use proto::delivery::HeadState;
use proto::server_frame::{ConversationState, Delta};
use proto::{Body, ClientMessageId, ConversationId, MessageId, NodeId, Seq, Target, TraceId, UserId, wire};

use super::*;

const END: Timestamp = Timestamp(5_000);

fn entry(seq: u64, body: Body) -> Entry {
    Entry {
        seq: Seq(seq),
        message_id: MessageId(seq),
        sender: UserId::parse("alice").unwrap(),
        time: Timestamp(seq),
        counted: seq,
        client_message_id: ClientMessageId([0; 16]),
        body,
    }
}

fn secret() -> Body {
    let expiry = wire::Expiry { after_seconds: 5, time: END.0, expired: false };
    Body::text("secret").with_expiry(Some(expiry))
}

fn edit() -> Body {
    let target = MessageTarget { seq: Seq(1), message_id: None };
    Body::change(target, &Change::Edit(Some(secret())))
}

fn entries() -> Vec<Entry> {
    vec![entry(1, secret()), entry(2, Body::text("plain")), entry(3, edit())]
}

fn overlays() -> Vec<Overlay> {
    let pinned = Some((UserId::parse("alice").unwrap(), Timestamp(4)));
    [1, 2].map(|seq| Overlay { seq: Seq(seq), pinned: pinned.clone(), ..Overlay::default() }).to_vec()
}

fn id() -> ConversationId {
    ConversationId::parse("d.alice.bob").unwrap()
}

fn left(reply: Reply, now: Timestamp) -> Reply {
    let payload = Payload::Reply(1, reply);
    let mut deliveries = [Delivery { target: Target::Node(NodeId(1)), payload, trace: TraceId::default() }];
    conceal(&mut deliveries, Moment { now, retention_ms: 0 });
    let [Delivery { payload: Payload::Reply(_, reply), .. }] = deliveries else { panic!("a reply") };
    reply
}

/// Every reply that can show a message.
fn replies() -> Vec<Reply> {
    let page = Page {
        conversation: id(),
        from: Seq(1),
        to: Seq(3),
        entries: entries(),
        head: Seq(3),
        overlays: overlays(),
    };
    let pins = Pins { conversation: id(), entries: entries(), overlays: overlays() };
    let versions =
        Versions { conversation: id(), seq: Seq(1), entries: vec![entry(1, secret()), entry(3, edit())] };
    let state = |last| ConversationState {
        conversation: id(),
        head: Seq(3),
        unread: 0,
        read_seq: Seq(3),
        last: Some(last),
        name: None,
        peer: None,
        time: Timestamp(3),
        left: false,
        settings: None,
        mention_unread: 0,
        confirm_seqs: Vec::new(),
        invitation: None,
        retention_seconds: 0,
    };
    let conversations = vec![state(entry(1, secret())), state(entry(3, edit()))];
    let head = HeadState {
        conversation: id(),
        seq: Seq(3),
        counted: 2,
        last: Some(entry(1, secret())),
        member: true,
        floor: Seq(1),
        retention_seconds: 0,
        confirming: None,
    };
    vec![
        Reply::Frame(ServerFrame::Page(page)),
        Reply::Frame(ServerFrame::Pins(pins)),
        Reply::Frame(ServerFrame::Versions(versions)),
        Reply::Frame(ServerFrame::Delta(Delta { conversations, ..Delta::default() })),
        Reply::Heads(vec![head]),
    ]
}

fn says(reply: &Reply, text: &str) -> bool {
    let in_bodies = |entries: &[Entry]| {
        entries.iter().any(|entry| String::from_utf8_lossy(entry.body.encoded()).contains(text))
    };
    match reply {
        Reply::Frame(ServerFrame::Page(page)) => in_bodies(&page.entries),
        Reply::Frame(ServerFrame::Pins(pins)) => in_bodies(&pins.entries),
        Reply::Frame(ServerFrame::Versions(versions)) => in_bodies(&versions.entries),
        Reply::Frame(ServerFrame::Delta(delta)) => {
            delta.conversations.iter().any(|state| in_bodies(state.last.as_slice()))
        }
        Reply::Heads(heads) => heads.iter().any(|head| in_bodies(head.last.as_slice())),
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_reply_shows_a_message_from_its_end_on() {
    let before = Timestamp(END.0 - 1);
    for reply in replies() {
        assert_eq!(
            format!("{:?}", left(reply.clone(), before)),
            format!("{reply:?}"),
            "all of it until then"
        );
        assert!(says(&reply, "secret"));
        assert!(!says(&left(reply, END), "secret"));
    }
}

#[test]
fn the_place_of_an_expired_message_says_that_it_has_expired() {
    let Reply::Frame(ServerFrame::Page(page)) = left(replies().swap_remove(0), END) else { panic!() };
    let seqs: Vec<u64> = page.entries.iter().map(|entry| entry.seq.0).collect();
    assert_eq!(seqs, [1, 2, 3]);
    let body = page.entries[0].body.to_wire();
    assert!(body.kind.is_none() && body.expiry.is_some_and(|expiry| expiry.expired));
    assert!(matches!(page.entries[2].body.as_change(), Some((_, Change::Edit(None)))));
    assert_eq!(page.overlays.len(), 1, "nobody hears that it was pinned");
    let Reply::Frame(ServerFrame::Pins(pins)) = left(replies().swap_remove(1), END) else { panic!() };
    assert!(pins.entries.iter().all(|entry| entry.seq != Seq(1)), "no longer pinned");
}

#[test]
fn that_a_message_was_recalled_is_still_said() {
    let Reply::Frame(ServerFrame::Page(mut page)) = replies().swap_remove(0) else { panic!() };
    page.overlays[0].recalled = page.overlays[0].pinned.take();
    let Reply::Frame(ServerFrame::Page(page)) = left(Reply::Frame(ServerFrame::Page(page)), END) else {
        panic!()
    };
    assert_eq!(page.overlays.len(), 2);
}

#[test]
fn entries_are_kept_as_long_as_set_or_as_configured() {
    let oldest = |retention_ms, seconds| Moment { now: Timestamp(100_000), retention_ms }.oldest(seconds).0;
    assert_eq!(oldest(0, 0), 0, "for ever");
    assert_eq!(oldest(0, 60), 40_000);
    assert_eq!(oldest(10_000, 0), 90_000, "as configured");
    assert_eq!(oldest(10_000, 60), 40_000, "what is set counts, also when it is longer");
    assert_eq!(oldest(200_000, 0), 0, "longer than there is time");
}

#[test]
fn lists_do_not_show_what_is_no_longer_kept() {
    let Reply::Heads(mut heads) = replies().swap_remove(4) else { panic!() };
    heads[0].last = Some(entry(2, Body::text("plain")));
    heads[0].retention_seconds = 1;
    let shown = |now| match left(Reply::Heads(heads.clone()), Timestamp(now)) {
        Reply::Heads(heads) => heads[0].last.is_some(),
        other => panic!("{other:?}"),
    };
    assert!(shown(1_002) && !shown(1_003));
}
