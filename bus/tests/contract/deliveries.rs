//! Deliveries on their way to the nodes that want them.

use bus::{Limits, NodeInbox, Received};
use proto::{Control, Delivery, GroupId, NodeId, Payload, Target, TraceId};

use crate::messages::{SOON, delivery, receive, receive_all, user};
use crate::stand::{LIMITS, stands};

#[tokio::test]
async fn deliveries_reach_exactly_the_interested_nodes_in_order() {
    for stand in stands(LIMITS).await {
        let router = stand.other_process().await;
        let (one, other) = (stand.bus.node(NodeId(1)), stand.bus.node(NodeId(2)));
        let group = GroupId::parse("team.a").unwrap();
        one.subscribe_user(&user("alice@example.com"));
        one.subscribe_group(&group);
        other.subscribe_group(&group);
        one.flush().await;
        other.flush().await;
        for round in 0..100 {
            router.publish(&mut vec![
                delivery(Target::User(user("alice@example.com")), round * 10 + 1),
                delivery(Target::User(user("bob")), round * 10 + 2),
                delivery(Target::Group(group.clone()), round * 10 + 3),
                delivery(Target::Node(NodeId(2)), round * 10 + 4),
            ]);
        }
        let expect =
            |ends: [u64; 2]| (0..100).flat_map(|round| ends.map(|end| round * 10 + end)).collect::<Vec<_>>();
        assert_eq!(receive_all(&one, 200).await, expect([1, 3]));
        assert_eq!(receive_all(&other, 200).await, expect([3, 4]));
    }
}

#[tokio::test]
async fn deliveries_of_one_call_to_one_target_keep_their_order_however_large() {
    for stand in stands(LIMITS).await {
        let inbox = stand.bus.node(NodeId(1));
        inbox.flush().await;
        // Larger together than a message of NATS may be.
        let groups: Vec<_> =
            (0..8_000).map(|number| GroupId::parse(&format!("group-{number:058}")).unwrap()).collect();
        let large = |number: u64| Delivery {
            target: Target::Node(NodeId(1)),
            payload: Payload::Reply(number, proto::Reply::Groups(groups.clone())),
            trace: TraceId(0),
        };
        stand.bus.publish(&mut (0..5).map(large).collect());
        assert_eq!(receive_all(&inbox, 5).await, [0, 1, 2, 3, 4]);
    }
}

#[tokio::test]
async fn nothing_arrives_after_unsubscribe_or_close() {
    for stand in stands(LIMITS).await {
        let bus = &stand.bus;
        let inbox = bus.node(NodeId(1));
        inbox.subscribe_user(&user("alice"));
        inbox.subscribe_user(&user("bob"));
        inbox.flush().await;
        inbox.unsubscribe_user(&user("alice"));
        inbox.flush().await;
        bus.publish(&mut vec![
            delivery(Target::User(user("alice")), 1),
            delivery(Target::User(user("bob")), 2),
        ]);
        assert_eq!(receive_all(&inbox, 1).await, [2]);
        drop(inbox);
        let reopened = bus.node(NodeId(3));
        reopened.flush().await;
        bus.publish(&mut vec![
            delivery(Target::User(user("bob")), 3),
            delivery(Target::Node(NodeId(1)), 4),
            delivery(Target::Node(NodeId(3)), 5),
        ]);
        assert_eq!(receive_all(&reopened, 1).await, [5], "interest ended with its node");
    }
}

#[tokio::test]
async fn a_full_inbox_becomes_one_gap() {
    for stand in stands(Limits { commands: 10, deliveries: 10 }).await {
        let (full, witness) = (stand.bus.node(NodeId(1)), stand.bus.node(NodeId(2)));
        for inbox in [&full, &witness] {
            inbox.subscribe_user(&user("alice"));
            inbox.flush().await;
        }
        for number in 0..30 {
            stand.bus.publish(&mut vec![delivery(Target::User(user("alice")), number)]);
            // The witness reads, so that all thirty were certainly sent to both.
            assert_eq!(receive_all(&witness, 1).await, [number]);
        }
        receives_what_was_sent(&full).await;
        assert_eq!(receive(&full).await, (Received::Gap, (0..10).collect()));
        stand.bus.publish(&mut vec![delivery(Target::User(user("alice")), 30)]);
        assert_eq!(receive(&full).await, (Received::Deliveries, vec![30]), "a gap is told once");
    }
}

#[tokio::test]
async fn answers_find_room_where_other_deliveries_find_none() {
    for stand in stands(Limits { commands: 10, deliveries: 10 }).await {
        let (full, witness) = (stand.bus.node(NodeId(1)), stand.bus.node(NodeId(2)));
        for inbox in [&full, &witness] {
            inbox.subscribe_user(&user("alice"));
            inbox.flush().await;
        }
        let alice = Target::User(user("alice"));
        for number in (0..60).step_by(3) {
            // Of one call, those of one target would be one message over NATS.
            for (target, number) in
                [(&alice, number), (&Target::Node(NodeId(1)), number + 1), (&alice, number + 2)]
            {
                stand.bus.publish(&mut vec![delivery(target.clone(), number)]);
            }
            assert_eq!(receive_all(&witness, 2).await, [number, number + 2]);
        }
        receives_what_was_sent(&full).await;
        let answers = (10..).step_by(3).take(10);
        assert_eq!(receive(&full).await, (Received::Gap, (0..10).chain(answers).collect()), "twice as many");
    }
}

/// A round trip behind what the server has sent, which a new subscription takes.
async fn receives_what_was_sent(inbox: &NodeInbox) {
    inbox.subscribe_user(&user("anybody"));
    inbox.flush().await;
}

#[tokio::test]
async fn a_waiting_node_is_woken() {
    for stand in stands(LIMITS).await {
        let inbox = stand.bus.node(NodeId(1));
        inbox.flush().await;
        let control = Payload::Control(Control::Revoke(None));
        let delivery = Delivery { target: Target::Node(NodeId(1)), payload: control, trace: TraceId(0) };
        let mut deliveries = Vec::new();
        let publish = async { stand.bus.publish(&mut vec![delivery]) };
        let both = async { tokio::join!(inbox.recv(&mut deliveries), publish) };
        let (received, ()) = tokio::time::timeout(SOON, both).await.unwrap();
        assert_eq!((received, deliveries.len()), (Received::Deliveries, 1));
    }
}
