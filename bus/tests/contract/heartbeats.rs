//! Heartbeats, and the epochs that they tell.

use std::sync::Arc;

use bus::HeartbeatInbox;
use proto::{Epoch, Heartbeat, Partition};

use crate::messages::{SOON, heartbeat, user};
use crate::stand::{LIMITS, stands};

/// Until one that fits was heard.
async fn hear(inbox: &HeartbeatInbox, fits: impl Fn(&Heartbeat) -> bool) -> Heartbeat {
    let mut heard: Vec<Arc<Heartbeat>> = Vec::new();
    loop {
        tokio::time::timeout(SOON, inbox.recv(&mut heard)).await.expect("heartbeats are heard");
        if let Some(heartbeat) = heard.iter().find(|heartbeat| fits(heartbeat)) {
            return Heartbeat::clone(heartbeat);
        }
    }
}

#[tokio::test]
async fn heartbeats_are_heard_by_all_and_tell_epochs() {
    let (seven, eight) = (Partition::new(7).unwrap(), Partition::new(8).unwrap());
    for stand in stands(LIMITS).await {
        let other = stand.other_process().await;
        let (own, same, far) = (stand.bus.heartbeats(), stand.bus.heartbeats(), other.heartbeats());
        for inbox in [own, same, far] {
            stand.bus.beat(heartbeat(1, seven, 5));
            assert_eq!(hear(&inbox, |heard| heard.incarnation == 1).await, heartbeat(1, seven, 5));
            other.beat(heartbeat(2, eight, 3));
            assert_eq!(hear(&inbox, |heard| heard.incarnation == 2).await, heartbeat(2, eight, 3));
        }
        for bus in [&stand.bus, &other] {
            assert_eq!((bus.epoch(seven), bus.epoch(eight)), (Epoch(5), Epoch(3)));
        }
    }
}

#[tokio::test]
async fn only_the_newest_heartbeat_of_each_incarnation_waits() {
    let seven = Partition::new(7).unwrap();
    for stand in stands(LIMITS).await {
        let (slow, witness) = (stand.bus.heartbeats(), stand.bus.heartbeats());
        for epoch in 1..50 {
            stand.bus.beat(heartbeat(1, seven, epoch));
            stand.bus.beat(heartbeat(2, seven, epoch));
        }
        hear(&witness, |heard| *heard == heartbeat(2, seven, 49)).await;
        let mut waiting = Vec::new();
        slow.recv(&mut waiting).await;
        waiting.sort_by_key(|heartbeat| heartbeat.incarnation);
        let waiting: Vec<_> = waiting.into_iter().map(|heartbeat| Heartbeat::clone(&heartbeat)).collect();
        assert_eq!(waiting, [heartbeat(1, seven, 49), heartbeat(2, seven, 49)]);
    }
}

#[tokio::test]
async fn a_farewell_does_not_hide_what_was_served() {
    let seven = Partition::new(7).unwrap();
    let farewell = Heartbeat { serving: Vec::new(), draining: true, ..heartbeat(1, seven, 50) };
    for stand in stands(LIMITS).await {
        let (slow, witness) = (stand.bus.heartbeats(), stand.bus.heartbeats());
        for epoch in 1..50 {
            stand.bus.beat(heartbeat(1, seven, epoch));
        }
        stand.bus.beat(farewell.clone());
        stand.bus.beat(farewell.clone());
        stand.bus.beat(heartbeat(2, seven, 1));
        hear(&witness, |heard| heard.incarnation == 2).await;
        let mut waiting = Vec::new();
        slow.recv(&mut waiting).await;
        waiting.retain(|heartbeat| heartbeat.incarnation == 1);
        let waiting: Vec<_> = waiting.into_iter().map(|heartbeat| Heartbeat::clone(&heartbeat)).collect();
        assert_eq!(waiting, [heartbeat(1, seven, 49), farewell.clone()]);
    }
}

#[tokio::test]
async fn the_highest_epoch_stays() {
    let partition = Partition::of_user(&user("alice"));
    for stand in stands(LIMITS).await {
        let inbox = stand.bus.heartbeats();
        assert_eq!(stand.bus.epoch(partition), Epoch(0));
        stand.bus.beat(heartbeat(1, partition, 7));
        stand.bus.beat(heartbeat(2, partition, 3));
        hear(&inbox, |heard| heard.incarnation == 2).await;
        assert_eq!(stand.bus.epoch(partition), Epoch(7), "old news does not overwrite new");
    }
}
