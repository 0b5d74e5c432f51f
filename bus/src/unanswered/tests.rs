//! What is given again, when, and in which order.

use proto::client_frame::{Recipient, Send};
use proto::command::Source;
use proto::server_frame::{Ack, Nack};
use proto::{Body, Code, DeviceId, NodeId, Origin, Seq, TraceId, UserId};

use super::*;

const HERE: Partition = Partition::OF_BROADCASTS;
const NODE: NodeId = NodeId(7);
const DEADLINE: Timestamp = Timestamp(1_000);

fn id(number: u64) -> ClientMessageId {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    ClientMessageId(id)
}

fn asked(number: u64) -> Asked {
    Asked { session: SessionRef { node: NODE, session: 1 }, by: By::Id(id(number)) }
}

fn outbound(number: u64) -> Outbound<u64> {
    Outbound {
        asked: asked(number),
        partition: HERE,
        order: number,
        deadline: DEADLINE,
        bytes: 10,
        command: number,
    }
}

/// Kept under the epoch 3, in any order.
fn kept(numbers: &[u64]) -> Unanswered<u64> {
    let mut unanswered = Unanswered::default();
    assert!(owned(&mut unanswered, 3).is_empty());
    for number in numbers {
        assert!(unanswered.keep(outbound(*number), To::Owner, Instant::now()));
    }
    unanswered
}

fn owned(unanswered: &mut Unanswered<u64>, epoch: u64) -> Vec<u64> {
    numbers(unanswered.owned(HERE, Epoch(epoch), Instant::now()))
}

fn numbers(given: Vec<(u64, Instant)>) -> Vec<u64> {
    given.into_iter().map(|(number, _)| number).collect()
}

fn send(ack: AckMode) -> Command {
    let user = UserId::parse("alice").unwrap();
    let send = Send {
        client_message_id: id(1),
        to: Recipient::User(user.clone()),
        body: Body::text("hi".to_owned()),
        ack,
        attempt: 0,
        age_ms: 0,
        after: None,
    };
    let session = SessionRef { node: NODE, session: 1 };
    Command {
        origin: Origin { user, device: DeviceId::unnamed(), session, source: Source::Client },
        deadline: DEADLINE,
        epoch: Epoch(3),
        trace: TraceId::default(),
        once: None,
        request: Request::Send(send),
    }
}

fn reply(frame: ServerFrame) -> Delivery {
    let payload = Payload::Reply(1, Reply::Frame(frame));
    Delivery { target: Target::Node(NODE), payload, trace: TraceId::default() }
}

#[test]
fn the_next_owner_gets_what_the_last_did_not_answer_once_and_in_order() {
    let mut unanswered = kept(&[2, 1, 3, 4]);
    unanswered.forget(asked(3));
    assert!(owned(&mut unanswered, 3).is_empty(), "the same owner, still alive");
    assert!(owned(&mut unanswered, 2).is_empty(), "old news");
    assert_eq!(owned(&mut unanswered, 4), [1, 2, 4]);
    assert!(owned(&mut unanswered, 5).is_empty(), "they were given");
    assert_eq!((unanswered.len(), unanswered.bytes), (0, 0));
}

/// The new owner told that it is one before it listened, and the old one was asleep and took the repetition, too.
#[test]
fn what_a_new_owner_does_not_answer_is_given_once_more() {
    let mut unanswered = kept(&[1]);
    let told = Instant::now();
    assert_eq!(numbers(unanswered.owned(HERE, Epoch(4), told)), [1]);
    let look = told + SECOND_LOOK;
    unanswered.keep(outbound(1), To::Owner, told);
    unanswered.keep(outbound(2), To::Owner, look - ANSWERED_WITHIN / 2);
    assert!(unanswered.owned(HERE, Epoch(4), look - Duration::from_millis(1)).is_empty(), "it may be busy");
    assert!(unanswered.owned(HERE, Epoch(3), look).is_empty(), "old news");
    assert_eq!(numbers(unanswered.owned(HERE, Epoch(4), look)), [1], "not what was sent a moment ago");
    unanswered.keep(outbound(1), To::Owner, look);
    assert!(
        unanswered.owned(HERE, Epoch(4), look + SECOND_LOOK).is_empty(),
        "the rest is for its client to do"
    );
}

#[test]
fn what_waits_at_any_router_reaches_the_next_owner_without_us() {
    let mut unanswered = kept(&[1]);
    unanswered.keep(outbound(2), To::Any, Instant::now());
    assert_eq!(owned(&mut unanswered, 4), [1]);
    assert_eq!(owned(&mut unanswered, 5), [2], "that owner is gone, too");
}

#[test]
fn an_owner_who_listens_no_more_has_lost_what_was_sent_before() {
    let mut unanswered = kept(&[1, 2, 5]);
    unanswered.keep(outbound(3), To::Any, Instant::now());
    assert_eq!(numbers(unanswered.unserved(HERE, 4)), [1, 2]);
    assert!(unanswered.unserved(HERE, 4).is_empty());
    assert_eq!(unanswered.len(), 2);
}

#[test]
fn where_nobody_tells_who_owns_nothing_is_kept() {
    let mut unanswered = Unanswered::default();
    assert!(unanswered.keep(outbound(1), To::Owner, Instant::now()));
    assert_eq!(unanswered.len(), 0);
}

#[test]
fn another_try_takes_the_place_of_the_one_before() {
    let mut unanswered = kept(&[1]);
    unanswered.keep(Outbound { order: 9, command: 9, ..outbound(1) }, To::Owner, Instant::now());
    assert_eq!(unanswered.bytes, 10);
    assert_eq!(owned(&mut unanswered, 4), [9]);
}

#[test]
fn there_is_room_for_so_many_bytes_and_what_is_late_makes_room() {
    let mut unanswered = kept(&[1]);
    let large = || Outbound { bytes: UNANSWERED_BYTES_MAX, ..outbound(2) };
    assert!(!unanswered.keep(large(), To::Owner, Instant::now()));
    unanswered.forget_late(DEADLINE);
    assert_eq!(unanswered.len(), 1, "it may still be carried out");
    unanswered.forget_late(Timestamp(DEADLINE.0 + 1));
    assert_eq!((unanswered.len(), unanswered.bytes), (0, 0));
    assert!(unanswered.keep(large(), To::Owner, Instant::now()));
}

#[test]
fn an_ack_and_a_nack_answer_the_send_that_they_name() {
    let sent = Asked::by(&send(AckMode::Persisted));
    assert_eq!(sent, Some(asked(1)));
    let nack = Nack::of_send(id(1), Code::Busy, "later");
    assert_eq!(Asked::answered_by(&reply(ServerFrame::Nack(nack))), sent);
    let ack = Ack {
        client_message_id: id(1),
        conversation: proto::ConversationId::parse("d.alice.bob").unwrap(),
        seq: Seq(1),
        message_id: proto::MessageId(1),
        time: Timestamp(1),
    };
    assert_eq!(Asked::answered_by(&reply(ServerFrame::Ack(ack))), sent);
    let other = Nack::of("fetch", Code::Busy, "later");
    assert_eq!(Asked::answered_by(&reply(ServerFrame::Nack(other))), None);
}

#[test]
fn who_wants_no_answer_is_not_waited_for() {
    assert_eq!(Asked::by(&send(AckMode::None)), None);
    let ended = Command { request: Request::Disconnected, trace: TraceId(1), ..send(AckMode::Persisted) };
    assert_eq!(Asked::by(&ended), None);
}

#[test]
fn all_others_are_known_by_their_trace() {
    let read = |trace| Command { request: Request::Connected(None), trace, ..send(AckMode::Persisted) };
    assert_eq!(Asked::by(&read(TraceId::default())), None, "of nobody");
    let asked = Asked::by(&read(TraceId(7)));
    let answers = |trace| {
        let delivery = reply(ServerFrame::Nack(Nack::of("connected", Code::Busy, "later")));
        Asked::answered_by(&Delivery { trace, ..delivery })
    };
    assert!(asked.is_some() && answers(TraceId(7)) == asked);
    assert_ne!(answers(TraceId(8)), asked);
}

/// Only with the key by which routers know it.
#[test]
fn a_change_of_a_group_is_sent_again_only_if_it_is_carried_out_once() {
    let group = proto::GroupId::parse("team").unwrap();
    let leave = Request::Group(group, proto::command::GroupRequest::Leave);
    let leave = Command { request: leave, trace: TraceId(7), ..send(AckMode::Persisted) };
    assert_eq!(Asked::by(&leave), None);
    let once = proto::command::Once { id: id(1), attempt: 0, age_ms: 0 };
    assert!(Asked::by(&Command { once: Some(once), ..leave }).is_some());
}

#[test]
fn of_what_was_given_again_a_second_answer_is_told() {
    let asked = Asked { session: SessionRef { node: NODE, session: 1 }, by: By::Trace(TraceId(7)) };
    let payload = Payload::Reply(1, Reply::Settled);
    let answer = Delivery { target: Target::Node(NODE), payload, trace: TraceId(7) };
    let mut unanswered = kept(&[]);
    unanswered.keep(Outbound { asked, ..outbound(1) }, To::Owner, Instant::now());
    assert_eq!(owned(&mut unanswered, 4), [1]);
    unanswered.keep(Outbound { asked, ..outbound(1) }, To::Owner, Instant::now());
    assert!(unanswered.answered(&answer));
    assert_eq!(unanswered.len(), 0);
    assert!(!unanswered.answered(&answer));
    unanswered.forget_late(Timestamp(DEADLINE.0 + 1));
    assert!(unanswered.answered(&answer), "nobody may answer it any more, so this is of another");
}
