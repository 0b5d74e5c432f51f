//! Commands on their way to whoever serves their partition.

use bus::{Bus, Limits};
use proto::Partition;

use crate::messages::{command, sorted, take, take_from_both, user};
use crate::stand::{LIMITS, stands};

#[tokio::test]
async fn commands_arrive_in_order() {
    for stand in stands(LIMITS).await {
        let queue = stand.bus.serve(Partition::all());
        stand.bus.send_command(command("alice", 0)).unwrap();
        assert_eq!(take(&queue, 1).await, [0], "from now on it is served");
        for number in 1..300 {
            stand.bus.send_command(command("alice", number)).unwrap();
        }
        assert_eq!(take(&queue, 299).await, (1..300).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn each_command_reaches_one_of_the_routers() {
    for stand in stands(LIMITS).await {
        let other = stand.other_process().await;
        let (alice, bob) = (Partition::of_user(&user("alice")), Partition::of_user(&user("bob")));
        assert_ne!(alice, bob);
        let (queue, other_queue) = (stand.bus.serve([alice]), other.serve([bob]));
        for number in 0..20 {
            stand.bus.send_command(command("alice", number)).unwrap();
            other.send_command(command("bob", number)).unwrap();
        }
        // Those of the first moments may come out of order over NATS: nobody listened yet.
        let received = take_from_both(&queue, &other_queue, 40).await.map(sorted);
        assert_eq!(received, [(0..20).collect::<Vec<_>>(), (0..20).collect()]);
    }
}

#[tokio::test]
async fn a_full_command_queue_gives_the_command_back() {
    let bus = Bus::local(Limits { commands: 4, deliveries: 4 });
    let queue = bus.serve(Partition::all());
    for number in 0..4 {
        bus.send_command(command("alice", number)).unwrap();
    }
    let refused = bus.send_command(command("alice", 4)).expect_err("the queue holds four");
    assert_eq!(refused.0.origin.session.session, 4);
    queue.recv(&mut Vec::new()).await;
    bus.send_command(*refused.0).expect("there is room again");
}

#[tokio::test]
async fn in_one_process_a_partition_that_nobody_serves_gives_the_command_back() {
    let bus = Bus::local(LIMITS);
    bus.send_command(command("alice", 0)).expect_err("nobody serves yet");
    let queue = bus.serve([Partition::of_user(&user("alice"))]);
    bus.send_command(command("alice", 0)).expect("served now");
    drop(queue);
    bus.send_command(command("alice", 0)).expect_err("nobody serves any more");
}

#[tokio::test]
async fn in_one_process_a_partition_that_nobody_serves_goes_to_one_who_accepts_any() {
    let bus = Bus::local(LIMITS);
    let partition = Partition::of_user(&user("alice"));
    let (other, queue) = (bus.serve([]), bus.serve([]));
    queue.accept_any();
    bus.send_command(command("alice", 0)).expect("accepted");
    other.add(partition);
    bus.send_command(command("alice", 1)).expect("served");
    assert_eq!(take_from_both(&queue, &other, 2).await, [vec![0], vec![1]]);
    other.remove(partition);
    queue.refuse_any();
    bus.send_command(command("alice", 2)).expect_err("nobody accepts it any more");
}

#[tokio::test]
async fn one_that_stops_serving_does_not_stop_its_successor() {
    let bus = Bus::local(LIMITS);
    let partition = Partition::of_user(&user("alice"));
    let (first, second) = (bus.serve([partition]), bus.serve([]));
    second.add(partition);
    first.remove(partition);
    bus.send_command(command("alice", 0)).expect("the second serves it");
}
