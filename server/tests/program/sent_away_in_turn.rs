//! A drain gives each socket a time of its own to leave, and serves it until then. In one process and, where the services are, in a
//! cluster, where a second gateway takes in who was sent away.

use serde_json::json;

use crate::process::{Tidegate, loud_lines};
use crate::socket::Socket;
use crate::stand::{Cluster, say, until_ready};

const USERS: [&str; 5] = ["anna", "bert", "cora", "dora", "emil"];
const SETTINGS: [(&str, &str); 5] = [
    ("TIDEGATE_GATEWAY__SHARDS", "1"),
    ("TIDEGATE_GATEWAY__DRAIN_RECONNECTS_PER_SECOND", "2"),
    // So long after their time those are closed who are still there: nobody here.
    ("TIDEGATE_GATEWAY__DRAIN_NOTICE", "30s"),
    ("TIDEGATE_GATEWAY__DRAIN_TIMEOUT", "60s"),
    ("TIDEGATE_DRAIN__TIMEOUT", "90s"),
];

/// Begins the drain; says who may stay for longest.
fn sent_away(gateway: &Tidegate, sockets: &mut [Socket]) -> usize {
    gateway.signal("TERM");
    let mut delays: Vec<(u64, usize)> = Vec::new();
    for (number, socket) in sockets.iter_mut().enumerate() {
        let told = socket.until("goaway");
        delays.push((told["reconnect_after_ms"].as_u64().unwrap_or_default(), number));
    }
    delays.sort_unstable();
    assert!(delays[0].0 < 500, "the first may leave at once: {delays:?}");
    for pair in delays.windows(2) {
        assert!(pair[0].0 + 500 <= pair[1].0, "never more than two in a second: {delays:?}");
    }
    delays[delays.len() - 1].1
}

#[test]
fn from_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let server = Tidegate::start_with(folder.path(), &SETTINGS);
    let mut sockets = USERS.map(|user| Socket::open(&server, &server.token_of(user)));
    let last = sent_away(&server, &mut sockets);
    let other = (last + 1) % USERS.len();
    say(&mut sockets[last], 1, USERS[other], "still here");
    assert_eq!(sockets[other].until("event")["body"]["text"], "still here");
    // Who leaves is not waited for.
    drop(sockets);
    let (code, logs) = server.ended();
    assert_eq!(code, Some(0), "{logs}");
    assert_eq!(loud_lines(&logs), Vec::<&str>::new());
}

#[test]
fn to_a_second_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let Some(cluster) = Cluster::prepared(folder.path()) else { return };
    let router = cluster.start("router", "router");
    let near = cluster.start_with("gateway-1", "gateway", &SETTINGS);
    let far = cluster.start("gateway-2", "gateway");
    until_ready([&router, &near, &far]);
    let tokens = USERS.map(|user| cluster.run(&["token", "--user", user]));
    let mut stays = Socket::open(&far, &cluster.run(&["token", "--user", "frida"]));
    let mut sockets = [0, 1, 2, 3, 4].map(|number| Socket::open(&near, &tokens[number]));

    let last = sent_away(&near, &mut sockets);
    say(&mut sockets[last], 1, "frida", "until my time");
    assert_eq!(stays.until("event")["body"]["text"], "until my time");
    drop(sockets);
    for (number, token) in tokens.iter().enumerate() {
        // What is said to who is between two gateways waits.
        let text = format!("to {}", USERS[number]);
        let ack = say(&mut stays, 10 + u32::try_from(number).unwrap(), USERS[number], &text);
        let mut back = Socket::open(&far, token);
        back.send(&json!({"fetch": {"conversation": ack["conversation"], "from_seq": "1"}}));
        let page = back.until("page");
        let newest = page["entries"].as_array().and_then(|entries| entries.last()).cloned();
        assert_eq!(newest.map(|entry| entry["body"]["text"].clone()), Some(json!(text)), "{page}");
    }
    let (code, logs) = near.ended();
    assert_eq!(code, Some(0), "{logs}");
    assert_eq!(loud_lines(&logs), Vec::<&str>::new());
}
