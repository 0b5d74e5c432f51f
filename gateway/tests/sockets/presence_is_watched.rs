//! Who watches whom: asked of the router, told as far as it says, no more often than agreed.

use std::time::Duration;

use proto::delivery::Control;
use proto::presence::{PresenceSeen, PresenceState, PresenceWatch, UserPresence};
use proto::{Command, Payload, Reply, Request, ServerFrame, Target};

use crate::bench::{Bench, user};
use crate::client::Client;

fn state(name: &str, state: PresenceState) -> UserPresence {
    UserPresence { state, ..UserPresence::never(user(name)) }
}

fn online(name: &str) -> UserPresence {
    state(name, PresenceState::Online)
}

/// The next question about presence.
fn question(bench: &Bench) -> (Command, PresenceWatch) {
    let command = bench.command();
    let Request::WatchPresence(watch) = command.request.clone() else { panic!("{command:?}") };
    (command, watch)
}

fn answer(bench: &Bench, asked: &(Command, PresenceWatch), shown: &[UserPresence], hidden: &[&str]) {
    let hidden = hidden.iter().map(|name| user(name)).collect();
    let seen = PresenceSeen { round: asked.1.round, shown: shown.to_vec(), hidden };
    bench.reply(&asked.0, Reply::Presence(Box::new(seen)));
}

fn publish(bench: &Bench, presence: UserPresence) {
    let target = Target::Presence(presence.user.clone());
    bench.publish(target, Payload::Control(Control::Presence(Box::new(presence))));
}

fn told(client: &mut Client) -> Vec<UserPresence> {
    match client.frame() {
        ServerFrame::Presence(users) => users,
        other => panic!("{other:?}"),
    }
}

/// A client that was told that bob is online.
fn watching(bench: &Bench, name: &str) -> Client {
    let mut client = bench.connect(name);
    client.send(r#"{"presence_subscribe":{"users":["bob"]}}"#);
    answer(bench, &question(bench), &[online("bob")], &[]);
    assert_eq!(told(&mut client), [online("bob")]);
    client
}

/// Everything that was published before has arrived.
fn pong(client: &mut Client) {
    client.send(r#"{"ping":{}}"#);
    let frame = client.frame();
    assert!(matches!(frame, ServerFrame::Pong(_)), "{frame:?}");
}

#[test]
fn what_the_router_shows_is_told_and_what_changes_after_it() {
    let bench = Bench::start();
    let mut alice = bench.connect("alice");
    alice.send(r#"{"presence_subscribe":{"users":["bob","carol","bob"]}}"#);
    let asked = question(&bench);
    assert_eq!((&asked.0.origin.user, asked.1.users.len()), (&user("alice"), 2));
    publish(&bench, online("carol"));
    answer(&bench, &asked, &[online("bob")], &["carol"]);
    assert_eq!(told(&mut alice), [online("bob"), UserPresence::never(user("carol"))]);
    publish(&bench, state("carol", PresenceState::Away));
    publish(&bench, online("bob"));
    publish(&bench, state("dave", PresenceState::Away));
    publish(&bench, state("bob", PresenceState::Away));
    assert_eq!(told(&mut alice), [state("bob", PresenceState::Away)], "what changed, of whom she may see");

    alice.send(r#"{"presence_unsubscribe":{}}"#);
    pong(&mut alice);
    publish(&bench, online("bob"));
    pong(&mut alice);
}

#[test]
fn a_question_is_asked_until_it_is_answered() {
    let bench = Bench::start();
    let mut alice = bench.connect("alice");
    alice.send(r#"{"presence_subscribe":{"users":["bob"]}}"#);
    let lost = question(&bench);
    let again = question(&bench);
    assert_ne!(lost.1.round, again.1.round);
    answer(&bench, &lost, &[online("bob")], &[]);
    pong(&mut alice);
    answer(&bench, &again, &[state("bob", PresenceState::Away)], &[]);
    assert_eq!(told(&mut alice), [state("bob", PresenceState::Away)]);
    bench.expect_no_command();
}

#[test]
fn one_who_comes_and_goes_is_told_once_in_an_interval() {
    let bench = Bench::with(|config| config.timeouts.presence_interval = Duration::from_secs(3));
    let mut alice = watching(&bench, "alice");
    for _ in 0..20 {
        publish(&bench, state("bob", PresenceState::Offline));
        publish(&bench, online("bob"));
    }
    publish(&bench, state("bob", PresenceState::Away));
    assert_eq!(told(&mut alice), [state("bob", PresenceState::Away)], "the last of it");
    pong(&mut alice);
}

#[test]
fn more_users_than_a_socket_may_watch_are_refused() {
    let bench = Bench::start();
    let mut alice = bench.connect("alice");
    alice.send(r#"{"presence_subscribe":{"users":["a","b","c","d"]}}"#);
    let nack = alice.expect_nack();
    assert_eq!((nack.code, nack.frame), (proto::Code::TooMany, "presence_subscribe"));
    assert!(nack.message.contains('3'), "{}", nack.message);
    bench.expect_no_command();
    alice.send(r#"{"presence_subscribe":{"users":["a","b","c"]}}"#);
    assert_eq!(question(&bench).1.users.len(), 3);
}

#[test]
fn nothing_is_told_while_it_is_not_known_whether_it_may_be() {
    let bench = Bench::start();
    let mut alice = watching(&bench, "alice");
    let doubts = [
        (Target::Presence(user("bob")), Control::PresenceRules),
        (Target::User(user("alice")), Control::PresenceOf(user("bob"))),
    ];
    for (target, control) in doubts {
        bench.publish(target, Payload::Control(control));
        let asked = question(&bench);
        publish(&bench, state("bob", PresenceState::Away));
        pong(&mut alice);
        answer(&bench, &asked, &[], &["bob"]);
        assert_eq!(told(&mut alice), [UserPresence::never(user("bob"))]);
        publish(&bench, online("bob"));
        pong(&mut alice);
        bench.publish(Target::Presence(user("bob")), Payload::Control(Control::PresenceRules));
        answer(&bench, &question(&bench), &[online("bob")], &[]);
        assert_eq!(told(&mut alice), [online("bob")]);
    }
}

#[test]
fn a_session_that_ends_watches_nobody() {
    let bench = Bench::start();
    let alice = watching(&bench, "alice");
    assert!(bench.bus.may_be_watched(&user("bob")));
    drop(alice);
    crate::client::wait_for("the end", || (!bench.bus.may_be_watched(&user("bob"))).then_some(()));
}

#[test]
fn who_watches_goes_on_in_another_process_and_is_told_again() {
    let mut bench = Bench::start();
    let mut alice = watching(&bench, "alice");
    alice.send(r#"{"presence_report":{"state":"away"}}"#);
    assert_eq!(bench.attendance(), "alice came as default");
    assert_eq!(bench.attendance(), "alice is away from default");
    assert_eq!(bench.moved(), 1);
    assert_eq!(bench.attendance(), "alice came as default");
    assert_eq!(bench.attendance(), "alice is away from default");
    let asked = question(&bench);
    assert_eq!(asked.1.users, [user("bob")]);
    answer(&bench, &asked, &[state("bob", PresenceState::Offline)], &[]);
    assert_eq!(told(&mut alice), [state("bob", PresenceState::Offline)]);
    publish(&bench, online("bob"));
    assert_eq!(told(&mut alice), [online("bob")]);
}

#[test]
fn a_client_that_nobody_uses_says_so() {
    let bench = Bench::start();
    let mut alice = bench.connect("alice");
    assert_eq!(bench.attendance(), "alice came as default");
    for (state, word) in [("away", "alice is away from default"), ("online", "alice is back at default")] {
        for _ in 0..2 {
            alice.send(&format!(r#"{{"presence_report":{{"state":"{state}"}}}}"#));
        }
        assert_eq!(bench.attendance(), word, "said twice, told once");
    }
    alice.send(r#"{"presence_report":{"state":"away"}}"#);
    assert_eq!(bench.attendance(), "alice is away from default");
    drop(alice);
    assert_eq!(bench.attendance(), "alice left as default, away");
}

#[test]
fn after_a_gap_of_the_bus_everything_is_asked_again() {
    let limits = bus::Limits { commands: 1_000, deliveries: 50 };
    let bench = Bench::with_bus(limits, |_| {});
    let mut alice = watching(&bench, "alice");
    let mut many: Vec<_> = (0..200)
        .map(|_| proto::Delivery {
            target: Target::Presence(user("bob")),
            payload: Payload::Control(Control::Presence(Box::new(online("bob")))),
            trace: proto::TraceId::default(),
        })
        .collect();
    bench.bus.publish(&mut many);
    assert!(matches!(alice.frame(), ServerFrame::Resync));
    answer(&bench, &question(&bench), &[state("bob", PresenceState::Away)], &[]);
    assert_eq!(told(&mut alice), [state("bob", PresenceState::Away)]);
}
