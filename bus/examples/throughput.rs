//! What the bus over NATS costs: sends a second through one server and back, and the CPU time of both sides together.
//!
//! `cargo run --release -p bus --example throughput -- nats://127.0.0.1:4222`
//!
//! A gateway sends commands, so many at a time in flight; a router answers each to its node and publishes an event of 200
//! bytes to a user; the gateway receives both. One process does both parts, so the CPU time is that of both.

#![allow(clippy::unwrap_used, reason = "a measurement ends where it fails")]

use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, Limits, NatsAuth, NatsConfig, NatsTls};
use lifecycle::Tasks;
use proto::client_frame::{AckMode, Recipient, Send};
use proto::command::Source;
use proto::delivery::{Class, Fanout};
use proto::{
    Body, ClientMessageId, Command, ConversationId, Delivery, DeviceId, Entry, Epoch, MessageId, NodeId,
    Origin, Partition, Payload, Reply, Request, Seq, ServerFrame, SessionRef, SharedFrame, Target, Timestamp,
    TraceId, UserId,
};

const LIMITS: Limits = Limits { commands: 16_384, deliveries: 65_536 };

fn user(number: u64) -> UserId {
    UserId::parse(&format!("user-{number}")).unwrap()
}

fn command(number: u64) -> Command {
    let send = Send {
        client_message_id: ClientMessageId(u128::from(number).to_be_bytes()),
        to: Recipient::User(user(number % 1_000 + 1)),
        body: Body::text("x".repeat(200)),
        ack: AckMode::Persisted,
        attempt: 0,
        age_ms: 0,
        after: None,
    };
    Command {
        origin: Origin {
            user: user(number % 1_000),
            device: DeviceId::unnamed(),
            session: SessionRef { node: NodeId(1), session: number },
            source: Source::Client,
        },
        deadline: Timestamp(u64::MAX),
        epoch: Epoch(1),
        once: None,
        trace: TraceId(0),
        request: Request::Send(send),
    }
}

/// What the router does with one command: the event for the other user, and the answer.
fn decide(command: &Command, seq: u64) -> [Delivery; 2] {
    let Request::Send(send) = &command.request else { unreachable!("only sends are sent") };
    let Recipient::User(to) = &send.to else { unreachable!("only to users") };
    let conversation = ConversationId::direct(&command.origin.user, to);
    let entry = Entry {
        seq: Seq(seq),
        message_id: MessageId(seq),
        sender: command.origin.user.clone(),
        time: Timestamp(seq),
        counted: seq,
        client_message_id: send.client_message_id,
        body: send.body.clone(),
    };
    let event = ServerFrame::Event(proto::server_frame::Event { conversation: conversation.clone(), entry });
    let fanout = Fanout {
        frame: Arc::new(SharedFrame::new(event)),
        class: Class::Event,
        conversation,
        seq: Seq(seq),
        except: Some(command.origin.session),
    };
    let session = command.origin.session;
    let reply = Payload::Reply(session.session, Reply::Settled);
    [
        Delivery { target: Target::User(to.clone()), payload: Payload::Fanout(fanout), trace: TraceId(0) },
        Delivery { target: Target::Node(session.node), payload: reply, trace: TraceId(0) },
    ]
}

async fn route(router: Bus) {
    let queue = router.serve(Partition::all());
    let (mut commands, mut deliveries, mut seq) = (Vec::new(), Vec::new(), 0);
    loop {
        queue.recv(&mut commands).await;
        for command in &commands {
            seq += 1;
            deliveries.extend(decide(command, seq));
        }
        router.publish(&mut deliveries);
    }
}

/// Sends with so many in flight until all are answered; gives how many events were heard.
async fn send(gateway: &Bus, commands: u64, in_flight: u64) -> u64 {
    let inbox = gateway.node(NodeId(1));
    for number in 0..=1_000 {
        inbox.subscribe_user(&user(number));
    }
    inbox.flush().await;
    let (mut sent, mut answered, mut events, mut received) = (0, 0, 0, Vec::new());
    while answered < commands {
        while sent < commands && sent - answered < in_flight {
            gateway.send_command(command(sent)).unwrap();
            sent += 1;
        }
        inbox.recv(&mut received).await;
        for delivery in &received {
            match &delivery.payload {
                Payload::Reply(..) => answered += 1,
                _ => events += 1,
            }
        }
    }
    events
}

/// User and system time of this process.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let ticks = stat.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2);
    Duration::from_millis(10 * ticks.map(|ticks| ticks.parse::<u64>().unwrap()).sum::<u64>())
}

#[tokio::main]
async fn main() {
    let url = std::env::args().nth(1).unwrap_or_else(|| "nats://127.0.0.1:4222".to_owned());
    let nats = NatsConfig {
        urls: vec![url],
        prefix: format!("throughput-{:x}", rand::random::<u64>()),
        auth: NatsAuth::None,
        tls: NatsTls::default(),
        connect_timeout: Duration::from_secs(5),
        ping_interval: Duration::from_secs(10),
        reconnect_pause_max: Duration::from_secs(1),
        subscribes_per_second: 100_000,
    };
    let tasks = Tasks::default();
    let gateway = Bus::nats(nats.clone(), LIMITS, &tasks).await.unwrap();
    let router = Bus::nats(nats, LIMITS, &tasks).await.unwrap();
    tasks.spawn("router", route(router));
    for (commands, in_flight) in [(1_000, 1), (200_000, 64), (200_000, 1_024)] {
        let (began, cpu) = (tokio::time::Instant::now(), cpu_time());
        let events = send(&gateway, commands, in_flight).await;
        let (took, cpu) = (began.elapsed(), cpu_time() - cpu);
        let each = |time: Duration| time.as_secs_f64() * 1e6 / commands as f64;
        println!(
            "{in_flight:>5} in flight: {:>7.0} sends/s, {:.1} µs each, {:.1} µs of CPU each, {events} events",
            commands as f64 / took.as_secs_f64(),
            each(took),
            each(cpu),
        );
    }
}
