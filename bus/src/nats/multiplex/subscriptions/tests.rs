//! Every order of wishes, against a server that is told what comes out.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

/// What a server knows.
#[derive(Default)]
struct Server {
    subscriptions: BTreeMap<u64, String>,
    subscribed: usize,
}

impl Server {
    fn hear(&mut self, change: Change) {
        match change {
            Change::Subscribe(wanted, sid) => {
                let name = format!("{wanted:?}");
                assert!(!self.subscriptions.values().any(|other| *other == name), "{name} twice");
                assert!(self.subscriptions.insert(sid, name).is_none(), "{sid} twice");
                self.subscribed += 1;
            }
            Change::Unsubscribe(sid) => {
                self.subscriptions.remove(&sid).expect("only what is subscribed is ended");
            }
        }
    }

    fn hear_all(&mut self, subscriptions: &mut Subscriptions) {
        while let Some(change) = subscriptions.next() {
            self.hear(change);
        }
    }

    fn names(&self) -> BTreeSet<String> {
        self.subscriptions.values().cloned().collect()
    }
}

fn users(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| format!("{:?}", Wanted::Target(Target::User(user(name))))).collect()
}

#[test]
fn every_kind_has_numbers_of_its_own() {
    let (mut subscriptions, mut server) = (Subscriptions::new(), Server::default());
    subscriptions.subscribe("a.subject");
    subscriptions.subscribe_user(&user("a"));
    subscriptions.subscribe_group(&GroupId::parse("a").unwrap());
    assert_eq!((subscriptions.len(), subscriptions.waiting(), subscriptions.asked()), (3, 3, 3));
    server.hear_all(&mut subscriptions);
    assert_eq!(server.subscriptions.len(), 3);
    assert_eq!((subscriptions.waiting(), subscriptions.told()), (0, 3));
    subscriptions.unsubscribe("a.subject");
    subscriptions.unsubscribe_group(&GroupId::parse("a").unwrap());
    server.hear_all(&mut subscriptions);
    assert_eq!(server.names(), users(&["a"]));
    assert!(subscriptions.is_told(&Target::User(user("a"))) && !subscriptions.is_told_subject("a.subject"));
}

#[test]
fn a_wish_taken_back_in_time_costs_nothing() {
    let (mut subscriptions, mut server) = (Subscriptions::new(), Server::default());
    subscriptions.subscribe_user(&user("a"));
    subscriptions.unsubscribe_user(&user("a"));
    server.hear_all(&mut subscriptions);
    assert_eq!((server.subscribed, subscriptions.len()), (0, 0));
    subscriptions.subscribe_user(&user("a"));
    server.hear_all(&mut subscriptions);
    subscriptions.unsubscribe_user(&user("a"));
    subscriptions.subscribe_user(&user("a"));
    server.hear_all(&mut subscriptions);
    assert_eq!(server.subscribed, 1, "it was never ended");
    assert_eq!(subscriptions.told(), subscriptions.asked());
}

#[test]
fn all_orders_of_wishes_and_losses_end_where_they_should() {
    // Each digit is one step: subscribe or unsubscribe one of two users, tell one thing, or lose the connection.
    const STEPS: u32 = 6;
    const KINDS: u32 = 6;
    for sequence in 0..KINDS.pow(STEPS) {
        let (mut subscriptions, mut server) = (Subscriptions::new(), Server::default());
        let mut wanted = BTreeSet::new();
        for step in 0..STEPS {
            let name = if sequence / KINDS.pow(step) % 2 == 0 { "a" } else { "b" };
            match sequence / KINDS.pow(step) % KINDS {
                0 | 1 => {
                    subscriptions.subscribe_user(&user(name));
                    wanted.insert(name);
                }
                2 | 3 => {
                    subscriptions.unsubscribe_user(&user(name));
                    wanted.remove(name);
                }
                4 => {
                    if let Some(change) = subscriptions.next() {
                        server.hear(change);
                    }
                }
                _ => {
                    server.subscriptions.clear();
                    subscriptions.forget_told();
                }
            }
        }
        server.hear_all(&mut subscriptions);
        let wanted: Vec<_> = wanted.into_iter().collect();
        assert_eq!(server.names(), users(&wanted), "sequence {sequence}");
        assert_eq!((subscriptions.waiting(), subscriptions.told()), (0, subscriptions.asked()));
        assert!(subscriptions.has_walked());
    }
}

#[test]
fn new_wishes_do_not_wait_for_a_long_walk() {
    let (mut subscriptions, mut server) = (Subscriptions::new(), Server::default());
    for number in 0..1_000 {
        subscriptions.subscribe_user(&user(&format!("u{number}")));
    }
    server.hear_all(&mut subscriptions);
    server.subscriptions.clear();
    subscriptions.forget_told();
    subscriptions.subscribe_user(&user("new"));
    let asked = subscriptions.asked();
    for _ in 0..2 {
        server.hear(subscriptions.next().unwrap());
    }
    assert_eq!(subscriptions.told(), asked, "the new one was told");
    assert!(!subscriptions.has_walked());
    assert!(subscriptions.waiting() >= 999);
    server.hear_all(&mut subscriptions);
    assert_eq!(server.subscriptions.len(), 1_001);
}

#[test]
fn a_walk_ends_with_its_last_name() {
    let (mut subscriptions, mut server) = (Subscriptions::new(), Server::default());
    for name in ["a", "b"] {
        subscriptions.subscribe_user(&user(name));
    }
    subscriptions.forget_told();
    assert!(!subscriptions.has_walked());
    while subscriptions.waiting() > 0 {
        server.hear(subscriptions.next().unwrap());
    }
    assert!(subscriptions.has_walked());
    subscriptions.forget_told();
    for name in ["a", "b"] {
        subscriptions.unsubscribe_user(&user(name));
    }
    assert!(subscriptions.has_walked(), "nobody is left to walk to");
}

#[test]
fn coming_and_going_while_nothing_can_be_told_keeps_the_queue_short() {
    let (mut subscriptions, mut server) = (Subscriptions::new(), Server::default());
    for number in 0..100_000 {
        let name = user(&format!("u{number}"));
        subscriptions.subscribe_user(&name);
        subscriptions.unsubscribe_user(&name);
        assert!(subscriptions.queue.len() <= QUEUE_SLACK + 3);
    }
    subscriptions.subscribe_user(&user("last"));
    server.hear_all(&mut subscriptions);
    assert_eq!(server.names(), users(&["last"]));
    assert_eq!(subscriptions.told(), subscriptions.asked());
}

#[test]
fn a_crowd_that_left_keeps_no_table() {
    let mut subscriptions = Subscriptions::new();
    let names: Vec<_> = (0..50_000).map(|number| user(&format!("u{number}"))).collect();
    for name in &names {
        subscriptions.subscribe_user(name);
    }
    while subscriptions.next().is_some() {}
    let full = subscriptions.users.bytes();
    assert!(full <= 46 * names.len(), "{full} bytes");
    for name in &names[1..] {
        subscriptions.unsubscribe_user(name);
    }
    while subscriptions.next().is_some() {}
    assert_eq!(subscriptions.len(), 1);
    let left = subscriptions.users.bytes();
    assert!(left < full / 100, "{left} bytes of {full}");
}
