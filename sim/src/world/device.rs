//! A device: the real client state machine, somebody who talks, and the link to a gateway.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use client::machine::{Ask, Outgoing, Session};
use client::{Backoff, ClientConfig, Notice, Refused, StartAt, TokenSource};
use lifecycle::sim::{Random, note};
use proto::client_frame::{AckMode, Fetch, Position, Recipient};
use proto::server_frame::{Ack, ConversationState};
use proto::{Body, ClientFrame, ClientMessageId, ConversationId, Entry, Seq, ServerFrame, UserId, wire};
use rand::SeedableRng as _;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Messages that a device has on their way at once.
const OUTSTANDING_MAX: usize = 6;

/// A message whose outcome is not told yet.
type Waiting = (ConversationId, ClientMessageId, oneshot::Receiver<Result<Ack, Refused>>);

/// See the module.
pub struct Device {
    pub user: UserId,
    pub number: usize,
    machine: Session,
    random: Random,
    conversations: Vec<ConversationId>,
    link: Option<Link>,
    reconnect_at: Instant,
    waiting: Vec<Waiting>,
    /// All its messages in a conversation, in the order in which they were asked for.
    pub sent: BTreeMap<ConversationId, Vec<ClientMessageId>>,
    /// When it said each of them.
    pub said: BTreeMap<ClientMessageId, Instant>,
    /// What it was acknowledged.
    pub acks: Vec<Ack>,
    /// What its reader got of each conversation.
    pub read: BTreeMap<ConversationId, Vec<Entry>>,
    /// What its reader was not given, because it is no longer kept: up to where, of which conversation.
    pub skipped: Vec<(ConversationId, Seq)>,
    /// The last line of the list of each conversation.
    pub lines: BTreeMap<ConversationId, ConversationState>,
    made: u64,
}

/// A socket: frames arrive in order, a little later.
struct Link {
    gateway: usize,
    session: u64,
    since: Instant,
    /// The gateway has said so.
    welcome: bool,
    up: VecDeque<(Instant, ClientFrame)>,
    down: VecDeque<(Instant, ServerFrame)>,
}

/// How much a device does. Chances are in thousandths, in each step.
#[derive(Clone, Copy, Debug, Default)]
pub struct Talk {
    /// It says something.
    pub eagerness: u64,
    /// It reads instead, or moves its read cursor.
    pub reads: u64,
    /// What it says expires.
    pub expiring: u64,
}

/// What a device can reach.
pub trait Gateways {
    /// How many there are.
    fn count(&self) -> usize;
    /// Opens a socket.
    fn open(&mut self, gateway: usize, user: &UserId) -> u64;
    /// Closes it.
    fn close(&mut self, gateway: usize, session: u64);
    /// Gives a frame to the gateway.
    fn frame(&mut self, gateway: usize, session: u64, frame: ClientFrame);
    /// Takes what the gateway has for the socket.
    fn take_out(&mut self, gateway: usize, session: u64) -> Vec<ServerFrame>;
}

impl Device {
    pub fn new(number: usize, user: UserId, conversations: Vec<ConversationId>, mut random: Random) -> Self {
        let answer_timeout = Duration::from_millis(random.between(300..3_000));
        let config = ClientConfig {
            start_at: StartAt::Beginning,
            backoff: Backoff { first: Duration::from_millis(50), max: Duration::from_millis(800) },
            answer_timeout,
            read_timeout: answer_timeout,
            gap_wait: Duration::from_millis(200),
            unacknowledged_max: 64,
            ..ClientConfig::new("ws://nowhere", TokenSource::fixed(""))
        };
        let seed = rand::rngs::StdRng::seed_from_u64(random.draw());
        Self {
            user,
            number,
            machine: Session::new(config, seed, Instant::now()),
            random,
            conversations,
            link: None,
            reconnect_at: Instant::now(),
            waiting: Vec::new(),
            sent: BTreeMap::new(),
            said: BTreeMap::new(),
            acks: Vec::new(),
            read: BTreeMap::new(),
            skipped: Vec::new(),
            lines: BTreeMap::new(),
            made: 0,
        }
    }

    /// How many messages are not acknowledged yet.
    pub fn outstanding(&self) -> usize {
        self.waiting.len()
    }

    /// Since when its socket is open.
    pub fn connected_since(&self) -> Option<Instant> {
        self.link.as_ref().filter(|link| link.welcome).map(|link| link.since)
    }

    /// The socket breaks; another is opened soon.
    pub fn disconnect(&mut self, gateways: &mut impl Gateways) {
        if let Some(link) = self.link.take() {
            gateways.close(link.gateway, link.session);
            note(|| format!("device {} of {} has no socket", self.number, self.user));
            self.machine.disconnected(Instant::now());
            self.reconnect_at = Instant::now() + Duration::from_millis(self.random.between(10..600));
        }
    }

    /// Everything that is due.
    pub fn step(&mut self, gateways: &mut impl Gateways, talk: Talk) -> Result<(), String> {
        let now = Instant::now();
        if self.link.is_none() && self.reconnect_at <= now {
            let gateway = self.random.below(gateways.count() as u64) as usize;
            let session = gateways.open(gateway, &self.user);
            note(|| format!("device {} of {} opens a socket to gateway {gateway}", self.number, self.user));
            self.link = Some(Link {
                gateway,
                session,
                since: now,
                welcome: false,
                up: VecDeque::new(),
                down: VecDeque::new(),
            });
        }
        self.receive(gateways, now);
        if talk.eagerness > 0 && self.machine.takes_asks() {
            self.talk(talk);
        }
        self.settle()?;
        self.machine.poll(now);
        while let Some(frame) = self.machine.next_frame() {
            let arrives = now + self.way();
            if let Some(link) = self.link.as_mut().filter(|link| link.welcome) {
                link.up.push_back((link.up.back().map_or(arrives, |(last, _)| arrives.max(*last)), frame));
            }
        }
        self.hand_up(gateways, now);
        self.take_notices(now)
    }

    fn way(&mut self) -> Duration {
        Duration::from_micros(self.random.between(100..8_000))
    }

    fn receive(&mut self, gateways: &mut impl Gateways, now: Instant) {
        let Some((gateway, session)) = self.link.as_ref().map(|link| (link.gateway, link.session)) else {
            return;
        };
        for frame in gateways.take_out(gateway, session) {
            let arrives = now + self.way();
            if let Some(link) = &mut self.link {
                link.down
                    .push_back((link.down.back().map_or(arrives, |(last, _)| arrives.max(*last)), frame));
            }
        }
        while let Some(link) = &mut self.link
            && link.down.front().is_some_and(|(at, _)| *at <= now)
        {
            match link.down.pop_front() {
                Some((_, ServerFrame::Welcome(welcome))) => {
                    link.welcome = true;
                    self.machine.connected(&welcome, now);
                }
                Some((_, frame)) => {
                    self.machine.frame(frame, now);
                }
                None => {}
            }
        }
        if self.link.as_ref().is_some_and(|link| link.welcome) && self.machine.is_dead(now) {
            self.disconnect(gateways);
        }
    }

    fn hand_up(&mut self, gateways: &mut impl Gateways, now: Instant) {
        while let Some(link) = &mut self.link
            && link.up.front().is_some_and(|(at, _)| *at <= now)
        {
            if let Some((_, frame)) = link.up.pop_front() {
                gateways.frame(link.gateway, link.session, frame);
            }
        }
    }

    /// Says something, reads a page or moves its read cursor, now and then.
    fn talk(&mut self, Talk { eagerness, reads, expiring }: Talk) {
        let at = self.random.below(self.conversations.len() as u64) as usize;
        let conversation = self.conversations[at].clone();
        if self.random.per_mille(eagerness) && self.waiting.len() < OUTSTANDING_MAX {
            let expiry = (expiring > 0 && self.random.per_mille(expiring)).then(|| wire::Expiry {
                after_seconds: self.random.between(1..5) as u32,
                ..wire::Expiry::default()
            });
            self.say(conversation, expiry);
        } else if self.random.per_mille(reads) {
            let backwards = self.random.per_mille(500);
            let fetch = Fetch { conversation, from: Seq(1), to: Seq::ZERO, limit: 20, backwards };
            // What it shows is recorded where it leaves the router.
            self.machine.ask(Ask::Fetch(fetch, oneshot::channel().0));
        } else if self.random.per_mille(reads) {
            let seq = self.read.get(&conversation).and_then(|read| read.last()).map(|entry| entry.seq);
            if let Some(seq) = seq {
                self.machine.ask(Ask::Read(Position { conversation, seq }));
            }
        }
    }

    fn say(&mut self, conversation: ConversationId, expiry: Option<wire::Expiry>) {
        self.made += 1;
        let id =
            ClientMessageId((u128::from(self.number as u64 + 1) << 64 | u128::from(self.made)).to_be_bytes());
        let (done, answer) = oneshot::channel();
        let to = Recipient::Conversation(conversation.clone());
        let body = Body::text(format!("{} {}", self.user, self.made)).with_expiry(expiry);
        note(|| format!("{} says {id} in {conversation}", self.user));
        self.machine.ask(Ask::Send(Box::new(Outgoing { id, to, body, ack: AckMode::Persisted, done })));
        self.sent.entry(conversation.clone()).or_default().push(id);
        self.said.insert(id, Instant::now());
        self.waiting.push((conversation, id, answer));
    }

    /// Takes the outcomes of sends. Refused for good is only what is said in a group that is not there yet.
    fn settle(&mut self) -> Result<(), String> {
        let mut still = Vec::with_capacity(self.waiting.len());
        for (conversation, id, mut answer) in std::mem::take(&mut self.waiting) {
            match answer.try_recv() {
                Err(oneshot::error::TryRecvError::Empty) => still.push((conversation, id, answer)),
                Ok(Ok(ack)) => self.acks.push(ack),
                Ok(Err(_)) if conversation.is_group() => {
                    if let Some(sent) = self.sent.get_mut(&conversation) {
                        sent.retain(|other| *other != id);
                    }
                }
                other => return Err(format!("{} was refused {id}: {other:?}", self.user)),
            }
        }
        self.waiting = still;
        Ok(())
    }

    fn take_notices(&mut self, now: Instant) -> Result<(), String> {
        while self.machine.has_notice() {
            match self.machine.next_notice(now) {
                Some(Notice::Event(event)) => {
                    let read = self.read.entry(event.conversation.clone()).or_default();
                    let (seq, last) = (event.entry.seq, read.last().map_or(Seq::ZERO, |entry| entry.seq));
                    if seq <= last {
                        return Err(format!("a reader of {} got {seq} after {last}", event.conversation));
                    }
                    if seq > last.next() {
                        self.skipped.push((event.conversation.clone(), seq));
                    }
                    read.push(event.entry);
                }
                Some(Notice::Conversation(line)) => {
                    self.lines.insert(line.conversation.clone(), *line);
                }
                _ => {}
            }
        }
        Ok(())
    }
}
