//! DESIGN 6.11: a take-over runs again what a dead router left unwritten.

use proto::client_frame::Send;
use proto::command::{GroupRequest, Source};
use proto::wire::{MembersChange, system::Change};
use proto::{Body, ConversationId, Entry, Epoch, Seq};
use store::{Cursor, GroupChange, GroupInfo, Role, Row};

use super::stand::{EPOCH, Stand, entry, head_row, message, register, rows, team, user, users};
use crate::conversation::Flush;
use crate::turn::{Outcome, Recovered, Work};

/// Loaded up to the look at the projections.
fn recovering(id: ConversationId, touched: bool, last: u64) -> Stand {
    let mut stand = Stand::of(id, touched);
    stand.begin();
    stand.outcome(Outcome::Register(Ok(Some(register(4, last + 1)))));
    stand.work();
    stand.outcome(Outcome::Tail(Ok(rows(1..=last, 3))));
    stand.moves();
    stand.passes();
    let Work::Recover { head, .. } = stand.only() else { panic!("looks at the projections") };
    assert_eq!(head, Seq(last));
    stand
}

fn direct() -> ConversationId {
    ConversationId::direct(&user("alice"), &user("bob"))
}

fn change(seq: u64, sender: &str, change: Change) -> Entry {
    Entry { sender: user(sender), body: Body::system(change), ..entry(seq, 3).entry }
}

#[test]
fn what_the_projections_lack_is_written() {
    let mut stand = recovering(direct(), true, 5);
    let missing = rows(3..=5, 3).into_iter().map(|row| row.entry).collect();
    let head = Some(head_row(&direct(), 2));
    stand.outcome(Outcome::Recovered(Ok(Box::new(Recovered { head, missing, ..Recovered::default() }))));
    assert_eq!(stand.said(), ["alice head 5", "bob head 5"]);
    let flush = stand.written().expect("due at once");
    assert_eq!(flush.head.as_ref().unwrap().seq, Seq(5));
    assert_eq!(flush.inbox.len(), 2);
    let read = Cursor { read: Seq(5), read_counted: 5, delivered: Seq(5) };
    assert_eq!(flush.cursors, [(user("alice"), read)], "a send is a read, also one of a dead owner");
}

/// The mark of the dead owner is in the store; it is taken away only after the flush.
#[test]
fn the_mark_of_a_dead_owner_stays_until_everything_is_written() {
    let mut stand = recovering(direct(), true, 5);
    let head = Some(head_row(&direct(), 5));
    let recovered = Recovered { head, ..Recovered::default() };
    stand.outcome(Outcome::Recovered(Ok(Box::new(recovered))));
    assert!(!stand.conversation.is_at_rest());
    assert_eq!(stand.written().unwrap().clear, None);
    stand.send(message(1));
    assert!(stand.persists().touched.is_some(), "the dead owner may have sent for its own to be taken away");
    stand.send(message(2));
    assert_eq!(stand.persists().touched, None, "this owner has marked it");
    stand.written();
    stand.falls_quiet();
    assert_eq!(stand.written().unwrap().clear, Some(Seq(7)));
    assert!(stand.conversation.is_at_rest());
}

#[test]
fn a_conversation_that_is_not_touched_owes_nothing() {
    let stand = Stand::taken_over(5);
    assert!(stand.conversation.is_at_rest());
}

/// What was written again (L3) may have come after the marks were read.
#[test]
fn a_run_that_was_written_again_is_recovered_though_nobody_marked_it() {
    let mut stand = Stand::direct();
    stand.begin();
    stand.outcome(Outcome::Register(Ok(Some(register(4, 1)))));
    stand.work();
    stand.outcome(Outcome::Tail(Ok(rows(1..=2, 4))));
    let Work::Rewrite(_) = stand.only() else { panic!("writes again") };
    stand.outcome(Outcome::Rewritten(Ok(stand.durable(proto::Epoch(4), Seq(2)))));
    stand.moves();
    stand.passes();
    assert!(matches!(stand.only(), Work::Recover { head: Seq(2), .. }));
}

/// So may what a load of an owner settled that was fenced then: it wrote it again and moved the register, and then it was told so.
/// It is at quorum with its mark, of which the next owner, who had read the marks before, knows nothing.
#[test]
fn what_a_fenced_owner_settled_is_recovered_though_nobody_marked_it() {
    let mut stand = recovering(direct(), false, 2);
    let (head, missing) = (Some(head_row(&direct(), 1)), vec![entry(2, 3).entry]);
    stand.outcome(Outcome::Recovered(Ok(Box::new(Recovered { head, missing, ..Recovered::default() }))));
    assert_eq!(stand.said(), ["alice head 2", "bob head 2"]);
    assert!(!stand.conversation.is_at_rest(), "readers would be told the old head once it is forgotten");
    assert_eq!(stand.written().expect("due at once").head.as_ref().unwrap().seq, Seq(2));
    stand.falls_quiet();
    assert_eq!(stand.written().unwrap().clear, Some(Seq(2)));
    assert!(stand.conversation.is_at_rest());
}

#[test]
fn a_groups_members_are_its_projection_and_the_changes_that_it_lacks() {
    let id = ConversationId::group(&team());
    let mut known = Stand::group(&["ann", "bob"]);
    let flush = known.written().unwrap();
    let projected = flush.group.as_ref().unwrap();
    assert_eq!(projected.joined.iter().filter(|member| member.role == Role::Owner).count(), 1);
    let mut stand = recovering(id.clone(), false, 4);
    let left = Change::Left(MembersChange { users: vec!["ann".into()], first_number: 0 });
    let missing = vec![change(2, "ann", left), entry(3, 3).entry, entry(4, 3).entry];
    stand.outcome(Outcome::Recovered(Ok(Box::new(Recovered {
        head: Some(head_row(&id, 1)),
        group: Some((projected.info.clone(), projected.joined.clone())),
        missing,
        ..Recovered::default()
    }))));
    assert_eq!(stand.said(), ["team head 4"]);
    let may_read = |name: &str| stand.conversation.view(&user(name), Source::Client).is_ok();
    assert_eq!(["olga", "bob", "ann"].map(may_read), [true, true, false]);
    let flush = stand.written().unwrap();
    let group = flush.group.as_ref().unwrap();
    assert_eq!((group.info.watermark, group.info.members, group.left.clone()), (Seq(2), 2, users(&["ann"])));
    // A projection that was ahead of the head row is not run back.
    let mut stand = recovering(id.clone(), false, 1);
    stand.outcome(Outcome::Recovered(Ok(Box::new(Recovered {
        head: None,
        group: Some((projected.info.clone(), projected.joined.clone())),
        missing: vec![entry(1, 3).entry],
        ..Recovered::default()
    }))));
    let hello = stand.command_of("ann", Send { ..message(7) });
    stand.command(hello);
    assert_eq!(stand.appends().epoch, EPOCH, "ann is a member");
    stand.change(8, "eve", GroupRequest::Dismiss);
    assert_eq!(stand.said(), ["team head 1"], "waits for its turn");
}

/// The newest entry of a conversation whose present bucket is empty comes from the projections.
#[test]
fn the_newest_entry_of_an_empty_bucket_is_known_by_its_projection() {
    let mut stand = Stand::of(direct(), true);
    stand.begin();
    stand.outcome(Outcome::Register(Ok(Some(register(4, 6)))));
    stand.work();
    stand.outcome(Outcome::Tail(Ok(Vec::new())));
    stand.moves();
    stand.passes();
    stand.work();
    let head = Some(head_row(&direct(), 5));
    stand.outcome(Outcome::Recovered(Ok(Box::new(Recovered { head, ..Recovered::default() }))));
    let state = stand.conversation.head_state(&user("bob"), Source::Client);
    assert_eq!((state.seq, state.counted, state.last), (Seq(5), 5, Some(entry(5, 3).entry)));
}

/// It may have died between the write and the telling.
#[test]
fn who_came_or_went_under_a_dead_owner_is_told_what_is_so() {
    let id = ConversationId::group(&team());
    let projected = Stand::group(&["ann"]).written().unwrap();
    let projected = projected.group.as_ref().unwrap();
    let of = |name: &str| MembersChange { users: vec![name.into()], first_number: 0 };
    let changes = [(2, "ann", Change::Joined(of("ann"))), (3, "bob", Change::Left(of("bob")))];
    let changes = changes.map(|(seq, name, of)| Row { epoch: Epoch(3), entry: change(seq, name, of) });
    let mut stand = Stand::of(id.clone(), true);
    stand.begin();
    stand.outcome(Outcome::Register(Ok(Some(register(4, 4)))));
    stand.work();
    stand.outcome(Outcome::Tail(Ok([rows(1..=1, 3), changes.to_vec()].concat())));
    stand.moves();
    stand.passes();
    stand.work();
    let info = GroupInfo { watermark: Seq(3), ..projected.info.clone() };
    let (head, group) = (Some(head_row(&id, 3)), Some((info, projected.joined.clone())));
    stand.outcome(Outcome::Recovered(Ok(Box::new(Recovered { head, group, ..Recovered::default() }))));
    assert_eq!(stand.said(), ["team head 3"]);
    assert!(stand.written().expect("it was touched").group.is_none(), "nothing is missing");
    assert_eq!(stand.said(), ["ann joins team", "bob leaves team"]);
    stand.falls_quiet();
    assert!(stand.written().is_some());
    assert!(!stand.said().iter().any(|said| said.ends_with("team")), "once");
}

/// What it wrote last is behind the tail that a load reads. It stays known until it is told, also to the owner after this one.
#[test]
fn whom_the_last_write_of_a_dead_owner_moved_is_told_however_much_was_said_since() {
    let id = ConversationId::group(&team());
    let projected = Stand::group(&["ann"]).written().unwrap();
    let GroupChange { mut info, joined, .. } = projected.group.clone().unwrap();
    assert_eq!(info.settings.changed_since, Seq(1));
    (info.watermark, info.settings.changed_since) = (Seq(3), Seq(2));
    let recovered = || Recovered {
        head: Some(head_row(&id, 5)),
        group: Some((info.clone(), joined.clone())),
        moved: users(&["ann", "zoe"]),
        ..Recovered::default()
    };
    let mut stand = recovering(id.clone(), true, 5);
    stand.outcome(Outcome::Recovered(Ok(Box::new(recovered()))));
    stand.said();
    assert_eq!(stand.written().expect("it was touched").clear, None);
    assert_eq!(stand.said(), ["ann joins team", "zoe leaves team"]);
    // And where the first write of this owner has a change.
    let mut stand = recovering(id.clone(), true, 5);
    stand.outcome(Outcome::Recovered(Ok(Box::new(recovered()))));
    stand.change(6, "bob", GroupRequest::Join);
    stand.persists();
    let since = |flush: &Flush| flush.group.as_ref().map(|group| group.info.settings.changed_since);
    assert_eq!(since(&stand.written().unwrap()), Some(Seq(2)), "it may die before it tells");
    stand.change(7, "cat", GroupRequest::Join);
    stand.persists();
    stand.after(1_000);
    assert_eq!(since(&stand.written().unwrap()), Some(Seq(7)), "everybody before was told");
}
