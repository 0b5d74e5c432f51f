//! A gateway that starts, or comes back, with 15,000 users tells the server so many a second and no more, and shows how many wait.

use std::time::Duration;

use bus::nats::multiplex::Multiplex;
use lifecycle::Tasks;
use tokio::time::Instant;

use crate::fake::Fake;
use crate::rig::{config, flush, nats_config, receive_gap, user};

const USERS: usize = 15_000;
const PER_SECOND: u32 = 10_000;
/// What may go out at once, after a rest.
const BATCH: usize = 1_000;

/// The most of them within any tenth of a second, and any second.
fn most(told: &[Instant]) -> (usize, usize) {
    let within = |window: Duration| {
        let mut start = 0;
        let counts = told.iter().enumerate().map(|(at, time)| {
            while *time - told[start] >= window {
                start += 1;
            }
            at + 1 - start
        });
        counts.max().unwrap_or(0)
    };
    (within(Duration::from_millis(100)), within(Duration::from_secs(1)))
}

fn check(told: &[Instant]) {
    let took = told[told.len() - 1] - told[0];
    assert!(took >= Duration::from_millis(1_200), "{} were told within {took:?}", told.len());
    let (tenth, second) = most(told);
    // The reader of the fake server may sleep while the connection does not: some slack for short windows.
    assert!(tenth <= 4 * BATCH, "{tenth} within a tenth of a second");
    assert!(second <= PER_SECOND as usize + 4 * BATCH, "{second} within a second");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_the_start_and_after_a_reconnect() {
    let fake = Fake::start().await;
    let mut config = config(nats_config(std::slice::from_ref(&fake.url)));
    config.subscribes_per_second = PER_SECOND;
    let multiplex = Multiplex::open(config, &Tasks::default()).unwrap();
    flush(&multiplex).await;
    for number in 0..USERS {
        multiplex.subscribe_user(&user(&format!("user-{number}")));
    }
    assert!(multiplex.waiting() >= USERS / 2, "what waits is shown");
    flush(&multiplex).await;
    assert_eq!(multiplex.waiting(), 0);
    let first = fake.told();
    assert_eq!(first.len(), USERS);
    check(&first);

    fake.say(b"").await;
    receive_gap(&multiplex).await;
    let again = &fake.told()[USERS..];
    assert_eq!((again.len(), fake.connections()), (USERS, 2), "the gap is told when all are in force");
    check(again);
}

#[tokio::test]
async fn a_new_user_does_not_wait_for_the_others() {
    let fake = Fake::start().await;
    let mut config = config(nats_config(std::slice::from_ref(&fake.url)));
    config.subscribes_per_second = 1_000;
    let multiplex = Multiplex::open(config, &Tasks::default()).unwrap();
    for number in 0..2_000 {
        multiplex.subscribe_user(&user(&format!("user-{number}")));
    }
    flush(&multiplex).await;
    fake.say(b"").await;
    // The reconnect is under way: some were told, most were not.
    while fake.told().len() < 2_010 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    multiplex.subscribe_user(&user("new"));
    flush(&multiplex).await;
    assert!(multiplex.waiting() > 1_000, "{} wait", multiplex.waiting());
    assert_eq!(fake.heard(|line| line.starts_with("SUB user.new ")).await, 1);
    receive_gap(&multiplex).await;
}
