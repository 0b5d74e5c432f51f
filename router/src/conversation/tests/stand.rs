//! A conversation with nothing around it: a test is its store, its clock and its worker.

use std::sync::Arc;

use futures_util::future::FutureExt as _;
use proto::client_frame::Send;
use proto::command::{GroupRequest, Origin, Source};
use proto::delivery::Control;
use proto::{
    Delivery, DeviceId, MessageId, NodeId, Payload, Reply, Request, Seq, ServerFrame, SessionRef, Target,
    Timestamp, TraceId,
};
use store::{Batch, Cas, Durable, IncarnationId, Register, Store};

use super::super::*;
pub use super::pieces::*;
use crate::metrics::Metrics;
use crate::rules::admission::{Admission, AdmissionRules};
use crate::rules::contacts::Regard;
use crate::rules::membership::{GroupRules, History};
use crate::rules::overlay::{Pins, State};
use crate::rules::refused::Refused;
use crate::told;
use crate::turn::{ChangeRules, Death, MessageIds, Now, Recovered, Rules, Work};

const ME: IncarnationId = IncarnationId(1);

/// See the module.
pub struct Stand {
    pub conversation: Conversation,
    pub rules: Rules,
    /// The steady clock, in milliseconds.
    pub steady_ms: u64,
    /// How far the wall clock is ahead of [`START`] besides.
    pub wall_ahead_ms: u64,
    pub ids: Numbers,
    pub admission: Admission,
    refused: Refused,
    pub death: Option<Death>,
    /// What the worker answers when it is asked what two users are to each other, if it does.
    pub regard: Regard,
    pub regards: bool,
    pub is_held_back: bool,
    metrics: Metrics,
    deliveries: Vec<Delivery>,
    work: Vec<Work>,
    store: Store,
}

/// Message ids 1, 2, 3, …, or none.
#[derive(Default)]
pub struct Numbers {
    last: u64,
    pub none: bool,
}

impl MessageIds for Numbers {
    fn next(&mut self, _now: Timestamp) -> Option<MessageId> {
        self.last += 1;
        (!self.none).then_some(MessageId(self.last))
    }
}

impl Stand {
    /// Between alice and bob; not loaded yet.
    pub fn direct() -> Self {
        Self::of(ConversationId::direct(&user("alice"), &user("bob")), false)
    }

    /// Not loaded yet.
    pub fn of(id: ConversationId, touched: bool) -> Self {
        let store = Store::memory();
        store.announce(ME).now_or_never().unwrap().unwrap();
        let rules = Rules {
            group: GroupRules { members_max: 10, history: History::Whole },
            changes: ChangeRules { recall_ms: 120_000, edit_ms: 3_600_000 },
            contacts: crate::ContactRules::OPEN,
            confirms: crate::ConfirmRules::USUAL,
            retention_ms: 0,
            bucket_entries_max: 100_000,
            bucket_bytes_max: 1 << 30,
            queue_max: 1_000,
            flush_ms: 1_000,
            quiet_ms: 30_000,
            give_up_ms: 20_000,
            window: WINDOW,
        };
        Self {
            conversation: Conversation::new(id, EPOCH, touched),
            rules,
            steady_ms: 0,
            wall_ahead_ms: 0,
            ids: Numbers::default(),
            admission: Admission::new(AdmissionRules { wait_ms: 1_000, waiting_max: 4_000 }),
            refused: Refused::default(),
            death: None,
            regard: Regard::default(),
            regards: true,
            is_held_back: false,
            metrics: Metrics::new(0),
            deliveries: Vec::new(),
            work: Vec::new(),
            store,
        }
    }

    /// Between alice and bob, new and empty, serving.
    pub fn serving() -> Self {
        let mut stand = Self::direct();
        stand.load_new();
        stand
    }

    /// The group "team" that olga has created with these members, serving; its log has one entry.
    pub fn group(members: &[&str]) -> Self {
        let mut stand = Self::of(ConversationId::group(&team()), false);
        let create = GroupRequest::Create { name: "Team".into(), members: users(members), settings: None };
        stand.change(1, "olga", create);
        stand.load_new_group();
        stand.persists();
        stand.said();
        stand
    }

    /// Between alice and bob with `last` old entries, taken over and serving.
    pub fn taken_over(last: u64) -> Self {
        let mut stand = Self::direct();
        stand.begin();
        stand.outcome(Outcome::Register(Ok(Some(register(4, last + 1)))));
        let Work::ReadTail { seqs, .. } = stand.only() else { panic!("reads the tail") };
        let first = (last + 1).saturating_sub(seqs as u64).max(1);
        stand.outcome(Outcome::Tail(Ok(rows(first..=last, 3))));
        stand.moves();
        stand.passes();
        let Work::Recover { .. } = stand.only() else { panic!("looks at the projections") };
        let head = Some(head_row(stand.conversation.id(), last));
        stand.outcome(Outcome::Recovered(Ok(Box::new(Recovered { head, ..Recovered::default() }))));
        stand.said();
        stand
    }

    pub fn load_new(&mut self) {
        self.begin();
        self.outcome(Outcome::Register(Ok(None)));
        self.moves();
        self.passes();
        assert!(self.conversation.is_serving());
    }

    /// Nobody wrote to it, and a creation waits.
    pub fn load_new_group(&mut self) {
        self.begin();
        self.outcome(Outcome::Register(Ok(None)));
        self.moves();
        self.passes();
        assert!(matches!(self.only(), Work::Recover { .. }));
        self.outcome(Outcome::Recovered(Ok(Box::new(Recovered::default()))));
    }

    pub fn wall(&self) -> Timestamp {
        START.plus_ms(self.steady_ms + self.wall_ahead_ms)
    }

    pub fn turn<T>(&mut self, input: impl FnOnce(&mut Conversation, &mut Turn<'_>) -> T) -> T {
        let mut turn = Turn {
            now: Now { wall: START.plus_ms(self.steady_ms + self.wall_ahead_ms), steady_ms: self.steady_ms },
            is_held_back: self.is_held_back,
            rules: &self.rules,
            ids: &mut self.ids,
            admission: &mut self.admission,
            refused: &mut self.refused,
            metrics: &self.metrics,
            deliveries: &mut self.deliveries,
            work: &mut self.work,
            death: &mut self.death,
        };
        let result = input(&mut self.conversation, &mut turn);
        // What two users are to each other is asked of the worker, which mostly knows.
        while self.regards
            && let Some(asked) = turn.work.iter().position(|work| matches!(work, Work::ReadPair))
        {
            turn.work.remove(asked);
            self.conversation.outcome(Outcome::Pair(Ok(self.regard)), &mut turn);
        }
        result
    }

    /// Begins to load; the read of the register is taken as seen.
    pub fn begin(&mut self) {
        self.turn(|conversation, turn| conversation.begin_load(turn));
        assert!(matches!(self.only(), Work::ReadRegister(store::Level::Quorum)));
    }

    pub fn outcome(&mut self, outcome: Outcome) {
        self.turn(|conversation, turn| conversation.outcome(outcome, turn));
    }

    /// Time passes and the worker looks at what is due.
    pub fn after(&mut self, ms: u64) {
        self.steady_ms += ms;
        self.turn(|conversation, turn| {
            conversation.timer(turn);
            conversation.pump(turn);
        });
    }

    /// Nothing more happens, for so long that the head was told for the last time and the mark may go.
    pub fn falls_quiet(&mut self) {
        for ms in [1_000, 4_000, self.rules.quiet_ms - 5_000] {
            self.after(ms);
        }
    }

    /// Answers what was asked about messages that changes are about: each as it is in memory, never changed before.
    pub fn answers_targets(&mut self) {
        for work in self.work() {
            let Work::ReadTarget { target, generation, .. } = work else {
                self.work.push(work);
                continue;
            };
            let entry = self.conversation.entries(target.seq, target.seq).and_then(|mut found| found.pop());
            let of = |entry: proto::Entry| {
                let (state, pins) = (State::of(entry.seq), Some(Pins::default()));
                Box::new(super::super::Target { entry, state, pins })
            };
            self.outcome(Outcome::Target(target, generation, Ok(entry.map(of))));
        }
    }

    /// What was asked of the store since the last look.
    pub fn work(&mut self) -> Vec<Work> {
        std::mem::take(&mut self.work)
    }

    /// The one thing that was asked.
    pub fn only(&mut self) -> Work {
        let mut work = self.work();
        assert_eq!(work.len(), 1, "asked of the store: {work:?}");
        work.remove(0)
    }

    pub fn asks_nothing(&mut self) {
        let work = self.work();
        assert!(work.is_empty(), "asked of the store: {work:?}");
    }

    /// The conditional write that is asked is applied.
    pub fn moves(&mut self) -> Register {
        let Work::MoveRegister { new, .. } = self.only() else { panic!("moves the register") };
        self.outcome(Outcome::Moved(Cas::Applied(new)));
        new
    }

    /// The batch that is asked to be appended.
    pub fn appends(&mut self) -> Arc<Batch> {
        match self.only() {
            Work::Append(batch) => batch,
            other => panic!("appends nothing but {other:?}"),
        }
    }

    /// The batch is durable now; it wants to be checked.
    pub fn is_durable(&mut self, batch: &Batch) {
        let upto = batch.entries.last().unwrap().seq;
        self.outcome(Outcome::Appended(Ok(self.durable(batch.epoch, upto))));
    }

    pub fn durable(&self, epoch: Epoch, upto: Seq) -> Durable {
        Durable::reloaded(self.conversation.id(), &Register { epoch, ..register(1, 1) }, upto)
    }

    /// The check that is asked passes.
    pub fn passes(&mut self) {
        let Work::Verify(durable) = self.only() else { panic!("wants a check") };
        self.tells(durable);
    }

    /// A check of this passes.
    pub fn tells(&mut self, durable: Durable) {
        let verified = self.store.verify(ME, vec![durable]).now_or_never().unwrap().unwrap();
        for told in told::each(&verified) {
            self.turn(|conversation, turn| conversation.told(&told, turn));
        }
    }

    /// Append, durable, checked, told.
    pub fn persists(&mut self) -> Arc<Batch> {
        let batch = self.appends();
        self.is_durable(&batch);
        self.passes();
        batch
    }

    /// Takes a command and lets the worker pump.
    pub fn command(&mut self, command: Command) {
        self.turn(|conversation, turn| {
            conversation.enqueue(command, turn);
            conversation.pump(turn);
        });
    }

    /// Alice sends this; the answer goes to the session of the same number.
    pub fn send(&mut self, send: Send) {
        let command = self.command_of("alice", send);
        self.command(command);
    }

    pub fn command_of(&self, name: &str, send: Send) -> Command {
        let number = u128::from_be_bytes(send.client_message_id.0);
        self.asks(u64::try_from(number).unwrap(), name, Request::Send(send))
    }

    /// A session of the user asks for a change of the group.
    pub fn change(&mut self, session: u64, name: &str, request: GroupRequest) {
        let command = self.asks(session, name, Request::Group(team(), request));
        self.command(command);
    }

    pub fn asks(&self, session: u64, name: &str, request: Request) -> Command {
        Command {
            origin: Origin {
                user: user(name),
                device: DeviceId::unnamed(),
                session: SessionRef { node: NodeId(7), session },
                source: Source::Client,
            },
            deadline: self.wall().plus_ms(10_000),
            epoch: EPOCH,
            once: None,
            trace: TraceId(u128::from(session)),
            request,
        }
    }

    /// Writes the projections that are due now, if any are.
    pub fn written(&mut self) -> Option<Arc<Flush>> {
        if !self.conversation.wants_flush(self.steady_ms, &self.rules) {
            return None;
        }
        let flush = self.turn(|conversation, turn| conversation.begin_flush(Urgency::Due, turn));
        self.ends(true);
        flush
    }

    /// The write of projections has ended.
    pub fn ends(&mut self, done: bool) {
        self.turn(|conversation, turn| {
            let written = conversation.flushed(done, turn.now.steady_ms);
            conversation.tell_held(turn);
            if let Some(flush) = written {
                conversation.tell_members_again(flush.group.as_ref(), turn);
            }
        });
    }

    /// What was told since the last look, as it is.
    pub fn deliveries(&mut self) -> Vec<Delivery> {
        std::mem::take(&mut self.deliveries)
    }

    /// What was told since the last look, in order.
    pub fn said(&mut self) -> Vec<String> {
        self.deliveries.drain(..).map(|delivery| words(&delivery)).collect()
    }
}

/// `bob event 3`, `bob event 3 except 7` (a session), `7 ack 3`, `7 nack BUSY`, `bob joins team`.
fn words(delivery: &Delivery) -> String {
    let to = match &delivery.target {
        Target::User(user) => user.to_string(),
        Target::Group(group) => group.to_string(),
        Target::Presence(user) => format!("watchers of {user}"),
        Target::Node(node) => format!("node {}", node.0),
        Target::Everyone => "everyone".to_owned(),
    };
    match &delivery.payload {
        Payload::Fanout(fanout) => {
            let except = fanout.except.map_or(String::new(), |it| format!(" except {}", it.session));
            match fanout.frame.frame() {
                ServerFrame::Event(event) => {
                    assert_eq!(fanout.seq, event.entry.seq);
                    format!("{to} event {}{except}", event.entry.seq)
                }
                ServerFrame::Head(head) => format!("{to} head {}{except}", head.last),
                ServerFrame::Live(event) => {
                    assert_eq!((fanout.seq, event.entry.seq), (Seq::ZERO, Seq::ZERO));
                    format!("{to} live {}{except}", event.entry.sender)
                }
                other => format!("{to} {other:?}"),
            }
        }
        Payload::Reply(session, Reply::Settled) => format!("{session} settled"),
        Payload::Reply(session, Reply::Frame(ServerFrame::Ack(ack))) => format!("{session} ack {}", ack.seq),
        Payload::Reply(session, Reply::Frame(ServerFrame::Nack(nack))) => {
            format!("{session} nack {}", nack.code.name())
        }
        Payload::Reply(session, Reply::GroupDone(done)) => {
            format!("{session} done {} with {}", done.seq, done.members)
        }
        Payload::Reply(session, other) => format!("{session} {other:?}"),
        Payload::Control(Control::JoinedGroup(group)) => format!("{to} joins {group}"),
        Payload::Control(Control::LeftGroup(group)) => format!("{to} leaves {group}"),
        Payload::Control(other) => format!("{to} {other:?}"),
        Payload::Broadcast(frame) => format!("{to} {:?}", frame.frame()),
    }
}
