//! A direct conversation and the pair of its two users.

use proto::{ContactRequest, ConversationId, Request};
use store::StoreError;

use super::super::{Outcome, Urgency};
use super::stand::*;
use crate::rules::contacts::Regard;
use crate::turn::{Recovered, Work};

const BLOCKED: Regard = Regard { watermark: proto::Seq(5), friends: true, blocks: [false, true] };

#[test]
fn a_message_waits_until_it_is_known_what_the_two_are_to_each_other() {
    let mut stand = Stand::serving();
    stand.regards = false;
    stand.send(message(1));
    stand.send(message(2));
    assert!(matches!(stand.only(), Work::ReadPair));
    stand.outcome(Outcome::Pair(Ok(Regard::default())));
    assert_eq!(stand.persists().entries.len(), 2);
    stand.send(message(3));
    stand.persists();
    assert_eq!(stand.said().len(), 3 * 3, "asked once for all of them");
}

#[test]
fn what_is_known_later_counts_for_what_comes_later_and_older_answers_do_not() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    stand.said();
    stand.outcome(Outcome::Pair(Ok(BLOCKED)));
    stand.outcome(Outcome::Pair(Ok(Regard { watermark: proto::Seq(4), ..Regard::default() })));
    stand.send(message(2));
    let from_bob = stand.command_of("bob", message(3));
    stand.command(from_bob);
    assert_eq!(stand.said(), ["2 nack BLOCKED", "3 nack BLOCKED"]);
    // What is stored is acknowledged all the same.
    stand.send(message(1));
    assert!(stand.said().contains(&"1 ack 1".to_owned()));
    stand.outcome(Outcome::Pair(Ok(Regard { watermark: proto::Seq(6), ..Regard::default() })));
    stand.send(message(4));
    stand.persists();
}

#[test]
fn a_store_that_does_not_answer_is_asked_again_by_the_next_message() {
    let mut stand = Stand::serving();
    stand.regards = false;
    stand.send(message(1));
    assert!(matches!(stand.only(), Work::ReadPair));
    stand.outcome(Outcome::Pair(Err(StoreError::Unavailable("away".into()))));
    assert_eq!(stand.said(), ["1 nack UNAVAILABLE"]);
    stand.send(message(2));
    assert!(matches!(stand.only(), Work::ReadPair));
    stand.outcome(Outcome::Pair(Ok(Regard::default())));
    stand.persists();
}

/// The pair of alice and bob, serving.
fn pair() -> Stand {
    let mut stand = Stand::of(ConversationId::pair(&user("alice"), &user("bob")), false);
    stand.load_new_group();
    stand.said();
    stand
}

fn asks(stand: &mut Stand, session: u64, name: &str, other: &str, request: ContactRequest) {
    let command = stand.asks(session, name, Request::Contact(user(other), request));
    stand.command(command);
}

#[test]
fn a_change_is_told_at_once_and_answered_when_it_is_written() {
    let mut stand = pair();
    asks(&mut stand, 1, "alice", "bob", ContactRequest::Block);
    assert!(stand.conversation.take_news().is_some(), "of the load");
    stand.persists();
    let said = stand.said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("alice Contact"), "bob hears nothing: {said:?}");
    assert_eq!(stand.conversation.take_news().unwrap().blocks, [true, false]);
    // The same again while the write is owed: answered with it.
    asks(&mut stand, 2, "alice", "bob", ContactRequest::Block);
    stand.asks_nothing();
    assert!(stand.said().is_empty());
    let flush = stand.written().expect("at once");
    let [alice, bob] = flush.relations.clone().unwrap();
    assert_eq!((alice.contact.blocked, bob.blocked_by, bob.contact.version), (true, true, 0));
    assert_eq!(flush.inbox.iter().map(|row| row.user.as_str()).collect::<Vec<_>>(), ["alice"]);
    let said = stand.said();
    assert!(said[0].starts_with("1 Frame(Contact") && said[1].starts_with("2 Frame(Contact"), "{said:?}");
    assert!(stand.conversation.take_news().is_none());
}

#[test]
fn each_change_is_decided_by_the_one_before() {
    let mut stand = pair();
    asks(&mut stand, 1, "alice", "bob", ContactRequest::Apply("hi".into()));
    asks(&mut stand, 2, "bob", "alice", ContactRequest::Apply("hello".into()));
    assert_eq!(stand.persists().entries.len(), 1);
    assert_eq!(stand.persists().entries.len(), 1);
    assert!(stand.conversation.regard().unwrap().friends, "two who ask each other are friends");
    asks(&mut stand, 3, "alice", "bob", ContactRequest::Accept);
    stand.asks_nothing();
}

#[test]
fn what_projections_lack_is_found_at_the_load() {
    let mut first = pair();
    asks(&mut first, 1, "alice", "bob", ContactRequest::Apply("hi".into()));
    let applied = first.persists().entries.clone();
    let rows = first.written().unwrap().relations.clone().unwrap();
    asks(&mut first, 2, "bob", "alice", ContactRequest::Accept);
    let accepted = first.persists().entries.clone();

    let mut stand = Stand::of(ConversationId::pair(&user("alice"), &user("bob")), true);
    stand.begin();
    stand.outcome(Outcome::Register(Ok(None)));
    stand.moves();
    stand.passes();
    assert!(matches!(stand.only(), Work::Recover { .. }));
    let [alice, _] = rows;
    // One side was written, the other not, and of the second entry neither.
    let missing: Vec<_> = applied.into_iter().chain(accepted).collect();
    let recovered = Recovered { relations: [Some(alice), None], missing, ..Recovered::default() };
    stand.outcome(Outcome::Recovered(Ok(Box::new(recovered))));
    assert!(stand.said().is_empty(), "nobody reads this log, so nobody is told a head");
    assert!(stand.conversation.take_news().unwrap().friends);
    let [alice, bob] = stand.written().unwrap().relations.clone().unwrap();
    assert_eq!(alice.contact.friend_since, bob.contact.friend_since);
    assert_eq!((alice.watermark, bob.watermark), (proto::Seq(2), proto::Seq(2)));
    assert!(bob.contact.incoming.is_none() && alice.contact.outgoing.is_none());
}

fn answered(stand: &mut Stand) -> Vec<String> {
    let replies =
        stand.said().into_iter().filter(|said| !said.starts_with("alice ") && !said.starts_with("bob "));
    replies.map(|said| said.chars().take_while(|c| *c != '(').collect()).collect()
}

#[test]
fn each_is_answered_once_however_often_the_write_fails() {
    let mut stand = pair();
    let begins = |stand: &mut Stand| stand.turn(|pair, turn| pair.begin_flush(Urgency::Due, turn));
    asks(&mut stand, 1, "alice", "bob", ContactRequest::Block);
    stand.persists();
    let first = begins(&mut stand).expect("at once");
    // Nothing has to change: answered with the write that is under way.
    asks(&mut stand, 2, "alice", "bob", ContactRequest::Block);
    for _ in 0..3 {
        stand.ends(false);
        assert!(answered(&mut stand).is_empty());
        stand.after(1_000);
        assert!(std::sync::Arc::ptr_eq(&begins(&mut stand).expect("the same again"), &first));
    }
    // Another change meanwhile: answered with the next write, as is who asks for no other.
    asks(&mut stand, 3, "alice", "bob", ContactRequest::Unblock);
    stand.persists();
    asks(&mut stand, 4, "alice", "bob", ContactRequest::Unblock);
    stand.ends(true);
    assert_eq!(answered(&mut stand), ["1 Frame", "2 Frame"]);
    assert!(stand.written().is_some());
    assert_eq!(answered(&mut stand), ["3 Frame", "4 Frame"]);
    asks(&mut stand, 5, "alice", "bob", ContactRequest::Unblock);
    assert_eq!(answered(&mut stand), ["5 Frame"], "everything is written");
}

#[test]
fn what_is_asked_while_too_many_wait_for_the_store_is_refused() {
    let mut stand = pair();
    asks(&mut stand, 1, "alice", "bob", ContactRequest::Block);
    stand.persists();
    for session in 2..=256 {
        asks(&mut stand, session, "alice", "bob", ContactRequest::Block);
    }
    assert!(answered(&mut stand).is_empty());
    asks(&mut stand, 257, "alice", "bob", ContactRequest::Block);
    assert_eq!(answered(&mut stand), ["257 nack BUSY"]);
    assert!(stand.written().is_some());
    assert_eq!(answered(&mut stand).len(), 256);
}

#[test]
fn who_is_blocked_may_take_back_what_they_said_and_not_change_it() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    stand.said();
    stand.outcome(Outcome::Pair(Ok(BLOCKED)));
    let of = |change: proto::body::Change| {
        let target = proto::body::MessageTarget { seq: proto::Seq(1), message_id: None };
        proto::Body::change(target, &change)
    };
    let edit = proto::body::Change::Edit(Some(proto::Body::text("still here?")));
    stand.send(proto::client_frame::Send { body: of(edit), ..message(2) });
    assert_eq!(stand.said(), ["2 nack BLOCKED"]);
    stand.send(proto::client_frame::Send { body: of(proto::body::Change::Recall), ..message(3) });
    stand.persists();
}
