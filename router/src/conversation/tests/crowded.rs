//! More commands than may wait: who is refused, with what advice, and what becomes of those that follow or come again.

use std::sync::Arc;

use proto::client_frame::Send;
use proto::{Epoch, Payload, Reply, ServerFrame};

use super::stand::{EPOCH, Stand, id, message};
use crate::rules::admission::{Admission, AdmissionRules};
use crate::turn::Work;

/// In a group, one of alice in flight and `waiting` of others behind it, in a worker where so many may wait.
fn crowded(waiting: u64, waiting_max: usize) -> Stand {
    let mut stand = Stand::group(&["alice", "bob", "carol", "u0", "u1", "u2", "u3"]);
    stand.admission = Admission::new(AdmissionRules { wait_ms: 1_000, waiting_max });
    stand.send(message(1));
    (0..waiting).for_each(|number| send_as(&mut stand, &format!("u{number}"), message(100 + number)));
    assert_eq!(stand.said(), [""; 0]);
    stand
}

fn send_as(stand: &mut Stand, user: &str, send: Send) {
    let command = stand.command_of(user, send);
    stand.command(command);
}

fn again(number: u64) -> Send {
    Send { attempt: 1, ..message(number) }
}

/// What is in flight becomes durable and is told, as is all that waits behind it; gives their numbers, in order.
fn serve_all(stand: &mut Stand) -> Vec<u64> {
    let mut told = Vec::new();
    loop {
        let batch = match &stand.work()[..] {
            [] => return told,
            [Work::Append(batch)] => Arc::clone(batch),
            other => panic!("appends nothing but {other:?}"),
        };
        let numbers = batch.entries.iter().map(|entry| u128::from_be_bytes(entry.client_message_id.0));
        told.extend(numbers.map(|number| u64::try_from(number).unwrap()));
        stand.is_durable(&batch);
        stand.passes();
    }
}

#[test]
fn who_has_most_waiting_is_refused_with_advice_and_others_are_not() {
    let mut stand = crowded(0, 4);
    (2..=4).for_each(|number| stand.send(message(number)));
    assert_eq!(stand.said(), ["3 nack BUSY", "4 nack BUSY"], "two places are for others");
    send_as(&mut stand, "bob", message(5));
    assert_eq!(stand.said(), [""; 0]);
    assert_eq!(stand.admission.waiting(), 3);
}

#[test]
fn the_advice_follows_the_pace() {
    let mut stand = crowded(4, 5);
    (1..=20).for_each(|windows| stand.admission.turn_ended(windows * 250));
    stand.send(message(2));
    let advice = stand.deliveries().into_iter().find_map(|delivery| match delivery.payload {
        Payload::Reply(_, Reply::Frame(ServerFrame::Nack(nack))) => Some(nack.retry_after_ms),
        _ => None,
    });
    assert_eq!(advice, Some(2_500), "half of five, at less than one a second");
}

#[test]
fn what_follows_a_refused_one_does_not_overtake_it() {
    let mut stand = crowded(4, 5);
    stand.send(message(2));
    assert_eq!(stand.said(), ["2 nack BUSY"]);
    assert_eq!(serve_all(&mut stand), [1, 100, 101, 102, 103]);
    stand.said();
    // There is room again, and the refusal is still on its way to the client.
    stand.send(Send { after: Some(id(2)), ..message(3) });
    stand.send(Send { after: Some(id(3)), ..message(4) });
    stand.asks_nothing();
    assert_eq!(stand.said(), ["3 nack BUSY", "4 nack BUSY"]);
    // The client sends all of them again.
    stand.send(again(2));
    stand.send(Send { after: Some(id(2)), ..again(3) });
    stand.send(Send { after: Some(id(3)), ..again(4) });
    assert_eq!(serve_all(&mut stand), [2, 3, 4]);
}

#[test]
fn a_follower_of_one_that_was_given_up_is_told_that_it_is_missing() {
    let mut stand = crowded(4, 5);
    stand.send(message(2));
    serve_all(&mut stand);
    stand.said();
    stand.after(1_000);
    stand.send(Send { after: Some(id(2)), ..message(3) });
    let Work::LookUp(asked) = stand.only() else { panic!("looks it up") };
    assert_eq!(asked.id, id(2));
}

#[test]
fn one_that_comes_again_after_its_refusal_is_not_looked_for_in_the_store() {
    let mut stand = crowded(4, 5);
    send_as(&mut stand, "bob", message(2));
    send_as(&mut stand, "bob", again(2));
    assert_eq!(stand.said(), ["2 nack BUSY", "2 nack BUSY"]);
    serve_all(&mut stand);
    send_as(&mut stand, "bob", Send { attempt: 2, ..message(2) });
    assert_eq!(serve_all(&mut stand), [2]);
    // Of one that no refusal told of, nobody knows what became of its first attempt.
    send_as(&mut stand, "bob", again(9));
    assert!(matches!(stand.only(), Work::LookUp(_)));
}

#[test]
fn a_refusal_of_what_another_owner_may_have_stored_makes_nothing_certain() {
    let mut stand = crowded(4, 5);
    let mut old = stand.command_of("bob", message(2));
    old.epoch = Epoch(EPOCH.0 - 1);
    stand.command(old);
    assert_eq!(stand.said(), ["2 nack BUSY"]);
    serve_all(&mut stand);
    send_as(&mut stand, "bob", again(2));
    assert!(matches!(stand.only(), Work::LookUp(_)));
}

#[test]
fn what_is_in_flight_or_stored_is_never_refused() {
    let mut stand = crowded(4, 5);
    stand.send(again(1));
    assert_eq!(stand.said(), [""; 0], "in flight");
    assert_eq!(serve_all(&mut stand), [1, 100, 101, 102, 103]);
    assert!(stand.said().contains(&"1 ack 2".to_owned()));
    stand.admission = Admission::new(AdmissionRules { wait_ms: 1_000, waiting_max: 0 });
    stand.send(again(1));
    assert_eq!(stand.said().last().unwrap(), "1 ack 2", "stored");
    stand.send(message(3));
    assert_eq!(stand.said(), ["3 nack BUSY"]);
}

#[test]
fn places_are_free_again_whatever_became_of_those_who_had_them() {
    let mut stand = crowded(3, 10);
    let mut late = stand.command_of("carol", message(7));
    late.deadline = stand.wall();
    stand.command(late);
    assert_eq!(stand.admission.waiting(), 5);
    stand.steady_ms += 1;
    serve_all(&mut stand);
    assert_eq!(stand.admission.waiting(), 0, "four were told, one was late");
}
