//! A router with a bus, a store and one node that listens for everybody.

use std::collections::VecDeque;
use std::time::Duration;

use bus::{Bus, Limits, NodeInbox};
use lifecycle::{Tasks, wall_clock_ms};
use proto::client_frame::{AckMode, Recipient, Send};
use proto::command::{GroupRequest, Origin, Source};
use proto::server_frame::{Ack, Nack};
use proto::{
    Body, ClientMessageId, Command, ConversationId, Delivery, DeviceId, Epoch, GroupId, NodeId, Partition,
    Payload, Reply, Request, Seq, ServerFrame, SessionRef, Target, Timestamp, TraceId, UserId,
};
use router::{GroupRules, History, Router, RouterConfig};
use store::{Embedded, EmbeddedConfig, Store};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub fn group(name: &str) -> GroupId {
    GroupId::parse(name).unwrap()
}

pub fn direct(one: &str, other: &str) -> ConversationId {
    ConversationId::direct(&user(one), &user(other))
}

pub fn config() -> RouterConfig {
    RouterConfig {
        workers: 2,
        heartbeat_interval: Duration::from_millis(100),
        // A worker that is not let run for this long is replaced, and what it was asked stays unanswered.
        suspect_after: Duration::from_secs(2),
        listen: Duration::ZERO,
        steady_after: Duration::from_secs(1),
        grace: Duration::from_secs(3),
        claims_max: 128,
        commands_kept_max: 4_096,
        group: GroupRules { members_max: 5, history: History::Whole },
        recall_window: Duration::from_secs(120),
        edit_window: Duration::from_secs(86_400),
        retention: Duration::ZERO,
        retention_sweep: Duration::ZERO,
        contacts: router::ContactRules::OPEN,
        confirms: router::ConfirmRules::USUAL,
        bucket_entries_max: 100_000,
        bucket_bytes_max: 50 << 20,
        conversation_queue_max: 1_000,
        commands_wait_max: Duration::from_secs(1),
        commands_waiting_max: 16_384,
        conversations_max: 10_000,
        conversation_idle: Duration::from_secs(600),
        loads_max: 64,
        reads_max: 1_000,
        flush_interval: Duration::from_millis(100),
        quiet_after: Duration::from_millis(200),
        give_up_after: Duration::from_secs(10),
        turn_interval: Duration::from_millis(1),
        restart_pause: Duration::from_millis(20),
        lease: Duration::from_secs(30),
        drain_timeout: Duration::from_secs(10),
    }
}

/// A store of each kind, for tests that hold on both.
pub async fn stores() -> Vec<(Store, Option<Keep>)> {
    let keep = Keep { directory: tempfile::tempdir().unwrap(), tasks: Tasks::default() };
    let embedded = keep.open().await;
    vec![(Store::memory(), None), (embedded, Some(keep))]
}

/// The directory and the threads of an embedded store.
pub struct Keep {
    pub directory: tempfile::TempDir,
    pub tasks: Tasks,
}

impl Keep {
    pub async fn open(&self) -> Store {
        let config = EmbeddedConfig {
            path: self.directory.path().join("data"),
            group_commit_records_max: 1_024,
            group_commit_interval: Duration::ZERO,
            queue_records_max: 10_000,
            reader_threads: 2,
            read_queue_max: 1_000,
            cache_bytes: 8 << 20,
            memtable_bytes: 8 << 20,
            journal_bytes_max: 64 << 20,
        };
        Store::Embedded(Embedded::open(&config, &self.tasks).unwrap())
    }
}

/// See the module.
pub struct Stand {
    pub bus: Bus,
    pub store: Store,
    pub tasks: Tasks,
    inbox: NodeInbox,
    received: VecDeque<Delivery>,
    next_session: u64,
}

impl Stand {
    pub async fn start(store: Store, config: RouterConfig) -> Self {
        Self::start_listening(store, config, &[]).await
    }

    /// Listens for these users from before the router's first word.
    pub async fn start_listening(store: Store, config: RouterConfig, users: &[&str]) -> Self {
        let bus = Bus::local(Limits { commands: 10_000, deliveries: 100_000 });
        let tasks = Tasks::default();
        let inbox = bus.node(NodeId(7));
        users.iter().for_each(|name| inbox.subscribe_user(&user(name)));
        Router::start(config, bus.clone(), store.clone(), router::Sight::default(), tasks.clone())
            .await
            .unwrap();
        Self { bus, store, tasks, inbox, received: VecDeque::new(), next_session: 1 }
    }

    /// Drains the router and waits for its end.
    pub async fn stop(self) -> Store {
        self.tasks.close(PATIENCE).await.unwrap();
        self.store
    }

    pub fn listen_user(&self, name: &str) {
        self.inbox.subscribe_user(&user(name));
    }

    pub fn listen_everyone(&self) {
        self.inbox.subscribe_everyone();
    }

    pub fn listen_group(&self, name: &str) {
        self.inbox.subscribe_group(&group(name));
    }

    /// Sends a command as a new session of the user and gives the session's number.
    pub fn command(&mut self, name: &str, request: Request) -> u64 {
        self.command_from(name, Source::Client, request)
    }

    pub fn command_from(&mut self, name: &str, source: Source, request: Request) -> u64 {
        let session = self.next_session;
        self.next_session += 1;
        let mut command = Command {
            origin: Origin {
                user: user(name),
                device: DeviceId::unnamed(),
                session: SessionRef { node: NodeId(7), session },
                source,
            },
            deadline: Timestamp(wall_clock_ms() + 10_000),
            epoch: Epoch(0),
            once: None,
            trace: TraceId(u128::from(session)),
            request,
        };
        command.epoch = self.bus.epoch(partition(&command));
        self.bus.send_command(command).unwrap();
        session
    }

    /// Asks and waits for the answer.
    pub async fn ask(&mut self, name: &str, request: Request) -> Reply {
        let session = self.command(name, request);
        self.reply(session).await
    }

    pub async fn reply(&mut self, session: u64) -> Reply {
        self.wait(|delivery| match &delivery.payload {
            Payload::Reply(to, reply) if *to == session => Some(reply.clone()),
            _ => None,
        })
        .await
    }

    pub async fn send(&mut self, from: &str, to: Recipient, text: &str) -> Ack {
        self.send_message(from, message(to, text)).await
    }

    pub async fn send_message(&mut self, from: &str, send: Send) -> Ack {
        match self.ask(from, Request::Send(send)).await {
            Reply::Frame(ServerFrame::Ack(ack)) => ack,
            other => panic!("no ack but {other:?}"),
        }
    }

    pub async fn nack(&mut self, name: &str, request: Request) -> Nack {
        match self.ask(name, request).await {
            Reply::Frame(ServerFrame::Nack(nack)) => nack,
            other => panic!("no nack but {other:?}"),
        }
    }

    pub async fn group(&mut self, name: &str, id: &str, request: GroupRequest) -> (Seq, u32) {
        match self.ask(name, Request::Group(group(id), request)).await {
            Reply::GroupDone(done) => (done.seq, done.members),
            other => panic!("not done but {other:?}"),
        }
    }

    /// Waits for the next frame to a user or group that fits; what came before and does not fit stays.
    pub async fn frame<T>(&mut self, to: &Target, mut fits: impl FnMut(&ServerFrame) -> Option<T>) -> T {
        self.wait(|delivery| match &delivery.payload {
            Payload::Fanout(fanout) if delivery.target == *to => fits(fanout.frame.frame()),
            _ => None,
        })
        .await
    }

    /// Waits for the event with this text.
    pub async fn event(&mut self, to: &Target, text: &str) -> Seq {
        let body = Body::text(text);
        self.frame(to, |frame| match frame {
            ServerFrame::Event(event) if event.entry.body == body => Some(event.entry.seq),
            _ => None,
        })
        .await
    }

    /// Waits for a delivery that fits and takes it out; the others stay.
    pub async fn wait<T>(&mut self, mut fits: impl FnMut(&Delivery) -> Option<T>) -> T {
        let search = async {
            let mut looked_at = 0;
            let mut batch = Vec::new();
            loop {
                while looked_at < self.received.len() {
                    if let Some(found) = fits(&self.received[looked_at]) {
                        self.received.remove(looked_at);
                        return found;
                    }
                    looked_at += 1;
                }
                self.inbox.recv(&mut batch).await;
                self.received.extend(batch.drain(..));
            }
        };
        tokio::time::timeout(PATIENCE, search).await.expect("waited for nothing")
    }

    /// Everything that has been received and not been waited for.
    pub fn others(&self) -> impl Iterator<Item = &Delivery> {
        self.received.iter()
    }
}

fn partition(command: &Command) -> Partition {
    command.partition()
}

/// A first attempt of a message with a fresh id.
pub fn message(to: Recipient, text: &str) -> Send {
    Send {
        client_message_id: ClientMessageId::now(),
        to,
        body: Body::text(text),
        ack: AckMode::Persisted,
        attempt: 0,
        age_ms: 0,
        after: None,
    }
}

pub fn to_user(name: &str) -> Recipient {
    Recipient::User(user(name))
}

pub fn to_group(name: &str) -> Recipient {
    Recipient::Conversation(ConversationId::group(&group(name)))
}
