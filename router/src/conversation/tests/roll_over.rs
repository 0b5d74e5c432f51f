//! FENCE R1 to R3: a bucket is left by an index row, then one conditional write, and nothing is appended in between.

use proto::{Body, Seq};
use store::{Bucket, Cas, Register, StoreError};

use super::stand::{EPOCH, START, Stand, message, register, unknown, user};
use crate::turn::{Death, Outcome, Work};

const WINDOW_MS: u64 = 10 * 24 * 60 * 60 * 1_000;

/// A bucket of three entries is full, and a send waits.
fn full() -> Stand {
    let mut stand = Stand::serving();
    stand.rules.bucket_entries_max = 3;
    (1..=3).for_each(|number| {
        stand.send(message(number));
        stand.persists();
    });
    stand.written();
    stand.said();
    stand.send(message(4));
    stand
}

/// R1 is done; gives the register that is wanted.
fn moving(stand: &mut Stand) -> Register {
    assert!(matches!(stand.only(), Work::WriteIndex { .. }));
    stand.outcome(Outcome::Indexed(Ok(())));
    let Work::MoveRegister { expected, new } = stand.only() else { panic!("moves the register") };
    assert_eq!(expected, Some(new.version - 1));
    new
}

/// The next try comes after a pause, and gives what it asks.
fn tries_again(stand: &mut Stand) -> Work {
    stand.asks_nothing();
    let due = stand.conversation.next_due(&stand.rules).unwrap();
    assert!(due > stand.steady_ms);
    stand.after(due - stand.steady_ms);
    stand.only()
}

/// R1: the index row of the bucket being left, awaited.
#[test]
fn r1_the_index_row_of_the_bucket_being_left_comes_first() {
    let mut stand = full();
    let Work::WriteIndex { bucket, first } = stand.only() else { panic!("writes the index row") };
    assert_eq!((bucket, first), (Bucket::at(START), Seq(1)));
    for _ in 0..2 {
        stand.outcome(Outcome::Indexed(Err(unknown())));
        assert!(matches!(tries_again(&mut stand), Work::WriteIndex { first: Seq(1), .. }));
    }
    stand.outcome(Outcome::Indexed(Ok(())));
    assert!(matches!(stand.only(), Work::MoveRegister { .. }));
}

/// R2.
#[test]
fn r2_the_register_names_the_next_bucket_from_the_next_seq_on() {
    let mut stand = full();
    let new = moving(&mut stand);
    let bucket = Bucket(Bucket::at(START).0 + 1);
    let wanted = Register { version: 2, bucket, bucket_first: Seq(4), counted: 3, ..register(EPOCH.0, 4) };
    assert_eq!(new, wanted);
    stand.outcome(Outcome::Moved(Cas::Applied(new)));
    let batch = stand.persists();
    assert_eq!((batch.bucket, batch.entries[0].seq), (bucket, Seq(4)));
    // The next one follows from there.
    (5..=6).for_each(|number| {
        stand.send(message(number));
        stand.persists();
    });
    stand.send(message(7));
    let next = moving(&mut stand);
    assert_eq!((next.version, next.start, next.bucket.0), (3, Seq(7), bucket.0 + 1));
}

/// R1: nothing unverified, and no append until it is decided.
#[test]
fn r1_a_bucket_is_left_only_with_nothing_in_flight_and_nothing_is_appended_meanwhile() {
    let mut stand = Stand::serving();
    stand.rules.bucket_entries_max = 1;
    stand.send(message(1));
    let batch = stand.appends();
    stand.send(message(2));
    stand.is_durable(&batch);
    let Work::Verify(durable) = stand.only() else { panic!("wants a check, nothing else") };
    stand.tells(durable);
    let new = moving(&mut stand);
    stand.send(message(3));
    stand.after(100);
    stand.asks_nothing();
    assert!(!stand.conversation.is_at_rest());
    let head = stand.conversation.view(&user("bob"), proto::command::Source::Client).unwrap().head;
    assert_eq!(head, Seq(1), "what was told can be read all the while");
    stand.outcome(Outcome::Moved(Cas::Applied(new)));
    assert_eq!(stand.appends().bucket, new.bucket);
}

/// R3: never on in the old bucket after the write was sent.
#[test]
fn r3_an_unknown_move_is_tried_as_the_very_same_again() {
    let mut stand = full();
    let new = moving(&mut stand);
    for _ in 0..3 {
        stand.outcome(Outcome::Moved(Cas::Unknown(unknown())));
        // Time goes on, even into the next window: the bucket is chosen already.
        stand.wall_ahead_ms += WINDOW_MS;
        let Work::MoveRegister { expected, new: same } = tries_again(&mut stand) else {
            panic!("moves the register")
        };
        assert_eq!((expected, same), (Some(1), new));
    }
    stand.outcome(Outcome::Moved(Cas::Applied(new)));
    stand.send(message(5));
    assert_eq!(stand.appends().bucket, new.bucket);
}

/// R3: an earlier try took place.
#[test]
fn r3_refused_with_the_own_values_in_the_row_is_applied() {
    let mut stand = full();
    let new = moving(&mut stand);
    stand.outcome(Outcome::Moved(Cas::Unknown(unknown())));
    tries_again(&mut stand);
    stand.outcome(Outcome::Moved(Cas::Refused(Some(new))));
    assert_eq!(stand.appends().bucket, new.bucket);
}

/// R3.
#[test]
fn r3_refused_by_others_stops_the_owner_without_a_word() {
    let mut stand = full();
    let new = moving(&mut stand);
    let theirs = Register { epoch: proto::Epoch(EPOCH.0 + 1), ..new };
    for found in [Some(theirs), Some(Register { version: 9, ..new }), None] {
        let mut stand = full();
        moving(&mut stand);
        stand.outcome(Outcome::Moved(Cas::Refused(found)));
        assert_eq!(stand.death, Some(Death::Superseded));
        stand.asks_nothing();
        assert_eq!(stand.said(), [""; 0]);
    }
}

/// O3.
#[test]
fn o3_a_roll_over_that_stays_unknown_is_given_up() {
    let mut stand = full();
    moving(&mut stand);
    while stand.death.is_none() {
        assert!(stand.steady_ms < 60_000, "given up at some time");
        stand.outcome(Outcome::Moved(Cas::Unknown(StoreError::Unavailable(String::new()))));
        if stand.death.is_none() {
            let due = stand.conversation.next_due(&stand.rules).unwrap();
            assert!(due > stand.steady_ms, "a pause");
            stand.after(due - stand.steady_ms);
            stand.work();
        }
    }
    assert_eq!(stand.death, Some(Death::GaveUp));
    assert!(stand.said().iter().all(|told| !told.contains(" ack ")), "nothing of it is told");
}

#[test]
fn a_batch_ends_where_its_bucket_is_full() {
    let mut stand = Stand::serving();
    stand.rules.bucket_entries_max = 5;
    let sends: Vec<_> = (1..=8).map(|number| stand.command_of("alice", message(number))).collect();
    stand.turn(|conversation, turn| {
        sends.into_iter().for_each(|command| conversation.enqueue(command, turn));
        conversation.pump(turn);
    });
    assert_eq!(stand.persists().entries.len(), 5);
    moving(&mut stand);
}

#[test]
fn a_bucket_is_left_when_its_window_is_over() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    stand.wall_ahead_ms = WINDOW_MS - 1;
    stand.send(message(2));
    stand.persists();
    stand.wall_ahead_ms = 3 * WINDOW_MS;
    stand.send(message(3));
    let new = moving(&mut stand);
    assert_eq!(new.bucket, Bucket::at(START.plus_ms(3 * WINDOW_MS)), "that of the clock");
}

#[test]
fn a_bucket_is_left_when_its_bodies_are_too_large() {
    let mut stand = Stand::serving();
    stand.rules.bucket_bytes_max = 100;
    for number in 1..=2 {
        stand.send(proto::client_frame::Send { body: Body::text("x".repeat(60)), ..message(number) });
        stand.persists();
    }
    stand.send(message(3));
    moving(&mut stand);
}

/// R1: "only from a bucket with entries".
#[test]
fn r1_an_empty_bucket_is_never_left() {
    let mut stand = Stand::serving();
    stand.wall_ahead_ms = 2 * WINDOW_MS;
    stand.send(message(1));
    assert_eq!(stand.persists().bucket, Bucket::at(START), "made before, still the present one");
}

/// R2: bucket numbers only grow, whatever clocks do.
#[test]
fn r2_a_clock_that_stepped_back_takes_the_next_number() {
    let mut stand = Stand::serving();
    stand.wall_ahead_ms = 2 * WINDOW_MS;
    stand.send(message(1));
    stand.persists();
    stand.send(message(2));
    let ahead = moving(&mut stand);
    stand.outcome(Outcome::Moved(Cas::Applied(ahead)));
    stand.persists();
    stand.wall_ahead_ms = 0;
    stand.rules.bucket_entries_max = 1;
    stand.send(message(3));
    assert_eq!(moving(&mut stand).bucket.0, ahead.bucket.0 + 1);
}
