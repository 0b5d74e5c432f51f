//! Several workers on one bus and one store, under a paused clock: who serves what, and what clients notice of it.

mod broadcasts;
mod recovering;
mod stand;
mod waking;
mod zombies;

use std::time::Duration;

use proto::Partition;
use store::Op;
use tokio::time::{Instant, sleep};

use crate::RouterConfig;
use stand::{CONVERSATIONS, config, run};

/// From when something happens until everyone is answered again, at most.
const GAP: Duration = Duration::from_secs(1);

#[test]
fn a_lone_worker_takes_commands_that_came_before_it_was_ready() {
    run(async |stand| {
        stand.start("a", RouterConfig { listen: Duration::from_millis(600), ..config() });
        sleep(Duration::from_millis(10)).await;
        stand.say_everywhere();
        stand.all_acknowledged().await;
        assert_eq!(stand.refused(), 0);
    });
}

#[test]
fn commands_are_kept_up_to_a_bound() {
    run(async |stand| {
        let listen = Duration::from_millis(600);
        stand.start("a", RouterConfig { listen, commands_kept_max: CONVERSATIONS - 1, ..config() });
        sleep(Duration::from_millis(200)).await;
        stand.say_everywhere();
        sleep(Duration::from_millis(100)).await;
        assert_eq!(stand.refused(), 1, "at once");
    });
}

#[test]
fn a_killed_worker_is_replaced_within_a_second() {
    run(async |stand| {
        stand.start("a", config());
        stand.start("b", config());
        stand.shared_by(&["a", "b"]).await;
        stand.say_everywhere();
        stand.all_acknowledged().await;
        let share = stand.owned_by("a").await;
        stand.kill("a");
        let killed = Instant::now();
        stand.say_everywhere();
        stand.all_acknowledged().await;
        assert!(killed.elapsed() < GAP, "{:?}", killed.elapsed());
        assert_eq!(stand.memory.calls(Op::Fence), 1, "one fence for {share} partitions");
        assert_eq!(stand.refused(), 0);
    });
}

#[test]
fn a_stopped_worker_hands_over_while_everyone_goes_on_talking() {
    run(async |stand| {
        stand.start("a", config());
        stand.start("b", config());
        stand.shared_by(&["a", "b"]).await;
        stand.talk(Duration::from_millis(500)).await;
        stand.drain("a");
        stand.talk(Duration::from_secs(3)).await;
        stand.all_acknowledged().await;
        stand.shared_by(&["b"]).await;
        stand.nobody_noticed();
    });
}

#[test]
fn a_newcomer_gets_its_share_while_everyone_goes_on_talking() {
    run(async |stand| {
        stand.start("a", config());
        stand.start("b", config());
        stand.shared_by(&["a", "b"]).await;
        stand.talk(Duration::from_millis(200)).await;
        let claims = stand.memory.calls(Op::Claim);
        stand.start("c", config());
        stand.talk(Duration::from_secs(4)).await;
        stand.all_acknowledged().await;
        stand.shared_by(&["a", "b", "c"]).await;
        let moved = stand.memory.calls(Op::Claim) - claims;
        assert_eq!(moved, stand.owned_by("c").await, "only its own share moved");
        stand.nobody_noticed();
    });
}

#[test]
fn everything_that_is_owned_is_owned_by_one() {
    run(async |stand| {
        for name in ["a", "b", "c"] {
            stand.start(name, config());
        }
        stand.shared_by(&["a", "b", "c"]).await;
        let shares = [stand.owned_by("a").await, stand.owned_by("b").await, stand.owned_by("c").await];
        assert_eq!(shares.iter().sum::<usize>(), Partition::all().count());
        assert!(shares.iter().all(|share| (280..400).contains(share)), "{shares:?}");
        assert_eq!(stand.memory.calls(Op::Claim), 1_024, "nobody claimed what another had");
    });
}
