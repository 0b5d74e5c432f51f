//! A schedule of messages over open connections, and the audit of everything that comes back.
//!
//! ```text
//! schedule ──due──► Engine ──► server ──► Engine ──heard──► ledgers, audit, latencies
//!                     ▲                                          │
//!                     └────────── fetch what stays missing ◄─────┘
//! ```

mod activity;
mod last;
mod listener;
mod outbox;
mod run;
mod whole;
mod window;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use proto::ConversationId;
use serde::{Deserialize, Serialize};

use crate::audit::Audit;
use crate::clock::{Nanos, SECOND};
use crate::course::Course;
use crate::journal::Journal;
use crate::latency::Latencies;
use crate::ledger::Ledger;
use crate::retries::Retries;
use crate::schedule::{Day, Schedule};
use crate::topology::Topology;
pub use activity::{Activity, Nothing};
use last::LastDevice;
use outbox::Outbox;
pub use run::{Outcome, Telling, run};
pub use whole::Whole;
use window::Window;
pub use window::{ANSWER_MAX, Served};

/// After this long without an answer a fetch is repeated.
const FETCH_PATIENCE: Nanos = 5 * SECOND;

/// What is to be sent.
#[derive(Debug)]
pub struct Order {
    /// Who talks to whom.
    pub topology: Topology,
    /// The run's mark.
    pub run: u32,
    /// How fast and how long.
    pub pace: Pace,
    /// Where acknowledged messages are written.
    pub journal: Option<Journal>,
    /// Whether who sends to a group receives it as well.
    pub echoes: bool,
    /// Whether sockets may end: messages wait until their sender is back, and are sent again until they are answered.
    pub patient: bool,
    /// Latencies count of the first so many connections.
    pub judged: usize,
    /// Messages of one sender that may be unanswered; what is due beyond that is withheld. `None`: whatever is due leaves.
    pub unanswered_max: Option<u32>,
    /// Whether it is noted when the last recipient of each message had it.
    pub last_device: bool,
}

/// How fast and how long.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Messages a second.
    pub per_second: f64,
    /// Not counted.
    pub warm_up: Nanos,
    /// Counted.
    pub measured: Nanos,
    /// How long to wait for what is on its way at the end.
    pub grace: Nanos,
    /// Whether the rate rises and falls.
    pub day: Option<Day>,
    /// When the first message is due, on the run's clock; `None`: at once.
    pub start: Option<Nanos>,
}

impl Pace {
    /// A steady one that begins at once.
    pub fn steady(per_second: f64, [warm_up, measured, grace]: [Duration; 3]) -> Self {
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self {
            per_second,
            warm_up: nanos(warm_up),
            measured: nanos(measured),
            grace: nanos(grace),
            day: None,
            start: None,
        }
    }

    fn schedule(&self, start: Nanos) -> Schedule {
        Schedule::new(start, self.per_second, self.warm_up, self.measured).with_day(self.day)
    }
}

impl Order {
    /// Of everybody, on sockets that stay.
    pub fn new(topology: Topology, run: u32, pace: Pace) -> Self {
        Self {
            topology,
            run,
            pace,
            journal: None,
            echoes: false,
            patient: false,
            judged: usize::MAX,
            unanswered_max: None,
            last_device: false,
        }
    }
}

/// The state of a run; hears all frames.
#[derive(Debug)]
pub struct Traffic {
    topology: Topology,
    run: u32,
    pace: Pace,
    /// The number of this process's first connection, and of its first place.
    first: usize,
    first_place: usize,
    echoes: bool,
    patient: bool,
    judged: usize,
    /// `None` until the messages begin.
    schedule: Option<Schedule>,
    /// By place, from that of the first connection.
    ledgers: Vec<Ledger>,
    /// The gap of each place at the last look, 0 for none.
    gaps: Vec<u64>,
    audit: Audit,
    outbox: Outbox,
    /// `None`: whatever is due leaves.
    window: Option<Window>,
    /// `None`: nobody asks.
    last: Option<LastDevice>,
    journal: Option<Journal>,
    failure: Option<anyhow::Error>,
    /// Pages of old history that were asked for, when, by whom.
    pages: HashMap<usize, (ConversationId, Nanos)>,
    /// Holes behind a page that arrived: whose, where, from which seq.
    more: Vec<(usize, ConversationId, u64)>,
    /// Places for which a fetch is on its way, and since when.
    fetching: HashMap<usize, Nanos>,
    /// Connections of which a fetch was refused for now.
    refused_fetches: Retries<usize>,
    /// Messages that were refused for now, where they are sent until they are answered.
    refused_sends: Retries<u64>,
    /// Messages that were sent again: a server that had stored one pushes it again, which clients tell by its seq.
    sent_again: HashSet<u64>,
    /// Whom the server has told to leave, and when they should.
    sent_away: Vec<(usize, Nanos)>,
    /// Latencies and rates, second by second.
    pub course: Course,
    /// What happened beside messages.
    pub aside: Aside,
}

/// What happened beside messages.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Aside {
    /// Deliveries that came by `fetch` and not by push.
    pub healed: u64,
    /// Fetches sent.
    pub fetches: u64,
    /// Fetches refused for now, each of which was repeated.
    pub fetches_refused: u64,
    /// `resync` and `goaway` frames.
    pub alarms: u64,
    /// Refusals by the name of their code.
    pub refusals: BTreeMap<Cow<'static, str>, u64>,
    /// Messages that were sent again, on a new socket or because they were refused for now.
    pub resent: u64,
    /// Pushes of such messages to who had them already, at the same seq.
    pub repeated: u64,
    /// From asking for a page of history to its arrival.
    pub pages: Latencies,
    /// How senders with a bounded number of unanswered messages were served.
    pub served: Served,
}

impl Aside {
    /// Adds what happened in another process.
    pub fn merge(&mut self, other: &Self) {
        self.healed += other.healed;
        self.fetches += other.fetches;
        self.fetches_refused += other.fetches_refused;
        self.alarms += other.alarms;
        self.resent += other.resent;
        self.repeated += other.repeated;
        self.pages.merge(&other.pages);
        self.served.merge(&other.served);
        for (code, count) in &other.refusals {
            *self.refusals.entry(code.clone()).or_default() += count;
        }
    }
}

impl Traffic {
    /// Ready to hear what connections say while they are opened.
    pub fn new(order: Order) -> Self {
        let places = order.topology.my_places();
        let messages = order.pace.schedule(0).total();
        Self {
            first: order.topology.mine().start,
            first_place: places.start,
            outbox: Outbox::new(if order.patient { order.topology.mine().len() } else { 0 }),
            window: order.unanswered_max.map(|max| Window::new(max, order.topology.mine().len())),
            last: order.last_device.then(|| LastDevice::new(messages)),
            topology: order.topology,
            run: order.run,
            pace: order.pace,
            echoes: order.echoes,
            patient: order.patient,
            judged: order.judged,
            schedule: None,
            ledgers: vec![Ledger::default(); places.len()],
            gaps: vec![0; places.len()],
            audit: Audit::new(messages),
            journal: order.journal,
            failure: None,
            pages: HashMap::new(),
            more: Vec::new(),
            fetching: HashMap::new(),
            refused_fetches: Retries::default(),
            refused_sends: Retries::default(),
            sent_again: HashSet::new(),
            sent_away: Vec::new(),
            course: Course::default(),
            aside: Aside::default(),
        }
    }

    /// Whom the server has told to leave since the last call, and when they should.
    pub fn take_sent_away(&mut self) -> Vec<(usize, Nanos)> {
        std::mem::take(&mut self.sent_away)
    }

    /// The first message is due then, and not at once.
    pub fn start_at(&mut self, start: Nanos) {
        self.pace.start = Some(start);
    }

    /// Begins the messages at `start`: what is in the conversations by now is older than the run.
    fn begin(&mut self, start: Nanos) -> Schedule {
        let mut place = 0;
        while place < self.ledgers.len() {
            let companions = self.topology.companions(place + self.first_place);
            let own = companions.start.saturating_sub(self.first_place)
                ..(companions.end.saturating_sub(self.first_place)).min(self.ledgers.len());
            let newest = own.clone().map(|one| self.ledgers[one].newest()).max().unwrap_or(0);
            for one in own.clone() {
                self.ledgers[one].begin(newest);
            }
            place = own.end.max(place + 1);
        }
        let schedule = self.pace.schedule(start);
        self.schedule = Some(schedule);
        schedule
    }

    /// The ledger of connection `who` for message `number`.
    fn place(&self, who: usize, number: u64) -> Option<usize> {
        self.topology.place(who + self.first, number).map(|place| place - self.first_place)
    }

    /// The ledger of connection `who` for a conversation.
    fn place_of(&self, who: usize, conversation: &ConversationId) -> Option<usize> {
        self.topology.place_of(who + self.first, conversation).map(|place| place - self.first_place)
    }

    /// Places that miss the same thing as at the last look, whose they are, and what: the rest may still be on its way.
    fn stuck(&mut self, now: Nanos) -> Vec<(usize, ConversationId, u64)> {
        let mut stuck = Vec::new();
        for (place, ledger) in self.ledgers.iter().enumerate() {
            let gap = ledger.gap().unwrap_or(0);
            let asked = self.fetching.get(&place).is_some_and(|asked| now < asked + FETCH_PATIENCE);
            if gap != 0 && gap == self.gaps[place] && !asked {
                let who = self.topology.owner(place + self.first_place) - self.first;
                stuck.push((who, self.topology.conversation(place + self.first_place), gap));
            }
            self.gaps[place] = gap;
        }
        stuck
    }

    /// Whether connection `who` misses nothing that it knows of.
    pub fn is_complete(&self, who: usize) -> bool {
        let places = self.topology.places_of(who + self.first);
        places.map(|place| place - self.first_place).all(|place| self.ledgers[place].gap().is_none())
    }

    /// Who talks to whom.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// How many connections are this process's.
    pub fn own_count(&self) -> usize {
        self.topology.mine().len()
    }

    /// The book, for another process to add.
    pub fn audit(&self) -> &Audit {
        &self.audit
    }
}
