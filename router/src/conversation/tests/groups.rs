//! Changes of a group are entries like messages: appended, checked, told; only then do they count.

use proto::Seq;
use proto::client_frame::{Recipient, Send};
use proto::command::{GroupRequest, Source};
use proto::group::{GroupEdit, JoinPolicy, Role};
use proto::wire::{Notice, system::Change};
use proto::{Body, Code, ConversationId, Payload, Reply, Request, ServerFrame};

use super::super::Urgency;
use super::stand::{Stand, id, message, team, user, users};
use crate::turn::Work;

fn to_team(number: u64) -> Send {
    Send { to: Recipient::Conversation(ConversationId::group(&team())), ..message(number) }
}

fn says(stand: &mut Stand, name: &str, number: u64) {
    let command = stand.command_of(name, to_team(number));
    stand.command(command);
}

#[test]
fn a_group_is_told_to_its_first_members_one_by_one_and_to_itself() {
    let mut stand = Stand::of(ConversationId::group(&team()), false);
    stand.change(
        1,
        "olga",
        GroupRequest::Create { name: "Team".into(), members: users(&["ann"]), settings: None },
    );
    stand.load_new_group();
    stand.persists();
    let told = [
        "olga joins team",
        "olga event 1",
        "ann joins team",
        "ann event 1",
        "team event 1",
        "1 done 1 with 2",
    ];
    assert_eq!(stand.said(), told);
}

#[test]
fn a_new_member_is_told_before_the_group_and_one_that_left_after_it() {
    let mut stand = Stand::group(&[]);
    stand.change(2, "ann", GroupRequest::Join);
    stand.persists();
    assert_eq!(stand.said(), ["ann joins team", "ann event 2", "team event 2", "2 done 2 with 2"]);
    stand.change(3, "ann", GroupRequest::Leave);
    stand.persists();
    assert_eq!(stand.said(), ["team event 3", "ann leaves team", "3 done 3 with 1"]);
}

/// A gateway may have read the lists of groups before they had the change, for a session that was not there when it was told.
#[test]
fn what_is_so_is_told_again_once_lists_have_it() {
    let mut stand = Stand::group(&["ann"]);
    stand.written().expect("due at once");
    let mut said = stand.said();
    said.sort();
    assert_eq!(said, ["ann joins team", "olga joins team"]);
    stand.change(2, "bob", GroupRequest::Join);
    stand.persists();
    stand.after(1_000);
    let turn = |stand: &mut Stand| {
        stand.turn(|conversation, turn| conversation.begin_flush(Urgency::Due, turn)).expect("due");
    };
    turn(&mut stand);
    stand.change(3, "bob", GroupRequest::Leave);
    stand.persists();
    stand.said();
    stand.ends(true);
    assert_eq!(stand.said(), ["bob leaves team"], "not what was written, but what is so");
    stand.after(1_000);
    stand.said();
    turn(&mut stand);
    stand.ends(false);
    assert!(stand.said().is_empty(), "nothing is known to be written");
}

#[test]
fn a_change_that_changes_nothing_is_done_without_an_entry() {
    let mut stand = Stand::group(&["ann"]);
    stand.change(2, "ann", GroupRequest::Join);
    stand.asks_nothing();
    assert_eq!(stand.said(), ["2 done 0 with 2"]);
}

#[test]
fn a_refused_change_says_why() {
    let mut stand = Stand::group(&["ann"]);
    stand.change(2, "olga", GroupRequest::Leave);
    stand.change(3, "ann", GroupRequest::Add(users(&["bob"])));
    stand.asks_nothing();
    assert_eq!(stand.said(), ["2 nack OWNER_MUST_STAY", "3 nack FORBIDDEN"]);
}

/// What waits behind a change is decided by it.
#[test]
fn what_comes_after_a_change_waits_until_it_is_told() {
    let mut stand = Stand::group(&["ann"]);
    stand.change(2, "ann", GroupRequest::Leave);
    let batch = stand.appends();
    says(&mut stand, "ann", 3);
    stand.asks_nothing();
    stand.is_durable(&batch);
    stand.passes();
    assert_eq!(stand.said().last().unwrap(), "3 nack FORBIDDEN");
    // Queued in one turn: the change ends its batch.
    let commands = [
        stand.command_of("olga", to_team(4)),
        stand.asks(5, "bob", Request::Group(team(), GroupRequest::Join)),
        stand.command_of("bob", to_team(6)),
    ];
    stand.turn(|conversation, turn| {
        commands.into_iter().for_each(|command| conversation.enqueue(command, turn));
        conversation.pump(turn);
    });
    assert_eq!(stand.persists().entries.len(), 2, "olga's message and the joining");
    assert_eq!(stand.persists().entries.len(), 1, "bob's message");
}

/// Nothing that is not verified leaves the process, permissions included.
#[test]
fn a_change_counts_for_readers_only_once_it_is_told() {
    let mut stand = Stand::group(&["ann"]);
    let may_read = |stand: &Stand, name: &str| stand.conversation.view(&user(name), Source::Client).is_ok();
    stand.change(2, "olga", GroupRequest::Add(users(&["bob"])));
    let batch = stand.appends();
    assert!(!may_read(&stand, "bob") && !stand.conversation.head_state(&user("bob"), Source::Client).member);
    stand.is_durable(&batch);
    assert!(!may_read(&stand, "bob"));
    stand.passes();
    assert!(may_read(&stand, "bob") && stand.conversation.head_state(&user("bob"), Source::Client).member);
    stand.change(3, "olga", GroupRequest::Remove(users(&["bob"])));
    let batch = stand.appends();
    assert!(may_read(&stand, "bob"), "not gone yet");
    stand.is_durable(&batch);
    stand.passes();
    assert!(!may_read(&stand, "bob"));
}

#[test]
fn members_send_and_others_do_not() {
    let mut stand = Stand::group(&["ann"]);
    says(&mut stand, "ann", 2);
    stand.persists();
    assert_eq!(stand.said(), ["team event 2 except 2", "2 ack 2"]);
    says(&mut stand, "eve", 3);
    stand.asks_nothing();
    assert_eq!(stand.said(), ["3 nack FORBIDDEN"]);
}

#[test]
fn nobody_sends_to_a_dismissed_group() {
    let mut stand = Stand::group(&["ann"]);
    stand.change(2, "olga", GroupRequest::Dismiss);
    stand.persists();
    stand.said();
    says(&mut stand, "ann", 3);
    assert_eq!(stand.said(), ["3 nack DISMISSED"]);
    assert!(stand.conversation.view(&user("ann"), Source::Client).is_ok(), "its history stays readable");
}

/// Who may speak is known from memory; nothing is written for each member.
#[test]
fn a_message_to_thousands_is_one_entry_one_delivery_and_no_row_for_each() {
    let mut stand = Stand::group(&[]);
    stand.rules.group.members_max = 100_000;
    let names: Vec<String> = (0..5_000).map(|number| format!("u{number}")).collect();
    for (number, part) in (2..).zip(names.chunks(1_000)) {
        let part: Vec<&str> = part.iter().map(String::as_str).collect();
        stand.change(number, "olga", GroupRequest::Add(users(&part)));
        stand.persists();
    }
    stand.after(1_000);
    assert_eq!(stand.written().unwrap().group.as_ref().unwrap().joined.len(), 5_001);
    stand.said();
    says(&mut stand, "u4321", 9);
    let batch = stand.persists();
    assert_eq!(batch.entries.len(), 1);
    assert_eq!(stand.said(), ["team event 7 except 9", "9 ack 7"]);
    stand.after(1_000);
    let flush = stand.written().unwrap();
    assert!(flush.group.is_none() && flush.inbox.is_empty());
    assert_eq!((flush.cursors.len(), flush.head.is_some()), (1, true), "the sender's own, and the head");
}

#[test]
fn who_is_muted_is_refused_with_the_time_and_speaks_when_it_has_come() {
    let mut stand = Stand::group(&["ann"]);
    let until = stand.wall().plus_ms(5_000);
    stand.change(2, "olga", GroupRequest::Mute(users(&["ann"]), until));
    stand.persists();
    assert_eq!(stand.said(), ["team event 2", "2 done 2 with 2"]);
    stand.after(2_000);
    says(&mut stand, "ann", 3);
    let refused = stand.deliveries().pop().unwrap();
    let Payload::Reply(3, Reply::Frame(ServerFrame::Nack(nack))) = refused.payload else {
        panic!("refused: {refused:?}")
    };
    assert_eq!((nack.code, nack.retry_after_ms), (Code::Muted, 3_000));
    assert!(nack.message.contains(&until.0.to_string()), "{}", nack.message);
    stand.work();
    stand.after(3_000);
    says(&mut stand, "ann", 4);
    let work = stand.work();
    assert!(work.iter().any(|work| matches!(work, Work::Append(_))), "{work:?}");
}

#[test]
fn a_change_of_a_member_reaches_the_projection_and_nobody_joins_or_leaves() {
    let mut stand = Stand::group(&["ann"]);
    stand.after(1_000);
    stand.written();
    stand.said();
    stand.change(2, "olga", GroupRequest::SetRole(users(&["ann"]), Role::Admin));
    stand.persists();
    stand.change(3, "ann", GroupRequest::SetNickname(user("ann"), "Annie".into()));
    stand.persists();
    assert_eq!(stand.said(), ["team event 2", "2 done 2 with 2", "team event 3", "3 done 3 with 2"]);
    stand.after(1_000);
    let flush = stand.written().unwrap();
    let change = flush.group.as_ref().unwrap();
    assert_eq!((change.info.watermark, change.left.len(), flush.cursors.len()), (Seq(3), 0, 0));
    let [ann] = &change.joined[..] else { panic!("{change:?}") };
    assert_eq!((ann.user.as_str(), ann.role, ann.nickname.as_str()), ("ann", Role::Admin, "Annie"));
}

#[test]
fn who_asks_to_join_is_told_that_they_wait() {
    let mut stand = Stand::group(&[]);
    let edit = GroupEdit { join: Some(JoinPolicy::Request), ..GroupEdit::default() };
    stand.change(2, "olga", GroupRequest::Edit(Box::new(edit)));
    stand.persists();
    stand.said();
    stand.change(3, "bob", GroupRequest::AskToJoin { note: "please".into() });
    stand.persists();
    let done = |stand: &mut Stand| match stand.deliveries().pop().unwrap().payload {
        Payload::Reply(_, Reply::GroupDone(done)) => (done.seq, done.pending),
        other => panic!("{other:?}"),
    };
    assert_eq!(done(&mut stand), (Seq(3), true));
    stand.change(4, "bob", GroupRequest::AskToJoin { note: "please".into() });
    assert_eq!(done(&mut stand), (Seq(0), true), "waits already");
    stand.change(5, "olga", GroupRequest::Approve(users(&["bob"])));
    stand.persists();
    assert_eq!(stand.said(), ["bob joins team", "bob event 4", "team event 4", "5 done 4 with 2"]);
}

/// Changes and notices raise seq, messages raise `counted` too (DESIGN 6.10).
#[test]
fn only_messages_count() {
    let mut stand = Stand::group(&["ann"]);
    says(&mut stand, "ann", 2);
    assert_eq!(stand.persists().entries[0].counted, 1);
    stand.change(3, "bob", GroupRequest::Join);
    assert_eq!(stand.persists().entries[0].counted, 1);
    says(&mut stand, "bob", 4);
    let batch = stand.persists();
    assert_eq!((batch.entries[0].seq, batch.entries[0].counted), (Seq(4), 2));
    let view = stand.conversation.view(&user("ann"), Source::Client).unwrap();
    assert_eq!((view.head, view.counted), (Seq(4), 2));
}

#[test]
fn only_services_write_notices_and_nobody_else_writes_system_bodies() {
    let notice = Body::system(Change::Notice(Notice { text: "maintenance".into() }));
    let dismissed = Body::system(Change::Dismissed(proto::wire::GroupDismissed {}));
    let mut stand = Stand::group(&["ann"]);
    for (number, source, body) in [
        (2, Source::Client, &notice),
        (3, Source::Client, &dismissed),
        (4, Source::ServerApi, &dismissed),
        (5, Source::ServerApi, &notice),
    ] {
        let mut command = stand.command_of("ann", Send { body: body.clone(), ..to_team(number) });
        command.origin.source = source;
        stand.command(command);
    }
    assert_eq!(stand.said(), ["2 nack FORBIDDEN", "3 nack FORBIDDEN", "4 nack FORBIDDEN"]);
    let batch = stand.persists();
    assert_eq!((batch.entries[0].client_message_id, batch.entries[0].counted), (id(5), 0));
}

#[test]
fn a_direct_conversation_is_no_group_and_has_two_users() {
    let mut stand = Stand::serving();
    let join = stand.asks(1, "alice", Request::Group(team(), GroupRequest::Join));
    stand.command(join);
    let stranger = stand.command_of("eve", message(2));
    stand.command(stranger);
    stand.asks_nothing();
    assert_eq!(stand.said(), ["1 nack BAD_FIELD", "2 nack FORBIDDEN"]);
    assert!(stand.conversation.view(&user("eve"), Source::Client).is_err());
    assert!(!stand.conversation.head_state(&user("eve"), Source::Client).member);
}

/// A change is decided anew whenever it comes: a creation that was stored is a conflict for its resend.
#[test]
fn a_group_is_not_created_twice() {
    let mut stand = Stand::group(&["ann"]);
    stand.change(
        2,
        "olga",
        GroupRequest::Create { name: "Team".into(), members: Vec::new(), settings: None },
    );
    assert_eq!(stand.said(), ["2 nack CONFLICT"]);
    assert!(!stand.work().iter().any(|work| matches!(work, Work::Append(_))));
}
