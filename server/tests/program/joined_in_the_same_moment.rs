//! Who joins a group by HTTP and opens a socket in the same moment is told what is said there, without asking; who leaves in that moment
//! is told nothing more. Many times, in one process and, where the services are, in a cluster.

use std::sync::Barrier;

use serde_json::{Value, json};

use crate::http::{Answer, User, delete_as, new_user, post_as};
use crate::places::{self, FAST, Places};
use crate::process::until;
use crate::socket::Socket;

/// Each time each of these, all at once.
const USERS: usize = 6;
const TIMES: u32 = 8;
/// A gateway forgets a user with the last socket: nothing that it still knows helps it.
const FORGETFUL: [(&str, &str); 2] =
    [("TIDEGATE_GATEWAY__INTEREST_LINGER_MIN", "0s"), ("TIDEGATE_GATEWAY__INTEREST_LINGER_MAX", "0s")];

#[test]
fn in_one_process() {
    places::in_one_process(&[&FAST[..], &FORGETFUL].concat(), race);
}

#[test]
fn in_a_cluster() {
    places::in_a_cluster(&[&FAST[..], &FORGETFUL].concat(), race);
}

fn race(at: &Places<'_>) {
    let anna = new_user(at.api, "anna", "a long secret");
    let others: Vec<User> =
        (0..USERS).map(|number| new_user(at.api, &format!("user{number}"), "a long secret")).collect();
    let mut anna = Speaker { socket: Socket::open(at.near, &anna.token), token: anna.token, said: 0 };
    let team = json!({"group_id": "team", "name": "Team", "join": "open"});
    assert_eq!(post_as(&at.url("/groups"), &anna.token, &team).status, 201);
    for _ in 0..TIMES {
        let join = |user: &User| post_as(&at.url("/groups/team/members"), &user.token, &json!({}));
        let mut sockets = in_one_moment(at, &others, join);
        let said = anna.says(json!({"conversation": "g.team"}));
        for socket in &mut sockets {
            is_told(socket, &said);
        }
        drop(sockets);
        let leave = |user: &User| delete_as(&at.url("/groups/team/members/me"), &user.token);
        let mut sockets = in_one_moment(at, &others, leave);
        for (socket, user) in sockets.iter_mut().zip(&others) {
            until(|| {
                let in_group = anna.says(json!({"conversation": "g.team"}));
                let alone = anna.says(json!({"to_user": user.id}));
                (!hears_before(socket, &in_group, &alone)).then_some(())
            });
        }
    }
}

/// Each of them does something, and opens a socket meanwhile.
fn in_one_moment(at: &Places<'_>, users: &[User], does: impl Fn(&User) -> Answer + Sync) -> Vec<Socket> {
    let (begin, does) = (Barrier::new(2 * users.len()), &does);
    std::thread::scope(|threads| {
        let begin = &begin;
        let doing = users.iter().map(|user| {
            threads.spawn(move || {
                begin.wait();
                let answer = does(user);
                assert_eq!(answer.status, 200, "{}", answer.text);
            })
        });
        let doing: Vec<_> = doing.collect();
        let opening = users.iter().map(|user| {
            threads.spawn(move || {
                begin.wait();
                Socket::open(at.far, &user.token)
            })
        });
        let opening: Vec<_> = opening.collect();
        doing.into_iter().for_each(|thread| thread.join().expect("it is done"));
        opening.into_iter().map(|thread| thread.join().expect("a socket")).collect()
    })
}

struct Speaker {
    socket: Socket,
    token: String,
    said: u32,
}

impl Speaker {
    /// Says the next thing there; gives its acknowledgement.
    fn says(&mut self, whereto: Value) -> Value {
        self.said += 1;
        let mut send = whereto;
        send["client_message_id"] = json!(format!("01890a5d-ac96-774b-bcce-{:012}", self.said));
        send["body"] = json!({"text": "hi"});
        self.socket.send(&json!({ "send": send }));
        self.socket.until("ack")
    }
}

/// Reads until the event, or a head that shows it.
fn is_told(socket: &mut Socket, said: &Value) {
    let number = |seq: &Value| seq.as_str().and_then(|seq| seq.parse::<u64>().ok());
    loop {
        let (name, told) = socket.until_any(&["event", "head"]);
        let seq = &told[if name == "event" { "seq" } else { "last_seq" }];
        if told["conversation"] == said["conversation"] && number(seq) >= number(&said["seq"]) {
            return;
        }
    }
}

/// Whether one message comes before the other.
fn hears_before(socket: &mut Socket, one: &Value, other: &Value) -> bool {
    loop {
        let told = socket.until("event");
        if told["message_id"] == one["message_id"] {
            return true;
        }
        if told["message_id"] == other["message_id"] {
            return false;
        }
    }
}
