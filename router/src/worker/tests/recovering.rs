//! What a dead worker left is loaded though nobody asks for it, once the claims of the next one are answered.

use std::time::Duration;

use proto::Partition;
use store::{Call, Fault, Gate, Op, Rule};
use tokio::time::{sleep, timeout};

use super::stand::{CONVERSATIONS, Stand, config, partition, run};
use crate::RouterConfig;

/// Calls.
const ALL: usize = usize::MAX;
/// Longer than anything here takes, on the paused clock.
const PATIENCE: Duration = Duration::from_secs(60);

fn is_even(partition: Partition) -> bool {
    partition.number().is_multiple_of(2)
}

/// A worker was killed with a message in each conversation. The claims of even partitions by its successor, which may all be
/// under way at once, meet this fault.
async fn taken_over(stand: &mut Stand, fault: Fault) {
    stand.start("a", config());
    stand.shared_by(&["a"]).await;
    stand.say_everywhere();
    stand.all_acknowledged().await;
    stand.kill("a");
    assert_eq!(loads(stand), CONVERSATIONS);
    let of_even = |call: &Call| call.partition.is_some_and(is_even);
    stand.memory.program(Rule::new(fault).op(Op::Claim).when(of_even).times(ALL));
    stand.start("b", RouterConfig { claims_max: Partition::all().count(), ..config() });
}

/// Conversations whose partitions can be claimed, and are not held up.
fn odd() -> usize {
    (0..CONVERSATIONS).filter(|n| !is_even(partition(*n))).count()
}

/// Each has one conditional write.
fn loads(stand: &Stand) -> usize {
    stand.memory.calls(Op::MoveRegister)
}

async fn loaded(stand: &Stand, more: usize) {
    let all = async {
        while loads(stand) < CONVERSATIONS + more {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, all).await.expect("they are loaded");
    assert_eq!(loads(stand), CONVERSATIONS + more);
}

/// Claims of even partitions are under way, all others are served.
async fn half_claimed(stand: &mut Stand, claims: &Gate) {
    taken_over(stand, Fault::HoldBefore(claims.clone())).await;
    claims.arrived(Partition::all().count() / 2).await;
    while stand.owned_by("b").await < Partition::all().count() / 2 {
        sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn what_a_dead_worker_left_waits_for_the_claims() {
    run(async |stand| {
        let claims = Gate::default();
        half_claimed(stand, &claims).await;
        sleep(Duration::from_millis(500)).await;
        assert_eq!(loads(stand), CONVERSATIONS, "nothing but what the dead one loaded");
        claims.open();
        loaded(stand, CONVERSATIONS).await;
    });
}

#[test]
fn what_somebody_asks_for_waits_for_no_claim() {
    run(async |stand| {
        let claims = Gate::default();
        half_claimed(stand, &claims).await;
        stand.say_everywhere();
        loaded(stand, odd()).await;
        claims.open();
        stand.all_acknowledged().await;
    });
}

#[test]
fn claims_that_fail_hold_nothing_back() {
    run(async |stand| {
        taken_over(stand, Fault::Fail).await;
        loaded(stand, odd()).await;
    });
}

#[test]
fn claims_whose_outcome_stays_unknown_hold_nothing_back() {
    run(async |stand| {
        taken_over(stand, Fault::UnknownNever).await;
        loaded(stand, odd()).await;
    });
}
