//! Events of a large group are put into mailboxes together, and everybody still gets them, and answers, in the order in which they
//! were published.

use std::sync::Arc;

use proto::delivery::{Class, Fanout, SharedFrame};
use proto::server_frame::Ack;
use proto::{
    ClientMessageId, Command, ConversationId, MessageId, Payload, Reply, Seq, ServerFrame, SessionRef,
    Target, Timestamp,
};

use crate::bench::{Bench, event_frame, group};
use crate::client::Client;

fn conversation() -> ConversationId {
    ConversationId::group(&group("g"))
}

/// Event number `seq`, which its sender learns of by its ack.
fn event(seq: u64, sender: Option<&Command>) -> (Target, Payload) {
    let fanout = Fanout {
        frame: Arc::new(SharedFrame::new(event_frame(&conversation(), seq, "hi"))),
        class: Class::Event,
        conversation: conversation(),
        seq: Seq(seq),
        except: sender.map(|command| command.origin.session),
    };
    (Target::Group(group("g")), Payload::Fanout(fanout))
}

fn ack(seq: u64, asker: &Command) -> (Target, Payload) {
    let ack = Ack {
        client_message_id: ClientMessageId([7; 16]),
        conversation: conversation(),
        seq: Seq(seq),
        message_id: MessageId(seq),
        time: Timestamp(1_790_000_000_000),
    };
    let SessionRef { node, session } = asker.origin.session;
    (Target::Node(node), Payload::Reply(session, Reply::Frame(ServerFrame::Ack(ack))))
}

/// The next `count` events and acks, which are negative here.
fn told(client: &mut Client, count: usize) -> Vec<i64> {
    let next = || match client.frame() {
        ServerFrame::Event(event) => event.entry.seq.0.cast_signed(),
        ServerFrame::Ack(ack) => -ack.seq.0.cast_signed(),
        other => panic!("{other:?}"),
    };
    std::iter::repeat_with(next).take(count).collect()
}

#[test]
fn events_and_answers_between_them_keep_their_order_for_everybody() {
    const CROWD: usize = 70;
    let bench = Bench::start();
    let come = |name: &str| {
        bench.set_groups(name, &["g"]);
        bench.connect(name)
    };
    let mut crowd: Vec<_> = (0..CROWD).map(|number| come(&format!("user-{number}"))).collect();
    let (mut alice, mut bob, mut carol) = (come("alice"), come("bob"), come("carol"));
    let mut outside = bench.connect("outside");
    let sent = |client: &mut Client| {
        client.send_message(1, "somebody");
        bench.command()
    };
    let (by_alice, by_bob) = (sent(&mut alice), sent(&mut bob));
    let (by_carol, by_outside) = (sent(&mut carol), sent(&mut outside));
    bench.publish_together(vec![
        event(1, Some(&by_alice)),
        ack(1, &by_alice),
        event(2, Some(&by_bob)),
        ack(90, &by_outside),
        event(3, None),
        ack(2, &by_bob),
        event(4, Some(&by_carol)),
        event(5, None),
    ]);
    for client in &mut crowd {
        assert_eq!(told(client, 5), [1, 2, 3, 4, 5]);
    }
    assert_eq!(told(&mut alice, 5), [-1, 2, 3, 4, 5]);
    assert_eq!(told(&mut bob, 5), [1, 3, -2, 4, 5]);
    assert_eq!(told(&mut carol, 4), [1, 2, 3, 5], "her ack has not come");
    assert_eq!(told(&mut outside, 1), [-90]);
    bench.publish_together(vec![ack(4, &by_carol), event(6, None), event(7, None)]);
    assert_eq!(told(&mut carol, 3), [-4, 6, 7]);
    assert_eq!(told(&mut crowd[CROWD - 1], 2), [6, 7]);
    bench.drain();
}
