//! Faults that a test programs, in memory or in front of a cluster: which calls, and what happens to them.

mod random;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

pub use self::random::Rates;

use self::random::Random;
use crate::call::{Call, Op};

/// What happens to a call.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nothing takes place; the answer is `Unavailable`.
    Fail,
    /// A write takes place, but the answer is `Unknown`. A read answers `Unavailable`, here and below.
    UnknownApplied,
    /// A write never takes place, and the answer is `Unknown`.
    UnknownNever,
    /// The answer is `Unknown`, and the write takes place at some later time, with its condition, if it has one, judged
    /// then: when [`crate::Memory::deliver_late`] is called, or by chance before later calls of a random plan.
    UnknownLate,
    /// `verify` answers `Fenced`; other calls fail.
    Fenced,
    /// The call waits before it takes place.
    HoldBefore(Gate),
    /// The call takes place at once; its answer waits.
    HoldAfter(Gate),
    /// The call takes place after a time of tokio's clock.
    SlowBefore(Duration),
    /// The call takes place at once, its answer comes after a time of tokio's clock.
    SlowAfter(Duration),
}

/// Holds calls until a test opens it.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    open: Arc<watch::Sender<bool>>,
    arrived: Arc<watch::Sender<usize>>,
}

impl Gate {
    /// Lets everything through, now and later.
    pub fn open(&self) {
        self.open.send_replace(true);
    }

    /// Waits until at least `calls` have come to the gate.
    pub async fn arrived(&self, calls: usize) {
        // The sender lives in self, so the wait cannot fail.
        let _ = self.arrived.subscribe().wait_for(|arrived| *arrived >= calls).await;
    }

    async fn pass(&self) {
        self.arrived.send_modify(|arrived| *arrived += 1);
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }
}

/// Which calls have a fault.
pub struct Rule {
    fault: Fault,
    op: Option<Op>,
    skip: usize,
    times: usize,
    when: Box<dyn Fn(&Call) -> bool + Send>,
}

impl Rule {
    /// Every call, until narrowed; once.
    pub fn new(fault: Fault) -> Self {
        Self { fault, op: None, skip: 0, times: 1, when: Box::new(|_| true) }
    }

    /// Only calls of one kind.
    #[must_use]
    pub fn op(mut self, op: Op) -> Self {
        self.op = Some(op);
        self
    }

    /// Only calls for which this holds.
    #[must_use]
    pub fn when(mut self, when: impl Fn(&Call) -> bool + Send + 'static) -> Self {
        self.when = Box::new(when);
        self
    }

    /// Not the first `calls` that match.
    #[must_use]
    pub fn skip(mut self, calls: usize) -> Self {
        self.skip = calls;
        self
    }

    /// So many calls; `usize::MAX` for all.
    #[must_use]
    pub fn times(mut self, calls: usize) -> Self {
        self.times = calls;
        self
    }

    fn takes(&mut self, call: &Call) -> bool {
        if self.times == 0 || self.op.is_some_and(|op| op != call.op) || !(self.when)(call) {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.times -= 1;
        true
    }
}

/// What one call meets: a wait, an outcome, another wait.
#[derive(Default)]
pub(crate) struct Drawn {
    pub(crate) before: Wait,
    pub(crate) fault: Option<Fault>,
    pub(crate) after: Wait,
}

/// How long a call waits.
#[derive(Default)]
pub(crate) enum Wait {
    #[default]
    No,
    Gate(Gate),
    Time(Duration),
}

impl Wait {
    pub(crate) async fn wait(&self) {
        match self {
            Self::No => {}
            Self::Gate(gate) => gate.pass().await,
            Self::Time(time) => tokio::time::sleep(*time).await,
        }
    }
}

/// All programmed faults.
#[derive(Default)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
    random: Option<Random>,
    calls: BTreeMap<Op, usize>,
}

impl Faults {
    pub(crate) fn program(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    pub(crate) fn program_random(&mut self, seed: u64, rates: Rates) {
        self.random = Some(Random::new(seed, rates));
    }

    pub(crate) fn heal(&mut self) {
        self.rules.clear();
        self.random = None;
    }

    /// Rules for one kind of calls that are not used up.
    pub(crate) fn rules_left(&self, op: Op) -> usize {
        self.rules.iter().filter(|rule| rule.times > 0 && rule.op == Some(op)).count()
    }

    pub(crate) fn calls(&self, op: Op) -> usize {
        self.calls.get(&op).copied().unwrap_or(0)
    }

    /// Whether a late write arrives now; only random plans decide that by themselves.
    pub(crate) fn arrives(&mut self) -> bool {
        self.random.as_mut().is_some_and(Random::arrives)
    }

    pub(crate) fn draw(&mut self, call: &Call) -> Drawn {
        *self.calls.entry(call.op).or_default() += 1;
        let ruled = self.rules.iter_mut().find_map(|rule| rule.takes(call).then(|| rule.fault.clone()));
        let fault = ruled.or_else(|| self.random.as_mut().and_then(|random| random.fault(call.op)));
        match fault {
            Some(Fault::HoldBefore(gate)) => Drawn { before: Wait::Gate(gate), ..Drawn::default() },
            Some(Fault::HoldAfter(gate)) => Drawn { after: Wait::Gate(gate), ..Drawn::default() },
            Some(Fault::SlowBefore(time)) => Drawn { before: Wait::Time(time), ..Drawn::default() },
            Some(Fault::SlowAfter(time)) => Drawn { after: Wait::Time(time), ..Drawn::default() },
            fault => Drawn { fault, ..Drawn::default() },
        }
    }
}
