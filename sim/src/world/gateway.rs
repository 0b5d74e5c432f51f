//! A gateway without sockets: what `gateway::Shard` does between a socket and the bus, for sessions that are links of
//! this world. A thin double, because the real one is made around its socket; see docs/SIMULATION.md for what it leaves
//! out.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use bus::{Bus, NodeInbox, Received};
use futures_util::future::FutureExt as _;
use lifecycle::sim::{Process, enter};
use lifecycle::wall_clock_ms;
use proto::client_frame::Sync;
use proto::command::{GroupRequest, Once, Origin, Source};
use proto::delivery::{Control, Fanout};
use proto::server_frame::{Head, Limits, Nack, Pong, Welcome};
use proto::{
    ClientFrame, Code, Command, ConversationId, Delivery, DeviceId, GroupId, NodeId, Partition, Payload,
    Reply, Request, Seq, ServerFrame, SessionRef, Target, Timestamp, UserId, limits,
};
use tokio::time::Instant;

use crate::record::trace_of;

/// See the module.
pub struct Gateway {
    pub process: Rc<Process>,
    began: Instant,
    bus: Bus,
    inbox: NodeInbox,
    sessions: BTreeMap<u64, Session>,
    next_session: u64,
    /// Commands that were sent.
    commands: Cell<u64>,
    /// The group that a trusted service made here exists.
    pub group_made: bool,
}

struct Session {
    user: UserId,
    groups: BTreeSet<GroupId>,
    /// Until it is interested: when `Connected` is sent again, and the syncs that wait.
    pending: Option<(Instant, Vec<Sync>)>,
    heads: BTreeMap<ConversationId, Seq>,
    out: Vec<ServerFrame>,
}

/// Unanswered `Connected` is sent again.
const CONNECTED_AGAIN: Duration = Duration::from_secs(1);
/// Commands that the real gateway leaves unanswered before it stops reading.
const UNANSWERED_MAX: u32 = 64;
/// The session of programs. Nobody looks at their answers but the record.
const CALL: u64 = u64::MAX;
/// How often clients ping.
const PING_MS: u32 = 2_000;

impl Gateway {
    pub fn new(process: Rc<Process>, bus: Bus) -> Self {
        let inbox = bus.node(NodeId(process.number));
        Self {
            process,
            began: Instant::now(),
            bus,
            inbox,
            sessions: BTreeMap::new(),
            next_session: 1,
            commands: Cell::new(0),
            group_made: false,
        }
    }

    /// A socket was opened; `welcome` is on its way.
    pub fn open(&mut self, user: &UserId) -> u64 {
        let session = self.next_session;
        self.next_session += 1;
        self.inbox.subscribe_user(user);
        let welcome = enter(&self.process, || Welcome {
            session: SessionRef { node: self.inbox.node(), session },
            user: user.clone(),
            ping_ms: PING_MS,
            limits: Limits {
                frame_bytes: 65_536,
                body_bytes: 32_768,
                unanswered: UNANSWERED_MAX,
                commands_per_second: 1_000,
                page_entries: 200,
            },
            server_time: Timestamp(wall_clock_ms()),
            auth_expires: u64::MAX,
        });
        let new = Session {
            user: user.clone(),
            groups: BTreeSet::new(),
            pending: Some((Instant::now(), Vec::new())),
            heads: BTreeMap::new(),
            out: vec![ServerFrame::Welcome(Box::new(welcome))],
        };
        self.sessions.insert(session, new);
        session
    }

    /// The socket is gone.
    pub fn close(&mut self, session: u64) {
        self.sessions.remove(&session);
    }

    /// What the socket is to be told since the last call.
    pub fn take_out(&mut self, session: u64) -> Vec<ServerFrame> {
        self.sessions.get_mut(&session).map(|session| std::mem::take(&mut session.out)).unwrap_or_default()
    }

    /// Deliveries and timers.
    pub fn step(&mut self) {
        let process = Rc::clone(&self.process);
        enter(&process, || {
            let mut batch = Vec::new();
            if let Some(received) = self.inbox.recv(&mut batch).now_or_never() {
                batch.into_iter().for_each(|delivery| self.deliver(delivery));
                if received == Received::Gap {
                    self.resync();
                }
            }
            let now = Instant::now();
            let due = |session: &Session| session.pending.as_ref().is_some_and(|(at, _)| *at <= now);
            let due: Vec<u64> =
                self.sessions.iter().filter(|(_, session)| due(session)).map(|(key, _)| *key).collect();
            for key in due {
                if let Some((at, _)) = self.sessions.get_mut(&key).and_then(|s| s.pending.as_mut()) {
                    *at = now + CONNECTED_AGAIN;
                }
                // A busy bus is what the timer is for.
                let _ = self.send(key, Request::Connected(None));
            }
        });
    }

    /// A trusted service makes a group.
    pub fn make_group(&mut self, owner: &UserId, group: &GroupId, members: Vec<UserId>) {
        let request = Request::Group(
            group.clone(),
            GroupRequest::Create { name: "Team".into(), members, settings: None },
        );
        let process = Rc::clone(&self.process);
        enter(&process, || {
            // Tried again until it is done.
            let _ = self.bus.send_command(self.command(owner.clone(), 0, Source::ServerApi, request));
        });
    }

    /// A command of a program; gives its deadline.
    pub fn call(
        &mut self,
        user: &UserId,
        source: Source,
        request: Request,
        once: Option<Once>,
        within: Duration,
    ) -> Timestamp {
        let process = Rc::clone(&self.process);
        enter(&process, || {
            let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
            let deadline = Timestamp(wall_clock_ms()).plus_ms(within_ms);
            let command = self.command(user.clone(), CALL, source, request);
            // A program that finds the server busy says it never.
            let _ = self.bus.send_command(Command { deadline, once, ..command });
            deadline
        })
    }

    /// A frame of the client.
    pub fn frame(&mut self, key: u64, frame: ClientFrame) {
        let process = Rc::clone(&self.process);
        enter(&process, || {
            let request = match frame {
                ClientFrame::Ping => return self.pong(key),
                ClientFrame::Hello(_) => return,
                ClientFrame::Sync(sync) => return self.sync(key, sync),
                ClientFrame::Send(send) => Request::Send(send),
                ClientFrame::Fetch(fetch) => Request::Fetch(fetch),
                ClientFrame::Read(position) => Request::Read(position),
                ClientFrame::Delivered(position) => Request::Delivered(position),
                ClientFrame::Typing(to) => Request::Typing(to),
                ClientFrame::Pins(conversation) => Request::Pins(conversation),
                ClientFrame::Versions(position) => Request::Versions(position),
                ClientFrame::Readers(of) => Request::Readers(of),
                ClientFrame::Confirm(position) => Request::Confirm(position),
                ClientFrame::Confirmations(of) => Request::Confirmations(of),
                ClientFrame::Private(change) => Request::Private(change),
                ClientFrame::Presence(_) => return,
                // Rooms live in the real gateway alone.
                ClientFrame::JoinRoom(_) | ClientFrame::LeaveRoom(_) => return,
            };
            let (name, send) = (
                request.name(),
                match &request {
                    Request::Send(send) => Some(send.client_message_id),
                    _ => None,
                },
            );
            if self.send(key, request).is_err() {
                self.tell(key, ServerFrame::Nack(Nack { client_message_id: send, ..busy(name) }));
            }
        });
    }

    fn pong(&mut self, key: u64) {
        let Some(session) = self.sessions.get(&key) else { return };
        let head = |(conversation, last): (&ConversationId, &Seq)| Head::of(conversation.clone(), *last);
        let heads = session.heads.iter().map(head).collect();
        self.tell(key, ServerFrame::Pong(Pong { heads, server_time: Timestamp(wall_clock_ms()) }));
    }

    fn sync(&mut self, key: u64, mut sync: Sync) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        if let Some((_, syncs)) = &mut session.pending {
            syncs.push(sync);
            return;
        }
        let mut by_partition: BTreeMap<Partition, Vec<ConversationId>> = BTreeMap::new();
        for position in sync.open.drain(..) {
            let partition = Partition::of(&position.conversation);
            by_partition.entry(partition).or_default().push(position.conversation);
        }
        let mut sent = Ok(());
        for conversations in by_partition.into_values() {
            sent = sent.and(self.send(key, Request::Heads(conversations)));
        }
        if sent.and(self.send(key, Request::Sync(sync))).is_err() {
            self.tell(key, ServerFrame::Nack(busy("sync")));
        }
    }

    fn send(&self, key: u64, request: Request) -> Result<(), ()> {
        let Some(session) = self.sessions.get(&key) else { return Ok(()) };
        let command = self.command(session.user.clone(), key, Source::Client, request);
        self.bus.send_command(command).map_err(drop)
    }

    fn command(&self, user: UserId, session: u64, source: Source, request: Request) -> Command {
        let session = SessionRef { node: self.inbox.node(), session };
        self.commands.update(|commands| commands + 1);
        let mut command = Command {
            origin: Origin { user, device: DeviceId::unnamed(), session, source },
            deadline: Timestamp(wall_clock_ms()).plus_ms(limits::COMMAND_DEADLINE_MS),
            epoch: proto::Epoch(0),
            once: None,
            trace: trace_of(self.began, self.commands.get()),
            request,
        };
        command.epoch = self.bus.epoch(command.partition());
        command
    }

    fn tell(&mut self, key: u64, frame: ServerFrame) {
        if let Some(session) = self.sessions.get_mut(&key) {
            session.out.push(frame);
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        match (delivery.payload, delivery.target) {
            (Payload::Reply(key, reply), _) => self.reply(key, reply),
            (Payload::Fanout(fanout), target) => self.fan_out(&fanout, &target),
            (Payload::Control(control), Target::User(user)) => {
                for session in self.sessions.values_mut().filter(|session| session.user == user) {
                    match &control {
                        Control::JoinedGroup(group) => {
                            self.inbox.subscribe_group(group);
                            session.groups.insert(group.clone());
                        }
                        Control::LeftGroup(group) => {
                            session.groups.remove(group);
                        }
                        Control::Revoke(_)
                        | Control::Claim(_)
                        | Control::Presence(_)
                        | Control::PresenceRules
                        | Control::PresenceOf(_)
                        | Control::RoomEnded(_) => {}
                    }
                }
            }
            (Payload::Control(_) | Payload::Broadcast(_), _) => {}
        }
    }

    fn fan_out(&mut self, fanout: &Fanout, target: &Target) {
        let node = self.inbox.node();
        let frame = fanout.frame.frame();
        for (key, session) in &mut self.sessions {
            let wants = match target {
                Target::User(user) => session.user == *user,
                Target::Group(group) => session.groups.contains(group),
                Target::Presence(_) | Target::Node(_) | Target::Everyone => false,
            };
            if !wants {
                continue;
            }
            if matches!(frame, ServerFrame::Event(_) | ServerFrame::Head(_)) {
                let head = session.heads.entry(fanout.conversation.clone()).or_default();
                *head = fanout.seq.max(*head);
            }
            if fanout.except != Some(SessionRef { node, session: *key }) {
                session.out.push(frame.clone());
            }
        }
    }

    fn reply(&mut self, key: u64, reply: Reply) {
        match reply {
            Reply::Settled | Reply::Presence(_) | Reply::Room(_) | Reply::Broadcast(_) => {}
            Reply::GroupDone(_) => self.group_made = true,
            Reply::Frame(ServerFrame::Nack(nack)) if key == 0 => {
                self.group_made |= nack.code == Code::Conflict;
            }
            Reply::Frame(frame) => self.tell(key, frame),
            Reply::Groups(groups) => {
                groups.iter().for_each(|group| self.inbox.subscribe_group(group));
                let Some(session) = self.sessions.get_mut(&key) else { return };
                session.groups.extend(groups);
                let syncs = session.pending.take().map(|(_, syncs)| syncs).unwrap_or_default();
                syncs.into_iter().for_each(|sync| self.sync(key, sync));
            }
            Reply::Heads(heads) => {
                for state in heads.into_iter().filter(|state| state.member) {
                    let head = Head::of(state.conversation, state.seq);
                    self.tell(key, ServerFrame::Head(head));
                }
            }
        }
    }

    /// After a gap: groups are asked again, and the sync that each client is told to make waits for the answer.
    fn resync(&mut self) {
        for session in self.sessions.values_mut() {
            let syncs = session.pending.take().map(|(_, syncs)| syncs).unwrap_or_default();
            session.pending = Some((Instant::now(), syncs));
            session.out.push(ServerFrame::Resync);
        }
    }
}

fn busy(name: &'static str) -> Nack {
    Nack::of(name, Code::Busy, "the server has more work than it takes on").retry_after_ms(100)
}
