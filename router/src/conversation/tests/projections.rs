//! DESIGN 6.11: projections are written off the path of the ack, at most once in an interval, and the touched mark stays as
//! long as they may lack anything.

use std::sync::Arc;

use proto::command::GroupRequest;
use proto::{Body, Seq, limits};
use store::Cursor;

use super::stand::{Stand, message, team, user, users};
use crate::conversation::{Flush, Urgency};

fn read_to(seq: u64, counted: u64) -> Cursor {
    Cursor { read: Seq(seq), read_counted: counted, delivered: Seq(seq) }
}

fn due(stand: &mut Stand) -> Option<Arc<Flush>> {
    if !stand.conversation.wants_flush(stand.steady_ms, &stand.rules) {
        return None;
    }
    stand.turn(|conversation, turn| conversation.begin_flush(Urgency::Due, turn))
}

/// Users of the list lines, with `-` before those who left.
fn lines(flush: &Flush) -> Vec<String> {
    let name = |row: &store::InboxRow| format!("{}{}", if row.left { "-" } else { "" }, row.user);
    let mut lines: Vec<String> = flush.inbox.iter().map(name).collect();
    lines.sort();
    lines
}

#[test]
fn the_first_write_is_due_at_once_and_has_head_lists_and_the_senders_cursor() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    let batch = stand.persists();
    let flush = due(&mut stand).expect("due");
    let head = flush.head.as_ref().unwrap();
    assert_eq!((head.seq, head.counted, &head.last), (Seq(1), 1, &batch.entries[0]));
    assert_eq!(lines(&flush), ["alice", "bob"]);
    assert!(flush.inbox.iter().all(|row| row.time == batch.entries[0].time && !row.left));
    // A send is a read.
    assert_eq!(flush.cursors, [(user("alice"), read_to(1, 1))]);
    assert_eq!((flush.clear, flush.group.is_none()), (None, true), "more may come");
}

#[test]
fn heads_and_lines_are_written_after_a_pause_then_now_and_then_and_at_last() {
    let mut stand = Stand::serving();
    let (mut heads, mut with_lines) = (Vec::new(), Vec::new());
    for n in 1..=50 {
        stand.send(message(n));
        stand.persists();
        if let Some(flush) = stand.written() {
            heads.push(n);
            assert_eq!(flush.head.as_ref().unwrap().seq, Seq(n));
            with_lines.extend((!flush.inbox.is_empty()).then_some(n));
        }
        stand.after(999);
    }
    assert_eq!(heads, [1, 12, 23, 34, 45], "ten seconds apart");
    assert_eq!(with_lines, [1, 23, 45]);
    stand.falls_quiet();
    let last = stand.written().unwrap();
    assert_eq!((lines(&last), last.clear), (vec!["alice".to_owned(), "bob".to_owned()], Some(Seq(50))));
    stand.after(1_000);
    stand.send(message(51));
    stand.persists();
    assert_eq!(lines(&stand.written().unwrap()), ["alice", "bob"], "after a pause at once");
}

#[test]
fn nothing_in_flight_is_written() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    let batch = stand.appends();
    assert!(due(&mut stand).is_none());
    stand.is_durable(&batch);
    assert!(due(&mut stand).is_none(), "durable, not told");
    stand.passes();
    assert!(due(&mut stand).is_some());
}

#[test]
fn writes_are_a_second_apart_and_take_what_came_together() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    due(&mut stand).expect("due");
    stand.ends(true);
    let from_bob = stand.command_of("bob", message(2));
    stand.command(from_bob);
    stand.persists();
    stand.send(message(3));
    stand.persists();
    stand.after(999);
    assert!(due(&mut stand).is_none());
    assert_eq!(stand.conversation.next_due(&stand.rules), Some(1_000));
    stand.after(1);
    let flush = due(&mut stand).expect("due");
    assert_eq!(flush.head.as_ref().unwrap().seq, Seq(3));
    assert_eq!(flush.cursors, [(user("bob"), read_to(2, 2)), (user("alice"), read_to(3, 3))]);
}

#[test]
fn what_waits_for_its_turn_to_write_has_other_timers_only() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    assert_eq!(stand.conversation.next_due(&stand.rules), Some(0), "it may be written");
    let probe = stand.conversation.next_due_but_owed().expect("its head is told again");
    assert!(probe > 0);
    stand.falls_quiet();
    assert_eq!(stand.conversation.next_due_but_owed(), None, "nothing else is to come");
    assert!(stand.conversation.next_due(&stand.rules).is_some());
}

#[test]
fn one_write_at_a_time_and_after_a_failure_the_very_same_again() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    let first = due(&mut stand).expect("due");
    stand.send(message(2));
    stand.persists();
    stand.after(5_000);
    assert!(due(&mut stand).is_none(), "one is under way");
    stand.ends(false);
    assert!(due(&mut stand).is_none(), "not at once");
    stand.after(1_000);
    assert!(Arc::ptr_eq(&due(&mut stand).expect("due"), &first));
    stand.ends(true);
    assert_eq!(due(&mut stand).expect("due").head.as_ref().unwrap().seq, Seq(2), "then what came since");
}

/// The mark is part of the append that makes it necessary.
#[test]
fn the_first_append_sets_the_mark_and_the_next_need_not() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    assert_eq!(stand.persists().touched, Some(proto::Partition::of(stand.conversation.id())));
    stand.send(message(2));
    assert_eq!(stand.persists().touched, None);
}

#[test]
fn the_mark_is_taken_away_when_everything_is_written_and_quiet_and_set_by_the_next_append() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    assert_eq!(stand.written().unwrap().clear, None);
    stand.rules.quiet_ms -= 1;
    stand.falls_quiet();
    stand.rules.quiet_ms += 1;
    assert!(due(&mut stand).is_none());
    assert!(!stand.conversation.is_at_rest());
    stand.after(1);
    let flush = due(&mut stand).expect("due");
    assert_eq!((flush.clear, flush.head.is_none()), (Some(Seq(1)), true));
    stand.ends(true);
    assert!(stand.conversation.is_at_rest());
    stand.send(message(2));
    assert!(stand.persists().touched.is_some());
}

/// The worker may be one that has been replaced, and dies with it.
#[test]
fn the_mark_stays_while_what_was_told_has_not_left() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    stand.written();
    stand.falls_quiet();
    stand.is_held_back = true;
    assert!(due(&mut stand).is_none());
    stand.is_held_back = false;
    assert_eq!(due(&mut stand).expect("due").clear, Some(Seq(1)));
}

#[test]
fn the_mark_stays_while_anything_is_in_flight() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    stand.written();
    stand.falls_quiet();
    stand.send(message(2));
    stand.appends();
    let flush = stand.turn(|conversation, turn| conversation.begin_flush(Urgency::AllAtOnce, turn));
    assert!(flush.is_none());
}

/// An append that comes while the mark is being taken away sets it again, with a higher seq.
#[test]
fn an_append_that_crosses_the_taking_away_carries_the_mark() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    stand.written();
    stand.falls_quiet();
    assert_eq!(due(&mut stand).expect("due").clear, Some(Seq(1)));
    stand.send(message(2));
    assert!(stand.appends().touched.is_some());
}

#[test]
fn what_is_given_back_writes_everything_at_once_and_tells_the_head_before_its_mark_goes() {
    let mut stand = Stand::serving();
    let gives_back = |stand: &mut Stand| stand.turn(|c, turn| c.begin_flush(Urgency::AllAtOnce, turn));
    stand.send(message(1));
    stand.persists();
    stand.said();
    let all = gives_back(&mut stand).unwrap();
    assert_eq!((all.head.as_ref().map(|row| row.seq), all.clear), (Some(Seq(1)), None));
    assert_eq!(stand.said(), ["alice head 1", "bob head 1"]);
    stand.ends(true);
    assert!(gives_back(&mut stand).is_none(), "what is told in this turn may leave after what is written");
    stand.after(1);
    assert_eq!(gives_back(&mut stand).unwrap().clear, Some(Seq(1)));
    stand.ends(true);
    assert!(stand.conversation.is_at_rest());
    stand.after(60_000);
    assert_eq!(stand.said(), [""; 0], "once");
}

#[test]
fn a_delivered_cursor_waits_for_the_next_write_and_never_passes_the_head() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    stand.written();
    stand.conversation.note_delivered(&user("bob"), Seq(9));
    stand.conversation.note_delivered(&user("bob"), Seq(0));
    stand.after(1_000);
    let flush = due(&mut stand).expect("due");
    let delivered = Cursor { read: Seq(0), read_counted: 0, delivered: Seq(1) };
    assert_eq!(flush.cursors, [(user("bob"), delivered)]);
    assert!(flush.head.is_none() && flush.inbox.is_empty());
}

#[test]
fn a_change_of_a_group_is_written_with_its_members_and_what_they_find_is_read() {
    let mut stand = Stand::group(&["ann"]);
    let flush = stand.written().unwrap();
    let change = flush.group.as_ref().unwrap();
    assert_eq!((change.info.watermark, change.info.members, change.joined.len()), (Seq(1), 2, 2));
    assert_eq!(lines(&flush), ["ann", "olga"]);
    let hello = stand.command_of("olga", message(2));
    stand.command(hello);
    stand.persists();
    stand.change(3, "bob", GroupRequest::Join);
    stand.persists();
    stand.change(4, "ann", GroupRequest::Leave);
    stand.persists();
    stand.after(1_000);
    let flush = due(&mut stand).expect("due");
    let change = flush.group.as_ref().unwrap();
    assert_eq!((change.info.watermark, change.info.members), (Seq(4), 2));
    assert_eq!(change.joined.iter().map(|member| &member.user).collect::<Vec<_>>(), [&user("bob")]);
    assert_eq!(change.left, [user("ann")]);
    assert_eq!(lines(&flush), ["-ann", "bob", "olga"]);
    assert_eq!(flush.cursors, [(user("olga"), read_to(2, 1)), (user("bob"), read_to(3, 1))]);
}

#[test]
fn a_change_of_members_is_written_within_a_second_however_long_the_interval() {
    let mut stand = Stand::group(&["ann"]);
    stand.rules.flush_ms = 5_000;
    stand.written().unwrap();
    let hello = stand.command_of("olga", message(2));
    stand.command(hello);
    stand.persists();
    stand.after(1_000);
    assert!(due(&mut stand).is_none(), "a message waits");
    stand.change(3, "bob", GroupRequest::Join);
    stand.persists();
    assert!(due(&mut stand).is_some());
}

#[test]
fn a_notice_is_read_by_nobody() {
    let notice = proto::wire::Notice { text: "hello".into() };
    let mut stand = Stand::group(&[]);
    stand.written();
    let body = Body::system(proto::wire::system::Change::Notice(notice));
    let mut command = stand.command_of("svc", proto::client_frame::Send { body, ..message(2) });
    command.origin.source = proto::command::Source::ServerApi;
    stand.command(command);
    stand.persists();
    stand.after(1_000);
    let flush = due(&mut stand).expect("due");
    assert_eq!((flush.cursors.len(), flush.head.as_ref().unwrap().counted), (0, 0));
}

#[test]
fn a_large_group_has_list_lines_only_for_those_who_come_and_go() {
    let names: Vec<String> = (0..limits::INBOX_MEMBERS_MAX).map(|n| format!("u{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut stand = Stand::of(proto::ConversationId::group(&team()), false);
    stand.rules.group.members_max = 10_000;
    let create = GroupRequest::Create { name: "Large".into(), members: users(&names[1..]), settings: None };
    stand.change(1, "olga", create);
    stand.load_new_group();
    stand.persists();
    assert_eq!(stand.written().unwrap().inbox.len(), limits::INBOX_MEMBERS_MAX, "not large yet");
    stand.change(2, "ann", GroupRequest::Join);
    stand.persists();
    stand.after(1_000);
    assert_eq!(lines(&stand.written().unwrap()), ["ann"]);
    let hello = stand.command_of("olga", message(3));
    stand.command(hello);
    stand.persists();
    stand.after(1_000);
    let flush = stand.written().unwrap();
    assert!(flush.inbox.is_empty() && flush.head.is_some());
}
