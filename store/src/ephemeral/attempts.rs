//! What may fail only so often, such as logins: failures make the next attempts wait, longer each time. For this process alone;
//! Redis does the same for all, with the same rule.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::generations::Generations;

/// Who attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attempt<'a> {
    /// Whoever it is, on this account.
    Account(&'a str),
    /// From this address, or network.
    Address(IpAddr),
}

/// How long failures make wait.
#[derive(Clone, Copy, Debug)]
pub struct AttemptRule {
    /// Failures that cost nothing.
    pub free: u32,
    /// The first wait; each further failure doubles it. In whole milliseconds, as all of these.
    pub first: Duration,
    /// The longest wait.
    pub max: Duration,
    /// After this without a failure, and at most twice this, all is forgotten.
    pub remember: Duration,
}

/// When an attempt counts as failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Not now.
    No,
    /// At once, unless it has to wait: many at the same time do not slip through. Forgiven when it succeeded.
    Yes,
    /// It has failed: in any case.
    Failed,
}

/// Failures, by whom.
pub(super) struct Attempts {
    accounts: Mutex<Option<Generations<Box<str>, Failed>>>,
    addresses: Mutex<Option<Generations<IpAddr, Failed>>>,
    entries_max: usize,
}

#[derive(Clone, Copy)]
struct Failed {
    times: u32,
    until: Instant,
}

impl AttemptRule {
    /// The wait after so many failures.
    fn wait_after(&self, times: u32) -> Duration {
        match times.checked_sub(self.free + 1) {
            None => Duration::ZERO,
            Some(doublings) => self.first.saturating_mul(2_u32.saturating_pow(doublings)).min(self.max),
        }
    }
}

impl Attempts {
    /// Remembers so many accounts, and as many addresses.
    pub(super) fn new(entries_max: usize) -> Self {
        Self { accounts: Mutex::default(), addresses: Mutex::default(), entries_max }
    }

    /// See [`super::Ephemeral::attempt`].
    pub(super) fn attempt(&self, attempt: Attempt<'_>, rule: &AttemptRule, counted: Counted) -> Duration {
        let (max, remember) = (self.entries_max, rule.remember);
        match attempt {
            Attempt::Account(name) => {
                let mut failures = lock(&self.accounts);
                let failures = failures.get_or_insert_with(|| Generations::new(max, remember));
                decide(failures, name.into(), rule, counted)
            }
            Attempt::Address(address) => {
                let mut failures = lock(&self.addresses);
                let failures = failures.get_or_insert_with(|| Generations::new(max, remember));
                decide(failures, address.to_canonical(), rule, counted)
            }
        }
    }

    pub(super) fn forgive(&self, attempt: Attempt<'_>) {
        match attempt {
            Attempt::Account(name) => {
                lock(&self.accounts).as_mut().and_then(|failed| failed.take(name));
            }
            Attempt::Address(address) => {
                lock(&self.addresses).as_mut().and_then(|failed| failed.take(&address.to_canonical()));
            }
        }
    }
}

fn decide<K: std::hash::Hash + Eq>(
    failures: &mut Generations<K, Failed>,
    who: K,
    rule: &AttemptRule,
    counted: Counted,
) -> Duration {
    let now = Instant::now();
    let before = failures.get(&who).copied();
    let wait = before.map_or(Duration::ZERO, |failed| failed.until.saturating_duration_since(now));
    if counted != Counted::Failed && !wait.is_zero() {
        return wait;
    }
    if counted != Counted::No {
        let times = before.map_or(0, |failed| failed.times).saturating_add(1);
        failures.put(who, Failed { times, until: now + rule.wait_after(times) }, now);
    }
    Duration::ZERO
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
