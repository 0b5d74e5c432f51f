//! A schedule of messages over open connections, and the audit of everything that comes back.
//!
//! ```text
//! schedule ──due──► Engine ──► server ──► Engine ──heard──► ledgers, audit, latencies
//!                     ▲                                          │
//!                     └────────── fetch what stays missing ◄─────┘
//! ```

mod listener;
mod run;

use std::collections::BTreeMap;

use proto::ConversationId;

use crate::audit::Audit;
use crate::clock::Nanos;
use crate::course::Course;
use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::schedule::Schedule;
use crate::topology::Topology;
pub use run::{Outcome, run};

/// What is to be sent.
#[derive(Debug)]
pub struct Order {
    /// Who talks to whom.
    pub topology: Topology,
    /// The run's mark.
    pub run: u32,
    /// Messages a second.
    pub per_second: f64,
    /// Not counted.
    pub warm_up: Nanos,
    /// Counted.
    pub measured: Nanos,
    /// How long to wait for what is on its way at the end.
    pub grace: Nanos,
    /// Where acknowledged messages are written.
    pub journal: Option<Journal>,
}

/// The state of a run; hears all frames.
#[derive(Debug)]
pub struct Traffic {
    topology: Topology,
    run: u32,
    /// `None` until the messages begin.
    schedule: Option<Schedule>,
    ledgers: Vec<Ledger>,
    /// The gap of each connection at the last look, 0 for none.
    gaps: Vec<u64>,
    audit: Audit,
    journal: Option<Journal>,
    failure: Option<anyhow::Error>,
    /// Latencies and rates, second by second.
    pub course: Course,
    /// What happened beside messages.
    pub aside: Aside,
}

/// What happened beside messages.
#[derive(Clone, Debug, Default)]
pub struct Aside {
    /// Deliveries that came by `fetch` and not by push.
    pub healed: u64,
    /// Fetches sent.
    pub fetches: u64,
    /// `resync` and `goaway` frames.
    pub alarms: u64,
    /// Refusals by the name of their code.
    pub refusals: BTreeMap<&'static str, u64>,
}

impl Traffic {
    /// Ready to hear what connections say while they are opened.
    pub fn new(order: Order) -> (Self, Pace) {
        let pace = Pace {
            per_second: order.per_second,
            warm_up: order.warm_up,
            measured: order.measured,
            grace: order.grace,
        };
        let connections = order.topology.users().len();
        let recipients = order.topology.recipients();
        let messages = Schedule::new(0, pace.per_second, pace.warm_up, pace.measured).total();
        let traffic = Self {
            topology: order.topology,
            run: order.run,
            schedule: None,
            ledgers: vec![Ledger::default(); connections],
            gaps: vec![0; connections],
            audit: Audit::new(messages, recipients),
            journal: order.journal,
            failure: None,
            course: Course::default(),
            aside: Aside::default(),
        };
        (traffic, pace)
    }

    /// Begins the messages at `start`: what is in the conversations by now is older than the run.
    fn begin(&mut self, start: Nanos, pace: &Pace) -> Schedule {
        let mut who = 0;
        while who < self.ledgers.len() {
            let companions = self.topology.companions(who);
            let newest = companions.clone().map(|one| self.ledgers[one].newest()).max().unwrap_or(0);
            for one in companions.clone() {
                self.ledgers[one].begin(newest);
            }
            who = companions.end.max(who + 1);
        }
        let schedule = Schedule::new(start, pace.per_second, pace.warm_up, pace.measured);
        self.schedule = Some(schedule);
        schedule
    }

    /// Connections that miss the same thing as at the last look, and what: the rest may still be on its way.
    fn stuck(&mut self) -> Vec<(usize, ConversationId, u64)> {
        let mut stuck = Vec::new();
        for (who, ledger) in self.ledgers.iter().enumerate() {
            let gap = ledger.gap().unwrap_or(0);
            if gap != 0 && gap == self.gaps[who] {
                stuck.push((who, self.topology.conversation(who), gap));
            }
            self.gaps[who] = gap;
        }
        stuck
    }
}

/// How fast and how long.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    per_second: f64,
    warm_up: Nanos,
    measured: Nanos,
    grace: Nanos,
}
