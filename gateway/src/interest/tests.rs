//! The tables of users and groups, against a list of subscriptions.

mod orders;

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::*;

/// Remembers what is subscribed; subscribing twice or ending what is not there fails the test.
#[derive(Default)]
struct Recorder(RefCell<BTreeSet<String>>);

impl Recorder {
    fn add(&self, subject: String) {
        assert!(self.0.borrow_mut().insert(subject), "subscribed twice");
    }

    fn remove(&self, subject: &str) {
        assert!(self.0.borrow_mut().remove(subject), "{subject} was not subscribed");
    }

    fn now(&self) -> Vec<String> {
        self.0.borrow().iter().cloned().collect()
    }
}

impl Subscriptions for Recorder {
    fn subscribe_user(&self, user: &UserId) {
        self.add(format!("user.{user}"));
    }
    fn unsubscribe_user(&self, user: &UserId) {
        self.remove(&format!("user.{user}"));
    }
    fn subscribe_group(&self, group: &GroupId) {
        self.add(format!("group.{group}"));
    }
    fn unsubscribe_group(&self, group: &GroupId) {
        self.remove(&format!("group.{group}"));
    }
}

/// When those who left are forgotten.
const LATER: Tick = Tick(9);

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn group(name: &str) -> GroupId {
    GroupId::parse(name).unwrap()
}

fn connect(interest: &mut Interest, bus: &Recorder, name: &str, slot: u32, groups: &[&str]) {
    interest.add_session(bus, &user(name), slot);
    interest.ask_groups(&user(name));
    let groups = groups.iter().map(|name| group(name)).collect();
    interest.groups_answered(bus, &user(name), groups, Awaited::Nothing);
}

#[test]
fn a_user_is_subscribed_while_there_is_a_session() {
    let (mut interest, bus) = (Interest::default(), Recorder::default());
    connect(&mut interest, &bus, "alice", 1, &[]);
    connect(&mut interest, &bus, "alice", 2, &[]);
    assert_eq!(interest.of_user(&user("alice")), [1, 2]);
    assert!(!interest.remove_session(&user("alice"), 1, LATER, Awaited::Nothing));
    interest.forget(&bus, &user("alice"), LATER);
    assert_eq!(bus.now(), ["user.alice"], "a session is left");
    assert!(interest.remove_session(&user("alice"), 2, LATER, Awaited::Nothing));
    assert_eq!(bus.now(), ["user.alice"], "interest lingers until it is forgotten");
    interest.forget(&bus, &user("alice"), LATER);
    assert!(bus.now().is_empty());
    assert!(interest.users.is_empty());
}

#[test]
fn a_group_is_subscribed_while_a_member_is_here() {
    let (mut interest, bus) = (Interest::default(), Recorder::default());
    connect(&mut interest, &bus, "alice", 5, &["g"]);
    connect(&mut interest, &bus, "bob", 3, &["g", "h"]);
    assert_eq!(bus.now(), ["group.g", "group.h", "user.alice", "user.bob"]);
    assert_eq!(interest.of_group(&group("g")), [3, 5]);
    interest.remove_session(&user("bob"), 3, LATER, Awaited::Nothing);
    assert_eq!(interest.of_group(&group("g")), [5]);
    interest.forget(&bus, &user("bob"), LATER);
    assert_eq!(bus.now(), ["group.g", "user.alice"]);
    interest.left(&bus, &user("alice"), &group("g"));
    assert_eq!(bus.now(), ["user.alice"]);
    assert!(interest.groups.is_empty());
}

#[test]
fn a_second_session_gets_the_groups_too() {
    let (mut interest, bus) = (Interest::default(), Recorder::default());
    connect(&mut interest, &bus, "alice", 5, &["g"]);
    connect(&mut interest, &bus, "alice", 2, &["g"]);
    assert_eq!(interest.of_group(&group("g")), [2, 5]);
}

#[test]
fn a_late_answer_does_not_undo_a_join_or_leave() {
    let (mut interest, bus) = (Interest::default(), Recorder::default());
    let alice = user("alice");
    interest.add_session(&bus, &alice, 1);
    interest.ask_groups(&alice);
    interest.joined(&bus, &alice, &group("new"));
    interest.left(&bus, &alice, &group("old"));
    let stale = vec![group("old"), group("both")];
    interest.groups_answered(&bus, &alice, stale.clone(), Awaited::Another);
    assert_eq!(bus.now(), ["group.both", "group.new", "user.alice"]);
    interest.groups_answered(&bus, &alice, stale.clone(), Awaited::Nothing);
    assert_eq!(bus.now(), ["group.both", "group.new", "user.alice"]);
    // Nothing is awaited any more, so this answer is newer than all that was heard.
    interest.ask_groups(&alice);
    interest.groups_answered(&bus, &alice, stale, Awaited::Nothing);
    assert_eq!(bus.now(), ["group.both", "group.old", "user.alice"]);
    assert_eq!(interest.of_group(&group("old")), [1]);
    assert!(interest.of_group(&group("new")).is_empty());
}

#[test]
fn a_returning_user_finds_the_groups_of_the_lingering_interest() {
    let (mut interest, bus) = (Interest::default(), Recorder::default());
    connect(&mut interest, &bus, "alice", 1, &["g"]);
    interest.remove_session(&user("alice"), 1, LATER, Awaited::Nothing);
    connect(&mut interest, &bus, "alice", 9, &["g"]);
    interest.forget(&bus, &user("alice"), LATER);
    assert_eq!(interest.of_group(&group("g")), [9]);
    assert_eq!(interest.of_user(&user("alice")), [9]);
}

#[test]
fn heads_are_the_newest_that_passed_by() {
    let (mut interest, bus) = (Interest::default(), Recorder::default());
    let alice = user("alice");
    connect(&mut interest, &bus, "alice", 1, &["g", "quiet"]);
    let direct = ConversationId::direct(&alice, &user("bob"));
    interest.note_user_head(&alice, &direct, Seq(4));
    interest.note_user_head(&alice, &direct, Seq(3));
    interest.note_group_head(&group("g"), Seq(9));
    let heads = interest.heads_of(&alice);
    assert_eq!(heads, [Head::of(direct, Seq(4)), Head::of(ConversationId::group(&group("g")), Seq(9))]);
}

#[test]
fn an_entry_of_a_user_is_small() {
    assert!(size_of::<User>() <= 32);
}
