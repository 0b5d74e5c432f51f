//! Sessions that stand against others of their user go on where they stood.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gateway::{LoginPolicy, Outside};

use crate::bench::{Bench, user};
use crate::client::{Client, wait_for};

fn another_millisecond() {
    let before = lifecycle::wall_clock_ms();
    wait_for("another millisecond", || (lifecycle::wall_clock_ms() > before).then_some(()));
}

#[test]
fn a_session_stands_where_it_stood_against_others_of_its_user() {
    let mut bench = Bench::with(|config| config.login_policy = LoginPolicy::Exclusive);
    let token = bench.token("alice", 3_600);
    let mut phone = Client::with_token(bench.address, &token);
    phone.expect_welcome();
    phone.settle(&bench);
    // Its claim was answered before anything moves.
    assert_eq!(bench.moved(), 1);
    phone.settle(&bench);
    let mut laptop = Client::with_token(bench.address, &token);
    laptop.expect_welcome();
    assert_eq!(phone.closed(), 4409);
    laptop.settle(&bench);
}

#[test]
fn of_two_that_have_not_claimed_yet_the_newer_stays() {
    let mut bench = Bench::with(|config| {
        config.login_policy = LoginPolicy::OnePerKind;
        // Who names no device claims nothing before.
        config.timeouts.hello = Duration::from_secs(600);
        config.shards = 2;
    });
    let come = |bench: &Bench, name: &str| {
        let mut client = Client::with_token(bench.address, &bench.token(name, 3_600));
        let place = client.expect_welcome().session.node;
        client.settle(bench);
        (client, place)
    };
    let (mut older, place) = come(&bench, "alice");
    another_millisecond();
    // The kernel chooses the shard.
    let mut newer = wait_for("a session at the other shard", || {
        let (client, other) = come(&bench, "alice");
        (other != place).then_some(client)
    });
    let (slow, _slow) = wait_for("somebody beside the older one", || {
        let name = format!("bob-{}", rand::random::<u32>());
        let (client, other) = come(&bench, &name);
        (other == place).then_some((user(&name), client))
    });
    // The shard of the older one takes long to begin, and so would it.
    let (hold, told) = (Arc::new(Mutex::new(())), Arc::clone(&bench.parts.2));
    let held = Arc::clone(&hold);
    let alices = Arc::new(AtomicU64::new(0));
    let came = Arc::clone(&alices);
    bench.parts.2 = Arc::new(move |who, attendance| {
        if *who == slow {
            drop(held.lock());
        } else if *who == user("alice") {
            came.fetch_add(1, Ordering::SeqCst);
        }
        told(who, attendance);
    });
    let holding = hold.lock().unwrap();
    bench.moved_with(
        |_| {},
        |_| {
            wait_for("both of alice", || (alices.load(Ordering::SeqCst) >= 2).then_some(()));
            another_millisecond();
            another_millisecond();
            drop(holding);
        },
    );
    older.send(r#"{"hello":{"device":"phone-1"}}"#);
    newer.send(r#"{"hello":{"device":"phone-2"}}"#);
    assert_eq!(older.closed(), 4409);
    newer.settle(&bench);
}

#[test]
fn a_claim_that_nobody_has_heard_is_made_again() {
    let mut bench = Bench::with(|config| {
        config.login_policy = LoginPolicy::Exclusive;
        // Not before it moves.
        config.timeouts.connected_retry = Duration::from_secs(600);
    });
    let token = bench.token("alice", 3_600);
    let mut phone = Client::with_token(bench.address, &token);
    phone.expect_welcome();
    phone.settle(&bench);
    bench.lose_claims(1);
    let mut laptop = Client::with_token(bench.address, &token);
    laptop.expect_welcome();
    laptop.settle(&bench);
    bench.claims_are_lost();
    // The answer to the claim is lost with it, and not waited for for ever.
    assert_eq!(Bench::block_on(bench.running.handover().freeze()), 1);
    assert_eq!(bench.go_on(Outside::Silent, |_| {}), 2);
    assert_eq!(phone.closed(), 4409);
    laptop.settle(&bench);
}
