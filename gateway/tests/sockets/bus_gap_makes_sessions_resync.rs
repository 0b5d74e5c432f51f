//! What the bus lost is never hidden.

use proto::{ServerFrame, Target};

use crate::bench::{Bench, direct, user};

#[test]
fn every_session_is_told_to_resync_after_a_gap() {
    let bench = Bench::with_bus(bus::Limits { commands: 100, deliveries: 50 }, |_| {});
    let mut clients = [bench.connect("alice"), bench.connect("bob")];
    // One batch larger than the inbox: the excess is lost, whatever the shard does meanwhile.
    let conversation = direct("alice", "carol");
    let one = proto::Delivery {
        target: Target::User(user("alice")),
        payload: proto::Payload::Fanout(proto::delivery::Fanout {
            frame: std::sync::Arc::new(proto::SharedFrame::new(crate::bench::event_frame(
                &conversation,
                1,
                "x",
            ))),
            class: proto::delivery::Class::Event,
            conversation,
            seq: proto::Seq(1),
            except: None,
        }),
        trace: proto::TraceId::default(),
    };
    bench.bus.publish(&mut vec![one; 200]);
    for client in &mut clients {
        while client.frame() != ServerFrame::Resync {}
        // Groups were asked again, and a sync works as before.
        client.settle(&bench);
    }
}

#[test]
fn a_join_that_was_lost_in_the_gap_is_found_again() {
    let bench = Bench::with_bus(bus::Limits { commands: 100, deliveries: 50 }, |_| {});
    let mut client = bench.connect("alice");
    // The join was lost: only the backend knows.
    bench.set_groups("alice", &["g"]);
    let conversation = proto::ConversationId::group(&crate::bench::group("g"));
    let lost = proto::Delivery {
        target: Target::User(user("alice")),
        payload: proto::Payload::Control(proto::delivery::Control::LeftGroup(crate::bench::group("none"))),
        trace: proto::TraceId::default(),
    };
    bench.bus.publish(&mut vec![lost; 200]);
    while client.frame() != ServerFrame::Resync {}
    client.settle(&bench);
    bench.event(Target::Group(crate::bench::group("g")), &conversation, 3, "hi");
    assert_eq!(client.expect_event(), 3);
}
