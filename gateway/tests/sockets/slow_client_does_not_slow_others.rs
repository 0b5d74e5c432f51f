//! Slow readers: others do not notice, nothing is lost silently, and who never reads is closed.

use std::time::Duration;

use proto::{ConversationId, Seq, ServerFrame, Target};

use crate::bench::{Bench, PATIENCE, group};
use crate::client::{Client, wait_for};

const EVENTS: u64 = 2_000;
const EVENT_BYTES: usize = 8 * 1024;

fn slow_bench(lagging_timeout: Duration) -> Bench {
    let bench = Bench::with(|config| {
        config.mailbox.lagging_timeout = lagging_timeout;
        config.timeouts.close = PATIENCE;
    });
    bench.set_groups("slow", &["g"]);
    bench.set_groups("quick", &["g"]);
    bench
}

/// 16 MB: more than the kernel and a mailbox take for someone who does not read.
fn flood(bench: &Bench, quick: &mut Client) -> ConversationId {
    let conversation = ConversationId::group(&group("g"));
    let text = "x".repeat(EVENT_BYTES);
    for seq in 1..=EVENTS {
        bench.event(Target::Group(group("g")), &conversation, seq, &text);
        assert_eq!(quick.expect_event(), seq);
    }
    conversation
}

#[test]
fn others_get_every_event_while_one_does_not_read() {
    let bench = slow_bench(PATIENCE);
    let (_slow, mut quick) = (bench.connect("slow"), bench.connect("quick"));
    flood(&bench, &mut quick);
}

#[test]
fn a_lagging_client_is_told_the_head_once_it_reads() {
    let bench = slow_bench(PATIENCE);
    let (mut slow, mut quick) = (bench.connect("slow"), bench.connect("quick"));
    let conversation = flood(&bench, &mut quick);
    let mut last = 0;
    loop {
        match slow.frame() {
            ServerFrame::Event(event) => {
                assert_eq!(event.entry.seq.0, last + 1, "what is sent is sent in order");
                last += 1;
            }
            ServerFrame::Head(head) => {
                assert_eq!((head.conversation, head.last), (conversation.clone(), Seq(EVENTS)));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(last < EVENTS, "the test must overflow the mailbox");
    bench.event(Target::Group(group("g")), &conversation, EVENTS + 1, "next");
    assert_eq!(slow.expect_event(), EVENTS + 1, "then events flow again");
}

#[test]
fn a_client_that_does_not_read_in_time_is_closed_with_4408() {
    let lagging_timeout = Duration::from_millis(500);
    let bench = slow_bench(lagging_timeout);
    let (mut slow, mut quick) = (bench.connect("slow"), bench.connect("quick"));
    flood(&bench, &mut quick);
    // What is waited for is the passing of the time-out itself.
    std::thread::sleep(2 * lagging_timeout);
    assert_eq!(slow.closed(), 4408);
    quick.settle(&bench);
}

#[test]
fn a_client_that_never_reads_again_is_cut_off() {
    let bench = Bench::with(|config| {
        config.mailbox.lagging_timeout = Duration::from_millis(300);
        config.timeouts.close = Duration::from_millis(300);
        config.admission.per_user_max = 1;
    });
    for name in ["slow", "quick"] {
        bench.set_groups(name, &["g"]);
    }
    let (slow, mut quick) = (bench.connect("slow"), bench.connect("quick"));
    flood(&bench, &mut quick);
    // Its place is free again although it never closed.
    let path = format!("/ws?token={}", bench.token("slow", 600));
    wait_for("the end of the slow session", || Client::open(bench.address, &path, &[]).ok());
    drop(slow);
}
