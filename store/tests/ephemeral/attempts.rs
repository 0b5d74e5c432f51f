//! Failed attempts make the next ones wait.

use std::net::IpAddr;
use std::time::Duration;

use store::{Attempt, AttemptRule, Counted};

use crate::stand::{Stand, engines, local_config, new_prefix, redis_url};

/// With waits that a test does not sit out.
const RULE: AttemptRule = AttemptRule {
    free: 2,
    first: Duration::from_secs(60),
    max: Duration::from_secs(100),
    remember: Duration::from_secs(600),
};
/// With waits that it does.
const SHORT: AttemptRule =
    AttemptRule { free: 1, first: Duration::from_millis(30), max: Duration::from_millis(60), ..RULE };

async fn attempt(stand: &Stand, name: &str, rule: &AttemptRule) -> Duration {
    stand.ephemeral.attempt(Attempt::Account(name), rule, Counted::Yes).await
}

#[tokio::test]
async fn the_first_failures_are_free_and_then_there_is_a_wait() {
    for stand in engines().await {
        for _ in 0..3 {
            assert_eq!(attempt(&stand, "alice", &RULE).await, Duration::ZERO);
        }
        let wait = attempt(&stand, "alice", &RULE).await;
        assert!(wait > Duration::from_secs(50) && wait <= RULE.first, "{wait:?}");
        let again = attempt(&stand, "alice", &RULE).await;
        assert!(again <= wait, "who waits has not failed again: {again:?}");
        assert_eq!(attempt(&stand, "bob", &RULE).await, Duration::ZERO);
        stand.ephemeral.forgive(Attempt::Account("alice"), &RULE).await;
        assert_eq!(attempt(&stand, "alice", &RULE).await, Duration::ZERO);
        stand.end().await;
    }
}

#[tokio::test]
async fn waits_double_up_to_the_longest_and_end() {
    for stand in engines().await {
        let mut longest = Duration::ZERO;
        for _ in 0..6 {
            loop {
                let wait = attempt(&stand, "alice", &SHORT).await;
                if wait.is_zero() {
                    break;
                }
                longest = longest.max(wait);
                tokio::time::sleep(wait).await;
            }
        }
        assert!(longest > SHORT.first && longest <= SHORT.max, "{longest:?}");
        stand.end().await;
    }
}

#[tokio::test]
async fn addresses_count_failures_and_no_looks() {
    for stand in engines().await {
        let address: IpAddr = "2001:db8::1".parse().unwrap();
        let attempt =
            async |counted| stand.ephemeral.attempt(Attempt::Address(address), &RULE, counted).await;
        for _ in 0..10 {
            assert_eq!(attempt(Counted::No).await, Duration::ZERO);
        }
        for _ in 0..3 {
            attempt(Counted::Failed).await;
        }
        assert!(attempt(Counted::No).await > Duration::from_secs(50));
        attempt(Counted::Failed).await;
        let longer = attempt(Counted::No).await;
        assert!(
            longer > RULE.first && longer <= RULE.max,
            "one that failed while it should have waited: {longer:?}"
        );
        stand.end().await;
    }
}

#[tokio::test]
async fn what_was_not_carried_out_is_not_counted_and_what_was_before_it_is() {
    for stand in engines().await {
        let alice = Attempt::Account("alice");
        for _ in 0..10 {
            assert_eq!(attempt(&stand, "alice", &RULE).await, Duration::ZERO);
            stand.ephemeral.take_back(alice, &RULE).await;
        }
        for _ in 0..2 {
            assert_eq!(attempt(&stand, "alice", &RULE).await, Duration::ZERO);
        }
        for _ in 0..10 {
            assert_eq!(attempt(&stand, "alice", &RULE).await, Duration::ZERO);
            stand.ephemeral.take_back(alice, &RULE).await;
        }
        assert_eq!(attempt(&stand, "alice", &RULE).await, Duration::ZERO, "the third");
        assert!(attempt(&stand, "alice", &RULE).await > Duration::from_secs(50));
        stand.end().await;
    }
}

#[tokio::test]
async fn rules_remember_for_as_long_as_each_says() {
    let stand = Stand::local();
    tokio::time::pause();
    let soon = AttemptRule { remember: Duration::from_secs(1), ..RULE };
    assert_eq!(attempt(&stand, "search alice", &soon).await, Duration::ZERO);
    for _ in 0..3 {
        assert_eq!(attempt(&stand, "alice", &RULE).await, Duration::ZERO);
    }
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(attempt(&stand, "search bob", &soon).await, Duration::ZERO);
    assert!(!attempt(&stand, "alice", &RULE).await.is_zero(), "still remembered");
    for _ in 0..3 {
        assert_eq!(attempt(&stand, "search alice", &soon).await, Duration::ZERO, "forgotten");
    }
    stand.end().await;
}

#[tokio::test]
async fn attempts_at_the_same_time_do_not_slip_through() {
    for stand in engines().await {
        let all = (0..20).map(|_| attempt(&stand, "alice", &RULE));
        let waits = futures_util::future::join_all(all).await;
        assert_eq!(waits.iter().filter(|wait| wait.is_zero()).count(), 3);
        stand.end().await;
    }
}

#[tokio::test]
async fn processes_count_together() {
    let Some(url) = redis_url() else { return };
    let prefix = new_prefix();
    let one = Stand::redis(&url, &prefix, local_config()).await;
    let other = Stand::redis(&url, &prefix, local_config()).await;
    assert_eq!(attempt(&one, "alice", &RULE).await, Duration::ZERO);
    assert_eq!(attempt(&other, "alice", &RULE).await, Duration::ZERO);
    assert_eq!(attempt(&one, "alice", &RULE).await, Duration::ZERO);
    assert!(!attempt(&other, "alice", &RULE).await.is_zero());
    one.ephemeral.forgive(Attempt::Account("alice"), &RULE).await;
    assert_eq!(attempt(&other, "alice", &RULE).await, Duration::ZERO);
}
