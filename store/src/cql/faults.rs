//! Faults in front of a real cluster, for tests: what a call would have met in [`crate::Memory`], it meets here.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::StoreError;
use crate::call::{Call, Op};
use crate::fault::{Drawn, Fault, Faults, Rates, Rule};

type Late = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The faults of one session. Nothing but a flag is looked at until a test programs some.
#[derive(Default)]
pub(super) struct Layer {
    on: AtomicBool,
    faults: Mutex<Faults>,
    late: Mutex<Vec<Late>>,
}

/// How a write goes on.
pub(super) enum Fate {
    /// It is sent; if given, the answer is this one whatever comes of it.
    Sent(Option<StoreError>),
    /// It is sent when late writes arrive; the answer is this one, now.
    Late(StoreError),
    /// It is never sent.
    Never(StoreError),
}

impl Layer {
    pub(super) fn program(&self, rule: Rule) {
        self.faults().program(rule);
        self.on.store(true, Ordering::Release);
    }

    pub(super) fn program_random(&self, seed: u64, rates: Rates) {
        self.faults().program_random(seed, rates);
        self.on.store(true, Ordering::Release);
    }

    pub(super) fn heal(&self) {
        self.faults().heal();
    }

    pub(super) fn rules_left(&self, op: Op) -> usize {
        self.faults().rules_left(op)
    }

    pub(super) fn calls(&self, op: Op) -> usize {
        self.faults().calls(op)
    }

    /// Lets some of what is late arrive, then chooses the call's own fault.
    pub(super) async fn draw(&self, call: &Call) -> Drawn {
        if !self.on.load(Ordering::Acquire) {
            return Drawn::default();
        }
        let (drawn, arriving) = {
            let mut faults = self.faults();
            let mut late = self.late();
            let arriving: Vec<Late> = late.extract_if(.., |_| faults.arrives()).collect();
            (faults.draw(call), arriving)
        };
        for write in arriving {
            write.await;
        }
        drawn
    }

    /// Keeps a write for later.
    pub(super) fn keep(&self, late: Late) {
        self.late().push(late);
    }

    /// Sends everything that is late, in the order in which it was asked for; says how many.
    pub(super) async fn deliver_late(&self) -> usize {
        let arriving = std::mem::take(&mut *self.late());
        let count = arriving.len();
        for write in arriving {
            write.await;
        }
        count
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn late(&self) -> MutexGuard<'_, Vec<Late>> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a fault makes of a write.
pub(super) fn fate(fault: Option<&Fault>, op: Op) -> Fate {
    let unknown = StoreError::Unknown(format!("{} was made to time out", op.name()));
    match fault {
        None => Fate::Sent(None),
        Some(Fault::UnknownApplied) => Fate::Sent(Some(unknown)),
        Some(Fault::UnknownLate) => Fate::Late(unknown),
        Some(Fault::UnknownNever) => Fate::Never(unknown),
        Some(_) => Fate::Never(injected(op)),
    }
}

/// What a read answers that was made to fail.
pub(super) fn injected(op: Op) -> StoreError {
    StoreError::Unavailable(format!("{} was made to fail", op.name()))
}
