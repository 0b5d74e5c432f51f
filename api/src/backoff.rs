//! Failed logins make the next ones wait: per account, so that nobody guesses a password, and per address, so that
//! nobody guesses everybody's. Registrations from an address, searches for users and look-ups of them make the next ones wait in the same way. Counted for all API processes together where they share something.
//!
//! **Guarantees.** An attempt on an account counts before the password is checked, so many at once do not slip
//! through; it is forgiven when the password was right. What is remembered is bounded.
//!
//! **Does not** lock an account: the wait ends after [`RULE_MAX`] at most.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use proto::Code;
use store::{Attempt, AttemptRule, Counted, Ephemeral};

use crate::caller::Caller;
use crate::problem::Problem;

/// The longest wait.
const RULE_MAX: Duration = Duration::from_secs(60);

const PER_ACCOUNT: AttemptRule = AttemptRule {
    free: 5,
    first: Duration::from_secs(1),
    max: RULE_MAX,
    remember: Duration::from_secs(15 * 60),
};

/// Many people can share an address.
const PER_ADDRESS: AttemptRule = AttemptRule { free: 20, ..PER_ACCOUNT };

/// People look for a few others, not for all.
const PER_SEARCHER: AttemptRule = AttemptRule {
    free: 30,
    first: Duration::from_secs(1),
    max: Duration::from_secs(10),
    remember: Duration::from_secs(60),
};

/// A page that opens a large group asks who they all are, once for each.
const PER_READER: AttemptRule = AttemptRule {
    free: 500,
    first: Duration::from_millis(250),
    max: Duration::from_secs(1),
    remember: Duration::from_secs(60),
};

/// Nobody makes accounts by the thousand; a class or an office makes dozens at once.
const PER_MAKER: AttemptRule = AttemptRule {
    free: 100,
    first: Duration::from_secs(1),
    max: Duration::from_secs(10),
    remember: Duration::from_secs(10 * 60),
};

const FAILED: &str = "too many failed logins";

/// Who has to wait.
pub(crate) struct Backoff(Ephemeral);

impl Backoff {
    /// Remembers there.
    pub(crate) fn new(ephemeral: Ephemeral) -> Self {
        Self(ephemeral)
    }

    /// Whether a login may be tried now; if so, it counts as failed for the account until it succeeds.
    pub(crate) async fn admit(&self, account: &str, address: Option<IpAddr>) -> Result<(), Problem> {
        if let Some(address) = address {
            let attempt = Attempt::Address(network(address));
            refuse(self.0.attempt(attempt, &PER_ADDRESS, Counted::No).await, FAILED)?;
        }
        refuse(self.0.attempt(Attempt::Account(account), &PER_ACCOUNT, Counted::Yes).await, FAILED)
    }

    /// Whether an account may be made from there now; each try counts. From the machine itself always, as connections may come.
    pub(crate) async fn admit_registration(&self, address: Option<IpAddr>) -> Result<(), Problem> {
        let Some(network) = address.map(network).filter(|address| !address.is_loopback()) else {
            return Ok(());
        };
        let name = format!("register {network}");
        refuse(
            self.0.attempt(Attempt::Account(&name), &PER_MAKER, Counted::Yes).await,
            "too many accounts are made from this address",
        )
    }

    /// Whether a caller may search for others now, by a name or its beginning. Each search counts; services may.
    pub(crate) async fn admit_search(&self, caller: &Caller) -> Result<(), Problem> {
        self.admit_reading("search", caller, &PER_SEARCHER, "too many searches").await
    }

    /// Whether a caller may look others up now, by their ids. Each look counts; services may.
    pub(crate) async fn admit_look_up(&self, caller: &Caller) -> Result<(), Problem> {
        self.admit_reading("look-up", caller, &PER_READER, "too many users looked up").await
    }

    async fn admit_reading(
        &self,
        what: &str,
        caller: &Caller,
        rule: &AttemptRule,
        why: &str,
    ) -> Result<(), Problem> {
        if caller.is_service() {
            return Ok(());
        }
        // No username has a space; nor does what registrations are counted by.
        let name = format!("{what} {}", caller.0.user);
        refuse(self.0.attempt(Attempt::Account(&name), rule, Counted::Yes).await, why)
    }

    /// The password was wrong.
    pub(crate) async fn failed(&self, address: Option<IpAddr>) {
        if let Some(address) = address {
            let attempt = Attempt::Address(network(address));
            self.0.attempt(attempt, &PER_ADDRESS, Counted::Failed).await;
        }
    }

    /// The password was right.
    pub(crate) async fn succeeded(&self, account: &str) {
        self.0.forgive(Attempt::Account(account), &PER_ACCOUNT).await;
    }

    /// The password was not looked at. Those that were wrong before still count: else who keeps the server busy could guess on.
    pub(crate) async fn not_tried(&self, account: &str) {
        self.0.take_back(Attempt::Account(account), &PER_ACCOUNT).await;
    }
}

fn refuse(wait: Duration, why: &str) -> Result<(), Problem> {
    if wait.is_zero() {
        return Ok(());
    }
    let ms = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX).max(1);
    Err(Problem::new(Code::Rate, why).retry_after_ms(ms))
}

/// One customer usually has a whole /64 of IPv6: it counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use store::{LocalConfig, Others, PresenceConfig};

    use super::*;

    fn backoff(attempts_max: usize) -> Backoff {
        let second = Duration::from_secs(1);
        let presence = PresenceConfig {
            writes_per_second: 100,
            devices_max: 100,
            beat: second,
            silent_after: second * 3,
            retention: second * 60,
        };
        Backoff::new(Ephemeral::local(LocalConfig { presence, attempts_max, others: Others::None }))
    }

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn account_waits_longer_with_each_failure_and_at_most_a_minute() {
        let backoff = backoff(100);
        for _ in 0..=PER_ACCOUNT.free {
            backoff.admit("alice", None).await.unwrap();
        }
        let mut waited = 1;
        for _ in 0..8 {
            assert!(backoff.admit("alice", None).await.is_err());
            tokio::time::advance(Duration::from_secs(waited)).await;
            backoff.admit("alice", None).await.unwrap();
            waited = (waited * 2).min(RULE_MAX.as_secs());
        }
        assert!(backoff.admit("bob", None).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn right_password_forgives_the_account() {
        let backoff = backoff(100);
        for _ in 0..100 {
            backoff.admit("alice", None).await.unwrap();
            backoff.succeeded("alice").await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn address_waits_whatever_the_accounts() {
        let backoff = backoff(100);
        for n in 0..=PER_ADDRESS.free {
            backoff.admit(&format!("user{n}"), address("2001:db8::1")).await.unwrap();
            backoff.failed(address("2001:db8::1")).await;
        }
        assert!(backoff.admit("another", address("2001:db8::2")).await.is_err(), "the same /64");
        assert!(backoff.admit("another", address("2001:db8:0:1::2")).await.is_ok());
        assert!(backoff.admit("a third", address("192.0.2.1")).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_names_forgets_the_oldest_and_time_forgets_all() {
        let backoff = backoff(100);
        for _ in 0..=PER_ACCOUNT.free {
            backoff.admit("alice", None).await.unwrap();
        }
        tokio::time::advance(2 * PER_ACCOUNT.remember).await;
        backoff.admit("bob", None).await.unwrap();
        backoff.admit("alice", None).await.unwrap();
        assert!(backoff.admit("alice", None).await.is_ok(), "forgotten");
    }
}
