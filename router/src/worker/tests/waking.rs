//! Who wakes up knows nothing of what happened meanwhile, and says nothing until it does.

use std::time::Duration;

use proto::Request;
use store::mutation::{Mutation, break_rule};
use store::{Fault, Op, Rule};
use tokio::time::sleep;

use super::stand::{CONVERSATIONS, Stand, config, run};

/// Calls.
const ALL: usize = usize::MAX;

/// How much a worker tells that wakes up after it was replaced, with these commands in its queue.
async fn told_after_waking(stand: &mut Stand, commands: impl Fn(&mut Stand)) -> usize {
    stand.start("a", config());
    stand.start("b", config());
    stand.shared_by(&["a", "b"]).await;
    stand.say_everywhere();
    stand.all_acknowledged().await;
    stand.asleep("a", true);
    commands(stand);
    // Sends among them are sent again because nothing is heard of them.
    stand.all_acknowledged().await;
    // The probes of the last messages are over.
    sleep(Duration::from_secs(10)).await;
    stand.receive();
    let told = stand.told();
    stand.asleep("a", false);
    sleep(Duration::from_millis(300)).await;
    stand.receive();
    stand.told() - told
}

fn ask_heads(stand: &mut Stand) {
    stand.ask_everywhere(|conversation| Request::Heads(vec![conversation]));
}

#[test]
fn one_that_slept_and_was_replaced_tells_nothing_when_it_wakes() {
    run(async |stand| {
        assert_eq!(told_after_waking(stand, ask_heads).await, 0);
        stand.shared_by(&["a", "b"]).await;
        stand.say_everywhere();
        stand.all_acknowledged().await;
    });
    run(async |stand| {
        let told = told_after_waking(stand, |stand| {
            ask_heads(stand);
            stand.say_everywhere();
        });
        assert_eq!(told.await, 0);
    });
}

#[test]
fn it_would_be_noticed_if_it_told_something() {
    break_rule(Some(Mutation::AnswersAsleep));
    run(async |stand| assert_ne!(told_after_waking(stand, ask_heads).await, 0));
    break_rule(None);
}

/// How much a worker tells that wakes up after it was fenced by one of whom it hears nothing, with commands in its queue.
/// It hears itself before it learns from the store what became of its fence.
async fn told_after_a_fence_in_silence(stand: &mut Stand) -> usize {
    stand.memory.program(Rule::new(Fault::SlowAfter(Duration::from_millis(60))).op(Op::Verify).times(ALL));
    let told = alone_and_asleep(stand).await;
    stand.fence("a").await;
    stand.asleep("a", false);
    sleep(Duration::from_millis(300)).await;
    stand.receive();
    stand.told() - told
}

/// A worker alone that sleeps, with commands in its queue; how much was told before.
async fn alone_and_asleep(stand: &mut Stand) -> usize {
    stand.start("a", config());
    stand.shared_by(&["a"]).await;
    stand.say_everywhere();
    stand.all_acknowledged().await;
    // The probes of the last messages are over.
    sleep(Duration::from_secs(10)).await;
    stand.receive();
    stand.asleep("a", true);
    ask_heads(stand);
    sleep(Duration::from_secs(5)).await;
    stand.told()
}

#[test]
fn one_that_was_fenced_in_its_sleep_tells_nothing_though_it_hears_of_nobody() {
    run(async |stand| assert_eq!(told_after_a_fence_in_silence(stand).await, 0));
    break_rule(Some(Mutation::WakesUnasked));
    run(async |stand| assert_ne!(told_after_a_fence_in_silence(stand).await, 0));
    break_rule(None);
}

#[test]
fn one_that_cannot_ask_for_its_fence_answers_once_it_can_and_asks_with_pauses() {
    run(async |stand| {
        let told = alone_and_asleep(stand).await;
        let asked = stand.memory.calls(Op::Verify);
        stand.memory.program(Rule::new(Fault::Fail).op(Op::Verify).times(ALL));
        stand.asleep("a", false);
        sleep(Duration::from_secs(3)).await;
        stand.receive();
        assert_eq!(stand.told(), told);
        let asked = stand.memory.calls(Op::Verify) - asked;
        assert!((3..20).contains(&asked), "asked {asked} times");
        stand.memory.heal();
        sleep(Duration::from_secs(2)).await;
        stand.receive();
        assert!(stand.told() >= told + CONVERSATIONS, "{} of {CONVERSATIONS}", stand.told() - told);
        assert_eq!(stand.refused(), 0);
    });
}

#[test]
fn one_that_was_not_replaced_asks_once_and_answers_at_once() {
    run(async |stand| {
        let told = alone_and_asleep(stand).await;
        let asked = stand.memory.calls(Op::Verify);
        stand.asleep("a", false);
        sleep(Duration::from_millis(20)).await;
        stand.receive();
        assert_eq!(stand.told(), told + CONVERSATIONS);
        // The one that is due after a second, and the one because it slept.
        assert!(stand.memory.calls(Op::Verify) - asked <= 2);
    });
}

#[test]
fn a_short_sleep_goes_unnoticed() {
    run(async |stand| {
        stand.start("a", config());
        stand.start("b", config());
        stand.shared_by(&["a", "b"]).await;
        stand.talk(Duration::from_millis(200)).await;
        let claims = stand.memory.calls(Op::Claim);
        for _ in 0..5 {
            stand.asleep("a", true);
            sleep(Duration::from_millis(300)).await;
            stand.asleep("a", false);
            stand.talk(Duration::from_secs(1)).await;
        }
        stand.all_acknowledged().await;
        assert_eq!(stand.memory.calls(Op::Claim), claims);
        stand.nobody_noticed();
    });
}
