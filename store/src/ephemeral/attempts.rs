//! What may fail only so often, such as logins: failures make the next attempts wait, longer each time. For this process alone;
//! Redis does the same for all, with the same rule.

use std::hash::Hash;
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
    accounts: Mutex<Tables<Box<str>>>,
    addresses: Mutex<Tables<IpAddr>>,
}

/// One for each span that rules remember: what is forgotten soon takes no room from what is not.
struct Tables<K> {
    tables: Vec<(Duration, Generations<K, Failed>)>,
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
    /// Remembers so many accounts, and as many addresses, by the rules that remember for the same time.
    pub(super) fn new(entries_max: usize) -> Self {
        Self { accounts: Tables::new(entries_max), addresses: Tables::new(entries_max) }
    }

    /// See [`super::Ephemeral::attempt`].
    pub(super) fn attempt(&self, attempt: Attempt<'_>, rule: &AttemptRule, counted: Counted) -> Duration {
        match attempt {
            Attempt::Account(name) => {
                decide(lock(&self.accounts).by(rule.remember), name.into(), rule, counted)
            }
            Attempt::Address(address) => {
                decide(lock(&self.addresses).by(rule.remember), address.to_canonical(), rule, counted)
            }
        }
    }

    /// See [`super::Ephemeral::forgive`].
    pub(super) fn forgive(&self, attempt: Attempt<'_>, rule: &AttemptRule) {
        let now = Instant::now();
        match attempt {
            Attempt::Account(name) => {
                lock(&self.accounts).by(rule.remember).take(name, now);
            }
            Attempt::Address(address) => {
                lock(&self.addresses).by(rule.remember).take(&address.to_canonical(), now);
            }
        }
    }

    /// See [`super::Ephemeral::take_back`].
    pub(super) fn take_back(&self, attempt: Attempt<'_>, rule: &AttemptRule) {
        match attempt {
            Attempt::Account(name) => forgive_one(lock(&self.accounts).by(rule.remember), name.into()),
            Attempt::Address(address) => {
                forgive_one(lock(&self.addresses).by(rule.remember), address.to_canonical());
            }
        }
    }
}

impl<K: Hash + Eq> Tables<K> {
    fn new(entries_max: usize) -> Mutex<Self> {
        Mutex::new(Self { tables: Vec::new(), entries_max })
    }

    fn by(&mut self, remember: Duration) -> &mut Generations<K, Failed> {
        let at = self.tables.iter().position(|(span, _)| *span == remember).unwrap_or_else(|| {
            self.tables.push((remember, Generations::new(self.entries_max, remember)));
            self.tables.len() - 1
        });
        &mut self.tables[at].1
    }
}

/// One failure less. Whoever attempted had no wait before, so none is left.
fn forgive_one<K: Hash + Eq>(failures: &mut Generations<K, Failed>, who: K) {
    let now = Instant::now();
    if let Some(failed) = failures.take(&who, now)
        && failed.times > 1
    {
        failures.put(who, Failed { times: failed.times - 1, until: now }, now);
    }
}

fn decide<K: Hash + Eq>(
    failures: &mut Generations<K, Failed>,
    who: K,
    rule: &AttemptRule,
    counted: Counted,
) -> Duration {
    let now = Instant::now();
    let before = failures.get(&who, now).copied();
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
