//! Over NATS: what an owner took and never answered.

use std::time::Duration;

use bus::{Bus, CommandQueue, NodeInbox};
use proto::client_frame::{AckMode, Fetch, Recipient, Send};
use proto::server_frame::Nack;
use proto::{
    Body, ClientMessageId, Code, Command, ConversationId, Delivery, Epoch, NodeId, Partition, Payload, Reply,
    Request, Seq, ServerFrame, Target, TraceId,
};

use crate::counted::Counted;
use crate::messages::{SOON, command, heartbeat, user};
use crate::stand::{LIMITS, Stand, nats_stand};

/// A gateway, and two routers of which the first owns the partition.
struct Cluster {
    stand: Stand,
    inbox: NodeInbox,
    partition: Partition,
    first: (Bus, CommandQueue),
    second: Bus,
}

async fn cluster() -> Option<Cluster> {
    let stand = nats_stand(LIMITS).await?;
    let inbox = stand.bus.node(NodeId(1));
    let partition = send(0).partition();
    let (first, second) = (stand.other_process().await, stand.other_process().await);
    let queue = first.serve([partition]);
    queue.flush().await;
    first.beat(heartbeat(1, partition, 1));
    let cluster = Cluster { stand, inbox, partition, first: (first, queue), second };
    cluster.until_owned(1).await;
    Some(cluster)
}

impl Cluster {
    async fn until_owned(&self, epoch: u64) {
        let owned = async {
            while self.stand.bus.epoch(self.partition) != Epoch(epoch) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(SOON, owned).await.expect("the heartbeat is heard");
    }

    async fn second_takes_over(&self) -> CommandQueue {
        let queue = self.second.serve([self.partition]);
        queue.flush().await;
        self.second.beat(heartbeat(2, self.partition, 2));
        queue
    }
}

fn id(number: u64) -> ClientMessageId {
    ClientMessageId(u128::from(number + 1).to_be_bytes())
}

fn send(number: u64) -> Command {
    let send = Send {
        client_message_id: id(number),
        to: Recipient::User(user("bob")),
        body: Body::text(format!("number {number}")),
        ack: AckMode::Persisted,
        attempt: 0,
        age_ms: 0,
        after: number.checked_sub(1).map(id),
    };
    Command { request: Request::Send(send), ..command("alice", 5) }
}

/// Of the same partition as the sends.
fn fetch(number: u64) -> Command {
    let conversation = ConversationId::direct(&user("alice"), &user("bob"));
    let fetch = Fetch { conversation, from: Seq(1), to: Seq::ZERO, limit: 0, backwards: false };
    Command { request: Request::Fetch(fetch), trace: trace(number), ..command("alice", 5) }
}

fn trace(number: u64) -> TraceId {
    TraceId(u128::from(number + 1))
}

/// Number and attempt of so many commands at least; reads do not count theirs.
async fn take(queue: &CommandQueue, wanted: usize) -> Vec<(u64, u32)> {
    let (mut all, mut some) = (Vec::new(), Vec::new());
    while all.len() < wanted {
        let received = tokio::time::timeout(SOON, queue.recv(&mut some)).await;
        received.unwrap_or_else(|_| panic!("{wanted} are sent, here are {all:?}"));
        all.extend(some.drain(..).map(|command| {
            let (number, attempt) = match command.request {
                Request::Send(send) => (u128::from_be_bytes(send.client_message_id.0), send.attempt),
                _ => (command.trace.0, 0),
            };
            (u64::try_from(number - 1).unwrap(), attempt)
        }));
    }
    all
}

fn refusal(number: u64) -> Delivery {
    let frame = ServerFrame::Nack(Nack::of_send(id(number), Code::Busy, "later"));
    let payload = Payload::Reply(5, Reply::Frame(frame));
    Delivery { target: Target::Node(NodeId(1)), payload, trace: TraceId(0) }
}

/// To a command that is no send.
fn answer(number: u64) -> Delivery {
    let payload = Payload::Reply(5, Reply::Settled);
    Delivery { target: Target::Node(NodeId(1)), payload, trace: trace(number) }
}

#[tokio::test]
async fn the_next_owner_gets_what_the_dead_one_took() {
    let mut counted = Counted::begin();
    let Some(cluster) = cluster().await else { return };
    for number in 0..4 {
        cluster.stand.bus.send_command(send(number)).unwrap();
    }
    assert_eq!(take(&cluster.first.1, 4).await, [(0, 0), (1, 0), (2, 0), (3, 0)]);
    // One is answered, and then it is killed.
    cluster.first.0.publish(&mut vec![refusal(1)]);
    let mut answers = Vec::new();
    cluster.inbox.recv(&mut answers).await;
    assert_eq!(answers.len(), 1);
    let second = cluster.second_takes_over().await;
    assert_eq!(take(&second, 3).await, [(0, 1), (2, 1), (3, 1)], "in order, as repetitions");
    counted.until("bus_commands_again_total", 3).await;
    // The next answers all: then nobody has anything to send again.
    cluster.second.publish(&mut [0, 2, 3].map(refusal).into());
    let mut answered = 0;
    while answered < 3 {
        cluster.inbox.recv(&mut answers).await;
        answered += answers.len();
    }
    cluster.first.0.beat(heartbeat(3, cluster.partition, 3));
    cluster.until_owned(3).await;
    cluster.stand.bus.send_command(send(4)).unwrap();
    assert_eq!(take(&second, 1).await, [(4, 0)]);
    assert_eq!(counted.now("bus_commands_again_total"), 3);
}

#[tokio::test]
async fn what_is_sent_later_stays_behind_what_the_dead_one_took() {
    let mut counted = Counted::begin();
    let Some(cluster) = cluster().await else { return };
    for number in 0..3 {
        cluster.stand.bus.send_command(send(number)).unwrap();
    }
    assert_eq!(take(&cluster.first.1, 3).await.len(), 3);
    cluster.first.1.remove(cluster.partition);
    cluster.first.1.flush().await;
    for number in 3..6 {
        cluster.stand.bus.send_command(send(number)).unwrap();
    }
    // Nobody listens: before any heartbeat the first three wait in front of them.
    counted.until("bus_commands_unserved_total", 3).await;
    counted.until("bus_commands_again_total", 3).await;
    let second = cluster.second_takes_over().await;
    let mut came = Vec::new();
    // One that was on its way when the heartbeat came may come twice.
    while came.len() < 6 {
        for (number, _) in take(&second, 1).await {
            if !came.contains(&number) {
                came.push(number);
            }
        }
    }
    assert_eq!(came, [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn what_a_sleeping_owner_took_in_place_of_the_next_reaches_that_one() {
    let mut counted = Counted::begin();
    let Some(cluster) = cluster().await else { return };
    for number in 0..3 {
        cluster.stand.bus.send_command(send(number)).unwrap();
    }
    assert_eq!(take(&cluster.first.1, 3).await.len(), 3);
    // It is told who owns, and does not listen yet; the former owner does.
    cluster.second.beat(heartbeat(2, cluster.partition, 2));
    counted.until("bus_commands_again_total", 3).await;
    assert_eq!(take(&cluster.first.1, 3).await, [(0, 1), (1, 1), (2, 1)]);
    let second = cluster.second.serve([cluster.partition]);
    second.flush().await;
    let beats = async {
        loop {
            cluster.second.beat(heartbeat(2, cluster.partition, 2));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = beats => unreachable!("it beats for ever"),
        received = take(&second, 3) => assert_eq!(received, [(0, 2), (1, 2), (2, 2)]),
    }
}

#[tokio::test]
async fn what_has_no_answer_or_an_answer_elsewhere_is_not_sent_again() {
    let mut counted = Counted::begin();
    let Some(cluster) = cluster().await else { return };
    let mut unasked = send(0);
    if let Request::Send(send) = &mut unasked.request {
        send.ack = AckMode::None;
    }
    let mut of_another = send(1);
    of_another.origin.session.node = NodeId(9);
    for command in [unasked, of_another, send(2)] {
        cluster.stand.bus.send_command(command).unwrap();
    }
    assert_eq!(take(&cluster.first.1, 3).await.len(), 3);
    let second = cluster.second_takes_over().await;
    assert_eq!(take(&second, 1).await, [(2, 1)]);
    cluster.stand.bus.send_command(send(3)).unwrap();
    assert_eq!(take(&second, 1).await, [(3, 0)]);
    assert_eq!(counted.now("bus_commands_again_total"), 1);
}

#[tokio::test]
async fn reads_are_sent_again_among_sends_and_are_answered_once() {
    let mut counted = Counted::begin();
    let Some(cluster) = cluster().await else { return };
    for command in [fetch(0), send(1), fetch(2), fetch(3)] {
        cluster.stand.bus.send_command(command).unwrap();
    }
    assert_eq!(take(&cluster.first.1, 4).await, [(0, 0), (1, 0), (2, 0), (3, 0)]);
    cluster.first.0.publish(&mut vec![answer(2)]);
    let mut heard = Vec::new();
    cluster.inbox.recv(&mut heard).await;
    assert_eq!(heard.len(), 1);
    let second = cluster.second_takes_over().await;
    assert_eq!(take(&second, 3).await, [(0, 0), (1, 1), (3, 0)]);
    assert_eq!(counted.now("bus_commands_again_total"), 3);
    // The first was not dead but slow: it answers, too, before the second or after it.
    cluster.first.0.publish(&mut vec![answer(0)]);
    cluster.inbox.recv(&mut heard).await;
    assert_eq!(heard.drain(..).map(|delivery| delivery.trace).collect::<Vec<_>>(), [trace(0)]);
    cluster.second.publish(&mut vec![answer(0), answer(3), answer(9)]);
    let mut traces = Vec::new();
    while traces.len() < 2 {
        cluster.inbox.recv(&mut heard).await;
        traces.extend(heard.drain(..).map(|delivery| delivery.trace));
    }
    assert_eq!(traces, [trace(3), trace(9)], "nobody hears a second answer to what was sent again");
}

#[tokio::test]
async fn what_would_do_more_the_second_time_is_not_sent_again() {
    let mut counted = Counted::begin();
    let Some(cluster) = cluster().await else { return };
    let typing = Request::Typing(Recipient::User(user("bob")));
    let untraced = Command { trace: TraceId(0), ..fetch(1) };
    for command in [Command { request: typing, ..fetch(0) }, untraced, fetch(2)] {
        cluster.stand.bus.send_command(command).unwrap();
    }
    let mut some = Vec::new();
    let mut taken = 0;
    while taken < 3 {
        cluster.first.1.recv(&mut some).await;
        taken += some.drain(..).count();
    }
    let second = cluster.second_takes_over().await;
    assert_eq!(take(&second, 1).await, [(2, 0)]);
    cluster.stand.bus.send_command(fetch(3)).unwrap();
    assert_eq!(take(&second, 1).await, [(3, 0)]);
    assert_eq!(counted.now("bus_commands_again_total"), 1);
}
