//! Workers by name that can be killed, stopped and put to sleep, and clients in many conversations.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, Limits, NodeInbox};
use futures_util::future::FutureExt as _;
use lifecycle::{Tasks, wall_clock_ms};
use proto::client_frame::{AckMode, Recipient, Send};
use proto::command::{Origin, Source};
use proto::{
    Body, ClientMessageId, Command, ConversationId, DeviceId, Epoch, NodeId, Partition, Payload, Reply,
    Request, ServerFrame, SessionRef, Timestamp, TraceId, UserId,
};
use store::{IncarnationId, Memory, Store};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::super::Worker;
use crate::{GroupRules, History, RouterConfig};

/// Who asks, and hears the answers.
pub const NODE: NodeId = NodeId(7);
/// Conversations in which messages are sent.
pub const CONVERSATIONS: usize = 32;
/// Longer than anything here takes, on the paused clock.
const PATIENCE: Duration = Duration::from_secs(60);
/// A client that hears nothing sends again.
const RESEND: Duration = Duration::from_millis(400);
/// The longest wait for an answer that counts as unnoticed.
const UNNOTICED: Duration = Duration::from_millis(400);

pub fn config() -> RouterConfig {
    RouterConfig {
        workers: 1,
        heartbeat_interval: Duration::from_millis(100),
        suspect_after: Duration::from_millis(500),
        listen: Duration::from_millis(500),
        steady_after: Duration::from_secs(1),
        grace: Duration::from_secs(3),
        claims_max: 64,
        commands_kept_max: 1_000,
        group: GroupRules { members_max: 100, history: History::Whole },
        recall_window: Duration::from_secs(120),
        edit_window: Duration::from_secs(86_400),
        retention: Duration::ZERO,
        retention_sweep: Duration::ZERO,
        contacts: crate::ContactRules::OPEN,
        confirms: crate::ConfirmRules::USUAL,
        bucket_entries_max: 100_000,
        bucket_bytes_max: 1 << 20,
        conversation_queue_max: 100,
        commands_wait_max: Duration::from_secs(1),
        commands_waiting_max: 16_384,
        conversations_max: 1_000,
        conversation_idle: Duration::from_secs(60),
        loads_max: 16,
        reads_max: 100,
        flush_interval: Duration::from_millis(500),
        quiet_after: Duration::from_secs(2),
        give_up_after: Duration::from_secs(10),
        turn_interval: Duration::from_millis(1),
        restart_pause: Duration::from_millis(500),
        lease: Duration::from_secs(30),
        drain_timeout: Duration::from_secs(10),
    }
}

/// Runs a test under a paused clock.
pub fn run(test: impl AsyncFnOnce(&mut Stand)) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let mut stand = Stand::new();
        test(&mut stand).await;
    });
}

/// A send on its way.
struct Sent {
    send: Send,
    user: UserId,
    since: Instant,
    next_try: Instant,
}

/// One worker.
struct Running {
    router: u64,
    tasks: Tasks,
    asleep: watch::Sender<bool>,
    kill: Option<oneshot::Sender<()>>,
}

/// See the module.
pub struct Stand {
    pub memory: Arc<Memory>,
    bus: Bus,
    store: Store,
    inbox: NodeInbox,
    heartbeats: bus::HeartbeatInbox,
    /// The newest incarnation of each router.
    incarnations: BTreeMap<u64, u128>,
    running: BTreeMap<&'static str, Running>,
    outstanding: Vec<Sent>,
    next_session: u64,
    told: usize,
    refused: usize,
    resent: usize,
    longest: Rc<Cell<Duration>>,
}

impl Stand {
    fn new() -> Self {
        let store = Store::memory();
        let memory = match &store {
            Store::Memory(memory) => Arc::clone(memory),
            _ => unreachable!("it is in memory"),
        };
        let bus = Bus::local(Limits { commands: 1_000, deliveries: 100_000 });
        let inbox = bus.node(NODE);
        (0..CONVERSATIONS).for_each(|n| inbox.subscribe_user(&peer(n)));
        let heartbeats = bus.heartbeats();
        Self {
            memory,
            bus,
            store,
            inbox,
            heartbeats,
            incarnations: BTreeMap::new(),
            running: BTreeMap::new(),
            outstanding: Vec::new(),
            next_session: 1,
            told: 0,
            refused: 0,
            resent: 0,
            longest: Rc::default(),
        }
    }

    pub fn start(&mut self, name: &'static str, config: RouterConfig) {
        let router = u64::from(name.as_bytes()[0]);
        let tasks = Tasks::default();
        let (asleep, is_asleep) = watch::channel(false);
        let (kill, killed) = oneshot::channel();
        let worker = Worker::new(0, router, config, self.bus.clone(), self.store.clone(), tasks.clone());
        let worker = worker.seeded(router);
        tasks.spawn_local(async move {
            tokio::select! {
                biased;
                Ok(()) = killed => {}
                () = Box::pin(pausable(worker.run(oneshot::channel().0), is_asleep)) => {}
            }
        });
        self.running.insert(name, Running { router, tasks, asleep, kill: Some(kill) });
    }

    /// Like `kill -9`.
    pub fn kill(&mut self, name: &str) {
        let kill = self.running.get_mut(name).and_then(|running| running.kill.take()).unwrap();
        kill.send(()).unwrap();
    }

    /// Like SIGTERM.
    pub fn drain(&mut self, name: &str) {
        self.running[name].tasks.drain();
    }

    /// Like SIGSTOP, and SIGCONT.
    pub fn asleep(&mut self, name: &str, asleep: bool) {
        self.running[name].asleep.send_replace(asleep);
    }

    /// Somebody is about to take over from it, and nobody is heard of it.
    pub async fn fence(&mut self, name: &str) {
        let owner = self.owner(name).await;
        self.store.fence(owner).await.unwrap();
    }

    /// Waits until every partition is owned by these, and by each of these some.
    pub async fn shared_by(&mut self, names: &[&str]) {
        let shared = async {
            loop {
                sleep(Duration::from_millis(50)).await;
                let mut shares = Vec::new();
                for name in names {
                    shares.push(self.owned_by(name).await);
                }
                if shares.iter().sum::<usize>() == 1_024 && shares.iter().all(|share| *share > 200) {
                    return;
                }
            }
        };
        timeout(PATIENCE, shared).await.expect("the shares are what they should be");
        // Claimed is not served yet.
        sleep(Duration::from_millis(200)).await;
    }

    /// The incarnation of a worker, as it last beat.
    pub async fn owner(&mut self, name: &str) -> IncarnationId {
        let mut beats = Vec::new();
        if self.heartbeats.recv(&mut beats).now_or_never().is_some() {
            let alive = beats.iter().filter(|beat| !(beat.draining && beat.serving.is_empty()));
            self.incarnations.extend(alive.map(|beat| (beat.router, beat.incarnation)));
        }
        IncarnationId(self.incarnations.get(&self.running[name].router).copied().unwrap_or(0))
    }

    /// How many partitions the store says are its.
    pub async fn owned_by(&mut self, name: &str) -> usize {
        let owner = self.owner(name).await;
        let owners = self.store.owners().await.unwrap();
        owners.iter().filter(|(_, row)| row.owner == Some(owner)).count()
    }

    /// One message in each conversation.
    pub fn say_everywhere(&mut self) {
        for n in 0..CONVERSATIONS {
            let send = Send {
                client_message_id: ClientMessageId::now(),
                to: Recipient::User(peer(n)),
                body: Body::text("hi"),
                ack: AckMode::Persisted,
                attempt: 0,
                age_ms: 0,
                after: None,
            };
            let now = Instant::now();
            let user = UserId::parse("alice").unwrap();
            self.command(&user, Request::Send(send.clone()));
            self.outstanding.push(Sent { send, user, since: now, next_try: now + RESEND });
        }
    }

    /// One command about each conversation, whose answer is not waited for.
    pub fn ask_everywhere(&mut self, ask: impl Fn(ConversationId) -> Request) {
        let user = UserId::parse("alice").unwrap();
        for n in 0..CONVERSATIONS {
            self.command(&user, ask(ConversationId::direct(&user, &peer(n))));
        }
    }

    /// Messages everywhere, ten times a second.
    pub async fn talk(&mut self, how_long: Duration) {
        let until = Instant::now() + how_long;
        while Instant::now() < until {
            self.say_everywhere();
            for _ in 0..10 {
                sleep(Duration::from_millis(10)).await;
                self.step();
            }
        }
    }

    /// Waits until nothing is outstanding, sending again what is.
    pub async fn all_acknowledged(&mut self) {
        let until = Instant::now() + PATIENCE;
        while !self.outstanding.is_empty() {
            assert!(Instant::now() < until, "{} are never acknowledged", self.outstanding.len());
            sleep(Duration::from_millis(10)).await;
            self.step();
        }
    }

    fn step(&mut self) {
        self.receive();
        let now = Instant::now();
        let mut again = Vec::new();
        for sent in self.outstanding.iter_mut().filter(|sent| sent.next_try <= now) {
            sent.next_try = now + RESEND;
            sent.send.attempt += 1;
            sent.send.age_ms = now.duration_since(sent.since).as_millis() as u64;
            again.push((sent.user.clone(), sent.send.clone()));
        }
        self.resent += again.len();
        for (user, send) in again {
            self.command(&user, Request::Send(send));
        }
    }

    /// Takes what has come.
    pub fn receive(&mut self) {
        let mut deliveries = Vec::new();
        if self.inbox.recv(&mut deliveries).now_or_never().is_none() {
            return;
        }
        self.told += deliveries.len();
        for delivery in deliveries {
            let Payload::Reply(_, Reply::Frame(frame)) = delivery.payload else { continue };
            match frame {
                ServerFrame::Ack(ack) => {
                    let longest = &self.longest;
                    self.outstanding.retain(|sent| {
                        let is_it = sent.send.client_message_id == ack.client_message_id;
                        if is_it {
                            longest.set(longest.get().max(sent.since.elapsed()));
                        }
                        !is_it
                    });
                }
                ServerFrame::Nack(_) => self.refused += 1,
                _ => {}
            }
        }
    }

    /// Deliveries received so far.
    pub fn told(&self) -> usize {
        self.told
    }

    /// Commands refused so far.
    pub fn refused(&mut self) -> usize {
        self.receive();
        self.refused
    }

    /// Nobody was fenced, nothing was refused or sent twice, and no answer took long.
    pub fn nobody_noticed(&self) {
        assert_eq!(self.memory.calls(store::Op::Fence), 0);
        assert_eq!((self.refused, self.resent), (0, 0));
        assert!(self.longest.get() < UNNOTICED, "an answer took {:?}", self.longest.get());
    }

    /// Asks as a service until there is an answer.
    pub async fn ask(&mut self, request: Request) -> Reply {
        let until = Instant::now() + PATIENCE;
        let service = UserId::parse("operations").unwrap();
        loop {
            let asked = self.command_from(&service, Source::ServerApi, request.clone());
            let mut deliveries = Vec::new();
            let again = Instant::now() + RESEND;
            while timeout_at(again, self.inbox.recv(&mut deliveries)).await.is_ok() {
                for delivery in deliveries.drain(..) {
                    match delivery.payload {
                        Payload::Reply(session, reply) if session == asked => return reply,
                        _ => {}
                    }
                }
            }
            assert!(Instant::now() < until, "never answered");
        }
    }

    /// The worker that the store says owns a partition.
    pub async fn owner_of(&mut self, partition: Partition, names: &[&'static str]) -> &'static str {
        let owners = self.store.owners().await.unwrap();
        let row = owners.iter().find(|(owned, _)| *owned == partition).unwrap().1;
        for name in names {
            if row.owner == Some(self.owner(name).await) {
                return name;
            }
        }
        panic!("none of {names:?}")
    }

    fn command(&mut self, user: &UserId, request: Request) {
        self.command_from(user, Source::Client, request);
    }

    fn command_from(&mut self, user: &UserId, source: Source, request: Request) -> u64 {
        let session = self.next_session;
        self.next_session += 1;
        let mut command = command(user, source, session, request);
        command.epoch = self.bus.epoch(command.partition());
        if self.bus.send_command(command).is_err() {
            self.refused += 1;
        }
        session
    }
}

/// What somebody asks for in a session of [`NODE`], sent by one who knows of no owner.
pub fn command(user: &UserId, source: Source, session: u64, request: Request) -> Command {
    Command {
        origin: Origin {
            user: user.clone(),
            device: DeviceId::unnamed(),
            session: SessionRef { node: NODE, session },
            source,
        },
        deadline: Timestamp(wall_clock_ms() + 10_000),
        epoch: Epoch(0),
        once: None,
        trace: TraceId::default(),
        request,
    }
}

/// Of the conversation with this number.
pub fn partition(n: usize) -> Partition {
    Partition::of(&ConversationId::direct(&UserId::parse("alice").unwrap(), &peer(n)))
}

fn peer(n: usize) -> UserId {
    UserId::parse(&format!("peer{n}")).unwrap()
}

/// A future that is not even looked at while it sleeps.
async fn pausable(run: impl Future<Output = ()>, mut asleep: watch::Receiver<bool>) {
    let mut run = pin!(run);
    loop {
        if asleep.wait_for(|asleep| !*asleep).await.is_err() {
            return run.await;
        }
        tokio::select! {
            biased;
            _ = asleep.wait_for(|asleep| *asleep) => {}
            () = &mut run => return,
        }
    }
}
