//! One shard: its sessions, their interest, their timers, and the one inbox on the bus. Everything here belongs to one
//! thread; nothing is locked on the path of a message.
//!
//! ```text
//! connection tasks ─┐                        ┌─► bus (commands)
//! delivery loop ────┼─► Shard (one RefCell) ─┤
//! ticks, interest ──┘                        └─► sockets (one write per session and batch)
//! ```
//!
//! **Guarantees.** The shard is borrowed by one of them at a time and never across an `await`.

mod accept;
mod adopt;
mod balance;
mod broadcast;
mod claims;
mod clock;
mod close;
mod commands;
mod compression;
mod deliver;
mod drain;
mod fan_out;
mod hello;
mod interested;
mod leave;
mod read;
mod reply;
mod rooms;
mod run;
mod sync;
mod timers;
mod watch;
mod write;

pub(crate) use balance::Balance;
pub use drain::DrainReport;
pub(crate) use run::{Context, Door, Start, run};

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use bus::{Bus, NodeInbox};
use bytes::Bytes;
use hashbrown::{HashMap, HashSet};
use proto::{GroupId, NodeId, SessionRef, UserId};
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use tokio::sync::Notify;

use self::claims::Claimed;
use crate::admission::Admission;
use crate::authenticator::Authenticator;
use crate::broadcasts::Broadcasts;
use crate::config::{Compression, GatewayConfig};
use crate::connection::Upgraded;
use crate::interest::{Interest, Lingering, Subscriptions};
use crate::mailbox::{Coalesced, Mailbox, Pool, SignalKeys};
use crate::metrics::{Metrics, Tally};
use crate::presence::PresenceSink;
use crate::rate::{Rate, RateMeter};
use crate::session::{Flags, Pending, Phase, Session, SessionKey, Sessions};
use crate::watches::Watches;
use crate::websocket::{Decoder, Limits};
use crate::wheel::{Tick, Wheel};
use clock::Clock;
use compression::Codecs;
use interested::Leaving;
use rooms::Entering;

/// The shard as its tasks hold it.
pub(crate) type SharedShard = Rc<RefCell<Shard>>;

/// See the module.
pub(crate) struct Shard {
    config: Arc<GatewayConfig>,
    bus: Bus,
    inbox: Rc<NodeInbox>,
    authenticator: Authenticator,
    presence: PresenceSink,
    sessions: Sessions,
    /// Sessions with a user; the others are not told anything.
    authenticated: usize,
    interest: Interest,
    wheel: Wheel<SessionKey>,
    admission: Arc<Admission>,
    clock: Clock,
    pool: Pool,
    coalesced: Coalesced,
    signal_keys: SignalKeys,
    /// Slots with something to write.
    dirty: Vec<u32>,
    /// Slots that several deliveries are put apart for; room that is used again.
    apart: Vec<u32>,
    /// Where sockets are read into; one buffer for all.
    read_buffer: Vec<u8>,
    codecs: Option<Codecs>,
    /// What `codecs` were made with.
    compression: Option<Compression>,
    rate: Rate,
    random: SmallRng,
    tally: Tally,
    metrics: Metrics,
    /// Sessions whose interest must be in force before the next step.
    connecting: Vec<SessionKey>,
    answered: Vec<SessionKey>,
    /// Sessions whose subscriptions of presence must be in force before they are asked about.
    watching: Vec<SessionKey>,
    watches: Watches,
    /// Users of whom something is to be told then, one place for each that is watched at most.
    quiet: VecDeque<(Tick, UserId)>,
    /// Sessions of clients that nobody uses.
    away: HashSet<SessionKey>,
    entering: Vec<Entering>,
    /// Who has come into a group, and hears where it is once the subscription is in force.
    joined: Vec<(UserId, GroupId)>,
    /// What sessions say against others of their users; only where users may not have many.
    claims: HashMap<SessionKey, Claimed>,
    interest_changed: Rc<Notify>,
    broadcasts: Broadcasts,
    /// When they are reported next.
    broadcasts_due: Tick,
    broadcast_begun: Rc<Notify>,
    /// Users without a session, by when they are forgotten.
    lingering: Lingering,
    /// What open sessions send is not read at the moment.
    frozen: bool,
}

/// Bytes of the read buffer: a burst of small frames, or half a large one, in one read.
const READ_BUFFER_BYTES: usize = 64 * 1024;
/// Empty queues kept: as many as one fan-out touches between two flushes.
const QUEUES_KEPT: usize = 8 * 1024;

impl Subscriptions for NodeInbox {
    fn subscribe_user(&self, user: &UserId) {
        Self::subscribe_user(self, user);
    }
    fn unsubscribe_user(&self, user: &UserId) {
        Self::unsubscribe_user(self, user);
    }
    fn subscribe_group(&self, group: &GroupId) {
        Self::subscribe_group(self, group);
    }
    fn unsubscribe_group(&self, group: &GroupId) {
        Self::unsubscribe_group(self, group);
    }
}

impl Shard {
    fn new(
        node: NodeId,
        config: Arc<GatewayConfig>,
        bus: Bus,
        authenticator: Authenticator,
        presence: PresenceSink,
        admission: Arc<Admission>,
    ) -> Self {
        let inbox = bus.node(node);
        inbox.subscribe_everyone();
        let session = &config.session;
        let mailboxes_bytes_max = config.mailbox.all_bytes_max / config.shards.max(1) as u64;
        let rate = Rate::new(session.commands_per_second, session.commands_burst, session.rate_strikes_max);
        let codecs = config.compression.map(|compression| Codecs::new(compression, session));
        Self {
            codecs,
            compression: config.compression,
            rate,
            config,
            bus,
            inbox: Rc::new(inbox),
            authenticator,
            presence,
            sessions: Sessions::default(),
            authenticated: 0,
            interest: Interest::default(),
            wheel: Wheel::new(),
            clock: Clock::since(admission.start()),
            admission,
            pool: Pool::new(QUEUES_KEPT, mailboxes_bytes_max),
            coalesced: Coalesced::default(),
            signal_keys: SignalKeys::default(),
            dirty: Vec::new(),
            apart: Vec::new(),
            read_buffer: vec![0; READ_BUFFER_BYTES],
            random: SmallRng::from_rng(&mut rand::rng()),
            tally: Tally::default(),
            metrics: Metrics::register(),
            connecting: Vec::new(),
            answered: Vec::new(),
            watching: Vec::new(),
            watches: Watches::default(),
            quiet: VecDeque::new(),
            away: HashSet::new(),
            entering: Vec::new(),
            joined: Vec::new(),
            claims: HashMap::new(),
            interest_changed: Rc::default(),
            broadcasts: Broadcasts::default(),
            broadcasts_due: Tick::default(),
            broadcast_begun: Rc::default(),
            lingering: Lingering::new(),
            frozen: false,
        }
    }

    /// Takes over a socket whose handshake is done, and says `welcome` if the handshake proved who it is.
    pub(crate) fn open(&mut self, upgraded: Upgraded) -> SessionKey {
        let Upgraded { stream, answer, leftover, opening, admitted } = upgraded;
        let now = self.clock.tick();
        let limits = Limits {
            message_bytes_max: self.config.session.message_bytes_max,
            frames_per_message_max: self.config.session.fragments_max,
        };
        let mut flags = Flags::default();
        if opening.deflate {
            flags.set(Flags::DEFLATE);
        }
        let hello_until = now.after(self.config.timeouts.hello);
        let key = self.sessions.insert(Session {
            stream,
            waker: None,
            decoder: if opening.deflate { Decoder::with_deflate(limits) } else { Decoder::new(limits) },
            mailbox: Mailbox::default(),
            user: None,
            login: None,
            device: opening.device.unwrap_or_else(proto::DeviceId::unnamed),
            admitted,
            pending: Some(Box::new(Pending {
                claimed: opening.claimed,
                retry: Tick::NEVER,
                syncs: Vec::new(),
            })),
            unread: (!leftover.is_empty()).then(|| Box::new(leftover.to_vec())),
            rate: RateMeter::default(),
            phase: Phase::AwaitingHello(hello_until),
            expires: Tick::NEVER,
            heard: now,
            unfinished_since: Tick::NEVER,
            timer: Tick::NEVER,
            unanswered_since: now,
            unanswered: 0,
            bad_frames: 0,
            encoding: opening.encoding,
            flags,
        });
        if let Some(answer) = answer {
            self.tell_plainly(key, answer);
        }
        match opening.identity {
            // Its socket was counted before the answer to the handshake.
            Some(identity) => self.welcome(key, identity),
            None => self.arm(key, hello_until),
        }
        if let Some(resume) = opening.resume {
            self.on_sync(key, resume);
        }
        // Nothing may come before the answer, not even a close frame that replaces all that waits.
        self.flush_if_dirty(key);
        key
    }

    /// Sockets, and whatever speaks HTTP.
    fn connections(&self, context: &Context) -> usize {
        self.sessions.len() + context.requests.get()
    }

    fn session_ref(&self, key: SessionKey) -> SessionRef {
        SessionRef { node: self.inbox.node(), session: key.to_number() }
    }

    /// Ends a session now, without a word: the socket is gone or must be.
    fn remove(&mut self, key: SessionKey) {
        let Some(mut session) = self.sessions.remove(key) else { return };
        session.mailbox.clear(&mut self.pool);
        session.wake();
        self.lose_interest(key, Leaving::of(&mut session));
    }

    /// Queues a frame for one session alone.
    fn tell(&mut self, key: SessionKey, frame: Bytes) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        if session.is_closing() {
            return;
        }
        let frame = compression::for_one(&mut self.codecs, &mut self.tally, session, frame);
        self.tell_plainly(key, frame);
    }

    /// Queues bytes as they are.
    fn tell_plainly(&mut self, key: SessionKey, frame: Bytes) {
        let now = self.clock.tick();
        let Some(session) = self.sessions.get_mut(key) else { return };
        let taking = session.taking();
        let pushed = session.mailbox.reply(&mut self.pool, &self.config.mailbox, now, taking, frame);
        self.after_push(key, pushed);
    }
}
