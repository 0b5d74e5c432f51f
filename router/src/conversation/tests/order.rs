//! DESIGN 6.9: a send that names its predecessor is appended only behind it.

use proto::client_frame::Send;
use proto::{Epoch, Seq};
use store::StoreError;

use super::stand::{EPOCH, Stand, entry, id, message};
use crate::turn::{LookUp, Outcome, Work};

fn behind(number: u64, after: u64) -> Send {
    Send { after: Some(id(after)), ..message(number) }
}

fn look_up(stand: &mut Stand) -> LookUp {
    match stand.only() {
        Work::LookUp(asked) => asked,
        other => panic!("looks up nothing but {other:?}"),
    }
}

#[test]
fn a_predecessor_that_was_told_is_enough() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    stand.send(behind(2, 1));
    assert_eq!(stand.appends().entries[0].seq, Seq(2));
}

#[test]
fn a_predecessor_in_flight_or_in_the_same_batch_is_enough() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    let first = stand.appends();
    stand.send(behind(2, 1));
    stand.send(behind(3, 2));
    stand.is_durable(&first);
    stand.passes();
    let sent: Vec<_> = stand.appends().entries.iter().map(|entry| entry.client_message_id).collect();
    assert_eq!(sent, [id(2), id(3)]);
}

#[test]
fn a_predecessor_that_is_nowhere_is_missing() {
    let mut stand = Stand::taken_over(300);
    stand.send(behind(2, 1));
    let asked = look_up(&mut stand);
    assert_eq!((asked.id, asked.head), (id(1), Seq(300)));
    assert_eq!(stand.said(), [""; 0]);
    stand.outcome(Outcome::LookedUp(asked, Ok(None)));
    stand.asks_nothing();
    assert_eq!(stand.said(), ["2 nack PREDECESSOR_MISSING"]);
    // Sent again in the right order.
    stand.send(message(1));
    stand.persists();
    stand.send(Send { attempt: 1, ..behind(2, 1) });
    let asked = look_up(&mut stand);
    stand.outcome(Outcome::LookedUp(asked, Ok(None)));
    assert_eq!(stand.appends().entries[0].seq, Seq(302));
}

#[test]
fn a_predecessor_that_only_the_log_knows_is_enough() {
    let mut stand = Stand::taken_over(300);
    stand.send(behind(2, 1_005));
    let asked = look_up(&mut stand);
    stand.outcome(Outcome::LookedUp(asked, Ok(Some(entry(5, 3).entry))));
    assert_eq!(stand.appends().entries[0].seq, Seq(301));
}

#[test]
fn whether_the_predecessor_is_there_is_not_guessed() {
    let mut stand = Stand::taken_over(300);
    stand.send(behind(2, 1));
    let asked = look_up(&mut stand);
    stand.outcome(Outcome::LookedUp(asked, Err(StoreError::Unavailable(String::new()))));
    stand.asks_nothing();
    assert_eq!(stand.said(), ["2 nack UNAVAILABLE"]);
}

#[test]
fn all_that_follow_a_missing_one_are_refused_too() {
    let mut stand = Stand::serving();
    let sends = [behind(2, 1), behind(3, 2), message(9)].map(|send| stand.command_of("alice", send));
    stand.turn(|conversation, turn| {
        sends.into_iter().for_each(|command| conversation.enqueue(command, turn));
        conversation.pump(turn);
    });
    for work in stand.work() {
        let Work::LookUp(asked) = work else { panic!("only looks up") };
        stand.outcome(Outcome::LookedUp(asked, Ok(None)));
    }
    assert_eq!(stand.said(), ["2 nack PREDECESSOR_MISSING", "3 nack PREDECESSOR_MISSING"]);
    assert_eq!(stand.appends().entries[0].client_message_id, id(9), "others are not held up");
}

/// Stored is stored, whatever became of the order: the ack is all it needs.
#[test]
fn a_stored_send_is_acknowledged_whatever_its_predecessor() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    stand.said();
    stand.send(Send { attempt: 1, ..behind(1, 77) });
    stand.asks_nothing();
    assert_eq!(stand.said().last().unwrap(), "1 ack 1");
}

#[test]
fn both_a_resend_and_its_predecessor_are_looked_up() {
    let mut stand = Stand::taken_over(300);
    let mut command = stand.command_of("alice", behind(2, 1));
    command.epoch = Epoch(EPOCH.0 - 1);
    stand.command(command);
    let own = look_up(&mut stand);
    assert_eq!(own.id, id(2));
    stand.outcome(Outcome::LookedUp(own, Ok(None)));
    let after = look_up(&mut stand);
    assert_eq!(after.id, id(1));
    stand.outcome(Outcome::LookedUp(after, Ok(Some(entry(7, 3).entry))));
    assert_eq!(stand.appends().entries[0].client_message_id, id(2));
}
