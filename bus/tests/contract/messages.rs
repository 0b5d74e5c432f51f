//! Commands, deliveries and heartbeats that carry a number.

use std::time::Duration;

use bus::{CommandQueue, NodeInbox, Received};
use proto::command::Source;
use proto::{
    Command, Delivery, DeviceId, Epoch, Heartbeat, NodeId, Origin, Partition, Payload, Reply, Request,
    SessionRef, Target, Timestamp, TraceId, UserId,
};

/// What should happen happens within this, however slow the machine.
pub const SOON: Duration = Duration::from_secs(60);

pub fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub fn command(name: &str, number: u64) -> Command {
    Command {
        origin: Origin {
            user: user(name),
            device: DeviceId::unnamed(),
            session: SessionRef { node: NodeId(1), session: number },
            source: Source::Client,
        },
        deadline: Timestamp(u64::MAX),
        epoch: Epoch(0),
        once: None,
        trace: TraceId(0),
        request: Request::Connected(None),
    }
}

pub fn delivery(target: Target, number: u64) -> Delivery {
    Delivery { target, payload: Payload::Reply(number, Reply::Settled), trace: TraceId(0) }
}

pub fn heartbeat(incarnation: u128, partition: Partition, epoch: u64) -> Heartbeat {
    Heartbeat {
        router: 1,
        incarnation,
        serving: vec![(partition, Epoch(epoch))],
        draining: false,
        sent_ms: 0,
    }
}

pub fn numbers(deliveries: &[Delivery]) -> Vec<u64> {
    let number = |delivery: &Delivery| match &delivery.payload {
        Payload::Reply(number, _) => *number,
        _ => panic!("only replies are published here"),
    };
    deliveries.iter().map(number).collect()
}

/// What is there, at least one.
pub async fn receive(inbox: &NodeInbox) -> (Received, Vec<u64>) {
    let mut deliveries = Vec::new();
    let received = tokio::time::timeout(SOON, inbox.recv(&mut deliveries)).await;
    (received.expect("something is published"), numbers(&deliveries))
}

/// Exactly so many, without a gap.
pub async fn receive_all(inbox: &NodeInbox, wanted: usize) -> Vec<u64> {
    let mut all = Vec::new();
    while all.len() < wanted {
        let (received, some) = receive(inbox).await;
        assert_eq!(received, Received::Deliveries, "after {all:?}");
        all.extend(some);
    }
    all
}

/// So many commands at least, as the numbers of their sessions.
pub async fn take(queue: &CommandQueue, wanted: usize) -> Vec<u64> {
    let (mut all, mut some) = (Vec::new(), Vec::new());
    while all.len() < wanted {
        let received = tokio::time::timeout(SOON, queue.recv(&mut some)).await;
        received.unwrap_or_else(|_| panic!("{wanted} commands are sent, here are {all:?}"));
        all.extend(some.iter().map(|command| command.origin.session.session));
    }
    all
}

/// So many commands from two queues together; both are read all the time, as routers do.
pub async fn take_from_both(one: &CommandQueue, other: &CommandQueue, wanted: usize) -> [Vec<u64>; 2] {
    let mut all = [Vec::new(), Vec::new()];
    let (mut some, mut others) = (Vec::new(), Vec::new());
    while all[0].len() + all[1].len() < wanted {
        let received = async {
            tokio::select! {
                () = one.recv(&mut some) => (0, &some),
                () = other.recv(&mut others) => (1, &others),
            }
        };
        let received = tokio::time::timeout(SOON, received).await;
        let (which, some) =
            received.unwrap_or_else(|_| panic!("{wanted} commands are sent, here are {all:?}"));
        all[which].extend(some.iter().map(|command| command.origin.session.session));
    }
    all
}

pub fn sorted(mut numbers: Vec<u64>) -> Vec<u64> {
    numbers.sort_unstable();
    numbers
}
