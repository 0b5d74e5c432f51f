//! More messages than the server takes: everybody is served alike, what is not taken is refused at once with advice, and what was
//! refused is not stored. Through real sockets, in one process and, where the services are, in a cluster.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::process::{Tidegate, until};
use crate::socket::Socket;
use crate::stand::{Cluster, metric, say, until_ready};

/// Few may wait; and where the store can be slowed down, it is: who is slowest must not be those who send.
const OF_ROUTERS: &[(&str, &str)] = &[
    ("TIDEGATE_ROUTER__WORKERS", "1"),
    ("TIDEGATE_ROUTER__COMMANDS_WAITING_MAX", "1000"),
    ("TIDEGATE_STORE__GROUP_COMMIT_INTERVAL", "50ms"),
];
/// What one client may ask for is not what is tested.
const OF_GATEWAYS: &[(&str, &str)] = &[
    ("TIDEGATE_GATEWAY__COMMANDS_PER_SECOND", "1000000"),
    ("TIDEGATE_GATEWAY__COMMANDS_BURST", "1000000"),
    ("TIDEGATE_GATEWAY__USER_COMMANDS_PER_SECOND", "1000000"),
    ("TIDEGATE_GATEWAY__USER_COMMANDS_BURST", "1000000"),
    ("TIDEGATE_GATEWAY__USER_WRITES_PER_SECOND", "1000000"),
    ("TIDEGATE_GATEWAY__USER_WRITES_BURST", "1000000"),
];
/// Pairs who write to each other.
const PAIRS: usize = 4;
/// What each has unanswered all the time: together twice what may wait.
const UNANSWERED: u64 = 250;
/// Acknowledgements of all together: from when they are compared, and after which nobody begins anything more.
const BEGIN: u64 = 4_000;
const ENOUGH: u64 = 16_000;
/// The senders of a test share a processor with all that they send to, so that they do not offer quite alike.
const JAIN_MIN: f64 = 0.9;

#[test]
fn in_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let server = Tidegate::start_with(folder.path(), &[OF_ROUTERS, OF_GATEWAYS].concat());
    flood(&server, [&server, &server], &|user| server.token_of(user));
}

#[test]
fn in_a_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let Some(cluster) = Cluster::prepared(folder.path()) else { return };
    let router = cluster.start_with("router", "router", OF_ROUTERS);
    let near = cluster.start_with("gateway-1", "gateway", OF_GATEWAYS);
    let far = cluster.start_with("gateway-2", "gateway", OF_GATEWAYS);
    until_ready([&router, &near, &far]);
    flood(&router, [&near, &far], &|user| cluster.run(&["token", "--user", user]));
}

#[test]
fn a_read_that_is_refused_says_when_to_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let few = [
        ("TIDEGATE_ROUTER__WORKERS", "1"),
        ("TIDEGATE_ROUTER__READS_MAX", "1"),
        ("TIDEGATE_GATEWAY__USER_READS_PER_SECOND", "1000000"),
        ("TIDEGATE_GATEWAY__USER_READS_BURST", "1000000"),
    ];
    let server = Tidegate::start_with(folder.path(), &[&few, OF_GATEWAYS].concat());
    let mut socket = Socket::open(&server, &server.token_of("anna"));
    // Those that one turn of the router finds.
    let refused = until(|| {
        (0..16).for_each(|_| socket.send(&json!({"sync": {"cursor": ""}})));
        let answers: Vec<_> = (0..16).map(|_| socket.until_any(&["delta", "nack"])).collect();
        answers.into_iter().find_map(|(name, answer)| (name == "nack").then_some(answer))
    });
    assert_eq!((&refused["frame"], &refused["code"]), (&json!("sync"), &json!(1400)));
    assert!(refused["retry_after_ms"].as_u64().is_some_and(|advice| advice > 0), "{refused}");
}

fn flood(router: &Tidegate, gateways: [&Tidegate; 2], token: &dyn Fn(&str) -> String) {
    let mut sockets: Vec<Socket> =
        (0..2 * PAIRS).map(|who| Socket::open(gateways[who % 2], &token(&format!("flood-{who}")))).collect();
    let total = AtomicU64::new(0);
    let senders: Vec<Sender> = std::thread::scope(|scope| {
        let senders: Vec<_> = sockets
            .iter_mut()
            .enumerate()
            .map(|(who, socket)| {
                let total = &total;
                scope.spawn(move || Sender::new(who).run(socket, total))
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().expect("it ends")).collect()
    });

    let jain = jain(&senders);
    assert!(
        jain >= JAIN_MIN,
        "{jain}: {:?}",
        senders.iter().map(|sender| sender.in_time).collect::<Vec<_>>()
    );
    for sender in &senders {
        assert_eq!(sender.acked + sender.refused, sender.sent, "each message has one answer");
    }
    let refused: u64 = senders.iter().map(|sender| sender.refused).sum();
    assert!(refused > 0, "there was no need to refuse any");
    for pair in senders.chunks(2) {
        let head = pair.iter().map(|sender| sender.newest).max();
        assert_eq!(head, Some(pair[0].acked + pair[1].acked), "what was refused is not stored");
    }
    until(|| (metric(router, "router_commands_waiting") == 0).then_some(()));
    // Who heeds the advice gets through.
    say(&mut sockets[0], 0xffff_ffff, "flood-1", "after all");
}

/// Jain's index of fairness (DEC-TR-301) of what was acknowledged while everybody wanted more.
fn jain(senders: &[Sender]) -> f64 {
    let counts: Vec<f64> = senders.iter().map(|sender| sender.in_time as f64).collect();
    let squares: f64 = counts.iter().map(|count| count * count).sum();
    counts.iter().sum::<f64>().powi(2) / (counts.len() as f64 * squares)
}

/// One who sends as much as may be unanswered, and heeds no advice.
#[derive(Default)]
struct Sender {
    who: usize,
    sent: u64,
    acked: u64,
    /// Of them, between begin and enough.
    in_time: u64,
    refused: u64,
    newest: u64,
}

impl Sender {
    fn new(who: usize) -> Self {
        Self { who, ..Self::default() }
    }

    fn run(mut self, socket: &mut Socket, total: &AtomicU64) -> Self {
        loop {
            let so_far = total.load(Ordering::Relaxed);
            let is_over = so_far >= ENOUGH;
            while !is_over && self.sent - self.acked - self.refused < UNANSWERED {
                socket.send(&self.next());
            }
            if self.sent == self.acked + self.refused {
                return self;
            }
            match socket.until_any(&["ack", "nack"]) {
                ("ack", ack) => {
                    self.acked += 1;
                    self.in_time += u64::from((BEGIN..ENOUGH).contains(&so_far));
                    total.fetch_add(1, Ordering::Relaxed);
                    let seq = ack["seq"].as_str().and_then(|seq| seq.parse().ok());
                    self.newest = self.newest.max(seq.expect("a seq"));
                }
                (_, nack) => {
                    assert_eq!(nack["code"], json!(1400), "{nack}");
                    assert!(nack["retry_after_ms"].as_u64().is_some_and(|advice| advice > 0), "{nack}");
                    self.refused += 1;
                }
            }
        }
    }

    fn next(&mut self) -> Value {
        self.sent += 1;
        let id = format!("01890a5d-ac96-774b-{:04x}-{:012x}", 0x8000 + self.who, self.sent);
        let peer = format!("flood-{}", self.who ^ 1);
        json!({"send": {"client_message_id": id, "to_user": peer, "body": {"text": "more"}, "ack": "persisted"}})
    }
}
