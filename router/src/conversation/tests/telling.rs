//! Who is told what: persist, then publish, then acknowledge.

use proto::client_frame::{AckMode, Send};
use proto::command::Source;
use proto::delivery::Class;
use proto::{ConversationId, Payload, Seq, TraceId};

use super::stand::{Stand, id, message, user};

#[test]
fn both_users_are_told_and_the_sending_session_by_its_ack_alone() {
    let mut stand = Stand::serving();
    let from_bob = stand.command_of("bob", message(4));
    stand.command(from_bob);
    stand.persists();
    assert_eq!(stand.said(), ["alice event 1 except 4", "bob event 1 except 4", "4 ack 1"]);
}

#[test]
fn a_conversation_with_oneself_is_told_once() {
    let mut stand = Stand::of(ConversationId::direct(&user("alice"), &user("alice")), false);
    stand.load_new();
    stand.send(message(1));
    stand.persists();
    assert_eq!(stand.said(), ["alice event 1 except 1", "1 ack 1"]);
    stand.after(1_000);
    assert_eq!(stand.said(), ["alice head 1"]);
}

#[test]
fn the_answer_is_as_the_sender_asked() {
    let mut stand = Stand::serving();
    for (number, ack, answer) in [
        (1, AckMode::Persisted, "1 ack 1"),
        (2, AckMode::Received, "2 ack 2"),
        (3, AckMode::None, "3 settled"),
    ] {
        stand.send(Send { ack, ..message(number) });
        stand.persists();
        assert_eq!(stand.said().last().unwrap(), answer);
    }
}

#[test]
fn an_event_carries_its_place_its_class_and_the_trace_of_its_command() {
    let mut stand = Stand::serving();
    stand.send(message(9));
    let batch = stand.persists();
    let told = stand.deliveries();
    assert!(told.iter().all(|delivery| delivery.trace == TraceId(9)));
    let Payload::Fanout(fanout) = &told[0].payload else { panic!("an event") };
    assert_eq!((fanout.class, fanout.seq), (Class::Event, Seq(1)));
    assert_eq!(&fanout.conversation, stand.conversation.id());
    let proto::ServerFrame::Event(event) = fanout.frame.frame() else { panic!("an event") };
    assert_eq!(event.entry, batch.entries[0], "what was stored, and nothing else");
    let Payload::Fanout(other) = &told[1].payload else { panic!("an event") };
    assert!(std::sync::Arc::ptr_eq(&fanout.frame, &other.frame), "encoded once for all");
}

#[test]
fn an_ack_names_what_was_stored() {
    use proto::{Reply, ServerFrame};
    let mut stand = Stand::serving();
    stand.steady_ms = 70;
    stand.send(message(9));
    let batch = stand.persists();
    let last = stand.deliveries().pop().unwrap();
    let Payload::Reply(9, Reply::Frame(ServerFrame::Ack(ack))) = last.payload else { panic!("an ack") };
    let entry = &batch.entries[0];
    assert_eq!((ack.client_message_id, ack.seq, ack.message_id), (id(9), entry.seq, entry.message_id));
    assert_eq!((&ack.conversation, ack.time), (stand.conversation.id(), entry.time));
}

#[test]
fn told_entries_are_read_from_memory_as_long_as_they_are_there() {
    let mut stand = Stand::serving();
    for number in 1..=40 {
        stand.send(message(number));
        stand.persists();
    }
    let seqs = |from, to| {
        let entries = stand.conversation.entries(Seq(from), Seq(to))?;
        Some(entries.iter().map(|entry| entry.seq.0).collect::<Vec<_>>())
    };
    assert_eq!(seqs(38, 40), Some(vec![38, 39, 40]));
    assert_eq!(seqs(38, 99), Some(vec![38, 39, 40]), "not past the head");
    assert_eq!(seqs(9, 40).map(|seqs| seqs.len()), Some(32));
    assert_eq!(seqs(8, 40), None, "no longer all there");
}

#[test]
fn entries_in_flight_are_not_read() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    stand.send(message(2));
    stand.appends();
    let read = stand.conversation.entries(Seq(1), Seq(2)).unwrap();
    assert_eq!(read.len(), 1);
    assert_eq!(stand.conversation.head_state(&user("alice"), Source::Client).seq, Seq(1));
}
