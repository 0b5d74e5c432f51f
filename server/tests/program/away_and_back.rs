//! Away and back: what somebody missed is counted, listed and read page by page, in each way that there is, and the count is that of
//! a recount after every step. Through real sockets and HTTP, in one process and, where the services are, in a cluster.

mod for_weeks;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::http::{User, get_as, new_user};
use crate::places::{self, FAST, Places};
use crate::process::until;
use crate::socket::{Socket, send_frame};
use crate::stand::say_frame;

/// Said while the other is away, and while they fetch it.
const AWAY: u64 = 250;
const MEANWHILE: u64 = 20;

#[test]
fn in_one_process() {
    places::in_one_process(&FAST, |at| away(at, |_| {}));
}

#[test]
fn in_a_cluster() {
    places::in_a_cluster(&FAST, |at| away(at, |_| {}));
}

/// Before each message that is said while the other is away, something may happen.
fn away(at: &Places<'_>, mut before: impl FnMut(u64)) {
    let [anna, bert] = ["anna", "bert"].map(|name| new_user(at.api, name, "a long secret"));
    let mut a = Socket::open(at.near, &anna.token);
    let mut conversation = Value::Null;
    for number in 1..=AWAY {
        before(number);
        conversation = say(&mut a, number, &bert)["conversation"].clone();
    }

    let (mut b, mut b2) = (Socket::open(at.far, &bert.token), Socket::open(at.near, &bert.token));
    until(|| {
        let line = line(&mut b, &conversation)?;
        (line["unread"] == json!(AWAY.to_string()) && line["last"]["seq"] == json!(AWAY.to_string()))
            .then_some(())
    });
    is_counted(at, &mut b, &conversation, &bert, AWAY);

    // Back to the first, while more is said: none twice, none missing.
    let (mut to, mut fetched, mut number) = (AWAY, BTreeSet::new(), AWAY);
    while to > 0 {
        number += 1;
        say(&mut a, number, &bert);
        let ask =
            json!({"conversation": conversation, "to_seq": to.to_string(), "limit": 40, "backwards": true});
        b.send(&json!({ "fetch": ask }));
        let page = b.until("page");
        for entry in page["entries"].as_array().expect("entries") {
            assert!(fetched.insert(seq(&entry["seq"])), "twice: {entry}");
        }
        to = seq(&page["from"]) - 1;
    }
    assert!(fetched.iter().copied().eq(1..=AWAY), "none is missing");
    while number < AWAY + MEANWHILE {
        number += 1;
        say(&mut a, number, &bert);
    }
    every_way_of_history_gives_the_same(at, &conversation, &bert);

    let read = |seq: u64| json!({"read": {"conversation": conversation, "seq": seq.to_string()}});
    b.send(&read(200));
    let left = AWAY + MEANWHILE - 200;
    for socket in [&mut b, &mut b2] {
        until(|| (socket.until("receipt")["unread"] == json!(left.to_string())).then_some(()));
    }
    let told = until(|| Some(a.until("receipt")).filter(|receipt| receipt["read_seq"] == json!("200")));
    assert_eq!((&told["user"], told.get("unread")), (&json!(bert.id), None), "one's own business: {told}");
    is_counted(at, &mut b, &conversation, &bert, left);
    b.send(&read(100));
    assert_eq!(b.until("receipt")["read_seq"], json!("200"), "it never moves back");
    is_counted(at, &mut b, &conversation, &bert, left);
    b.send(&read(AWAY + MEANWHILE));
    is_counted(at, &mut b, &conversation, &bert, 0);
}

/// By `next_cursor`, by seq, by time and from the middle on: the same messages, all of them.
fn every_way_of_history_gives_the_same(at: &Places<'_>, conversation: &Value, reader: &User) {
    let messages = at.url(&format!("/conversations/{}/messages", conversation.as_str().expect("an id")));
    let walk = |next: &dyn Fn(&Value) -> Option<String>| {
        let (mut query, mut found) = (String::new(), BTreeSet::new());
        loop {
            let answer = get_as(&format!("{messages}?limit=100{query}"), &reader.token);
            assert_eq!(answer.status, 200, "{}", answer.text);
            let page = answer.json();
            found.extend(page["messages"].as_array().expect("messages").iter().map(|one| seq(&one["seq"])));
            match next(&page) {
                Some(more) => query = more,
                None => return found,
            }
        }
    };
    let oldest = |page: &Value, member: &str| {
        let first = page["messages"].as_array().and_then(|messages| messages.first())?;
        Some(first[member].as_str().expect("a number").to_owned())
    };
    let by_cursor = walk(&|page| page["next_cursor"].as_str().map(|cursor| format!("&cursor={cursor}")));
    let by_seq = walk(&|page| oldest(page, "seq").map(|seq| format!("&before={seq}")));
    // Several may be of one millisecond: from the first of them on once more.
    let by_time = walk(&|page| {
        let time: u64 = oldest(page, "time")?.parse().expect("a time");
        let is_first = oldest(page, "seq").as_deref() == Some("1");
        (!is_first).then(|| format!("&before_time={}", time + 1))
    });
    assert!(by_cursor.iter().copied().eq(1..=AWAY + MEANWHILE), "{by_cursor:?}");
    assert_eq!((&by_seq, &by_time), (&by_cursor, &by_cursor));
    for middle in [1, AWAY / 2, AWAY + MEANWHILE] {
        let page = get_as(&format!("{messages}?around={middle}&limit=11"), &reader.token).json();
        let around = page["messages"].as_array().expect("messages").iter().map(|one| seq(&one["seq"]));
        let last = (middle + 5).clamp(11, AWAY + MEANWHILE);
        let first = if middle < 6 { 1 } else { last - 10 };
        let wanted = first..=last.min(middle + 5);
        assert!(around.eq(wanted.clone()), "around {middle}, {wanted:?}: {page}");
    }
}

/// The line of the list, on the socket and over HTTP, the badge, and a recount of what is after the read mark agree.
fn is_counted(at: &Places<'_>, socket: &mut Socket, conversation: &Value, user: &User, expected: u64) {
    until(|| {
        let told = line(socket, conversation)?;
        let listed = get_as(&at.url("/conversations"), &user.token).json();
        let listed = &listed["conversations"][0]["unread"];
        let badge = &get_as(&at.url("/conversations/badge"), &user.token).json()["unread"];
        let (head, read) = (seq(&told["head"]), told.get("read_seq").map_or(0, seq));
        let unread = told.get("unread").map_or(0, seq);
        let expected = json!(expected.to_string());
        let agree = *listed == expected && *badge == expected && json!(unread.to_string()) == expected;
        // All of them are the other's messages.
        (agree && head - read == unread).then_some(())
    });
}

fn line(socket: &mut Socket, conversation: &Value) -> Option<Value> {
    socket.send(&json!({"sync": {}}));
    let delta = socket.until("delta");
    delta["conversations"].as_array()?.iter().find(|line| line["conversation"] == *conversation).cloned()
}

fn say(socket: &mut Socket, number: u64, to: &User) -> Value {
    let id = format!("01890a5d-ac96-774b-bcce-{number:012}");
    say_frame(socket, &mut send_frame(&id, &to.id, &number.to_string()))
}

fn seq(value: &Value) -> u64 {
    value.as_str().and_then(|seq| seq.parse().ok()).unwrap_or_else(|| panic!("no number: {value}"))
}
