//! Broadcasts: every session that is there hears one once, at its pace, and what is said of it to the router is true.

use std::sync::Arc;
use std::time::Duration;

use proto::broadcast::{Broadcast, BroadcastReport, BroadcastRequest};
use proto::command::Source;
use proto::{
    Body, ClientMessageId, Command, Payload, Reply, Request, ServerFrame, SharedFrame, Target, Timestamp,
};
use tokio::time::Instant;

use crate::bench::{Bench, PATIENCE, direct, group, user};
use crate::client::{Client, wait_for};

const ID: ClientMessageId = ClientMessageId([9; 16]);
const BEGUN: Timestamp = Timestamp(1_790_000_000_000);

fn begins(bench: &Bench) {
    let broadcast =
        Broadcast { id: ID, sender: user("operations"), time: BEGUN, body: Body::text("maintenance") };
    let frame = SharedFrame::new(ServerFrame::Broadcast(Box::new(broadcast)));
    bench.publish(Target::Everyone, Payload::Broadcast(Arc::new(frame)));
}

fn hears(client: &mut Client) {
    match client.frame() {
        ServerFrame::Broadcast(broadcast) => assert_eq!((broadcast.id, broadcast.time), (ID, BEGUN)),
        other => panic!("{other:?} instead of the broadcast"),
    }
}

/// Nothing came before what comes now.
fn hears_nothing_more(bench: &Bench, client: &mut Client, name: &str) {
    bench.event(Target::User(user(name)), &direct(name, "someone"), 1, "ordinary");
    assert_eq!(client.expect_event(), 1);
}

/// The next report, which is not answered yet.
fn report(bench: &Bench) -> (BroadcastReport, Command) {
    let command = bench.command();
    let Request::Broadcast(BroadcastRequest::Report(report)) = &command.request else {
        panic!("{command:?}")
    };
    assert_eq!((&command.origin.user, command.origin.source), (&user("operations"), Source::System));
    assert_eq!((report.id, report.begun), (ID, BEGUN));
    (*report, command)
}

/// The report at the end, after as many others as there may be; it is answered.
fn last_report(bench: &Bench) -> BroadcastReport {
    loop {
        let (report, command) = report(bench);
        bench.reply(&command, Reply::Settled);
        if report.left == 0 {
            return report;
        }
    }
}

fn counts(report: BroadcastReport) -> (u64, u64, u64) {
    (report.told, report.missed, report.left)
}

/// One socket after another.
fn slow_bench(per_second: u32) -> Bench {
    Bench::with(|config| config.broadcast_per_second = per_second)
}

/// A socket that is welcomed, while reports come.
fn comes(bench: &Bench, name: &str) -> Client {
    let mut client = Client::with_token(bench.address, &bench.token(name, 3_600));
    client.expect_welcome();
    client
}

#[test]
fn every_session_hears_it_once_however_often_it_comes() {
    let bench = Bench::with(|config| config.timeouts.hello = PATIENCE);
    let mut clients = ["ann", "ben"].map(|name| bench.connect(name));
    let mut cat = Client::with_protocols(
        bench.address,
        &format!("tidegate.v1.proto, bearer.{}", bench.token("cat", 3_600)),
    );
    cat.expect_welcome();
    let mut nobody = Client::anonymous(bench.address);
    begins(&bench);
    assert_eq!(counts(report(&bench).0), (0, 0, 3), "at once");
    assert_eq!(counts(last_report(&bench)), (3, 0, 0));
    clients.iter_mut().for_each(hears);
    hears(&mut cat);
    begins(&bench);
    assert_eq!(counts(last_report(&bench)), (3, 0, 0), "how it ended is said again");
    for (client, name) in clients.iter_mut().zip(["ann", "ben"]) {
        hears_nothing_more(&bench, client, name);
    }
    nobody.expect_silence(Duration::from_millis(50));
    let more = bench.command_within(Duration::from_millis(1_300));
    assert!(more.is_none(), "what is answered is not repeated: {more:?}");
}

#[test]
fn the_last_report_is_repeated_until_it_is_answered() {
    let bench = Bench::start();
    begins(&bench);
    let mut numbers = Vec::new();
    for _ in 0..4 {
        let (report, command) = report(&bench);
        assert_eq!(counts(report), (0, 0, 0), "nobody is there");
        numbers.push(command.origin.session.session);
    }
    numbers.dedup();
    assert_eq!(numbers.len(), 4, "an answer is to one of them");
}

#[test]
fn it_goes_at_its_pace_and_ordinary_messages_do_not_wait_behind_it() {
    let bench = slow_bench(2);
    let mut clients = ["a", "b", "c", "d", "e"].map(|name| bench.connect(name));
    let began = Instant::now();
    begins(&bench);
    hears(&mut clients[0]);
    bench.event(Target::User(user("e")), &direct("e", "someone"), 1, "ordinary");
    assert_eq!(clients[4].expect_event(), 1, "long before its turn");
    clients[1..].iter_mut().for_each(hears);
    assert!(began.elapsed() >= Duration::from_secs(2), "two a second: {:?}", began.elapsed());
    let mut seen = Vec::new();
    wait_for("the end", || {
        let (report, _) = report(&bench);
        seen.push(counts(report));
        (report.left == 0).then_some(())
    });
    assert_eq!((seen.first(), seen.last()), (Some(&(0, 0, 5)), Some(&(5, 0, 0))));
    assert!(seen.len() > 2 && seen.iter().all(|(told, _, left)| told + left == 5), "each second: {seen:?}");
}

#[test]
fn who_comes_meanwhile_hears_it_too_and_who_leaves_is_not_waited_for() {
    let bench = slow_bench(1);
    let [mut ann, ben, cat, fay, gus] = ["ann", "ben", "cat", "fay", "gus"].map(|name| bench.connect(name));
    begins(&bench);
    hears(&mut ann);
    drop((ann, ben));
    let mut left = Vec::new();
    while left.len() < 2 {
        let line = bench.attendance();
        left.extend(line.contains(" left as ").then_some(line));
    }
    // They have the places of those who left: one of them had its turn.
    let mut newcomers = ["dan", "eve"].map(|name| comes(&bench, name));
    newcomers.iter_mut().chain(&mut [cat, fay, gus]).for_each(hears);
    let last = last_report(&bench);
    assert!((6..=7).contains(&last.told), "ben may have been told: {last:?}");
    assert_eq!((last.missed, last.left), (0, 0));
}

#[test]
fn who_does_not_read_misses_it_and_the_others_hear_it() {
    let bench = Bench::with(|config| {
        config.mailbox.lagging_timeout = PATIENCE;
        config.mailbox.bytes_max = 16 * 1024;
        config.mailbox.unsent_bytes_max = 16 * 1024;
    });
    let (mut quick, mut slow) = (bench.connect("quick"), bench.connect("slow"));
    let conversation = proto::ConversationId::group(&group("g"));
    let text = "x".repeat(4 * 1024);
    let events = 4_000;
    for seq in 1..=events {
        bench.event(Target::User(user("slow")), &conversation, seq, &text);
    }
    begins(&bench);
    hears(&mut quick);
    assert_eq!(counts(last_report(&bench)), (1, 1, 0));
    let head = wait_for("the head of what it has missed", || match slow.frame() {
        ServerFrame::Event(_) => None,
        ServerFrame::Head(head) => Some(head.last.0),
        other => panic!("{other:?}"),
    });
    assert_eq!(head, events);
    hears_nothing_more(&bench, &mut slow, "slow");
}

#[test]
fn it_goes_on_in_the_next_process_where_it_was() {
    let mut bench = slow_bench(2);
    let mut clients = ["a", "b", "c", "d"].map(|name| bench.connect(name));
    begins(&bench);
    hears(&mut clients[0]);
    let node = report(&bench).1.origin.session.node;
    assert_eq!(bench.moved(), 4);
    clients[1..].iter_mut().for_each(hears);
    wait_for("the end", || {
        let (report, command) = report(&bench);
        assert_eq!(command.origin.session.node, node, "to the router it is the same shard");
        bench.reply(&command, Reply::Settled);
        (report.left == 0).then(|| assert_eq!(counts(report), (4, 0, 0)))
    });
    assert_eq!(bench.moved(), 4);
    begins(&bench);
    assert_eq!(counts(last_report(&bench)), (4, 0, 0), "what was told is known there, too");
    for (client, name) in clients.iter_mut().zip(["a", "b", "c", "d"]) {
        hears_nothing_more(&bench, client, name);
    }
}

/// They leave as soon as they are told to, and where they come back nobody may be telling it.
#[test]
fn who_is_sent_away_in_the_middle_of_it_hears_it_first() {
    let bench = slow_bench(1);
    let mut clients = ["a", "b", "c", "d", "e"].map(|name| bench.connect(name));
    begins(&bench);
    hears(&mut clients[0]);
    std::thread::scope(|scope| {
        let drained = scope.spawn(|| bench.drain());
        clients[1..].iter_mut().for_each(hears);
        for client in &mut clients {
            assert!(matches!(client.frame(), ServerFrame::Goaway(_)), "and once");
        }
        drop(clients);
        assert_eq!(drained.join().unwrap().told, 5);
    });
}
