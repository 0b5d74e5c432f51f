//! A node on the bus whose user talks in many conversations, and what it was told.

use std::collections::BTreeMap;
use std::time::Duration;

use bus::{Bus, NodeInbox};
use futures_util::FutureExt as _;
use lifecycle::wall_clock_ms;
use proto::client_frame::{AckMode, Recipient, Send};
use proto::command::{Origin, Source};
use proto::{
    Body, ClientMessageId, Command, ConversationId, DeviceId, Entry, Epoch, NodeId, Payload, Reply, Request,
    Seq, ServerFrame, SessionRef, Timestamp, TraceId, UserId,
};
use store::{PageRange, Store};
use tokio::time::{Instant, sleep};

/// Conversations.
const PEERS: usize = 48;
/// A client that hears nothing sends again.
const RESEND: Duration = Duration::from_millis(700);
/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// One conversation.
#[derive(Default)]
struct Pair {
    /// All messages in the order of their sending, acknowledged or not.
    all: Vec<ClientMessageId>,
    outstanding: Option<Outstanding>,
    /// Since when the last acknowledged message was on its way.
    acknowledged: Option<Instant>,
    shown: BTreeMap<Seq, ClientMessageId>,
}

struct Outstanding {
    send: Send,
    since: Instant,
    next_try: Instant,
}

/// See the module.
pub struct Talk {
    bus: Bus,
    inbox: NodeInbox,
    pairs: Vec<Pair>,
    next_session: u64,
}

fn alice() -> UserId {
    UserId::parse("alice").unwrap()
}

fn peer(n: usize) -> UserId {
    UserId::parse(&format!("peer{n}")).unwrap()
}

fn conversation(n: usize) -> ConversationId {
    ConversationId::direct(&alice(), &peer(n))
}

impl Talk {
    pub async fn new(bus: Bus) -> Self {
        let inbox = bus.node(NodeId(7));
        (0..PEERS).for_each(|n| inbox.subscribe_user(&peer(n)));
        inbox.flush().await;
        let pairs = std::iter::repeat_with(Pair::default).take(PEERS).collect();
        Self { bus, inbox, pairs, next_session: 1 }
    }

    /// Goes on for a while.
    pub async fn go_on(&mut self, how_long: Duration) {
        let until = Instant::now() + how_long;
        while Instant::now() < until {
            self.step(true).await;
        }
    }

    /// Goes on until a message that was sent from now on is acknowledged in every conversation.
    pub async fn until_all_go_on(&mut self) -> Duration {
        let began = Instant::now();
        while !self.pairs.iter().all(|pair| pair.acknowledged.is_some_and(|sent| sent >= began)) {
            assert!(began.elapsed() < PATIENCE, "some conversations stand still");
            self.step(true).await;
        }
        began.elapsed()
    }

    /// Says nothing new, and waits until everything is acknowledged.
    pub async fn finish(&mut self) {
        let began = Instant::now();
        while self.pairs.iter().any(|pair| pair.outstanding.is_some()) {
            assert!(began.elapsed() < PATIENCE, "some messages are never acknowledged");
            self.step(false).await;
        }
    }

    async fn step(&mut self, fresh: bool) {
        sleep(Duration::from_millis(10)).await;
        self.receive();
        let now = Instant::now();
        for n in 0..PEERS {
            let pair = &mut self.pairs[n];
            if pair.outstanding.is_none() && fresh {
                let send = Send {
                    client_message_id: ClientMessageId::now(),
                    to: Recipient::User(peer(n)),
                    body: Body::text(pair.all.len().to_string()),
                    ack: AckMode::Persisted,
                    attempt: 0,
                    age_ms: 0,
                    after: None,
                };
                pair.all.push(send.client_message_id);
                pair.outstanding = Some(Outstanding { send, since: now, next_try: now });
            }
            let due = pair.outstanding.as_mut().filter(|outstanding| outstanding.next_try <= now);
            let Some(outstanding) = due else { continue };
            outstanding.next_try = now + RESEND;
            outstanding.send.age_ms = outstanding.since.elapsed().as_millis() as u64;
            let send = outstanding.send.clone();
            outstanding.send.attempt += 1;
            self.command(Request::Send(send));
            self.command(Request::Heads(vec![conversation(n)]));
        }
    }

    fn command(&mut self, request: Request) {
        let session = self.next_session;
        self.next_session += 1;
        let mut command = Command {
            origin: Origin {
                user: alice(),
                device: DeviceId::unnamed(),
                session: SessionRef { node: NodeId(7), session },
                source: Source::Client,
            },
            deadline: Timestamp(wall_clock_ms() + 10_000),
            epoch: Epoch(0),
            once: None,
            trace: TraceId::default(),
            request,
        };
        command.epoch = self.bus.epoch(command.partition());
        // Busy: tried again like everything else.
        let _ = self.bus.send_command(command);
    }

    fn receive(&mut self) {
        let mut deliveries = Vec::new();
        if self.inbox.recv(&mut deliveries).now_or_never().is_none() {
            return;
        }
        for delivery in deliveries {
            match delivery.payload {
                Payload::Fanout(fanout) => {
                    if let ServerFrame::Event(event) = fanout.frame.frame() {
                        self.show(&event.conversation, event.entry.seq, event.entry.client_message_id);
                    }
                }
                Payload::Reply(_, Reply::Frame(ServerFrame::Ack(ack))) => {
                    self.show(&ack.conversation, ack.seq, ack.client_message_id);
                    let pair = self.pair(&ack.conversation);
                    let is_it = |sent: &mut Outstanding| sent.send.client_message_id == ack.client_message_id;
                    if let Some(sent) = pair.outstanding.take_if(is_it) {
                        pair.acknowledged = Some(sent.since);
                    }
                }
                _ => {}
            }
        }
    }

    fn pair(&mut self, id: &ConversationId) -> &mut Pair {
        let n = (0..PEERS).find(|n| conversation(*n) == *id).unwrap();
        &mut self.pairs[n]
    }

    /// Nothing shown ever changes.
    fn show(&mut self, id: &ConversationId, seq: Seq, message: ClientMessageId) {
        let before = self.pair(id).shown.insert(seq, message);
        assert!(before.is_none_or(|before| before == message), "{id} {seq} changed");
    }

    /// Everything is in the log, once and in order, and everything shown is where it was shown.
    pub async fn check(&self, store: &Store) -> usize {
        for (n, pair) in self.pairs.iter().enumerate() {
            let log = whole_log(store, &conversation(n), Seq(pair.all.len() as u64 + 10)).await;
            let stored: Vec<ClientMessageId> = log.iter().map(|entry| entry.client_message_id).collect();
            assert_eq!(stored, pair.all, "conversation {n}");
            for (at, entry) in log.iter().enumerate() {
                assert_eq!(entry.seq, Seq(at as u64 + 1));
                assert_eq!(pair.shown.get(&entry.seq), Some(&entry.client_message_id), "{}", entry.seq);
            }
            assert_eq!(pair.shown.len(), log.len());
        }
        self.pairs.iter().map(|pair| pair.all.len()).sum()
    }
}

async fn whole_log(store: &Store, id: &ConversationId, head: Seq) -> Vec<Entry> {
    let range =
        PageRange { from: Seq(1), to: head, limit: usize::MAX, bytes: usize::MAX, backwards: false, head };
    store.page(id, range).await.unwrap()
}
