//! DESIGN 6.7: late commands are dropped before they get a seq, the queue is bounded, and what may be stored is never
//! refused as if it were not.

use proto::client_frame::Send;
use proto::command::GroupRequest;
use proto::{Epoch, Seq, Timestamp, limits};
use store::StoreError;

use super::stand::{EPOCH, Stand, message, unknown};
use crate::turn::{Outcome, Work};

fn send_until(stand: &mut Stand, send: Send, deadline: Timestamp) {
    let mut command = stand.command_of("alice", send);
    command.deadline = deadline;
    stand.command(command);
}

#[test]
fn a_late_send_is_refused_and_uses_no_seq() {
    let mut stand = Stand::serving();
    stand.steady_ms = 5_000;
    let now = stand.wall();
    send_until(&mut stand, message(1), now.minus_ms(1));
    stand.asks_nothing();
    assert_eq!(stand.said(), ["1 nack LATE"]);
    send_until(&mut stand, message(2), now);
    assert_eq!(stand.appends().entries[0].seq, Seq(1), "just in time");
}

#[test]
fn a_late_change_of_a_group_is_refused() {
    let mut stand = Stand::group(&[]);
    let mut join = stand.asks(2, "ann", proto::Request::Group(super::stand::team(), GroupRequest::Join));
    join.deadline = stand.wall().minus_ms(1);
    stand.command(join);
    assert_eq!(stand.said(), ["2 nack LATE"]);
}

#[test]
fn a_late_copy_of_what_is_stored_is_acknowledged() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    stand.said();
    stand.steady_ms = 50_000;
    send_until(&mut stand, Send { attempt: 1, ..message(1) }, Timestamp(1));
    assert_eq!(stand.said().last().unwrap(), "1 ack 1");
}

/// Only after the look-up is it certain that it is not stored.
#[test]
fn a_late_resend_is_refused_only_once_it_is_known_not_to_be_stored() {
    let mut stand = Stand::taken_over(300);
    send_until(&mut stand, Send { attempt: 1, ..message(1) }, Timestamp(1));
    let Work::LookUp(asked) = stand.only() else { panic!("looks it up") };
    assert_eq!(stand.said(), [""; 0]);
    stand.outcome(Outcome::LookedUp(asked, Ok(None)));
    stand.asks_nothing();
    assert_eq!(stand.said(), ["1 nack LATE"]);
}

/// What is kept for seconds may be gone before a late copy is looked for: nobody may say that it was never there.
#[test]
fn a_late_resend_of_what_may_be_dropped_by_now_is_not_refused_as_never_stored() {
    let mut stand = Stand::serving();
    stand.rules.retention_ms = 4_000;
    stand.steady_ms = limits::COMMAND_DEADLINE_MS;
    let deadline = stand.wall().minus_ms(1);
    send_until(&mut stand, Send { attempt: 1, ..message(1) }, deadline);
    let Work::LookUp(asked) = stand.only() else { panic!("looks it up") };
    stand.outcome(Outcome::LookedUp(asked, Ok(None)));
    stand.asks_nothing();
    assert_eq!(stand.said(), ["1 nack UNAVAILABLE"]);
}

#[test]
fn what_waits_while_the_store_does_not_answer_is_refused_after_its_deadline() {
    let mut stand = Stand::serving();
    stand.rules.give_up_ms = 1_000_000;
    stand.send(message(1));
    stand.appends();
    stand.send(message(2));
    stand.send(Send { attempt: 1, ..message(3) });
    let mut of_another_epoch = stand.command_of("alice", message(4));
    of_another_epoch.epoch = Epoch(EPOCH.0 - 1);
    stand.command(of_another_epoch);
    stand.outcome(Outcome::Appended(Err(unknown())));
    stand.after(limits::COMMAND_DEADLINE_MS);
    assert_eq!(stand.said(), [""; 0]);
    let due = stand.conversation.next_due(&stand.rules).unwrap();
    assert!(due <= stand.steady_ms + 50, "the worker is woken for it");
    stand.after(due - stand.steady_ms);
    // Of a resend it is not known whether an earlier attempt was stored: no refusal. What is in flight: no word at all.
    assert_eq!(stand.said(), ["2 nack LATE", "3 settled", "4 settled"]);
    let batch = stand.appends();
    stand.is_durable(&batch);
    stand.passes();
    assert_eq!(stand.said().last().unwrap(), "1 ack 1", "however late");
}

#[test]
fn what_waits_for_a_load_is_refused_after_its_deadline() {
    let mut stand = Stand::direct();
    stand.send(message(1));
    stand.begin();
    stand.after(limits::COMMAND_DEADLINE_MS + 50);
    assert_eq!(stand.said(), ["1 nack LATE"]);
}

/// A copy that came twice with the same bytes, say from a bus that repeats: the first is in flight, so nobody may say
/// that it is not stored.
#[test]
fn a_copy_of_what_is_in_flight_is_never_refused_as_late() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    let batch = stand.appends();
    stand.send(message(1));
    stand.after(limits::COMMAND_DEADLINE_MS + 50);
    assert_eq!(stand.said(), ["1 settled"]);
    stand.is_durable(&batch);
    stand.passes();
    assert_eq!(stand.said().last().unwrap(), "1 ack 1");
}

#[test]
fn a_full_queue_is_busy_and_says_when_to_come_again() {
    let mut stand = Stand::serving();
    stand.rules.queue_max = 2;
    stand.send(message(1));
    let batch = stand.appends();
    stand.send(message(2));
    let others = [3, 4].map(|number| stand.command_of("bob", message(number)));
    others.into_iter().for_each(|command| stand.command(command));
    assert_eq!(stand.said(), ["4 nack BUSY"]);
    stand.is_durable(&batch);
    stand.passes();
    assert_eq!(stand.appends().entries.len(), 2, "those that waited");
    stand.send(message(5));
    assert!(!stand.said().contains(&"5 nack BUSY".to_owned()), "there is room again");
}

#[test]
fn temporary_refusals_carry_advice() {
    use proto::{Payload, Reply, ServerFrame};
    let mut stand = Stand::serving();
    stand.rules.queue_max = 0;
    stand.send(message(1));
    stand.rules.queue_max = 10;
    stand.ids.none = true;
    stand.send(message(2));
    stand.ids.none = false;
    stand.send(Send { attempt: 1, ..message(3) });
    let Work::LookUp(asked) = stand.only() else { panic!("looks it up") };
    stand.outcome(Outcome::LookedUp(asked, Err(StoreError::Unavailable(String::new()))));
    let mut refused = 0;
    for delivery in stand.deliveries() {
        let Payload::Reply(_, Reply::Frame(ServerFrame::Nack(nack))) = delivery.payload else { continue };
        assert!(nack.retry_after_ms > 0 && nack.code.temporary(), "{nack:?}");
        refused += 1;
    }
    assert_eq!(refused, 3);
}
