//! One at a time, and its state as shards say it.

use super::*;

const SHARD: NodeId = NodeId(1);

fn id(number: u8) -> ClientMessageId {
    ClientMessageId([number; 16])
}

/// So many milliseconds after the beginning.
fn at(ms: u64) -> Now {
    Now { wall: Timestamp(1_000_000 + ms), steady_ms: ms }
}

fn report(number: u8, told: u64, left: u64) -> BroadcastReport {
    BroadcastReport { id: id(number), told, missed: 0, left, begun: Timestamp(1_000_000) }
}

fn ended(broadcasts: &Broadcasts, now_ms: u64) -> Option<u64> {
    broadcasts.state(id(1), at(now_ms)).unwrap().ended.map(|ended| ended.0 - 1_000_000)
}

#[test]
fn one_is_under_way_at_a_time_and_its_id_begins_nothing() {
    let mut broadcasts = Broadcasts::default();
    assert_eq!(broadcasts.begin(id(1), at(0)), Begin::Tell);
    broadcasts.report(SHARD, report(1, 0, 100), at(5));
    assert_eq!(broadcasts.begin(id(1), at(10)), Begin::Known);
    assert_eq!(broadcasts.begin(id(2), at(10)), Begin::Busy { retry_after_ms: 60_000 }, "nobody knows");
    broadcasts.report(SHARD, report(1, 20, 80), at(1_005));
    assert_eq!(broadcasts.begin(id(2), at(1_010)), Begin::Busy { retry_after_ms: 4_000 }, "80 left, 20/s");
    broadcasts.report(SHARD, report(1, 100, 0), at(1_500));
    assert_eq!(
        broadcasts.begin(id(2), at(1_510)),
        Begin::Busy { retry_after_ms: 1_000 },
        "others may report"
    );
    assert_eq!(broadcasts.begin(id(2), at(2_000)), Begin::Tell);
    assert_eq!(broadcasts.begin(id(1), at(2_010)), Begin::Known, "for as long as it is remembered");
    assert_eq!(broadcasts.state(id(3), at(2_010)), None);
}

#[test]
fn its_state_is_the_sum_of_the_shards() {
    let mut broadcasts = Broadcasts::default();
    broadcasts.begin(id(1), at(0));
    broadcasts.report(NodeId(1), report(1, 0, 10), at(10));
    broadcasts.report(NodeId(2), report(1, 0, 300), at(20));
    broadcasts.report(NodeId(1), report(1, 10, 0), at(1_010));
    broadcasts.report(NodeId(2), BroadcastReport { missed: 2, ..report(1, 98, 200) }, at(1_020));
    let state = broadcasts.state(id(1), at(2_500)).unwrap();
    let expected = BroadcastState {
        id: id(1),
        begun: Timestamp(1_000_000),
        shards: 2,
        told: 108,
        missed: 2,
        left: 200,
        lost: 0,
        per_second: 100,
        ended: None,
    };
    assert_eq!(state, expected);
    broadcasts.report(NodeId(2), BroadcastReport { missed: 2, ..report(1, 298, 0) }, at(3_020));
    assert_eq!(ended(&broadcasts, 3_030), Some(3_020));
    broadcasts.report(NodeId(2), BroadcastReport { missed: 2, ..report(1, 298, 0) }, at(4_020));
    assert_eq!(ended(&broadcasts, 4_030), Some(3_020), "the last word again says nothing new");
}

#[test]
fn a_shard_that_falls_silent_is_lost() {
    let mut broadcasts = Broadcasts::default();
    broadcasts.begin(id(1), at(0));
    broadcasts.report(SHARD, report(1, 40, 60), at(1_000));
    assert_eq!(ended(&broadcasts, 5_999), None);
    assert_eq!(ended(&broadcasts, 6_000), Some(1_000));
    let state = broadcasts.state(id(1), at(6_000)).unwrap();
    assert_eq!((state.told, state.left, state.lost, state.per_second), (40, 0, 60, 0));
    assert_eq!(broadcasts.begin(id(2), at(6_000)), Begin::Tell);
    broadcasts.report(SHARD, report(1, 50, 50), at(7_000));
    let state = broadcasts.state(id(1), at(7_000)).unwrap();
    assert_eq!((state.left, state.lost, state.ended), (50, 0, None), "it was only slow");
}

#[test]
fn what_nobody_heard_is_told_again_when_it_is_asked_for_again() {
    let mut broadcasts = Broadcasts::default();
    broadcasts.begin(id(1), at(0));
    assert_eq!(broadcasts.begin(id(1), at(SETTLED_MS - 1)), Begin::Known, "shards may be about to report");
    assert_eq!(ended(&broadcasts, SETTLED_MS), Some(0), "to nobody");
    assert_eq!(broadcasts.begin(id(1), at(SETTLED_MS)), Begin::Tell);
}

#[test]
fn the_next_owner_learns_of_it_from_those_who_tell_it() {
    let mut broadcasts = Broadcasts::default();
    broadcasts.report(SHARD, report(1, 40, 60), at(9_000));
    let state = broadcasts.state(id(1), at(9_000)).unwrap();
    assert_eq!((state.begun, state.told, state.left), (Timestamp(1_000_000), 40, 60));
    assert_eq!(broadcasts.begin(id(1), at(9_010)), Begin::Tell, "those that had ended say it again");
    assert_eq!(broadcasts.begin(id(1), at(9_020)), Begin::Known);
    assert!(matches!(broadcasts.begin(id(2), at(9_010)), Begin::Busy { .. }));
}

#[test]
fn so_many_are_remembered() {
    let mut broadcasts = Broadcasts::default();
    for number in 0..=u8::try_from(KNOWN_MAX).unwrap() {
        broadcasts.report(SHARD, report(number, 1, 0), at(0));
    }
    assert_eq!((broadcasts.known.len(), broadcasts.state(id(0), at(0))), (KNOWN_MAX, None));
    for node in 0..SHARDS_MAX as u64 + 5 {
        broadcasts.report(NodeId(node), report(1, 1, 0), at(0));
    }
    assert_eq!(broadcasts.state(id(1), at(0)).unwrap().shards as usize, SHARDS_MAX);
}
