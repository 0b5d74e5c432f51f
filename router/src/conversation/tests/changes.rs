//! Changes of messages: who may make them, for how long, when they are told, and what is told no more.

use proto::body::{Change, MessageTarget};
use proto::client_frame::Send;
use proto::command::{GroupRequest, Source};
use proto::group::Role;
use proto::wire::Mentions;
use proto::{Body, Code, ConversationId, MessageId, Request, Seq};
use store::StoreError;

use super::super::Target;
use super::stand::{Stand, entry, id, message, team, user};
use crate::rules::membership::permissions::{Action, Who, is_allowed};
use crate::rules::overlay::State;
use crate::turn::{Outcome, Recovered, Work};

fn recall() -> Change {
    Change::Recall
}

fn edit(text: &str) -> Change {
    Change::Edit(Some(Body::text(text)))
}

fn react(reaction: &str) -> Change {
    Change::React { reaction: reaction.to_owned(), remove: false }
}

fn pin() -> Change {
    Change::Pin { remove: false }
}

fn of(stand: &Stand, number: u64, seq: u64, change: &Change) -> Send {
    let target = MessageTarget { seq: Seq(seq), message_id: None };
    Send::change(id(number), stand.conversation.id().clone(), target, change)
}

fn asks(stand: &mut Stand, name: &str, number: u64, seq: u64, change: &Change) {
    let send = of(stand, number, seq, change);
    let command = stand.command_of(name, send);
    stand.command(command);
    stand.answers_targets();
}

/// The change is taken and told; the ack of a recall waits for its projection.
fn changes(stand: &mut Stand, name: &str, number: u64, seq: u64, change: &Change) {
    asks(stand, name, number, seq, change);
    stand.persists();
    stand.said();
}

fn refused(stand: &mut Stand, name: &str, number: u64, seq: u64, change: &Change) -> String {
    asks(stand, name, number, seq, change);
    stand.asks_nothing();
    let said = stand.said();
    assert_eq!(said.len(), 1, "{said:?}");
    said[0].clone()
}

/// Alice and bob, with a message of alice's at 1.
fn said_hi() -> Stand {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    stand.said();
    stand
}

/// Olga's team with ann and bob, and a message of ann's at 2.
fn team_said_hi() -> Stand {
    let mut stand = Stand::group(&["ann", "bob"]);
    let to = proto::client_frame::Recipient::Conversation(ConversationId::group(&team()));
    let command = stand.command_of("ann", Send { to, ..message(1) });
    stand.command(command);
    stand.persists();
    stand.said();
    stand
}

#[test]
fn a_change_is_an_entry_that_does_not_count() {
    let mut stand = said_hi();
    asks(&mut stand, "bob", 2, 1, &react("+1"));
    let batch = stand.persists();
    assert_eq!((batch.entries[0].seq, batch.entries[0].counted), (Seq(2), 1));
    let target = MessageTarget { seq: Seq(1), message_id: Some(MessageId(1)) };
    assert_eq!(batch.entries[0].body.as_change(), Some((target, react("+1"))), "with the id of the message");
    assert_eq!(stand.said(), ["alice event 2 except 2", "bob event 2 except 2", "2 ack 2"]);
    let state = stand.conversation.fresh().state(Seq(1)).unwrap().shown_to(&user("bob"));
    assert!(state.reactions[0].mine);
}

#[test]
fn senders_recall_and_edit_within_their_windows() {
    let mut stand = said_hi();
    assert_eq!(refused(&mut stand, "bob", 2, 1, &recall()), "2 nack FORBIDDEN");
    assert_eq!(refused(&mut stand, "bob", 3, 1, &edit("x")), "3 nack FORBIDDEN");
    stand.wall_ahead_ms = stand.rules.changes.recall_ms + 1;
    assert_eq!(refused(&mut stand, "alice", 4, 1, &recall()), "4 nack RECALL_TOO_LATE");
    changes(&mut stand, "alice", 5, 1, &edit("ho"));
    stand.wall_ahead_ms = stand.rules.changes.edit_ms + 1;
    assert_eq!(refused(&mut stand, "alice", 6, 1, &edit("x")), "6 nack EDIT_TOO_LATE");
    stand.wall_ahead_ms = stand.rules.changes.recall_ms;
    changes(&mut stand, "alice", 7, 1, &recall());
    for (number, change) in [(8, recall()), (9, edit("x")), (10, react("x")), (11, pin())] {
        assert_eq!(refused(&mut stand, "alice", number, 1, &change), format!("{number} nack RECALLED"));
    }
}

#[test]
fn the_owner_and_services_recall_at_any_time_and_pin() {
    let mut stand = team_said_hi();
    stand.wall_ahead_ms = stand.rules.changes.recall_ms + 1;
    assert_eq!(refused(&mut stand, "bob", 2, 2, &recall()), "2 nack FORBIDDEN");
    assert_eq!(refused(&mut stand, "ann", 3, 2, &pin()), "3 nack FORBIDDEN");
    assert_eq!(refused(&mut stand, "dave", 4, 2, &react("x")), "4 nack FORBIDDEN");
    assert_eq!(refused(&mut stand, "olga", 5, 2, &edit("x")), "5 nack FORBIDDEN");
    changes(&mut stand, "olga", 6, 2, &pin());
    assert_eq!(stand.conversation.fresh().pins().unwrap().seqs, [Seq(2)]);
    let mut service = stand.command_of("dave", of(&stand, 7, 2, &recall()));
    service.origin.source = Source::ServerApi;
    stand.command(service);
    stand.persists();
    assert_eq!(stand.conversation.fresh().pins().unwrap().seqs, []);
    let mut stand = team_said_hi();
    stand.wall_ahead_ms = stand.rules.changes.recall_ms + 1;
    changes(&mut stand, "olga", 8, 2, &recall());
    assert!(stand.conversation.fresh().state(Seq(2)).unwrap().shown.recalled.is_some());
}

#[test]
fn what_is_no_message_cannot_be_changed() {
    let mut stand = team_said_hi();
    for seq in [0, 3, 77] {
        let found = refused(&mut stand, "ann", 10 + seq, seq, &recall());
        assert_eq!(found, format!("{} nack NOT_FOUND", 10 + seq), "seq {seq}");
    }
    assert_eq!(refused(&mut stand, "olga", 2, 1, &recall()), "2 nack BAD_FIELD", "the creation");
    changes(&mut stand, "bob", 3, 2, &react("+1"));
    assert_eq!(refused(&mut stand, "bob", 4, 3, &react("+1")), "4 nack BAD_FIELD", "a reaction");
    let image = proto::wire::Media { file: "f".into(), ..proto::wire::Media::default() };
    let image = Body::of_kind(proto::wire::body::Kind::Image(image));
    assert_eq!(
        refused(&mut stand, "ann", 5, 2, &Change::Edit(Some(image))),
        "5 nack BAD_FIELD",
        "another kind"
    );
}

/// The cells of the table of groups that are about messages, but those about confirming.
#[test]
fn who_may_do_what_with_messages_is_what_the_table_says() {
    const WHO: [(Who, &str, Source); 6] = [
        (Who::Owner, "olga", Source::Client),
        (Who::Admin, "ada", Source::Client),
        (Who::Member, "bob", Source::Client),
        (Who::Stranger, "eve", Source::Client),
        (Who::Service, "svc", Source::ServerApi),
        (Who::Service, "svc", Source::System),
    ];
    for action in [Action::MentionAll, Action::RecallOthers, Action::Pin] {
        for (who, name, source) in WHO {
            let mut stand = Stand::group(&["ann", "bob", "ada"]);
            stand.change(2, "olga", GroupRequest::SetRole(vec![user("ada")], Role::Admin));
            stand.persists();
            let to = proto::client_frame::Recipient::Conversation(ConversationId::group(&team()));
            let said = stand.command_of("ann", Send { to: to.clone(), ..message(3) });
            stand.command(said);
            stand.persists();
            stand.said();
            let send = match action {
                Action::MentionAll => Send { to, body: to_all("hi"), ..message(4) },
                Action::Pin => of(&stand, 4, 3, &pin()),
                _ => of(&stand, 4, 3, &recall()),
            };
            let mut command = stand.command_of(name, send);
            command.origin.source = source;
            stand.command(command);
            stand.answers_targets();
            let expected = is_allowed(action, who);
            if expected {
                assert_eq!(stand.persists().entries.len(), 1, "{who:?} {action:?}");
            } else {
                assert_eq!(stand.said(), ["4 nack FORBIDDEN"], "{who:?} {action:?}");
                stand.asks_nothing();
            }
        }
    }
}

fn to_all(text: &str) -> Body {
    Body::from_wire(&proto::wire::Body {
        mentions: Some(Mentions { users: Vec::new(), all: true }),
        ..Body::text(text).to_wire()
    })
}

#[test]
fn everybody_is_mentioned_by_those_who_manage_the_group_only() {
    let mut stand = team_said_hi();
    let to = proto::client_frame::Recipient::Conversation(ConversationId::group(&team()));
    for (name, number, told) in [("ann", 2, "2 nack FORBIDDEN"), ("olga", 3, "3 ack 3")] {
        let command = stand.command_of(name, Send { to: to.clone(), body: to_all("hi"), ..message(number) });
        stand.command(command);
        if name == "olga" {
            stand.persists();
        }
        assert!(stand.said().contains(&told.to_owned()), "{name}");
    }
    let smuggled = Change::Edit(Some(to_all("hi")));
    assert_eq!(refused(&mut stand, "ann", 4, 2, &smuggled), "4 nack FORBIDDEN", "nor by an edit");
    let reply = |seq| {
        let reply_to = Some(proto::wire::MessageRef { seq, message_id: 0 });
        Body::from_wire(&proto::wire::Body { reply_to, ..Body::text("re").to_wire() })
    };
    let command = stand.command_of("ann", Send { to: to.clone(), body: reply(99), ..message(5) });
    stand.command(command);
    assert_eq!(stand.said(), ["5 nack BAD_FIELD"], "a reply to nothing");
    let command = stand.command_of("ann", Send { to, body: reply(2), ..message(6) });
    stand.command(command);
    stand.persists();
}

#[test]
fn a_change_waits_until_an_earlier_one_of_the_same_message_is_told() {
    let mut stand = said_hi();
    stand.send(message(2));
    let first = stand.appends();
    for (number, seq, change) in [(3, 1, react("a")), (4, 1, recall()), (5, 1, react("b"))] {
        asks(&mut stand, "alice", number, seq, &change);
    }
    stand.is_durable(&first);
    stand.passes();
    assert_eq!(stand.persists().entries.len(), 1, "the reaction");
    assert_eq!(stand.persists().entries.len(), 1, "the recall");
    let said = stand.said();
    assert!(said.contains(&"5 nack RECALLED".to_owned()), "{said:?}");
    // Of different messages they go together.
    let mut stand = said_hi();
    stand.send(message(2));
    stand.persists();
    stand.send(message(3));
    let first = stand.appends();
    for (number, seq) in [(4, 1), (5, 2), (6, 2)] {
        asks(&mut stand, "bob", number, seq, &react("a"));
    }
    stand.is_durable(&first);
    stand.passes();
    assert_eq!(stand.persists().entries.len(), 2);
    assert_eq!(stand.persists().entries.len(), 1);
}

#[test]
fn a_recall_is_acknowledged_once_lists_show_it() {
    let mut stand = said_hi();
    stand.written().expect("the message");
    asks(&mut stand, "alice", 2, 1, &recall());
    stand.persists();
    assert_eq!(
        stand.said(),
        ["alice event 2 except 2", "bob event 2 except 2"],
        "told, and not acknowledged"
    );
    let flush = stand.turn(|c, turn| c.begin_flush(super::super::Urgency::Due, turn)).expect("due at once");
    assert_eq!(flush.overlays.len(), 1);
    assert_eq!(flush.head.as_ref().unwrap().seq, Seq(2));
    let send = of(&stand, 2, 1, &recall());
    let again = stand.command_of("alice", Send { attempt: 1, ..send });
    stand.command(again);
    let said = stand.said();
    assert!(!said.iter().any(|word| word.contains("ack")), "{said:?}");
    let now = stand.steady_ms;
    stand.turn(|c, turn| {
        c.flushed(true, now);
        c.tell_held(turn);
    });
    assert_eq!(stand.said(), ["2 ack 2"]);
    assert!(stand.written().is_some(), "the second ack waits for a write that began after it was asked");
    stand.turn(|c, turn| c.tell_held(turn));
    assert_eq!(stand.said(), ["2 ack 2"]);
    assert!(stand.conversation.fresh().is_empty());
}

#[test]
fn what_was_recalled_is_not_published_again_when_it_is_sent_again() {
    let mut stand = said_hi();
    changes(&mut stand, "alice", 2, 1, &edit("ho"));
    changes(&mut stand, "alice", 3, 1, &recall());
    stand.send(Send { attempt: 1, ..message(1) });
    assert_eq!(stand.said(), ["alice head 3", "bob head 3", "1 ack 1"]);
    let send = of(&stand, 2, 1, &edit("ho"));
    let again = stand.command_of("alice", Send { attempt: 1, ..send });
    stand.command(again);
    assert_eq!(stand.said(), ["alice head 3", "bob head 3", "2 ack 2"]);
}

#[test]
fn an_old_message_is_read_first_and_what_was_read_is_not_used_after_a_write() {
    let mut stand = Stand::taken_over(300);
    let asks = |stand: &mut Stand, name: &str, number: u64, seq: u64, change: &Change| {
        let command = stand.command_of(name, of(stand, number, seq, change));
        stand.command(command);
    };
    asks(&mut stand, "bob", 2, 5, &react("+1"));
    let Work::ReadTarget { target, generation, .. } = stand.only() else { panic!("reads") };
    let found = |seq: u64| {
        let entry = entry(seq, 3).entry;
        Some(Box::new(Target { state: State::of(entry.seq), entry, pins: None }))
    };
    stand.outcome(Outcome::Target(target, generation, Ok(found(5))));
    stand.persists();
    assert_eq!(stand.said().last().unwrap(), "2 ack 301");
    // Asked, and meanwhile something was written: the answer may be older than that.
    asks(&mut stand, "alice", 3, 6, &react("+1"));
    let Work::ReadTarget { target, generation, .. } = stand.only() else { panic!("reads") };
    stand.after(2_000);
    stand.said();
    assert!(!stand.written().expect("due").overlays.is_empty());
    stand.outcome(Outcome::Target(target, generation, Ok(found(6))));
    let Work::ReadTarget { target, generation: newer, .. } = stand.only() else { panic!("reads again") };
    assert!(newer > generation);
    stand.outcome(Outcome::Target(target, newer, Ok(None)));
    assert_eq!(stand.said(), ["3 nack NOT_FOUND"]);
    asks(&mut stand, "alice", 4, 7, &react("+1"));
    let Work::ReadTarget { target, generation, .. } = stand.only() else { panic!("reads") };
    stand.outcome(Outcome::Target(target, generation, Err(StoreError::Unavailable("away".into()))));
    assert_eq!(stand.said(), [format!("4 nack {}", Code::Unavailable.name())]);
}

#[test]
fn what_a_dead_owner_left_is_laid_on_what_it_had_written() {
    let mut stand = said_hi();
    changes(&mut stand, "bob", 2, 1, &react("+1"));
    let before = State::clone(stand.conversation.fresh().state(Seq(1)).unwrap());
    let more = [(3, "alice", edit("ho")), (4, "alice", recall())].map(|(seq, name, change)| {
        let mut entry = entry(seq, 3).entry;
        entry.sender = user(name);
        entry.body = Body::change(MessageTarget { seq: Seq(1), message_id: None }, &change);
        entry
    });
    let id = stand.conversation.id().clone();
    let mut next = Stand::of(id, true);
    next.begin();
    next.outcome(Outcome::Register(Ok(Some(super::stand::register(4, 5)))));
    next.only();
    next.outcome(Outcome::Tail(Ok(super::stand::rows(1..=4, 3))));
    next.moves();
    next.passes();
    assert!(matches!(next.only(), Work::Recover { head: Seq(4), .. }));
    let recovered = Recovered { missing: more.to_vec(), states: vec![before], ..Recovered::default() };
    next.outcome(Outcome::Recovered(Ok(Box::new(recovered))));
    let fresh = next.conversation.fresh();
    let state = fresh.state(Seq(1)).unwrap();
    assert_eq!((state.shown.changed, state.body.clone()), (Seq(4), None));
    assert!(fresh.state(Seq(3)).unwrap().shown.recalled.is_some(), "the version is hidden, too");
    let flush = next.written().expect("written at once");
    assert_eq!(flush.overlays.iter().map(|row| row.seq.0).collect::<Vec<_>>(), [1, 3]);
    let request = Request::Versions(proto::client_frame::Position {
        conversation: next.conversation.id().clone(),
        seq: Seq(1),
    });
    assert_eq!(request.name(), "versions");
}
