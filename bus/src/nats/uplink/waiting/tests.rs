//! Lanes: what is published when, and in which order.

use bytes::Bytes;

use super::*;

const NOW: Timestamp = Timestamp(1_000);

fn partition(number: u16) -> Partition {
    Partition::new(number).unwrap()
}

fn outgoing(number: u16, order: u64) -> Outgoing {
    Outgoing {
        partition: partition(number),
        subject: "cmd".into(),
        payload: Bytes::from_static(b"12345"),
        deadline: Timestamp(2_000),
        order,
        asked: None,
        forwarded: false,
    }
}

fn waiting(orders: &[u64], now: Instant) -> Waiting {
    let mut waiting = Waiting::new(100);
    for order in orders {
        waiting.put(outgoing(7, *order), now).unwrap();
    }
    waiting
}

fn orders(published: &[(Outgoing, bool)]) -> Vec<(u64, bool)> {
    published.iter().map(|(outgoing, to_any)| (outgoing.order, *to_any)).collect()
}

#[test]
fn the_first_goes_alone_and_the_others_when_it_was_received() {
    let now = Instant::now();
    let mut waiting = waiting(&[2, 1, 3], now);
    assert_eq!(waiting.probes(now, NOW).0.len(), 0, "not before the pause is over");
    let due = waiting.next_due().unwrap();
    assert!(due > now && due <= now + PAUSE_MAX);
    let (probes, late) = waiting.probes(due, NOW);
    assert_eq!((orders(&probes), late), (vec![(1, true)], 0), "the oldest, to any router");
    waiting.probing(partition(7), 40);
    assert_eq!(waiting.next_due(), None);
    assert!(waiting.has(partition(7)) && !waiting.has(partition(8)));
    assert_eq!(orders(&waiting.settled(39)), []);
    assert_eq!(orders(&waiting.settled(40)), [(2, true), (3, true)], "the same way, in order");
    assert!(!waiting.has(partition(7)) && waiting.len() == 0 && waiting.bytes == 0);
}

#[test]
fn own_partition_and_any_router_are_tried_in_turn() {
    let mut now = Instant::now();
    let mut waiting = waiting(&[1, 2], now);
    for (number, to_any) in [(10, true), (11, false), (12, true)] {
        now += PAUSE_MAX;
        let (probes, _) = waiting.probes(now, NOW);
        assert_eq!(orders(&probes), [(1, to_any)]);
        waiting.probing(partition(7), number);
        waiting.came_back(partition(7), number, now);
        waiting.put(outgoing(7, 1), now).unwrap();
        assert_eq!(waiting.settled(number).len(), 0, "it was received by nobody");
    }
}

#[test]
fn a_heartbeat_ends_the_pause_and_points_to_the_owner() {
    let now = Instant::now();
    let mut waiting = waiting(&[1], now);
    waiting.served([partition(8)].into_iter(), now);
    assert_eq!(waiting.probes(now, NOW).0.len(), 0, "of another partition");
    waiting.served([partition(7)].into_iter(), now);
    assert_eq!(orders(&waiting.probes(now, NOW).0), [(1, false)]);
}

#[test]
fn what_was_forwarded_goes_to_its_own_partition_only() {
    let now = Instant::now();
    let mut waiting = Waiting::new(100);
    waiting.put(Outgoing { forwarded: true, ..outgoing(7, 1) }, now).unwrap();
    assert_eq!(orders(&waiting.probes(now + PAUSE_MAX, NOW).0), [(1, false)]);
}

#[test]
fn late_commands_are_dropped_and_an_empty_lane_with_them() {
    let now = Instant::now();
    let mut waiting = waiting(&[1, 2], now);
    waiting.put(Outgoing { deadline: Timestamp(9_000), ..outgoing(7, 3) }, now).unwrap();
    let (probes, late) = waiting.probes(now + PAUSE_MAX, Timestamp(5_000));
    assert_eq!((orders(&probes), late), (vec![(3, true)], 2));
    waiting.put(outgoing(9, 4), now).unwrap();
    let (probes, late) = waiting.probes(now + PAUSE_MAX, Timestamp(9_001));
    assert_eq!((probes.len(), late, waiting.has(partition(9))), (0, 1, false));
    assert_eq!((waiting.len(), waiting.bytes), (0, 0));
}

#[test]
fn without_room_the_command_comes_back() {
    let now = Instant::now();
    let mut waiting = Waiting::new(2);
    waiting.put(outgoing(1, 1), now).unwrap();
    waiting.put(outgoing(2, 2), now).unwrap();
    assert_eq!(waiting.put(outgoing(1, 3), now).unwrap_err().order, 3);
    let mut waiting = Waiting::new(2);
    let large = Bytes::from(vec![0; WAITING_BYTES_MAX]);
    waiting.put(Outgoing { payload: large, ..outgoing(1, 1) }, now).unwrap();
    assert_eq!(waiting.put(outgoing(1, 2), now).unwrap_err().order, 2);
}
