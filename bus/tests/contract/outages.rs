//! Over NATS: the server goes away and comes back.

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
    until_busy(&router, false).await;
    inbox.flush().await;
    assert_eq!(receive(&inbox).await, (Received::Gap, vec![]), "whatever was published is lost");
    stand.bus.send_command(command("alice", 3)).unwrap();
    assert_eq!(take(&queue, 1).await, [3]);
    router.publish(&mut vec![delivery(Target::User(user("alice")), 3)]);
    assert_eq!(receive(&inbox).await, (Received::Deliveries, vec![3]), "a gap is told once");
}
