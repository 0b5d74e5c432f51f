//! Over NATS: the server goes away and comes back.

use std::cell::RefCell;
use std::time::Duration;

use bus::{Bus, Received};
use proto::{NodeId, Partition, Target};

use crate::messages::{SOON, command, delivery, receive, take, user};
use crate::nats_server::NatsServer;
use crate::stand::{LIMITS, Stand};

/// Until the bus refuses commands, or takes them again.
async fn until_busy(bus: &Bus, busy: bool) {
    let look = async {
        while bus.send_command(command("nobody", 0)).is_err() != busy {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, look).await.expect("an outage is noticed, and its end");
}

/// Until commands leave, and deliveries, which have a connection of their own.
async fn until_connected(bus: &Bus) {
    let look = async {
        while !bus.is_connected() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, look).await.expect("the bus is back");
}

#[tokio::test]
async fn a_restart_of_the_server_is_told_as_a_gap_and_everything_goes_on() {
    let Some(mut server) = NatsServer::start().await else { return };
    let stand = Stand::over_nats(&server.url(), LIMITS).await;
    let router = stand.other_process().await;
    let queue = router.serve([Partition::of_user(&user("alice"))]);
    let inbox = stand.bus.node(NodeId(1));
    inbox.subscribe_user(&user("alice"));
    inbox.flush().await;
    stand.bus.send_command(command("alice", 1)).unwrap();
    assert_eq!(take(&queue, 1).await, [1]);
    router.publish(&mut vec![delivery(Target::User(user("alice")), 1)]);
    assert_eq!(receive(&inbox).await, (Received::Deliveries, vec![1]));

    server.kill();
    until_busy(&stand.bus, true).await;
    until_busy(&router, true).await;
    // Lost, and nobody waits for it.
    router.publish(&mut vec![delivery(Target::User(user("alice")), 2)]);

    server.run().await;
    until_busy(&stand.bus, false).await;
    until_connected(&router).await;
    inbox.flush().await;
    assert_eq!(receive(&inbox).await, (Received::Gap, vec![]), "whatever was published is lost");
    stand.bus.send_command(command("alice", 3)).unwrap();
    assert_eq!(take(&queue, 1).await, [3]);
    router.publish(&mut vec![delivery(Target::User(user("alice")), 3)]);
    assert_eq!(receive(&inbox).await, (Received::Deliveries, vec![3]), "a gap is told once");
}

#[tokio::test]
async fn each_restart_is_one_gap_and_nothing_is_missing_once_both_sides_are_back() {
    let Some(mut server) = NatsServer::start().await else { return };
    let stand = Stand::over_nats(&server.url(), LIMITS).await;
    let router = stand.other_process().await;
    let inbox = stand.bus.node(NodeId(1));
    inbox.subscribe_user(&user("alice"));
    inbox.flush().await;
    // A number each millisecond, through two restarts of the server.
    let publish = async {
        let mut number = 0;
        loop {
            router.publish(&mut vec![delivery(Target::User(user("alice")), number)]);
            number += 1;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let received: RefCell<Vec<(Received, Vec<u64>)>> = RefCell::default();
    // So many gaps so far, and then more than ten deliveries.
    let until_going_on = async |wanted: usize| {
        let goes_on = || {
            let received = received.borrow();
            let gaps = received.iter().filter(|(kind, _)| *kind == Received::Gap).count();
            let since = received.iter().rev().take_while(|(kind, _)| *kind == Received::Deliveries);
            gaps >= wanted && since.map(|(_, numbers)| numbers.len()).sum::<usize>() > 10
        };
        let look = async {
            while !goes_on() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SOON, look).await.expect("deliveries go on");
    };
    let restart = async {
        until_going_on(0).await;
        for round in 1..=2 {
            server.kill();
            until_busy(&router, true).await;
            server.run().await;
            until_going_on(round).await;
        }
        // The router may have come back after the node, and what it published meanwhile is lost without a gap: the log heals
        // that. From here on both are there.
        let settled = received.borrow().len();
        let complete = async {
            while received.borrow()[settled..].iter().map(|(_, numbers)| numbers.len()).sum::<usize>() < 50 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SOON, complete).await.expect("deliveries go on");
        settled
    };
    let listen = async {
        loop {
            let some = receive(&inbox).await;
            received.borrow_mut().push(some);
        }
    };
    let settled = tokio::select! {
        () = publish => unreachable!("it publishes for ever"),
        () = listen => unreachable!("it listens for ever"),
        settled = restart => settled,
    };
    let received = received.take();
    let gaps = received.iter().filter(|(kind, _)| *kind == Received::Gap).count();
    assert_eq!(gaps, 2, "one for each restart: {received:?}");
    let numbers: Vec<u64> = received.iter().flat_map(|(_, numbers)| numbers.iter().copied()).collect();
    assert!(numbers.is_sorted(), "in the order of publishing: {numbers:?}");
    let after: Vec<u64> =
        received[settled..].iter().flat_map(|(_, numbers)| numbers.iter().copied()).collect();
    assert!(after.windows(2).all(|two| two[1] == two[0] + 1), "nothing is missing: {after:?}");
}
