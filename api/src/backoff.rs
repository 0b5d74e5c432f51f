//! Failed logins make the next ones wait: per account, so that nobody guesses a password, and per address, so that
//! nobody guesses everybody's.
//!
//! **Guarantees.** An attempt on an account counts before the password is checked, so many at once do not slip
//! through; it is forgiven when the password was right. Both tables are bounded.
//!
//! **Does not** lock an account: the wait ends after [`WAIT_MAX`] at most.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashbrown::HashMap;
use proto::Code;
use tokio::time::Instant;

use crate::problem::Problem;

/// Failures of one account that cost nothing.
const FREE_PER_ACCOUNT: u32 = 5;
/// Failures of one address that cost nothing: many people can share one.
const FREE_PER_ADDRESS: u32 = 20;
/// The first wait; each further failure doubles it.
const WAIT_FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// After at most twice this without a failure, all is forgotten.
const REMEMBER: Duration = Duration::from_secs(15 * 60);

/// Who has to wait.
pub(crate) struct Backoff {
    accounts: Mutex<Failures<Box<str>>>,
    addresses: Mutex<Failures<IpAddr>>,
}

/// Failures by key, in two generations: when the young one is full or old it becomes the old one, and what was the
/// old one is forgotten. That bounds it without searching for the oldest.
struct Failures<K> {
    young: HashMap<K, Failed>,
    old: HashMap<K, Failed>,
    turned: Instant,
    generation_max: usize,
    free: u32,
}

#[derive(Clone, Copy)]
struct Failed {
    times: u32,
    until: Instant,
}

impl Backoff {
    /// Remembers at most `entries_max` accounts and as many addresses.
    pub(crate) fn new(entries_max: usize) -> Self {
        Self {
            accounts: Mutex::new(Failures::new(entries_max, FREE_PER_ACCOUNT)),
            addresses: Mutex::new(Failures::new(entries_max, FREE_PER_ADDRESS)),
        }
    }

    /// Whether a login may be tried now; if so, it counts as failed for the account until it succeeds.
    pub(crate) fn admit(&self, account: &str, address: Option<IpAddr>) -> Result<(), Problem> {
        let now = Instant::now();
        if let Some(address) = address {
            refuse(lock(&self.addresses).wait(&network(address), now))?;
        }
        let mut accounts = lock(&self.accounts);
        refuse(accounts.wait(account, now))?;
        accounts.failed(account.into(), now);
        Ok(())
    }

    /// The password was wrong.
    pub(crate) fn failed(&self, address: Option<IpAddr>) {
        if let Some(address) = address {
            lock(&self.addresses).failed(network(address), Instant::now());
        }
    }

    /// The password was right.
    pub(crate) fn succeeded(&self, account: &str) {
        lock(&self.accounts).forgive(account);
    }
}

impl<K: Hash + Eq> Failures<K> {
    fn new(entries_max: usize, free: u32) -> Self {
        let generation_max = (entries_max / 2).max(1);
        Self { young: HashMap::new(), old: HashMap::new(), turned: Instant::now(), generation_max, free }
    }

    /// How long to wait still; zero for not at all.
    fn wait<Q: Hash + hashbrown::Equivalent<K> + ?Sized>(&self, key: &Q, now: Instant) -> Duration {
        let failed = self.young.get(key).or_else(|| self.old.get(key));
        failed.map_or(Duration::ZERO, |failed| failed.until.saturating_duration_since(now))
    }

    fn failed(&mut self, key: K, now: Instant) {
        self.turn(now);
        let before = self.young.get(&key).copied().or_else(|| self.old.remove(&key));
        let times = before.map_or(0, |failed| failed.times).saturating_add(1);
        self.young.insert(key, Failed { times, until: now + wait_after(times, self.free) });
    }

    fn forgive<Q: Hash + hashbrown::Equivalent<K> + ?Sized>(&mut self, key: &Q) {
        self.young.remove(key);
        self.old.remove(key);
    }

    fn turn(&mut self, now: Instant) {
        let age = now.duration_since(self.turned);
        if age >= REMEMBER || self.young.len() >= self.generation_max {
            self.old = std::mem::take(&mut self.young);
            if age >= 2 * REMEMBER {
                self.old.clear();
            }
            self.turned = now;
        }
    }
}

fn wait_after(times: u32, free: u32) -> Duration {
    match times.checked_sub(free + 1) {
        None => Duration::ZERO,
        Some(doublings) => WAIT_FIRST.saturating_mul(2_u32.saturating_pow(doublings)).min(WAIT_MAX),
    }
}

fn refuse(wait: Duration) -> Result<(), Problem> {
    if wait.is_zero() {
        return Ok(());
    }
    let ms = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX).max(1);
    Err(Problem::new(Code::Rate, "too many failed logins").retry_after_ms(ms))
}

/// One customer usually has a whole /64 of IPv6: it counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{Backoff, Duration, FREE_PER_ACCOUNT, FREE_PER_ADDRESS, IpAddr, REMEMBER, WAIT_MAX, lock};

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn account_waits_longer_with_each_failure_and_at_most_a_minute() {
        let backoff = Backoff::new(100);
        for _ in 0..=FREE_PER_ACCOUNT {
            backoff.admit("alice", None).unwrap();
        }
        let mut waited = 1;
        for _ in 0..8 {
            assert!(backoff.admit("alice", None).is_err());
            tokio::time::advance(Duration::from_secs(waited)).await;
            backoff.admit("alice", None).unwrap();
            waited = (waited * 2).min(WAIT_MAX.as_secs());
        }
        assert!(backoff.admit("bob", None).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn right_password_forgives_the_account() {
        let backoff = Backoff::new(100);
        for _ in 0..100 {
            backoff.admit("alice", None).unwrap();
            backoff.succeeded("alice");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn address_waits_whatever_the_accounts() {
        let backoff = Backoff::new(100);
        for n in 0..=FREE_PER_ADDRESS {
            backoff.admit(&format!("user{n}"), address("2001:db8::1")).unwrap();
            backoff.failed(address("2001:db8::1"));
        }
        assert!(backoff.admit("another", address("2001:db8::2")).is_err(), "the same /64");
        assert!(backoff.admit("another", address("2001:db8:0:1::2")).is_ok());
        assert!(backoff.admit("a third", address("192.0.2.1")).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn tables_stay_bounded_and_forget() {
        let backoff = Backoff::new(100);
        for n in 0..10_000 {
            backoff.admit(&format!("user{n}"), None).unwrap();
        }
        let remembered = {
            let accounts = lock(&backoff.accounts);
            accounts.young.len() + accounts.old.len()
        };
        assert!(remembered <= 100, "{remembered}");

        for _ in 0..=FREE_PER_ACCOUNT {
            backoff.admit("alice", None).unwrap();
        }
        tokio::time::advance(2 * REMEMBER).await;
        backoff.admit("bob", None).unwrap();
        assert_eq!(lock(&backoff.accounts).old.len(), 0);
        backoff.admit("alice", None).unwrap();
        assert!(backoff.admit("alice", None).is_ok(), "forgotten");
    }
}
