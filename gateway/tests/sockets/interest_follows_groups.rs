//! Events reach the sessions that are interested, and no others.

use proto::delivery::{Class, Control, HeadState};
use proto::{ConversationId, Payload, Reply, Request, Seq, ServerFrame, Target};

use crate::bench::{Bench, direct, event_frame, group, user};

#[test]
fn group_events_reach_members_as_they_join_and_leave() {
    let bench = Bench::start();
    bench.set_groups("alice", &["g"]);
    let (mut alice, mut bob) = (bench.connect("alice"), bench.connect("bob"));
    let conversation = ConversationId::group(&group("g"));
    let say = |seq| bench.event(Target::Group(group("g")), &conversation, seq, "hi");
    let mark = |name: &str, seq| bench.event(Target::User(user(name)), &direct("alice", "bob"), seq, "mark");
    let control = |control| bench.publish(Target::User(user("bob")), Payload::Control(control));

    say(1);
    control(Control::JoinedGroup(group("g")));
    mark("bob", 100);
    assert_eq!(bob.expect_event(), 100, "not yet a member at the first event");
    say(2);
    assert_eq!(bob.expect_event(), 2);
    control(Control::LeftGroup(group("g")));
    mark("bob", 101);
    assert_eq!(bob.expect_event(), 101);
    say(3);
    mark("bob", 102);
    assert_eq!(bob.expect_event(), 102, "no longer a member at the third event");
    assert_eq!((alice.expect_event(), alice.expect_event(), alice.expect_event()), (1, 2, 3));
}

#[test]
fn every_device_gets_an_event_but_the_one_that_sent_it() {
    let bench = Bench::start();
    let (mut phone, mut laptop) = (bench.connect("alice"), bench.connect("alice"));
    phone.send_message(1, "bob");
    let command = bench.command();
    let conversation = direct("alice", "bob");
    let frame = event_frame(&conversation, 1, "hi");
    let except = Some(command.origin.session);
    bench.fan_out(Target::User(user("alice")), Class::Event, &conversation, 1, except, frame);
    bench.event(Target::User(user("alice")), &conversation, 2, "next");
    assert_eq!((laptop.expect_event(), laptop.expect_event()), (1, 2));
    assert_eq!(phone.expect_event(), 2);
}

#[test]
fn a_command_carries_the_identity_of_its_session() {
    let bench = Bench::start();
    let mut client = bench.connect("alice");
    client.send_message(9, "bob");
    let command = bench.command();
    assert_eq!(command.origin.user, user("alice"));
    assert!(command.deadline.0 > lifecycle::wall_clock_ms() + 5_000);
    assert_eq!(command.conversation(), Some(direct("alice", "bob")));
}

/// What was said between the change and the subscription was told to nobody here.
#[test]
fn who_comes_into_a_group_hears_where_it_is() {
    let bench = Bench::start();
    let (mut phone, mut laptop) = (bench.connect("bob"), bench.connect("bob"));
    let team = ConversationId::group(&group("g"));
    let joined = || {
        let control = Control::JoinedGroup(group("g"));
        bench.publish(Target::User(user("bob")), Payload::Control(control));
    };
    joined();
    for _ in 0..2 {
        let command = bench.command();
        assert_eq!(command.request, Request::Heads(vec![team.clone()]));
        let (seq, floor, conversation) = (Seq(7), Seq(1), team.clone());
        let (counted, last, member, retention_seconds, confirming) = (7, None, true, 0, None);
        let head =
            HeadState { conversation, seq, counted, last, member, floor, retention_seconds, confirming };
        bench.reply(&command, Reply::Heads(vec![head]));
    }
    for client in [&mut phone, &mut laptop] {
        let ServerFrame::Head(head) = client.frame() else { panic!("a head is told") };
        assert_eq!((head.conversation, head.last), (team.clone(), Seq(7)));
    }
    // Said again it is nothing new: the next command is a client's.
    joined();
    phone.send_message(1, "bob");
    assert!(matches!(bench.command().request, Request::Send(_)));
}
