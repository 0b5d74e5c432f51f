//! What goes by itself: messages that expire, and entries that their conversation no longer keeps.

use proto::body::{Change, MessageTarget};
use proto::client_frame::Send;
use proto::command::{GroupRequest, Source};
use proto::{Body, ConversationId, Seq, wire};
use store::HeadRow;

use super::stand::{START, Stand, entry, id, message, register, rows, team, user};
use crate::turn::{Outcome, Recovered, Work};

const AFTER_SECONDS: u32 = 60;

fn secret(time: u64) -> Send {
    let expiry = wire::Expiry { after_seconds: AFTER_SECONDS, time, expired: false };
    Send { body: Body::text("secret").with_expiry(Some(expiry)), ..message(1) }
}

/// Alice and bob, with a message of alice's at 1 that expires.
fn said_a_secret() -> Stand {
    let mut stand = Stand::serving();
    stand.send(secret(0));
    let batch = stand.persists();
    let end = batch.entries[0].body.expiry().map(|expiry| expiry.time);
    assert_eq!(end, Some(batch.entries[0].time.0 + 60_000), "its own time, and so much later");
    stand.said();
    stand
}

fn asks(stand: &mut Stand, number: u64, change: &Change) {
    let target = MessageTarget { seq: Seq(1), message_id: None };
    let send = Send::change(id(number), stand.conversation.id().clone(), target, change);
    let command = stand.command_of("alice", send);
    stand.command(command);
    stand.answers_targets();
}

#[test]
fn an_edit_ends_when_the_message_does() {
    let mut stand = said_a_secret();
    stand.wall_ahead_ms = 30_000;
    asks(&mut stand, 2, &Change::Edit(Some(Body::text("another secret"))));
    let batch = stand.persists();
    let Some((_, Change::Edit(Some(said)))) = batch.entries[0].body.as_change() else { panic!() };
    assert_eq!(said.expiry().map(|expiry| expiry.time), Some(START.0 + 60_000));
    assert_eq!(said.to_wire().kind, Some(wire::body::Kind::Text("another secret".into())));
}

#[test]
fn nothing_changes_an_expired_message_but_that_it_is_recalled_or_no_longer_pinned() {
    let mut stand = said_a_secret();
    stand.wall_ahead_ms = 59_999;
    asks(&mut stand, 2, &Change::Pin { remove: false });
    stand.persists();
    stand.said();
    stand.wall_ahead_ms = 60_000;
    let refused = [
        Change::Edit(Some(Body::text("x"))),
        Change::React { reaction: "x".into(), remove: false },
        Change::Pin { remove: false },
    ];
    for (number, change) in (3..).zip(refused) {
        asks(&mut stand, number, &change);
        assert_eq!(stand.said(), [format!("{number} nack EXPIRED")]);
    }
    for (number, change) in (6..).zip([Change::Pin { remove: true }, Change::Recall]) {
        asks(&mut stand, number, &change);
        stand.persists();
        assert!(!stand.said().is_empty(), "{change:?} is told");
    }
}

#[test]
fn who_sends_an_expired_message_again_does_not_make_others_hear_it() {
    let mut stand = said_a_secret();
    let again = Send { attempt: 1, age_ms: 60_000, ..secret(0) };
    stand.send(again.clone());
    assert!(stand.said().iter().any(|said| said.contains("event 1")), "until then they do");
    stand.wall_ahead_ms = 60_000;
    stand.send(again);
    let said = stand.said();
    assert!(said.iter().any(|said| said.contains("ack 1")), "{said:?}");
    assert!(!said.iter().any(|said| said.contains("event")), "{said:?}");
}

#[test]
fn a_forwarded_message_ends_with_the_one_that_it_comes_from() {
    let mut stand = Stand::serving();
    stand.send(secret(START.0 + 10_000));
    let batch = stand.persists();
    assert_eq!(batch.entries[0].body.expiry().map(|expiry| expiry.time), Some(START.0 + 10_000));
}

fn retains(stand: &mut Stand, name: &str, number: u64, seconds: u32) {
    let send = Send::retention(id(number), stand.conversation.id().clone(), seconds);
    let command = stand.command_of(name, send);
    stand.command(command);
}

fn seconds(stand: &Stand) -> u32 {
    stand.conversation.head_state(&user("bob"), Source::Client).retention_seconds
}

#[test]
fn either_side_of_a_direct_conversation_sets_for_how_long_entries_are_kept() {
    let mut stand = Stand::serving();
    for (name, number, kept) in [("alice", 1, 60), ("bob", 2, 0), ("bob", 3, 600)] {
        retains(&mut stand, name, number, kept);
        let batch = stand.persists();
        assert_eq!((batch.entries[0].body.as_retention(), batch.entries[0].counted), (Some(kept), 0));
        let said = stand.said();
        assert_eq!(said.last(), Some(&format!("{number} ack {number}")), "{said:?}");
        assert!(said[0].starts_with(&format!("alice event {number}")), "all hear of it: {said:?}");
        assert_eq!(seconds(&stand), kept, "from now on");
    }
    retains(&mut stand, "eve", 4, 60);
    assert_eq!(stand.said(), ["4 nack FORBIDDEN"]);
    assert_eq!(stand.written().unwrap().head.as_ref().unwrap().retention_seconds, 600, "and after a restart");
}

#[test]
fn a_group_s_owner_and_admins_set_it_and_others_do_not() {
    let mut stand = Stand::group(&["ann", "bob"]);
    stand.change(2, "olga", GroupRequest::SetRole(vec![user("ann")], proto::group::Role::Admin));
    stand.persists();
    stand.said();
    for (name, number) in [("olga", 3), ("ann", 4)] {
        retains(&mut stand, name, number, u32::try_from(number).unwrap());
        stand.persists();
        stand.said();
        assert_eq!(u64::from(seconds(&stand)), number);
    }
    for (name, number) in [("bob", 5), ("eve", 6)] {
        retains(&mut stand, name, number, 60);
        assert_eq!(stand.said(), [format!("{number} nack FORBIDDEN")]);
    }
    let send = Send::retention(id(7), ConversationId::group(&team()), 7);
    let mut command = stand.command_of("svc", send);
    command.origin.source = Source::ServerApi;
    stand.command(command);
    stand.persists();
    assert_eq!(seconds(&stand), 7);
    stand.said();
    stand.change(8, "olga", GroupRequest::Dismiss);
    stand.persists();
    stand.said();
    retains(&mut stand, "olga", 9, 60);
    assert_eq!(stand.said(), ["9 nack DISMISSED"]);
}

/// What was set is in the head row, or in entries that it lacks.
#[test]
fn it_is_found_again_by_a_load() {
    let direct = ConversationId::direct(&user("alice"), &user("bob"));
    for (missing, kept) in [(None, 60), (Some(5), 5)] {
        let mut stand = Stand::of(direct.clone(), false);
        stand.begin();
        let not_all_count = store::Register { counted: 3, ..register(4, 6) };
        stand.outcome(Outcome::Register(Ok(Some(not_all_count))));
        stand.work();
        let mut tail = rows(1..=5, 3);
        tail[4].entry.counted = 3;
        stand.outcome(Outcome::Tail(Ok(tail)));
        stand.moves();
        stand.passes();
        assert!(matches!(stand.only(), Work::Recover { .. }), "though nobody touched it");
        let last = entry(4, 3).entry;
        let (conversation, seq, counted) = (direct.clone(), last.seq, last.counted);
        let head =
            Some(HeadRow { conversation, seq, counted, last, retention_seconds: 60, confirming: None });
        let set = |seconds| proto::Entry { body: Body::retention(seconds), ..entry(5, 3).entry };
        let missing = missing.map(set).into_iter().collect();
        stand.outcome(Outcome::Recovered(Ok(Box::new(Recovered { head, missing, ..Recovered::default() }))));
        assert_eq!(seconds(&stand), kept);
    }
}

#[test]
fn what_is_no_longer_kept_cannot_be_changed_and_is_told_to_nobody_again() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    retains(&mut stand, "bob", 2, 60);
    stand.persists();
    stand.said();
    stand.wall_ahead_ms = 60_000;
    asks(&mut stand, 3, &Change::Pin { remove: false });
    stand.persists();
    stand.said();
    stand.wall_ahead_ms = 60_001;
    for (number, change) in (4..).zip([Change::Recall, Change::Pin { remove: true }]) {
        asks(&mut stand, number, &change);
        assert_eq!(stand.said(), [format!("{number} nack NOT_FOUND")]);
    }
    stand.send(Send { attempt: 1, age_ms: 60_001, ..message(1) });
    let said = stand.said();
    assert!(said.iter().any(|said| said.contains("ack 1")), "{said:?}");
    assert!(!said.iter().any(|said| said.contains("event")), "{said:?}");
}
