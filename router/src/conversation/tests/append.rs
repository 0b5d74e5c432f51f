//! FENCE A1 to A3: one batch at a time, the very same bytes until it is durable, told only once it is checked.

use std::sync::Arc;

use proto::client_frame::Send;
use proto::{Body, Seq, limits};
use store::{Bucket, StoreError};

use super::stand::{EPOCH, START, Stand, message, unknown, user};
use crate::turn::{Death, Work};

/// A message with a text of this many bytes.
fn large(number: u64, bytes: usize) -> Send {
    Send { body: Body::text("x".repeat(bytes)), ..message(number) }
}

/// A1: at most W entries unverified, because one batch is in flight until it is told.
#[test]
fn a1_what_comes_while_a_batch_is_in_flight_forms_the_next() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    let first = stand.appends();
    (2..=4).for_each(|number| stand.send(message(number)));
    stand.asks_nothing();
    stand.is_durable(&first);
    let Work::Verify(durable) = stand.only() else { panic!("wants a check") };
    stand.send(message(5));
    stand.asks_nothing();
    stand.tells(durable);
    let second = stand.appends();
    let seqs: Vec<u64> = second.entries.iter().map(|entry| entry.seq.0).collect();
    assert_eq!((first.entries.len(), seqs), (1, vec![2, 3, 4, 5]));
}

/// A1, DESIGN 6.3.
#[test]
fn a1_a_batch_has_at_most_sixty_four_entries() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    let first = stand.appends();
    (2..=100).for_each(|number| stand.send(message(number)));
    stand.is_durable(&first);
    stand.passes();
    let second = stand.persists();
    assert_eq!((second.entries.len(), limits::APPEND_ENTRIES_MAX), (64, 64));
    assert_eq!(stand.appends().entries.len(), 35, "the rest");
}

/// A1: W is a setting of the log; a batch never has more.
#[test]
fn a1_a_batch_never_exceeds_the_window() {
    let mut stand = Stand::serving();
    stand.rules.window = 3;
    stand.send(message(1));
    let first = stand.appends();
    (2..=10).for_each(|number| stand.send(message(number)));
    stand.is_durable(&first);
    stand.passes();
    assert_eq!(stand.appends().entries.len(), 3);
}

/// DESIGN 6.3.
#[test]
fn a_batch_has_at_most_a_hundred_kilobytes() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    let first = stand.appends();
    (2..=9).for_each(|number| stand.send(large(number, 30 * 1_024)));
    stand.is_durable(&first);
    stand.passes();
    for expected in [3, 3, 2] {
        let batch = stand.persists();
        let bytes: usize = batch.entries.iter().map(|entry| entry.body.encoded().len()).sum();
        assert!(bytes <= limits::APPEND_BYTES_MAX, "{bytes}");
        assert_eq!(batch.entries.len(), expected);
    }
}

#[test]
fn one_message_that_is_larger_than_a_batch_goes_alone() {
    let mut stand = Stand::serving();
    stand.send(large(1, limits::APPEND_BYTES_MAX + 1));
    assert_eq!(stand.persists().entries.len(), 1);
}

#[test]
fn entries_have_contiguous_seqs_in_the_present_bucket_under_the_own_epoch() {
    let mut stand = Stand::taken_over(7);
    stand.steady_ms = 40;
    stand.send(message(1));
    let batch = stand.persists();
    let entry = &batch.entries[0];
    assert_eq!((entry.seq, entry.counted, entry.sender.clone()), (Seq(8), 8, user("alice")));
    assert_eq!((entry.time, entry.body.as_text()), (START.plus_ms(40), Some("hi")));
    assert_eq!((batch.epoch, batch.bucket), (EPOCH, Bucket::at(START)));
    stand.send(message(2));
    assert_eq!(stand.appends().entries[0].seq, Seq(9));
}

/// A2: whatever the error says, an earlier try may still take place.
#[test]
fn a2_after_a_failure_the_very_same_bytes_are_written_again_and_nothing_else() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.send(message(2));
    let first = stand.appends();
    for error in [unknown(), StoreError::Unavailable(String::new()), unknown()] {
        stand.outcome(crate::turn::Outcome::Appended(Err(error)));
        stand.send(message(3));
        stand.asks_nothing();
        let due = stand.conversation.next_due(&stand.rules).unwrap();
        stand.after(due - stand.steady_ms);
        let again = stand.appends();
        assert!(Arc::ptr_eq(&first, &again), "the same batch");
    }
    assert_eq!(stand.said(), [""; 0], "unknown is neither acknowledged nor refused");
    stand.is_durable(&first);
    stand.passes();
    assert_eq!(stand.said(), ["alice event 1 except 1", "bob event 1 except 1", "1 ack 1"]);
    assert_eq!(stand.appends().entries.len(), 2, "what waited meanwhile");
}

#[test]
fn a2_one_try_at_a_time() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.appends();
    stand.after(1_000);
    stand.asks_nothing();
    stand.outcome(crate::turn::Outcome::Appended(Err(unknown())));
    stand.after(1_000);
    stand.appends();
    stand.after(1_000);
    stand.asks_nothing();
}

/// O3: a write given up ends the incarnation; what it had in flight is dropped without a word.
#[test]
fn o3_an_append_that_fails_for_too_long_is_given_up_without_a_word() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.appends();
    while stand.death.is_none() {
        assert!(stand.steady_ms < 60_000, "given up at some time");
        stand.outcome(crate::turn::Outcome::Appended(Err(unknown())));
        if stand.death.is_none() {
            let due = stand.conversation.next_due(&stand.rules).unwrap();
            assert!(due > stand.steady_ms, "a pause");
            stand.after(due - stand.steady_ms);
        }
        stand.work();
    }
    assert_eq!(stand.death, Some(Death::GaveUp));
    assert!(stand.steady_ms > stand.rules.give_up_ms);
    assert_eq!(stand.said(), [""; 0]);
}

#[test]
fn o3_a_store_that_says_corrupt_is_given_up_at_once() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.appends();
    stand.outcome(crate::turn::Outcome::Appended(Err(StoreError::Corrupt("row".into()))));
    assert_eq!(stand.death, Some(Death::GaveUp));
    assert_eq!(stand.said(), [""; 0]);
}

/// A3: durable is not enough.
#[test]
fn a3_nothing_is_told_before_the_check_of_all_of_it_has_passed() {
    let mut stand = Stand::serving();
    (1..=3).for_each(|number| {
        let command = stand.command_of("alice", message(number));
        stand.turn(|conversation, turn| conversation.enqueue(command, turn));
    });
    stand.after(0);
    let batch = stand.appends();
    // No check can cover what is not durable yet.
    stand.tells(stand.durable(EPOCH, Seq(3)));
    assert_eq!(stand.said(), [""; 0]);
    stand.is_durable(&batch);
    let Work::Verify(durable) = stand.only() else { panic!("wants a check") };
    assert_eq!((durable.epoch(), durable.upto()), (EPOCH, Seq(3)));
    assert_eq!(stand.said(), [""; 0], "durable, not checked");
    // One that covers less, or another epoch.
    stand.tells(stand.durable(EPOCH, Seq(2)));
    stand.tells(stand.durable(proto::Epoch(EPOCH.0 - 1), Seq(3)));
    assert_eq!(stand.said(), [""; 0]);
    let head =
        |stand: &Stand| stand.conversation.view(&user("bob"), proto::command::Source::Client).unwrap().head;
    assert_eq!(head(&stand), Seq(0), "readers neither");
    stand.tells(durable);
    assert_eq!(head(&stand), Seq(3));
}

/// A3: strictly in seq order, each event before its ack.
#[test]
fn a3_a_batch_is_told_in_seq_order() {
    let mut stand = Stand::serving();
    (1..=2).for_each(|number| {
        let command = stand.command_of("alice", message(number));
        stand.turn(|conversation, turn| conversation.enqueue(command, turn));
    });
    stand.after(0);
    stand.persists();
    let told = [
        "alice event 1 except 1",
        "bob event 1 except 1",
        "1 ack 1",
        "alice event 2 except 2",
        "bob event 2 except 2",
        "2 ack 2",
    ];
    assert_eq!(stand.said(), told);
}

/// A3: a check that passes twice tells once.
#[test]
fn a3_what_was_told_is_not_told_again() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    stand.said();
    stand.tells(stand.durable(EPOCH, Seq(1)));
    assert_eq!(stand.said(), [""; 0]);
}

#[test]
fn without_a_message_id_a_send_is_refused_and_uses_no_seq() {
    let mut stand = Stand::serving();
    stand.ids.none = true;
    stand.send(message(1));
    assert_eq!(stand.said(), ["1 nack UNAVAILABLE"]);
    stand.asks_nothing();
    stand.ids.none = false;
    stand.send(message(2));
    assert_eq!(stand.appends().entries[0].seq, Seq(1));
}

#[test]
fn a_conversation_with_anything_in_flight_is_not_at_rest() {
    let mut stand = Stand::serving();
    assert!(stand.conversation.is_at_rest());
    stand.send(message(1));
    assert!(!stand.conversation.is_at_rest());
    let batch = stand.appends();
    stand.is_durable(&batch);
    assert!(!stand.conversation.is_at_rest());
    stand.passes();
    assert!(!stand.conversation.is_at_rest(), "its projections are owed");
}
