//! The guarantees in the documentation of `bus`, one test each.

use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, Limits, NodeInbox, Received};
use proto::command::Source;
use proto::{
    Command, Control, Delivery, DeviceId, Epoch, GroupId, Heartbeat, NodeId, Origin, Partition, Payload,
    Reply, Request, SessionRef, Target, Timestamp, TraceId, UserId,
};

fn buses() -> Vec<Bus> {
    vec![Bus::local(Limits { commands: 4, deliveries: 4 })]
}

fn user(name: &str) -> UserId {
    UserId::parse(name).expect("a valid name")
}

fn command(name: &str, number: u64) -> Command {
    Command {
        origin: Origin {
            user: user(name),
            device: DeviceId::unnamed(),
            session: SessionRef { node: NodeId(1), session: number },
            source: Source::Client,
        },
        deadline: Timestamp(u64::MAX),
        epoch: Epoch(0),
        trace: TraceId(0),
        request: Request::Connected,
    }
}

fn delivery(target: Target, number: u64) -> Delivery {
    Delivery { target, payload: Payload::Reply(number, Reply::Settled), trace: TraceId(0) }
}

fn numbers(deliveries: &[Delivery]) -> Vec<u64> {
    deliveries
        .iter()
        .map(|delivery| match &delivery.payload {
            Payload::Reply(number, _) => *number,
            _ => panic!("only replies are published here"),
        })
        .collect()
}

async fn receive(inbox: &NodeInbox) -> (Received, Vec<u64>) {
    let mut deliveries = Vec::new();
    let received = tokio::time::timeout(Duration::from_secs(5), inbox.recv(&mut deliveries)).await;
    (received.expect("something is published"), numbers(&deliveries))
}

#[tokio::test]
async fn commands_arrive_in_order() {
    for bus in buses() {
        let queue = bus.serve(Partition::all());
        for number in 0..4 {
            bus.send_command(command("alice", number)).expect("there is room");
        }
        let mut commands = Vec::new();
        queue.recv(&mut commands).await;
        let order: Vec<u64> = commands.iter().map(|command| command.origin.session.session).collect();
        assert_eq!(order, [0, 1, 2, 3]);
    }
}

#[tokio::test]
async fn a_full_command_queue_gives_the_command_back() {
    for bus in buses() {
        let queue = bus.serve(Partition::all());
        for number in 0..4 {
            bus.send_command(command("alice", number)).expect("there is room");
        }
        let refused = bus.send_command(command("alice", 4)).expect_err("the queue holds four");
        assert_eq!(refused.0.origin.session.session, 4);
        queue.recv(&mut Vec::new()).await;
        bus.send_command(*refused.0).expect("there is room again");
    }
}

#[tokio::test]
async fn a_partition_that_nobody_serves_gives_the_command_back() {
    for bus in buses() {
        bus.send_command(command("alice", 0)).expect_err("nobody serves yet");
        let queue = bus.serve([Partition::of_user(&user("alice"))]);
        bus.send_command(command("alice", 0)).expect("served now");
        drop(queue);
        bus.send_command(command("alice", 0)).expect_err("nobody serves any more");
    }
}

#[tokio::test]
async fn deliveries_reach_exactly_the_interested_nodes_in_order() {
    for bus in buses() {
        let (one, other) = (bus.node(NodeId(1)), bus.node(NodeId(2)));
        let group = GroupId::parse("team").expect("a valid name");
        one.subscribe_user(&user("alice"));
        one.subscribe_group(&group);
        other.subscribe_group(&group);
        bus.publish(&mut vec![
            delivery(Target::User(user("alice")), 1),
            delivery(Target::User(user("bob")), 2),
            delivery(Target::Group(group), 3),
            delivery(Target::Node(NodeId(2)), 4),
        ]);
        assert_eq!(receive(&one).await, (Received::Deliveries, vec![1, 3]));
        assert_eq!(receive(&other).await, (Received::Deliveries, vec![3, 4]));
    }
}

#[tokio::test]
async fn nothing_arrives_after_unsubscribe_or_close() {
    for bus in buses() {
        let inbox = bus.node(NodeId(1));
        inbox.subscribe_user(&user("alice"));
        inbox.subscribe_user(&user("bob"));
        inbox.unsubscribe_user(&user("alice"));
        bus.publish(&mut vec![
            delivery(Target::User(user("alice")), 1),
            delivery(Target::User(user("bob")), 2),
        ]);
        assert_eq!(receive(&inbox).await, (Received::Deliveries, vec![2]));
        drop(inbox);
        let reopened = bus.node(NodeId(3));
        bus.publish(&mut vec![
            delivery(Target::User(user("bob")), 3),
            delivery(Target::Node(NodeId(1)), 4),
            delivery(Target::Node(NodeId(3)), 5),
        ]);
        assert_eq!(receive(&reopened).await, (Received::Deliveries, vec![5]), "interest ended with its node");
    }
}

#[tokio::test]
async fn a_full_inbox_becomes_one_gap() {
    for bus in buses() {
        let inbox = bus.node(NodeId(1));
        for number in 0..6 {
            bus.publish(&mut vec![delivery(Target::Node(NodeId(1)), number)]);
        }
        assert_eq!(receive(&inbox).await, (Received::Gap, vec![0, 1, 2, 3]));
        bus.publish(&mut vec![delivery(Target::Node(NodeId(1)), 6)]);
        assert_eq!(receive(&inbox).await, (Received::Deliveries, vec![6]), "a gap is told once");
    }
}

#[tokio::test]
async fn a_waiting_node_is_woken() {
    for bus in buses() {
        let inbox = bus.node(NodeId(1));
        let control = Payload::Control(Control::Revoke(None));
        let delivery = Delivery { target: Target::Node(NodeId(1)), payload: control, trace: TraceId(0) };
        let mut deliveries = Vec::new();
        let publish = async { bus.publish(&mut vec![delivery]) };
        let (received, ()) = tokio::join!(inbox.recv(&mut deliveries), publish);
        assert_eq!((received, deliveries.len()), (Received::Deliveries, 1));
    }
}

#[test]
fn the_highest_epoch_stays() {
    for bus in buses() {
        let partition = Partition::of_user(&user("alice"));
        assert_eq!(bus.epoch(partition), Epoch(0));
        bus.tell_epoch(partition, Epoch(7));
        bus.tell_epoch(partition, Epoch(3));
        assert_eq!(bus.epoch(partition), Epoch(7), "old news does not overwrite new");
    }
}

fn heartbeat(incarnation: u128, partition: u16, epoch: u64) -> Heartbeat {
    let partition = Partition::new(partition).expect("below 1024");
    Heartbeat { router: 1, incarnation, serving: vec![(partition, Epoch(epoch))], draining: false }
}

#[tokio::test]
async fn heartbeats_are_heard_by_all_and_only_the_newest_of_each_waits() {
    for bus in buses() {
        let (one, other) = (bus.heartbeats(), bus.heartbeats());
        for beat in [heartbeat(1, 7, 5), heartbeat(2, 8, 3), heartbeat(1, 7, 6)] {
            bus.beat(beat);
        }
        for inbox in [one, other] {
            let mut heard: Vec<Arc<Heartbeat>> = Vec::new();
            while !heard.iter().any(|heard| heard.incarnation == 1 && heard.serving[0].1 == Epoch(6))
                || !heard.iter().any(|heard| heard.incarnation == 2)
            {
                let mut some = Vec::new();
                let received = tokio::time::timeout(Duration::from_secs(5), inbox.recv(&mut some)).await;
                received.expect("heartbeats are heard");
                heard.extend(some);
            }
            assert_eq!(heard.last().map(|last| (**last).clone()).unwrap().router, 1);
        }
        assert_eq!(bus.epoch(Partition::new(7).unwrap()), Epoch(6), "heartbeats tell epochs");
        assert_eq!(bus.epoch(Partition::new(8).unwrap()), Epoch(3));
    }
}
