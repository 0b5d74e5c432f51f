//! Live rooms: nobody is a member, whoever is there may speak, and without a history nothing is kept.

use proto::client_frame::{AckMode, Recipient, Send};
use proto::command::{GroupRequest, Source};
use proto::delivery::Control;
use proto::group::{GroupEdit, Room};
use proto::{Body, Code, Command, ConversationId, Payload, Reply, Request, ServerFrame};

use super::stand::{Stand, message, team, user, users};

/// "team" is a live room that olga has made.
fn room(keeps: Room) -> Stand {
    let mut stand = Stand::of(ConversationId::group(&team()), false);
    let settings = Some(Box::new(GroupEdit { room: Some(keeps), ..GroupEdit::default() }));
    stand.change(1, "olga", GroupRequest::Create { name: "Team".into(), members: Vec::new(), settings });
    stand.load_new_group();
    stand.persists();
    assert_eq!(stand.said(), ["team event 1", "1 done 1 with 0"], "nobody joins");
    stand
}

fn send(number: u64, ack: AckMode) -> Send {
    Send { to: Recipient::Conversation(ConversationId::group(&team())), ack, ..message(number) }
}

fn asks(stand: &mut Stand, name: &str, source: Source, send: Send) {
    let mut command: Command = stand.command_of(name, send);
    command.origin.source = source;
    stand.command(command);
}

#[test]
fn without_a_history_a_message_is_told_and_not_kept() {
    let mut stand = room(Room::WithoutHistory);
    asks(&mut stand, "ann", Source::Room, send(2, AckMode::Published));
    stand.asks_nothing();
    assert_eq!(stand.said(), ["team live ann except 2", "2 ack 0"]);
    asks(&mut stand, "ann", Source::Room, send(3, AckMode::None));
    assert_eq!(stand.said(), ["team live ann except 3", "3 settled"]);
    asks(&mut stand, "ann", Source::Room, Send { attempt: 1, ..send(2, AckMode::Published) });
    stand.asks_nothing();
    assert_eq!(stand.said(), ["2 ack 0"], "told once");
    assert_eq!(stand.conversation.view(&user("ann"), Source::Room).unwrap().head.0, 1);
}

#[test]
fn without_a_history_nothing_is_promised_that_is_not_kept() {
    let mut stand = room(Room::WithoutHistory);
    for ack in [AckMode::Persisted, AckMode::Received] {
        asks(&mut stand, "ann", Source::Room, send(2, ack));
        assert_eq!(stand.said(), ["2 nack BAD_FIELD"]);
    }
    let target = proto::body::MessageTarget { seq: proto::Seq(1), message_id: None };
    let recall = Body::change(target, &proto::body::Change::Recall);
    asks(&mut stand, "ann", Source::Room, Send { body: recall, ..send(3, AckMode::Published) });
    assert_eq!(stand.said(), ["3 nack BAD_FIELD"]);
    stand.asks_nothing();
}

#[test]
fn who_is_there_speaks_and_the_owner_decides_whether() {
    for keeps in [Room::WithHistory, Room::WithoutHistory] {
        let mut stand = room(keeps);
        asks(&mut stand, "ann", Source::Client, send(2, AckMode::Published));
        assert_eq!(stand.said(), ["2 nack FORBIDDEN"], "who is not there");
        let edit = GroupEdit { read_only: Some(true), ..GroupEdit::default() };
        stand.change(3, "ann", GroupRequest::Edit(Box::new(edit.clone())));
        assert_eq!(stand.said(), ["3 nack FORBIDDEN"]);
        stand.change(4, "olga", GroupRequest::Edit(Box::new(edit)));
        stand.persists();
        stand.said();
        asks(&mut stand, "ann", Source::Room, send(5, AckMode::Published));
        assert_eq!(stand.said(), ["5 nack READ_ONLY"]);
        asks(&mut stand, "olga", Source::Room, send(6, AckMode::Published));
        asks(&mut stand, "bot", Source::ServerApi, send(7, AckMode::Published));
        if keeps == Room::WithHistory {
            stand.persists();
            stand.persists();
        }
        assert_eq!(stand.said().len(), 4, "an ack and a message each");
    }
}

#[test]
fn a_room_has_no_members_and_stays_what_it_is() {
    let mut stand = room(Room::WithHistory);
    let edit = |edit: GroupEdit| GroupRequest::Edit(Box::new(edit));
    for request in [
        GroupRequest::Join,
        GroupRequest::Add(users(&["ann"])),
        GroupRequest::Transfer(user("ann")),
        edit(GroupEdit { members_max: Some(3), ..GroupEdit::default() }),
        edit(GroupEdit { room: Some(Room::WithoutHistory), ..GroupEdit::default() }),
    ] {
        stand.change(2, "olga", request.clone());
        let said = stand.said();
        assert!(matches!(&said[..], [nack] if nack.starts_with("2 nack")), "{request:?}: {said:?}");
    }
    let mut stand = Stand::of(ConversationId::group(&team()), false);
    let settings = Some(Box::new(GroupEdit { room: Some(Room::WithHistory), ..GroupEdit::default() }));
    stand.change(1, "olga", GroupRequest::Create { name: "Team".into(), members: users(&["ann"]), settings });
    stand.load_new_group();
    assert_eq!(stand.said(), ["1 nack BAD_FIELD"]);
}

#[test]
fn a_room_with_history_is_a_log_that_keeps_nothing_of_its_visitors() {
    let mut stand = room(Room::WithHistory);
    asks(&mut stand, "ann", Source::Room, send(2, AckMode::Persisted));
    let batch = stand.persists();
    assert_eq!(batch.entries[0].counted, 1);
    assert_eq!(stand.said(), ["team event 2 except 2", "2 ack 2"]);
    let view = stand.conversation.view(&user("bob"), Source::Room).unwrap();
    assert_eq!((view.head.0, view.is_room), (2, true));
    assert_eq!(stand.conversation.view(&user("bob"), Source::Client).unwrap_err().0, Code::Forbidden);
    stand.steady_ms += 60_000;
    let flush = stand.written().unwrap();
    assert!(flush.cursors.is_empty() && flush.inbox.is_empty() && flush.mentions.is_empty());
    assert_eq!(flush.head.as_ref().unwrap().seq.0, 2);
}

#[test]
fn everybody_is_out_when_it_ends() {
    let mut stand = room(Room::WithoutHistory);
    assert_eq!(stand.conversation.enter().unwrap().head.0, 1);
    stand.change(2, "olga", GroupRequest::Dismiss);
    stand.persists();
    let told = stand.deliveries();
    assert!(told.iter().any(|delivery| {
        matches!(&delivery.payload, Payload::Control(Control::RoomEnded(room)) if *room == team())
    }));
    assert_eq!(stand.conversation.enter().unwrap_err().0, Code::Dismissed);
    let answered =
        told.iter().any(|delivery| matches!(&delivery.payload, Payload::Reply(2, Reply::GroupDone(_))));
    assert!(answered);
    assert_eq!(
        Stand::group(&["ann"]).conversation.enter().unwrap_err().0,
        Code::NotFound,
        "a group is no room"
    );
}

#[test]
fn a_refusal_to_come_in_says_which_room() {
    let stand = Stand::serving();
    let command = stand.asks(5, "ann", Request::JoinRoom(team()));
    let nack = super::super::announce::refusal(&command, Code::Busy, "full");
    let Reply::Room(answer) = crate::reader::refusal(&command, nack) else { panic!("of a room") };
    assert_eq!((answer.room, answer.answer.unwrap_err().code), (team(), Code::Busy));
    let other = stand.asks(5, "ann", Request::Connected(None));
    let nack = super::super::announce::refusal(&other, Code::Busy, "full");
    assert!(matches!(crate::reader::refusal(&other, nack), Reply::Frame(ServerFrame::Nack(_))));
}
