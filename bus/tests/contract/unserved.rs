//! Over NATS: commands for partitions that nobody serves, or somebody else.

use std::time::Duration;

use proto::{Partition, Timestamp};

use crate::counted::Counted;
use crate::messages::{command, heartbeat, sorted, take, take_from_both, user};
use crate::stand::{LIMITS, nats_stand};

#[tokio::test]
async fn a_command_waits_for_an_owner_and_is_delivered_once() {
    let mut counted = Counted::begin();
    let Some(stand) = nats_stand(LIMITS).await else { return };
    let router = stand.other_process().await;
    for number in 0..50 {
        stand.bus.send_command(command("alice", number)).unwrap();
    }
    // All came back, and then one that was tried again.
    counted.until("bus_commands_unserved_total", 51).await;
    let queue = router.serve([Partition::of_user(&user("alice"))]);
    let mut received = take(&queue, 50).await;
    stand.bus.send_command(command("alice", 50)).unwrap();
    received.extend(take(&queue, 1).await);
    assert_eq!(received, (0..51).collect::<Vec<_>>(), "each once, in the order of sending");
}

#[tokio::test]
async fn a_command_that_outlives_its_deadline_reaches_nobody() {
    let mut counted = Counted::begin();
    let Some(stand) = nats_stand(LIMITS).await else { return };
    let mut late = command("alice", 0);
    late.deadline = Timestamp(lifecycle::wall_clock_ms() + 100);
    stand.bus.send_command(late).unwrap();
    counted.until("bus_commands_late_total", 1).await;
    let queue = stand.bus.serve([Partition::of_user(&user("alice"))]);
    stand.bus.send_command(command("alice", 1)).unwrap();
    assert_eq!(take(&queue, 1).await, [1]);
}

#[tokio::test]
async fn a_router_passes_on_what_another_serves() {
    let mut counted = Counted::begin();
    let Some(stand) = nats_stand(LIMITS).await else { return };
    let (keeper, owner) = (stand.other_process().await, stand.other_process().await);
    let (alice, bob) = (Partition::of_user(&user("alice")), Partition::of_user(&user("bob")));
    // It serves something, and so it takes what nobody serves.
    let kept = keeper.serve([bob]);
    stand.bus.send_command(command("bob", 0)).unwrap();
    assert_eq!(take(&kept, 1).await, [0]);
    for number in 1..20 {
        stand.bus.send_command(command("alice", number)).unwrap();
    }
    let keep = async { take(&kept, usize::MAX).await };
    let serve = async {
        counted.until("bus_commands_misrouted_total", 19).await;
        let queue = owner.serve([alice]);
        owner.beat(heartbeat(1, alice, 1));
        sorted(take(&queue, 19).await)
    };
    tokio::select! {
        _ = keep => unreachable!("nothing is for the keeper"),
        received = serve => assert_eq!(received, (1..20).collect::<Vec<_>>(), "each once"),
    }
}

#[tokio::test]
async fn what_was_on_its_way_to_a_former_owner_reaches_the_new_one() {
    let mut counted = Counted::begin();
    let Some(stand) = nats_stand(LIMITS).await else { return };
    let (former, next) = (stand.other_process().await, stand.other_process().await);
    let alice = Partition::of_user(&user("alice"));
    let former_queue = former.serve([alice]);
    stand.bus.send_command(command("alice", 0)).unwrap();
    assert_eq!(take(&former_queue, 1).await, [0]);
    let next_queue = next.serve([]);
    let (mut sent, mut came_back) = (1, 0);
    let send = async {
        loop {
            stand.bus.send_command(command("alice", sent)).unwrap();
            sent += 1;
            if sent == 100 {
                came_back = counted.now("bus_commands_unserved_total");
                former_queue.remove(alice);
            }
            if sent == 150 {
                // Nobody serves it: some wait by now.
                counted.until("bus_commands_unserved_total", came_back + 1).await;
                next_queue.add(alice);
            }
            if sent == 300 {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        () = send => unreachable!("it sends for ever"),
        received = take_from_both(&former_queue, &next_queue, 299) => {
            assert_eq!(sorted(received.concat()), (1..300).collect::<Vec<_>>(), "each once");
        }
    }
}
