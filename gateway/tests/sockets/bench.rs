//! A gateway with a bus whose backend is the test.

#[path = "backend.rs"]
pub mod backend;
#[path = "tickets.rs"]
pub mod tickets;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::client::Client;
use auth::{Issuer, Scopes, SharedVerifier, SigningKey, Verifier};
use backend::{Backend, Heads};
use bus::{Bus, NatsAuth, NatsConfig, NatsTls};
use bytes::Bytes;
use gateway::proxy::{ToldBy, TrustedProxies};
use gateway::{
    AdmissionLimits, Attendance, Authenticator, DrainPlan, DrainReport, Gateway, GatewayConfig, HttpFallback,
    LoginPolicy, MailboxLimits, Origins, Peer, PresenceSink, RateLimit, ResponseBody, Running, SessionLimits,
    Timeouts, UserRateLimits,
};
use http_body_util::{BodyExt as _, Full};
use lifecycle::{Tasks, wall_clock_ms};
use proto::delivery::{Class, Fanout};
use proto::presence::Activity;
use proto::server_frame::Event;
use proto::{
    Body, ClientMessageId, Command, ConversationId, Delivery, Entry, GroupId, LoginId, MessageId, Partition,
    Payload, Reply, Seq, ServerFrame, SessionRef, SharedFrame, Target, Timestamp, TraceId, UserId,
};
use tickets::Tickets;

/// How long a test waits for what must happen.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Bench {
    pub bus: Bus,
    pub address: SocketAddr,
    pub tasks: Tasks,
    pub running: Running,
    issuer: Issuer,
    tickets: Arc<Tickets>,
    groups: Arc<Mutex<HashMap<UserId, Vec<GroupId>>>>,
    commands: Receiver<Command>,
    attendance: Receiver<String>,
    heads: Arc<Heads>,
    /// To begin another gateway like this one.
    pub parts: (GatewayConfig, Authenticator, PresenceSink, HttpFallback),
    /// What the bus runs on, when it is not in this process.
    _runtime: Option<tokio::runtime::Runtime>,
}

const UNLIMITED: RateLimit = RateLimit { per_second: 1_000_000, burst: 1_000_000 };

pub fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub fn group(name: &str) -> GroupId {
    GroupId::parse(name).unwrap()
}

pub fn direct(one: &str, other: &str) -> ConversationId {
    ConversationId::direct(&user(one), &user(other))
}

pub fn now_seconds() -> u64 {
    wall_clock_ms() / 1_000
}

/// Writes down who comes and leaves.
fn attendance() -> (PresenceSink, Receiver<String>) {
    let (told, heard) = sync_channel(1_000);
    let sink: PresenceSink = Arc::new(move |user, attendance| {
        let line = match attendance {
            Attendance::Came(device) => format!("{user} came as {device}"),
            Attendance::Renamed { from, to } => format!("{user} is not {from} but {to}"),
            Attendance::Turned(device, Activity::Away) => format!("{user} is away from {device}"),
            Attendance::Turned(device, Activity::Active) => format!("{user} is back at {device}"),
            Attendance::Left(device, Activity::Active) => format!("{user} left as {device}"),
            Attendance::Left(device, Activity::Away) => format!("{user} left as {device}, away"),
        };
        // Tests that do not listen have more than a thousand sockets.
        let _ = told.try_send(line);
    });
    (sink, heard)
}

/// Generous limits and short times; tests change what they are about.
fn config() -> GatewayConfig {
    let second = Duration::from_secs(1);
    GatewayConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        tls: None,
        shards: 1,
        origins: Origins::Same,
        login_policy: LoginPolicy::Many,
        proxies: TrustedProxies { prefixes: Vec::new(), told_by: ToldBy::XForwardedFor },
        compression: None,
        admission: AdmissionLimits {
            connections_max: 10_000,
            handshakes_max: 1_000,
            per_address_max: 10_000,
            per_address_connects: UNLIMITED,
            per_user_max: 100,
            user_rates: UserRateLimits {
                commands: UNLIMITED,
                writes: UNLIMITED,
                reads: UNLIMITED,
                signals: UNLIMITED,
            },
        },
        session: SessionLimits {
            message_bytes_max: 64 * 1024,
            fragments_max: 64,
            commands_per_second: 10_000,
            commands_burst: 10_000,
            rate_strikes_max: 100,
            unanswered_max: 64,
            bad_frames_max: 8,
            waiting_syncs_max: 4,
            presence_watched_max: 3,
            rooms_max: 2,
            busy_retry_ms: 250,
        },
        mailbox: MailboxLimits {
            bytes_max: 256 * 1024,
            frames_max: 4_096,
            all_bytes_max: 64 * 1024 * 1024,
            unsent_bytes_max: 128 * 1024,
            dirty_conversations_max: 256,
            lagging_timeout: 10 * second,
        },
        batch_window: Duration::ZERO,
        broadcast_per_second: 100_000,
        timeouts: Timeouts {
            handshake: 5 * second,
            hello: 5 * second,
            message: 30 * second,
            ping_after: 25 * second,
            pong: 10 * second,
            close: second,
            auth_warning: 60 * second,
            interest_linger_min: Duration::ZERO,
            interest_linger_max: Duration::ZERO,
            unanswered: 10 * second,
            connected_retry: second,
            presence_interval: Duration::from_millis(300),
            presence_renewal: Duration::from_secs(600),
        },
        drain: DrainPlan {
            reconnects_per_second: 100,
            sessions_per_slice: 100,
            notice: Duration::from_millis(200),
            timeout: 5 * second,
        },
    }
}

impl Bench {
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    /// A gateway whose configuration the test has changed, and a backend that answers `Connected`.
    pub fn with(change: impl FnOnce(&mut GatewayConfig)) -> Self {
        Self::with_bus(bus::Limits { commands: 10_000, deliveries: 100_000 }, change)
    }

    /// A gateway whose backend also answers each `sync`, with the head of what [`Self::publisher`] has published.
    pub fn keeping_heads(change: impl FnOnce(&mut GatewayConfig)) -> Self {
        let bench = Self::with(change);
        bench.heads.told.store(1, Ordering::SeqCst);
        bench
    }

    /// The same with everything on a NATS server; `None`, said in one line, where there is none.
    pub fn over_nats(change: impl FnOnce(&mut GatewayConfig)) -> Option<Self> {
        let Ok(url) = std::env::var("TIDEGATE_TEST_NATS_URL") else {
            let why = "no NATS server (set TIDEGATE_TEST_NATS_URL, or cargo xtask services up)";
            assert!(std::env::var_os("CI").is_none(), "{why}");
            eprintln!("skipped: {why}");
            return None;
        };
        let config = NatsConfig {
            urls: vec![url],
            prefix: format!("test-{:016x}", rand::random::<u64>()),
            auth: NatsAuth::None,
            tls: NatsTls::default(),
            connect_timeout: Duration::from_secs(5),
            ping_interval: Duration::from_secs(5),
            reconnect_pause_max: Duration::from_secs(1),
            // So few that who does not wait for a subscription to be in force is found out.
            subscribes_per_second: 200,
        };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let tasks = Tasks::default();
        let limits = bus::Limits { commands: 10_000, deliveries: 100_000 };
        let bus = runtime.block_on(Box::pin(Bus::nats(config, limits, &tasks))).unwrap();
        let (mut bench, backend) = {
            let _on = runtime.enter();
            Self::on(bus, tasks, change)
        };
        bench.tasks.thread_with_runtime("backend", backend).unwrap();
        bench._runtime = Some(runtime);
        bench.heads.told.store(1, Ordering::SeqCst);
        Some(bench)
    }

    /// What makes one more event of alice's conversation with bob durable, publishes it to alice and gives its seq.
    pub fn publisher(&self) -> impl Fn() -> u64 + Send + use<> {
        let (bus, heads, conversation) = (self.bus.clone(), Arc::clone(&self.heads), direct("alice", "bob"));
        move || {
            let seq = heads.told.fetch_add(1, Ordering::SeqCst);
            let fanout = Fanout {
                frame: Arc::new(SharedFrame::new(event_frame(&conversation, seq, "hi"))),
                class: Class::Event,
                conversation: conversation.clone(),
                seq: Seq(seq),
                except: None,
            };
            let (target, payload) = (Target::User(user("alice")), Payload::Fanout(fanout));
            bus.publish(&mut vec![Delivery { target, payload, trace: TraceId::default() }]);
            seq
        }
    }

    /// The seq of the newest durable event.
    pub fn persisted(&self) -> u64 {
        self.heads.told.load(Ordering::SeqCst) - 1
    }

    /// Loses the next claims of sessions.
    pub fn lose_claims(&self, claims: u64) {
        self.heads.claims_lost.store(claims, Ordering::SeqCst);
    }

    /// Waits until they are lost.
    pub fn claims_are_lost(&self) {
        crate::client::wait_for("claims", || {
            (self.heads.claims_lost.load(Ordering::SeqCst) == 0).then_some(())
        });
    }

    pub fn with_bus(limits: bus::Limits, change: impl FnOnce(&mut GatewayConfig)) -> Self {
        let bench = Self::without_backend(limits, change);
        bench.0.tasks.thread_with_runtime("backend", bench.1).unwrap();
        bench.0
    }

    /// A gateway whose commands nobody takes until the returned backend is run.
    pub fn without_backend(limits: bus::Limits, change: impl FnOnce(&mut GatewayConfig)) -> (Self, Backend) {
        Self::on(Bus::local(limits), Tasks::default(), change)
    }

    fn on(bus: Bus, tasks: Tasks, change: impl FnOnce(&mut GatewayConfig)) -> (Self, Backend) {
        let mut config = config();
        change(&mut config);
        let issuer = Issuer::new(SigningKey::generate(), "tests", "tests");
        let tickets: Arc<Tickets> = Arc::default();
        let authenticator = Authenticator {
            verifier: SharedVerifier::new(issuer.trusted_by(Verifier::new(0))),
            tickets: Arc::clone(&tickets).redeemer(),
        };
        let (sink, attendance) = attendance();
        let parts = (config.clone(), authenticator.clone(), Arc::clone(&sink), fallback());
        let mut running = Gateway::start(config, &bus, &authenticator, &sink, &parts.3, &tasks).unwrap();
        // What is published before would reach nobody.
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(running.begun());
        let (told, commands) = sync_channel(100_000);
        let groups: Arc<Mutex<HashMap<UserId, Vec<GroupId>>>> = Arc::default();
        let queue = bus.serve(Partition::all());
        let heads: Arc<Heads> = Arc::default();
        let backend: Backend = {
            let (bus, groups, heads) = (bus.clone(), Arc::clone(&groups), Arc::clone(&heads));
            let tasks = tasks.clone();
            Box::new(move || Box::pin(backend::answer(queue, bus, groups, heads, told, tasks)))
        };
        let address = running.address();
        let bench = Self {
            bus,
            address,
            tasks,
            running,
            issuer,
            tickets,
            groups,
            commands,
            attendance,
            heads,
            parts,
            _runtime: None,
        };
        (bench, backend)
    }

    pub fn token(&self, name: &str, ttl_seconds: u64) -> String {
        self.issuer.issue(&user(name), None, &Scopes::default(), now_seconds(), ttl_seconds)
    }

    pub fn token_of_login(&self, name: &str, login: &str) -> String {
        let login = LoginId::parse(login).unwrap();
        self.issuer.issue(&user(name), Some(&login), &Scopes::default(), now_seconds(), 3_600)
    }

    pub fn expired_token(&self, name: &str) -> String {
        self.issuer.issue(&user(name), None, &Scopes::default(), now_seconds() - 100, 50)
    }

    pub fn ticket(&self, name: &str) -> String {
        self.tickets.make(name)
    }

    /// From now on tickets are not answered.
    pub fn hold_tickets(&self) -> Arc<Tickets> {
        self.tickets.hold();
        Arc::clone(&self.tickets)
    }

    /// The next word of who came or left.
    pub fn attendance(&self) -> String {
        self.attendance.recv_timeout(PATIENCE).expect("somebody comes or leaves")
    }

    /// The groups that the backend answers for a user.
    pub fn set_groups(&self, name: &str, groups: &[&str]) {
        let groups = groups.iter().map(|name| group(name)).collect();
        self.groups.lock().unwrap().insert(user(name), groups);
    }

    /// A socket of a user that has been welcomed and is interested.
    pub fn connect(&self, name: &str) -> Client {
        let mut client = Client::with_token(self.address, &self.token(name, 3_600));
        client.expect_welcome();
        client.settle(self);
        client
    }

    /// The next command that is not about the begin or end of a session.
    pub fn command(&self) -> Command {
        self.commands.recv_timeout(PATIENCE).expect("a command arrives")
    }

    /// The next command, if one arrives within a moment.
    pub fn command_within(&self, moment: Duration) -> Option<Command> {
        self.commands.recv_timeout(moment).ok()
    }

    /// Fails when a command arrives within a moment.
    pub fn expect_no_command(&self) {
        let found = self.command_within(Duration::from_millis(300));
        assert!(found.is_none(), "{found:?}");
    }

    pub fn reply(&self, command: &Command, reply: Reply) {
        let origin = command.origin.session;
        self.publish(Target::Node(origin.node), Payload::Reply(origin.session, reply));
    }

    pub fn publish(&self, target: Target, payload: Payload) {
        self.publish_together(vec![(target, payload)]);
    }

    /// What a shard takes off the bus at once.
    pub fn publish_together(&self, all: Vec<(Target, Payload)>) {
        let deliver = |(target, payload)| Delivery { target, payload, trace: TraceId::default() };
        self.bus.publish(&mut all.into_iter().map(deliver).collect());
    }

    /// An event of a conversation, as a router publishes it.
    pub fn event(&self, target: Target, conversation: &ConversationId, seq: u64, text: &str) {
        self.fan_out(target, Class::Event, conversation, seq, None, event_frame(conversation, seq, text));
    }

    pub fn fan_out(
        &self,
        target: Target,
        class: Class,
        conversation: &ConversationId,
        seq: u64,
        except: Option<SessionRef>,
        frame: ServerFrame,
    ) {
        let fanout = Fanout {
            frame: Arc::new(SharedFrame::new(frame)),
            class,
            conversation: conversation.clone(),
            seq: Seq(seq),
            except,
        };
        self.publish(target, Payload::Fanout(fanout));
    }

    /// Drains the gateway and waits for its end.
    pub fn drain(self) -> DrainReport {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        self.tasks.drain();
        runtime.block_on(async {
            let report = self.running.drained().await;
            self.tasks.close(PATIENCE).await.expect("every thread ends");
            report
        })
    }
}

pub fn event_frame(conversation: &ConversationId, seq: u64, text: &str) -> ServerFrame {
    let entry = Entry {
        seq: Seq(seq),
        message_id: MessageId(seq),
        sender: user("someone"),
        time: Timestamp(1_790_000_000_000),
        counted: seq,
        client_message_id: ClientMessageId([7; 16]),
        body: Body::text(text),
    };
    ServerFrame::Event(Event { conversation: conversation.clone(), entry })
}

/// Answers with what it was asked.
fn fallback() -> HttpFallback {
    Arc::new(|request| {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            let loopback = parts.extensions.get::<Peer>().is_some_and(|peer| peer.0.ip().is_loopback());
            let words = format!("{} {} {} {loopback}", parts.method, parts.uri.path(), body.len());
            let body: ResponseBody =
                Full::new(Bytes::from(words)).map_err(|never| match never {}).boxed_unsync();
            http::Response::new(body)
        })
    })
}
