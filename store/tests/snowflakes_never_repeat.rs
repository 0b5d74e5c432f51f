//! Message ids are unique and rise, whatever the clock does; otherwise they are refused.

#![allow(clippy::unwrap_used, reason = "a test fails where it panics")]

use proptest::prelude::*;
use proto::{MessageId, Timestamp};
use store::{BORROW_MS_MAX, Refusal, Snowflake, WorkerLease};

const START: u64 = MessageId::EPOCH_MS + 1_000_000;

fn lease(until: u64) -> WorkerLease {
    WorkerLease { worker: 7, until: Timestamp(until) }
}

fn snowflake() -> Snowflake {
    Snowflake::new(lease(START + 1_000_000), Timestamp(START))
}

#[test]
fn an_id_has_the_time_of_the_clock() {
    let mut ids = snowflake();
    assert_eq!(ids.next(Timestamp(START)), Ok(MessageId::from_parts(Timestamp(START), 7, 0)));
    assert_eq!(ids.next(Timestamp(START)), Ok(MessageId::from_parts(Timestamp(START), 7, 1)));
    assert_eq!(ids.next(Timestamp(START + 5)), Ok(MessageId::from_parts(Timestamp(START + 5), 7, 0)));
}

#[test]
fn a_clock_that_steps_back_borrows() {
    let mut ids = snowflake();
    let last = ids.next(Timestamp(START + 500)).unwrap();
    let next = ids.next(Timestamp(START)).unwrap();
    assert!(next > last);
    assert_eq!(
        next.time(),
        Timestamp(START + 500),
        "the sequence of the newest millisecond is used up first"
    );
}

#[test]
fn a_clock_that_stays_back_is_refused_in_the_end_and_said_how_long() {
    let mut ids = snowflake();
    ids.next(Timestamp(START + 60_000)).unwrap();
    let more = (0..).take_while(|_| ids.next(Timestamp(START)).is_ok()).count();
    assert_eq!(more, usize::from(MessageId::SEQUENCES) - 1, "the rest of that millisecond");
    let behind_ms = 60_001 - BORROW_MS_MAX;
    assert_eq!(ids.next(Timestamp(START)), Err(Refusal::ClockBehind { behind_ms }));
    assert!(ids.next(Timestamp(START + behind_ms)).is_ok(), "as soon as was said");
}

#[test]
fn a_clock_that_stands_still_gives_a_second_of_ids() {
    let mut ids = snowflake();
    let made = (0..).take_while(|_| ids.next(Timestamp(START)).is_ok()).count();
    let per_ms = usize::from(MessageId::SEQUENCES);
    assert_eq!(made, per_ms * usize::try_from(BORROW_MS_MAX + 1).unwrap());
}

#[test]
fn ids_end_with_the_lease_and_go_on_when_it_is_renewed() {
    let mut ids = Snowflake::new(lease(START + 10), Timestamp(START));
    assert!(ids.next(Timestamp(START + 9)).is_ok());
    assert_eq!(ids.next(Timestamp(START + 10)), Err(Refusal::LeaseOver));
    assert_eq!(ids.last_used(), Timestamp(START + 9));
    ids.renewed(lease(START + 20));
    assert!(ids.next(Timestamp(START + 10)).is_ok());
}

#[test]
fn a_borrowed_time_does_not_reach_past_the_lease() {
    let mut ids = Snowflake::new(lease(START + 2), Timestamp(START));
    let made = (0..).take_while(|_| ids.next(Timestamp(START)).is_ok()).count();
    assert_eq!(made, 2 * usize::from(MessageId::SEQUENCES));
    assert_eq!(ids.next(Timestamp(START)), Err(Refusal::LeaseOver));
}

#[test]
fn no_id_is_older_than_the_lease() {
    let mut ids = snowflake();
    let first = ids.next(Timestamp(START - 500)).unwrap();
    assert_eq!(first.time(), Timestamp(START), "an earlier holder may have made ids of that time");
}

proptest! {
    #[test]
    fn every_id_is_larger_than_all_before(steps in proptest::collection::vec((-3_000_i64..3_000, 1_usize..6_000), 1..40)) {
        let mut ids = snowflake();
        let (mut now, mut last) = (START, None);
        for (step, times) in steps {
            now = now.saturating_add_signed(step);
            for _ in 0..times {
                match ids.next(Timestamp(now)) {
                    Ok(id) => {
                        prop_assert!(last < Some(id));
                        prop_assert!(id.time().0 >= START);
                        last = Some(id);
                    }
                    Err(_) => break,
                }
            }
        }
    }
}
