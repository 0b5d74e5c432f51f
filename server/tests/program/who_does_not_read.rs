//! Clients that are there and read nothing: one whom too much waits for, and one that is frozen, as a telephone in a tunnel is. Each is
//! closed and shown as gone, others go on all the while, and who comes back has everything. In one process and, where the services are, in
//! a cluster.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::http::{new_user, post_as};
use crate::places::{self, FAST, Places};
use crate::socket::Socket;
use crate::who_is_there::{hears, subscribe};

/// Together more than the kernels and a mailbox take for somebody who does not read.
const MESSAGES: u64 = 400;
const MESSAGE_BYTES: usize = 12 * 1024;
/// So that it is seen at once who has gone.
const SEEN: [(&str, &str); 2] =
    [("TIDEGATE_PRESENCE__GRACE", "0s"), ("TIDEGATE_GATEWAY__PRESENCE_INTERVAL", "100ms")];
/// Who lags is closed soon, and the close frame waits until it is read.
const SLOW: [(&str, &str); 3] = [
    ("TIDEGATE_GATEWAY__MAILBOX_BYTES_MAX", "64KiB"),
    ("TIDEGATE_GATEWAY__LAGGING_TIMEOUT", "1s"),
    ("TIDEGATE_GATEWAY__CLOSE_TIMEOUT", "10m"),
];
/// As many seconds as a telephone has by default, in tenths.
const FROZEN: [(&str, &str); 2] =
    [("TIDEGATE_GATEWAY__PING_AFTER", "2500ms"), ("TIDEGATE_GATEWAY__PONG_TIMEOUT", "1s")];

#[test]
fn who_is_too_slow_is_closed_and_comes_back_to_everything() {
    places::in_one_process(&[&FAST[..], &SEEN, &SLOW].concat(), slow);
}

#[test]
fn who_is_too_slow_is_closed_and_comes_back_to_everything_in_a_cluster() {
    places::in_a_cluster(&[&FAST[..], &SEEN, &SLOW].concat(), slow);
}

#[test]
fn who_is_frozen_is_closed_and_shown_as_gone() {
    places::in_one_process(&[&SEEN[..], &FROZEN].concat(), frozen);
}

#[test]
fn who_is_frozen_is_closed_and_shown_as_gone_in_a_cluster() {
    places::in_a_cluster(&[&SEEN[..], &FROZEN].concat(), frozen);
}

fn slow(at: &Places<'_>) {
    let [anna, bert, cora] = ["anna", "bert", "cora"].map(|name| new_user(at.api, name, "a long secret"));
    let group = json!({"group_id": "team", "name": "Team", "member_ids": [bert.id, cora.id]});
    assert_eq!(post_as(&at.url("/groups"), &anna.token, &group).status, 201);
    let (mut a, mut c) = (Socket::open(at.near, &anna.token), Socket::open(at.far, &cora.token));
    let b = Socket::open(at.far, &bert.token);
    subscribe(&mut c, &[&bert.id]);
    hears(&mut c, &bert.id, |seen| seen["state"] == "online");
    // What is said comes to who reads, whoever else does not; also what is said once the other was closed.
    let text = "x".repeat(MESSAGE_BYTES);
    let (mut last, mut is_gone) = (1, false);
    while last <= MESSAGES || !is_gone {
        let id = format!("01890a5d-ac96-774b-bcd4-{last:012}");
        let said = json!({"client_message_id": id, "conversation": "g.team", "body": {"text": text}});
        a.send(&json!({"send": said}));
        last = seq(&a.until("ack")["seq"]);
        assert!(last < 50 * MESSAGES, "whoever does not read is still there");
        loop {
            let (name, told) = c.until_any(&["event", "presence"]);
            if name == "presence" {
                is_gone |= told["users"][0]["state"] == "offline";
            } else if seq(&told["seq"]) == last {
                break;
            }
        }
    }
    assert_eq!(b.close_code(), 4408);

    let mut b = Socket::open(at.near, &bert.token);
    let mut found = BTreeSet::new();
    while found.len() < usize::try_from(last).expect("few") {
        let next = (found.len() + 1).to_string();
        b.send(&json!({"fetch": {"conversation": "g.team", "from_seq": next, "to_seq": last.to_string()}}));
        let page = b.until("page");
        found.extend(page["entries"].as_array().expect("entries").iter().map(|entry| seq(&entry["seq"])));
    }
    assert!(found.into_iter().eq(1..=last), "everything, once");
}

fn frozen(at: &Places<'_>) {
    let [anna, bert] = ["anna", "bert"].map(|name| new_user(at.api, name, "a long secret"));
    let mut watcher = Socket::open(at.near, &anna.token);
    let b = Socket::open(at.far, &bert.token);
    subscribe(&mut watcher, &[&bert.id]);
    // Who watches reads, and so answers pings.
    hears(&mut watcher, &bert.id, |seen| seen["state"] == "online");
    hears(&mut watcher, &bert.id, |seen| seen["state"] == "offline");
    assert_eq!(b.close_code(), 4408);
    let _back = Socket::open(at.near, &bert.token);
    hears(&mut watcher, &bert.id, |seen| seen["state"] == "online");
}

fn seq(value: &Value) -> u64 {
    value.as_str().and_then(|seq| seq.parse().ok()).unwrap_or_else(|| panic!("no number: {value}"))
}
