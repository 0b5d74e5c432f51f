//! One incarnation of a worker: everything that must be forgotten together (FENCE O3).
//!
//! A turn takes what is there (commands, answers of the store, timers), lets the state machines have it, then asks the
//! store for what they want and publishes once. Nothing in a turn waits.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, CommandQueue, HeartbeatInbox};
use futures_util::StreamExt as _;
use futures_util::future::FutureExt as _;
use futures_util::stream::FuturesUnordered;
use hashbrown::{HashMap, HashSet};
use lifecycle::Tasks;
use proto::{Command, ConversationId, Delivery, Epoch, Heartbeat, Partition};
use store::{Durable, IncarnationId, Store};
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior};

use super::Worker;
use super::checks::Wakefulness;
use super::handover::Entrance;
use super::ids::Ids;
use super::kept::Kept;
use super::ops::{self, Done, Op};
use super::private::PrivateQueue;
use super::retention::Sweep;
use super::table::{Key, Table};
use super::wheel::{TICK_MS, Wheel};
use crate::broadcasts::Broadcasts;
use crate::config::{BUSY_OPS, RouterConfig, Sight, millis};
use crate::conversation::Conversation;
use crate::metrics::Metrics;
use crate::ownership::{Ask, Owner};
use crate::peers::{Peers, View};
use crate::rules::admission::Admission;
use crate::rules::lifetime::{self, Moment};
use crate::rules::refused::Refused;
use crate::turn::{Death, Now, Rules, Turn, Work};

/// Answers taken in one turn at most, so that commands are not kept waiting.
const ANSWERS_PER_TURN: usize = 4_096;

/// How an incarnation ended.
pub enum End {
    /// By the drain.
    Drained,
    /// It may tell nothing any more.
    Died(Death),
}

/// See the module.
pub struct Incarnation<'a> {
    pub(super) me: IncarnationId,
    worker: &'a Worker,
    pub(super) config: &'a RouterConfig,
    pub(super) rules: Rules,
    pub(super) bus: &'a Bus,
    pub(super) store: &'a Store,
    pub(super) sight: &'a Sight,
    pub(super) tasks: &'a Tasks,
    pub(super) metrics: &'a Metrics,
    pub(super) partitions: Vec<Partition>,
    pub(super) started: Instant,
    pub(super) now: Now,
    pub(super) ids: Ids,
    pub(super) table: Table,
    pub(super) wheel: Wheel<Key>,
    admission: Admission,
    refused: Refused,
    pub(super) ops: FuturesUnordered<Op>,
    pub(super) queue: Arc<CommandQueue>,
    // Ownership.
    pub(super) owners: BTreeMap<Partition, Owner>,
    pub(super) own_timers_ms: u64,
    /// Wanted and not served yet.
    pub(super) unclaimed: BTreeSet<Partition>,
    pub(super) is_planned: bool,
    /// When it planned, or looked whether to.
    pub(super) planned_ms: u64,
    /// The last plan asked for nothing, and reckoned with these.
    pub(super) rests: Option<View>,
    pub(super) reading_rows: bool,
    pub(super) row_failures: u32,
    pub(super) asks: VecDeque<(Partition, Ask)>,
    pub(super) asking: usize,
    pub(super) serving: HashMap<Partition, Epoch>,
    /// Served since this turn, and not open to commands yet.
    pub(super) opened: Vec<Partition>,
    pub(super) giving: BTreeMap<Partition, Entrance>,
    pub(super) swept_ms: u64,
    // Others.
    pub(super) router: u64,
    pub(super) peers: Peers,
    pub(super) heartbeats: HeartbeatInbox,
    pub(super) beat_ms: Option<u64>,
    pub(super) beat_due: bool,
    pub(super) kept: Kept,
    pub(super) private: PrivateQueue,
    /// Of the owner of their partition.
    pub(super) broadcasts: Broadcasts,
    /// Partitions that others should serve and whose commands come here: to be seen to first.
    pub(super) awaited: HashMap<Partition, u64>,
    pub(super) strays_ms: u64,
    pub(super) touched: HashSet<ConversationId>,
    pub(super) touched_queue: Vec<ConversationId>,
    // Bounded work.
    pub(super) load_queue: VecDeque<Key>,
    pub(super) loads: usize,
    pub(super) reads: usize,
    pub(super) flushes: usize,
    pub(super) sweep: Sweep,
    pub(super) flush_queue: VecDeque<Key>,
    /// Direct conversations that want to know what their users are to each other.
    pub(super) pair_asks: Vec<Key>,
    // A3: one check for everything that was durable before it started.
    pub(super) verifying: Vec<Key>,
    pub(super) durable_keys: Vec<Key>,
    pub(super) durable: Vec<Durable>,
    pub(super) unchecked: Option<(Vec<Durable>, u64)>,
    pub(super) verify_failures: u32,
    pub(super) checked_ms: u64,
    pub(super) wakefulness: Wakefulness,
    // Effects of the turn.
    pub(super) changed: Vec<Key>,
    pub(super) deliveries: Vec<Delivery>,
    is_held_back: bool,
    pub(super) work: Vec<Work>,
    pub(super) death: Option<Death>,
    pub(super) draining: Option<u64>,
}

impl<'a> Incarnation<'a> {
    pub fn new(worker: &'a Worker) -> Self {
        let started = Instant::now();
        let now = Now { wall: worker.wall_clock(), steady_ms: 0 };
        let me = worker.draw();
        Self {
            me,
            worker,
            config: &worker.config,
            rules: worker.config.rules(),
            bus: &worker.bus,
            store: &worker.store,
            sight: &worker.sight,
            tasks: &worker.tasks,
            metrics: &worker.metrics,
            partitions: worker.partitions.clone(),
            started,
            now,
            ids: Ids::new(lifecycle::random_u128().max(1), millis(worker.config.lease)),
            table: Table::default(),
            wheel: Wheel::new(0),
            admission: Admission::new(worker.config.admission_rules()),
            refused: Refused::default(),
            ops: FuturesUnordered::new(),
            queue: Arc::new(worker.bus.serve([])),
            owners: worker.partitions.iter().map(|partition| (*partition, Owner::new(me))).collect(),
            own_timers_ms: 0,
            unclaimed: BTreeSet::new(),
            is_planned: false,
            planned_ms: 0,
            rests: None,
            reading_rows: false,
            row_failures: 0,
            asks: VecDeque::new(),
            asking: 0,
            serving: HashMap::new(),
            opened: Vec::new(),
            giving: BTreeMap::new(),
            swept_ms: 0,
            router: worker.router,
            peers: Peers::new(me, worker.router, worker.config.workers, worker.config.peer_rules()),
            heartbeats: worker.bus.heartbeats(),
            beat_ms: None,
            beat_due: true,
            kept: Kept::default(),
            private: PrivateQueue::default(),
            broadcasts: Broadcasts::default(),
            awaited: HashMap::new(),
            strays_ms: 0,
            touched: HashSet::new(),
            touched_queue: Vec::new(),
            load_queue: VecDeque::new(),
            loads: 0,
            reads: 0,
            flushes: 0,
            sweep: Sweep::default(),
            flush_queue: VecDeque::new(),
            pair_asks: Vec::new(),
            verifying: Vec::new(),
            durable_keys: Vec::new(),
            durable: Vec::new(),
            unchecked: None,
            verify_failures: 0,
            checked_ms: 0,
            wakefulness: Wakefulness::Asleep,
            changed: Vec::new(),
            deliveries: Vec::new(),
            is_held_back: false,
            work: Vec::new(),
            death: None,
            draining: None,
        }
    }

    /// Lives until the drain has ended or it must die.
    pub async fn live(&mut self, ready: &mut Option<oneshot::Sender<()>>) -> End {
        if !self.begin().await {
            return End::Drained;
        }
        self.queue.accept_any();
        self.look_at_clocks();
        self.beat();
        let tasks = self.tasks.clone();
        let draining = std::pin::pin!(tasks.draining());
        let mut draining = draining.fuse();
        let mut tick = tokio::time::interval(Duration::from_millis(TICK_MS));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut commands: Vec<Command> = Vec::new();
        let mut beats: Vec<Arc<Heartbeat>> = Vec::new();
        loop {
            let mut first = None;
            tokio::select! {
                biased;
                () = &mut draining => self.begin_drain(),
                Some(done) = self.ops.next(), if !self.ops.is_empty() => first = Some(done),
                () = self.heartbeats.recv(&mut beats) => {}
                () = self.queue.recv(&mut commands), if commands.is_empty() => {}
                _ = tick.tick() => {}
            }
            self.look_at_clocks();
            self.take_answers(first);
            if beats.is_empty() {
                let _ = self.heartbeats.recv(&mut beats).now_or_never();
            }
            self.look_around(&mut beats);
            self.wake_or_sleep();
            if commands.is_empty() {
                let _ = self.queue.recv(&mut commands).now_or_never();
            }
            self.take_commands(&mut commands);
            self.turn();
            // A check that needed no waiting, as in one process, is answered already: what it covers is told now, and what
            // waited for this incarnation to be awake is taken.
            if self.take_answers(None) {
                self.take_commands(&mut commands);
                self.turn();
            }
            self.metrics.publish_deliveries.record(self.deliveries.len() as f64);
            if let Some(death) = self.death {
                self.say_goodbye();
                return End::Died(death);
            }
            // After a sleep nothing leaves, not even what was verified before it, until it is known that nobody took over.
            if self.is_awake() {
                let moment = self.moment();
                lifetime::conceal(&mut self.deliveries, moment);
                self.bus.publish(&mut self.deliveries);
            }
            self.is_held_back = !self.deliveries.is_empty();
            self.beat();
            if self.is_serving_all()
                && let Some(ready) = ready.take()
            {
                // Nobody waits when run without a starter.
                let _ = ready.send(());
            }
            if self.is_drained() {
                self.say_goodbye();
                self.ids.release(self.store).await;
                return End::Drained;
            }
            self.wait_for_company().await;
        }
    }

    /// While many answers are still to come, lets some of them, and commands, gather for the next turn. Each wake-up of
    /// this thread interrupts, on a busy machine, the very thread that was about to give it more.
    async fn wait_for_company(&self) {
        if self.ops.len() < BUSY_OPS || self.config.turn_interval.is_zero() {
            return;
        }
        let turn_began = self.started + Duration::from_millis(self.now.steady_ms);
        tokio::time::sleep_until(turn_began + self.config.turn_interval).await;
    }

    /// For what is gone by itself.
    pub(super) fn moment(&self) -> Moment {
        Moment { now: self.now.wall, retention_ms: self.rules.retention_ms }
    }

    fn look_at_clocks(&mut self) {
        let steady_ms = millis(self.started.elapsed());
        self.now = Now { wall: self.worker.wall_clock(), steady_ms };
    }

    /// Only while it may tell their answers: until then they stay in the queue.
    fn take_commands(&mut self, commands: &mut Vec<Command>) {
        if self.is_awake() && self.death.is_none() {
            self.dispatch(commands);
        }
    }

    /// Whether there were any.
    fn take_answers(&mut self, first: Option<Done>) -> bool {
        let mut any = first.is_some();
        if let Some(done) = first {
            self.done(done);
        }
        for _ in 0..ANSWERS_PER_TURN {
            let Some(Some(done)) = self.ops.next().now_or_never() else { break };
            self.done(done);
            any = true;
        }
        any
    }

    /// Everything that follows from the inputs of this turn.
    fn turn(&mut self) {
        let mut due = Vec::new();
        self.wheel.advance(self.now.steady_ms, |tick, key| due.push((tick, key)));
        for (tick, key) in due {
            if let Some(slot) = self.table.get_mut(key)
                && slot.armed == Some(tick)
            {
                slot.armed = None;
                self.with(key, Conversation::timer);
            }
        }
        self.own_timers();
        self.begin_loads();
        self.settle_changed();
        self.answer_pair_asks();
        self.begin_flushes();
        self.begin_verify();
        if let Some(op) = self.ids.due(self.store, self.now.wall, self.now.steady_ms) {
            self.ops.push(op);
        }
        self.hand_over();
        self.evict_idle();
        self.sweep_old();
        self.metrics.conversations.set(self.table.len() as f64);
        self.admission.turn_ended(self.now.steady_ms);
        self.metrics.commands_waiting.set(self.admission.waiting() as f64);
        self.metrics.commands_waiting_limit.set(self.admission.limit() as f64);
    }

    /// Gives a conversation its turn and carries out what it wants.
    pub(super) fn with<T>(
        &mut self,
        key: Key,
        input: impl FnOnce(&mut Conversation, &mut Turn<'_>) -> T,
    ) -> Option<T> {
        let slot = self.table.get_mut(key)?;
        let mut turn = Turn {
            now: self.now,
            is_held_back: self.is_held_back,
            rules: &self.rules,
            ids: &mut self.ids,
            admission: &mut self.admission,
            refused: &mut self.refused,
            metrics: self.metrics,
            deliveries: &mut self.deliveries,
            work: &mut self.work,
            death: &mut self.death,
        };
        let result = input(&mut slot.conversation, &mut turn);
        if !std::mem::replace(&mut slot.changed, true) {
            self.changed.push(key);
        }
        for work in self.work.drain(..) {
            match work {
                Work::Verify(durable) => {
                    self.durable.push(durable);
                    self.durable_keys.push(key);
                }
                // The owner of the pair is this worker: it may have it in memory.
                Work::ReadPair => self.pair_asks.push(key),
                Work::LookUp(_) => {
                    self.metrics.dedupe_lookups.increment(1);
                    self.ops.push(ops::perform(self.store, key, slot.conversation.id(), work));
                }
                work => self.ops.push(ops::perform(self.store, key, slot.conversation.id(), work)),
            }
        }
        Some(result)
    }

    /// Lets every conversation that had an input in this turn form its batch, and sees to what follows from its state.
    pub(super) fn settle_changed(&mut self) {
        // A key in the list has `changed` set until it is settled, so `with` does not put it in again.
        while let Some(key) = self.changed.pop() {
            self.with(key, Conversation::pump);
            let Some(slot) = self.table.get_mut(key) else { continue };
            if slot.loading && !slot.conversation.is_loading() {
                slot.loading = false;
                self.loads -= 1;
            }
            if slot.conversation.is_serving() || slot.conversation.is_absent() {
                let readers = slot.conversation.take_readers();
                if slot.conversation.is_absent() {
                    self.table.remove(key);
                    readers.into_iter().for_each(|command| self.read_absent(command));
                } else {
                    readers.into_iter().for_each(|command| self.read(command));
                }
                self.pass_on_news(key);
            }
            self.arm(key);
        }
    }

    fn arm(&mut self, key: Key) {
        let Some(slot) = self.table.get_mut(key) else { return };
        slot.changed = false;
        if slot.conversation.wants_flush(self.now.steady_ms, &self.rules)
            && !std::mem::replace(&mut slot.flush_queued, true)
        {
            if slot.conversation.owes_members() {
                self.flush_queue.push_front(key);
            } else {
                self.flush_queue.push_back(key);
            }
        }
        let Some(due) = slot.next_due(&self.rules) else { return };
        let is_earlier = slot.armed.is_none_or(|tick| due.div_ceil(TICK_MS) < tick);
        if is_earlier {
            slot.armed = Some(self.wheel.insert(key, due));
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Conversation(key, outcome) => {
                self.with(key, |conversation, turn| conversation.outcome(outcome, turn));
            }
            Done::Verified(verified) => self.verified(verified),
            Done::Flushed(keys, result) => self.flushed(&keys, result),
            Done::Answered(deliveries) => self.answered(deliveries),
            Done::Read(key, moved, deliveries) => {
                self.answered(deliveries);
                if let Some((user, seq)) = moved {
                    self.with(key, |conversation, turn| conversation.note_reach(&user, seq, seq, turn));
                }
            }
            Done::Looked(key, plain, deliveries) => {
                self.answered(deliveries);
                if let (Some((user, changes)), Some(slot)) = (plain, self.table.get_mut(key)) {
                    slot.conversation.note_plain(&user, changes);
                }
            }
            Done::Private(user, id, deliveries) => self.private_done(&user, &id, deliveries),
            Done::Swept(after, dropped) => self.swept(after, dropped),
            Done::Leased(answer) => self.ids.leased(answer, self.now.steady_ms),
            done => self.own_done(done),
        }
    }

    /// A read has ended.
    pub(super) fn answered(&mut self, mut deliveries: Vec<Delivery>) {
        self.reads -= 1;
        self.metrics.reads.set(self.reads as f64);
        self.deliveries.append(&mut deliveries);
    }
}
