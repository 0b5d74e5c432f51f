//! FENCE A4: a send is appended once, however often it comes, and looked up only when it could be stored already.

use proto::client_frame::{AckMode, Send};
use proto::command::{GroupRequest, Once};
use proto::{Command, Entry, Epoch, Request, Seq};
use store::{Bucket, StoreError};

use super::stand::{EPOCH, START, Stand, entry, id, message, register, rows, team, unknown, user};
use crate::turn::{LookUp, Outcome, Work};

/// The same send once more.
fn again(number: u64) -> Send {
    Send { attempt: 1, ..message(number) }
}

fn look_up(stand: &mut Stand) -> LookUp {
    match stand.only() {
        Work::LookUp(asked) => asked,
        other => panic!("looks up nothing but {other:?}"),
    }
}

/// A4, DESIGN 6.6: acknowledged and published again, because either may be what was lost.
#[test]
fn a4_a_hit_at_or_below_the_told_head_is_published_and_acknowledged_again() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    let first = stand.said();
    stand.send(again(1));
    stand.asks_nothing();
    assert_eq!(stand.said(), first);
}

/// A4.
#[test]
fn a4_a_hit_in_flight_is_met_with_silence_until_it_is_told() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    let batch = stand.appends();
    stand.send(again(1));
    stand.is_durable(&batch);
    let Work::Verify(durable) = stand.only() else { panic!("wants a check") };
    assert_eq!(stand.said(), [""; 0]);
    stand.tells(durable);
    let once = ["alice event 1 except 1", "bob event 1 except 1", "1 ack 1"];
    assert_eq!(stand.said(), [once, once].concat(), "the send, then its copy, at the same place");
    stand.asks_nothing();
}

#[test]
fn a4_copies_that_wait_together_become_one_entry() {
    let mut stand = Stand::serving();
    let copies = [message(1), again(1), message(2)].map(|send| stand.command_of("alice", send));
    stand.turn(|conversation, turn| {
        copies.into_iter().for_each(|command| conversation.enqueue(command, turn));
        conversation.pump(turn);
    });
    assert_eq!(stand.persists().entries.len(), 1);
    let next = stand.persists();
    assert_eq!((next.entries.len(), next.entries[0].client_message_id), (1, id(2)));
    let acks: Vec<String> = stand.said().into_iter().filter(|it| it.contains("ack")).collect();
    assert_eq!(acks, ["1 ack 1", "1 ack 1", "2 ack 2"]);
}

/// A4: attempt 0, this very epoch, nothing lost since the load.
#[test]
fn a4_a_first_attempt_of_this_epoch_is_appended_without_a_look_up() {
    let mut stand = Stand::taken_over(300);
    stand.send(message(1));
    assert_eq!(stand.appends().entries[0].seq, Seq(301));
}

/// A4: a resend, or a command stamped with another epoch, could be stored already.
#[test]
fn a4_a_resend_or_a_command_of_another_epoch_is_looked_up() {
    for (attempt, epoch) in [(1, EPOCH), (0, Epoch(EPOCH.0 - 1)), (0, Epoch(0))] {
        let mut stand = Stand::taken_over(300);
        let mut command = stand.command_of("alice", Send { attempt, ..message(1) });
        command.epoch = epoch;
        stand.command(command);
        let asked = look_up(&mut stand);
        assert_eq!((asked.id, asked.head, asked.bucket), (id(1), Seq(300), Bucket::at(START)));
        assert_eq!(stand.said(), [""; 0]);
        stand.outcome(Outcome::LookedUp(asked, Ok(None)));
        assert_eq!(stand.appends().entries[0].seq, Seq(301), "not there: appended");
    }
}

/// A4: a place in the log at or below the told head; [`crate::worker`] answers nothing else.
#[test]
fn a4_what_the_look_up_finds_is_published_and_acknowledged_again() {
    let mut stand = Stand::taken_over(300);
    stand.send(again(1_005));
    let asked = look_up(&mut stand);
    stand.outcome(Outcome::LookedUp(asked, Ok(Some(entry(5, 3).entry))));
    stand.asks_nothing();
    assert_eq!(stand.said(), ["alice event 5 except 1005", "bob event 5 except 1005", "1005 ack 5"]);
}

/// A4: the buckets that the age reaches.
#[test]
fn a4_a_look_up_reaches_as_far_back_as_the_message_is_old() {
    let day_ms = 24 * 60 * 60 * 1_000;
    for (age_ms, oldest) in [(0, 1_999), (15 * day_ms, 1_998), (25 * day_ms, 1_997)] {
        let mut stand = Stand::serving();
        stand.send(Send { age_ms, ..again(1) });
        // The clock is at the first moment of window 2,000, and clocks may differ by minutes.
        assert_eq!(look_up(&mut stand).oldest.window(), oldest);
    }
}

/// A4: "the ring has lost nothing since this epoch's load".
#[test]
fn a4_what_the_ring_has_lost_is_looked_up_and_everything_else_is_not() {
    let mut stand = Stand::serving();
    for number in 1..=70 {
        stand.send(message(number));
        stand.persists();
    }
    stand.steady_ms = 120_000;
    stand.send(message(71));
    stand.persists();
    stand.said();
    stand.send(message(1));
    assert_eq!(look_up(&mut stand).id, id(1), "a minute old and more than W ago");
    let mut stand_by = Stand::serving();
    stand_by.send(message(1));
    stand_by.persists();
    stand_by.steady_ms = 120_000;
    stand_by.send(message(2));
    stand_by.persists();
    stand_by.send(message(1));
    stand_by.asks_nothing();
}

/// A4: a reload under the same epoch has not seen what was told before the eviction.
#[test]
fn a4_after_a_reload_of_the_own_epoch_everything_below_the_tail_counts_as_lost() {
    let reloaded = |first: u64| {
        let mut stand = Stand::direct();
        stand.begin();
        stand.outcome(Outcome::Register(Ok(Some(register(EPOCH.0, 1)))));
        stand.work();
        stand.outcome(Outcome::Tail(Ok(rows(first..=300, EPOCH.0))));
        stand.passes();
        stand.send(message(1));
        stand.only()
    };
    assert!(matches!(reloaded(109), Work::LookUp(_)));
    assert!(matches!(reloaded(1), Work::Append(_)), "the whole log is in the ring");
}

/// A4: "the store does not answer" says nothing about whether it is stored.
#[test]
fn a4_a_look_up_that_fails_is_told_as_unavailable_and_nothing_is_appended() {
    let mut stand = Stand::serving();
    stand.send(again(1));
    let asked = look_up(&mut stand);
    stand.outcome(Outcome::LookedUp(asked, Err(StoreError::Unavailable(String::new()))));
    stand.asks_nothing();
    assert_eq!(stand.said(), ["1 nack UNAVAILABLE"]);
}

#[test]
fn look_ups_are_asked_ahead_and_answers_are_taken_in_order() {
    let mut stand = Stand::serving();
    let sends: Vec<_> = (1..=20).map(|number| stand.command_of("alice", again(number))).collect();
    stand.turn(|conversation, turn| {
        sends.into_iter().for_each(|command| conversation.enqueue(command, turn));
        conversation.pump(turn);
    });
    let asked: Vec<LookUp> = stand
        .work()
        .into_iter()
        .map(|work| match work {
            Work::LookUp(asked) => asked,
            other => panic!("looks up nothing but {other:?}"),
        })
        .collect();
    assert_eq!(asked.len(), 16, "bounded");
    for late in asked[1..].iter().rev() {
        stand.outcome(Outcome::LookedUp(*late, Ok(None)));
        stand.asks_nothing();
    }
    stand.outcome(Outcome::LookedUp(asked[0], Ok(None)));
    let mut work = stand.work();
    let Some(Work::Append(batch)) = work.pop() else { panic!("appends") };
    let sent: Vec<_> = batch.entries.iter().map(|entry| entry.client_message_id).collect();
    assert_eq!(sent, (1..=16).map(id).collect::<Vec<_>>());
    assert_eq!(work.len(), 4, "the others are asked now");
}

#[test]
fn a_hit_that_is_no_longer_in_memory_is_read_from_the_log() {
    let mut stand = Stand::taken_over(300);
    stand.send(again(1_200));
    let Work::ReadEntry { seq, head } = stand.only() else { panic!("reads it") };
    assert_eq!((seq, head), (Seq(200), Seq(300)));
    stand.outcome(Outcome::Entry(seq, Ok(Some(entry(200, 3).entry))));
    assert_eq!(stand.said().last().unwrap(), "1200 ack 200");
    for missing in [Ok(None), Err(StoreError::Unavailable(String::new()))] {
        stand.send(again(1_201));
        let Work::ReadEntry { seq, .. } = stand.only() else { panic!("reads it") };
        stand.outcome(Outcome::Entry(seq, missing));
        stand.asks_nothing();
        assert_eq!(stand.said(), ["1201 nack UNAVAILABLE"]);
    }
}

#[test]
fn an_id_that_another_user_used_is_a_conflict_and_shows_nothing() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    stand.said();
    let stolen = stand.command_of("bob", again(1));
    stand.command(stolen);
    stand.asks_nothing();
    assert_eq!(stand.said(), ["1 nack CONFLICT"]);
}

#[test]
fn a_copy_is_answered_as_it_asks_to_be() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    stand.said();
    stand.send(Send { ack: AckMode::None, ..again(1) });
    assert_eq!(stand.said().last().unwrap(), "1 settled");
}

fn joins(stand: &mut Stand, session: u64, name: &str, once: Once) {
    let command = stand.asks(session, name, Request::Group(team(), GroupRequest::Join));
    stand.command(Command { once: Some(once), ..command });
}

/// A change of a group is known by its id like a message, whatever became of it since.
#[test]
fn a_change_that_comes_again_is_not_made_again() {
    let mut stand = Stand::group(&["ann"]);
    let first = Once { id: id(70), attempt: 0, age_ms: 0 };
    joins(&mut stand, 2, "bob", first);
    assert_eq!(stand.persists().entries[0].client_message_id, id(70));
    stand.change(3, "bob", GroupRequest::Leave);
    stand.persists();
    stand.said();
    let again = Once { attempt: 1, age_ms: 800, ..first };
    joins(&mut stand, 4, "bob", again);
    joins(&mut stand, 5, "cat", again);
    stand.asks_nothing();
    assert_eq!(stand.said(), ["4 done 2 with 2", "5 nack CONFLICT"]);
}

#[test]
fn a_change_that_another_process_may_have_asked_for_is_looked_up() {
    let mut stand = Stand::group(&["ann"]);
    let once = |number| Once { id: id(number), attempt: 1, age_ms: 86_400_000 };
    joins(&mut stand, 2, "bob", once(70));
    let asked = look_up(&mut stand);
    assert_eq!(asked.id, id(70));
    stand.outcome(Outcome::LookedUp(asked, Ok(None)));
    stand.persists();
    assert_eq!(stand.said().last().unwrap(), "2 done 2 with 3");

    joins(&mut stand, 3, "cat", once(71));
    let asked = look_up(&mut stand);
    let found = Entry { sender: user("cat"), client_message_id: id(71), ..entry(1, 3).entry };
    stand.outcome(Outcome::LookedUp(asked, Ok(Some(found))));
    stand.asks_nothing();
    assert_eq!(stand.said(), ["3 done 1 with 3"], "cat has left since");
    joins(&mut stand, 4, "dan", once(72));
    let asked = look_up(&mut stand);
    stand.outcome(Outcome::LookedUp(asked, Err(unknown())));
    assert_eq!(stand.said(), ["4 nack UNAVAILABLE"]);
}

/// Decision 18: it has taken place once, whenever that was.
#[test]
fn a_change_that_had_nothing_to_do_takes_place_once_when_it_comes_again() {
    let mut stand = Stand::group(&["ann"]);
    let once = Once { id: id(70), attempt: 1, age_ms: 86_400_000 };
    let asks = |stand: &mut Stand, session| {
        joins(stand, session, "ann", once);
        let asked = look_up(stand);
        stand.outcome(Outcome::LookedUp(asked, Ok(None)));
    };
    asks(&mut stand, 2);
    stand.asks_nothing();
    assert_eq!(stand.said(), ["2 done 0 with 2"], "a member already");
    stand.change(3, "ann", GroupRequest::Leave);
    stand.persists();
    asks(&mut stand, 4);
    stand.persists();
    assert_eq!(stand.said().last().unwrap(), "4 done 3 with 2");
    stand.change(5, "ann", GroupRequest::Leave);
    stand.persists();
    stand.said();
    joins(&mut stand, 6, "ann", once);
    stand.asks_nothing();
    assert_eq!(stand.said(), ["6 done 3 with 1"], "it has taken place");
}
