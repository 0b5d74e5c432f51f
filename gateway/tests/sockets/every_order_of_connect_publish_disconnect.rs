//! However connecting, publishing and disconnecting follow each other, nothing falls between: what was published is in the head that
//! a `sync` is told, or arrives as an event. In one process, and over NATS; with interest that lingers and without.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proto::ServerFrame;

use crate::bench::Bench;
use crate::client::Client;

/// Steps of one order; all possible orders are tried.
const STEPS: usize = 5;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Connect,
    Publish,
    Disconnect,
}

/// A client of alice, who was told a head and then events.
struct Reader {
    client: Client,
    head: Option<u64>,
    events: BTreeSet<u64>,
}

impl Reader {
    /// Connects, and asks at once, without waiting for anything.
    fn connect(bench: &Bench) -> Self {
        let mut client = Client::with_token(bench.address, &bench.token("alice", 3_600));
        client.send(r#"{"sync":{}}"#);
        Self { client, head: None, events: BTreeSet::new() }
    }

    /// Whether everything up to `last` is in the head or has arrived.
    fn has_all(&self, last: u64) -> bool {
        self.head.is_some_and(|head| (head + 1..=last).all(|seq| self.events.contains(&seq)))
    }

    fn read_until(&mut self, last: u64) {
        while !self.has_all(last) {
            match self.client.frame() {
                ServerFrame::Head(head) => self.head = Some(head.last.0),
                ServerFrame::Event(event) => {
                    assert!(self.events.insert(event.entry.seq.0), "{} came twice", event.entry.seq.0);
                }
                ServerFrame::Welcome(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

fn run(bench: &Bench, order: &[Step]) {
    let mut reader: Option<Reader> = None;
    let (publish, mut last) = (bench.publisher(), bench.persisted());
    for step in order {
        match step {
            Step::Connect => reader = Some(Reader::connect(bench)),
            Step::Publish => last = publish(),
            Step::Disconnect => reader = None,
        }
    }
    if let Some(mut reader) = reader {
        reader.read_until(last);
    }
}

/// All orders in which only who is away connects, and only who is here disconnects.
fn orders(order: &mut Vec<Step>, all: &mut Vec<Vec<Step>>) {
    let is_here = order.iter().rfind(|step| **step != Step::Publish) == Some(&Step::Connect);
    if order.len() == STEPS {
        return all.push(order.clone());
    }
    let change = if is_here { Step::Disconnect } else { Step::Connect };
    for step in [Step::Publish, change] {
        order.push(step);
        orders(order, all);
        order.pop();
    }
}

fn try_all(bench: &Bench) {
    let mut all = Vec::new();
    orders(&mut Vec::new(), &mut all);
    assert_eq!(all.len(), 1 << STEPS);
    for order in &all {
        run(bench, order);
    }
}

/// Lets the publisher end, by a failed test too.
struct EndWhenDropped<'a>(&'a AtomicBool);

impl Drop for EndWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One who publishes without a pause, while a reader comes and goes and is cut off anywhere.
fn come_and_go(bench: &Bench) {
    let (publish, done) = (bench.publisher(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let ended = &done;
        scope.spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                publish();
                std::thread::sleep(Duration::from_micros(300));
            }
        });
        let end = EndWhenDropped(&done);
        for round in 0..40_u64 {
            let mut reader = Reader::connect(bench);
            if round % 3 > 0 {
                reader.read_until(bench.persisted() + round);
            }
        }
        drop(end);
    });
}

#[test]
fn in_one_process() {
    for linger in [Duration::ZERO, Duration::from_millis(300)] {
        let bench = Bench::keeping_heads(|config| {
            config.timeouts.interest_linger_min = linger;
            config.timeouts.interest_linger_max = linger * 2;
        });
        try_all(&bench);
        come_and_go(&bench);
    }
}

#[test]
fn over_nats() {
    for linger in [Duration::ZERO, Duration::from_millis(300)] {
        let bench = Bench::over_nats(|config| {
            config.timeouts.interest_linger_min = linger;
            config.timeouts.interest_linger_max = linger * 2;
        });
        let Some(bench) = bench else { return };
        try_all(&bench);
        come_and_go(&bench);
    }
}
