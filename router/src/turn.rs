//! One turn of a worker: what a state machine is given besides its input, and where its effects go.

use std::sync::Arc;

use proto::body::MessageTarget;
use proto::{Delivery, Entry, MessageId, Seq, Timestamp, UserId};
use store::{
    Batch, Bucket, Cas, Confirming, Durable, GroupInfo, HeadRow, Level, Member, People, Register, Relation,
    Row, StoreError,
};

use crate::conversation::Target;
use crate::metrics::Metrics;
use crate::rules::admission::Admission;
use crate::rules::contacts::{ContactRules, Regard};
use crate::rules::lifetime::Moment;
use crate::rules::membership::GroupRules;
use crate::rules::overlay::{Pins, State};
use crate::rules::refused::Refused;

/// The two clocks of a turn.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Unix time; may step. For deadlines, entry times and bucket names.
    pub wall: Timestamp,
    /// Milliseconds of a steady clock, for timers.
    pub steady_ms: u64,
}

/// Settings that the state machines need.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// What groups may be.
    pub group: GroupRules,
    /// How long messages may be changed.
    pub changes: ChangeRules,
    /// What may be to be confirmed.
    pub confirms: ConfirmRules,
    /// What contacts may be.
    pub contacts: ContactRules,
    /// Milliseconds for which entries are kept where their conversation does not say; 0: for ever.
    pub retention_ms: u64,
    /// Entries after which a bucket is left.
    pub bucket_entries_max: u64,
    /// Bytes of bodies after which a bucket is left.
    pub bucket_bytes_max: u64,
    /// Commands waiting in one conversation; more are refused with `BUSY`.
    pub queue_max: usize,
    /// Milliseconds between two writes of a conversation's projections.
    pub flush_ms: u64,
    /// Milliseconds without an append after which the touched mark is taken away.
    pub quiet_ms: u64,
    /// Milliseconds after which a write whose outcome stays unknown is given up, and the incarnation with it.
    pub give_up_ms: u64,
    /// FENCE W: the most unverified entries of a conversation.
    pub window: u16,
}

/// How long senders may change their messages, by the router's clock.
#[derive(Clone, Copy, Debug)]
pub struct ChangeRules {
    /// Milliseconds in which a message may be recalled.
    pub recall_ms: u64,
    /// Milliseconds in which it may be edited.
    pub edit_ms: u64,
}

/// What may be to be confirmed.
#[derive(Clone, Copy, Debug)]
pub struct ConfirmRules {
    /// Messages of one conversation that wait; more are refused with `UNCONFIRMED`.
    pub open_max: usize,
    /// Milliseconds for which a message waits.
    pub window_ms: u64,
}

impl ConfirmRules {
    /// As configured by default.
    pub const USUAL: Self = Self { open_max: 20, window_ms: 30 * 86_400_000 };
}

/// Makes message ids; `None` while it may not (no lease, a clock that stepped back).
pub trait MessageIds {
    /// The next one.
    fn next(&mut self, now: Timestamp) -> Option<MessageId>;
}

/// The surroundings of one input, and the effects it has.
pub struct Turn<'a> {
    /// The time.
    pub now: Now,
    /// What was told in earlier turns has not left yet, and never does if somebody has taken over.
    pub is_held_back: bool,
    /// Settings.
    pub rules: &'a Rules,
    /// Where message ids come from.
    pub ids: &'a mut dyn MessageIds,
    /// Who may wait in the worker.
    pub admission: &'a mut Admission,
    /// What was lately not let in.
    pub refused: &'a mut Refused,
    /// Handles to count with.
    pub metrics: &'a Metrics,
    /// Effect: what to publish, in order.
    pub deliveries: &'a mut Vec<Delivery>,
    /// Effect: what the store is asked for the conversation that has the turn.
    pub work: &'a mut Vec<Work>,
    /// Effect: the incarnation must end (FENCE O3).
    pub death: &'a mut Option<Death>,
}

impl Turn<'_> {
    /// For what is gone by itself.
    pub fn moment(&self) -> Moment {
        Moment { now: self.now.wall, retention_ms: self.rules.retention_ms }
    }
}

/// Why an incarnation must end and tell nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// Verify said so.
    Fenced,
    /// A register or owner row with a higher epoch was seen: somebody took over.
    Superseded,
    /// A write whose outcome stayed unknown for too long.
    GaveUp,
}

/// What a conversation wants of the store.
#[derive(Debug)]
pub enum Work {
    /// L1.
    ReadRegister(Level),
    /// L2: the rows of the last `seqs` seqs of a bucket.
    ReadTail {
        /// Which.
        bucket: Bucket,
        /// How many.
        seqs: usize,
    },
    /// L3: these rows again, as they are.
    Rewrite(Arc<Batch>),
    /// L4, R2: the conditional write.
    MoveRegister {
        /// The version that must be there.
        expected: Option<u64>,
        /// What it becomes.
        new: Register,
    },
    /// R1.
    WriteIndex {
        /// The bucket being left.
        bucket: Bucket,
        /// Its first seq.
        first: Seq,
    },
    /// A batch, or the very same one again.
    Append(Arc<Batch>),
    /// A3: to be checked with everything else that is durable by now.
    Verify(Durable),
    /// A4: whether an id is in the log up to the told head.
    LookUp(LookUp),
    /// The projections as they are, and the entries they lack.
    Recover {
        /// The told head.
        head: Seq,
        /// The first entry that was read; `None` where no dead owner may have left anything.
        held_from: Option<Seq>,
    },
    /// A message that is to be changed, with what became of it.
    ReadTarget {
        /// Which.
        target: MessageTarget,
        /// The told head.
        head: Seq,
        /// Comes back with the answer.
        generation: u64,
    },
    /// What the two users of a direct conversation are to each other.
    ReadPair,
    /// Who confirmed the messages that wait: these, or those that the head row lists.
    ReadConfirms(Option<Vec<Confirming>>),
    /// One told entry that is no longer in memory.
    ReadEntry {
        /// Which.
        seq: Seq,
        /// The told head.
        head: Seq,
    },
}

/// A look-up of A4.
#[derive(Clone, Copy, Debug)]
pub struct LookUp {
    /// What to look for.
    pub id: proto::ClientMessageId,
    /// The bucket that is appended to.
    pub bucket: Bucket,
    /// The oldest bucket that the message's age reaches.
    pub oldest: Bucket,
    /// The told head.
    pub head: Seq,
}

/// What became of [`Work`].
#[derive(Debug)]
pub enum Outcome {
    /// Of [`Work::ReadRegister`].
    Register(Result<Option<Register>, StoreError>),
    /// Of [`Work::ReadTail`].
    Tail(Result<Vec<Row>, StoreError>),
    /// Of [`Work::Rewrite`].
    Rewritten(Result<Durable, StoreError>),
    /// Of [`Work::MoveRegister`].
    Moved(Cas<Register>),
    /// Of [`Work::WriteIndex`].
    Indexed(Result<(), StoreError>),
    /// Of [`Work::Append`].
    Appended(Result<Durable, StoreError>),
    /// Of [`Work::LookUp`]: the entry, if it is there.
    LookedUp(LookUp, Result<Option<Entry>, StoreError>),
    /// Of [`Work::Recover`].
    Recovered(Result<Box<Recovered>, StoreError>),
    /// Of [`Work::ReadTarget`].
    Target(MessageTarget, u64, Result<Option<Box<Target>>, StoreError>),
    /// Of [`Work::ReadPair`]; again whenever they become something else.
    Pair(Result<Regard, StoreError>),
    /// Of [`Work::ReadConfirms`].
    Confirms(Result<Vec<(Confirming, People)>, StoreError>),
    /// Of [`Work::ReadEntry`].
    Entry(Seq, Result<Option<Entry>, StoreError>),
}

/// The projections of a conversation as a load finds them.
#[derive(Debug, Default)]
pub struct Recovered {
    /// The head row.
    pub head: Option<HeadRow>,
    /// For a group: its row and its members.
    pub group: Option<(GroupInfo, Vec<Member>)>,
    /// For a pair: the side of the first and of the second.
    pub relations: [Option<Relation>; 2],
    /// The told entries after the head row.
    pub missing: Vec<Entry>,
    /// For a group that a dead owner had: whoever came or went by what its last write brought.
    pub moved: Vec<UserId>,
    /// What earlier entries made of the messages that these change.
    pub states: Vec<State>,
    /// The pins.
    pub pins: Pins,
}
