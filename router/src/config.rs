//! What a router is told at its start.

use std::time::Duration;

use proto::UserId;
use store::{Ephemeral, Presence};

use crate::peers::PeerRules;
use crate::rules::admission::AdmissionRules;
use crate::rules::contacts::ContactRules;
use crate::rules::membership::GroupRules;
use crate::turn::{ChangeRules, ConfirmRules, Rules};

/// Settings of a router. The sizes are per worker, so memory grows with `workers`.
#[derive(Clone, Debug)]
pub struct RouterConfig {
    /// Threads, each a member of its own among all workers of all routers. At least 1, at most 64.
    pub workers: usize,
    /// Time between two heartbeats.
    pub heartbeat_interval: Duration,
    /// Silence after which another incarnation is suspected: its partitions are taken.
    pub suspect_after: Duration,
    /// How long a new incarnation listens for others before it claims or fences. Zero where there are no other processes.
    pub listen: Duration,
    /// How long another must be heard before partitions are given to it.
    pub steady_after: Duration,
    /// After this incarnation heard nobody, not even itself, the others may be silent for so much longer.
    pub grace: Duration,
    /// Claims and releases of a worker under way at the same time.
    pub claims_max: usize,
    /// Commands kept for partitions whose owner is not known yet; more are refused with `BUSY`.
    pub commands_kept_max: usize,
    /// Groups: members, and what a new one may read.
    pub group: GroupRules,
    /// How long senders may recall their messages.
    pub recall_window: Duration,
    /// How long they may edit them.
    pub edit_window: Duration,
    /// Contacts: whether messages need a friendship, and how long requests last.
    pub contacts: ContactRules,
    /// Messages that are to be confirmed: how many may wait, and for how long.
    pub confirms: ConfirmRules,
    /// How long entries are kept where their conversation does not say; zero: for ever.
    pub retention: Duration,
    /// Between two looks at all conversations for old parts of logs to drop; zero: nothing is dropped.
    pub retention_sweep: Duration,
    /// Entries after which a bucket of a log is left. Small values are for tests.
    pub bucket_entries_max: u64,
    /// Bytes of bodies after which a bucket is left.
    pub bucket_bytes_max: u64,
    /// Commands waiting in one conversation; more are refused with `BUSY`.
    pub conversation_queue_max: usize,
    /// How long commands may wait in a worker, at the pace at which it serves them; more are refused with `BUSY`, from who has
    /// most waiting.
    pub commands_wait_max: Duration,
    /// Commands that may wait in a worker, however fast it is.
    pub commands_waiting_max: usize,
    /// Conversations in memory; idle ones go when there are more, and without idle ones `BUSY` is answered.
    pub conversations_max: usize,
    /// How long a conversation without use stays in memory.
    pub conversation_idle: Duration,
    /// Loads at the same time; others wait.
    pub loads_max: usize,
    /// Reads at the same time; more are refused with `BUSY`.
    pub reads_max: usize,
    /// With [`BUSY_OPS`] questions to the store in flight, turns of a worker begin at least so long after one another, in
    /// whole milliseconds, so that each does more. Zero for none.
    pub turn_interval: Duration,
    /// Time between two writes of a conversation's projections.
    pub flush_interval: Duration,
    /// After this long without an append a conversation's touched mark is taken away, once its head was told for the last time.
    pub quiet_after: Duration,
    /// A write whose outcome stays unknown for longer ends the incarnation.
    pub give_up_after: Duration,
    /// How long a new incarnation waits after the end of the last.
    pub restart_pause: Duration,
    /// Life of the lease of a message id worker number; renewed at a third of it.
    pub lease: Duration,
    /// How long the drain may take before partitions are left unreleased.
    pub drain_timeout: Duration,
}

/// How a router knows who is online.
#[derive(Clone, Default)]
pub struct Sight {
    /// Who says so; without, nobody knows.
    pub ephemeral: Option<Ephemeral>,
    /// Who left so short a time ago is told as if still there.
    pub grace: Duration,
}

impl Sight {
    /// Who is online, in the order asked.
    pub(crate) async fn presence(&self, users: &[UserId]) -> Vec<Presence> {
        match &self.ephemeral {
            Some(ephemeral) => ephemeral.presence(users).await,
            None => vec![Presence::Unknown; users.len()],
        }
    }
}

impl RouterConfig {
    /// For the view of others.
    pub(crate) fn peer_rules(&self) -> PeerRules {
        PeerRules {
            beat_ms: millis(self.heartbeat_interval),
            suspect_ms: millis(self.suspect_after),
            listen_ms: millis(self.listen),
            steady_ms: millis(self.steady_after),
            grace_ms: millis(self.grace),
        }
    }

    /// For the line of a worker.
    pub(crate) fn admission_rules(&self) -> AdmissionRules {
        AdmissionRules { wait_ms: millis(self.commands_wait_max), waiting_max: self.commands_waiting_max }
    }

    /// For the state machines.
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            group: self.group,
            changes: ChangeRules { recall_ms: millis(self.recall_window), edit_ms: millis(self.edit_window) },
            contacts: self.contacts,
            confirms: self.confirms,
            retention_ms: millis(self.retention),
            bucket_entries_max: self.bucket_entries_max,
            bucket_bytes_max: self.bucket_bytes_max,
            queue_max: self.conversation_queue_max,
            flush_ms: millis(self.flush_interval),
            quiet_ms: millis(self.quiet_after),
            give_up_ms: millis(self.give_up_after),
            window: WINDOW,
        }
    }
}

/// From how many questions to the store in flight a worker is busy. Below it, every answer is looked at once.
pub(crate) const BUSY_OPS: usize = 16;

/// FENCE W: a batch is in flight alone, so its size is the window.
#[expect(clippy::cast_possible_truncation, reason = "64")]
const WINDOW: u16 = proto::limits::APPEND_ENTRIES_MAX as u16;

/// Whole milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
