//! FENCE L1 to L5: find the end, write it again, move the register, check, and only then serve.

use proto::command::GroupRequest;
use proto::{Epoch, Request, Seq};
use store::{Bucket, Cas, Level, Register, StoreError};

use super::stand::{EPOCH, START, Stand, entry, id, message, register, rows, team, unknown, user};
use crate::conversation::{Conversation, ConversationId};
use crate::turn::{Death, Outcome, Recovered, Work};

/// A take-over from epoch 4 whose run `3..=5` was read.
fn with_run() -> Stand {
    let mut stand = Stand::direct();
    stand.begin();
    stand.outcome(Outcome::Register(Ok(Some(register(4, 3)))));
    assert!(matches!(stand.only(), Work::ReadTail { .. }));
    let tail = [rows(1..=2, 3), rows(3..=5, 4)].concat();
    stand.outcome(Outcome::Tail(Ok(tail)));
    stand
}

/// The load begins again after a pause, at SERIAL, and nothing of it was told.
fn begins_again(stand: &mut Stand) {
    stand.asks_nothing();
    assert!(stand.conversation.is_loading() && stand.death.is_none());
    assert_eq!(stand.said(), [""; 0]);
    let due = stand.conversation.next_due(&stand.rules).unwrap();
    assert!(due > stand.steady_ms, "not at once");
    stand.after(due - stand.steady_ms - 1);
    stand.asks_nothing();
    stand.after(1);
    assert!(matches!(stand.only(), Work::ReadRegister(Level::Serial)));
}

/// L1, L4: `IF NOT EXISTS` with start 1.
#[test]
fn a_new_conversation_starts_its_register_at_one() {
    let mut stand = Stand::direct();
    stand.begin();
    stand.outcome(Outcome::Register(Ok(None)));
    let Work::MoveRegister { expected, new } = stand.only() else { panic!("moves the register") };
    let bucket = Bucket::at(START);
    let first = Register { version: 1, counted: 0, bucket, ..register(EPOCH.0, 1) };
    assert_eq!((expected, new), (None, first));
    stand.outcome(Outcome::Moved(Cas::Applied(new)));
    stand.passes();
    assert!(stand.conversation.is_serving());
    assert_eq!(stand.said(), [""; 0], "an empty conversation has no head to tell");
}

/// L1.
#[test]
fn l1_a_higher_epoch_in_the_register_stops_the_owner() {
    let mut stand = Stand::direct();
    stand.send(message(1));
    stand.begin();
    stand.outcome(Outcome::Register(Ok(Some(register(EPOCH.0 + 1, 3)))));
    assert_eq!(stand.death, Some(Death::Superseded));
    stand.asks_nothing();
    assert_eq!(stand.said(), [""; 0], "O3: never refused as if it were not stored");
}

/// L1: plain at first, SERIAL on every further try.
#[test]
fn l1_every_further_try_reads_the_register_at_serial() {
    let mut stand = Stand::direct();
    stand.begin();
    for _ in 0..3 {
        stand.outcome(Outcome::Register(Err(unknown())));
        begins_again(&mut stand);
    }
}

/// L2: no rewrite, no conditional write, but L5.
#[test]
fn l2_a_conversation_of_the_own_epoch_is_only_checked() {
    let mut stand = Stand::direct();
    stand.begin();
    stand.outcome(Outcome::Register(Ok(Some(register(EPOCH.0, 3)))));
    stand.work();
    stand.outcome(Outcome::Tail(Ok([rows(1..=2, 3), rows(3..=9, EPOCH.0)].concat())));
    let Work::Verify(durable) = stand.only() else { panic!("wants a check") };
    assert_eq!((durable.epoch(), durable.upto()), (EPOCH, Seq(9)));
    assert!(!stand.conversation.is_serving());
    stand.tells(durable);
    stand.asks_nothing();
    assert_eq!(stand.said(), ["alice head 9", "bob head 9"]);
}

/// L2.
#[test]
fn l2_reads_further_back_until_the_run_is_reached() {
    let mut stand = Stand::direct();
    stand.begin();
    stand.outcome(Outcome::Register(Ok(Some(register(4, 3)))));
    let Work::ReadTail { bucket, seqs } = stand.only() else { panic!("reads the tail") };
    assert_eq!((bucket, seqs), (Bucket::at(START), 192), "three times W");
    // Only rows of a dead owner are in reach.
    stand.outcome(Outcome::Tail(Ok(rows(10..=201, 2))));
    let Work::ReadTail { seqs, .. } = stand.only() else { panic!("reads more") };
    assert_eq!(seqs, 384);
    stand.outcome(Outcome::Tail(Err(unknown())));
    begins_again(&mut stand);
}

/// L3 before L4: the other order loses entries.
#[test]
fn l3_the_run_is_written_again_as_it_is_before_the_register_moves() {
    let mut stand = with_run();
    let Work::Rewrite(batch) = stand.only() else { panic!("writes again") };
    let old: Vec<_> = rows(3..=5, 4).into_iter().map(|row| row.entry).collect();
    assert_eq!(batch.entries, old, "the same bytes");
    assert_eq!((batch.epoch, batch.bucket), (Epoch(4), Bucket::at(START)), "the same keys");
    stand.outcome(Outcome::Rewritten(Ok(stand.durable(Epoch(4), Seq(5)))));
    let Work::MoveRegister { expected, new } = stand.only() else { panic!("moves the register") };
    assert_eq!(expected, Some(3));
    assert_eq!(new, Register { version: 4, counted: 5, ..register(EPOCH.0, 6) });
}

/// L3.
#[test]
fn l3_the_last_w_entries_of_the_run_are_written_again() {
    let mut stand = Stand::direct();
    stand.begin();
    let narrow = Register { window: 8, ..register(4, 1) };
    stand.outcome(Outcome::Register(Ok(Some(narrow))));
    stand.work();
    stand.outcome(Outcome::Tail(Ok(rows(1..=100, 4))));
    let Work::Rewrite(batch) = stand.only() else { panic!("writes again") };
    let seqs: Vec<u64> = batch.entries.iter().map(|entry| entry.seq.0).collect();
    assert_eq!(seqs, (93..=100).collect::<Vec<_>>(), "W is that of the owner who wrote them");
}

/// L3: what is written again may be missing in the projections, so it is marked, every time it is tried.
#[test]
fn l3_what_is_written_again_is_marked_as_touched_every_time() {
    let mut stand = with_run();
    let Work::Rewrite(batch) = stand.only() else { panic!("writes again") };
    assert!(batch.touched.is_some());
    stand.outcome(Outcome::Rewritten(Err(unknown())));
    begins_again(&mut stand);
    stand.outcome(Outcome::Register(Ok(Some(register(4, 3)))));
    stand.work();
    stand.outcome(Outcome::Tail(Ok(rows(1..=5, 4))));
    let Work::Rewrite(again) = stand.only() else { panic!("writes again") };
    assert_eq!(again.touched, batch.touched);
}

/// L3: no run, nothing to write again.
#[test]
fn l3_without_a_run_the_register_moves_at_once() {
    let mut stand = Stand::direct();
    stand.begin();
    stand.outcome(Outcome::Register(Ok(Some(register(4, 3)))));
    stand.work();
    stand.outcome(Outcome::Tail(Ok([rows(1..=2, 3), rows(3..=4, 3)].concat())));
    let new = stand.moves();
    assert_eq!((new.start, new.counted), (Seq(3), 2), "rows of an older epoch at the start are cut for ever");
}

/// L4.
#[test]
fn l4_refused_or_unknown_throws_everything_away_and_reads_again() {
    let refused = || Cas::Refused(Some(Register { version: 4, ..register(4, 3) }));
    for outcome in [refused(), Cas::Refused(None), Cas::Unknown(unknown())] {
        let mut stand = with_run();
        stand.work();
        stand.outcome(Outcome::Rewritten(Ok(stand.durable(Epoch(4), Seq(5)))));
        stand.work();
        stand.outcome(Outcome::Moved(outcome));
        begins_again(&mut stand);
        // Meanwhile the dead owner's last entry arrived: what was read before must not be used.
        stand.outcome(Outcome::Register(Ok(Some(Register { version: 7, ..register(4, 3) }))));
        stand.work();
        stand.outcome(Outcome::Tail(Ok([rows(1..=2, 3), rows(3..=6, 4)].concat())));
        let Work::Rewrite(batch) = stand.only() else { panic!("writes again") };
        assert_eq!(batch.entries.last().map(|entry| entry.seq), Some(Seq(6)));
        stand.outcome(Outcome::Rewritten(Ok(stand.durable(Epoch(4), Seq(6)))));
        let Work::MoveRegister { expected, new } = stand.only() else { panic!("moves the register") };
        assert_eq!((expected, new.version, new.start), (Some(7), 8, Seq(7)));
    }
}

/// L4: an unknown outcome that took place shows as the own epoch; the tail is read anew and checked.
#[test]
fn l4_an_unknown_move_that_took_place_is_found_as_the_own_epoch() {
    let mut stand = with_run();
    stand.work();
    stand.outcome(Outcome::Rewritten(Ok(stand.durable(Epoch(4), Seq(5)))));
    let Work::MoveRegister { new, .. } = stand.only() else { panic!("moves the register") };
    stand.outcome(Outcome::Moved(Cas::Unknown(unknown())));
    begins_again(&mut stand);
    stand.outcome(Outcome::Register(Ok(Some(new))));
    assert!(matches!(stand.only(), Work::ReadTail { .. }));
    stand.outcome(Outcome::Tail(Ok([rows(1..=2, 3), rows(3..=5, 4)].concat())));
    let Work::Verify(durable) = stand.only() else { panic!("wants a check") };
    assert_eq!((durable.epoch(), durable.upto()), (EPOCH, Seq(5)));
}

/// L5: nothing is told, read or appended before the check has passed.
#[test]
fn l5_nothing_is_told_or_written_before_the_check_has_passed() {
    let mut stand = with_run();
    stand.send(message(1));
    stand.work();
    stand.outcome(Outcome::Rewritten(Ok(stand.durable(Epoch(4), Seq(5)))));
    stand.moves();
    let Work::Verify(durable) = stand.only() else { panic!("wants a check") };
    assert_eq!((durable.epoch(), durable.upto()), (EPOCH, Seq(5)));
    stand.after(500);
    stand.asks_nothing();
    assert!(!stand.conversation.is_serving());
    assert_eq!(stand.said(), [""; 0]);
    // A check of another epoch, or of another conversation, says nothing here.
    stand.tells(stand.durable(Epoch(4), Seq(5)));
    let other = Stand::of(ConversationId::direct(&user("alice"), &user("carol")), false);
    stand.tells(other.durable(EPOCH, Seq(5)));
    assert!(!stand.conversation.is_serving());
    stand.tells(durable);
    let Work::Recover { head, .. } = stand.only() else { panic!("looks at the projections") };
    assert_eq!(head, Seq(5));
    stand.outcome(Outcome::Recovered(Ok(Box::new(Recovered::default()))));
    assert_eq!(stand.said(), ["alice head 5", "bob head 5"]);
    assert_eq!(stand.appends().entries[0].seq, Seq(6));
}

/// L5: the tail of the bucket is the dedupe ring.
#[test]
fn l5_the_tail_that_was_read_is_the_dedupe_ring() {
    let mut stand = Stand::taken_over(300);
    for seq in [300, 237] {
        let mut again = message(1_000 + seq);
        again.attempt = 1;
        stand.send(again);
        let told = stand.said();
        match told.last() {
            Some(last) => assert_eq!(last, &format!("{} ack {seq}", 1_000 + seq)),
            // Known by the ring, but the entry itself is no longer in memory.
            None => assert!(matches!(stand.only(), Work::ReadEntry { seq: Seq(237), .. })),
        }
    }
}

#[test]
fn pauses_between_tries_grow() {
    let mut stand = Stand::direct();
    stand.begin();
    let mut pauses = Vec::new();
    for _ in 0..4 {
        stand.outcome(Outcome::Register(Err(StoreError::Unavailable(String::new()))));
        let due = stand.conversation.next_due(&stand.rules).unwrap();
        pauses.push(due - stand.steady_ms);
        stand.after(due - stand.steady_ms);
        stand.work();
    }
    assert_eq!(pauses, [20, 40, 80, 160]);
}

#[test]
fn readers_wait_for_the_load_and_not_more_than_the_queue_takes() {
    let mut stand = Stand::direct();
    stand.rules.queue_max = 2;
    for session in 1..=3 {
        let read = stand.asks(session, "alice", Request::Heads(Vec::new()));
        stand.turn(|conversation, turn| conversation.wait_to_read(read, turn));
    }
    assert_eq!(stand.said(), ["3 nack BUSY"]);
    stand.load_new();
    let waited = stand.conversation.take_readers();
    assert_eq!(waited.iter().map(|command| command.origin.session.session).collect::<Vec<_>>(), [1, 2]);
    assert!(stand.conversation.take_readers().is_empty());
}

#[test]
fn a_group_that_nobody_created_is_absent_and_only_its_creation_begins_it() {
    let group = || Stand::of(ConversationId::group(&team()), false);
    let mut stand = group();
    stand.change(1, "ann", GroupRequest::Join);
    stand.send(message(2));
    stand.begin();
    stand.outcome(Outcome::Register(Ok(None)));
    stand.asks_nothing();
    assert!(stand.conversation.is_absent());
    assert_eq!(stand.said(), ["1 nack NOT_FOUND", "2 nack NOT_FOUND"]);
    // Whoever comes before it is forgotten is told to come again, not left without an answer.
    stand.change(
        3,
        "olga",
        GroupRequest::Create { name: "Team".into(), members: Vec::new(), settings: None },
    );
    assert_eq!(stand.said(), ["3 nack BUSY"]);
    let mut stand = group();
    stand.change(
        1,
        "olga",
        GroupRequest::Create { name: "Team".into(), members: Vec::new(), settings: None },
    );
    stand.begin();
    stand.outcome(Outcome::Register(Ok(None)));
    assert_eq!(stand.moves().start, Seq(1));
}

#[test]
fn a_group_serves_once_its_members_are_known() {
    let mut stand = Stand::of(ConversationId::group(&team()), false);
    stand.begin();
    stand.outcome(Outcome::Register(Ok(Some(register(4, 3)))));
    stand.work();
    stand.outcome(Outcome::Tail(Ok(vec![entry(1, 4), entry(2, 4)])));
    stand.moves();
    stand.passes();
    assert!(matches!(stand.only(), Work::Recover { head: Seq(2), .. }));
    assert!(!stand.conversation.is_serving());
    stand.outcome(Outcome::Recovered(Err(unknown())));
    begins_again(&mut stand);
}

#[test]
fn what_the_store_answers_too_late_changes_nothing() {
    let mut stand = Stand::serving();
    for outcome in [
        Outcome::Register(Ok(Some(register(9, 9)))),
        Outcome::Tail(Ok(rows(1..=5, 4))),
        Outcome::Moved(Cas::Refused(None)),
        Outcome::Recovered(Ok(Box::default())),
        Outcome::Indexed(Ok(())),
    ] {
        stand.outcome(outcome);
    }
    stand.asks_nothing();
    assert!(stand.conversation.is_serving() && stand.death.is_none());
    let view = Conversation::view(&stand.conversation, &user("alice"), proto::command::Source::Client);
    assert_eq!(view.unwrap().head, Seq(0));
    stand.send(message(1));
    let batch = stand.appends();
    assert_eq!((batch.entries[0].seq, batch.entries[0].client_message_id), (Seq(1), id(1)));
}
